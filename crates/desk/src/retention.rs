//! Retention: when a case is over, its content and the personal data in it are erased. The log and
//! the digests stay.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, Kind, Number};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

use crate::appeal::is_reversed;
use crate::case::MAX_OF_CASE;
use crate::desk::{Batch, Desk, detail};
use crate::error::{DeskError, Refused};
use crate::ids::CaseId;
use crate::sorting::is_to_wait;
use crate::store::{
    AppealList, AppealRow, CaseRow, CaseStatus, Change, DecisionRow, Key, NoticeList, NoticeRow,
    ReportRow, Store,
};
use crate::vault::{VaultCalls, VaultError};
use crate::{hash, labels};

/// Maximum number of reports whose content one step erases.
pub const MAX_ERASED: usize = 1_000;

impl<S: Store> Desk<S> {
    /// Erases the content and the personal data of a case: the reports, the account, the texts of
    /// notices and appeals, and the details that hold statements of reasons. Returns whether all is
    /// erased now; a case of many reports takes several calls.
    ///
    /// `keep_ms` is how long a case is kept after its last decision. Call the store's `compact`
    /// afterwards.
    ///
    /// # Errors
    /// [`Refused::Held`] if a hold is on the case, [`Refused::NotOver`] if it is not decided, an
    /// appeal is open or can still be filed, or `keep_ms` is not over, [`Refused::Erased`] if it
    /// was erased before, or the store's.
    pub fn erase(
        &mut self,
        case: &CaseId,
        keep_ms: u64,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, DeskError> {
        let old = self.store.case(case.as_bytes())?.ok_or(Refused::NoCase)?;
        self.check_over(&old, keep_ms, now)?;
        let reports = self.reports_of(&old.id)?;
        let left: Vec<_> = reports
            .into_iter()
            .filter(|report| !report.is_erased)
            .collect();
        let (now_erased, later) = left.split_at(left.len().min(MAX_ERASED));
        let is_done = later.is_empty();
        let mut batch = self.begin(now);
        let digest = self.erase_reports(&mut batch, now_erased)?;
        if is_done {
            self.erase_texts(&mut batch, &old)?;
            let new = CaseRow {
                account: None,
                status: CaseStatus::Closed,
                ..old.clone()
            };
            batch.swap(old.clone(), new);
        } else {
            batch.change(Change::unchanged(old.clone()));
        }
        let number = Number::from_bytes(old.number);
        batch.log(number, Event::ContentErased, detail(digest.to_vec(), rng)?);
        self.commit(batch)?;
        Ok(is_done)
    }

    /// Erases the content and the personal data of a report that has no case, because the vault
    /// cannot sort it. The log keeps its leaf, and says no reason.
    ///
    /// `keep_ms` is how long a report is kept after it was received. Call the store's `compact`
    /// afterwards.
    ///
    /// # Errors
    /// [`Refused::NoReport`] if there is no such report or its content was erased,
    /// [`Refused::AlreadySorted`], [`Refused::NotOver`] if `keep_ms` is not over or the vault can
    /// sort or reject the report, the vault's if it does not answer, or the store's.
    pub fn erase_unsorted(
        &mut self,
        id: &ReportId,
        vault: &mut impl VaultCalls,
        keep_ms: u64,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let old = self.store.report(id.as_bytes())?.ok_or(Refused::NoReport)?;
        if old.reason.is_some() || old.rejected.is_some() {
            return Err(Refused::AlreadySorted.into());
        }
        let content = self.store.content(&old.id)?.ok_or(Refused::NoReport)?;
        // CHK-225: the report's time is over, and the vault still cannot sort it.
        if now.as_millis() <= old.received_at_ms.saturating_add(keep_ms) {
            return Err(Refused::NotOver.into());
        }
        match vault.sort(id, &content.accepted, now) {
            Err(VaultError::NotAccepted) => {}
            Err(VaultError::Rejected { check }) if is_to_wait(check) => {}
            Ok(_) | Err(VaultError::Rejected { .. }) => return Err(Refused::NotOver.into()),
            Err(error) => return Err(error.into()),
        }
        let mut batch = self.begin(now);
        batch.change(Change::Remove(Key::Content(old.id)));
        let new = old.erased();
        batch.swap(old, new);
        self.commit(batch)
    }

    /// Erases the content of reports. Returns the digest of their digests.
    fn erase_reports(
        &self,
        batch: &mut Batch,
        reports: &[ReportRow],
    ) -> Result<[u8; 32], DeskError> {
        let mut digests = Vec::new();
        for report in reports {
            digests.extend_from_slice(&report.digest);
            if self.store.content(&report.id)?.is_some() {
                batch.change(Change::Remove(Key::Content(report.id)));
            }
            batch.swap(report.clone(), report.erased());
        }
        Ok(hash::digest(labels::ERASED, &[&digests]))
    }

    /// Checks that nothing more can happen in a case, and that its time is over.
    fn check_over(&self, case: &CaseRow, keep_ms: u64, now: Timestamp) -> Result<(), DeskError> {
        // CHK-224: no hold is on the case.
        if case.is_held {
            return Err(Refused::Held.into());
        }
        if case.status == CaseStatus::Closed {
            return Err(Refused::Erased.into());
        }
        // CHK-225: the case is decided and its time is over; no appeal is open or possible.
        let decisions = self.store.decisions(&case.id, MAX_OF_CASE)?;
        let last = decisions.last().ok_or(Refused::NotOver)?;
        let appeals = self
            .store
            .appeals(&AppealList::OfCase(case.id), None, MAX_OF_CASE)?;
        let end = last
            .decided_at_ms
            .saturating_add(keep_ms)
            .max(last.appeal_until_ms);
        let is_open = |appeal: &AppealRow| {
            appeal.outcome.is_none() || (appeal.decision == last.leaf_hash && is_reversed(appeal))
        };
        if now.as_millis() <= end || appeals.iter().any(is_open) {
            return Err(Refused::NotOver.into());
        }
        Ok(())
    }

    /// Erases the texts of a case, what its exports sent and were answered, and the salts and
    /// details of the entries that hold texts.
    fn erase_texts(&self, batch: &mut Batch, case: &CaseRow) -> Result<(), DeskError> {
        for decision in self.store.decisions(&case.id, MAX_OF_CASE)? {
            batch.change(Change::Remove(Key::Detail(decision.log_index)));
            let new = DecisionRow {
                signed: Vec::new(),
                ..decision.clone()
            };
            batch.swap(decision.clone(), new);
            for notice in self
                .store
                .notices(&NoticeList::OfDecision(decision.leaf_hash), 2)?
            {
                let new = NoticeRow {
                    body: Vec::new(),
                    ..notice.clone()
                };
                batch.swap(notice, new);
            }
        }
        for appeal in self
            .store
            .appeals(&AppealList::OfCase(case.id), None, MAX_OF_CASE)?
        {
            let new = AppealRow {
                text: None,
                signed: None,
                ..appeal.clone()
            };
            batch.swap(appeal, new);
        }
        self.erase_exports(batch, &case.id)?;
        let entries = self.store.entries_with(&case.number, MAX_OF_CASE)?;
        let is_text = |kind: u8| Kind::from_number(kind) == Some(Kind::AppealDecided);
        for entry in entries.iter().filter(|entry| is_text(entry.kind)) {
            batch.change(Change::Remove(Key::Detail(entry.log_index)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
