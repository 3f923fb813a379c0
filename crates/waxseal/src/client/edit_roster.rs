//! Changing the own roster: what this device signs, until the provider has it.
//!
//! A signed roster is stored before it leaves, and posted always with the same bytes. If the
//! provider has another one meanwhile, the same change is made again on top of that.

mod signing;

use waxseal_reporting::{DeviceId, Timestamp};
use waxseal_roster::limits::MAX_MANAGERS;
use waxseal_roster::{DeviceEntry, RecoverySecret, Roster, SignedRoster, proof_context};

pub(super) use self::signing::{Signing, first_pending, nothing_pending};
use super::peers::Peer;
use super::{Client, keys};
use crate::error::{EditRosterError, StateError};
use crate::records::SigningRecord;
use crate::roster_edit::{EditError, RosterEdit, Signer};
use crate::store::{Store, Transaction};

/// How many versions count as signed if the record of them is damaged or lost: more than are ever
/// signed without a confirmation in between.
const SIGNED_UNSEEN: u32 = 100;

/// How old a signed roster may be that is posted again. A provider refuses one that was signed more
/// than a day ago by its own clock, so an older one is signed again, with a higher version.
const MAX_PENDING_AGE_MS: u64 = 12 * 3_600_000;

/// What became of a change of the roster that the provider did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rebased {
    /// The roster to post now, in place of the one before.
    Post(Vec<u8>),
    /// The provider's roster has the change: as after [`Client::confirm_roster`].
    Done(Option<Welcome>),
}

/// What tells a new device that it is in the roster. Put it into
/// [`LinkSlot::Welcome`](crate::linking::LinkSlot::Welcome) of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The mailbox of the new device's code.
    pub mailbox: [u8; 16],
    /// The signed roster.
    pub roster: Vec<u8>,
}

impl<S: Store> Client<S> {
    /// The signed roster that the provider has not confirmed. Post it at each start and whenever
    /// the answer was lost: it has always the same bytes.
    pub fn pending_roster(&self) -> Result<Option<Vec<u8>>, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<SigningRecord> = client.readable(&keys::signing())?;
            let pending = record.and_then(|record| record.pending);
            Ok(pending.map(|pending| pending.signed))
        })
    }

    /// Removes another device from the account. Post the signed roster, then call
    /// [`confirm_roster`](Self::confirm_roster).
    ///
    /// Peers, and the own devices, stop sending to the device as soon as they have the roster.
    ///
    /// # Errors
    /// [`EditError::NotManager`] if this device is no manager, [`EditError::IsManager`] if the
    /// other one is: call [`take_over`](Self::take_over). [`EditRosterError::Pending`] if another
    /// roster is not confirmed.
    pub fn remove_device(
        &mut self,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Vec<u8>, EditRosterError<S::Error>> {
        self.edit_roster(now, |_, roster| {
            let listed = roster.device(device.0).ok_or(EditError::NoSuchDevice)?;
            Ok(RosterEdit::Remove(device.0, listed.identity))
        })
    }

    /// Signs the roster again if that is due: a manager does so when a device of the account left,
    /// and when the roster is 30 days old. Peers go by the managers alone when it is 60 days old.
    ///
    /// `None` if it is not due, or if this device is no manager.
    ///
    /// # Errors
    /// [`EditRosterError::Pending`] if another roster is not confirmed.
    pub fn renew_roster(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, EditRosterError<S::Error>> {
        let edit = |client: &Self, roster: &Roster| {
            let removal = client.removal_of_leaver(roster)?;
            Ok(removal.unwrap_or(RosterEdit::Renew))
        };
        match self.edit_roster(now, edit) {
            Ok(roster) => Ok(Some(roster)),
            Err(EditRosterError::NoChange | EditRosterError::Edit(EditError::NotManager)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Signs the roster again that the provider did not take because of its time: the pending one,
    /// or the own one of a new account. `now` is the provider's time.
    ///
    /// `None` if there is nothing to sign, or if this device is no manager.
    pub fn date_roster(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, EditRosterError<S::Error>> {
        self.run(|client| {
            let mut signing = client.signing()?;
            let edit = match signing.record.pending.is_some() {
                true => signing.edit(&signing.pending()?)?,
                false => RosterEdit::Date,
            };
            // The roster that waited is replaced by one of a higher version.
            signing.record.pending = None;
            let record = signing.record.clone();
            match client.sign_edit(signing, &edit, now, &mut Transaction::default()) {
                Ok(roster) => Ok(Some(roster)),
                Err(EditRosterError::NoChange | EditRosterError::Edit(EditError::NotManager)) => {
                    let mut transaction = Transaction::default();
                    transaction.put_record(keys::signing(), &record);
                    client.commit(transaction)?;
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Makes this device a manager in a new epoch, and removes devices that were lost, managers
    /// too. The account key stays, and with it the safety number.
    ///
    /// The other managers that were not lost stay managers, up to three. Post the signed roster,
    /// then call [`confirm_roster`](Self::confirm_roster).
    ///
    /// # Errors
    /// [`EditRosterError::WrongSecret`] if the secret is of another account key.
    /// [`EditError::Taken`] if this device was removed: [recover](Self::recover) the account in an
    /// empty store.
    pub fn take_over(
        &mut self,
        secret: &RecoverySecret,
        lost: &[DeviceId],
        now: Timestamp,
    ) -> Result<Vec<u8>, EditRosterError<S::Error>> {
        self.run(|client| {
            let signing = client.signing()?;
            let (me, identity) = (client.me.device.0, &client.identity);
            let key = secret.key_pair();
            let newest = signing.newest()?;
            // CHK-360: the secret is that of the pinned account key.
            if key.public() != *newest.account_key() {
                return Err(EditRosterError::WrongSecret);
            }
            let own = identity.public().to_bytes();
            let is_lost =
                |entry: &&DeviceEntry| entry.id != me && lost.iter().any(|lost| lost.0 == entry.id);
            let devices = newest.devices().iter();
            let mut keep: Vec<_> = devices.filter(|entry| !is_lost(entry)).cloned().collect();
            if !keep
                .iter()
                .any(|entry| entry.id == me && entry.identity == own)
            {
                let context = proof_context(newest.account(), newest.account_key(), me);
                keep.retain(|entry| entry.id != me);
                keep.push(DeviceEntry::new(me, own, identity.prove_device(&context)));
            }
            let others = keep.iter().map(|entry| entry.identity);
            let others = others.filter(|other| *other != own && newest.is_manager(other));
            let managers: Vec<_> = [own]
                .into_iter()
                .chain(others.take(MAX_MANAGERS - 1))
                .collect();
            let epoch = newest
                .epoch()
                .checked_add(1)
                .ok_or(EditError::NumbersUsedUp)?;
            let delegation = key.delegate(newest.account(), epoch, &managers);
            let delegation = delegation.map_err(EditError::from)?;
            let edit = RosterEdit::TakeOver { delegation, keep };
            client.sign_edit(signing, &edit, now, &mut Transaction::default())
        })
    }

    /// Confirms that the provider has the [pending roster](Self::pending_roster): it answered that
    /// it took it. From now on this device goes by it.
    ///
    /// If the roster has a new device, returns what to tell it.
    ///
    /// # Errors
    /// [`EditRosterError::NothingPending`] if no roster waits for this.
    /// [`EditRosterError::Conflict`] if this device knows another roster of the same version: the
    /// provider shows different rosters.
    pub fn confirm_roster(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<Welcome>, EditRosterError<S::Error>> {
        self.run(|client| {
            let signing = client.signing()?;
            let pending = signing.pending()?;
            let mut transaction = Transaction::default();
            client.settle(signing, &pending, now, &mut transaction)
        })
    }

    /// Makes the pending change again, because the provider refused the roster and handed out a
    /// newer one: another device changed the roster meanwhile. Post what this returns.
    ///
    /// Call this also with the provider's newest roster if the provider says that the roster was
    /// signed too long ago. If that is half a day or more, this signs it again.
    ///
    /// # Errors
    /// [`EditRosterError::Edit`] if the change cannot be made any more. It is dropped, unless it is
    /// a [`take_over`](Self::take_over) that another device's number is in the way of.
    /// [`EditRosterError::Behind`] if the provider has an older roster than this device.
    pub fn rebase_roster(
        &mut self,
        newest: &[u8],
        now: Timestamp,
    ) -> Result<Rebased, EditRosterError<S::Error>> {
        self.run(|client| {
            let me = client.me.account.clone();
            let mut signing = client.signing()?;
            let pending = signing.pending()?;
            let edit = signing.edit(&pending)?;
            let newest = SignedRoster::decode(newest)?.verify(me.as_str())?;
            let mut transaction = Transaction::default();
            if newest.hash() == pending.hash() {
                let welcome = client.settle(signing, &pending, now, &mut transaction)?;
                return Ok(Rebased::Done(welcome));
            }
            let known = signing.newest()?;
            if newest.stamp() < known.stamp() {
                return Err(EditRosterError::Behind);
            }
            let age_ms = now.as_millis().abs_diff(pending.at_ms());
            if newest.hash() == known.hash()
                && pending.previous() == known.hash()
                && age_ms <= MAX_PENDING_AGE_MS
            {
                return Ok(Rebased::Post(pending.signed().encode()));
            }
            let learnt_ms = client.learnt_ms(now)?;
            let own = &mut signing.own;
            client.take_in_call(own, &me, &newest, learnt_ms, &mut transaction)?;
            match client.signed(&signing, &edit, now) {
                Ok(Some(roster)) => {
                    // A device that takes over need not be in the roster before.
                    client.retract_own(&mut transaction);
                    signing.put_pending(&roster, &edit, &mut transaction);
                    client.commit_own(signing.own, transaction)?;
                    Ok(Rebased::Post(roster.signed().encode()))
                }
                Ok(None) => {
                    let welcome = client.settle(signing, &newest, now, &mut transaction)?;
                    Ok(Rebased::Done(welcome))
                }
                Err(error) => {
                    let is_kept = matches!(edit, RosterEdit::TakeOver { .. })
                        && error != EditError::Superseded;
                    if !is_kept {
                        signing.record.pending = None;
                        transaction.put_record(keys::signing(), &signing.record);
                        if matches!(edit, RosterEdit::Add(_)) {
                            transaction.delete(keys::link());
                        }
                    }
                    client.commit_own(signing.own, transaction)?;
                    Err(error.into())
                }
            }
        })
    }

    /// Signs a change that depends on the newest roster.
    fn edit_roster(
        &mut self,
        now: Timestamp,
        edit: impl Fn(&Self, &Roster) -> Result<RosterEdit, EditRosterError<S::Error>>,
    ) -> Result<Vec<u8>, EditRosterError<S::Error>> {
        self.run(|client| {
            let signing = client.signing()?;
            let edit = edit(client, signing.newest()?)?;
            client.sign_edit(signing, &edit, now, &mut Transaction::default())
        })
    }

    /// Signs a change on top of the newest roster, and commits it with what the caller changed.
    pub(super) fn sign_edit(
        &mut self,
        mut signing: Signing,
        edit: &RosterEdit,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<Vec<u8>, EditRosterError<S::Error>> {
        // CHK-359: no other roster is signed before the provider answered to this one.
        if signing.record.pending.is_some() {
            return Err(EditRosterError::Pending);
        }
        let signed = self.signed(&signing, edit, now)?;
        let roster = signed.ok_or(EditRosterError::NoChange)?;
        signing.put_pending(&roster, edit, transaction);
        self.commit_own(signing.own, std::mem::take(transaction))?;
        Ok(roster.signed().encode())
    }

    fn signed(
        &self,
        signing: &Signing,
        edit: &RosterEdit,
        now: Timestamp,
    ) -> Result<Option<Roster>, EditError> {
        let signer = Signer {
            identity: &self.identity,
            device: self.me.device.0,
            signed: signing.version(),
        };
        let base = signing.own.pinned().ok_or(EditError::NotManager)?;
        // A wrong clock, or a relay that says another time at each start, uses up no versions.
        let seen = base.roster().stamp();
        let is_ahead = signing.record.epoch == seen.epoch
            && signing.record.version.saturating_sub(seen.version) >= SIGNED_UNSEEN;
        if is_ahead && matches!(edit, RosterEdit::Renew) {
            return Ok(None);
        }
        edit.sign(base, &signer, now.as_millis())
    }

    /// Takes a roster that has the pending change, and ends the change.
    fn settle(
        &mut self,
        mut signing: Signing,
        roster: &Roster,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<Option<Welcome>, EditRosterError<S::Error>> {
        let me = self.me.account.clone();
        let learnt_ms = self.learnt_ms(now)?;
        self.take_in_call(&mut signing.own, &me, roster, learnt_ms, transaction)?;
        let is_add = signing.is_add();
        signing.record.pending = None;
        transaction.put_record(keys::signing(), &signing.record);
        // The other devices of the account know before a new one can write.
        if roster.devices().len() > 1 {
            self.put_roster_to_tell(transaction)?;
        }
        let welcome = match is_add {
            true => self.welcome(roster, now, transaction)?,
            false => None,
        };
        self.commit_own(signing.own, std::mem::take(transaction))?;
        Ok(welcome)
    }

    fn commit_own(
        &mut self,
        mut own: Peer,
        mut transaction: Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let me = self.me.account.clone();
        own.put(&me, &mut transaction);
        self.commit(transaction)?;
        self.keep_peer(&me, own);
        Ok(())
    }

    /// What this device signed, and its account as it knows it.
    pub(super) fn signing(&mut self) -> Result<Signing, EditRosterError<S::Error>> {
        let me = self.me.account.clone();
        let own = self.take_peer(&me)?.ok_or(EditRosterError::NoAccountKey)?;
        let newest = own.roster().ok_or(EditRosterError::NoAccountKey)?.stamp();
        // A device has this record from the start.
        let record = self.readable(&keys::signing())?;
        let record = record.unwrap_or_else(|| SigningRecord {
            epoch: newest.epoch,
            version: newest.version.saturating_add(SIGNED_UNSEEN),
            pending: None,
        });
        Ok(Signing { record, own })
    }
}
