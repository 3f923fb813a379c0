//! Tests of `channel.rs`.
