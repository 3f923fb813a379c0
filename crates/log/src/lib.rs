//! Transparency log of what a provider does with abuse reports. Entries form a Merkle tree, which
//! only grows. Anyone can check that no entry was altered, dropped or shown to some people only.
//!
//! The main type is [`Entry`](entry::Entry). The formats are published ones, so tools of others
//! verify the log: RFC 6962 trees, and tiles, checkpoints and witness cosignatures of C2SP.
//!
//! ```
//! # use waxseal_log::{checkpoint::Checkpoint, note::Signer, proof, tree::*};
//! # use waxseal_log::entry::{Day, Detail, Entry, Event, Number};
//! # let rng = &mut rand::rng();
//! let detail = Detail::new(b"which report".to_vec(), rng)?;
//! let (day, number, event) = (Day(20_785), Number::generate(rng), Event::ReportReceived);
//! let entry = Entry { day, number, event, digest: detail.digest() };
//!
//! let mut log = Appender::new();
//! log.append(entry.leaf_hash());
//! let checkpoint = Checkpoint::new("log.example/1", log.size(), log.root())?;
//! let note = checkpoint.sign(&Signer::generate("log.example/1", rng)?)?;
//! # proof::verify_inclusion(&entry.leaf_hash(), 0, 1, checkpoint.root(), &[])?;
//! # assert!(note.text().starts_with("log.example/1\n1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`entry`] | an entry: its kind, public fields, and the digest of its detail |
//! | [`tree`] | the tree's hashes, the frontier of a follower, and appending |
//! | [`tiles`] | the published form of tree and entries |
//! | [`proof`] | proofs that an entry is included, and that a tree continues another |
//! | [`note`] | signed notes, and the keys that sign and check them |
//! | [`checkpoint`] | size and root of the tree, as the text of a note |
//! | [`keys`] | the keys of a log, and the check that all of them signed a checkpoint |
//! | [`witness`] | the witness protocol, and a small witness |
//! | [`report`] | digest and number of a report |
//! | [`promise`] | the provider's signed answer to a report |
//! | [`decision`], [`link`] | what decisions and appeals are about, and to whom they are shown |
//! | [`receipt`] | what was done with a report or decided about an account, with proofs |
//! | [`audit`], [`counts`] | follows the whole log, finds broken rules, and counts |
//! | [`limits`] | all limits |
//!
//! The crate has no clock, no randomness and no I/O of its own, and does not panic on any input.
//! The example `folder` keeps a log in a folder, with a witness and archived checkpoints.

pub mod audit;
pub mod checkpoint;
pub mod counts;
pub mod decision;
pub mod entry;
pub mod keys;
pub mod limits;
pub mod link;
pub mod note;
pub mod promise;
pub mod proof;
pub mod receipt;
pub mod report;
pub mod tiles;
pub mod witness;

mod appender;
mod codec;
mod labels;
mod merkle;
mod order;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

/// The Merkle tree: its hashes, the frontier of a follower, and appending.
pub mod tree {
    pub use crate::appender::Appender;
    pub use crate::merkle::{Frontier, FrontierError, TreeHash};
}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
