//! Tests of `delivery.rs`.
