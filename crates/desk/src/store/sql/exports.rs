//! What a store reads of exports, fetches and callbacks.

use super::Database;
use super::columns::Column as _;
use super::rows::{many, one};
use crate::store::error::StoreError;
use crate::store::lists::{CallbackList, ExportList, FetchList};
use crate::store::rows::{CallbackRow, ExportRow, FetchRow};

pub(crate) fn exports(
    db: &dyn Database,
    list: &ExportList,
    limit: usize,
) -> Result<Vec<ExportRow>, StoreError> {
    match list {
        ExportList::OfCase(id) => {
            let tail = "WHERE case_id = ? ORDER BY log_index DESC";
            many(db, tail, &[id.write()], limit)
        }
        ExportList::Newest => many(db, "ORDER BY log_index DESC", &[], limit),
        ExportList::DueBy(time) => {
            let tail = "WHERE state = 'waiting' AND next_try_at_ms <= ?
                ORDER BY next_try_at_ms, id";
            many(db, tail, &[time.write()], limit)
        }
    }
}

pub(crate) fn fetch(
    db: &dyn Database,
    grant_digest: &[u8; 32],
    ordinal: u16,
    blob: &[u8; 32],
) -> Result<Option<FetchRow>, StoreError> {
    let tail = "WHERE grant_digest = ? AND ordinal = ? AND blob = ?";
    one(
        db,
        tail,
        &[grant_digest.write(), ordinal.write(), blob.write()],
    )
}

pub(crate) fn fetches(
    db: &dyn Database,
    list: &FetchList,
    limit: usize,
) -> Result<Vec<FetchRow>, StoreError> {
    match list {
        FetchList::OfReport(id) => many(
            db,
            "WHERE report_id = ? ORDER BY log_index",
            &[id.write()],
            limit,
        ),
        FetchList::OfBlob(blob) => many(
            db,
            "WHERE blob = ? ORDER BY log_index",
            &[blob.write()],
            limit,
        ),
    }
}

pub(crate) fn callbacks(
    db: &dyn Database,
    list: &CallbackList,
    limit: usize,
) -> Result<Vec<CallbackRow>, StoreError> {
    match list {
        CallbackList::OfCase(id) => {
            let tail = "WHERE case_id = ? ORDER BY received_at_ms, digest";
            many(db, tail, &[id.write()], limit)
        }
        CallbackList::Newest => {
            let tail = "ORDER BY received_at_ms DESC, digest DESC";
            many(db, tail, &[], limit)
        }
    }
}
