//! Tests of `roster.rs`.
