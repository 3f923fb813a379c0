//! Devices, their provider and the network between them, for property tests, fuzz targets and benches.
//!
//! ```
//! use waxseal_world::{Script, World};
//!
//! let mut world = World::new(7, 3);
//! for action in Script::new(b"any bytes are a list of things that happen") {
//!     world.step(action); // asserts what must hold after each
//! }
//! world.settle(); // the network is fair again: everyone hears everyone
//! ```
//!
//! | world | of | on |
//! |---|---|---|
//! | [`Pair`] | two devices with their [`SessionSet`](waxseal_core::SessionSet) | `waxseal-core` alone |
//! | [`World`] | clients with their stores, and a [`Provider`] | all of it |
//! | [`Liar`] | a sender with a client of its own making | a [`Provider`] |
//! | [`Forgery`] | a reporter with a client of its own making | `waxseal-reporting` |
//!
//! Everything is real but the network, the time and the random numbers: those come from the script and a seed, so that each run can be
//! repeated. A world panics where something happens that must not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

mod device;
mod forgery;
mod liar;
mod network;
mod pair;
mod provider;
mod script;
mod seeds;
pub mod targets;
mod world;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal::{AccountId, Client, DeviceAddress, DeviceId, MemoryStore, Received, Timestamp};

pub use device::{AD, Device};
pub use forgery::{ForgedClaim, ForgedOpening, Forgery};
pub use liar::{Liar, find};
pub use network::{Flight, Network};
pub use pair::{Pair, SentText};
pub use provider::{Provider, Refusal};
pub use script::{Action, Script};
pub use seeds::seeds;
pub use world::{Sent, World};

/// When worlds begin.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Every record of a store.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// A generator for tests: the same numbers for the same seed.
#[must_use]
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// An account's name.
#[must_use]
pub fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// The first device of an account.
#[must_use]
pub fn sender(name: &str) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(1))
}

/// Every record of a client's store.
#[must_use]
pub fn snapshot(client: &Client<MemoryStore>) -> Records {
    let records = client.store().records();
    records
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

/// The text of a message that was received for the first time.
#[must_use]
pub fn text_of(received: Received) -> String {
    match received {
        Received::Message { message, .. } => message.text().expect("a text").to_owned(),
        Received::Duplicate { .. } => panic!("a duplicate"),
    }
}

/// The examples of the top README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
