//! Tests of `stamp.rs`.
