//! Tests of `pinned.rs`.
