//! Prekeys: enough of them at the provider, and replaced once a week.

use rand_core::CryptoRng;
use waxseal_core::PreKeyUpload;
use waxseal_interface::{PreKeys, Request as Call};
use waxseal_reporting::Timestamp;

use super::next::{Aim, InFlight};
use super::pause::later;
use super::{Courier, Event};
use crate::error::{Damage, PublishError, StateError};
use crate::records::CourierRecord;
use crate::store::Store;

/// If the relay has fewer one-time prekeys than this, it gets new ones.
const FEW: usize = 25;

/// How often the relay is asked how many it has, and how often a delivery that does not open is a
/// reason to upload: every hour.
const CHECK_MS: u64 = 3_600_000;

/// How often the relay gets the signed prekeys although it should have them: every day.
const UPLOAD_MS: u64 = 24 * 3_600_000;

/// How old the signed prekeys get: a week.
const ROTATE_MS: u64 = 7 * 24 * 3_600_000;

/// A noted time that is ahead by more than this was noted while the clock was wrong: a day. One
/// that is less ahead counts as now, because prekeys that are replaced twice in a row lose the
/// messages on their way.
const AHEAD_MS: u64 = 24 * 3_600_000;

impl<S: Store> Courier<S> {
    pub(super) fn choose_prekeys(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        self.rotate_if_due(now, rng)?;
        if let Some(left) = self.left.take() {
            return self.upload(left, now, rng);
        }
        if self.prekeys_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        if self.record.replaces && !self.record.has_uploaded {
            return self.upload(0, now, rng);
        }
        Ok(Some((Aim::Left, Call::PreKeysLeft)))
    }

    /// Replaces the signed prekeys once a week, but not before the relay has the last ones.
    fn rotate_if_due(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let rotated_ms = self.record.rotated_ms;
        let is_first = rotated_ms == 0;
        let is_due = match now.as_millis().checked_sub(rotated_ms) {
            Some(age) => age > ROTATE_MS,
            None => rotated_ms.saturating_sub(now.as_millis()) > AHEAD_MS,
        };
        if !(is_first || is_due && self.record.has_uploaded) {
            return Ok(());
        }
        // It is noted first that the relay lacks them, so that they are not replaced once more
        // before it has them.
        self.put(CourierRecord {
            rotated_ms: now.as_millis().max(1), // 0 says that they were never replaced
            has_uploaded: false,
            ..self.record.clone()
        })?;
        self.prekeys_at = Some(now);
        if is_first {
            return Ok(()); // they are new
        }
        match self.client.rotate_prekeys(rng) {
            Ok(_) => Ok(()),
            Err(error) => self.no_prekeys(error),
        }
    }

    /// Takes the number of one-time parts that the relay has left.
    pub(super) fn take_left(&mut self, left: usize, now: Timestamp) {
        self.check_later(now);
        // A store that was set back has other prekeys than the relay, and may not know it.
        let age = now.as_millis().checked_sub(self.record.uploaded_ms);
        let is_old = age.is_none_or(|age| age > UPLOAD_MS);
        if left < FEW || !self.record.has_uploaded || is_old || self.are_prekeys_in_doubt {
            self.left = Some(left);
        }
    }

    /// Uploads the prekeys in place of those that the relay has, because a delivery did not open: a
    /// store that was set back has others, and may not know it. The relay gets them before the
    /// refusal is posted. Anyone can make deliveries that do not open, so this happens at most once
    /// an hour.
    pub(super) fn doubt_prekeys(&mut self, now: Timestamp) {
        let since = |at: Timestamp| now.as_millis().checked_sub(at.as_millis());
        let age = self.doubted_at.and_then(since);
        if age.is_some_and(|age| age < CHECK_MS) {
            return;
        }
        self.doubted_at = Some(now);
        self.are_prekeys_in_doubt = true;
        self.forget_upload();
        self.prekeys_at = Some(now);
    }

    pub(super) fn check_later(&mut self, now: Timestamp) {
        self.prekeys_at = Some(later(now, CHECK_MS));
    }

    /// What to upload if the relay has this many one-time parts left.
    fn upload(
        &mut self,
        left: usize,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let replace = self.record.replaces || self.are_prekeys_in_doubt;
        let upload = match replace {
            true => self.client.republish_prekeys(rng),
            false => self.client.publish_prekeys(left, rng),
        };
        let upload: PreKeyUpload = match upload {
            Ok(upload) => upload,
            Err(error) => {
                self.no_prekeys(error)?;
                self.check_later(now);
                return Ok(None);
            }
        };
        let call = Call::PutPreKeys(PreKeys {
            base: upload.base.clone(),
            one_time: upload.one_time.clone(),
            replace,
        });
        Ok(Some((Aim::Upload(upload), call)))
    }

    /// The relay has an upload.
    pub(super) fn take_upload(
        &mut self,
        upload: &PreKeyUpload,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.client.confirm_prekeys(upload)?;
        self.are_prekeys_in_doubt = false;
        // The week begins when the relay has them. Otherwise they would be replaced twice in a row
        // after a long time without a network.
        let rotated_ms = match self.record.has_uploaded {
            true => self.record.rotated_ms,
            false => now.as_millis().max(1),
        };
        self.put(CourierRecord {
            rotated_ms,
            has_uploaded: true,
            uploaded_ms: now.as_millis(),
            replaces: false,
            ..self.record.clone()
        })
    }

    /// The client made new prekeys, and the relay must forget the earlier ones.
    pub(super) fn replace_prekeys(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        self.prekeys_at = Some(now);
        self.put(CourierRecord {
            rotated_ms: now.as_millis().max(1),
            has_uploaded: false,
            replaces: true,
            ..self.record.clone()
        })
    }

    /// Makes new prekeys, after [`Event::Damaged`] named them. The relay gets them at once.
    /// Conversations go on.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn reset_prekeys(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        // Noted first: after a crash, what the relay has is replaced by what is there then.
        self.replace_prekeys(now)?;
        self.forget_upload();
        self.client.reset_prekeys(rng)?;
        self.stream.close(); // what waited for them is delivered again
        Ok(())
    }

    /// Ignores the answer to an upload that is on its way: it would count as the next one.
    fn forget_upload(&mut self) {
        let is_upload = |flight: &mut InFlight| matches!(flight.aim, Aim::Upload(_));
        self.in_flight.take_if(is_upload);
    }

    fn no_prekeys(&mut self, error: PublishError<S::Error>) -> Result<(), StateError<S::Error>> {
        match error {
            PublishError::State(StateError::Damaged(damage)) => self.tell(Event::Damaged(damage)),
            PublishError::State(error) => return Err(error),
            PublishError::PreKeys(_) => self.tell(Event::Damaged(Damage::PreKeys)),
        }
        Ok(())
    }
}
