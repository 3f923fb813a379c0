//! Finds the entries of each row.

use waxseal_log::entry::{Entry, KeyKind, Kind};

use super::entries::promised;
use super::{Auditor, Finding};
use crate::case::CaseView;
use crate::error::DeskError;
use crate::grants::read_request;
use crate::ids::CaseId;
use crate::records::epoch_digest;
use crate::store::limits::{MAX_LISTED, MAX_PAGE};
use crate::store::{
    CaseStatus, GrantRow, GrantState, OpeningList, Order, Query, ReportList, ReportRow, Store,
};

const STATUSES: [CaseStatus; 4] = [
    CaseStatus::Open,
    CaseStatus::Waiting,
    CaseStatus::Decided,
    CaseStatus::Closed,
];

impl<S: Store> Auditor<'_, S> {
    /// Checks that every row has its entries.
    pub(super) fn rows(&mut self) -> Result<(), DeskError> {
        for status in STATUSES {
            let mut query = Query {
                status,
                ..Query::open(Order::Age, 0, MAX_PAGE)
            };
            loop {
                let page = self.desk.store.queue(&query)?;
                for case in &page.cases {
                    self.assignment_is_signed(case)?;
                    let view = self.desk.case(&CaseId::from_bytes(case.id))?;
                    self.case(&view)?;
                }
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        self.unsorted()?;
        self.registers()
    }

    // CHK-227: an entry says what the row says.
    pub(super) fn expect_entry(&mut self, is_there: bool, table: &'static str, id: &[u8; 16]) {
        if !is_there {
            self.found(Finding::WithoutEntry { table, id: *id });
        }
    }

    /// Whether the log has an entry of a kind with this number.
    fn has(&self, number: &[u8; 16], kind: Kind) -> Result<bool, DeskError> {
        let entries = self.desk.store.entries_with(number, MAX_LISTED)?;
        Ok(entries.iter().any(|entry| entry.kind == kind.number()))
    }

    /// Whether the entry at an index is of a kind.
    fn is(&self, index: Option<u64>, kind: Kind) -> Result<bool, DeskError> {
        let row = match index {
            Some(index) => self.desk.store.entry(index)?,
            None => None,
        };
        Ok(row.is_some_and(|row| row.kind == kind.number()))
    }

    /// Whether the entry at an index has this leaf hash.
    fn is_leaf(&self, index: u64, leaf: &[u8; 32]) -> Result<bool, DeskError> {
        let row = self.desk.store.entry(index)?;
        let entry = row.and_then(|row| Entry::decode(&row.entry).ok());
        Ok(entry.is_some_and(|entry| entry.leaf_hash().as_bytes() == leaf))
    }

    fn case(&mut self, view: &CaseView) -> Result<(), DeskError> {
        let case = &view.case;
        let reports = self.desk.reports_of(&case.id)?;
        for report in &reports {
            self.report(report)?;
            self.content(report, case.account.as_deref())?;
            self.fetches(&report.id)?;
        }
        self.exports(&case.id)?;
        for grant in &view.grants {
            let list = OpeningList::UnderGrant(grant.digest);
            let openings = self.desk.store.openings(&list, None, MAX_LISTED)?.len();
            let is_there = self.has_steps(grant)? && openings == usize::from(grant.openings);
            self.expect_entry(is_there, "grant", &grant.id);
        }
        self.openings(&case.id)?;
        for decision in &view.decisions {
            let is_there = self.is_leaf(decision.log_index, &decision.leaf_hash)?;
            self.expect_entry(is_there, "decision", &half(&decision.leaf_hash));
            self.notices(case, decision)?;
        }
        for appeal in &view.appeals {
            let is_there = self.is_leaf(appeal.log_index, &appeal.leaf_hash)?
                && (appeal.outcome.is_none() || self.is_decided(&case.number, appeal, u64::MAX)?);
            self.expect_entry(is_there, "appeal", &half(&appeal.leaf_hash));
        }
        for hold in &view.holds {
            let is_there = self.has(&hold.number, Kind::HoldPlaced)?
                && (hold.lifted_at_ms.is_none() || self.has(&hold.number, Kind::HoldLifted)?);
            self.expect_entry(is_there, "hold", &hold.id);
        }
        let is_decided = view.decisions.is_empty() == case.status.is_undecided();
        let is_erased = self.erasures(case, &reports)?;
        let is_held = view.holds.iter().any(|hold| hold.lifted_at_ms.is_none());
        let is_there = is_decided
            && is_held == case.is_held
            && u32::try_from(reports.len()) == Ok(case.reports)
            && (case.status != CaseStatus::Closed || is_erased);
        self.expect_entry(is_there, "case", &case.id);
        Ok(())
    }

    fn openings(&mut self, case: &[u8; 16]) -> Result<(), DeskError> {
        let mut after = None;
        loop {
            let list = OpeningList::OfCase(*case);
            let page = self.desk.store.openings(&list, after, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.log_index);
            for opening in &page {
                let row = self.desk.store.entry(opening.log_index)?;
                let ordinal = opening.ordinal.to_be_bytes();
                // See `OpeningDetail`.
                let said = [&opening.grant_digest[..], &opening.report_digest, &ordinal].concat();
                let is_there = row.is_some_and(|row| {
                    row.kind == Kind::ContentOpened.number()
                        && row.detail.is_some_and(|detail| detail.starts_with(&said))
                });
                self.expect_entry(is_there, "opening", &half(&opening.grant_digest));
            }
        }
    }

    /// Whether the log has the entries of a grant's steps.
    fn has_steps(&self, grant: &GrantRow) -> Result<bool, DeskError> {
        let has = |kind| self.has(&grant.number, kind);
        let named = read_request(&grant.signed).map(|(grant, _)| grant.terms().approver);
        let alone = named == Some(None);
        let is_approved = has(Kind::GrantApproved)?;
        Ok(has(Kind::GrantRequested)?
            && match grant.state {
                GrantState::Requested => !alone && !is_approved && grant.approver.is_none(),
                GrantState::Approved => {
                    is_approved != alone && is_approved == grant.approver.is_some()
                }
                GrantState::Denied => has(Kind::GrantDenied)? && !is_approved,
                GrantState::Expired => {
                    has(Kind::GrantExpired)? && is_approved == grant.approver.is_some()
                }
            }
            && (grant.review.is_none() || has(Kind::EmergencyReviewed)?)
            && (!grant.is_overdue || has(Kind::EmergencyOverdue)?))
    }

    /// The report's leaf is in the log or waits for its day to be over.
    fn report(&mut self, report: &ReportRow) -> Result<(), DeskError> {
        let store = &self.desk.store;
        let leaf = promised(report);
        let waits = match &leaf {
            Some(leaf) => store.pending_leaf(leaf.as_bytes())?.is_some(),
            None => false,
        };
        let entries = store.entries_with(&report.number, MAX_LISTED)?;
        let leaf_of = |bytes: &[u8]| Entry::decode(bytes).ok().map(|entry| entry.leaf_hash());
        let is_logged = entries
            .iter()
            .any(|row| leaf.is_some() && leaf_of(&row.entry) == leaf);
        let is_sorted = report.reason.is_none()
            || waits
            || entries
                .iter()
                .any(|row| row.kind == Kind::ReportSorted.number());
        self.expect_entry((waits || is_logged) && is_sorted, "report", &report.id);
        Ok(())
    }

    fn unsorted(&mut self) -> Result<(), DeskError> {
        let mut after = None;
        loop {
            let page = self
                .desk
                .store
                .reports(&ReportList::Unsorted, after, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some((last.received_at_ms, last.id));
            for report in &page {
                self.report(report)?;
                self.content(report, None)?;
            }
        }
    }

    fn registers(&mut self) -> Result<(), DeskError> {
        let mut after = None;
        loop {
            let page = self.desk.store.legal_requests(after, MAX_LISTED)?;
            let Some(last) = page.last() else { break };
            after = Some((last.received_at_ms, last.id));
            for request in &page {
                let is_there = self.has(&request.number, Kind::LegalRequestReceived)?
                    && (request.outcome.is_none()
                        || self.has(&request.number, Kind::LegalRequestAnswered)?);
                self.expect_entry(is_there, "legal", &request.id);
            }
        }
        if let Some(policy) = self.desk.store.newest_policy()? {
            let is_there = self.is(Some(policy.log_index), Kind::PolicyPublished)?;
            self.expect_entry(is_there, "policy", &[0; 16]);
        }
        for key in KeyKind::ALL {
            let mut after = None;
            loop {
                let page = self
                    .desk
                    .store
                    .key_epochs(key.number(), after, MAX_LISTED)?;
                let Some(last) = page.last() else { break };
                after = Some(last.epoch);
                for epoch in &page {
                    let digest = epoch_digest(epoch);
                    let is_there = self.created.contains(digest.as_slice())
                        && self.destroyed.contains(digest.as_slice())
                            == epoch.destroyed_at_ms.is_some();
                    self.expect_entry(is_there, "key_epoch", &half(&digest));
                }
            }
        }
        Ok(())
    }
}

/// The first half of a digest.
pub(super) fn half(digest: &[u8; 32]) -> [u8; 16] {
    digest.first_chunk().copied().unwrap_or_default()
}
