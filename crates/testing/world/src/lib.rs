//! Simulates devices, a provider and a hostile network, for property tests, fuzz targets and
//! benches.
//!
//! A script decides what happens. While it carries out an action, the world checks its invariants,
//! and panics if one is broken.
//!
//! ```
//! use waxseal_world::{Script, World};
//!
//! let mut world = World::new(7, 3);
//! for action in Script::new(b"any bytes are a valid list of actions") {
//!     world.step(action); // asserts the invariants that the action concerns
//! }
//! world.settle(); // repairs the network, asserts that messages arrive between all clients
//! ```
//!
//! The devices run the real library. Only the network, the clock and the random numbers are
//! simulated. The script and a seed determine all three, so every run can be repeated.
//!
//! | part | what it is | what it exercises |
//! |---|---|---|
//! | [`Pair`] | two [`Device`]s, each with its sessions | `waxseal-core` alone |
//! | [`World`] | clients with their stores, and one [`Provider`] | all crates |
//! | [`Household`] | accounts with several devices, and one [`Provider`] | devices come and go |
//! | [`Relay`] | a [`Provider`] with the provider interface, on a bad network | couriers |
//! | [`Network`] | packets on their way: late, lost, repeated, out of order | |
//! | [`Script`] | a list of [`Action`]s, read from any bytes | |
//! | [`BareDevice`] | a device without a client | what no client would send |
//! | [`Liar`] | a sender with a modified client | a recipient, the relay |
//! | [`Log`] | a provider's transparency log, which can lie | promises and receipts |
//! | [`Forgery`] | a reporter with a modified client | intake and review |
//! | [`targets`] | the bodies of the fuzz targets | decoders, sessions, stores, reports, the log |
//! | [`seeds()`] | small genuine inputs for each fuzz target | |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

mod bare;
mod device;
mod forgery;
#[cfg(feature = "targets")]
pub mod golden;
mod household;
mod liar;
mod log;
mod network;
mod pair;
mod provider;
mod relay;
mod script;
#[cfg(feature = "targets")]
mod seeds;
#[cfg(feature = "targets")]
pub mod targets;
mod world;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal::reporting::relay::{Envelope, PostedFanout};
use waxseal::reporting::sender::Fanout;
use waxseal::store::Key;
use waxseal::{AccountId, Client, DeviceAddress, DeviceId, MemoryStore, Received, Timestamp};

pub use bare::{BareChannel, BareDevice};
pub use device::{AD, Device};
pub use forgery::{ForgedClaim, ForgedOpening, Forgery};
pub use household::{Fate, Household, Member, Step, Written};
pub use liar::{Liar, find};
pub use log::Log;
pub use network::{Flight, Network};
pub use pair::{Pair, SentText};
pub use provider::{
    EntryRefused, GroupMismatch, GroupPostRefused, HiddenPreKeys, PostRefused, Provider,
    QueuedGroup, Refusal, RosterRefused,
};
pub use relay::{Asked, Desk, Fault, Relay, TakenReport};
pub use script::{Action, Script, SignIn};
#[cfg(feature = "targets")]
pub use seeds::seeds;
pub use world::{Sent, World};

/// The time at which every simulation begins.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// All records of a store: keys and values.
pub type Records = Vec<(Key, Vec<u8>)>;

/// A random generator for tests. The same seed gives the same numbers.
#[must_use]
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The account with this name.
#[must_use]
pub fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// The address of the first device of an account.
#[must_use]
pub fn address(name: &str) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(1))
}

/// The message in the bytes that a device posts, without the time and the fanout MAC.
#[must_use]
pub fn fanout_of(posted: &[u8]) -> Fanout {
    // posted = 03 || 0a 20 || tag 32 || 12 08 || time 8 || 1a 20 || MAC 32
    //     || 22 || length, 7 bits in each byte || slots
    PostedFanout::decode(posted).unwrap();
    let rest = &posted[1 + 34 + 10 + 34 + 1..];
    let len = 1 + rest.iter().position(|byte| byte & 0x80 == 0).unwrap();
    Fanout::decode(&[&[3], &posted[3..35], &rest[len..]].concat()).unwrap()
}

/// The envelope for the first device in the bytes that a device posts. That is a device of the
/// recipient, unless the message is a note to the sender's own account.
#[must_use]
pub fn envelope_of(posted: &[u8]) -> Envelope {
    let fanout = fanout_of(posted);
    envelope_in(&fanout, 0)
}

/// The envelope in one slot of a message.
#[must_use]
pub fn envelope_in(fanout: &Fanout, slot: usize) -> Envelope {
    // envelope = 02 || tag 32 || ciphertext
    let ciphertext = fanout.slots()[slot].ciphertext.as_slice();
    Envelope::decode(&[&[2], fanout.tag().as_bytes().as_slice(), ciphertext].concat()).unwrap()
}

/// A copy of the records of a client's store.
#[must_use]
pub fn snapshot(client: &Client<MemoryStore>) -> Records {
    let records = client.store().records();
    records
        .map(|(key, value)| (key.clone(), value.to_vec()))
        .collect()
}

/// The records, without those of deliveries that did not open, and without notices.
#[must_use]
pub fn without_unopened(mut records: Records) -> Records {
    records.retain(|(key, _)| !matches!(key.table.as_bytes().first(), Some(b'q' | b'z' | b'4')));
    records
}

/// The text of a message that is received for the first time. Panics on a duplicate, and on a
/// message that is not a text.
#[must_use]
pub fn text_of(received: Received) -> String {
    match received {
        Received::Message { message, .. } => message.text().expect("a text message").to_owned(),
        other => panic!("not a new message: {other:?}"),
    }
}

/// Runs the examples in the top-level README as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
