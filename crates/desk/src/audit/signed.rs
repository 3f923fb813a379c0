//! Checks that officers of the policy in force then signed what the rows say.

use waxseal_log::decision::{AppealDecisionDetail, DecisionDetail};
use waxseal_log::entry::{Detail, Entry, Event, Kind, ReviewOutcome};
use waxseal_log::link::{account_commitment, officer_commitment, reports_root};
use waxseal_reporting::Timestamp;

use super::{Auditor, Finding};
use crate::acts::{MAX_ACT_AGE_MS, MAX_ACT_AHEAD_MS, name};
use crate::appeal::AppealDecision;
use crate::case::{Assignment, MAX_OF_CASE};
use crate::decision::{DAY_MS, Decision, Salt};
use crate::emergency::EmergencyReview;
use crate::error::DeskError;
use crate::grant::{Grant, GrantDenial, SignedGrant};
use crate::grants::read_request;
use crate::hold::Hold;
use crate::ids::OfficerId;
use crate::legal::LegalAnswer;
use crate::officer::{Act, Signed};
use crate::policy::Roles;
use crate::store::limits::MAX_LISTED;
use crate::store::{
    AppealList, AppealRow, CaseRow, CaseStatus, DecisionRow, EntryRow, GrantList, GrantRow,
    GrantState, HoldRow, OpeningList, Store,
};
use crate::{hash, labels};

impl<S: Store> Auditor<'_, S> {
    /// Reports an act that is not signed, or says another thing than the row.
    fn expect(&mut self, is_signed: bool, table: &'static str, id: &[u8; 16]) {
        // CHK-228: an officer of the policy in force then signed what the row says.
        if !is_signed {
            self.found(Finding::NotSigned { table, id: *id });
        }
    }

    /// What an act says, if an officer of the policy in force at this entry signed it.
    fn act<T: Act>(&self, signed: &[u8]) -> Option<(OfficerId, T)> {
        let signed = Signed::<T>::decode(signed).ok()?;
        let act = signed.verify(self.policy.as_ref()?).ok()?;
        // As check 207 wants it, as far as the entry's day tells.
        let start = u64::from(self.day.0).saturating_mul(DAY_MS);
        let latest = start
            .saturating_add(DAY_MS)
            .saturating_add(MAX_ACT_AHEAD_MS);
        let in_time = start.saturating_sub(MAX_ACT_AGE_MS)..latest;
        in_time
            .contains(&signed.at().as_millis())
            .then(|| (*signed.officer(), act))
    }

    /// What a kept act says, likewise.
    fn kept<T: Act>(&self, kind: &str, id: &[u8; 16]) -> Result<Option<(OfficerId, T)>, DeskError> {
        let row = self.desk.store.meta(&name(kind, id))?;
        Ok(row.and_then(|row| self.act(&row.value)))
    }

    /// The requester signed the grant, which is as the row says.
    pub(super) fn request_is_signed(&mut self, row: &GrantRow) {
        let policy = self.policy.as_ref();
        let is_signed = read_request(&row.signed).is_some_and(|(grant, signature)| {
            let requester = &grant.terms().requester;
            is_row(row, &grant)
                && grant.is_requested(&signature)
                && policy.is_some_and(|policy| policy.has_roles(requester, Roles::ASK))
        });
        self.expect(is_signed, "grant", &row.id);
    }

    /// All officers that the grant names signed it, and it held at this time.
    pub(super) fn grant_is_signed(&mut self, row: &GrantRow, at_ms: u64) -> Result<(), DeskError> {
        let signed = SignedGrant::decode(&row.signed).ok();
        let (vault, at) = (self.desk.vault_id(), Timestamp::from_millis(at_ms));
        let policy = self.policy.as_ref();
        let is_signed = signed.zip(policy).is_some_and(|(signed, policy)| {
            is_row(row, signed.grant()) && signed.verify(policy, &vault, at).is_ok()
        });
        self.expect(is_signed, "grant", &row.id);
        Ok(())
    }

    pub(super) fn denial_is_signed(&mut self, row: &GrantRow) -> Result<(), DeskError> {
        let kept = self.kept::<GrantDenial>("denial", &row.id)?;
        let is_signed = kept.is_some_and(|(officer, denial)| {
            *denial.grant.as_bytes() == row.digest
                && row.approver == Some(*officer.as_bytes())
                && *officer.as_bytes() != row.requester
        });
        self.expect(is_signed, "grant", &row.id);
        Ok(())
    }

    pub(super) fn review_is_signed(
        &mut self,
        row: Option<&GrantRow>,
        outcome: ReviewOutcome,
    ) -> Result<(), DeskError> {
        let Some(row) = row else { return Ok(()) };
        let kept = self.kept::<EmergencyReview>("review", &row.id)?;
        let is_signed = kept.is_some_and(|(officer, review)| {
            *review.grant.as_bytes() == row.digest
                && review.outcome == outcome
                && *officer.as_bytes() != row.requester
                && Some(*officer.as_bytes()) != row.approver
        });
        self.expect(is_signed, "grant", &row.id);
        Ok(())
    }

    /// Whether a decision is as its entry says, and its officer signed it.
    pub(super) fn has_decision(
        &mut self,
        row: &EntryRow,
        entry: &Entry,
        detail: Option<&Detail>,
    ) -> Result<bool, DeskError> {
        let store = &self.desk.store;
        let Some(decision) = store.decision(entry.leaf_hash().as_bytes())? else {
            return Ok(false);
        };
        let Event::Decision {
            reason,
            measure,
            openings,
            days,
        } = entry.event
        else {
            return Ok(false);
        };
        let case = store.case(&decision.case_id)?;
        let before = self.openings_before(&decision.case_id, row.log_index)?;
        let is_row = decision.log_index == row.log_index
            && before == openings
            && decision.case_id == *entry.number.as_bytes()
            && decision.reason == reason.number()
            && decision.measure == measure.number()
            && decision.openings == openings
            && self.days_of_case(&decision.case_id)? == Some(days)
            && self.is_open_to(&decision)?;
        let Some(case) = case.filter(|_| is_row) else {
            return Ok(false);
        };
        let said = detail.and_then(DecisionDetail::decode);
        if case.status != CaseStatus::Closed || said.is_some() {
            let is_signed = match said {
                Some(said) => self.says_decision(&decision, &case, &said)?,
                None => false,
            };
            self.expect(is_signed, "decision", &decision.case_id);
        }
        Ok(true)
    }

    /// Number of openings of a case before an entry.
    fn openings_before(&self, case: &[u8; 16], index: u64) -> Result<u32, DeskError> {
        let (mut count, mut after) = (0u32, None);
        loop {
            let list = OpeningList::OfCase(*case);
            let page = self.desk.store.openings(&list, after, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = Some(last.log_index);
            let before = page.iter().filter(|row| row.log_index < index).count();
            count = count.saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
        }
    }

    /// Whether the signed decision says what the entry's detail says.
    fn says_decision(
        &self,
        row: &DecisionRow,
        case: &CaseRow,
        said: &DecisionDetail,
    ) -> Result<bool, DeskError> {
        let Some((officer, act)) = self.act::<Decision>(&row.signed) else {
            return Ok(false);
        };
        let decisions = self.desk.store.decisions(&case.id, MAX_OF_CASE)?;
        let ordinal = decisions
            .iter()
            .position(|one| one.leaf_hash == row.leaf_hash);
        let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
        let salt = self
            .desk
            .salt(&case.id, Salt::Decider(ordinal.unwrap_or(u32::MAX)));
        let commitments = self.desk.report_commitments(&case.id, said.reports_count);
        let account_salt = self.desk.salt(&case.id, Salt::Account);
        let is_account = case.account.as_ref().is_none_or(|account| {
            account_commitment(&account_salt, account.as_bytes()) == said.account
        });
        Ok(act.case.as_bytes() == &said.case
            && said.case == case.id
            && act.policy.as_bytes() == &said.policy
            && act.rule == said.rule
            && act.statement == said.statement
            && act.reason.number() == row.reason
            && act.measure.number() == row.measure
            && row.appeal_until_ms == said.appeal_until_ms
            && row.officer == *officer.as_bytes()
            && officer_commitment(&salt, officer.as_bytes()) == said.officer
            && is_account
            && commitments.is_ok_and(|all| reports_root(&all) == said.reports_root))
    }

    /// An officer who had no part in the case before decided the appeal, and signed it.
    pub(super) fn appeal_is_signed(
        &mut self,
        index: u64,
        row: Option<&AppealRow>,
        said: Option<&AppealDecisionDetail>,
    ) -> Result<(), DeskError> {
        let Some((row, said)) = row.zip(said) else {
            return Ok(());
        };
        let act = row
            .signed
            .as_ref()
            .and_then(|signed| self.act::<AppealDecision>(signed));
        let had_part = match &act {
            Some((officer, _)) => self.had_part(index, &row.case_id, officer)?,
            None => false,
        };
        let list = AppealList::OfCase(row.case_id);
        let appeals = self.desk.store.appeals(&list, None, MAX_OF_CASE)?;
        let ordinal = appeals
            .iter()
            .position(|one| one.leaf_hash == row.leaf_hash);
        let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
        let salt = Salt::AppealDecider(ordinal.unwrap_or(u32::MAX));
        let salt = self.desk.salt(&row.case_id, salt);
        let is_signed = act.is_some_and(|(officer, act)| {
            !had_part
                && officer_commitment(&salt, officer.as_bytes()) == said.officer
                && *act.appeal.as_bytes() == row.leaf_hash
                && row.outcome == Some(act.outcome.number())
                && row.officer == Some(*officer.as_bytes())
                && act.statement == said.statement
        });
        self.expect(is_signed, "appeal", &row.case_id);
        Ok(())
    }

    /// Whether an officer decided the case before this entry, or approved or denied a grant in it.
    fn had_part(
        &self,
        index: u64,
        case: &[u8; 16],
        officer: &OfficerId,
    ) -> Result<bool, DeskError> {
        let (store, officer) = (&self.desk.store, officer.as_bytes());
        let decisions = store.decisions(case, MAX_OF_CASE)?;
        let decided = |one: &DecisionRow| one.officer == *officer && one.log_index < index;
        if decisions.iter().any(decided) {
            return Ok(true);
        }
        let mut grants = store.grants(&GrantList::OfCase(*case), MAX_OF_CASE)?;
        grants.retain(|grant| grant.approver == Some(*officer));
        for grant in grants {
            let entries = store.entries_with(&grant.number, MAX_OF_CASE)?;
            let answered = |entry: &EntryRow| {
                let kinds = [Kind::GrantApproved, Kind::GrantDenied].map(Kind::number);
                kinds.contains(&entry.kind) && entry.log_index < index
            };
            if entries.iter().any(answered) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn answer_is_signed(
        &mut self,
        id: &[u8; 16],
        digest: &[u8],
    ) -> Result<(), DeskError> {
        let kept = self.desk.store.meta(&name("answer", id))?;
        let row = self.desk.store.legal_request(id)?;
        let is_signed = kept.zip(row).is_some_and(|(kept, row)| {
            let act = self.act::<LegalAnswer>(&kept.value);
            hash::digest(labels::SIGNED_ACT, &[&kept.value]) == digest
                && act.is_some_and(|(officer, act)| {
                    act.request.as_bytes() == id
                        && row.outcome == Some(act.outcome.number())
                        && row.items == act.items
                        && row.produced == Some(act.produced)
                        && row.not_held == Some(act.not_held)
                        && row.officer == Some(*officer.as_bytes())
                })
        });
        self.expect(is_signed, "legal", id);
        Ok(())
    }

    pub(super) fn hold_is_signed(
        &mut self,
        row: Option<&HoldRow>,
        lift: bool,
    ) -> Result<(), DeskError> {
        let Some(row) = row else { return Ok(()) };
        let kept = self.kept::<Hold>(if lift { "lift" } else { "hold" }, &row.id)?;
        let is_signed = kept.is_some_and(|(officer, act)| {
            *act.id.as_bytes() == row.id
                && *act.case.as_bytes() == row.case_id
                && act.lift == lift
                && (lift
                    || (row.officer == *officer.as_bytes()
                        && row.statement == act.statement
                        && row.legal_id == act.request.map(|request| *request.as_bytes())))
        });
        self.expect(is_signed, "hold", &row.id);
        Ok(())
    }

    /// The officer who has the case got it by an act of an officer of some policy.
    pub(super) fn assignment_is_signed(&mut self, row: &CaseRow) -> Result<(), DeskError> {
        let Some(officer) = row.officer else {
            return Ok(());
        };
        let kept = self.desk.store.meta(&name("assign", &row.id))?;
        let signed = kept.and_then(|kept| Signed::<Assignment>::decode(&kept.value).ok());
        let is_signed = signed.is_some_and(|signed| {
            let mut acts = self
                .policies
                .iter()
                .filter_map(|policy| signed.verify(policy).ok());
            acts.next().is_some_and(|act| {
                *act.case.as_bytes() == row.id
                    && *act.officer.as_bytes() == officer
                    && row.assigned_until_ms == Some(act.until.as_millis())
            })
        });
        self.expect(is_signed, "case", &row.id);
        Ok(())
    }
}

/// Whether a row says what its grant says.
fn is_row(row: &GrantRow, grant: &Grant) -> bool {
    let terms = grant.terms();
    let approver = terms.approver.map(|approver| *approver.as_bytes());
    let is_denied = row.state == GrantState::Denied;
    *grant.digest().as_bytes() == row.digest
        && *terms.id.as_bytes() == row.id
        && row.number == row.id
        && *terms.case.as_bytes() == row.case_id
        && terms.purpose.number() == row.purpose
        && *terms.requester.as_bytes() == row.requester
        && (row.approver.is_none() || row.approver == approver || is_denied)
        && terms.expires.as_millis() == row.expires_at_ms
        && terms.max_openings == row.max_openings
}
