//! Tests of `moderation.rs`.
