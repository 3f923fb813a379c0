//! Reports: submitted, followed until their review has ended, and sealed again if their moderation
//! key is replaced or lost.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_interface::{
    ErrorBody, ErrorCode, ReportState, ReportTaken, Request as Call, parse_report_id,
};
use waxseal_reporting::Timestamp;

use super::next::Aim;
use super::pause::later;
use super::{Courier, Event};
use crate::client::ReportId;
use crate::error::{Advice, ReportError, StateError};
use crate::store::{Cursor, Store};

/// How long a submitted report is kept to be sealed again: 30 days. After that, it could not be
/// verified.
const KEEP_MS: u64 = 30 * 24 * 3_600_000;

/// How often the relay is asked what became of a report: once a day.
const ASK_MS: u64 = 24 * 3_600_000;

/// How long a report waits that the relay cannot take now: an hour.
const LATER_MS: u64 = 3_600_000;

/// How far the reports are submitted.
pub(super) struct Reports {
    /// Whether there may be something to do now.
    is_open: bool,
    after: Option<Cursor>,
    /// When to look again.
    again_at: Option<Timestamp>,
    /// Reports that are sealed again before they are submitted.
    to_reseal: BTreeSet<[u8; 16]>,
    has_told_damage: bool,
    /// Promises are asked for again that were last asked for before this time.
    promises_from: Timestamp,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            is_open: true,
            after: None,
            again_at: None,
            to_reseal: BTreeSet::new(),
            has_told_damage: false,
            promises_from: Timestamp::from_millis(0),
        }
    }
}

impl Reports {
    pub(super) fn look_again(&mut self) {
        (self.is_open, self.after) = (true, None);
    }

    pub(super) fn ask_promises(&mut self, now: Timestamp) {
        self.promises_from = now;
        self.look_again();
    }

    fn at(&mut self, now: Timestamp, later_ms: u64) {
        let at = later(now, later_ms);
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        match self.is_open {
            true => Some(Timestamp::from_millis(0)),
            false => self.again_at,
        }
    }
}

impl<S: Store> Courier<S> {
    pub(super) fn choose_report(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if self.reports.again_at.is_some_and(|at| at <= now) {
            self.reports.again_at = None;
            self.reports.look_again();
        }
        while self.reports.is_open {
            // One at a time, because a report can be very long.
            let after = self.reports.after.take();
            let page = self.client.reports_with_state(after.as_ref(), 1)?;
            if !page.damaged.is_empty() && !self.reports.has_told_damage {
                self.reports.has_told_damage = true;
                self.tell(Event::DamagedRows(page.damaged));
            }
            (self.reports.is_open, self.reports.after) = (page.next.is_some(), page.next);
            let Some((outgoing, submitted)) = page.items.into_iter().next() else {
                continue;
            };
            let id = outgoing.id;
            if let Some(submitted) = submitted
                && !self.reports.to_reseal.contains(id.as_bytes())
            {
                let age = |at_ms| now.as_millis().checked_sub(at_ms);
                // The desk may not have answered when the report was taken.
                if !submitted.has_promise && self.usable_log_keys().is_some() {
                    let is_new = age(submitted.at_ms).is_none_or(|age| age < ASK_MS);
                    let every_ms = if is_new { LATER_MS } else { ASK_MS };
                    let asked_ms = submitted.promise_asked_ms;
                    let is_wanted = asked_ms < self.reports.promises_from.as_millis();
                    if is_wanted || age(asked_ms).is_none_or(|age| age >= every_ms) {
                        let call = Call::Promise(submitted.id);
                        return Ok(Some((Aim::Promise(id, submitted.id), call)));
                    }
                    self.reports.at(now, every_ms);
                }
                if age(submitted.at_ms).is_some_and(|age| age > KEEP_MS) {
                    self.client.confirm_report(id)?;
                } else if age(submitted.asked_ms).is_none_or(|age| age >= ASK_MS) {
                    let call = Call::ReportState(submitted.id);
                    return Ok(Some((Aim::ReportState(id), call)));
                } else {
                    self.reports.at(now, ASK_MS);
                }
                continue;
            }
            let must_seal = self.reports.to_reseal.remove(id.as_bytes());
            let report = match must_seal || outgoing.report.is_empty() {
                true => self.seal_report(id, None, rng)?,
                false => Some(outgoing.report),
            };
            if let Some(report) = report {
                return Ok(Some((Aim::Report(id), Call::Report(report))));
            }
        }
        Ok(None)
    }

    /// Seals a report from its draft to the relay's present moderation key. Leaves out the message
    /// that the relay refused because it is too old. Only the relay says so: this device's clock
    /// may be wrong. `None` if nothing is left of the report.
    fn seal_report(
        &mut self,
        id: ReportId,
        refused: Option<usize>,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Vec<u8>>, StateError<S::Error>> {
        let key = self
            .card
            .as_ref()
            .and_then(|(card, _)| card.moderation_key().ok());
        let Some(key) = key else {
            self.reports.look_again(); // once the card is there
            return Ok(None);
        };
        let mut draft = match self.client.kept_draft(id) {
            Ok(draft) => draft,
            Err(error) => return self.no_draft(id, error).map(|()| None),
        };
        if let Some(claim) = refused {
            let preview = draft.preview();
            let tag = preview.messages().get(claim).map(|message| *message.tag());
            let Some(tag) = tag.filter(|tag| draft.remove(tag)) else {
                // Without a change, the relay would refuse it forever.
                self.end_report(id, Some(ErrorCode::ReportRefused))?;
                return Ok(None);
            };
            self.tell(Event::LeftOut { id, message: tag });
        }
        let preview = draft.preview();
        if preview.messages().is_empty() && preview.about_account().is_none() {
            self.end_report(id, None)?;
            return Ok(None);
        }
        match self.client.seal_draft(id, &draft, &key, rng) {
            Ok(outgoing) => Ok(Some(outgoing.report)),
            Err(error) => self.no_draft(id, error).map(|()| None),
        }
    }

    /// The draft of a report cannot be read or sealed.
    fn no_draft(
        &mut self,
        id: ReportId,
        error: ReportError<S::Error>,
    ) -> Result<(), StateError<S::Error>> {
        match error {
            ReportError::State(StateError::Store(error)) => Err(StateError::Store(error)),
            // Its messages were deleted or damaged since, so it can never be sealed.
            error if matches!(error.advice(), Advice::FixCall | Advice::DeleteMessage) => {
                self.end_report(id, None)
            }
            ReportError::State(StateError::Damaged(damage)) => {
                self.tell(Event::Damaged(damage));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives up a report.
    fn end_report(
        &mut self,
        id: ReportId,
        code: Option<ErrorCode>,
    ) -> Result<(), StateError<S::Error>> {
        self.client.confirm_report(id)?;
        self.tell(Event::ReportGivenUp { id, code });
        Ok(())
    }

    /// The provider accepted a report. It stays in the store until its review has ended, because
    /// the moderators may lose the key that opens it.
    pub(super) fn take_taken(
        &mut self,
        id: ReportId,
        taken: &ReportTaken,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(submitted_as) = parse_report_id(&taken.report_id) else {
            return Ok(false);
        };
        // Before the report counts as submitted: after a crash, the relay answers the same.
        if let Some(promise) = &taken.promise {
            self.take_promise(id, Some(&submitted_as), promise, now)?;
        }
        let what = (taken.duplicate, taken.missing_blobs.as_slice());
        let wanted = self.client.note_submitted(id, &submitted_as, what, now)?;
        self.reports.at(now, ASK_MS);
        self.tell(Event::ReportTaken {
            id,
            submitted_as,
            duplicate: taken.duplicate,
        });
        for file in wanted {
            self.tell(Event::FileWanted(file));
        }
        Ok(true)
    }

    /// The relay says what became of a report.
    pub(super) fn take_state(
        &mut self,
        id: ReportId,
        state: ReportState,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match state {
            ReportState::Ended if !self.awaits_promise(id)? => self.client.confirm_report(id),
            ReportState::Unreadable => {
                self.tell(Event::ReportSealedAgain { id });
                self.seal_again_later(id);
                self.client.note_asked(id, now)
            }
            _ => {
                self.reports.at(now, ASK_MS);
                self.client.note_asked(id, now)
            }
        }
    }

    /// Whether the report is kept until the desk has promised its entry. Without the report, the
    /// promise could not be verified.
    fn awaits_promise(&self, id: ReportId) -> Result<bool, StateError<S::Error>> {
        Ok(self.usable_log_keys().is_some() && self.client.awaits_promise(id)?)
    }

    /// Seals a report again, to the moderation key on a card that is fetched first.
    fn seal_again_later(&mut self, id: ReportId) {
        self.card = None;
        self.reports.to_reseal.insert(*id.as_bytes());
        self.reports.look_again();
    }

    /// The relay refused a report.
    pub(super) fn report_refused(
        &mut self,
        id: ReportId,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        // Before the report is given up or changed.
        if let Some(promise) = &body.promise {
            self.take_promise(id, None, promise, now)?;
        }
        match (body.error, body.claim) {
            (ErrorCode::OtherModerationKey, _) => {
                // The card may be older than the relay's key. If it is not, this waits longer.
                self.seal_again_later(id);
                self.pause.lengthen(now, 0, rng);
            }
            (ErrorCode::ReportRefused, Some(claim)) => {
                if self.seal_report(id, Some(claim), rng)?.is_some() {
                    self.reports.look_again();
                }
            }
            // A proxy cannot cause any of these.
            (
                code @ (ErrorCode::ReportRefused | ErrorCode::NotYourReport | ErrorCode::Malformed),
                _,
            ) => self.end_report(id, Some(code))?,
            _ => self.reports.at(now, LATER_MS),
        }
        Ok(())
    }

    /// The relay has no such report, or its content was deleted when its review ended.
    pub(super) fn state_refused(
        &mut self,
        id: ReportId,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match code {
            ErrorCode::NoSuchReport => self.client.confirm_report(id),
            _ => {
                self.reports.at(now, LATER_MS);
                Ok(())
            }
        }
    }
}
