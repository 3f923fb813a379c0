//! Tests of `review.rs`.
