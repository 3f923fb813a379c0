//! The roster of a peer: which devices it has, and what a newer roster changes.

use waxseal_core::SessionSet;
use waxseal_core::limits::IDENTITY_KEY_LEN;
use waxseal_reporting::{AccountId, DeviceId};
use waxseal_roster::{Change, DeviceEntry, PinError, Pinned, Roster, SignedRoster};

use super::{Device, Peer, damaged};
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{ContactRecord, UpkeepRecord};
use crate::store::{Store, Transaction};

/// Maximum number of removed devices of one account whose sessions are kept. Those removed first
/// are destroyed.
const MAX_REMOVED: usize = 8;

/// How much older than 60 days a roster may be when a message of its devices arrives: two days.
const AGE_TOLERANCE_MS: u64 = 2 * 24 * 3_600_000;

/// What taking a roster changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) enum Taken {
    /// It is the first one, and its account key is pinned now.
    First,
    /// It is the known one, or an older one.
    Known,
    /// It is newer than the known one.
    Newer { added: Vec<u32>, removed: Vec<u32> },
}

impl Peer {
    /// The newest roster, of the pinned account key or only named by the provider. `None` before
    /// the first.
    pub(in crate::client) fn roster(&self) -> Option<&Roster> {
        self.pinned.as_ref().map(Pinned::roster)
    }

    /// The newest roster with the numbers that devices had. `None` before the first.
    pub(in crate::client) fn pinned(&self) -> Option<&Pinned> {
        self.pinned.as_ref()
    }

    /// Whether nothing is pinned: before the first contact, and after the pinned key was lost to
    /// damage. Then only the user's call, or the peer's first message, pins an account key.
    pub(in crate::client) fn is_unpinned(&self) -> bool {
        self.account_key().is_none() && self.contact.identity_before.is_empty()
    }

    /// Goes by a roster that the provider named, if nothing is pinned.
    pub(in crate::client) fn offer(&mut self, roster: Roster) {
        if self.is_unpinned() {
            self.pinned = Some(Pinned::first(roster));
            self.is_offered = true;
        }
    }

    /// Pins the roster by which a message opened. Returns whether nothing was pinned before.
    pub(in crate::client) fn confirm_offer(&mut self) -> bool {
        let is_new = std::mem::take(&mut self.is_offered);
        if let (true, Some(pinned)) = (is_new, &self.pinned) {
            self.contact.pinned = pinned.encode();
        }
        is_new
    }

    /// A current device of the account.
    pub(in crate::client) fn entry(&self, id: DeviceId) -> Option<&DeviceEntry> {
        self.roster()?.device(id.0)
    }

    /// A device that may have sent a message that was accepted at this time.
    pub(in crate::client) fn sending_entry(
        &self,
        id: DeviceId,
        accepted_ms: u64,
    ) -> Option<&DeviceEntry> {
        let roster = self.roster()?;
        let now_ms = accepted_ms.saturating_sub(AGE_TOLERANCE_MS);
        // It may have waited since before the roster was signed.
        let mut counting = roster.counting(now_ms.max(roster.at_ms()));
        counting.find(|entry| entry.id == id.0)
    }

    /// The account key: pinned with a roster, accepted by the user, or recovered after damage.
    pub(in crate::client) fn account_key(&self) -> Option<[u8; 32]> {
        match self.roster() {
            Some(roster) if !self.is_offered => Some(roster.account_key().to_bytes()),
            _ => self.contact.account_key.as_slice().try_into().ok(),
        }
    }

    /// Whether the account is known by another key than this roster's.
    pub(in crate::client) fn is_other(&self, roster: &Roster) -> bool {
        let before = &self.contact.identity_before;
        match self.account_key() {
            Some(key) => key != roster.account_key().to_bytes(),
            // CHK-313: an identity that an earlier version pinned must be that of a device.
            None if !before.is_empty() => {
                let mut devices = roster.devices().iter();
                !devices.any(|device| device.identity.as_slice() == before.as_slice())
            }
            None => false,
        }
    }

    /// Makes this the contact, with what is pinned in it.
    pub(in crate::client) fn set_contact(&mut self, contact: ContactRecord) {
        self.pinned = Pinned::decode(&contact.pinned).ok();
        self.contact = contact;
    }

    /// Pins a roster with its account key, in place of what was pinned.
    pub(super) fn pin(&mut self, roster: &Roster) {
        let pinned = Pinned::first(roster.clone());
        self.contact.pinned = pinned.encode();
        self.pinned = Some(pinned);
        self.is_offered = false;
        self.contact.identity_before.clear();
        self.contact.account_key.clear();
        self.contact.has_conflict = false;
    }

    /// Pins an account key that another own device told, and no roster. The one that the provider
    /// named may be of another key.
    pub(in crate::client) fn pin_told_key(&mut self, key: &[u8; 32]) {
        self.pinned = self.pinned.take().filter(|_| !self.is_offered);
        self.is_offered = false;
        self.contact.account_key = key.to_vec();
    }

    /// Pins an account key that the user accepted, and no roster. Everything that belonged to the
    /// key before goes.
    pub(in crate::client) fn accept_key(
        &mut self,
        account: &AccountId,
        key: &[u8; 32],
        transaction: &mut Transaction,
    ) {
        self.delete_devices(account, transaction);
        self.pinned = None;
        self.is_offered = false;
        self.contact.pinned.clear();
        self.contact.identity_before.clear();
        self.contact.account_key = key.to_vec();
        self.contact.is_verified = false;
        self.contact.has_conflict = false;
    }

    /// Takes a verified roster of the account. Sessions with devices that have other identities now
    /// are destroyed; devices that are gone are marked as removed at `learnt_ms`.
    ///
    /// After an error nothing changed, except that a conflict is noted.
    pub(in crate::client) fn take_roster(
        &mut self,
        account: &AccountId,
        roster: &Roster,
        learnt_ms: u64,
        transaction: &mut Transaction,
    ) -> Result<Taken, PinError> {
        // CHK-312: only a roster under the pinned account key replaces the known one.
        if self.is_other(roster) {
            return Err(PinError::OtherAccountKey);
        }
        let Some(pinned) = self.pinned.as_mut().filter(|_| !self.is_offered) else {
            self.pin(roster);
            self.place_devices(account, transaction);
            return Ok(Taken::First);
        };
        match pinned.take(roster.clone()) {
            Ok(Change::Newer {
                added,
                removed,
                replaced,
            }) => {
                self.contact.pinned = pinned.encode();
                self.contact.has_conflict = false;
                for id in added.iter().chain(&replaced) {
                    self.replace_device(account, DeviceId(*id), transaction);
                }
                self.note_removed(account, &removed, learnt_ms, transaction);
                Ok(Taken::Newer { added, removed })
            }
            Ok(_) => Ok(Taken::Known),
            Err(error) => {
                if matches!(error, PinError::Conflict | PinError::ManagersChanged) {
                    self.contact.has_conflict = true;
                }
                Err(error)
            }
        }
    }

    /// Destroys the sessions with a device whose number has another identity now.
    fn replace_device(&mut self, account: &AccountId, id: DeviceId, transaction: &mut Transaction) {
        let identity = self.entry(id).map(|entry| entry.identity);
        let Some(device) = self.devices.get_mut(&id) else {
            return;
        };
        device.record.removed_ms = 0;
        device.is_changed = true;
        if identity.is_none_or(|identity| device.record.identity != identity) {
            device.destroy_sessions(account, id, transaction);
            transaction.delete(keys::device(account, id));
            self.devices.remove(&id);
        }
    }

    /// Notes when these devices were removed. Only a few keep their sessions.
    fn note_removed(
        &mut self,
        account: &AccountId,
        removed: &[u32],
        learnt_ms: u64,
        transaction: &mut Transaction,
    ) {
        for id in removed {
            if let Some(device) = self.devices.get_mut(&DeviceId(*id)) {
                device.record.removed_ms = learnt_ms.max(1);
                device.is_changed = true;
            }
        }
        self.keep_few_removed(account, transaction);
    }

    /// Destroys the sessions with the devices that were removed first, if there are too many.
    pub(in crate::client) fn keep_few_removed(
        &mut self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) {
        let mut all: Vec<_> = self
            .devices
            .iter()
            .filter(|(_, device)| device.record.removed_ms != 0)
            .map(|(id, device)| (device.record.removed_ms, *id))
            .collect();
        all.sort_unstable();
        let too_many = all.len().saturating_sub(MAX_REMOVED);
        for (_, id) in all.into_iter().take(too_many) {
            self.destroy_device(account, id, transaction);
        }
    }

    /// Destroys the sessions with devices that were removed at this time or before. Returns when
    /// the next ones were removed, if any.
    pub(in crate::client) fn expire_removed(
        &mut self,
        account: &AccountId,
        removed_before_ms: u64,
        transaction: &mut Transaction,
    ) -> Option<u64> {
        let removed = self.devices.iter();
        let removed = removed.map(|(id, device)| (*id, device.record.removed_ms));
        let removed: Vec<_> = removed.filter(|(_, removed_ms)| *removed_ms != 0).collect();
        let mut next = None;
        for (id, removed_ms) in removed {
            if removed_ms <= removed_before_ms {
                self.destroy_device(account, id, transaction);
            } else {
                next = Some(next.map_or(removed_ms, |next: u64| next.min(removed_ms)));
            }
        }
        next
    }

    fn destroy_device(&mut self, account: &AccountId, id: DeviceId, transaction: &mut Transaction) {
        if let Some(mut device) = self.devices.remove(&id) {
            device.destroy_sessions(account, id, transaction);
            transaction.delete(keys::device(account, id));
        }
    }

    /// Gives the sessions of an earlier version, which had one device of each account and did not
    /// know its number, the number that the first roster says. The others are destroyed.
    fn place_devices(&mut self, account: &AccountId, transaction: &mut Transaction) {
        let ids: Vec<_> = self.devices.keys().copied().collect();
        for id in ids {
            let Some(device) = self.devices.get(&id) else {
                continue;
            };
            let identity: Option<&[u8; IDENTITY_KEY_LEN]> =
                device.record.identity.as_slice().try_into().ok();
            let roster = self.roster();
            let place = identity.and_then(|identity| roster?.device_of(identity));
            match place.map(|entry| DeviceId(entry.id)) {
                Some(place) if place == id => {}
                Some(place) if !self.devices.contains_key(&place) => {
                    if let Some(mut device) = self.devices.remove(&id) {
                        device.move_to(account, id, transaction);
                        self.devices.insert(place, device);
                    }
                }
                _ => self.destroy_device(account, id, transaction),
            }
        }
    }
}

impl Device {
    /// Deletes the device at its place in the store, so that all of it is written at another one.
    fn move_to(&mut self, account: &AccountId, from: DeviceId, transaction: &mut Transaction) {
        let whole = self.sessions.as_ref().map(SessionSet::export);
        let left = std::mem::take(&mut self.left);
        self.destroy_sessions(account, from, transaction);
        transaction.delete(keys::device(account, from));
        // Sessions that were exported are read again, always.
        self.sessions = whole.and_then(|whole| SessionSet::import(&whole).ok());
        self.left = left;
    }
}

impl<S: Store> Client<S> {
    /// The account key of an account, as [`Peer::account_key`] has it. Reads the contact alone.
    pub(in crate::client) fn account_key_of(
        &self,
        account: &AccountId,
    ) -> Result<Option<[u8; 32]>, StateError<S::Error>> {
        if let Some(peer) = self.cached(account) {
            return Ok(peer.account_key());
        }
        let Some(contact) = self.contact(account)? else {
            return Ok(None);
        };
        if contact.pinned.is_empty() {
            return Ok(contact.account_key.as_slice().try_into().ok());
        }
        let pinned = Pinned::decode(&contact.pinned).map_err(|_| damaged(account))?;
        Ok(Some(pinned.account_key().to_bytes()))
    }

    /// Lets a peer of which nothing is pinned go by the roster that the provider named.
    pub(super) fn offer_roster(
        &self,
        account: &AccountId,
        peer: &mut Peer,
    ) -> Result<(), StateError<S::Error>> {
        if !peer.is_unpinned() || *account == self.me.account {
            return Ok(());
        }
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(account))?;
        let offered = record.map(|record| record.offered).unwrap_or_default();
        let roster = SignedRoster::decode(&offered).ok();
        let roster = roster.and_then(|roster| roster.verify(account.as_str()).ok());
        roster.into_iter().for_each(|roster| peer.offer(roster));
        Ok(())
    }
}
