//! Devices of one account share what the user did on one of them, and give each other the history.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod attacks;
mod crash;
mod facts;
mod figures;
mod history;
mod leave;
mod races;
mod requests;
#[path = "../support/shared.rs"]
mod shared;
mod support;
mod views;
