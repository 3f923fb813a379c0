//! Tests of `evidence.rs`.
