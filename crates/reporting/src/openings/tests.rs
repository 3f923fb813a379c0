//! Tests of `openings.rs`.
