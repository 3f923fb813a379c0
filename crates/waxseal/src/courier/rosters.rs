//! The own roster: the relay has what this device signed, and what this device goes by.

use waxseal_interface::{ErrorBody, ErrorCode, Request as Call};
use waxseal_reporting::{DeviceId, Timestamp};
use waxseal_roster::{RecoverySecret, Roster, RosterVersion, SignedRoster};

use super::next::Aim;
use super::pause::later;
use super::{Courier, Event};
use crate::client::Rebased;
use crate::error::{AccountKeyError, EditRosterError, StateError, TakeRosterError};
use crate::records::CourierRecord;
use crate::store::Store;

/// How long after a refusal the own roster is published again: an hour.
const REFUSED_MS: u64 = 3_600_000;

/// How long after the first conflict the own roster is published again. After each further one, it
/// is twice as long.
const FIRST_WAIT_MS: u64 = 250;

/// The roster with which a device registers.
pub(super) struct ToRegister {
    pub(super) signed: Option<Vec<u8>>,
    /// The version of the own roster, if it is that one. A relay with a newer roster ignores this
    /// one. So one that waits is published afterwards, to learn whether the relay took it.
    pub(super) own: Option<RosterVersion>,
}

impl<S: Store> Courier<S> {
    /// Removes another device from this account. Peers stop sending to it once the relay has the
    /// roster: [`Notice::DevicesChanged`](crate::Notice::DevicesChanged) tells.
    ///
    /// # Errors
    /// As for [`Client::remove_device`](crate::Client::remove_device).
    pub fn remove_device(
        &mut self,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<(), EditRosterError<S::Error>> {
        let signed = self.client.remove_device(device, self.relay_time(now));
        self.publish();
        signed.map(|_| ())
    }

    /// Makes this device a manager of its account, and removes lost devices, managers too. The
    /// safety number stays.
    ///
    /// # Errors
    /// As for [`Client::take_over`](crate::Client::take_over).
    pub fn take_over(
        &mut self,
        secret: &RecoverySecret,
        lost: &[DeviceId],
        now: Timestamp,
    ) -> Result<(), EditRosterError<S::Error>> {
        let signed = self.client.take_over(secret, lost, self.relay_time(now));
        // A device that was removed registers with the new roster.
        if signed.is_ok() && self.is_removed {
            (self.is_removed, self.must_register) = (false, true);
        }
        self.publish();
        signed.map(|_| ())
    }

    /// Has the own roster published, if the relay does not have it.
    pub(super) fn publish(&mut self) {
        self.publish_at = Some(Timestamp::from_millis(0));
    }

    /// The own roster. If its record is damaged, it is reset, and the roster comes from the relay.
    pub(super) fn own_roster(&mut self) -> Result<Option<Roster>, StateError<S::Error>> {
        match self.client.own_roster() {
            Err(StateError::Damaged(_)) => {
                let me = self.client.me().account.clone();
                self.client.reset_peer(&me)?;
                self.bundles.want_roster(&me);
                self.client.own_roster()
            }
            roster => roster,
        }
    }

    /// Makes the account key of a store that an earlier version of this library wrote.
    pub(super) fn make_account_key(
        &mut self,
        now: Timestamp,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        if self.has_account_key || self.own_roster()?.is_some() {
            self.has_account_key = true;
            return Ok(());
        }
        match self.client.create_account_key(self.relay_time(now), rng) {
            Ok(_) => self.publish(),
            Err(AccountKeyError::State(error)) => return Err(error),
            // The record of the roster is damaged. The relay has it.
            Err(_) => self.bundles.want_roster(&self.client.me().account.clone()),
        }
        self.has_account_key = true;
        Ok(())
    }

    /// The signed roster that the relay gets when this device registers: the one that waits, or the
    /// own one.
    pub(super) fn roster_to_register(&mut self) -> Result<ToRegister, StateError<S::Error>> {
        if let Some(pending) = self.client.pending_roster()? {
            return Ok(ToRegister {
                signed: Some(pending),
                own: None,
            });
        }
        let own = self.own_roster()?;
        Ok(ToRegister {
            signed: own.as_ref().map(|own| own.signed().encode()),
            own: own.map(|own| own.stamp()),
        })
    }

    /// The roster that this device signed and the relay has not confirmed.
    fn pending(&self) -> Result<Option<Roster>, StateError<S::Error>> {
        let pending = self.client.pending_roster()?;
        let signed = pending.and_then(|pending| SignedRoster::decode(&pending).ok());
        let account = self.client.me().account.as_str();
        Ok(signed.and_then(|signed| signed.verify(account).ok()))
    }

    /// Whether the own roster, as far as this device knows it, does not list this device.
    pub(super) fn is_not_listed(&mut self) -> Result<bool, StateError<S::Error>> {
        let own = self.own_roster()?;
        let identity = self.client.identity().to_bytes();
        let is_listed = own.is_some_and(|own| own.device_of(&identity).is_some());
        Ok(!is_listed && self.client.pending_roster()?.is_none())
    }

    /// Publishes what the relay does not have.
    pub(super) fn choose_roster(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if self.publish_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        // The roster that waits follows the own one, so the relay must have that first.
        let own = self.own_roster()?;
        let own = own.filter(|own| own.stamp() > self.published());
        let mut roster = match own {
            Some(own) => Some(own),
            None => self.pending()?,
        };
        if roster.is_none() {
            self.renew_roster(now)?;
            roster = self.pending()?;
        }
        let Some(roster) = roster else {
            self.publish_at = None;
            return Ok(None);
        };
        let call = Call::PutRoster(roster.signed().encode());
        Ok(Some((Aim::PutRoster(roster.stamp()), call)))
    }

    /// The newest roster of which this device knows that the relay has it.
    fn published(&self) -> RosterVersion {
        RosterVersion {
            epoch: self.record.roster_epoch,
            version: self.record.roster_version,
        }
    }

    /// Notes that the relay has the roster with this version, or a newer one.
    pub(super) fn note_sent(&mut self, sent: RosterVersion) -> Result<(), StateError<S::Error>> {
        if sent <= self.published() {
            return Ok(());
        }
        self.put(CourierRecord {
            roster_epoch: sent.epoch,
            roster_version: sent.version,
            ..self.record.clone()
        })
    }

    /// The relay has a roster with this version that this device sent.
    pub(super) fn take_published(
        &mut self,
        sent: RosterVersion,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.note_sent(sent)?;
        if self
            .pending()?
            .is_some_and(|pending| pending.stamp() == sent)
        {
            let confirmed = self.client.confirm_roster(self.relay_time(now));
            self.edited(confirmed, now)?;
            self.upkeep_at = Some(now); // the own devices are told
        }
        self.conflicts = 0;
        self.publish();
        self.link_goes_on();
        self.look_again();
        self.tell_notices()
    }

    /// The relay has another roster than the one that this device sent. Makes the same change again
    /// on top of it.
    pub(super) fn roster_conflict(
        &mut self,
        body: &ErrorBody,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        // A relay can say this each time.
        let wait_ms = FIRST_WAIT_MS
            .checked_shl(self.conflicts)
            .unwrap_or(REFUSED_MS);
        self.publish_at = Some(later(now, wait_ms.min(REFUSED_MS)));
        self.conflicts = self.conflicts.saturating_add(1).min(16);
        let newest = body.conflict.as_ref().map(|conflict| &conflict.roster);
        let Some(newest) = newest else {
            return Ok(());
        };
        if self.pending()?.is_some() {
            match self.client.rebase_roster(newest, self.relay_time(now)) {
                Ok(Rebased::Post(_)) => {}
                Ok(Rebased::Done(_)) => {
                    self.note_published()?;
                    self.link_goes_on();
                }
                // The relay gets the own roster first.
                Err(EditRosterError::Behind) => {
                    self.put(CourierRecord {
                        roster_epoch: 0,
                        roster_version: 0,
                        ..self.record.clone()
                    })?;
                }
                Err(error) => self.edited::<()>(Err(error), now)?,
            }
        } else {
            let account = self.client.me().account.clone();
            match self.client.take_roster(&account, newest, now) {
                Ok(_) => self.note_published()?,
                Err(TakeRosterError::State(StateError::Store(error))) => {
                    return Err(StateError::Store(error));
                }
                Err(_) => self.publish_at = Some(later(now, REFUSED_MS)),
            }
        }
        self.look_again();
        self.tell_notices()
    }

    /// The relay has the roster that this device goes by.
    fn note_published(&mut self) -> Result<(), StateError<S::Error>> {
        match self.own_roster()? {
            Some(own) => self.note_sent(own.stamp()),
            None => Ok(()),
        }
    }

    /// The relay does not take the own roster.
    pub(super) fn roster_not_taken(&mut self, code: ErrorCode, now: Timestamp) {
        self.publish_at = Some(later(now, REFUSED_MS));
        self.tell(Event::RosterRefused(code));
    }

    /// Signs the own roster again if it is old, or if a device left, and this device manages the
    /// account.
    pub(super) fn renew_roster(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        match self.client.renew_roster(self.relay_time(now)) {
            Ok(Some(_)) => self.publish(),
            Err(EditRosterError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            // Another one waits, or the record is damaged. This is tried again once the relay has
            // that, and at the next sign-in.
            Ok(None) | Err(_) => {}
        }
        Ok(())
    }

    /// The relay does not take the time at which a roster was signed. Signs it again.
    pub(super) fn sign_again(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let signed = self.client.date_roster(self.relay_time(now));
        self.publish();
        self.edited(signed, now)
    }

    /// Tells if a change of the roster cannot be made.
    fn edited<T>(
        &mut self,
        edited: Result<T, EditRosterError<S::Error>>,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match edited {
            Ok(_) | Err(EditRosterError::NothingPending) => {}
            Err(EditRosterError::State(error)) => return Err(error),
            Err(EditRosterError::Edit(error)) => {
                self.link_goes_on();
                self.tell(Event::NotChanged(error));
            }
            // The notices tell of two rosters of one version.
            Err(_) => self.publish_at = Some(later(now, REFUSED_MS)),
        }
        Ok(())
    }
}
