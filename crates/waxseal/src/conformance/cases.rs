//! The cases of the suite, in the order in which they run. Each relies on the earlier ones.

use std::collections::BTreeSet;

use waxseal_core::export::PageId;
use waxseal_core::limits::PAGE_ID_LEN;
use waxseal_reporting::{AccountId, FrankingTag};
use zeroize::Zeroizing;

use super::{Problem, Reopen};
use crate::store::{Key, MAX_VALUE_LEN, Store, Table, Transaction};

pub(super) fn empty<S: Store>(store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        expect(read(&store, &key)?.is_none(), "no key has a value")?;
    }
    for table in tables() {
        expect(
            list(&store, &table, None, 9)?.is_empty(),
            "no table has values",
        )?;
    }
    Ok(())
}

pub(super) fn kept<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let longest = vec![0xa5; MAX_VALUE_LEN];
    let values = [b"".as_slice(), &[0], b"text", &every_byte, &longest];
    for (key, value) in keys().into_iter().zip(values) {
        put(&mut store, key.clone(), value)?;
        let is_same = read(&store, &key)?.as_deref() == Some(value);
        expect(is_same, "a value is read as it was written")?;
    }
    Ok(())
}

pub(super) fn replaced<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        put(&mut store, key.clone(), b"the first value")?;
        put(&mut store, key.clone(), b"second")?;
        let is_second = read(&store, &key)?.as_deref() == Some(b"second");
        expect(is_second, "the second value replaces the first")?;
    }
    Ok(())
}

pub(super) fn deleted<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    delete(&mut store, envelope(3))?;
    put(&mut store, envelope(3), b"3")?;
    put(&mut store, envelope(4), b"4")?;
    delete(&mut store, envelope(3))?;
    expect(
        read(&store, &envelope(3))?.is_none(),
        "what was deleted is gone",
    )?;
    let left = list(&store, &Table::Outbox, None, 9)?;
    expect(
        left == [b"4"],
        "what was deleted is not listed, and the rest is",
    )?;
    delete(&mut store, envelope(3))?;
    put(&mut store, envelope(3), b"again")?;
    let is_back = read(&store, &envelope(3))?.as_deref() == Some(b"again");
    expect(is_back, "what was deleted can be written again")
}

pub(super) fn in_order<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    put(&mut store, envelope(3), b"before")?;
    let mut transaction = Transaction::default();
    transaction.put(envelope(1), value(b"put and deleted"));
    transaction.delete(envelope(1));
    transaction.put(envelope(2), value(b"put"));
    transaction.put(envelope(2), value(b"put again"));
    transaction.delete(envelope(3));
    transaction.put(envelope(3), value(b"deleted and put"));
    store.commit(transaction)?;
    for (ordinal, expected) in [
        (1, None),
        (2, Some(b"put again".as_slice())),
        (3, Some(b"deleted and put")),
    ] {
        let is_last = read(&store, &envelope(ordinal))?.as_deref() == expected;
        expect(is_last, "the last change of a key holds")?;
    }
    Ok(())
}

pub(super) fn names_apart<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let mut transaction = Transaction::default();
    for key in keys() {
        transaction.put(key.clone(), value(&key.to_bytes()));
    }
    store.commit(transaction)?;
    let mut left = keys();
    while !left.is_empty() {
        for key in &left {
            let is_own = read(&store, key)? == Some(key.to_bytes());
            expect(is_own, "each key has a value of its own")?;
        }
        let gone = left.remove(0);
        delete(&mut store, gone)?;
    }
    Ok(())
}

pub(super) fn tables_apart<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let mut transaction = Transaction::default();
    for key in keys() {
        transaction.put(key.clone(), value(&key.to_bytes()));
    }
    store.commit(transaction)?;
    for table in tables() {
        let keys: BTreeSet<_> = keys().iter().map(Key::to_bytes).collect();
        let expected: Vec<_> = keys
            .into_iter()
            .filter(|key| key.starts_with(&table.prefix()))
            .collect();
        let mut listed = list(&store, &table, None, 99)?;
        listed.sort();
        expect(
            listed == expected,
            "a list has the values of its table and no others",
        )?;
    }
    Ok(())
}

pub(super) fn ascending<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        let mut transaction = Transaction::default();
        for ordinal in SCRAMBLED {
            transaction.put(key(ordinal), value(&ordinal.to_be_bytes()));
        }
        store.commit(transaction)?;
        let mut sorted = SCRAMBLED;
        sorted.sort_unstable();
        let listed = list(&store, &table, None, 99)?;
        let is_sorted = listed == sorted.map(u64::to_be_bytes);
        expect(is_sorted, "values are listed by ascending ordinal")?;
    }
    Ok(())
}

pub(super) fn after<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        for ordinal in [10, 20, 30] {
            put(
                &mut store,
                key(ordinal),
                &[u8::try_from(ordinal).unwrap_or_default()],
            )?;
        }
        for (after, expected) in [
            (0, [10, 20, 30].as_slice()),
            (10, &[20, 30]),
            (15, &[20, 30]),
            (29, &[30]),
            (30, &[]),
            (u64::MAX, &[]),
        ] {
            let listed = list(&store, &table, Some(&key(after)), 9)?.concat();
            expect(listed == expected, "a list continues after `after`")?;
        }
    }
    Ok(())
}

pub(super) fn limit<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        for ordinal in 0..5 {
            put(&mut store, key(ordinal), b"x")?;
        }
        for (limit, first, later) in [
            (0, 0, 0),
            (1, 1, 1),
            (4, 4, 4),
            (5, 5, 4),
            (usize::MAX, 5, 4),
        ] {
            let listed = list(&store, &table, None, limit)?.len();
            expect(
                listed == first,
                "a list has `limit` values, if there are that many",
            )?;
            let listed = list(&store, &table, Some(&key(0)), limit)?.len();
            expect(listed == later, "`limit` counts the values after `after`")?;
        }
    }
    Ok(())
}

pub(super) fn pages<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let peer = |number: u8| Key::Peer(account(&format!("peer {number}")));
    let report = |number: u8| Key::Report { id: [number; 16] };
    let skipped = |number: u8| skipped(account("alice"), number);
    let tables: [(Table, &dyn Fn(u8) -> Key); 3] = [
        (Table::Peers, &peer),
        (Table::SkippedKeys(account("alice")), &skipped),
        (Table::Reports, &report),
    ];
    for (table, key) in tables {
        for number in 0..20 {
            put(&mut store, key(number), &[number])?;
        }
        for deletes in [false, true] {
            let (mut seen, mut last) = (Vec::new(), None);
            for _ in 0..7 {
                let page = list(&store, &table, last.as_ref(), 3)?.concat();
                last = page.last().map(|number| key(*number)).or(last);
                if let (true, Some(last)) = (deletes, &last) {
                    delete(&mut store, last.clone())?;
                }
                seen.extend(page);
            }
            seen.sort_unstable();
            let expected: Vec<u8> = (0..20).collect();
            expect(seen == expected, "page by page, every value comes once")?;
        }
    }
    Ok(())
}

pub(super) fn durable<S: Store>(mut store: S, reopen: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        put(&mut store, key.clone(), &key.to_bytes())?;
    }
    put(&mut store, Key::Account, b"replaced")?;
    delete(&mut store, Key::Counters)?;
    for _ in 0..2 {
        store = reopen(store)?;
        for key in keys() {
            let expected = match key {
                Key::Account => Some(b"replaced".to_vec()),
                Key::Counters => None,
                _ => Some(key.to_bytes()),
            };
            let is_there = read(&store, &key)? == expected;
            expect(
                is_there,
                "a store that was opened again has what was committed",
            )?;
        }
    }
    Ok(())
}

pub(super) fn whole<S: Store>(mut store: S, reopen: &mut Reopen<'_, S>) -> Result<(), Problem> {
    put(&mut store, envelope(1), b"before")?;
    put(&mut store, envelope(2), b"before")?;
    let mut transaction = Transaction::default();
    transaction.put(envelope(0), value(b"after"));
    transaction.put(envelope(1), value(b"after"));
    transaction.delete(envelope(2));
    transaction.put(
        Key::PreKeys,
        Zeroizing::new(vec![1; MAX_VALUE_LEN.saturating_add(1)]),
    );
    transaction.put(envelope(3), value(b"after"));
    let is_committed = store.commit(transaction).is_ok();
    for _ in 0..2 {
        let left = list(&store, &Table::Outbox, None, 9)?;
        let has_value = read(&store, &Key::PreKeys)?.is_some();
        let is_before = left == [b"before", b"before"] && !has_value;
        let is_after = left == [b"after", b"after", b"after"] && has_value;
        expect(
            is_before || is_after,
            "a transaction is applied whole or not at all",
        )?;
        expect(
            !is_committed || is_after,
            "a commit that succeeded is applied",
        )?;
        store = reopen(store)?;
    }
    Ok(())
}

fn expect(holds: bool, what: &'static str) -> Result<(), Problem> {
    holds.then_some(()).ok_or(Problem::Expected(what))
}

fn value(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.to_vec())
}

fn put<S: Store>(store: &mut S, key: Key, bytes: &[u8]) -> Result<(), S::Error> {
    let mut transaction = Transaction::default();
    transaction.put(key, value(bytes));
    store.commit(transaction)
}

fn delete<S: Store>(store: &mut S, key: Key) -> Result<(), S::Error> {
    let mut transaction = Transaction::default();
    transaction.delete(key);
    store.commit(transaction)
}

fn read<S: Store>(store: &S, key: &Key) -> Result<Option<Vec<u8>>, S::Error> {
    Ok(store.get(key)?.map(|value| value.to_vec()))
}

fn list<S: Store>(
    store: &S,
    table: &Table,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<Vec<u8>>, S::Error> {
    let values = store.list(table, after, limit)?;
    Ok(values.iter().map(|value| value.to_vec()).collect())
}

/// Ordinals that sort differently as text, as signed or little-endian numbers, or at other widths.
const SCRAMBLED: [u64; 12] = [
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

fn envelope(ordinal: u64) -> Key {
    Key::Outbox { ordinal }
}

fn skipped(peer: AccountId, number: u8) -> Key {
    let page = PageId::from_bytes([number; PAGE_ID_LEN]);
    Key::SkippedKeys { peer, page }
}

type Numbered = fn(u64) -> Key;

/// The tables whose order matters, each with a function that makes its keys.
fn ordered() -> [(Table, Numbered); 2] {
    let message = |ordinal| Key::Message {
        peer: account("alice"),
        ordinal,
    };
    [
        (Table::Messages(account("alice")), message),
        (Table::Outbox, envelope),
    ]
}

/// Names that are easily confused: prefixes, other case or Unicode form, a meaning in SQL.
const NAMES: [&str; 9] = [
    "al", "alice", "Alice", "alice ", "al%", "al'", "é", "e\u{301}", "a_ice",
];

#[expect(clippy::expect_used, reason = "the names are constants of this file")]
fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("a valid name")
}

fn tables() -> Vec<Table> {
    let messages = NAMES.map(|name| Table::Messages(account(name)));
    let skipped = NAMES.map(|name| Table::SkippedKeys(account(name)));
    [Table::Peers, Table::Outbox, Table::Reports]
        .into_iter()
        .chain(messages)
        .chain(skipped)
        .collect()
}

/// Keys of every kind, many of them alike.
fn keys() -> Vec<Key> {
    let mut keys = vec![
        Key::Account,
        Key::PreKeys,
        Key::PreKeyUpload,
        Key::Counters,
        envelope(0),
        envelope(1),
        Key::Report { id: [0; 16] },
        Key::Report { id: [1; 16] },
    ];
    for peer in NAMES.map(account) {
        keys.push(Key::Peer(peer.clone()));
        for number in [0, 1] {
            keys.push(skipped(peer.clone(), number));
            keys.push(Key::Message {
                peer: peer.clone(),
                ordinal: number.into(),
            });
            keys.push(Key::MessageIndex {
                peer: peer.clone(),
                tag: FrankingTag::from_bytes([number; 32]),
            });
        }
    }
    keys
}
