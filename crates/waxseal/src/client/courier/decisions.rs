//! Decisions of which the provider told this account, and the appeals against them.

use sha2::{Digest, Sha256};
use waxseal_interface::MAX_APPEAL_LEN;
use waxseal_log::entry::Side;
use waxseal_log::receipt::{Told, ToldAppeal, ToldDecision};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId as SubmittedId;

use super::promises::FollowedPromise;
use crate::client::{Client, KeptReceipt, Page, keys};
use crate::error::{AppealError, StateError};
use crate::records::{self, DecisionRecord};
use crate::store::{Cursor, Store, Transaction};

/// Number of receipts that are read at once. Each can be long.
const AT_ONCE: usize = 16;

/// How far an appeal is that this device made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppealState {
    /// It waits for the provider.
    Waiting,
    /// The provider says that it took it. No receipt has shown it yet.
    Taken,
    /// A receipt shows it, with this text.
    Filed,
    /// The provider does not take it: it is too late, or this side appealed already.
    Refused,
    /// A receipt shows an appeal of this account with another text than the one that the provider
    /// took. Someone between this device and the log changed it: tell the user.
    Altered,
}

impl AppealState {
    const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Taken,
        Self::Filed,
        Self::Refused,
        Self::Altered,
    ];

    /// The number in a record.
    fn number(self) -> u32 {
        let numbers = (0..).zip(Self::ALL);
        numbers
            .into_iter()
            .find(|(_, state)| *state == self)
            .map_or(0, |(number, _)| number)
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// An appeal that this device made.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAppeal {
    /// Leaf hash of the decision, which names it.
    pub decision: TreeHash,
    /// Whether this account reported, or was decided against.
    pub side: Side,
    /// With [`Side::Reporter`]: the id that the provider gave the report.
    pub submitted_as: Option<SubmittedId>,
    /// What the user wrote.
    pub text: String,
    /// How far it is.
    pub state: AppealState,
}

impl std::fmt::Debug for KeptAppeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("KeptAppeal");
        out.field("side", &self.side).field("state", &self.state);
        out.finish_non_exhaustive()
    }
}

/// A decision against this account of which the provider told.
pub(crate) struct DecisionTold {
    pub(crate) decision: TreeHash,
    pub(crate) told_ms: u64,
    pub(crate) asked_ms: u64,
}

/// A decision, or an appeal that waits, or both.
pub(crate) struct FollowedDecision {
    /// The decision, if it is against this account.
    pub(crate) told: Option<DecisionTold>,
    pub(crate) appeal: Option<KeptAppeal>,
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` appeals that this device made, after `after`.
    pub fn appeals(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<KeptAppeal>, StateError<S::Error>> {
        let page = self.followed_decisions(after, limit)?;
        let appeals = page.items.into_iter().filter_map(|one| one.appeal);
        Ok(Page {
            items: appeals.collect(),
            damaged: page.damaged,
            next: page.next,
        })
    }

    pub(crate) fn followed_decisions(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<FollowedDecision>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::decisions(), after, limit, |_, bytes| {
                let record: DecisionRecord = records::decode(bytes)?;
                let decision = leaf_of(&record.decision)?;
                let is_against = record.side == u32::from(Side::Account.number());
                let told = is_against.then_some(DecisionTold {
                    decision,
                    told_ms: record.told_ms,
                    asked_ms: record.asked_ms,
                });
                Some(FollowedDecision {
                    told: told.filter(|told| told.told_ms != 0),
                    appeal: appeal_of(&record),
                })
            })
        })
    }

    /// Notes when a receipt about a decision was last asked for.
    pub(crate) fn note_decision_asked(
        &mut self,
        decision: &TreeHash,
        asked_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        self.change_decision(decision, |record| record.asked_ms = asked_ms)
    }

    /// Notes how far an appeal is, after the provider answered it.
    pub(crate) fn note_appeal(
        &mut self,
        decision: &TreeHash,
        state: AppealState,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let key = keys::decision(decision);
            let record: Option<DecisionRecord> = client.readable(&key)?;
            let Some(mut record) = record else {
                return Ok(());
            };
            record.state = state.number();
            record.asked_ms = 0; // the next receipt shows more
            let mut transaction = Transaction::default();
            let report: Option<[u8; 16]> = record.submitted_as.as_slice().try_into().ok();
            let reports = report.into_iter().collect();
            client.put_due_receipts(&mut transaction, &reports)?;
            transaction.put_record(key, &record);
            client.commit(transaction)
        })
    }

    /// Compares the appeals that a verified receipt shows with those that this device made. Returns
    /// those that are further than before.
    pub(crate) fn compare_appeals(
        &mut self,
        told: &Told,
        side: Side,
    ) -> Result<Vec<KeptAppeal>, StateError<S::Error>> {
        let mut further = Vec::new();
        for appeal in &told.appeals {
            let (
                ToldAppeal::Filed {
                    side: by, detail, ..
                },
                own,
            ) = (appeal, side)
            else {
                continue;
            };
            let Some(detail) = detail.filter(|_| *by == own) else {
                continue;
            };
            let key = keys::decision(&detail.decision);
            let before: Option<DecisionRecord> = self.look(|client| client.readable(&key))?;
            let Some(before) = before.as_ref().and_then(appeal_of) else {
                continue;
            };
            // CHK-673: the appeal in the log has the text that this device sent. Of reporters, one
            // appeals for all: another one may have been faster.
            let is_same = detail.text_digest == <[u8; 32]>::from(Sha256::digest(&before.text));
            let state = match (is_same, before.state) {
                (true, _) => AppealState::Filed,
                (false, AppealState::Taken) => AppealState::Altered,
                (false, state) => state,
            };
            if state != before.state {
                self.change_decision(&detail.decision, |record| record.state = state.number())?;
                further.push(KeptAppeal { state, ..before });
            }
        }
        Ok(further)
    }

    fn change_decision(
        &mut self,
        decision: &TreeHash,
        change: impl Fn(&mut DecisionRecord),
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let key = keys::decision(decision);
            let record: Option<DecisionRecord> = client.readable(&key)?;
            let Some(before) = record else {
                return Ok(());
            };
            let mut record = before.clone();
            change(&mut record);
            if record == before {
                return Ok(());
            }
            let mut transaction = Transaction::default();
            transaction.put_record(key, &record);
            client.commit(transaction)
        })
    }

    /// Keeps an appeal until the provider has filed it.
    pub(crate) fn keep_appeal(
        &mut self,
        decision: &TreeHash,
        text: &str,
        now: Timestamp,
    ) -> Result<(), AppealError<S::Error>> {
        if text.is_empty() || text.len() > MAX_APPEAL_LEN {
            return Err(AppealError::Length);
        }
        let (told, submitted_as) = self.decision_shown(decision, now)?;
        // CHK-672: an appeal is against a decision that a receipt has shown, and in time.
        if told
            .appeal_until_ms
            .is_none_or(|until| now.as_millis() > until)
        {
            return Err(AppealError::TooLate);
        }
        let side = match submitted_as {
            Some(_) => Side::Reporter,
            None => Side::Account,
        };
        self.run(|client| {
            let key = keys::decision(decision);
            let known: Option<DecisionRecord> = client.readable(&key)?;
            let known = known.unwrap_or_default();
            let is_refused = known.state == AppealState::Refused.number();
            if !known.text.is_empty() && !is_refused {
                return Err(AppealError::Already);
            }
            let record = DecisionRecord {
                decision: decision.as_bytes().to_vec(),
                side: side.number().into(),
                submitted_as: submitted_as.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
                text: text.to_owned(),
                state: AppealState::Waiting.number(),
                ..known
            };
            let mut transaction = Transaction::default();
            transaction.put_record(key, &record);
            Ok(client.commit(transaction)?)
        })
    }

    /// A decision as the last receipts show it. With the id of the report, if this account
    /// reported.
    fn decision_shown(
        &self,
        decision: &TreeHash,
        now: Timestamp,
    ) -> Result<(ToldDecision, Option<SubmittedId>), AppealError<S::Error>> {
        let find = |receipt: &KeptReceipt| {
            let mut decisions = receipt.told().decisions.iter();
            let found = decisions.find(|told| told.leaf_hash == *decision);
            found.cloned()
        };
        let mut after = None;
        loop {
            let page = self.account_receipts(after.as_ref(), AT_ONCE)?;
            if let Some(told) = page.items.iter().find_map(find) {
                return Ok((told, None));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = self.followed_promises(after.as_ref(), AT_ONCE, now)?;
            let find = |one: &FollowedPromise| Some((find(one.kept.receipt()?)?, one.submitted_as));
            if let Some((told, Some(submitted_as))) = page.items.iter().find_map(find) {
                return Ok((told, Some(submitted_as)));
            }
            after = page.next;
            if after.is_none() {
                return Err(AppealError::NoDecision);
            }
        }
    }
}

fn leaf_of(bytes: &[u8]) -> Option<TreeHash> {
    Some(TreeHash::from_bytes(bytes.try_into().ok()?))
}

fn appeal_of(record: &DecisionRecord) -> Option<KeptAppeal> {
    if record.text.is_empty() {
        return None;
    }
    let side = u8::try_from(record.side).ok()?;
    let submitted_as = record.submitted_as.as_slice().try_into().ok();
    Some(KeptAppeal {
        decision: leaf_of(&record.decision)?,
        side: Side::from_number(side)?,
        submitted_as: submitted_as.map(SubmittedId::from_bytes),
        text: record.text.clone(),
        state: AppealState::from_number(record.state)?,
    })
}
