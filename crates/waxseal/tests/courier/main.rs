//! Couriers and a relay, with everything that can go wrong in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod attacks;
mod copied;
mod crash;
mod desk;
mod devices;
#[path = "../crash/disk.rs"]
#[allow(dead_code, reason = "the crash tests use the rest")]
mod disk;
mod expiry;
mod faults;
mod files;
mod first;
mod forged;
mod groups;
mod history;
mod hostile;
mod leave;
mod links;
mod newcomer;
mod old;
mod pauses;
mod peers;
mod phone;
mod prekeys;
mod property;
mod recovery;
mod reports;
mod session;
mod set_back;
mod strangers;
mod stream;
