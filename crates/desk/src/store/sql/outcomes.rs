//! What a store reads of decisions, notices and appeals, and of the registers.

use super::Database;
use super::columns::{Column as _, Value, index, position};
use super::rows::{many, one};
use crate::store::error::StoreError;
use crate::store::lists::{AppealList, NoticeList};
use crate::store::rows::{
    AppealRow, DecisionRow, HoldRow, KeyEpochRow, LegalRow, NoticeRow, PolicyRow,
};

pub(crate) fn decision(
    db: &dyn Database,
    leaf_hash: &[u8; 32],
) -> Result<Option<DecisionRow>, StoreError> {
    one(db, "WHERE leaf_hash = ?", &[leaf_hash.write()])
}

pub(crate) fn decisions(
    db: &dyn Database,
    case_id: &[u8; 16],
    limit: usize,
) -> Result<Vec<DecisionRow>, StoreError> {
    many(
        db,
        "WHERE case_id = ? ORDER BY log_index",
        &[case_id.write()],
        limit,
    )
}

pub(crate) fn notices(
    db: &dyn Database,
    list: &NoticeList,
    limit: usize,
) -> Result<Vec<NoticeRow>, StoreError> {
    let order = "ORDER BY made_at_ms, decision, side, recipient";
    match list {
        NoticeList::OfDecision(leaf_hash) => many(
            db,
            &format!("WHERE decision = ? {order}"),
            &[leaf_hash.write()],
            limit,
        ),
        NoticeList::Unsent => many(db, &format!("WHERE sent_at_ms IS NULL {order}"), &[], limit),
    }
}

pub(crate) fn appeal(
    db: &dyn Database,
    leaf_hash: &[u8; 32],
) -> Result<Option<AppealRow>, StoreError> {
    one(db, "WHERE leaf_hash = ?", &[leaf_hash.write()])
}

pub(crate) fn appeals(
    db: &dyn Database,
    list: &AppealList,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<AppealRow>, StoreError> {
    let after = index(after);
    let (of, params): (&str, Vec<Value<'_>>) = match list {
        AppealList::OfCase(id) => ("case_id = ?", vec![id.write(), after]),
        AppealList::Undecided => ("outcome IS NULL", vec![after]),
    };
    let tail = format!("WHERE {of} AND log_index > ? ORDER BY log_index");
    many(db, &tail, &params, limit)
}

pub(crate) fn legal_request(
    db: &dyn Database,
    id: &[u8; 16],
) -> Result<Option<LegalRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn legal_requests(
    db: &dyn Database,
    after: Option<(u64, [u8; 16])>,
    limit: usize,
) -> Result<Vec<LegalRow>, StoreError> {
    let tail = "WHERE (received_at_ms, id) > (?, ?) ORDER BY received_at_ms, id";
    let (time, id) = position(after);
    many(db, tail, &[time, id.write()], limit)
}

pub(crate) fn hold(db: &dyn Database, id: &[u8; 16]) -> Result<Option<HoldRow>, StoreError> {
    one(db, "WHERE id = ?", &[id.write()])
}

pub(crate) fn holds(
    db: &dyn Database,
    case_id: &[u8; 16],
    limit: usize,
) -> Result<Vec<HoldRow>, StoreError> {
    many(
        db,
        "WHERE case_id = ? ORDER BY placed_at_ms, id",
        &[case_id.write()],
        limit,
    )
}

pub(crate) fn policy(db: &dyn Database, version: u32) -> Result<Option<PolicyRow>, StoreError> {
    one(db, "WHERE version = ?", &[version.write()])
}

pub(crate) fn newest_policy(db: &dyn Database) -> Result<Option<PolicyRow>, StoreError> {
    one(db, "ORDER BY version DESC", &[])
}

pub(crate) fn key_epochs(
    db: &dyn Database,
    key_kind: u8,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<KeyEpochRow>, StoreError> {
    let tail = "WHERE key_kind = ? AND epoch > ? ORDER BY epoch";
    many(db, tail, &[key_kind.write(), index(after)], limit)
}
