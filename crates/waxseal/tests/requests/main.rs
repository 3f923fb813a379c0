//! Requests: what accounts write that the user has not accepted, what they can make a device store,
//! and what the user decides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "tests"
)]

mod bounds;
mod crash;
mod decisions;
mod files;
mod forwards;
mod measured;
mod nudges;
mod races;
#[path = "../support/shared.rs"]
mod shared;
mod silence;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/stops.rs"]
mod stops;
mod support;
