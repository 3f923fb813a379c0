//! Peers: the records of each peer with its sessions ready for use, and a cache of recent ones.

mod cache;
mod device;
mod earlier;
mod pages;
mod roster;
mod sending;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use waxseal_reporting::{AccountId, DeviceId};
use waxseal_roster::{Pinned, Roster};

pub(super) use self::cache::Peers;
pub(super) use self::device::Device;
pub(super) use self::earlier::OLDEST_SESSIONS;
pub(super) use self::roster::Taken;
use super::page::{Page, number_of};
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{Damage, StateError};
use crate::records::{self, ContactRecord, ConversationRecord, SubjectRecord};
use crate::store::{Cursor, Store, Transaction};
use crate::sync::subjects;

/// The version byte of stored sessions that are no longer read: their peers spoke the protocol
/// before this one. Pages of their skipped keys have it too.
const EARLIER_VERSION: u8 = 0x01;

/// Rows of devices that are read at once: as many as an account has devices, and one, so that most
/// accounts need one call.
const DEVICES_AT_ONCE: usize = 9;

/// One peer: its pinned account key with its newest roster, the numbering of its conversation, and
/// its devices. This device's own account is one too.
///
/// A call takes the peer out of the cache or reads it from the store, changes it, puts the changes
/// into a transaction, and returns the peer to the cache once the transaction is committed. A call
/// that fails in between drops the peer, so the next call reads it from the store again.
pub(super) struct Peer {
    /// The contact, as [`Peer::put`] writes it.
    pub(super) contact: ContactRecord,
    /// The contact in the store. `None` if there is none.
    stored_contact: Option<ContactRecord>,
    /// The account key with its newest roster. `None` before the first roster.
    pinned: Option<Pinned>,
    /// Whether the roster is only what the provider named. Nothing is pinned then.
    is_offered: bool,
    pub(super) conversation: ConversationRecord,
    /// The conversation in the store. `None` if there is none.
    stored_conversation: Option<ConversationRecord>,
    /// The devices with which there are sessions, or were.
    pub(super) devices: BTreeMap<DeviceId, Device>,
    /// Whether this is the own account, which needs no conversation.
    is_own: bool,
    /// How often the store was set back, as the device noticed.
    restarts: u64,
    /// Whether the other devices of the own account are told the account key once it is pinned.
    pub(super) tells_pin: bool,
}

/// Where the messages of this device begin in a conversation of an account with several devices.
/// Below is room for a history that another device gives.
pub(super) const FIRST_ORDINAL: u64 = 1 << 40;

/// What each device's record repeats, in case the other records are damaged.
struct Copies<'a> {
    account_key: &'a [u8],
    next_sequence: u64,
    next_ordinal: u64,
}

impl Peer {
    /// A peer before the first contact.
    pub(super) fn new(account: &AccountId) -> Self {
        Self {
            contact: ContactRecord {
                account: account.as_str().to_owned(),
                ..ContactRecord::default()
            },
            stored_contact: None,
            pinned: None,
            is_offered: false,
            conversation: ConversationRecord {
                account: account.as_str().to_owned(),
                ..ConversationRecord::default()
            },
            stored_conversation: None,
            devices: BTreeMap::new(),
            is_own: false,
            restarts: 0,
            tells_pin: false,
        }
    }

    /// The own account before its first roster.
    pub(super) fn own(account: &AccountId) -> Self {
        let mut own = Self::new(account);
        own.stored_conversation = Some(own.conversation.clone());
        own.is_own = true;
        own
    }

    /// Bytes that the peer takes in the store, about.
    pub(super) fn len(&self) -> usize {
        let lens = self.devices.values().map(|device| device.len);
        lens.fold(self.contact.pinned.len(), usize::saturating_add)
    }

    /// Whether the store has the peer.
    pub(super) fn is_stored(&self) -> bool {
        self.stored_contact.is_some()
    }

    /// A device, which is then written with the peer.
    pub(super) fn device_mut(&mut self, id: DeviceId) -> &mut Device {
        let restarts = self.restarts;
        let device = self.devices.entry(id);
        let device = device.or_insert_with(|| Device::new(restarts));
        device.is_changed = true;
        device
    }

    /// Whether this device may send to any current device of the peer.
    pub(super) fn can_send(&self) -> bool {
        let mut devices = self.devices.iter();
        devices.any(|(id, device)| self.entry(*id).is_some() && device.can_send())
    }

    /// Writes the contact, the conversation and the devices that changed.
    pub(super) fn put(&mut self, account: &AccountId, transaction: &mut Transaction) {
        if self.stored_contact.as_ref() != Some(&self.contact) {
            transaction.put_record(keys::contact(account), &self.contact);
            self.stored_contact = Some(self.contact.clone());
        }
        if self.stored_conversation.as_ref() != Some(&self.conversation) {
            let key = keys::conversation(&account.into());
            transaction.put_record(key, &self.conversation);
            // What wrote it accepted the account: there is no request any more.
            let before = self.stored_conversation.as_ref();
            if self.conversation.has_accepted() && before.is_some_and(|one| !one.has_accepted()) {
                transaction.delete(keys::request(account));
            }
            self.stored_conversation = Some(self.conversation.clone());
        }
        let account_key = self.account_key();
        if self.tells_pin && account_key.is_some() {
            let subject = subjects::trust(account);
            transaction.put_record(keys::item_to_tell(&subject), &SubjectRecord { subject });
            self.tells_pin = false;
        }
        let copies = Copies {
            account_key: account_key.as_ref().map_or(&[], |key| key.as_slice()),
            next_sequence: self.conversation.next_sequence,
            next_ordinal: self.conversation.next_ordinal,
        };
        for (id, device) in &mut self.devices {
            if device.is_changed {
                device.put(account, *id, &copies, transaction);
            }
        }
    }

    /// Destroys all sessions with the peer, and deletes its devices in `transaction`.
    pub(super) fn delete_devices(&mut self, account: &AccountId, transaction: &mut Transaction) {
        for (id, mut device) in std::mem::take(&mut self.devices) {
            device.destroy_sessions(account, id, transaction);
            transaction.delete(keys::device(account, id));
        }
    }
}

pub(super) fn damaged<E: std::error::Error>(account: &AccountId) -> StateError<E> {
    StateError::Damaged(Damage::Peer(account.clone()))
}

/// The account that a contact's record names.
fn account_of(_: &Cursor, contact: &[u8]) -> Option<AccountId> {
    let contact: ContactRecord = records::decode(contact)?;
    AccountId::new(&contact.account).ok()
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` accounts that this device had contact with.
    ///
    /// The list starts after `after`, which is the `next` of the page before. The order of the list
    /// has no meaning. A page can be shorter than `limit` although others follow.
    pub fn peers(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AccountId>, StateError<S::Error>> {
        self.look(|client| {
            let mut page = client.page(&keys::contacts(), after, limit, account_of)?;
            page.items.retain(|account| *account != client.me.account);
            Ok(page)
        })
    }

    /// Whether the contact at this place can be read. Looks through the contacts.
    pub(super) fn is_contact(&self, cursor: &Cursor) -> Result<bool, StateError<S::Error>> {
        const AT_ONCE: usize = 64;
        let mut after = None;
        loop {
            let page = self.page(&keys::contacts(), after.as_ref(), AT_ONCE, |at, bytes| {
                account_of(at, bytes).map(|_| at == cursor)
            })?;
            if page.items.contains(&true) {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }

    /// Takes a peer out of the cache, or reads it from the store. `None` before the first contact.
    pub(super) fn take_peer(
        &mut self,
        account: &AccountId,
    ) -> Result<Option<Peer>, StateError<S::Error>> {
        match self.peers.take(account) {
            Some(peer) => Ok(Some(peer)),
            None => {
                // So nothing is written to a history that is being deleted.
                self.finish_deletion(&account.into())?;
                self.read_peer(account)
            }
        }
    }

    /// A peer before the first contact, with the roster that the provider named for it, if there is
    /// one.
    pub(super) fn new_peer(&self, account: &AccountId) -> Result<Peer, StateError<S::Error>> {
        if *account == self.me.account {
            return Ok(Peer::own(account));
        }
        let mut peer = Peer::new(account);
        self.offer_roster(account, &mut peer)?;
        let counters = self.counters()?;
        peer.restarts = counters.restarts();
        // The account may be that of a contact that was forgotten.
        peer.conversation.deleted_before_ms = counters.forgotten_before_ms;
        if *account != self.me.account && self.has_other_devices()? {
            peer.conversation.first_ordinal = FIRST_ORDINAL;
            peer.conversation.next_ordinal = FIRST_ORDINAL;
            peer.tells_pin = true;
        }
        Ok(peer)
    }

    /// Caches a peer that is identical to what the store holds.
    pub(super) fn keep_peer(&mut self, account: &AccountId, peer: Peer) {
        self.peers.keep(account, peer);
    }

    fn cached(&self, account: &AccountId) -> Option<&Peer> {
        let is_behind = self.is_behind.load(Ordering::Relaxed);
        self.peers.get(account).filter(|_| !is_behind)
    }

    pub(super) fn is_cached(&self, account: &AccountId) -> bool {
        self.cached(account).is_some()
    }

    /// Calls `look` on a peer and returns its result. `None` before the first contact.
    pub(super) fn look_at_peer<T>(
        &self,
        account: &AccountId,
        look: impl FnOnce(&Peer) -> T,
    ) -> Result<Option<T>, StateError<S::Error>> {
        match self.cached(account) {
            Some(peer) => Ok(Some(look(peer))),
            None => Ok(self.read_peer(account)?.as_ref().map(look)),
        }
    }

    /// The newest roster of the account key that is pinned for an account, and whether there are
    /// two of its version. Reads the contact alone.
    pub(super) fn pinned_roster(
        &self,
        account: &AccountId,
    ) -> Result<Option<(Roster, bool)>, StateError<S::Error>> {
        let contact = match self.cached(account) {
            Some(peer) => Some(peer.contact.clone()),
            None => self.contact(account)?,
        };
        let Some(contact) = contact.filter(|contact| !contact.pinned.is_empty()) else {
            return Ok(None);
        };
        let pinned = Pinned::decode(&contact.pinned).map_err(|_| damaged(account))?;
        Ok(Some((pinned.roster().clone(), contact.has_conflict)))
    }

    /// Whether there is a contact of the account. Reads the contact alone.
    pub(super) fn is_contact_of(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        Ok(self.cached(account).is_some() || self.contact(account)?.is_some())
    }

    /// The numbering of a conversation. Reads the conversation alone.
    pub(super) fn numbering(
        &self,
        conversation: &Conversation,
    ) -> Result<Option<ConversationRecord>, StateError<S::Error>> {
        let peer = conversation.account();
        match peer.and_then(|peer| self.cached(peer)) {
            Some(peer) => Ok(Some(peer.conversation.clone())),
            None => self.get_record(&keys::conversation(conversation)),
        }
    }

    fn contact(&self, account: &AccountId) -> Result<Option<ContactRecord>, StateError<S::Error>> {
        if let Some(contact) = self.get_record(&keys::contact(account))? {
            return Ok(Some(contact));
        }
        // A peer whose contact is gone must not look like a stranger, whose account key is pinned
        // without a warning, and whose messages are numbered from 0.
        let is_own = *account == self.me.account;
        let has_key = is_own && !self.account_record()?.account_key.is_empty();
        let is_left = has_key
            || !is_own && self.get(&keys::conversation(&account.into()))?.is_some()
            || self.has_earlier && self.get(&keys::earlier_peer(account))?.is_some()
            || self.has_history(account)?;
        match is_left {
            true => Err(damaged(account)),
            false => Ok(None),
        }
    }

    /// Whether messages of the peer are stored, and are not being deleted.
    fn has_history(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let conversation = &Conversation::from(account);
        let first = self.store.list(&keys::messages(conversation), None, 1);
        let is_empty = first.map_err(StateError::Store)?.is_empty();
        Ok(!is_empty && !self.is_deleting(conversation)?)
    }

    fn read_peer(&self, account: &AccountId) -> Result<Option<Peer>, StateError<S::Error>> {
        let Some(contact) = self.contact(account)? else {
            return Ok(None);
        };
        let pinned = match contact.pinned.as_slice() {
            [] => None,
            pinned => Some(Pinned::decode(pinned).map_err(|_| damaged(account))?),
        };
        let mut peer = match *account == self.me.account {
            true => Peer::own(account),
            false => Peer::new(account),
        };
        let has_key = pinned.is_some() || !contact.account_key.is_empty();
        peer.tells_pin = !has_key && !peer.is_own && self.has_other_devices()?;
        if !peer.is_own {
            let conversation = self.get_record(&keys::conversation(&account.into()))?;
            let conversation: ConversationRecord = conversation.ok_or_else(|| damaged(account))?;
            peer.stored_conversation = Some(conversation.clone());
            peer.conversation = conversation;
        } else if let Some(conversation) = self.readable(&keys::conversation(&account.into()))? {
            peer.stored_conversation = Some(ConversationRecord::clone(&conversation));
            peer.conversation = conversation;
        }
        peer.restarts = self.counters()?.restarts();
        let mut after = None;
        loop {
            let table = keys::devices(account);
            let rows = self.store.list(&table, after.as_ref(), DEVICES_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            after = rows.last().map(|row| row.cursor.clone());
            if after.is_none() {
                break;
            }
            for row in rows {
                let id = number_of(&row.cursor).and_then(|number| u32::try_from(number).ok());
                let (id, bytes) = id.zip(row.value).ok_or_else(|| damaged(account))?;
                let device = self.device_of(account, DeviceId(id), &bytes, peer.restarts)?;
                peer.devices.insert(DeviceId(id), device);
            }
        }
        let mut peer = Peer {
            contact: contact.clone(),
            stored_contact: Some(contact),
            pinned,
            ..peer
        };
        self.offer_roster(account, &mut peer)?;
        Ok(Some(peer))
    }
}

#[cfg(test)]
mod tests;
