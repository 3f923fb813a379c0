//! Couriers and a relay, with everything that can go wrong in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "../crash/disk.rs"]
#[allow(dead_code, reason = "the crash tests use the rest")]
mod disk;
mod first;
mod phone;
