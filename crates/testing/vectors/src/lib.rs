//! Test support shared by `waxseal-core` and `waxseal-reporting`. This crate depends on neither.
//!
//! [`harness`] makes and checks the files of test vectors. [`checks`] compares the table of checks
//! in a specification with the code and the tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

pub mod checks;
pub mod harness;
