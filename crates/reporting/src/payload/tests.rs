//! Tests of `payload.rs`.
