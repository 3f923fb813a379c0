//! What a store reads: the calls of [`Store`](crate::store::Store), each as one statement.

use super::Database;
use super::columns::{Column as _, Value, index, position};
pub(crate) use super::exports::{callbacks, exports, fetch, fetches};
pub(crate) use super::outcomes::{
    appeal, appeals, decision, decisions, hold, holds, key_epochs, legal_request, legal_requests,
    newest_policy, notices, policy,
};
pub(crate) use super::queue::page as queue;
use super::rows::{many, number, one};
use crate::store::error::StoreError;
use crate::store::lists::{GrantList, OpeningList, ReportList};
use crate::store::rows::{
    CallbackRow, CaseRow, CheckpointRow, ContentRow, EntryRow, ExportRow, GrantRow, MetaRow,
    OpeningRow, OutboxRow, PendingRow, ReportRow, TileRow,
};

/// Number of entries in the log.
pub(crate) fn log_size(db: &dyn Database) -> Result<u64, StoreError> {
    let last = number(db, "SELECT max(log_index) FROM entries", &[])?;
    match last {
        None => Ok(0),
        Some(last) => {
            let size = u64::try_from(last)
                .ok()
                .and_then(|last| last.checked_add(1));
            size.ok_or(StoreError::Damaged)
        }
    }
}

pub(crate) fn entry(db: &dyn Database, log_index: u64) -> Result<Option<EntryRow>, StoreError> {
    one(db, "WHERE log_index = ?", &[log_index.write()])
}

pub(crate) fn entries(
    db: &dyn Database,
    from: u64,
    limit: usize,
) -> Result<Vec<EntryRow>, StoreError> {
    many(
        db,
        "WHERE log_index >= ? ORDER BY log_index",
        &[from.write()],
        limit,
    )
}

pub(crate) fn entries_with(
    db: &dyn Database,
    number: &[u8; 16],
    limit: usize,
) -> Result<Vec<EntryRow>, StoreError> {
    many(
        db,
        "WHERE number = ? ORDER BY log_index",
        &[number.write()],
        limit,
    )
}

pub(crate) fn tile(
    db: &dyn Database,
    level: u8,
    tile_index: u64,
) -> Result<Option<TileRow>, StoreError> {
    one(
        db,
        "WHERE level = ? AND tile_index = ?",
        &[level.write(), tile_index.write()],
    )
}

pub(crate) fn checkpoint(
    db: &dyn Database,
    size: u64,
) -> Result<Option<CheckpointRow>, StoreError> {
    one(db, "WHERE size = ?", &[size.write()])
}

pub(crate) fn newest_checkpoint(
    db: &dyn Database,
    complete: bool,
) -> Result<Option<CheckpointRow>, StoreError> {
    let tail = match complete {
        true => "WHERE is_complete = 1 ORDER BY size DESC",
        false => "ORDER BY size DESC",
    };
    one(db, tail, &[])
}

pub(crate) fn checkpoints(
    db: &dyn Database,
    after: u64,
    limit: usize,
) -> Result<Vec<CheckpointRow>, StoreError> {
    many(db, "WHERE size > ? ORDER BY size", &[after.write()], limit)
}

pub(crate) fn pending_leaf(
    db: &dyn Database,
    leaf_hash: &[u8; 32],
) -> Result<Option<PendingRow>, StoreError> {
    one(db, "WHERE leaf_hash = ?", &[leaf_hash.write()])
}

pub(crate) fn pending(
    db: &dyn Database,
    before_day: u32,
    limit: usize,
) -> Result<Vec<PendingRow>, StoreError> {
    many(
        db,
        "WHERE day < ? ORDER BY day, leaf_hash",
        &[before_day.write()],
        limit,
    )
}

pub(crate) fn report(db: &dyn Database, id: &[u8; 16]) -> Result<Option<ReportRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn report_with_digest(
    db: &dyn Database,
    digest: &[u8; 32],
) -> Result<Option<ReportRow>, StoreError> {
    one(db, "WHERE digest = ?", &[digest.write()])
}

pub(crate) fn report_with_number(
    db: &dyn Database,
    number: &[u8; 16],
) -> Result<Option<ReportRow>, StoreError> {
    one(db, "WHERE number = ?", &[number.write()])
}

pub(crate) fn reports(
    db: &dyn Database,
    list: &ReportList,
    after: Option<(u64, [u8; 16])>,
    limit: usize,
) -> Result<Vec<ReportRow>, StoreError> {
    let (time, id) = position(after);
    let (db, next) = (
        db,
        "(received_at_ms, id) > (?, ?) ORDER BY received_at_ms, id",
    );
    match *list {
        ReportList::OfCase(case_id) => {
            let tail = format!("WHERE case_id = ? AND {next}");
            many(db, &tail, &[case_id.write(), time, id.write()], limit)
        }
        ReportList::Unsorted => {
            let unsorted = "reason IS NULL AND rejected IS NULL AND is_erased = 0";
            many(
                db,
                &format!("WHERE {unsorted} AND {next}"),
                &[time, id.write()],
                limit,
            )
        }
        ReportList::KeptBefore(before) => {
            let kept = "is_erased = 0 AND rejected IS NULL AND received_at_ms < ?";
            many(
                db,
                &format!("WHERE {kept} AND {next}"),
                &[before.write(), time, id.write()],
                limit,
            )
        }
    }
}

pub(crate) fn content(
    db: &dyn Database,
    report_id: &[u8; 16],
) -> Result<Option<ContentRow>, StoreError> {
    one(db, "WHERE report_id = ?", &[report_id.write()])
}

pub(crate) fn has_reported(
    db: &dyn Database,
    case_id: &[u8; 16],
    reporter: &[u8; 32],
) -> Result<bool, StoreError> {
    let sql = "SELECT CAST(1 AS BIGINT) FROM reports WHERE case_id = ? AND reporter = ? LIMIT 1";
    Ok(number(db, sql, &[case_id.write(), reporter.write()])?.is_some())
}

pub(crate) fn case(db: &dyn Database, id: &[u8; 16]) -> Result<Option<CaseRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn case_with_number(
    db: &dyn Database,
    number: &[u8; 16],
) -> Result<Option<CaseRow>, StoreError> {
    one(db, "WHERE number = ?", &[number.write()])
}

pub(crate) fn undecided_case(
    db: &dyn Database,
    account: &str,
) -> Result<Option<CaseRow>, StoreError> {
    let tail = "WHERE account = ? AND status IN ('open', 'waiting')
        ORDER BY first_report_at_ms DESC, id DESC";
    one(db, tail, &[Value::text(account)])
}

pub(crate) fn cases_of(
    db: &dyn Database,
    account: &str,
    limit: usize,
) -> Result<Vec<CaseRow>, StoreError> {
    let tail = "WHERE account = ? ORDER BY first_report_at_ms DESC, id DESC";
    many(db, tail, &[Value::text(account)], limit)
}

pub(crate) fn grant(db: &dyn Database, id: &[u8; 16]) -> Result<Option<GrantRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn grant_with_digest(
    db: &dyn Database,
    digest: &[u8; 32],
) -> Result<Option<GrantRow>, StoreError> {
    one(db, "WHERE digest = ?", &[digest.write()])
}

pub(crate) fn grants(
    db: &dyn Database,
    list: &GrantList,
    limit: usize,
) -> Result<Vec<GrantRow>, StoreError> {
    let to_review = "WHERE review IS NULL AND review_until_ms IS NOT NULL";
    let (tail, params): (String, Vec<Value<'_>>) = match list {
        GrantList::OfCase(case_id) => (
            "WHERE case_id = ? ORDER BY requested_at_ms, id".to_owned(),
            vec![case_id.write()],
        ),
        GrantList::Requested => (
            "WHERE state = 'requested' ORDER BY requested_at_ms, id".to_owned(),
            vec![],
        ),
        GrantList::ExpiringBy(time) => (
            "WHERE state IN ('requested', 'approved') AND expires_at_ms <= ?
                ORDER BY expires_at_ms, id"
                .to_owned(),
            vec![time.write()],
        ),
        GrantList::OverdueBy(time) => (
            format!(
                "{to_review} AND is_overdue = 0 AND review_until_ms <= ?
                    ORDER BY review_until_ms, id"
            ),
            vec![time.write()],
        ),
        GrantList::ToReview => (format!("{to_review} ORDER BY review_until_ms, id"), vec![]),
    };
    many(db, &tail, &params, limit)
}

pub(crate) fn opening(
    db: &dyn Database,
    grant_digest: &[u8; 32],
    ordinal: u16,
) -> Result<Option<OpeningRow>, StoreError> {
    one(
        db,
        "WHERE grant_digest = ? AND ordinal = ?",
        &[grant_digest.write(), ordinal.write()],
    )
}

pub(crate) fn openings(
    db: &dyn Database,
    list: &OpeningList,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<OpeningRow>, StoreError> {
    let after = index(after);
    let (of, params): (&str, Vec<Value<'_>>) = match list {
        OpeningList::UnderGrant(digest) => ("grant_digest = ?", vec![digest.write(), after]),
        OpeningList::OfReport(id) => ("report_id = ?", vec![id.write(), after]),
        OpeningList::OfCase(id) => ("case_id = ?", vec![id.write(), after]),
        OpeningList::NotShown => ("shown_at_ms IS NULL", vec![after]),
    };
    let tail = format!("WHERE {of} AND log_index > ? ORDER BY log_index");
    many(db, &tail, &params, limit)
}

pub(crate) fn export(db: &dyn Database, id: &[u8; 16]) -> Result<Option<ExportRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn outbox(
    db: &dyn Database,
    export_id: &[u8; 16],
) -> Result<Option<OutboxRow>, StoreError> {
    one(db, "WHERE export_id = ?", &[export_id.write()])
}

pub(crate) fn callback(
    db: &dyn Database,
    digest: &[u8; 32],
) -> Result<Option<CallbackRow>, StoreError> {
    one(db, "WHERE digest = ?", &[digest.write()])
}

pub(crate) fn meta(db: &dyn Database, name: &str) -> Result<Option<MetaRow>, StoreError> {
    one(db, "WHERE name = ?", &[Value::text(name)])
}

pub(crate) fn clock(db: &dyn Database) -> Result<Option<u64>, StoreError> {
    db.clock()
}
