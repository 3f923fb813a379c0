//! Tests of `account.rs`.
