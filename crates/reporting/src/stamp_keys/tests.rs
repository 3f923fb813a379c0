//! Tests of `stamp_keys.rs`.
