//! Tests of `open.rs`.
