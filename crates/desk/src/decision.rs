//! Decisions of cases: which rule was broken, what is done, and why.

use rand_core::CryptoRng;
use waxseal_log::decision::DecisionDetail;
use waxseal_log::entry::{Day, Event, Measure, Number, PolicyDigest, ReasonCode, Side};
use waxseal_log::limits::{MAX_RULE_LEN, MAX_STATEMENT_LEN};
use waxseal_log::link::{account_commitment, officer_commitment, report_commitment, reports_root};
use waxseal_log::report::ReportDigest;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::acts::read_text;
use crate::case::{MAX_OF_CASE, check_assigned};
use crate::codec::{Reader, put_medium, put_short};
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::ids::{CaseId, OfficerId};
use crate::notice::unsent;
use crate::officer::{Act, ActKind, Signed};
use crate::store::{
    AppealList, CaseRow, CaseStatus, DecisionRow, GrantList, ReportList, ReportRow, Store,
};
use crate::{hash, labels};

pub(crate) const DAY_MS: u64 = 86_400_000;

/// An officer decides a case.
///
/// The body of the act is `case 16 || policy digest 32 || reason u8 || measure u8 || short(rule) ||
/// medium(statement)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The case.
    pub case: CaseId,
    /// The policy by which the officer decides: the one in force.
    pub policy: PolicyDigest,
    /// The reason that the officer found.
    pub reason: ReasonCode,
    /// What is done.
    pub measure: Measure,
    /// The rule that was broken, or by which nothing is done: 1 to 255 bytes.
    pub rule: String,
    /// The statement of reasons, which both sides read: at least 1 byte.
    pub statement: String,
}

impl Act for Decision {
    const KIND: ActKind = ActKind::Decision;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.case.as_bytes().to_vec();
        out.extend_from_slice(self.policy.as_bytes());
        out.extend_from_slice(&[self.reason.number(), self.measure.number()]);
        put_short(&mut out, self.rule.as_bytes());
        put_medium(&mut out, self.statement.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let decision = Self {
            case: CaseId::from_bytes(reader.array()?),
            policy: PolicyDigest::from_bytes(reader.array()?),
            reason: ReasonCode::from_number(reader.u8()?)?,
            measure: Measure::from_number(reader.u8()?)?,
            rule: read_text(reader.short()?, MAX_RULE_LEN)?,
            statement: read_text(reader.medium()?, MAX_STATEMENT_LEN)?,
        };
        reader.finish()?;
        (!decision.rule.is_empty() && !decision.statement.is_empty()).then_some(decision)
    }
}

/// Whose commitment a salt is for.
#[derive(Clone, Copy)]
pub(crate) enum Salt {
    Account,
    Report(u32),
    /// The officer of the decision or appeal with this ordinal in its case.
    Decider(u32),
    AppealDecider(u32),
}

impl<S: Store> Desk<S> {
    /// Decides a case, once. Returns the decision's leaf hash, which names it.
    ///
    /// A case can be decided again after an appeal reversed the decision.
    ///
    /// # Errors
    /// [`Refused::AlreadyDecided`] if another officer was faster, [`Refused::AssignedToOther`],
    /// [`Refused::OtherPolicy`], [`Refused`] for the checks of the act, or the store's.
    pub fn decide(
        &mut self,
        signed: &Signed<Decision>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<TreeHash, DeskError> {
        let decision = self.authorise(signed, now)?;
        let id = *decision.case.as_bytes();
        let old = self.store.case(&id)?.ok_or(Refused::NoCase)?;
        let ordinal = self.check_undecided(&old, signed)?;
        check_assigned(&old, signed.officer(), now)?;
        // CHK-211: the officer decides by the policy in force.
        let policy = self.in_force()?;
        if decision.policy != policy.digest() {
            return Err(Refused::OtherPolicy.into());
        }
        let appeal_ms = u64::from(policy.terms().appeal_days).saturating_mul(DAY_MS);
        let appeal_until_ms = now.as_millis().saturating_add(appeal_ms);
        let detail = self.detail_of(&decision, &old, signed.officer(), ordinal, appeal_until_ms)?;
        let detail = detail.encode(rng).map_err(|_| Refused::TooLong)?;
        let grants = self.store.grants(&GrantList::OfCase(id), MAX_OF_CASE)?;
        let openings = grants.iter().fold(0u32, |sum, grant| {
            sum.saturating_add(u32::from(grant.openings))
        });
        let event = Event::Decision {
            reason: decision.reason,
            measure: decision.measure,
            openings,
            days: days_between(old.first_report_at_ms, now),
        };
        let mut batch = self.begin(now);
        let logged = batch.log(Number::from_bytes(old.number), event, detail);
        batch.add(DecisionRow {
            leaf_hash: *logged.leaf_hash.as_bytes(),
            log_index: logged.index,
            case_id: id,
            officer: *signed.officer().as_bytes(),
            reason: decision.reason.number(),
            measure: decision.measure.number(),
            openings,
            decided_at_ms: now.as_millis(),
            appeal_until_ms,
            signed: signed.encode(),
        });
        let text = notice_text(&decision, appeal_until_ms);
        for side in [Side::Reporter, Side::Account] {
            batch.add(unsent(&logged.leaf_hash, side, &id, &text, now));
        }
        let new = CaseRow {
            status: CaseStatus::Decided,
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)?;
        Ok(logged.leaf_hash)
    }

    /// Checks that a case is to be decided, by this act. Returns the ordinal that the decision will
    /// have in its case, starting at 0.
    fn check_undecided(&self, case: &CaseRow, signed: &Signed<Decision>) -> Result<u32, DeskError> {
        let decisions = self.store.decisions(&case.id, MAX_OF_CASE)?;
        if decisions.len() >= MAX_OF_CASE {
            return Err(Refused::TooLong.into());
        }
        let ordinal = u32::try_from(decisions.len()).unwrap_or(u32::MAX);
        // CHK-210: the case is not decided, or its last decision was reversed before the officer
        // signed. So two officers cannot decide at once. No act is used twice, also if the
        // officer's clock was ahead.
        if case.status.is_undecided() {
            return Ok(ordinal);
        }
        let last = decisions.last().ok_or(Refused::AlreadyDecided)?;
        let appeals = self
            .store
            .appeals(&AppealList::OfCase(case.id), None, MAX_OF_CASE)?;
        let was_reversed = appeals.iter().any(|appeal| {
            appeal.decision == last.leaf_hash
                && appeal.outcome == Some(2)
                && appeal
                    .decided_at_ms
                    .is_some_and(|time| time < signed.at().as_millis())
        });
        let act = signed.encode();
        let was_used = decisions.iter().any(|decision| decision.signed == act);
        if case.status != CaseStatus::Decided || !was_reversed || was_used {
            return Err(Refused::AlreadyDecided.into());
        }
        Ok(ordinal)
    }

    fn detail_of(
        &self,
        decision: &Decision,
        case: &CaseRow,
        officer: &OfficerId,
        ordinal: u32,
        appeal_until_ms: u64,
    ) -> Result<DecisionDetail, DeskError> {
        let account = case.account.as_ref().ok_or(Refused::Erased)?;
        let commitments = self.report_commitments(&case.id, case.reports)?;
        Ok(DecisionDetail {
            case: case.id,
            officer: officer_commitment(
                &self.salt(&case.id, Salt::Decider(ordinal)),
                officer.as_bytes(),
            ),
            policy: *decision.policy.as_bytes(),
            rule: decision.rule.clone(),
            statement: decision.statement.clone(),
            appeal_until_ms,
            account: account_commitment(&self.salt(&case.id, Salt::Account), account.as_bytes()),
            reports_root: reports_root(&commitments),
            reports_count: case.reports,
        })
    }

    /// All reports of a case, the oldest first. No report joins a case once it is decided.
    pub(crate) fn reports_of(&self, case: &[u8; 16]) -> Result<Vec<ReportRow>, DeskError> {
        let (mut reports, mut after) = (Vec::new(), None);
        loop {
            let list = ReportList::OfCase(*case);
            let page = self.store.reports(&list, after, MAX_OF_CASE)?;
            let Some(last) = page.last() else {
                return Ok(reports);
            };
            after = Some((last.received_at_ms, last.id));
            reports.extend(page);
        }
    }

    /// The commitments to the reports of a case, the oldest first.
    pub(crate) fn report_commitments(
        &self,
        case: &[u8; 16],
        count: u32,
    ) -> Result<Vec<[u8; 32]>, DeskError> {
        let reports = self.reports_of(case)?;
        if u32::try_from(reports.len()) != Ok(count) {
            return Err(Refused::Damaged("report").into());
        }
        let commit = |(index, report): (u32, &ReportRow)| {
            let digest = ReportDigest::from_bytes(report.digest);
            report_commitment(&self.salt(case, Salt::Report(index)), &digest)
        };
        Ok((0..).zip(&reports).map(commit).collect())
    }

    /// The salt of one commitment.
    pub(crate) fn salt(&self, case: &[u8; 16], of: Salt) -> [u8; 32] {
        salt(&self.setup.secret, case, of)
    }
}

/// The salt of one commitment, which only the desk can compute.
///
/// ```text
/// HMAC(desk's secret, "waxseal/desk/1/salt" || case 16 || whose u8 || index be32)
/// ```
pub(crate) fn salt(secret: &[u8; 32], case: &[u8; 16], of: Salt) -> [u8; 32] {
    let (whose, index) = match of {
        Salt::Account => (1, 0),
        Salt::Report(index) => (2, index),
        Salt::Decider(ordinal) => (3, ordinal),
        Salt::AppealDecider(ordinal) => (4, ordinal),
    };
    let fields: [&[u8]; 4] = [labels::SALT, case, &[whose], &index.to_be_bytes()];
    hash::mac(secret, &fields)
}

/// What both sides are told.
pub(crate) fn notice_text(decision: &Decision, appeal_until_ms: u64) -> String {
    let end_day = Day::of_ms(appeal_until_ms).0;
    format!(
        "Decision: {}\nRule: {}\nReasons: {}\nAn appeal can be filed before day {end_day}, in days \
         since 1970-01-01, UTC.\n",
        decision.measure, decision.rule, decision.statement,
    )
}

/// Whole days from a time to now, counted by their dates.
pub(crate) fn days_between(from_ms: u64, now: Timestamp) -> u32 {
    let (from, to) = (Day::of_ms(from_ms), Day::of_ms(now.as_millis()));
    to.0.saturating_sub(from.0)
}

#[cfg(test)]
mod tests;
