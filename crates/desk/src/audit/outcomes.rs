//! Checks that decisions, their notices, appeals and reviews follow each other as they must.

use waxseal_log::decision::{AppealDecisionDetail, NoticeDetail};
use waxseal_log::entry::{AppealOutcome, Day, Entry, Event, Kind, Side};
use waxseal_log::promise::Promise;
use waxseal_reporting::Timestamp;

use super::Auditor;
use super::rows::half;
use crate::case::MAX_OF_CASE;
use crate::decision::{Decision, notice_text};
use crate::error::DeskError;
use crate::grants::{HOUR_MS, read_request};
use crate::officer::Signed;
use crate::receipts::detail_of;
use crate::store::limits::MAX_LISTED;
use crate::store::{
    AppealList, AppealRow, CaseRow, CaseStatus, DecisionRow, EntryRow, GrantRow, GrantState,
    NoticeList, NoticeRow, Store,
};

impl<S: Store> Auditor<'_, S> {
    /// Days from the first report of a case to the entry.
    pub(super) fn days_of_case(&self, case: &[u8; 16]) -> Result<Option<u32>, DeskError> {
        let reports = self.desk.reports_of(case)?;
        let promises = reports
            .iter()
            .map(|report| Promise::decode(&report.promise));
        let days = promises.flatten().map(|promise| promise.entry().day);
        Ok(days.min().map(|first| self.days_from(first)))
    }

    /// Days from another entry to this one.
    pub(super) fn days_since(&self, index: u64) -> Result<Option<u32>, DeskError> {
        let row = self.desk.store.entry(index)?;
        let entry = row.and_then(|row| Entry::decode(&row.entry).ok());
        Ok(entry.map(|entry| self.days_from(entry.day)))
    }

    fn days_from(&self, first: Day) -> u32 {
        self.day.0.saturating_sub(first.0)
    }

    /// Whether the case could be decided (check 210): it was not decided, or the last decision was
    /// reversed before the officer signed this one, with an act that was not used before.
    pub(super) fn is_open_to(&self, row: &DecisionRow) -> Result<bool, DeskError> {
        let decisions = self.desk.store.decisions(&row.case_id, MAX_OF_CASE)?;
        let before = |one: &&DecisionRow| one.log_index < row.log_index;
        let Some(last) = decisions.iter().rfind(before) else {
            return Ok(true);
        };
        let signed = Signed::<Decision>::decode(&row.signed).ok();
        let mut earlier = decisions.iter().filter(before);
        if signed.is_some() && earlier.any(|one| one.signed == row.signed) {
            return Ok(false);
        }
        let list = AppealList::OfCase(row.case_id);
        for appeal in self.desk.store.appeals(&list, None, MAX_OF_CASE)? {
            // The signatures of a case are gone once it is erased.
            let is_earlier = |at: Timestamp| {
                let decided = appeal.decided_at_ms;
                decided.is_some_and(|decided| decided < at.as_millis())
            };
            let reversed = Some(AppealOutcome::Reversed.number());
            if appeal.decision == last.leaf_hash
                && appeal.outcome == reversed
                && signed.as_ref().is_none_or(|signed| is_earlier(signed.at()))
                && self.is_decided(&row.case_id, &appeal, row.log_index)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an entry before this index decides an appeal as its row says.
    pub(super) fn is_decided(
        &self,
        case: &[u8; 16],
        appeal: &AppealRow,
        before: u64,
    ) -> Result<bool, DeskError> {
        let entries = self.desk.store.entries_with(case, MAX_LISTED)?;
        let decides = |row: &EntryRow| {
            let event = Entry::decode(&row.entry).map(|entry| (entry.event, entry.day));
            let Ok((Event::AppealDecided { outcome, .. }, day)) = event else {
                return false;
            };
            let said = detail_of(row).and_then(|detail| AppealDecisionDetail::decode(&detail));
            // The detail is gone once the case is erased.
            row.log_index < before
                && appeal.outcome == Some(outcome.number())
                && appeal.decided_at_ms.map(Day::of_ms) == Some(day)
                && said.is_none_or(|said| *said.appeal.as_bytes() == appeal.leaf_hash)
        };
        Ok(entries.iter().any(decides))
    }

    /// Checks that the notices of a decision are there, for both sides, and say what was decided.
    pub(super) fn notices(
        &mut self,
        case: &CaseRow,
        decision: &DecisionRow,
    ) -> Result<(), DeskError> {
        let list = NoticeList::OfDecision(decision.leaf_hash);
        let notices = self.desk.store.notices(&list, 3)?;
        let signed = Signed::<Decision>::decode(&decision.signed).ok();
        let mut policies = self.policies.iter();
        let act = policies.find_map(|policy| signed.as_ref()?.verify(policy).ok());
        let text = act.map(|act| notice_text(&act, decision.appeal_until_ms));
        let is_closed = case.status == CaseStatus::Closed;
        let mut is_there = notices.len() == 2;
        for side in [Side::Reporter, Side::Account] {
            let says = |notice: &&NoticeRow| {
                let body = notice.body.as_slice();
                let is_told = match &text {
                    _ if is_closed => body.is_empty(),
                    Some(text) => text.as_bytes() == body,
                    // Check 228 finds a decision that no officer signed.
                    None => true,
                };
                notice.side == side.number() && notice.recipient == case.id && is_told
            };
            is_there &= notices.iter().any(|notice| says(&notice));
        }
        for notice in &notices {
            is_there &= match notice.sent_at_ms {
                Some(_) => self.is_sent(notice)?,
                None => notice.log_index.is_none(),
            };
        }
        self.expect_entry(is_there, "notice", &half(&decision.leaf_hash));
        Ok(())
    }

    /// Whether the entry that a notice names says that this notice was sent.
    fn is_sent(&self, notice: &NoticeRow) -> Result<bool, DeskError> {
        let row = match notice.log_index {
            Some(index) => self.desk.store.entry(index)?,
            None => None,
        };
        let Some(row) = row else {
            return Ok(false);
        };
        let said = detail_of(&row).and_then(|detail| NoticeDetail::decode(&detail));
        Ok(row.kind == Kind::NoticeSent.number()
            && said.is_some_and(|said| {
                *said.decision.as_bytes() == notice.decision && said.side.number() == notice.side
            }))
    }

    /// Whether a grant has the time for its review that the policy sets.
    pub(super) fn has_review_time(&self, row: &GrantRow) -> bool {
        let Some((policy, (grant, _))) = self.policy.as_ref().zip(read_request(&row.signed)) else {
            return false;
        };
        let rule = policy.rule(grant.terms().purpose);
        let review_ms = u64::from(rule.review_hours).saturating_mul(HOUR_MS);
        let waited = grant.terms().approver.is_some() && row.approver.is_none();
        // What was never in force needs no review.
        let needs_none = row.state == GrantState::Denied
            || (row.state == GrantState::Expired && waited)
            || review_ms == 0;
        let until = row.requested_at_ms.saturating_add(review_ms);
        row.review_until_ms == (!needs_none).then_some(until)
    }
}
