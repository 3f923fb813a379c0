//! Tests of `parts.rs`.
