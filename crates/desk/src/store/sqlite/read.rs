//! What a store in SQLite reads.

use rusqlite::ToSql;

use super::columns::int;
use super::rows::{many, number, one};
use super::write;
use super::{SqliteStore, exports};
use crate::store::Store;
use crate::store::change::Change;
use crate::store::error::StoreError;
use crate::store::lists::{
    AppealList, CallbackList, ExportList, FetchList, GrantList, NoticeList, OpeningList, ReportList,
};
use crate::store::queue::{Page, Query};
use crate::store::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow, OutboxRow,
    PendingRow, PolicyRow, ReportRow, TileRow,
};

/// For a list without a position to go on after: no number is smaller.
const FROM_START: i64 = -1;

fn position(after: Option<(u64, [u8; 16])>) -> (i64, [u8; 16]) {
    after.map_or((FROM_START, [0; 16]), |(time, id)| (int(time), id))
}

fn index(after: Option<u64>) -> i64 {
    after.map_or(FROM_START, int)
}

impl Store for SqliteStore {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.apply_all(changes)
    }

    fn log_size(&self) -> Result<u64, StoreError> {
        write::log_size(&self.db)
    }

    fn entry(&self, log_index: u64) -> Result<Option<EntryRow>, StoreError> {
        one(&self.db, "WHERE log_index = ?", [int(log_index)])
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<EntryRow>, StoreError> {
        many(
            &self.db,
            "WHERE log_index >= ? ORDER BY log_index",
            [int(from)],
            limit,
        )
    }

    fn entries_with(&self, number: &[u8; 16], limit: usize) -> Result<Vec<EntryRow>, StoreError> {
        many(
            &self.db,
            "WHERE number = ? ORDER BY log_index",
            [number],
            limit,
        )
    }

    fn tile(&self, level: u8, tile_index: u64) -> Result<Option<TileRow>, StoreError> {
        one(
            &self.db,
            "WHERE level = ? AND tile_index = ?",
            (level, int(tile_index)),
        )
    }

    fn checkpoint(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
        one(&self.db, "WHERE size = ?", [int(size)])
    }

    fn newest_checkpoint(&self, complete: bool) -> Result<Option<CheckpointRow>, StoreError> {
        let tail = match complete {
            true => "WHERE is_complete = 1 ORDER BY size DESC",
            false => "ORDER BY size DESC",
        };
        one(&self.db, tail, [])
    }

    fn checkpoints(&self, after: u64, limit: usize) -> Result<Vec<CheckpointRow>, StoreError> {
        many(
            &self.db,
            "WHERE size > ? ORDER BY size",
            [int(after)],
            limit,
        )
    }

    fn pending_leaf(&self, leaf_hash: &[u8; 32]) -> Result<Option<PendingRow>, StoreError> {
        one(&self.db, "WHERE leaf_hash = ?", [leaf_hash])
    }

    fn pending(&self, before_day: u32, limit: usize) -> Result<Vec<PendingRow>, StoreError> {
        many(
            &self.db,
            "WHERE day < ? ORDER BY day, leaf_hash",
            [before_day],
            limit,
        )
    }

    fn report(&self, id: &[u8; 16]) -> Result<Option<ReportRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn report_with_digest(&self, digest: &[u8; 32]) -> Result<Option<ReportRow>, StoreError> {
        one(&self.db, "WHERE digest = ?", [digest])
    }

    fn report_with_number(&self, number: &[u8; 16]) -> Result<Option<ReportRow>, StoreError> {
        one(&self.db, "WHERE number = ?", [number])
    }

    fn reports(
        &self,
        list: &ReportList,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let (time, id) = position(after);
        let (db, next) = (
            &self.db,
            "(received_at_ms, id) > (?, ?) ORDER BY received_at_ms, id",
        );
        match *list {
            ReportList::OfCase(case_id) => {
                let tail = format!("WHERE case_id = ? AND {next}");
                many(db, &tail, (case_id, time, id), limit)
            }
            ReportList::Unsorted => {
                let unsorted = "reason IS NULL AND rejected IS NULL AND is_erased = 0";
                many(
                    db,
                    &format!("WHERE {unsorted} AND {next}"),
                    (time, id),
                    limit,
                )
            }
            ReportList::KeptBefore(before) => {
                let kept = "is_erased = 0 AND rejected IS NULL AND received_at_ms < ?";
                many(
                    db,
                    &format!("WHERE {kept} AND {next}"),
                    (int(before), time, id),
                    limit,
                )
            }
        }
    }

    fn content(&self, report_id: &[u8; 16]) -> Result<Option<ContentRow>, StoreError> {
        one(&self.db, "WHERE report_id = ?", [report_id])
    }

    fn has_reported(&self, case_id: &[u8; 16], reporter: &[u8; 32]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM reports WHERE case_id = ? AND reporter = ? LIMIT 1";
        Ok(number(&self.db, sql, (case_id, reporter))?.is_some())
    }

    fn case(&self, id: &[u8; 16]) -> Result<Option<CaseRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn case_with_number(&self, number: &[u8; 16]) -> Result<Option<CaseRow>, StoreError> {
        one(&self.db, "WHERE number = ?", [number])
    }

    fn undecided_case(&self, account: &str) -> Result<Option<CaseRow>, StoreError> {
        let tail = "WHERE account = ? AND status IN ('open', 'waiting')
            ORDER BY first_report_at_ms DESC, id DESC";
        one(&self.db, tail, [account])
    }

    fn cases_of(&self, account: &str, limit: usize) -> Result<Vec<CaseRow>, StoreError> {
        let tail = "WHERE account = ? ORDER BY first_report_at_ms DESC, id DESC";
        many(&self.db, tail, [account], limit)
    }

    fn queue(&self, query: &Query) -> Result<Page, StoreError> {
        super::queue::page(&self.db, query)
    }

    fn grant(&self, id: &[u8; 16]) -> Result<Option<GrantRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn grant_with_digest(&self, digest: &[u8; 32]) -> Result<Option<GrantRow>, StoreError> {
        one(&self.db, "WHERE digest = ?", [digest])
    }

    fn grants(&self, list: &GrantList, limit: usize) -> Result<Vec<GrantRow>, StoreError> {
        let to_review = "WHERE review IS NULL AND review_until_ms IS NOT NULL";
        let (tail, params): (String, &[&dyn ToSql]) = match list {
            GrantList::OfCase(case_id) => (
                "WHERE case_id = ? ORDER BY requested_at_ms, id".to_owned(),
                &[case_id],
            ),
            GrantList::Requested => (
                "WHERE state = 'requested' ORDER BY requested_at_ms, id".to_owned(),
                &[],
            ),
            GrantList::ExpiringBy(time) => (
                "WHERE state IN ('requested', 'approved') AND expires_at_ms <= ?
                    ORDER BY expires_at_ms, id"
                    .to_owned(),
                &[&int(*time)],
            ),
            GrantList::OverdueBy(time) => (
                format!(
                    "{to_review} AND is_overdue = 0 AND review_until_ms <= ?
                        ORDER BY review_until_ms, id"
                ),
                &[&int(*time)],
            ),
            GrantList::ToReview => (format!("{to_review} ORDER BY review_until_ms, id"), &[]),
        };
        many(&self.db, &tail, params, limit)
    }

    fn opening(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
    ) -> Result<Option<OpeningRow>, StoreError> {
        one(
            &self.db,
            "WHERE grant_digest = ? AND ordinal = ?",
            (grant_digest, ordinal),
        )
    }

    fn openings(
        &self,
        list: &OpeningList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OpeningRow>, StoreError> {
        let after = index(after);
        let (of, params): (&str, Vec<&dyn ToSql>) = match list {
            OpeningList::UnderGrant(digest) => ("grant_digest = ?", vec![digest, &after]),
            OpeningList::OfReport(id) => ("report_id = ?", vec![id, &after]),
            OpeningList::OfCase(id) => ("case_id = ?", vec![id, &after]),
            OpeningList::NotShown => ("shown_at_ms IS NULL", vec![&after]),
        };
        let tail = format!("WHERE {of} AND log_index > ? ORDER BY log_index");
        many(&self.db, &tail, params.as_slice(), limit)
    }

    fn decision(&self, leaf_hash: &[u8; 32]) -> Result<Option<DecisionRow>, StoreError> {
        one(&self.db, "WHERE leaf_hash = ?", [leaf_hash])
    }

    fn decisions(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<DecisionRow>, StoreError> {
        many(
            &self.db,
            "WHERE case_id = ? ORDER BY log_index",
            [case_id],
            limit,
        )
    }

    fn notices(&self, list: &NoticeList, limit: usize) -> Result<Vec<NoticeRow>, StoreError> {
        let order = "ORDER BY made_at_ms, decision, side, recipient";
        match list {
            NoticeList::OfDecision(leaf_hash) => many(
                &self.db,
                &format!("WHERE decision = ? {order}"),
                [leaf_hash],
                limit,
            ),
            NoticeList::Unsent => many(
                &self.db,
                &format!("WHERE sent_at_ms IS NULL {order}"),
                [],
                limit,
            ),
        }
    }

    fn appeal(&self, leaf_hash: &[u8; 32]) -> Result<Option<AppealRow>, StoreError> {
        one(&self.db, "WHERE leaf_hash = ?", [leaf_hash])
    }

    fn appeals(
        &self,
        list: &AppealList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AppealRow>, StoreError> {
        let after = index(after);
        let (of, params): (&str, Vec<&dyn ToSql>) = match list {
            AppealList::OfCase(id) => ("case_id = ?", vec![id, &after]),
            AppealList::Undecided => ("outcome IS NULL", vec![&after]),
        };
        let tail = format!("WHERE {of} AND log_index > ? ORDER BY log_index");
        many(&self.db, &tail, params.as_slice(), limit)
    }

    fn legal_request(&self, id: &[u8; 16]) -> Result<Option<LegalRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn legal_requests(
        &self,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<LegalRow>, StoreError> {
        let tail = "WHERE (received_at_ms, id) > (?, ?) ORDER BY received_at_ms, id";
        many(&self.db, tail, position(after), limit)
    }

    fn hold(&self, id: &[u8; 16]) -> Result<Option<HoldRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn holds(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<HoldRow>, StoreError> {
        many(
            &self.db,
            "WHERE case_id = ? ORDER BY placed_at_ms, id",
            [case_id],
            limit,
        )
    }

    fn policy(&self, version: u32) -> Result<Option<PolicyRow>, StoreError> {
        one(&self.db, "WHERE version = ?", [version])
    }

    fn newest_policy(&self) -> Result<Option<PolicyRow>, StoreError> {
        one(&self.db, "ORDER BY version DESC", [])
    }

    fn key_epochs(
        &self,
        key_kind: u8,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeyEpochRow>, StoreError> {
        let tail = "WHERE key_kind = ? AND epoch > ? ORDER BY epoch";
        many(&self.db, tail, (key_kind, index(after)), limit)
    }

    fn export(&self, id: &[u8; 16]) -> Result<Option<ExportRow>, StoreError> {
        one(&self.db, "WHERE id = ?", [id])
    }

    fn exports(&self, list: &ExportList, limit: usize) -> Result<Vec<ExportRow>, StoreError> {
        exports::exports(&self.db, list, limit)
    }

    fn outbox(&self, export_id: &[u8; 16]) -> Result<Option<OutboxRow>, StoreError> {
        one(&self.db, "WHERE export_id = ?", [export_id])
    }

    fn fetch(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
        blob: &[u8; 32],
    ) -> Result<Option<FetchRow>, StoreError> {
        exports::fetch(&self.db, (grant_digest, ordinal, blob))
    }

    fn fetches(&self, list: &FetchList, limit: usize) -> Result<Vec<FetchRow>, StoreError> {
        exports::fetches(&self.db, list, limit)
    }

    fn callback(&self, digest: &[u8; 32]) -> Result<Option<CallbackRow>, StoreError> {
        one(&self.db, "WHERE digest = ?", [digest])
    }

    fn callbacks(&self, list: &CallbackList, limit: usize) -> Result<Vec<CallbackRow>, StoreError> {
        exports::callbacks(&self.db, list, limit)
    }

    fn meta(&self, name: &str) -> Result<Option<MetaRow>, StoreError> {
        one(&self.db, "WHERE name = ?", [name])
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.erase_traces()
    }
}
