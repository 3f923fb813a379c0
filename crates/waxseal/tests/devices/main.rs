//! Accounts with several devices, and what a relay, peers and stolen devices try against them. The
//! numbers of rows are those of the design's table of attacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod ahead;
mod attacks;
mod before;
mod copies;
mod cost;
mod crash;
mod former;
mod journey;
mod removed;
mod rosters;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/stops.rs"]
mod stops;
mod support;
mod touch;
