//! What messages show: edits, deletions, reactions, and messages that disappear.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod clocks;
mod crash;
mod disappearing;
mod folding;
#[expect(dead_code, reason = "the tests of what devices share use all of it")]
#[path = "../sync/support.rs"]
mod net;
mod order;
mod removed;
mod reports;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/stops.rs"]
mod stops;
mod support;
