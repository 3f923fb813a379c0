//! Gathers the facts of a case from rows, from the log, and from what an officer was shown.

use std::collections::{BTreeMap, BTreeSet};

use waxseal_log::decision::DecisionDetail;
use waxseal_log::entry::{Measure, Side};
use waxseal_reporting::intake::AcceptedReport;
use waxseal_reporting::relay::Claim;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, Audience, Timestamp};

use super::{AppealFacts, CaseFacts, DecisionFacts, NamedBlob, ReportFacts, ShownReport};
use crate::appeal::is_reversed;
use crate::case::MAX_OF_CASE;
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::export::Pseudonyms;
use crate::ids::{CaseId, OfficerId};
use crate::opening::view_digest;
use crate::receipts::detail_of;
use crate::store::limits::MAX_LISTED;
use crate::store::{AppealList, AppealRow, FetchList, GrantList, OpeningRow, ReportRow, Store};

impl<S: Store> Desk<S> {
    /// Gathers the facts of a case. `shown` is what the officer who asks for an export lets go
    /// along; all of it must have been shown to this officer, exactly so. What a desk of version 2
    /// of the store showed must be opened again.
    ///
    /// # Errors
    /// [`Refused::NoCase`], [`Refused::Erased`] if the case was erased, [`Refused::NotShown`], or
    /// the store's.
    pub fn case_facts(
        &self,
        case: &CaseId,
        officer: &OfficerId,
        shown: Vec<ShownReport>,
    ) -> Result<CaseFacts, DeskError> {
        let row = self.store.case(case.as_bytes())?.ok_or(Refused::NoCase)?;
        let account = row.account.as_deref().ok_or(Refused::Erased)?;
        let account = AccountId::new(account).map_err(|_| Refused::Damaged("case"))?;
        let mut accounts = BTreeSet::from([account.as_str().to_owned()]);
        let mut reports = Vec::new();
        for report in self.reports_of(case.as_bytes())? {
            reports.push(self.report_facts(&report, &mut accounts)?);
        }
        for one in shown {
            self.check_shown(&one, officer)?;
            // CHK-681: what goes along is a report of the case, as it is in the desk.
            let mut own = reports.iter_mut();
            let report = own.find(|report| report.id == *one.report.as_bytes());
            let report = report.ok_or(Refused::NotShown)?;
            let is_same = one.view.reason == report.reason
                && one.view.reported.as_ref().is_none_or(|is| *is == account);
            if !is_same || report.view.is_some() {
                return Err(Refused::NotShown.into());
            }
            if let Some(names) = &one.view.names {
                let others = names.participants.iter().map(|(_, account)| account);
                let all = others.chain([&names.reporter]);
                accounts.extend(all.map(|account| account.as_str().to_owned()));
            }
            report.view = Some(one.view);
        }
        let grants = self.store.grants(&GrantList::OfCase(row.id), MAX_OF_CASE)?;
        let openings = grants.iter().fold(0_u32, |sum, grant| {
            sum.saturating_add(u32::from(grant.openings))
        });
        let list = AppealList::OfCase(row.id);
        let appeals = self.store.appeals(&list, None, MAX_OF_CASE)?;
        Ok(CaseFacts {
            case: *case,
            account: Some(account),
            reason: reason(row.reason, "case")?,
            first_report_at: Timestamp::from_millis(row.first_report_at_ms),
            reports,
            openings,
            decision: self.decision_facts(&row.id, &appeals)?,
            appeals: appeals.into_iter().map(appeal_facts).collect(),
            accounts,
            pseudonyms: Pseudonyms::of_case(&self.setup.secret, &row.id),
        })
    }

    /// Checks that the officer was shown exactly this.
    fn check_shown(&self, one: &ShownReport, officer: &OfficerId) -> Result<(), DeskError> {
        // CHK-681: what goes along is, byte for byte, what the officer who asks was shown.
        let content = self.store.content(one.report.as_bytes())?;
        let content = content.ok_or(Refused::NotShown)?;
        let digest = Some(view_digest(&content.accepted, &one.view.encode()));
        let is_this = |row: &OpeningRow| Ok(row.view_digest == digest);
        let shown = self.last_shown(&one.report, officer, is_this)?;
        shown.map(drop).ok_or(Refused::NotShown.into())
    }

    fn report_facts(
        &self,
        row: &ReportRow,
        accounts: &mut BTreeSet<String>,
    ) -> Result<ReportFacts, DeskError> {
        let mut blobs = Vec::new();
        if let Some(content) = self.store.content(&row.id)? {
            let report = AcceptedReport::report_of(&content.accepted);
            let report = report.map_err(|_| Refused::Damaged("content"))?;
            accounts.insert(report.reporter().account.as_str().to_owned());
            for claim in report.claims() {
                accounts.extend(accounts_of(claim));
            }
            blobs.extend(report.blobs().iter().map(|named| NamedBlob {
                claim: u8::try_from(named.claim).unwrap_or(u8::MAX),
                part: u8::try_from(named.part).unwrap_or(u8::MAX),
                blob: named.blob,
            }));
        }
        let mut fetched = BTreeMap::new();
        for NamedBlob { blob, .. } in &blobs {
            let list = FetchList::OfBlob(*blob.as_bytes());
            let fetches = self.store.fetches(&list, MAX_LISTED)?;
            let most = fetches.iter().map(|fetch| fetch.handed_out).max();
            fetched.extend(most.map(|most| (*blob, most)));
        }
        Ok(ReportFacts {
            id: row.id,
            received_at: Timestamp::from_millis(row.received_at_ms),
            reason: reason(row.reason.unwrap_or_default(), "report")?,
            blobs,
            fetched,
            reporter: row.reporter,
            view: None,
        })
    }

    fn decision_facts(
        &self,
        case: &[u8; 16],
        appeals: &[AppealRow],
    ) -> Result<Option<DecisionFacts>, DeskError> {
        let last = self.store.decisions(case, MAX_OF_CASE)?.pop();
        let stands = |leaf: &[u8; 32]| {
            let mut appeals = appeals.iter();
            !appeals.any(|appeal| appeal.decision == *leaf && is_reversed(appeal))
        };
        let Some(row) = last.filter(|row| stands(&row.leaf_hash)) else {
            return Ok(None);
        };
        let damaged = Refused::Damaged("decision");
        let entry = self.store.entry(row.log_index)?.ok_or(damaged)?;
        let detail = detail_of(&entry).ok_or(damaged)?;
        let said = DecisionDetail::decode(&detail).ok_or(damaged)?;
        Ok(Some(DecisionFacts {
            leaf_hash: row.leaf_hash,
            reason: reason(row.reason, "decision")?,
            measure: Measure::from_number(row.measure).ok_or(damaged)?,
            rule: said.rule,
            statement: said.statement,
            openings: row.openings,
            decided_at: Timestamp::from_millis(row.decided_at_ms),
        }))
    }
}

/// The accounts that a claim names: the sender, and the recipient unless it is a group.
fn accounts_of(claim: &Claim) -> Vec<String> {
    let context = claim.context();
    let mut accounts = vec![context.sender.account.as_str().to_owned()];
    if let Audience::Direct(account) = &context.audience {
        accounts.push(account.as_str().to_owned());
    }
    accounts
}

fn appeal_facts(row: AppealRow) -> AppealFacts {
    AppealFacts {
        leaf_hash: row.leaf_hash,
        decision: row.decision,
        by_account: row.side == Side::Account.number(),
        text: row.text,
        filed_at: Timestamp::from_millis(row.filed_at_ms),
    }
}

fn reason(number: u8, table: &'static str) -> Result<Reason, DeskError> {
    Ok(Reason::from_number(number).ok_or(Refused::Damaged(table))?)
}

#[cfg(test)]
mod tests;
