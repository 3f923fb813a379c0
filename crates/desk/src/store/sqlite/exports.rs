//! What a store in SQLite reads of exports, fetches and callbacks.

use rusqlite::Connection;

use super::columns::int;
use super::rows::{many, one};
use crate::store::error::StoreError;
use crate::store::lists::{CallbackList, ExportList, FetchList};
use crate::store::rows::{CallbackRow, ExportRow, FetchRow};

pub(super) fn exports(
    db: &Connection,
    list: &ExportList,
    limit: usize,
) -> Result<Vec<ExportRow>, StoreError> {
    match list {
        ExportList::OfCase(id) => {
            let tail = "WHERE case_id = ? ORDER BY log_index DESC";
            many(db, tail, [id], limit)
        }
        ExportList::Newest => many(db, "ORDER BY log_index DESC", [], limit),
        ExportList::DueBy(time) => {
            let tail = "WHERE state = 'waiting' AND next_try_at_ms <= ?
                ORDER BY next_try_at_ms, id";
            many(db, tail, [int(*time)], limit)
        }
    }
}

pub(super) fn fetch(
    db: &Connection,
    key: (&[u8; 32], u16, &[u8; 32]),
) -> Result<Option<FetchRow>, StoreError> {
    one(
        db,
        "WHERE grant_digest = ? AND ordinal = ? AND blob = ?",
        key,
    )
}

pub(super) fn fetches(
    db: &Connection,
    list: &FetchList,
    limit: usize,
) -> Result<Vec<FetchRow>, StoreError> {
    match list {
        FetchList::OfReport(id) => many(db, "WHERE report_id = ? ORDER BY log_index", [id], limit),
        FetchList::OfBlob(blob) => many(db, "WHERE blob = ? ORDER BY log_index", [blob], limit),
    }
}

pub(super) fn callbacks(
    db: &Connection,
    list: &CallbackList,
    limit: usize,
) -> Result<Vec<CallbackRow>, StoreError> {
    match list {
        CallbackList::OfCase(id) => {
            let tail = "WHERE case_id = ? ORDER BY received_at_ms, digest";
            many(db, tail, [id], limit)
        }
        CallbackList::Newest => {
            let tail = "ORDER BY received_at_ms DESC, digest DESC";
            many(db, tail, [], limit)
        }
    }
}
