//! Keys of what the provider answers for.

use waxseal_log::entry::Number;

use crate::store::{Key, Row, Table};

pub(in crate::client) fn promises() -> Table {
    Table::new(b"2")
}

pub(in crate::client) fn promise(number: &Number) -> Key {
    Key::new(promises(), Row::Name(number.as_bytes().to_vec()))
}

pub(in crate::client) fn account_receipts() -> Table {
    Table::new(b"3")
}

pub(in crate::client) fn account_receipt(number: &Number) -> Key {
    Key::new(account_receipts(), Row::Name(number.as_bytes().to_vec()))
}
