//! Exports, fetches and callbacks are listed, and what an export sends can be removed.

use super::samples::{added, callback, export, fetch, hash, id, outbox};
use super::{Problem, conflict, ensure, refused};
use crate::store::limits::{MAX_ANSWER_LEN, MAX_EXPORT_LEN, MAX_TEXT_LEN};
use crate::store::{
    CallbackList, CallbackRow, Change, Conflict, ExportList, ExportRow, ExportState, FetchList,
    FetchRow, Key, OutboxRow, Row, Store,
};

pub(super) fn exports(store: &mut dyn Store) -> Result<(), Problem> {
    let taken = ExportRow {
        state: ExportState::Taken,
        next_try_at_ms: None,
        ended_at_ms: Some(30),
        ..export(2)
    };
    let other = ExportRow {
        case_id: id(2),
        next_try_at_ms: Some(0),
        ..export(4)
    };
    store.apply(&added([export(3), taken.clone(), other.clone(), export(1)]))?;
    let listed = store.exports(&ExportList::OfCase(id(1)), 10)?;
    ensure(
        listed == [export(3), taken.clone(), export(1)],
        "exports of a case come newest first",
    )?;
    let newest = store.exports(&ExportList::Newest, 2)?;
    ensure(
        newest == [other.clone(), export(3)],
        "the newest exports come first, and a limit counts",
    )?;
    let due = store.exports(&ExportList::DueBy(1), 10)?;
    ensure(due == [other, export(1)], "due exports come by their time")?;
    let swap = Change::swap(
        export(1),
        ExportRow {
            id: id(1),
            ..taken.clone()
        },
    );
    store.apply(&[swap])?;
    let due = store.exports(&ExportList::DueBy(1), 10)?;
    ensure(due.len() == 1, "an export that ended is not due")?;
    bounds(store)?;
    removal(store)?;
    fetches(store)?;
    callbacks(store)
}

fn bounds(store: &mut dyn Store) -> Result<(), Problem> {
    let text = |len| "x".repeat(len);
    let beyond = |len: usize| len.saturating_add(1);
    let halves: [Row; 5] = [
        ExportRow {
            next_try_at_ms: None,
            ..export(9)
        }
        .into(),
        ExportRow {
            ended_at_ms: Some(1),
            ..export(9)
        }
        .into(),
        ExportRow {
            answer: text(beyond(MAX_ANSWER_LEN)),
            ..export(9)
        }
        .into(),
        OutboxRow {
            body: vec![0; beyond(MAX_EXPORT_LEN)],
            ..outbox(9)
        }
        .into(),
        CallbackRow {
            body: vec![0; beyond(MAX_TEXT_LEN)],
            ..callback(9)
        }
        .into(),
    ];
    for row in halves {
        refused(
            store,
            &[Change::Add(row)],
            "a field past its limit is refused",
        )?;
    }
    let longest: [Row; 3] = [
        ExportRow {
            answer: text(MAX_ANSWER_LEN),
            ..export(9)
        }
        .into(),
        OutboxRow {
            body: vec![0; MAX_EXPORT_LEN],
            ..outbox(9)
        }
        .into(),
        CallbackRow {
            body: vec![0; MAX_TEXT_LEN],
            ..callback(9)
        }
        .into(),
    ];
    store.apply(&added(longest))?;
    let outbox = store.outbox(&id(9))?;
    ensure(
        outbox.is_some_and(|row| row.body.len() == MAX_EXPORT_LEN),
        "a body of maximum length is kept",
    )
}

fn removal(store: &mut dyn Store) -> Result<(), Problem> {
    store.apply(&added([outbox(1)]))?;
    let remove = [Change::Remove(Key::Outbox(id(1)))];
    store.apply(&remove)?;
    ensure(store.outbox(&id(1))?.is_none(), "a removed body is gone")?;
    let found = conflict(store, &remove, "nothing is removed twice")?;
    ensure(
        matches!(found, Conflict::Missing { table: "outbox" }),
        "what is missing is told as such",
    )
}

fn fetches(store: &mut dyn Store) -> Result<(), Problem> {
    let again = FetchRow {
        ordinal: 2,
        ..fetch(1)
    };
    let other = FetchRow {
        report_id: id(2),
        ..fetch(3)
    };
    store.apply(&added([fetch(2), other.clone(), fetch(1)]))?;
    store.apply(&added([FetchRow {
        log_index: 9,
        ..again.clone()
    }]))?;
    let of_blob = store.fetches(&FetchList::OfBlob(hash(2)), 3)?;
    ensure(
        of_blob == [fetch(1), fetch(2), other],
        "fetches of a blob are of all reports",
    )?;
    let none = store.fetches(&FetchList::OfBlob(hash(3)), 3)?;
    ensure(none.is_empty(), "fetches of another blob are not listed")?;
    let listed = store.fetches(&FetchList::OfReport(id(1)), 2)?;
    ensure(
        listed == [fetch(1), fetch(2)],
        "fetches of a report come in the log's order",
    )?;
    let found = store.fetch(&hash(1), 2, &hash(2))?;
    ensure(
        found.is_some_and(|row| row.log_index == 9),
        "a fetch is found by opening and blob",
    )
}

fn callbacks(store: &mut dyn Store) -> Result<(), Problem> {
    let about = CallbackRow {
        case_id: Some(id(1)),
        ..callback(20)
    };
    let later = CallbackRow {
        case_id: Some(id(1)),
        ..callback(21)
    };
    store.apply(&added([later.clone(), about.clone(), callback(22)]))?;
    let listed = store.callbacks(&CallbackList::OfCase(id(1)), 10)?;
    ensure(
        listed == [about, later.clone()],
        "callbacks of a case come by time",
    )?;
    let newest = store.callbacks(&CallbackList::Newest, 2)?;
    ensure(
        newest == [callback(22), later],
        "the newest callbacks come first",
    )
}
