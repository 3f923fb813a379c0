//! Accounts that gain and lose devices: linking, removing, recovering, and crashes in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod crash;
mod journey;
mod recovery;
mod rosters;
mod support;
