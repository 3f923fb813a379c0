//! Appeals against decisions: a side files one, and an officer who had no part in it decides.

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use waxseal_log::decision::{AppealDecisionDetail, AppealDetail};
use waxseal_log::entry::{AppealOutcome, Event, Number, Side};
use waxseal_log::limits::MAX_STATEMENT_LEN;
use waxseal_log::link::officer_commitment;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::acts::read_text;
use crate::case::MAX_OF_CASE;
use crate::codec::{Reader, put_medium};
use crate::decision::{Salt, days_between};
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::ids::OfficerId;
use crate::officer::{Act, ActKind, Signed};
use crate::store::{AppealList, AppealRow, CaseRow, CaseStatus, GrantList, Store};

/// Maximum length of the text of an appeal, in bytes.
pub const MAX_APPEAL_LEN: usize = 16_384;

/// An officer decides an appeal.
///
/// The body of the act is `leaf hash of the appeal 32 || outcome u8 || medium(statement)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppealDecision {
    /// Leaf hash of the entry `appeal_filed`.
    pub appeal: TreeHash,
    /// Whether the decision stands.
    pub outcome: AppealOutcome,
    /// The statement of reasons: at least 1 byte.
    pub statement: String,
}

impl Act for AppealDecision {
    const KIND: ActKind = ActKind::AppealDecision;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.appeal.as_bytes().to_vec();
        out.push(self.outcome.number());
        put_medium(&mut out, self.statement.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let decision = Self {
            appeal: TreeHash::from_bytes(reader.array()?),
            outcome: AppealOutcome::from_number(reader.u8()?)?,
            statement: read_text(reader.medium()?, MAX_STATEMENT_LEN)?,
        };
        reader.finish()?;
        (!decision.statement.is_empty()).then_some(decision)
    }
}

impl<S: Store> Desk<S> {
    /// Files an appeal against a decision, and returns its leaf hash, which names it. An appeal
    /// that was filed before, of this side and with this text, is not filed again: whoever did not
    /// get the answer asks once more.
    ///
    /// # Errors
    /// [`Refused::NoDecision`], [`Refused::AppealTooLate`], [`Refused::AlreadyAppealed`],
    /// [`Refused::TooLong`], or the store's.
    pub fn appeal(
        &mut self,
        decision: &TreeHash,
        side: Side,
        text: &str,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<TreeHash, DeskError> {
        if text.is_empty() || text.len() > MAX_APPEAL_LEN {
            return Err(Refused::TooLong.into());
        }
        let row = self
            .store
            .decision(decision.as_bytes())?
            .ok_or(Refused::NoDecision)?;
        let case = self.store.case(&row.case_id)?.ok_or(Refused::NoCase)?;
        let list = AppealList::OfCase(row.case_id);
        let appeals = self.store.appeals(&list, None, MAX_OF_CASE)?;
        let is_same = |appeal: &&AppealRow| {
            appeal.decision == row.leaf_hash
                && appeal.side == side.number()
                && appeal.text.as_deref() == Some(text)
        };
        if let Some(same) = appeals.iter().find(is_same) {
            return Ok(TreeHash::from_bytes(same.leaf_hash));
        }
        // CHK-219: an appeal is against a decision, in time, and each side has one. A decision that
        // was reversed has no further appeal.
        if now.as_millis() > row.appeal_until_ms || case.status == CaseStatus::Closed {
            return Err(Refused::AppealTooLate.into());
        }
        let is_known = |appeal: &AppealRow| {
            appeal.decision == row.leaf_hash
                && (appeal.side == side.number() || is_reversed(appeal))
        };
        if appeals.iter().any(is_known) {
            return Err(Refused::AlreadyAppealed.into());
        }
        if appeals.len() >= MAX_OF_CASE {
            return Err(Refused::TooLong.into());
        }
        let detail = AppealDetail {
            decision: *decision,
            text_digest: Sha256::digest(text).into(),
        };
        let mut batch = self.begin(now);
        let event = Event::AppealFiled { side };
        let logged = batch.log(Number::from_bytes(case.number), event, detail.encode(rng)?);
        batch.add(AppealRow {
            leaf_hash: *logged.leaf_hash.as_bytes(),
            log_index: logged.index,
            decision: row.leaf_hash,
            case_id: row.case_id,
            side: side.number(),
            text: Some(text.to_owned()),
            filed_at_ms: now.as_millis(),
            outcome: None,
            officer: None,
            decided_at_ms: None,
            signed: None,
        });
        // The case is as it was read: it was not erased meanwhile.
        batch.change(crate::store::Change::unchanged(case));
        self.commit(batch)?;
        Ok(logged.leaf_hash)
    }

    /// Decides an appeal. A reversed decision no longer applies, and the case can be decided again.
    ///
    /// # Errors
    /// [`Refused::NoAppeal`], [`Refused::AppealDecided`] if another officer was faster,
    /// [`Refused::SameOfficer`], [`Refused`] for the checks of the act, or the store's.
    pub fn decide_appeal(
        &mut self,
        signed: &Signed<AppealDecision>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let act = self.authorise(signed, now)?;
        let old = self
            .store
            .appeal(act.appeal.as_bytes())?
            .ok_or(Refused::NoAppeal)?;
        let case = self.store.case(&old.case_id)?.ok_or(Refused::NoCase)?;
        // CHK-221: an appeal is decided once.
        if old.outcome.is_some() {
            return Err(Refused::AppealDecided.into());
        }
        self.check_other_officer(&case, signed.officer())?;
        let appeals = self
            .store
            .appeals(&AppealList::OfCase(case.id), None, MAX_OF_CASE)?;
        let ordinal = appeals
            .iter()
            .position(|appeal| appeal.leaf_hash == old.leaf_hash);
        let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
        let ordinal = Salt::AppealDecider(ordinal.ok_or(Refused::NoAppeal)?);
        let detail = AppealDecisionDetail {
            appeal: act.appeal,
            statement: act.statement,
            officer: officer_commitment(&self.salt(&case.id, ordinal), signed.officer().as_bytes()),
        };
        let detail = detail.encode(rng).map_err(|_| Refused::TooLong)?;
        let event = Event::AppealDecided {
            outcome: act.outcome,
            days: days_between(old.filed_at_ms, now),
        };
        let mut batch = self.begin(now);
        batch.log(Number::from_bytes(case.number), event, detail);
        let new = AppealRow {
            outcome: Some(act.outcome.number()),
            officer: Some(*signed.officer().as_bytes()),
            decided_at_ms: Some(now.as_millis()),
            signed: Some(signed.encode()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }

    /// Checks that an officer neither decided the case nor approved or denied a grant in it.
    fn check_other_officer(&self, case: &CaseRow, officer: &OfficerId) -> Result<(), DeskError> {
        let officer = officer.as_bytes();
        let decisions = self.store.decisions(&case.id, MAX_OF_CASE)?;
        let grants = self
            .store
            .grants(&GrantList::OfCase(case.id), MAX_OF_CASE)?;
        // CHK-220: another officer decides the appeal than one who decided the case, or approved or
        // denied a grant in it.
        let decided = decisions
            .iter()
            .any(|decision| decision.officer == *officer);
        if decided || grants.iter().any(|grant| grant.approver == Some(*officer)) {
            return Err(Refused::SameOfficer.into());
        }
        Ok(())
    }
}

/// Whether the appeal reversed its decision.
pub(crate) fn is_reversed(appeal: &AppealRow) -> bool {
    appeal.outcome == Some(AppealOutcome::Reversed.number())
}

#[cfg(test)]
mod tests;
