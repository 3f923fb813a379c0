//! Sync: what the devices of one account tell each other, so that all of them know the same
//! contacts, settings, and read and deleted messages.
//!
//! An [`Item`] is one fact, with the number and the device of the write that made it. Devices send
//! items in [`Record`]s, in control messages to their own account. Whatever the order in which
//! items arrive, and however often, all devices end up with the same facts.
//!
//! A newly linked device can also ask for the history. It travels as a stream of sealed chunks: see
//! [`history`].
//!
//! The byte tables and the checks are in this crate's `SPEC.md`, section “Sync”.

mod codec;
mod fact;
pub mod history;
mod item;
mod record;
pub(crate) mod subjects;

pub use self::fact::{Fact, Position, SettingName, SettingNameError};
pub use self::history::HistoryKey;
pub use self::item::{Item, Written};
pub use self::record::{Entry, Packer, Record, RecordError};

/// Limits of what is synced.
pub mod limits {
    pub use super::fact::{MAX_SETTING_LEN, MAX_SETTING_NAME_LEN};
    pub use super::history::{MAX_CHUNK_LEN, MAX_CHUNKS};
    pub use super::record::MAX_SYNC_LEN;
}

#[cfg(test)]
mod tests;
