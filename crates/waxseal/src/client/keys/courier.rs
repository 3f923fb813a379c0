//! Keys of what the courier keeps.

use waxseal_log::tree::TreeHash;

use super::{only, uploads};
use crate::store::{Key, Row, Table};

pub(in crate::client) fn courier() -> Key {
    only(b"b")
}

pub(in crate::client) fn all_kept() -> Table {
    Table::new(b"l")
}

pub(in crate::client) fn kept(number: u64) -> Key {
    Key::new(all_kept(), Row::Number(number))
}

pub(in crate::client) fn upload(id: &[u8; 16]) -> Key {
    Key::new(uploads(), Row::Name(id.to_vec()))
}

pub(in crate::client) fn decisions() -> Table {
    Table::new(b"9")
}

pub(in crate::client) fn decision(leaf: &TreeHash) -> Key {
    Key::new(decisions(), Row::Name(leaf.as_bytes().to_vec()))
}
