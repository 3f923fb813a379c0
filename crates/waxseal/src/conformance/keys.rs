//! The keys that the cases use, many of them alike.

use crate::store::{Key, Row, Table};

/// Ordinals that sort differently as text, as signed or little-endian numbers, or at other widths.
pub(super) const SCRAMBLED: [u64; 12] = [
    256,
    9,
    u64::MAX,
    10,
    0,
    1 << 63,
    100,
    255,
    1 << 32,
    1,
    65_536,
    (1 << 63) - 1,
];

pub(super) fn outbox() -> Table {
    Table::new(b"o")
}

pub(super) fn envelope(number: u64) -> Key {
    Key::new(outbox(), Row::Number(number))
}

pub(super) fn single(table: &[u8]) -> Key {
    Key::new(Table::new(table), Row::Only)
}

pub(super) fn messages(peer: &str) -> Table {
    named(b'm', peer)
}

pub(super) fn named(family: u8, peer: &str) -> Table {
    let len = u8::try_from(peer.len()).unwrap_or_default();
    Table::new([&[family, len], peer.as_bytes()].concat())
}

pub(super) type Numbered = fn(u64) -> Key;

/// The tables whose order matters, each with a function that makes its keys.
pub(super) fn ordered() -> [(Table, Numbered); 2] {
    let message = |ordinal| Key::new(messages("alice"), Row::Number(ordinal));
    [(messages("alice"), message), (outbox(), envelope)]
}

pub(super) type Small = fn(u8) -> Key;

/// A table of each kind, with a function that makes its keys.
pub(super) fn kinds() -> [(Table, Small); 2] {
    let report = |number| Key::new(Table::new(b"r"), Row::Name(vec![number; 16]));
    let numbered = |number: u8| envelope(number.into());
    [(Table::new(b"r"), report), (outbox(), numbered)]
}

/// Names that are easily confused: prefixes, other case or Unicode form, a meaning in SQL.
pub(super) const NAMES: [&str; 9] = [
    "al", "alice", "Alice", "alice ", "al%", "al'", "é", "e\u{301}", "a_ice",
];

pub(super) fn tables() -> Vec<Table> {
    let mut tables: Vec<_> = keys().into_iter().map(|key| key.table).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Keys of every kind, many of them alike.
pub(super) fn keys() -> Vec<Key> {
    let singles = [b"a", b"k", b"u", b"c"].map(|table| single(table));
    let mut keys = [singles.as_slice(), &[envelope(0), envelope(1)]].concat();
    for number in [0, 1] {
        keys.push(Key::new(Table::new(b"r"), Row::Name(vec![number; 16])));
    }
    for peer in NAMES {
        keys.push(Key::new(Table::new(b"p"), Row::Name(peer.into())));
        for number in [0, 1] {
            keys.push(Key::new(named(b's', peer), Row::Name(vec![number; 44])));
            keys.push(Key::new(messages(peer), Row::Number(number.into())));
            let index = [named(b'i', peer).as_bytes(), &[number; 32]].concat();
            keys.push(Key::new(Table::new(index), Row::Only));
        }
    }
    keys
}
