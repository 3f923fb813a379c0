//! Tests of `attachment.rs`.
