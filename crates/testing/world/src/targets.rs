//! The bodies of the fuzz targets. Each takes any bytes, and panics if something goes wrong.
//!
//! `fuzz/` runs them under libFuzzer. `tests/corpus.rs` runs them on stable Rust, with the
//! committed seeds and mutations of them.

mod braid;
mod client;
mod decode;
mod desk;
mod edit;
mod files;
mod fold;
mod linking;
pub(crate) mod log;
mod report;
pub(crate) mod roster;
mod sqlite;
mod store;
mod sync;

use crate::{Household, Pair, Script, Step, World};

pub use braid::braid;
pub use client::client;
pub(crate) use decode::{Clear, accepted_id};
pub use decode::{core_decode, reporting_decode};
pub use desk::desk;
pub(crate) use desk::desk_seeds;
pub use files::files;
pub(crate) use files::files_seeds;
pub use fold::fold;
pub(crate) use fold::fold_seeds;
pub use linking::linking;
pub(crate) use linking::linking_seeds;
pub use log::log;
pub use report::report;
pub use roster::roster;
pub use sqlite::sqlite;
pub use store::store;
pub use sync::sync;

/// A target: its name and the function that takes an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by their names in `fuzz/`.
pub const TARGETS: [Target; 17] = [
    ("core_decode", core_decode),
    ("reporting_decode", reporting_decode),
    ("sessions", sessions),
    ("braid", braid),
    ("world", world),
    ("household", household),
    ("client", client),
    ("linking", linking),
    ("report", report),
    ("desk", desk),
    ("store", store),
    ("sqlite", sqlite),
    ("log", log),
    ("sync", sync),
    ("roster", roster),
    ("files", files),
    ("fold", fold),
];

/// Runs a script with two devices (see [`Pair`]). Asserts that in the end a device's state opens no
/// message that the device opened or sent before, and that both devices use the same session.
pub fn sessions(script: &[u8]) {
    let mut pair = Pair::new(1);
    for action in Script::new(script) {
        pair.step(action);
    }
    pair.assert_forward_secret();
    pair.settle();
}

/// Runs a script with two accounts that have several devices each (see [`Household`]). Asserts that
/// in the end every message is on all devices that it is for, and on no other.
pub fn household(script: &[u8]) {
    let mut household = Household::new(1);
    for step in Step::script(script) {
        household.step(step);
    }
    household.settle();
}

/// Runs a script with three clients and their provider (see [`World`]). Asserts that in the end
/// messages arrive between all clients, and that all stamped messages in their stores can be
/// reported.
pub fn world(script: &[u8]) {
    let mut world = World::new(1, 3);
    for action in Script::new(script) {
        world.step(action);
    }
    world.settle();
}
