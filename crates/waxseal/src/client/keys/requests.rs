//! Keys of requests, and of what a report keeps of their messages.

use waxseal_reporting::{AccountId, FrankingTag};

use super::name_of;
use crate::store::{Key, Row, Table};

/// The evidence that a report needs of messages that were deleted.
pub(in crate::client) fn all_reported(report: &[u8; 16]) -> Table {
    Table::new([b"X".as_slice(), report].concat())
}

pub(in crate::client) fn reported(report: &[u8; 16], tag: &FrankingTag) -> Key {
    Key::new(all_reported(report), Row::Name(tag.as_bytes().to_vec()))
}

pub(in crate::client) fn requests() -> Table {
    Table::new(b"R")
}

pub(in crate::client) fn request(account: &AccountId) -> Key {
    Key::new(requests(), Row::Name(name_of(account)))
}
