//! Cases: groups the reports about one account, and assigns cases to officers.

use rand_core::CryptoRng;
use waxseal_log::entry::{Number, ReasonCode};
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, Timestamp};

use crate::codec::Reader;
use crate::desk::{Batch, Desk};
use crate::error::{DeskError, Refused};
use crate::ids::{CaseId, OfficerId};
use crate::intake::log_sorted;
use crate::officer::{Act, ActKind, Signed};
use crate::policy::Roles;
use crate::store::{
    AppealList, AppealRow, CaseRow, CaseStatus, Change, Condition, DecisionRow, GrantList,
    GrantRow, HoldRow, OpeningList, OpeningRow, ReportList, ReportRow, Store,
};

/// Maximum time for which a case is assigned: 14 days.
pub const MAX_ASSIGNMENT_MS: u64 = 14 * 86_400_000;

/// How grave a reason is: 4 for danger to life or to children, 1 for what annoys. A queue by
/// severity lists the highest first.
pub fn severity(reason: ReasonCode) -> u8 {
    match Reason::from_number(reason.number()) {
        Some(
            Reason::Csam
            | Reason::Grooming
            | Reason::Trafficking
            | Reason::SelfHarm
            | Reason::Terrorism
            | Reason::Sextortion,
        ) => 4,
        Some(Reason::Threat | Reason::Ncii | Reason::DoxxingStalking) => 3,
        Some(Reason::Harassment | Reason::Hate | Reason::UnwantedSexual | Reason::Scam) => 2,
        _ => 1,
    }
}

/// An officer takes a case for some time, or gives it to another officer.
///
/// The body of the act is `case 16 || officer 32 || until be64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The case.
    pub case: CaseId,
    /// To whom it is assigned.
    pub officer: OfficerId,
    /// Until when. At most [`MAX_ASSIGNMENT_MS`] from now.
    pub until: Timestamp,
}

impl Act for Assignment {
    const KIND: ActKind = ActKind::Assignment;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.case.as_bytes().to_vec();
        out.extend_from_slice(self.officer.as_bytes());
        out.extend_from_slice(&self.until.as_millis().to_be_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let assignment = Self {
            case: CaseId::from_bytes(reader.array()?),
            officer: OfficerId::from_bytes(reader.array()?),
            until: Timestamp::from_millis(reader.u64()?),
        };
        reader.finish()?;
        Some(assignment)
    }
}

/// A case with all that belongs to it, at most 1,000 of each.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The case.
    pub case: CaseRow,
    /// Its reports, the oldest first.
    pub reports: Vec<ReportRow>,
    /// Its grants, the oldest first.
    pub grants: Vec<GrantRow>,
    /// Its openings, in the order of the log.
    pub openings: Vec<OpeningRow>,
    /// Its decisions, in the order of the log.
    pub decisions: Vec<DecisionRow>,
    /// Its appeals, in the order of the log.
    pub appeals: Vec<AppealRow>,
    /// Its holds, lifted ones too.
    pub holds: Vec<HoldRow>,
}

/// Maximum number of rows in each list of a [`CaseView`], and of the grants, decisions, appeals and
/// holds of a case.
pub(crate) const MAX_OF_CASE: usize = crate::store::limits::MAX_LISTED;

impl<S: Store> Desk<S> {
    /// A case with all that belongs to it. To list cases, use
    /// [`Store::queue`].
    ///
    /// # Errors
    /// [`Refused::NoCase`], or the store's.
    pub fn case(&self, id: &CaseId) -> Result<CaseView, DeskError> {
        let id = id.as_bytes();
        Ok(CaseView {
            case: self.store.case(id)?.ok_or(Refused::NoCase)?,
            reports: self
                .store
                .reports(&ReportList::OfCase(*id), None, MAX_OF_CASE)?,
            grants: self.store.grants(&GrantList::OfCase(*id), MAX_OF_CASE)?,
            openings: self
                .store
                .openings(&OpeningList::OfCase(*id), None, MAX_OF_CASE)?,
            decisions: self.store.decisions(id, MAX_OF_CASE)?,
            appeals: self
                .store
                .appeals(&AppealList::OfCase(*id), None, MAX_OF_CASE)?,
            holds: self.store.holds(id, MAX_OF_CASE)?,
        })
    }

    /// Number of messages in a report, whose claims the intake saw too. A grant has one bit for
    /// each. 0 for a report about an account.
    ///
    /// # Errors
    /// [`Refused::NoReport`] if there is no such report or its content was erased, or the store's.
    pub fn messages_of(&self, report: &ReportId) -> Result<usize, DeskError> {
        let content = self.store.content(report.as_bytes())?;
        let content = content.ok_or(Refused::NoReport)?;
        let report = AcceptedReport::report_of(&content.accepted);
        let report = report.map_err(|_| Refused::Damaged("content"))?;
        Ok(report.claims().len())
    }

    /// Assigns a case to an officer, for some time.
    ///
    /// # Errors
    /// [`Refused::AssignedToOther`] if another officer has the case, unless that officer signed the
    /// act. [`Refused`] for the checks of the act, or the store's.
    pub fn assign(&mut self, signed: &Signed<Assignment>, now: Timestamp) -> Result<(), DeskError> {
        let assignment = self.authorise(signed, now)?;
        let old = self.undecided(&assignment.case)?;
        // CHK-209: a case is taken from an officer by that officer only, is given to an officer of
        // the policy, and for at most 14 days.
        check_assigned(&old, signed.officer(), now)?;
        let now_ms = now.as_millis();
        let left = assignment.until.as_millis().saturating_sub(now_ms);
        let is_officer = self
            .in_force()?
            .has_roles(&assignment.officer, Roles::default());
        if left == 0 || left > MAX_ASSIGNMENT_MS || !is_officer {
            return Err(Refused::Assignment.into());
        }
        let mut batch = self.begin(now);
        // An assignment has no entry. The policy is still in force if the log is as it was read.
        batch.change(Change::Expect(Condition::LogSize(self.tree.size())));
        let new = CaseRow {
            officer: Some(*assignment.officer.as_bytes()),
            assigned_until_ms: Some(assignment.until.as_millis()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.keep_act(&mut batch, "assign", assignment.case.as_bytes(), signed)?;
        self.commit(batch)
    }

    /// A case that is not decided yet.
    pub(crate) fn undecided(&self, id: &CaseId) -> Result<CaseRow, DeskError> {
        let case = self.store.case(id.as_bytes())?.ok_or(Refused::NoCase)?;
        if !case.status.is_undecided() {
            return Err(Refused::AlreadyDecided.into());
        }
        Ok(case)
    }

    /// Enters the reason that the vault told, and puts the report into a case.
    pub(crate) fn enter_sorted(
        &mut self,
        old: ReportRow,
        account: &AccountId,
        reason: ReasonCode,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<CaseId, DeskError> {
        let mut batch = self.begin(now);
        let case = match self.store.undecided_case(account.as_str())? {
            Some(case) => self.join(&mut batch, case, &old, reason)?,
            None => begin_case(&mut batch, account, &old, reason, rng),
        };
        let new = ReportRow {
            reason: Some(reason.number()),
            case_id: Some(case),
            ..old.clone()
        };
        // The leaf that tells the reason follows the leaf that tells the report's arrival.
        match self.waiting_leaf(&old)? {
            Some(leaf) => batch.change(Change::unchanged(leaf)),
            None => log_sorted(&mut batch, &old, reason, rng)?,
        }
        batch.swap(old, new);
        self.commit(batch)?;
        Ok(CaseId::from_bytes(case))
    }

    /// Adds a report to a case. The case takes the gravest reason of its reports.
    fn join(
        &self,
        batch: &mut Batch,
        old: CaseRow,
        report: &ReportRow,
        reason: ReasonCode,
    ) -> Result<[u8; 16], DeskError> {
        let reporter = report.reporter.ok_or(Refused::Damaged("report"))?;
        let is_known = self.store.has_reported(&old.id, &reporter)?;
        let graver = severity(reason) > old.severity;
        let new = CaseRow {
            reason: if graver { reason.number() } else { old.reason },
            severity: old.severity.max(severity(reason)),
            first_report_at_ms: old.first_report_at_ms.min(report.received_at_ms),
            last_report_at_ms: old.last_report_at_ms.max(report.received_at_ms),
            reports: old.reports.saturating_add(1),
            reporters: old.reporters.saturating_add(u32::from(!is_known)),
            ..old.clone()
        };
        let id = old.id;
        batch.swap(old, new);
        Ok(id)
    }
}

fn begin_case(
    batch: &mut Batch,
    account: &AccountId,
    report: &ReportRow,
    reason: ReasonCode,
    rng: &mut impl CryptoRng,
) -> [u8; 16] {
    let id = *Number::generate(rng).as_bytes();
    let account = account.as_str().to_owned();
    batch.change(Change::Expect(Condition::NoUndecidedCase(account.clone())));
    batch.add(CaseRow {
        id,
        number: id,
        account: Some(account),
        reason: reason.number(),
        severity: severity(reason),
        first_report_at_ms: report.received_at_ms,
        last_report_at_ms: report.received_at_ms,
        reports: 1,
        reporters: 1,
        status: CaseStatus::Open,
        officer: None,
        assigned_until_ms: None,
        is_held: false,
    });
    id
}

/// Checks that no other officer has the case now.
pub(crate) fn check_assigned(
    case: &CaseRow,
    officer: &OfficerId,
    now: Timestamp,
) -> Result<(), Refused> {
    let in_force = case
        .assigned_until_ms
        .is_some_and(|until| until > now.as_millis());
    if in_force && case.officer != Some(*officer.as_bytes()) {
        return Err(Refused::AssignedToOther);
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
