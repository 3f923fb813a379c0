//! Tests of `account_key.rs`.
