//! What a store in memory reads.

mod exports;
mod found;

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::{Id, MemoryStore};
use crate::store::Store;
use crate::store::change::Change;
use crate::store::error::StoreError;
use crate::store::limits::{MAX_LISTED, MAX_PAGE};
use crate::store::lists::{
    AppealList, CallbackList, ExportList, FetchList, GrantList, NoticeList, OpeningList, ReportList,
};
use crate::store::queue::{Page, Query};
use crate::store::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    FetchRow, GrantRow, GrantState, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow,
    OutboxRow, PendingRow, PolicyRow, ReportRow, TileRow,
};

const LAST: Id = [0xff; 16];

/// The first rows in the order of `place`, after the place `after`.
fn first<'a, R: Clone + 'a, P: Ord>(
    rows: impl Iterator<Item = &'a R>,
    place: impl Fn(&R) -> P,
    after: Option<P>,
    limit: usize,
) -> Vec<R> {
    let mut rows: Vec<(P, &R)> = rows.map(|row| (place(row), row)).collect();
    rows.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let rows = rows.into_iter().take(limit.min(MAX_LISTED));
    rows.map(|(_, row)| row.clone()).collect()
}

impl Store for MemoryStore {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.apply_all(changes)
    }

    fn log_size(&self) -> Result<u64, StoreError> {
        Ok(self.size())
    }

    fn entry(&self, log_index: u64) -> Result<Option<EntryRow>, StoreError> {
        Ok(self.entries.get(&log_index).cloned())
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<EntryRow>, StoreError> {
        let entries = self.entries.range(from..).take(limit.min(MAX_LISTED));
        Ok(entries.map(|(_, entry)| entry.clone()).collect())
    }

    fn entries_with(&self, number: &[u8; 16], limit: usize) -> Result<Vec<EntryRow>, StoreError> {
        let places = self.entry_numbers.range((*number, 0)..=(*number, u64::MAX));
        let entries = places.filter_map(|((_, index), ())| self.entries.get(index));
        Ok(entries.take(limit.min(MAX_LISTED)).cloned().collect())
    }

    fn tile(&self, level: u8, tile_index: u64) -> Result<Option<TileRow>, StoreError> {
        Ok(self.tiles.get(&(level, tile_index)).cloned())
    }

    fn checkpoint(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
        Ok(self.checkpoints.get(&size).cloned())
    }

    fn newest_checkpoint(&self, complete: bool) -> Result<Option<CheckpointRow>, StoreError> {
        let mut newest = self.checkpoints.values().rev();
        Ok(newest
            .find(|checkpoint| checkpoint.is_complete || !complete)
            .cloned())
    }

    fn checkpoints(&self, after: u64, limit: usize) -> Result<Vec<CheckpointRow>, StoreError> {
        let checkpoints = self.checkpoints.range((Excluded(after), Unbounded));
        let checkpoints = checkpoints.take(limit.min(MAX_LISTED));
        Ok(checkpoints
            .map(|(_, checkpoint)| checkpoint.clone())
            .collect())
    }

    fn pending_leaf(&self, leaf_hash: &[u8; 32]) -> Result<Option<PendingRow>, StoreError> {
        Ok(self.pending.get(leaf_hash).cloned())
    }

    fn pending(&self, before_day: u32, limit: usize) -> Result<Vec<PendingRow>, StoreError> {
        let leaves = self.pending.values().filter(|leaf| leaf.day < before_day);
        Ok(first(
            leaves,
            |leaf| (leaf.day, leaf.leaf_hash),
            None,
            limit,
        ))
    }

    fn report(&self, id: &[u8; 16]) -> Result<Option<ReportRow>, StoreError> {
        Ok(self.reports.get(id).cloned())
    }

    fn report_with_digest(&self, digest: &[u8; 32]) -> Result<Option<ReportRow>, StoreError> {
        let id = self.report_digests.get(digest);
        Ok(id.and_then(|id| self.reports.get(id)).cloned())
    }

    fn report_with_number(&self, number: &[u8; 16]) -> Result<Option<ReportRow>, StoreError> {
        let id = self.report_numbers.get(number);
        Ok(id.and_then(|id| self.reports.get(id)).cloned())
    }

    fn reports(
        &self,
        list: &ReportList,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let limit = limit.min(MAX_LISTED);
        let reports = self
            .reports_by_time(after)
            .filter(|report| report.rejected.is_none());
        Ok(match *list {
            ReportList::OfCase(id) => self.reports_of(id, after).take(limit).cloned().collect(),
            ReportList::Unsorted => reports
                .filter(|report| report.reason.is_none() && !report.is_erased)
                .take(limit)
                .cloned()
                .collect(),
            ReportList::KeptBefore(time) => reports
                .take_while(|report| report.received_at_ms < time)
                .filter(|report| !report.is_erased)
                .take(limit)
                .cloned()
                .collect(),
        })
    }

    fn content(&self, report_id: &[u8; 16]) -> Result<Option<ContentRow>, StoreError> {
        Ok(self.contents.get(report_id).cloned())
    }

    fn has_reported(&self, case_id: &[u8; 16], reporter: &[u8; 32]) -> Result<bool, StoreError> {
        let mut reports = self.reports_of(*case_id, None);
        Ok(reports.any(|report| report.reporter == Some(*reporter)))
    }

    fn case(&self, id: &[u8; 16]) -> Result<Option<CaseRow>, StoreError> {
        Ok(self.cases.get(id).cloned())
    }

    fn case_with_number(&self, number: &[u8; 16]) -> Result<Option<CaseRow>, StoreError> {
        let id = self.case_numbers.get(number);
        Ok(id.and_then(|id| self.cases.get(id)).cloned())
    }

    fn undecided_case(&self, account: &str) -> Result<Option<CaseRow>, StoreError> {
        Ok(self.find_undecided(account).cloned())
    }

    fn cases_of(&self, account: &str, limit: usize) -> Result<Vec<CaseRow>, StoreError> {
        let cases = self.cases_of_account(account).take(limit.min(MAX_LISTED));
        Ok(cases.cloned().collect())
    }

    fn queue(&self, query: &Query) -> Result<Page, StoreError> {
        let (status, order) = (query.status, query.order);
        let from = match query.after {
            Some(at) => Excluded((status, order, at.rank, at.first_report_at_ms, at.id)),
            None => Included((status, order, 0, 0, [0; 16])),
        };
        let to = Included((status, order, u32::MAX, u64::MAX, LAST));
        let limit = query.limit.min(MAX_PAGE);
        let places = self.queue.range((from, to));
        let places = places.filter(|(_, facets)| facets.fit(query));
        let cases = places.filter_map(|((.., id), _)| self.cases.get(id));
        let cases = cases.take(limit.saturating_add(1)).cloned().collect();
        Ok(Page::new(order, cases, limit))
    }

    fn grant(&self, id: &[u8; 16]) -> Result<Option<GrantRow>, StoreError> {
        Ok(self.grants.get(id).cloned())
    }

    fn grant_with_digest(&self, digest: &[u8; 32]) -> Result<Option<GrantRow>, StoreError> {
        let id = self.grant_digests.get(digest);
        Ok(id.and_then(|id| self.grants.get(id)).cloned())
    }

    fn grants(&self, list: &GrantList, limit: usize) -> Result<Vec<GrantRow>, StoreError> {
        let is_listed = |grant: &&GrantRow| {
            let in_force = matches!(grant.state, GrantState::Requested | GrantState::Approved);
            let to_review = grant.review.is_none();
            match *list {
                GrantList::OfCase(id) => grant.case_id == id,
                GrantList::Requested => grant.state == GrantState::Requested,
                GrantList::ExpiringBy(time) => in_force && grant.expires_at_ms <= time,
                GrantList::OverdueBy(time) => {
                    let is_over = grant.review_until_ms.is_some_and(|until| until <= time);
                    to_review && !grant.is_overdue && is_over
                }
                GrantList::ToReview => to_review && grant.review_until_ms.is_some(),
            }
        };
        let place = |grant: &GrantRow| {
            let time = match list {
                GrantList::OfCase(_) | GrantList::Requested => grant.requested_at_ms,
                GrantList::ExpiringBy(_) => grant.expires_at_ms,
                GrantList::OverdueBy(_) | GrantList::ToReview => {
                    grant.review_until_ms.unwrap_or_default()
                }
            };
            (time, grant.id)
        };
        Ok(first(
            self.grants.values().filter(is_listed),
            place,
            None,
            limit,
        ))
    }

    fn opening(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
    ) -> Result<Option<OpeningRow>, StoreError> {
        Ok(self.openings.get(&(*grant_digest, ordinal)).cloned())
    }

    fn openings(
        &self,
        list: &OpeningList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OpeningRow>, StoreError> {
        let is_listed = |opening: &&OpeningRow| match *list {
            OpeningList::UnderGrant(digest) => opening.grant_digest == digest,
            OpeningList::OfReport(id) => opening.report_id == id,
            OpeningList::OfCase(id) => opening.case_id == id,
            OpeningList::NotShown => opening.shown_at_ms.is_none(),
        };
        let openings = self.openings.values().filter(is_listed);
        Ok(first(openings, |opening| opening.log_index, after, limit))
    }

    fn decision(&self, leaf_hash: &[u8; 32]) -> Result<Option<DecisionRow>, StoreError> {
        Ok(self.decisions.get(leaf_hash).cloned())
    }

    fn decisions(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<DecisionRow>, StoreError> {
        let decisions = self.decisions.values();
        let decisions = decisions.filter(|decision| decision.case_id == *case_id);
        Ok(first(decisions, |decision| decision.log_index, None, limit))
    }

    fn notices(&self, list: &NoticeList, limit: usize) -> Result<Vec<NoticeRow>, StoreError> {
        let is_listed = |notice: &&NoticeRow| match *list {
            NoticeList::OfDecision(leaf_hash) => notice.decision == leaf_hash,
            NoticeList::Unsent => notice.sent_at_ms.is_none(),
        };
        let place = |notice: &NoticeRow| {
            (
                notice.made_at_ms,
                notice.decision,
                notice.side,
                notice.recipient,
            )
        };
        Ok(first(
            self.notices.values().filter(is_listed),
            place,
            None,
            limit,
        ))
    }

    fn appeal(&self, leaf_hash: &[u8; 32]) -> Result<Option<AppealRow>, StoreError> {
        Ok(self.appeals.get(leaf_hash).cloned())
    }

    fn appeals(
        &self,
        list: &AppealList,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AppealRow>, StoreError> {
        let is_listed = |appeal: &&AppealRow| match *list {
            AppealList::OfCase(id) => appeal.case_id == id,
            AppealList::Undecided => appeal.outcome.is_none(),
        };
        let appeals = self.appeals.values().filter(is_listed);
        Ok(first(appeals, |appeal| appeal.log_index, after, limit))
    }

    fn legal_request(&self, id: &[u8; 16]) -> Result<Option<LegalRow>, StoreError> {
        Ok(self.legal_requests.get(id).cloned())
    }

    fn legal_requests(
        &self,
        after: Option<(u64, [u8; 16])>,
        limit: usize,
    ) -> Result<Vec<LegalRow>, StoreError> {
        let requests = self.legal_requests.values();
        Ok(first(
            requests,
            |request| (request.received_at_ms, request.id),
            after,
            limit,
        ))
    }

    fn hold(&self, id: &[u8; 16]) -> Result<Option<HoldRow>, StoreError> {
        Ok(self.holds.get(id).cloned())
    }

    fn holds(&self, case_id: &[u8; 16], limit: usize) -> Result<Vec<HoldRow>, StoreError> {
        let holds = self.holds.values().filter(|hold| hold.case_id == *case_id);
        Ok(first(
            holds,
            |hold| (hold.placed_at_ms, hold.id),
            None,
            limit,
        ))
    }

    fn policy(&self, version: u32) -> Result<Option<PolicyRow>, StoreError> {
        Ok(self.policies.get(&version).cloned())
    }

    fn newest_policy(&self) -> Result<Option<PolicyRow>, StoreError> {
        Ok(self.policies.values().next_back().cloned())
    }

    fn key_epochs(
        &self,
        key_kind: u8,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeyEpochRow>, StoreError> {
        let from = match after {
            Some(epoch) => Excluded((key_kind, epoch)),
            None => Included((key_kind, 0)),
        };
        let epochs = self
            .key_epochs
            .range((from, Included((key_kind, u64::MAX))));
        let epochs = epochs.take(limit.min(MAX_LISTED));
        Ok(epochs.map(|(_, epoch)| epoch.clone()).collect())
    }

    fn export(&self, id: &[u8; 16]) -> Result<Option<ExportRow>, StoreError> {
        Ok(self.exports.get(id).cloned())
    }

    fn exports(&self, list: &ExportList, limit: usize) -> Result<Vec<ExportRow>, StoreError> {
        Ok(self.list_exports(list, limit))
    }

    fn outbox(&self, export_id: &[u8; 16]) -> Result<Option<OutboxRow>, StoreError> {
        Ok(self.outbox.get(export_id).cloned())
    }

    fn fetch(
        &self,
        grant_digest: &[u8; 32],
        ordinal: u16,
        blob: &[u8; 32],
    ) -> Result<Option<FetchRow>, StoreError> {
        let fetch = self.fetches.get(&(*grant_digest, ordinal, *blob));
        Ok(fetch.cloned())
    }

    fn fetches(&self, list: &FetchList, limit: usize) -> Result<Vec<FetchRow>, StoreError> {
        Ok(self.list_fetches(list, limit))
    }

    fn callback(&self, digest: &[u8; 32]) -> Result<Option<CallbackRow>, StoreError> {
        Ok(self.callbacks.get(digest).cloned())
    }

    fn callbacks(&self, list: &CallbackList, limit: usize) -> Result<Vec<CallbackRow>, StoreError> {
        Ok(self.list_callbacks(list, limit))
    }

    fn meta(&self, name: &str) -> Result<Option<MetaRow>, StoreError> {
        Ok(self.meta.get(&name.to_owned()).cloned())
    }
}
