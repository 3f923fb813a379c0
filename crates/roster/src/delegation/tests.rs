//! Tests of `delegation.rs`.
