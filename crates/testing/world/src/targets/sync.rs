//! Reads sync records, and takes chunks of a history, as a device does that another device of its
//! account tells something.
//!
//! Asserts that none panics, that what was read is packed and read again as the same, and that the
//! order of the items does not matter.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use waxseal::sync::history::RequestId;
use waxseal::sync::{Entry, HistoryKey, Item, Packer, Record};

use super::edit::edit;
use crate::{account, rng};

/// The first byte of the input chooses the target.
pub fn sync(input: &[u8]) {
    match input.split_first() {
        None => {}
        Some((kind, bytes)) if kind % 2 == 0 => record(bytes),
        Some((_, bytes)) => chunk(bytes),
    }
}

fn record(bytes: &[u8]) {
    let Ok(record) = Record::decode(bytes) else {
        return;
    };
    let mut packer = Packer::default();
    let mut read = Vec::new();
    for entry in &record.entries {
        if let Some(full) = packer.push(entry) {
            read.extend(Record::decode(&full).unwrap().entries);
        }
    }
    if let Some(last) = packer.finish() {
        read.extend(Record::decode(&last).unwrap().entries);
    }
    assert_eq!(read, record.entries);

    let items: Vec<&Item> = record
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Item(item) => Some(item),
            _ => None,
        })
        .collect();
    let backwards: Vec<&Item> = items.iter().rev().copied().collect();
    assert_eq!(state(&items), state(&backwards));
}

/// The items that count after these were taken in this order.
fn state<'a>(items: &[&'a Item]) -> BTreeMap<Vec<u8>, &'a Item> {
    let mut state: BTreeMap<Vec<u8>, &Item> = BTreeMap::new();
    for item in items {
        let known = state.get(&item.fact.subject()).copied();
        if known.is_none_or(|known| item.wins_over(known)) {
            state.insert(item.fact.subject(), item);
        }
    }
    state
}

const REQUEST: RequestId = RequestId([3; 16]);

static KEY: LazyLock<HistoryKey> = LazyLock::new(|| HistoryKey::from_bytes([7; 32]));

/// The input is a chunk; and the records of one, and edits of it after it was sealed.
fn chunk(bytes: &[u8]) {
    let account = account("alice");
    if let Ok(opened) = KEY.open_chunk(REQUEST, 1, bytes) {
        let _ = opened.count(&account);
    }
    let Some(sealed) = KEY.seal_chunk(REQUEST, 1, false, bytes, &mut rng(1)) else {
        return;
    };
    let opened = KEY.open_chunk(REQUEST, 1, &sealed).unwrap();
    assert!(!opened.is_last);
    let counted = opened.count(&account);
    if let Ok((taken, refused)) = counted {
        // A record of a message has more bytes than its evidence.
        assert!((taken + refused) * 5 <= bytes.len());
    }
    let altered = edit(&sealed, bytes);
    if altered != sealed {
        assert!(KEY.open_chunk(REQUEST, 1, &altered).is_err());
    }
    assert!(KEY.open_chunk(REQUEST, 2, &sealed).is_err());
}
