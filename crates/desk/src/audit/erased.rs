//! Checks that content is there until it was erased by the rules, and is gone afterwards.

use waxseal_log::entry::{Day, Entry, Event, Kind};
use waxseal_reporting::AccountId;
use waxseal_reporting::intake::AcceptedReport;

use super::Auditor;
use crate::appeal::is_reversed;
use crate::case::MAX_OF_CASE;
use crate::error::DeskError;
use crate::ids::AcceptedDigest;
use crate::retention::MAX_ERASED;
use crate::sorting::account_of;
use crate::store::limits::MAX_LISTED;
use crate::store::{AppealList, CaseRow, EntryRow, ReportRow, Store};
use crate::{hash, labels};

impl<S: Store> Auditor<'_, S> {
    /// Whether an entry says that reports of a case were erased, and the case was over (checks 224
    /// and 225). How long a case is kept after that is the provider's choice.
    pub(super) fn is_erasure(
        &self,
        row: &EntryRow,
        case: &CaseRow,
        digest: &[u8],
    ) -> Result<bool, DeskError> {
        let store = &self.desk.store;
        let before = |index: u64| index < row.log_index;
        let entries = store.entries_with(&case.number, MAX_LISTED)?;
        let count = |kind: Kind| {
            let is = |entry: &&EntryRow| entry.kind == kind.number() && before(entry.log_index);
            entries.iter().filter(is).count()
        };
        let decisions = store.decisions(&case.id, MAX_OF_CASE)?;
        let last = decisions.iter().rfind(|one| before(one.log_index));
        let Some(last) = last else {
            return Ok(false);
        };
        let appeals = store.appeals(&AppealList::OfCase(case.id), None, MAX_OF_CASE)?;
        let is_reversed = appeals
            .iter()
            .any(|appeal| appeal.decision == last.leaf_hash && is_reversed(appeal));
        let mut is_held = false;
        for hold in store.holds(&case.id, MAX_OF_CASE)? {
            let entries = store.entries_with(&hold.number, MAX_LISTED)?;
            let has = |kind: Kind| {
                let mut orders = entries.iter().filter(|entry| before(entry.log_index));
                orders.any(|entry| entry.kind == kind.number())
            };
            is_held |= has(Kind::HoldPlaced) && !has(Kind::HoldLifted);
        }
        let is_over = !is_held
            && !is_reversed
            && count(Kind::AppealFiled) == count(Kind::AppealDecided)
            && Day::of_ms(last.appeal_until_ms) <= self.day;
        let reports = self.desk.reports_of(&case.id)?;
        let step = reports.chunks(MAX_ERASED).nth(count(Kind::ContentErased));
        // All of it was erased before.
        let Some(step) = step else {
            return Ok(false);
        };
        let digests: Vec<u8> = step.iter().flat_map(|report| report.digest).collect();
        Ok(is_over && hash::digest(labels::ERASED, &[&digests]) == digest)
    }

    /// Whether the entries of a case say that all of it was erased. A report whose content is gone
    /// has an entry that says so.
    pub(super) fn erasures(
        &mut self,
        case: &CaseRow,
        reports: &[ReportRow],
    ) -> Result<bool, DeskError> {
        let entries = self.desk.store.entries_with(&case.number, MAX_LISTED)?;
        let erased = entries
            .iter()
            .filter(|entry| entry.kind == Kind::ContentErased.number());
        let steps = erased.count();
        for (step, reports) in reports.chunks(MAX_ERASED).enumerate() {
            for report in reports {
                let is_there = report.is_erased == (step < steps);
                self.expect_entry(is_there, "report", &report.id);
            }
        }
        Ok(steps >= reports.chunks(MAX_ERASED).len())
    }

    /// Checks that the content of a report is the one that the intake accepted, is by the account
    /// in its row and about the account of its case, and is there unless it was erased.
    pub(super) fn content(
        &mut self,
        report: &ReportRow,
        account: Option<&str>,
    ) -> Result<(), DeskError> {
        let content = self.desk.store.content(&report.id)?;
        let is_there = match &content {
            None => report.is_erased || report.accepted_digest.is_none(),
            Some(content) => {
                let digest = AcceptedDigest::of(&content.accepted);
                let about = account_of(&content.accepted);
                let reporter = AcceptedReport::report_of(&content.accepted).ok();
                let reporter = reporter.map(|report| report.reporter().account.clone());
                let reporter = reporter.as_ref().map(AccountId::as_str);
                let is_about = |account| about.is_some_and(|about| about.as_str() == account);
                !report.is_erased
                    && report.accepted_digest == Some(*digest.as_bytes())
                    && report.reporter_account.as_deref() == reporter
                    && account.is_none_or(is_about)
            }
        };
        self.expect_entry(is_there, "content", &report.id);
        Ok(())
    }

    /// Whether an entry of this kind was there before, although its row has one.
    pub(super) fn is_repeated(&self, row: &EntryRow, entry: &Entry) -> Result<bool, DeskError> {
        // The rows of these name their entry. Several erasures have one case.
        if matches!(
            entry.event,
            Event::ContentOpened { .. }
                | Event::Decision { .. }
                | Event::NoticeSent { .. }
                | Event::AppealFiled { .. }
                | Event::AppealDecided { .. }
                | Event::ContentErased
        ) {
            return Ok(false);
        }
        let entries = self.desk.store.entries_with(&row.number, MAX_LISTED)?;
        let first = entries.iter().find(|one| one.kind == row.kind);
        Ok(first.is_some_and(|first| first.log_index != row.log_index))
    }
}
