//! How changes apply: whole or not at all, in order, and only if they fit.

use super::samples::{
    added, case, checkpoint, entry, full_rows, grant, hash, id, meta, pending, read, report, rows,
    tile,
};
use super::{Problem, conflict, ensure, refused};
use crate::store::{
    CaseRow, CaseStatus, Change, CheckpointRow, Condition, Conflict, GrantRow, Key, MetaRow,
    ReportRow, Row, Store, TileRow,
};

pub(super) fn added_once(store: &mut dyn Store) -> Result<(), Problem> {
    store.apply(&added(rows(1)))?;
    for (row, other) in rows(1).into_iter().zip(full_rows(1)) {
        let again = [Change::Add(other)];
        let found = conflict(store, &again, "a row is not added twice")?;
        ensure(
            matches!(found, Conflict::Exists { .. }),
            "a second row is told as such",
        )?;
        ensure(
            read(store, &row)? == Some(row),
            "a row that was not added changes nothing",
        )?;
    }
    let same: [Row; 4] = [
        ReportRow {
            digest: hash(1),
            ..report(2)
        }
        .into(),
        ReportRow {
            number: id(1),
            ..report(2)
        }
        .into(),
        CaseRow {
            number: id(1),
            ..case(2)
        }
        .into(),
        GrantRow {
            digest: hash(1),
            ..grant(2)
        }
        .into(),
    ];
    for row in same {
        let found = conflict(store, &[Change::Add(row)], "digests and numbers are unique")?;
        ensure(
            matches!(found, Conflict::Exists { .. }),
            "a second digest is told as such",
        )?;
    }
    store.apply(&[Change::add(report(2))])?;
    let taken = ReportRow {
        digest: hash(1),
        ..report(2)
    };
    let swap = [Change::swap(report(2), taken)];
    let found = conflict(store, &swap, "a digest stays unique in a swap")?;
    ensure(
        found == Conflict::Exists { table: "reports" },
        "a taken digest is told as such",
    )?;
    let free = ReportRow {
        digest: hash(3),
        ..report(2)
    };
    store.apply(&[Change::swap(report(2), free.clone())])?;
    let found = store.report_with_digest(&hash(3))?;
    ensure(found == Some(free), "a row is found by its new digest")?;
    ensure(
        store.report_with_digest(&hash(2))?.is_none(),
        "an old digest is free again",
    )
}

pub(super) fn swapped(store: &mut dyn Store) -> Result<(), Problem> {
    for (old, new) in rows(1).into_iter().zip(full_rows(1)) {
        let swap = [Change::Swap {
            old: old.clone(),
            new: new.clone(),
        }];
        conflict(store, &swap, "a row that is not there is not replaced")?;
        store.apply(&[Change::Add(old.clone())])?;
        store.apply(&swap)?;
        if old != new {
            let found = conflict(store, &swap, "a row that changed is not replaced")?;
            ensure(
                matches!(found, Conflict::Changed { .. }),
                "a changed row is told as such",
            )?;
        }
        ensure(
            read(store, &new)? == Some(new),
            "a row is as the first swap made it",
        )?;
    }
    let keys = [Change::swap(meta("1"), meta("2"))];
    refused(store, &keys, "a swap between two keys is refused")?;
    let (old, new) = (meta("1").into(), case(1).into());
    refused(
        store,
        &[Change::Swap { old, new }],
        "a swap between two tables is refused",
    )
}

pub(super) fn removed(store: &mut dyn Store) -> Result<(), Problem> {
    let keys = || {
        let name = "1".to_owned();
        [
            Key::Pending(hash(1)),
            Key::Content(id(1)),
            Key::Meta(name),
            Key::Detail(0),
        ]
    };
    for key in keys() {
        let found = conflict(
            store,
            &[Change::Remove(key)],
            "nothing is removed from nothing",
        )?;
        ensure(
            matches!(found, Conflict::Missing { .. }),
            "what is missing is told as such",
        )?;
    }
    store.apply(&added(rows(1)))?;
    store.apply(&[Change::Append(entry(0))])?;
    for key in keys() {
        store.apply(&[Change::Remove(key.clone())])?;
        conflict(store, &[Change::Remove(key)], "nothing is removed twice")?;
    }
    ensure(
        store.pending_leaf(&hash(1))?.is_none(),
        "a removed leaf is gone",
    )?;
    ensure(store.content(&id(1))?.is_none(), "removed content is gone")?;
    ensure(store.meta("1")?.is_none(), "a removed value is gone")?;
    let kept = store.entry(0)?;
    let expected = crate::store::EntryRow {
        salt: None,
        detail: None,
        ..entry(0)
    };
    ensure(
        kept == Some(expected),
        "an entry stays when its detail is removed",
    )
}

pub(super) fn in_order(store: &mut dyn Store) -> Result<(), Problem> {
    let value = |n| MetaRow {
        value: vec![n],
        ..meta("counter")
    };
    store.apply(&[
        Change::Append(entry(0)),
        Change::Expect(Condition::LogSize(1)),
        Change::Append(entry(1)),
        Change::Checkpoint(checkpoint(2)),
        Change::add(value(1)),
        Change::swap(value(1), value(2)),
        Change::unchanged(value(2)),
        Change::swap(value(2), value(3)),
        Change::add(pending(1)),
        Change::Remove(Key::Pending(hash(1))),
    ])?;
    ensure(store.log_size()? == 2, "both entries were appended")?;
    ensure(
        store.meta("counter")? == Some(value(3)),
        "the last change of a row wins",
    )?;
    ensure(
        store.pending_leaf(&hash(1))?.is_none(),
        "a leaf is removed after it was added",
    )
}

pub(super) fn conditions(store: &mut dyn Store) -> Result<(), Problem> {
    let of_mallory = |n, status| CaseRow {
        account: Some("mallory".into()),
        status,
        ..case(n)
    };
    let none_of = |account: &str| Change::Expect(Condition::NoUndecidedCase(account.to_owned()));
    let changed = [Change::add(meta("changed"))];
    let with = |condition: Change| [&[condition], changed.as_slice()].concat();

    store.apply(&[none_of("mallory"), Change::Append(entry(0))])?;
    let found = conflict(
        store,
        &with(Change::Expect(Condition::LogSize(0))),
        "a condition on the size of the log counts",
    )?;
    ensure(
        found
            == Conflict::LogSize {
                expected: 0,
                found: 1,
            },
        "both sizes are told",
    )?;

    let unchanged = with(Change::unchanged(report(1)));
    conflict(
        store,
        &unchanged,
        "a row that is not there is not unchanged",
    )?;
    let sorted = ReportRow {
        reason: Some(3),
        ..report(1)
    };
    store.apply(&[Change::add(sorted)])?;
    let found = conflict(
        store,
        &unchanged,
        "a row with another field is not unchanged",
    )?;
    ensure(
        found == Conflict::Changed { table: "reports" },
        "the table is told",
    )?;

    checkpoint_conditions(store, &with)?;
    for (n, status) in (1..).zip([CaseStatus::Open, CaseStatus::Waiting]) {
        let undecided = of_mallory(n, status);
        store.apply(&[Change::add(undecided.clone())])?;
        let blocked = with(none_of("mallory"));
        let found = conflict(store, &blocked, "an undecided case counts")?;
        ensure(
            found == Conflict::UndecidedCase,
            "the undecided case is told",
        )?;
        store.apply(&[Change::swap(undecided, of_mallory(n, CaseStatus::Decided))])?;
    }
    store.apply(&[Change::add(of_mallory(3, CaseStatus::Closed))])?;
    ensure(
        store.meta("changed")?.is_none(),
        "no condition that fails changes anything",
    )?;
    store.apply(&with(none_of("mallory")))?;
    ensure(
        store.meta("changed")?.is_some(),
        "a condition that holds lets changes through",
    )
}

fn checkpoint_conditions(
    store: &mut dyn Store,
    with: &dyn Fn(Change) -> Vec<Change>,
) -> Result<(), Problem> {
    let of = |row: Option<CheckpointRow>| Change::Expect(Condition::Checkpoint { size: 1, row });
    let complete = CheckpointRow {
        is_complete: true,
        ..checkpoint(1)
    };
    conflict(
        store,
        &with(of(Some(checkpoint(1)))),
        "a checkpoint that is not there is not unchanged",
    )?;
    store.apply(&[of(None), Change::Checkpoint(checkpoint(1))])?;
    store.apply(&[of(Some(checkpoint(1)))])?;
    for row in [None, Some(complete)] {
        let found = conflict(
            store,
            &with(of(row)),
            "a checkpoint that is another one is not unchanged",
        )?;
        ensure(
            found
                == Conflict::Changed {
                    table: "checkpoints",
                },
            "the table is told",
        )?;
    }
    Ok(())
}

pub(super) fn whole(store: &mut dyn Store) -> Result<(), Problem> {
    store.apply(&added(rows(1)))?;
    store.apply(&[Change::Append(entry(0)), Change::Tile(tile(0))])?;
    let mut changes = added(rows(2));
    for (old, new) in rows(1).into_iter().zip(full_rows(1)) {
        changes.push(Change::Swap { old, new });
    }
    let longer = TileRow {
        bytes: vec![1; 64],
        ..tile(0)
    };
    let later = [
        Change::Append(entry(1)),
        Change::Remove(Key::Detail(0)),
        Change::Tile(longer),
        Change::Tile(tile(1)),
        Change::Checkpoint(checkpoint(2)),
        Change::Remove(Key::Pending(hash(2))),
        Change::Remove(Key::Content(id(1))),
        Change::Append(entry(7)), // the conflict
    ];
    changes.extend(later);
    let found = conflict(store, &changes, "the last change conflicts")?;
    ensure(
        found
            == Conflict::LogSize {
                expected: 7,
                found: 2,
            },
        "the conflict is the last one",
    )?;

    for row in rows(1) {
        ensure(read(store, &row)? == Some(row), "a row is as before")?;
    }
    for row in rows(2) {
        ensure(read(store, &row)?.is_none(), "a row that was added is gone")?;
    }
    ensure(store.entries(0, 10)? == [entry(0)], "the log is as before")?;
    ensure(store.tile(0, 0)? == Some(tile(0)), "a tile is as before")?;
    ensure(store.tile(0, 1)?.is_none(), "a new tile is gone")?;
    ensure(
        store.newest_checkpoint(false)?.is_none(),
        "a new checkpoint is gone",
    )?;
    ensure(
        store.report_with_digest(&hash(2))?.is_none(),
        "a new digest is gone",
    )?;
    ensure(
        store.entries_with(&id(1), 10)?.is_empty(),
        "a new number is gone",
    )?;
    let query = crate::store::Query::open(crate::store::Order::Age, 0, 10);
    ensure(
        store.queue(&query)?.cases == [case(1)],
        "the queue is as before",
    )
}
