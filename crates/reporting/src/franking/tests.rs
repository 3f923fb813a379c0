//! Tests of `franking.rs`.
