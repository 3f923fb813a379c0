//! The keys of the log, and the promises that they verify.

use waxseal_interface::{ErrorBody, Request as Call};
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_log::promise::PromiseError;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId as SubmittedId;

use super::{DAY_MS, HOUR_MS};
use crate::client::ReportId;
use crate::courier::next::Aim;
use crate::courier::pause::{is_ahead, later};
use crate::courier::{Courier, Event};
use crate::error::{KeepPromiseError, StateError};
use crate::records::CourierRecord;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// The pinned keys of the log of the provider's desk. `None` if the provider has no desk, as
    /// far as this device knows.
    pub fn log_keys(&self) -> Option<LogKeys> {
        self.record.log_keys.parse().ok()
    }

    /// The keys that the provider shows in place of the pinned ones, until they are accepted.
    pub fn changed_log_keys(&self) -> Option<LogKeys> {
        self.record.other_log_keys.parse().ok()
    }

    /// Pins these keys of the log, which the user compared with what the provider publishes. They
    /// take the place of those that are pinned.
    ///
    /// # Errors
    /// [`StateError`].
    ///
    /// # Security
    /// Whoever holds the secret halves of all of these keys can make up promises and receipts. Show
    /// the user [`LogKeys`] as text, and accept them only if they are those that others see too.
    pub fn accept_log_keys(&mut self, keys: &LogKeys) -> Result<(), StateError<S::Error>> {
        self.put(CourierRecord {
            log_keys: keys.to_string(),
            other_log_keys: String::new(),
            keys_asked_ms: 0,
            ..self.record.clone()
        })?;
        self.desk.has_told_change = false;
        self.desk.look_again();
        self.reports.look_again();
        Ok(())
    }

    /// The keys under which promises and receipts are verified now.
    pub(in crate::courier) fn usable_log_keys(&self) -> Option<LogKeys> {
        // CHK-670: while the provider shows other keys than the pinned ones, nothing is verified.
        self.log_keys()
            .filter(|_| self.record.other_log_keys.is_empty())
    }

    /// Asks for the keys of the log, once a day. The first time comes before the first report.
    pub(in crate::courier) fn choose_log_keys(&self, now: Timestamp) -> Option<(Aim, Call)> {
        let is_due = self.keys_due_at(now) <= now;
        is_due.then_some((Aim::LogKeys, Call::LogKeys))
    }

    /// When the keys of the log are next asked for. A time that is too far ahead was chosen while
    /// the clock was wrong.
    pub(super) fn keys_due_at(&self, now: Timestamp) -> Timestamp {
        if let Some(at) = self.desk.keys_at.filter(|at| is_ahead(*at, now, HOUR_MS)) {
            return at;
        }
        let asked = self.record.keys_asked_ms;
        let due = later(Timestamp::from_millis(asked), DAY_MS);
        match asked == 0 || !is_ahead(due, now, DAY_MS) {
            true => now,
            false => due,
        }
    }

    /// Whether the keys of the log were asked for a short time ago.
    fn knows_keys_of(&self, now: Timestamp) -> bool {
        let age = now.as_millis().checked_sub(self.record.keys_asked_ms);
        age.is_some_and(|age| age < 2 * HOUR_MS)
    }

    /// Takes the keys of the log. Returns whether the answer is such.
    pub(in crate::courier) fn take_log_keys(
        &mut self,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|text| text.len() <= MAX_KEYS_LEN);
        let Some(keys) = text.and_then(|text| text.parse::<LogKeys>().ok()) else {
            return Ok(false);
        };
        let mut record = CourierRecord {
            keys_asked_ms: now.as_millis().max(1),
            ..self.record.clone()
        };
        let pinned = self.log_keys();
        match &pinned {
            None => record.log_keys = keys.to_string(),
            Some(pinned) if *pinned == keys => record.other_log_keys = String::new(),
            // CHK-670: other keys take the place of the pinned ones only if the user accepts them.
            Some(_) => record.other_log_keys = keys.to_string(),
        }
        let is_changed = !record.other_log_keys.is_empty();
        if record.other_log_keys != self.record.other_log_keys {
            self.desk.has_told_change = false;
            self.desk.look_again();
            self.reports.look_again();
        }
        self.put(record)?;
        self.desk.keys_at = None;
        match pinned {
            None => self.tell(Event::LogPinned(Box::new(keys))),
            Some(pinned) if is_changed && !self.desk.has_told_change => {
                self.desk.has_told_change = true;
                let (before, now) = (Box::new(pinned), Box::new(keys));
                self.tell(Event::LogKeysChanged { before, now });
            }
            Some(_) => {}
        }
        Ok(true)
    }

    /// The provider has no desk, or its desk does not answer.
    pub(in crate::courier) fn log_keys_refused(
        &mut self,
        body: &ErrorBody,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        if body.error.is_transient() {
            self.desk.keys_at = Some(later(now, HOUR_MS));
            return Ok(());
        }
        // A relay of before has no such route.
        self.put(CourierRecord {
            keys_asked_ms: now.as_millis().max(1),
            ..self.record.clone()
        })
    }

    /// The provider was asked for the promise about a report. What else is to be asked about the
    /// report comes next.
    pub(in crate::courier) fn promise_asked(
        &mut self,
        id: ReportId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.client.note_promise_asked(id, now)?;
        self.reports.look_again();
        Ok(())
    }

    /// Keeps the promise with which the provider answered a report.
    pub(in crate::courier) fn take_promise(
        &mut self,
        id: ReportId,
        submitted_as: Option<&SubmittedId>,
        promise: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        // Without keys, the promise is asked for once they are there.
        let Some(keys) = self.usable_log_keys() else {
            return Ok(());
        };
        let Some(report) = self.client.sealed_report(id)? else {
            return Ok(());
        };
        let kept = self
            .client
            .keep_promise_of(&report, submitted_as, promise, &keys, now);
        let why = match kept {
            Ok(kept) => {
                self.desk.promises.look_again();
                self.tell(Event::Promised(Box::new(kept)));
                return Ok(());
            }
            Err(KeepPromiseError::State(error)) => return Err(error),
            // This device's clock is behind.
            Err(KeepPromiseError::Promise(PromiseError::InTheFuture)) => return Ok(()),
            // The keys may have changed: they are asked for now, and the promise later.
            Err(
                error @ KeepPromiseError::Promise(PromiseError::Note(_) | PromiseError::OtherText),
            ) => {
                if self.knows_keys_of(now) {
                    let why = error.to_string();
                    self.tell(Event::PromiseRefused { id, why });
                    return Ok(());
                }
                self.desk.keys_at = None;
                self.reports.look_again();
                return self.put(CourierRecord {
                    keys_asked_ms: 0,
                    ..self.record.clone()
                });
            }
            Err(error) => error,
        };
        self.client.note_no_promise(id)?;
        // It is about the earlier report, which has all of this.
        let is_other = matches!(why, KeepPromiseError::Promise(PromiseError::OtherReport));
        if is_other && self.client.was_duplicate(id)? {
            return Ok(());
        }
        let why = why.to_string();
        self.tell(Event::PromiseRefused { id, why });
        Ok(())
    }
}
