//! The bodies of the fuzz targets: each takes any bytes, and panics where something happens that must not.
//!
//! `fuzz/` runs them under libFuzzer; `tests/corpus.rs` runs them on stable, over the committed seeds and mutations of them.

mod braid;
mod client;
mod decode;
mod edit;
mod report;
mod sqlite;
mod store;

use crate::{Pair, Script, World};

pub use braid::braid;
pub use client::client;
pub(crate) use decode::Clear;
pub use decode::{core_decode, reporting_decode};
pub use report::report;
pub use sqlite::sqlite;
pub use store::store;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by the name it has in `fuzz/`.
pub const TARGETS: [Target; 9] = [
    ("core_decode", core_decode),
    ("reporting_decode", reporting_decode),
    ("sessions", sessions),
    ("braid", braid),
    ("world", world),
    ("client", client),
    ("report", report),
    ("store", store),
    ("sqlite", sqlite),
];

/// Two devices under a script, see [`Pair`]: in the end no old message opens with their states, and both converse.
pub fn sessions(script: &[u8]) {
    let mut pair = Pair::new(1);
    for action in Script::new(script) {
        pair.step(action);
    }
    pair.assert_forward_secret();
    pair.settle();
}

/// Three clients and their provider under a script, see [`World`]: in the end all converse, and whatever was shown can be reported.
pub fn world(script: &[u8]) {
    let mut world = World::new(1, 3);
    for action in Script::new(script) {
        world.step(action);
    }
    world.settle();
}
