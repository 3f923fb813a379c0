//! Tests of `intake.rs`.
