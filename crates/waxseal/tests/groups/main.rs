//! Groups: who is in them, and what a relay, insiders and thieves try against that. The numbers of
//! rows are those of the design's table of attacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod admins;
mod anew;
mod attacks;
mod checks;
mod crash;
mod devices;
mod forged;
mod insider;
mod invitations;
mod journey;
mod leaving;
mod messages;
mod processes;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/stops.rs"]
mod stops;
mod support;
mod talk;
