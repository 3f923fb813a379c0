//! Tests of `draft.rs`.
