//! Tests of `content.rs`.
