//! Tests of `transcript.rs`.
