//! The provider's desk: keeps its promises, asks for receipts, and makes appeals.

mod keys;
mod news;
mod notices;
mod receipts;

use std::collections::BTreeMap;

use waxseal_interface::{Appeal, ErrorBody, ErrorCode, Request as Call, report_id_text};
use waxseal_log::entry::Side;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

pub use self::news::{ReceiptAbout, ReceiptNews};
use self::notices::Notices;
use super::next::Aim;
use super::pause::{is_off, later};
use super::{Courier, Event};
use crate::client::PromiseState;
use crate::client::courier::decisions::{AppealState, FollowedDecision, KeptAppeal};
use crate::client::courier::promises::FollowedPromise;
use crate::error::{AppealError, StateError};
use crate::store::{Cursor, Store};

/// How often a receipt is asked for, and whether the provider has a desk and which keys: once a
/// day.
pub(super) const DAY_MS: u64 = 24 * 3_600_000;

/// How often the provider is asked for notices of decisions, and what it could not answer: once an
/// hour.
pub(super) const HOUR_MS: u64 = 3_600_000;

/// For how long receipts about a report or a decision are asked for: 400 days.
const FOLLOWED_MS: u64 = 400 * DAY_MS;

/// A table of the store that is gone through, and when again.
struct Walk {
    is_open: bool,
    /// Whether everything is asked for once more, however new it is.
    is_fresh: bool,
    after: Option<Cursor>,
    again_at: Option<Timestamp>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            is_open: true,
            is_fresh: false,
            after: None,
            again_at: None,
        }
    }
}

impl Walk {
    fn look_again(&mut self) {
        (self.is_open, self.after, self.again_at) = (true, None, None);
    }

    /// Goes on after a row, or ends.
    fn go_on(&mut self, next: Option<Cursor>) {
        (self.is_open, self.after) = (next.is_some(), next);
        self.is_fresh &= self.is_open;
    }

    fn wake(&mut self, now: Timestamp) {
        if self.again_at.is_some_and(|at| at <= now) {
            self.look_again();
        }
    }

    fn at(&mut self, now: Timestamp, later_ms: u64) {
        let at = later(now, later_ms);
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }

    fn next(&self) -> Option<Timestamp> {
        match self.is_open {
            true => Some(Timestamp::from_millis(0)),
            false => self.again_at,
        }
    }
}

/// How far promises, receipts and appeals are.
#[derive(Default)]
pub(super) struct Desk {
    promises: Walk,
    decisions: Walk,
    notices: Notices,
    /// When the provider is next asked for keys, because it could not answer.
    keys_at: Option<Timestamp>,
    /// Appeals that wait because the desk could not be asked.
    put_off: BTreeMap<TreeHash, Timestamp>,
    /// Whether the application was told in this process that the keys changed.
    has_told_change: bool,
    has_told_damage: bool,
}

impl Desk {
    pub(super) fn look_again(&mut self) {
        self.promises.look_again();
        self.decisions.look_again();
        (self.notices.at, self.keys_at) = (None, None);
    }
}

impl<S: Store> Courier<S> {
    /// Appeals against a decision that a receipt has shown, about a report of this account or
    /// against this account. The appeal is kept, and tried until the provider takes or refuses it.
    ///
    /// `decision` is [`ToldDecision::leaf_hash`](waxseal_log::receipt::ToldDecision::leaf_hash).
    /// The text has 1 to [`MAX_APPEAL_LEN`](waxseal_interface::MAX_APPEAL_LEN) bytes.
    ///
    /// # Errors
    /// [`AppealError`].
    ///
    /// # Security
    /// The text is not end-to-end encrypted: the relay and the desk can read it. Tell the user.
    pub fn appeal(
        &mut self,
        decision: &TreeHash,
        text: &str,
        now: Timestamp,
    ) -> Result<(), AppealError<S::Error>> {
        self.client.keep_appeal(decision, text, now)?;
        self.desk.put_off.remove(decision);
        self.desk.decisions.look_again();
        Ok(())
    }

    /// Asks for notices, receipts and missing promises now, and not when their time has come. Call
    /// it when the user wants to see them.
    pub fn ask_receipts(&mut self, now: Timestamp) {
        self.reports.ask_promises(now);
        for walk in [&mut self.desk.promises, &mut self.desk.decisions] {
            walk.look_again();
            walk.is_fresh = true;
        }
        self.desk.notices.at = None;
    }

    /// Chooses what is next asked of the desk: appeals first, because someone waits for them.
    pub(super) fn choose_desk(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if self.usable_log_keys().is_none() {
            return Ok(None);
        }
        if let Some(chosen) = self.choose_notices(now) {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_decision(now)? {
            return Ok(Some(chosen));
        }
        self.choose_receipt(now)
    }

    /// When something is next asked of the desk.
    pub(super) fn desk_at(&self, now: Timestamp) -> Option<Timestamp> {
        let keys_at = self.keys_due_at(now);
        if self.usable_log_keys().is_none() {
            return Some(keys_at);
        }
        let put_off = self.desk.put_off.values().min().copied();
        let notices_at = self.desk.notices.at.unwrap_or(now);
        let times = [
            Some(keys_at),
            Some(notices_at),
            self.desk.promises.next(),
            self.desk.decisions.next(),
            put_off,
        ];
        times.into_iter().flatten().min()
    }

    fn choose_decision(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let before = self.desk.put_off.len();
        self.desk.put_off.retain(|_, until| *until > now);
        if self.desk.put_off.len() != before {
            self.desk.decisions.look_again();
        }
        self.desk.decisions.wake(now);
        while self.desk.decisions.is_open {
            let after = self.desk.decisions.after.take();
            let page = self.client.followed_decisions(after.as_ref(), 1)?;
            self.tell_damaged_promises(page.damaged);
            let is_fresh = self.desk.decisions.is_fresh;
            self.desk.decisions.go_on(page.next);
            let Some(FollowedDecision { told, appeal }) = page.items.into_iter().next() else {
                continue;
            };
            if let Some(appeal) = appeal
                && appeal.state == AppealState::Waiting
                && !is_off(&self.desk.put_off, &appeal.decision, now, HOUR_MS)
            {
                // Once it is answered, the receipt is looked at.
                return Ok(Some(appeal_call(appeal)));
            }
            let Some(told) = told else {
                continue;
            };
            let age = |at_ms: u64| now.as_millis().checked_sub(at_ms);
            if age(told.told_ms).is_some_and(|age| age > FOLLOWED_MS) {
                continue;
            }
            match age(told.asked_ms) {
                Some(age) if age < DAY_MS && !is_fresh => {
                    let left = DAY_MS.saturating_sub(age);
                    self.desk.decisions.at(now, left);
                }
                _ => {
                    let call = Call::DecisionReceipt(*told.decision.as_bytes());
                    return Ok(Some((Aim::DecisionReceipt(told.decision), call)));
                }
            }
        }
        Ok(None)
    }

    fn choose_receipt(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        self.desk.promises.wake(now);
        while self.desk.promises.is_open {
            let after = self.desk.promises.after.take();
            let page = self.client.followed_promises(after.as_ref(), 1, now)?;
            self.tell_damaged_promises(page.damaged);
            let is_fresh = self.desk.promises.is_fresh;
            self.desk.promises.go_on(page.next);
            let followed = page.items.into_iter().next();
            let Some((followed, call)) = followed.and_then(receipt_call) else {
                continue;
            };
            let FollowedPromise { kept, asked_ms, .. } = followed;
            // Nothing follows a refusal.
            let is_refused = kept.promised().rejected().is_some();
            if is_refused && kept.state() == PromiseState::Included && !is_fresh {
                continue;
            }
            let age = |at_ms: u64| now.as_millis().checked_sub(at_ms);
            let made_ms = kept.promised().leaf().day.start_ms();
            if age(made_ms).is_some_and(|age| age > FOLLOWED_MS) {
                continue;
            }
            match age(asked_ms) {
                Some(age) if age < DAY_MS && !is_fresh => {
                    let left = DAY_MS.saturating_sub(age);
                    self.desk.promises.at(now, left);
                }
                _ => {
                    let aim = Aim::ReportReceipt(kept.number());
                    return Ok(Some((aim, call)));
                }
            }
        }
        Ok(None)
    }

    fn tell_damaged_promises(&mut self, damaged: Vec<crate::DamagedRow>) {
        if !damaged.is_empty() && !self.desk.has_told_damage {
            self.desk.has_told_damage = true;
            self.tell(Event::DamagedRows(damaged));
        }
    }

    /// The relay refused what it asks the desk for, or the desk did not answer.
    pub(super) fn desk_refused(
        &mut self,
        aim: &Aim,
        body: &ErrorBody,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let code = body.error;
        match aim {
            Aim::LogKeys => self.log_keys_refused(body, now),
            Aim::Promise(id, _) => self.promise_asked(*id, now),
            Aim::ReportReceipt(number) => self.report_receipt_refused(number, code, now),
            Aim::DecisionReceipt(decision) => self.decision_receipt_refused(decision, code, now),
            Aim::Appeal(decision) => self.appeal_refused(decision, code, now),
            _ => {
                self.desk.notices.at = Some(later(now, HOUR_MS));
                Ok(())
            }
        }
    }

    /// The provider filed an appeal.
    pub(super) fn take_appeal(&mut self, decision: &TreeHash) -> Result<(), StateError<S::Error>> {
        self.appeal_answered(decision, AppealState::Taken)
    }

    /// The provider refused an appeal, or could not ask its desk.
    pub(super) fn appeal_refused(
        &mut self,
        decision: &TreeHash,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match code {
            // A proxy cannot cause any of these.
            ErrorCode::AppealRefused | ErrorCode::Malformed => {
                self.appeal_answered(decision, AppealState::Refused)
            }
            // The relay may know of the decision later.
            _ => {
                self.desk.put_off.insert(*decision, later(now, HOUR_MS));
                Ok(())
            }
        }
    }

    fn appeal_answered(
        &mut self,
        decision: &TreeHash,
        state: AppealState,
    ) -> Result<(), StateError<S::Error>> {
        self.client.note_appeal(decision, state)?;
        self.desk.look_again();
        let mut after = None;
        loop {
            let page = self.client.appeals(after.as_ref(), 16)?;
            let found = page.items.into_iter().find(|one| one.decision == *decision);
            after = page.next;
            if let Some(appeal) = found {
                self.tell(Event::Appeal(Box::new(appeal)));
                return Ok(());
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The request for the receipt about a report. The provider has an id for each report that it took,
/// and none for one that it refused. `None` if the application keeps the promise by itself.
fn receipt_call(followed: FollowedPromise) -> Option<(FollowedPromise, Call)> {
    let promised = followed.kept.promised();
    let call = match (promised.rejected(), followed.submitted_as) {
        (Some(_), _) => Call::RefusedReceipt(*promised.report().as_bytes()),
        (None, Some(submitted_as)) => Call::ReportReceipt(submitted_as),
        (None, None) => return None,
    };
    Some((followed, call))
}

/// The request that makes an appeal.
fn appeal_call(appeal: KeptAppeal) -> (Aim, Call) {
    let decision = *appeal.decision.as_bytes();
    let report_id = appeal
        .submitted_as
        .filter(|_| appeal.side == Side::Reporter);
    let call = Call::Appeal {
        decision,
        appeal: Appeal {
            side: appeal.side.number(),
            report_id: report_id.as_ref().map(report_id_text),
            text: appeal.text,
        },
    };
    (Aim::Appeal(appeal.decision), call)
}
