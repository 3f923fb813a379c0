//! The log: entries, checkpoints, pending leaves.

use super::samples::{self, added, checkpoint, entry, entry_bytes, hash, id};
use super::{Problem, conflict, ensure, refused};
use crate::store::{Change, CheckpointRow, Conflict, EntryRow, PendingRow, Store};

pub(super) fn entries(store: &mut dyn Store) -> Result<(), Problem> {
    let numbered = |n: u32, number: u32| EntryRow {
        number: id(number),
        entry: entry_bytes(3, 20_000, id(number)),
        ..entry(n)
    };
    let all: Vec<EntryRow> = (0..9).map(|n| numbered(n, n % 2)).collect();
    let found = conflict(store, &[Change::Append(entry(1))], "the log starts at 0")?;
    ensure(
        found
            == Conflict::LogSize {
                expected: 1,
                found: 0,
            },
        "both sizes are told",
    )?;
    store.apply(&all.iter().cloned().map(Change::Append).collect::<Vec<_>>())?;
    for index in [0, 8, 10] {
        conflict(
            store,
            &[Change::Append(entry(index))],
            "an entry has the next index",
        )?;
    }
    let (kind, number) = (
        EntryRow {
            kind: 4,
            ..entry(9)
        },
        EntryRow {
            number: id(1),
            ..entry(9)
        },
    );
    let (day, salt) = (
        EntryRow { day: 1, ..entry(9) },
        EntryRow {
            salt: None,
            ..entry(9)
        },
    );
    for wrong in [kind, number, day, salt] {
        refused(
            store,
            &[Change::Append(wrong)],
            "fields are those of the entry",
        )?;
    }
    ensure(store.log_size()? == 9, "the size counts the entries")?;
    ensure(
        store.entry(3)? == all.get(3).cloned(),
        "an entry is found by index",
    )?;
    ensure(store.entry(9)?.is_none(), "there is no entry past the end")?;
    ensure(
        Some(store.entries(2, 3)?.as_slice()) == all.get(2..5),
        "entries come from an index on",
    )?;
    ensure(
        store.entries(9, 3)?.is_empty(),
        "there are no entries past the end",
    )?;
    ensure(
        store.entries(u64::MAX, 3)?.is_empty(),
        "any index can be asked for",
    )?;
    let odd: Vec<_> = all
        .iter()
        .filter(|entry| entry.number == id(1))
        .cloned()
        .collect();
    ensure(
        store.entries_with(&id(1), 10)? == odd,
        "entries are found by number, in order",
    )?;
    ensure(
        Some(store.entries_with(&id(1), 2)?.as_slice()) == odd.get(..2),
        "a limit counts",
    )?;
    ensure(
        store.entries_with(&id(2), 10)?.is_empty(),
        "an unknown number has no entries",
    )
}

pub(super) fn checkpoints(store: &mut dyn Store) -> Result<(), Problem> {
    let complete = |size| CheckpointRow {
        is_complete: true,
        ..checkpoint(size)
    };
    let too_large = [Change::Checkpoint(checkpoint(1))];
    conflict(store, &too_large, "a checkpoint is not larger than the log")?;
    store.apply(&(0..9).map(|n| Change::Append(entry(n))).collect::<Vec<_>>())?;
    let sizes = [5, 2, 9, 7];
    store.apply(&sizes.map(|size| Change::Checkpoint(checkpoint(size))))?;
    ensure(
        store.newest_checkpoint(true)?.is_none(),
        "none is complete yet",
    )?;
    store.apply(&[2, 5].map(|size| Change::Checkpoint(complete(size))))?;
    ensure(
        store.checkpoint(5)? == Some(complete(5)),
        "a later note replaces the first",
    )?;
    ensure(
        store.checkpoint(6)?.is_none(),
        "there is no checkpoint of another size",
    )?;
    ensure(
        store.newest_checkpoint(false)? == Some(checkpoint(9)),
        "the largest is the newest",
    )?;
    ensure(
        store.newest_checkpoint(true)? == Some(complete(5)),
        "5 is the largest complete one",
    )?;
    let listed = store.checkpoints(2, 2)?;
    ensure(
        listed == [complete(5), checkpoint(7)],
        "checkpoints come by size",
    )?;
    ensure(
        store.checkpoints(9, 2)?.is_empty(),
        "no checkpoint comes after the last",
    )
}

pub(super) fn pending(store: &mut dyn Store) -> Result<(), Problem> {
    let on_day = |n: u32, day: u32| PendingRow {
        day,
        entry: entry_bytes(1, day, id(n)),
        ..samples::pending(n)
    };
    let leaves = [on_day(4, 10), on_day(1, 12), on_day(3, 11), on_day(2, 10)];
    store.apply(&added(leaves))?;
    let wrong = PendingRow {
        day: 9,
        ..on_day(5, 10)
    };
    refused(store, &[Change::add(wrong)], "the day is that of the entry")?;
    let listed = store.pending(12, 10)?;
    let expected = [on_day(2, 10), on_day(4, 10), on_day(3, 11)];
    ensure(listed == expected, "leaves come by day and hash")?;
    ensure(store.pending(12, 1)? == [on_day(2, 10)], "a limit counts")?;
    ensure(
        store.pending(10, 10)?.is_empty(),
        "leaves of the day itself wait",
    )?;
    let leaf = store.pending_leaf(&hash(1))?;
    ensure(leaf == Some(on_day(1, 12)), "a leaf is found by its hash")
}
