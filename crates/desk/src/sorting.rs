//! Sorts reports into cases, and enters the reason that the vault tells.

use rand_core::CryptoRng;
use waxseal_log::entry::ReasonCode;
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::{AccountId, Timestamp};

use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::ids::CaseId;
use crate::store::limits::MAX_LISTED;
use crate::store::{Change, Key, ReportList, ReportRow, Store};
use crate::vault::{VaultCalls, VaultError, reported_account};

/// What became of a report that was to be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sorting {
    /// It is in this case.
    Case(CaseId),
    /// It failed this check in the vault, and was erased. The intake releases its nullifiers.
    Rejected {
        /// Number of the check.
        check: u8,
    },
    /// The vault lacks its moderation key (check 82), or its version is a later one (97). It waits,
    /// until [`Desk::erase_unsorted`] erases it.
    Waits {
        /// Number of the check.
        check: u8,
    },
}

impl<S: Store> Desk<S> {
    /// Sorts a report into the undecided case about its account, or into a new one, and enters the
    /// reason that the vault tells.
    ///
    /// # Errors
    /// [`Refused::NoReport`], [`Refused::AlreadySorted`], the vault's, or the store's.
    pub fn sort(
        &mut self,
        id: &ReportId,
        vault: &mut impl VaultCalls,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Sorting, DeskError> {
        let row = self.store.report(id.as_bytes())?.ok_or(Refused::NoReport)?;
        // CHK-208: a report is sorted once.
        if row.reason.is_some() || row.rejected.is_some() {
            return Err(Refused::AlreadySorted.into());
        }
        let content = self
            .store
            .content(id.as_bytes())?
            .ok_or(Refused::NoReport)?;
        let reason = match vault.sort(id, &content.accepted, now) {
            Ok(sorted) => sorted.reason.number(),
            Err(VaultError::Rejected { check }) => return self.not_sorted(row, check, now),
            Err(error) => return Err(error.into()),
        };
        let reason = ReasonCode::from_number(reason).ok_or(Refused::Damaged("report"))?;
        let account = account_of(&content.accepted).ok_or(Refused::Damaged("report"))?;
        let case = self.enter_sorted(row, &account, reason, now, rng)?;
        Ok(Sorting::Case(case))
    }

    /// Sorts up to `limit` of the reports that wait, in random order, so that the log does not show
    /// in which order they arrived. Returns each with what became of it.
    ///
    /// # Errors
    /// The vault's, the store's, or [`Refused::AlreadySorted`] if another desk sorts the same
    /// reports. Reports before the failing one are sorted.
    pub fn sort_waiting(
        &mut self,
        vault: &mut impl VaultCalls,
        limit: usize,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<(ReportId, Sorting)>, DeskError> {
        let (mut waiting, mut after) = (Vec::new(), None);
        let mut done = Vec::new();
        loop {
            let page = self
                .store
                .reports(&ReportList::Unsorted, after, MAX_LISTED)?;
            let Some(last) = page.last() else { break };
            after = Some((last.received_at_ms, last.id));
            waiting.extend(page.into_iter().map(|row| {
                let mut key = [0; 8];
                rng.fill_bytes(&mut key);
                (key, ReportId::from_bytes(row.id))
            }));
        }
        waiting.sort_unstable();
        for (_, id) in waiting {
            if done.len() >= limit {
                break;
            }
            let sorting = self.sort(&id, vault, now, rng)?;
            done.push((id, sorting));
        }
        Ok(done)
    }

    /// Keeps a report that the vault cannot read yet. Erases one that it rejected: no one sees it.
    fn not_sorted(
        &mut self,
        old: ReportRow,
        check: u8,
        now: Timestamp,
    ) -> Result<Sorting, DeskError> {
        if is_to_wait(check) {
            return Ok(Sorting::Waits { check });
        }
        let new = ReportRow {
            rejected: Some(check),
            ..old.erased()
        };
        let mut batch = self.begin(now);
        batch.change(Change::Remove(Key::Content(old.id)));
        batch.swap(old, new);
        self.commit(batch)?;
        Ok(Sorting::Rejected { check })
    }
}

/// Whether a report that fails this check waits: for its moderation key (82), or a later version
/// (97).
pub fn is_to_wait(check: u8) -> bool {
    [82, 97].contains(&check)
}

/// The account that an accepted report is about. A report of the reporter's own messages in a group
/// accuses no one else, and is in a case about the reporter.
pub(crate) fn account_of(accepted: &[u8]) -> Option<AccountId> {
    let report = AcceptedReport::report_of(accepted).ok()?;
    let reporter = &report.reporter().account;
    let account = reported_account(reporter, report.about_account(), report.claims());
    Some(account.unwrap_or_else(|| reporter.clone()))
}

#[cfg(test)]
mod tests;
