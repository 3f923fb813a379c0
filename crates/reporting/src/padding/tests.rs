//! Tests of `padding.rs`.
