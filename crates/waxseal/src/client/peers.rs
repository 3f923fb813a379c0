//! Peers: the records of each peer with its sessions ready for use, and a cache of recent ones.

mod cache;
mod pages;
mod sending;

use std::sync::atomic::Ordering;

use waxseal_core::export::{PageChange, PageId};
use waxseal_core::{SessionId, SessionSet};
use waxseal_reporting::AccountId;
use zeroize::Zeroizing;

pub(super) use self::cache::Peers;
use self::sending::left_of;
use super::page::Page;
use super::{Client, keys, take_secret_bytes};
use crate::error::{Damage, StateError};
use crate::records::{self, ContactRecord, ConversationRecord, DeviceRecord};
use crate::store::{Cursor, Store, Transaction};

/// The version byte of stored sessions that are no longer read: their peers spoke the protocol
/// before this one. Pages of their skipped keys have it too.
const EARLIER_VERSION: u8 = 0x01;

/// The version byte of the sessions that this version writes, which a new store has from the start.
pub(super) const OLDEST_SESSIONS: u32 = 2;

/// One peer: its pinned identity, the numbering of its conversation, and the sessions with it.
///
/// A call takes the peer out of the cache or reads it from the store, changes it, puts the changes
/// into a transaction, and returns the peer to the cache once the transaction is committed. A call
/// that fails in between drops the peer, so the next call reads it from the store again.
pub(super) struct Peer {
    /// The pinned identity, 64 bytes. Empty before the first contact.
    pub(super) identity: Vec<u8>,
    /// The identity in the stored contact. `None` if there is no contact in the store.
    stored_identity: Option<Vec<u8>>,
    pub(super) conversation: ConversationRecord,
    /// `None` before first contact, after an identity change was accepted, and if the stored
    /// sessions have an earlier version.
    pub(super) sessions: Option<SessionSet>,
    /// How often the store was set back, as the device noticed.
    restarts: u64,
    /// The sessions on which nothing is sealed any more, because the store was set back.
    left: Vec<SessionId>,
    /// Whether the stored sessions have an earlier version. The next write deletes them.
    has_earlier: bool,
    /// Stored pages of sessions with an earlier version. The next write deletes them.
    earlier_pages: Vec<PageId>,
    /// Bytes that the device's record and the skipped keys take in the store, and the ids of
    /// earlier pages in memory.
    len: usize,
}

impl Peer {
    /// A peer before the first contact.
    pub(super) fn new(account: &AccountId) -> Self {
        Self {
            identity: Vec::new(),
            stored_identity: None,
            conversation: ConversationRecord {
                account: account.as_str().to_owned(),
                ..ConversationRecord::default()
            },
            sessions: None,
            restarts: 0,
            left: Vec::new(),
            has_earlier: false,
            earlier_pages: Vec::new(),
            len: 0,
        }
    }

    /// Bytes that the peer takes in the store, about.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether the store has the peer.
    pub(super) fn is_stored(&self) -> bool {
        self.stored_identity.is_some()
    }

    /// Writes the contact if it changed, the conversation, the device, and the skipped-key pages
    /// that changed. Deletes pages of an earlier version.
    ///
    /// The sessions return each changed page only once. So if the transaction is not committed,
    /// this peer must be dropped and read again.
    pub(super) fn put(&mut self, account: &AccountId, transaction: &mut Transaction) {
        if self.stored_identity.as_ref() != Some(&self.identity) {
            let contact = ContactRecord {
                account: account.as_str().to_owned(),
                identity: self.identity.clone(),
            };
            transaction.put_record(keys::contact(account), &contact);
            self.stored_identity = Some(self.identity.clone());
        }
        transaction.put_record(keys::conversation(account), &self.conversation);
        for page in self.earlier_pages.drain(..) {
            transaction.delete(keys::page(account, &page));
        }
        self.has_earlier = false;
        let mut skipped_len = 0;
        let mut device = DeviceRecord::default();
        if let Some(sessions) = &mut self.sessions {
            let parts = sessions.export_parts();
            for PageChange { id, bytes } in parts.pages {
                let key = keys::page(account, &id);
                match bytes {
                    Some(bytes) => transaction.put(key, bytes),
                    None => transaction.delete(key),
                }
            }
            device.sessions = take_secret_bytes(parts.state);
            skipped_len = sessions.pages_len();
        }
        device.restarts = self.restarts;
        device.left = self.left_in_store();
        device.skipped_len = u64::try_from(skipped_len).unwrap_or(u64::MAX);
        device.identity = self.identity.clone();
        device.next_sequence = self.conversation.next_sequence;
        device.next_ordinal = self.conversation.next_ordinal;
        let bytes = records::encode(&device);
        self.len = bytes.len().saturating_add(skipped_len);
        transaction.put(keys::device(account), bytes);
    }

    /// Destroys the sessions in memory, and deletes their skipped keys in `transaction`.
    ///
    /// The device's record still holds the sessions until [`Peer::put`] writes it again.
    pub(super) fn destroy_sessions(&mut self, account: &AccountId, transaction: &mut Transaction) {
        let pages = self.sessions.take().map(SessionSet::destroy);
        for page in pages.into_iter().flatten() {
            transaction.delete(keys::page(account, &page));
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

/// Returns the ids of pages of skipped keys, or `None` if one of them does not have the earlier
/// version.
fn ids_of_earlier(pages: &[Zeroizing<Vec<u8>>]) -> Option<Vec<PageId>> {
    let ids = pages.iter().map(|page| match page.first() {
        Some(&EARLIER_VERSION) => PageId::of_page(page).ok(),
        _ => None,
    });
    ids.collect()
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` accounts that this device had contact with.
    ///
    /// The list starts after `after`, which is the `next` of the page before. The order of the list
    /// has no meaning.
    pub fn peers(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AccountId>, StateError<S::Error>> {
        self.look(|client| client.page(&keys::contacts(), after, limit, account_of))
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

    /// Deletes the sessions of an earlier version with every peer. Nothing opens with their keys
    /// any more, and a thief of the store could still read with them what was recorded on the way.
    ///
    /// Looks through the peers once, when this version opens the store for the first time. A peer
    /// that cannot be read stays as it is.
    pub(super) fn delete_earlier_sessions(&mut self) -> Result<(), StateError<S::Error>> {
        const AT_ONCE: usize = 32;
        let mut counters = self.counters()?;
        if counters.oldest_sessions >= OLDEST_SESSIONS {
            return Ok(());
        }
        let mut after = None;
        loop {
            let peers = self.page(&keys::contacts(), after.as_ref(), AT_ONCE, account_of)?;
            for account in peers.items {
                let mut peer = match self.read_peer(&account) {
                    Ok(Some(peer)) if peer.has_earlier => peer,
                    Ok(_) | Err(StateError::Damaged(_)) => continue,
                    Err(error) => return Err(error),
                };
                let mut transaction = Transaction::default();
                peer.put(&account, &mut transaction);
                self.commit(transaction)?;
            }
            after = peers.next;
            if after.is_none() {
                break;
            }
        }
        let mut transaction = Transaction::default();
        counters.oldest_sessions = OLDEST_SESSIONS;
        transaction.put_record(keys::counters(), &counters);
        self.commit(transaction)
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
                self.finish_deletion(account)?;
                self.read_peer(account)
            }
        }
    }

    /// A peer before the first contact.
    pub(super) fn new_peer(&self, account: &AccountId) -> Result<Peer, StateError<S::Error>> {
        let mut peer = Peer::new(account);
        let counters = self.counters()?;
        peer.restarts = counters.restarts();
        // The account may be that of a contact that was forgotten.
        peer.conversation.deleted_before_ms = counters.forgotten_before_ms;
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

    /// The identity pinned for a peer. `None` before the first contact. Reads the contact alone.
    pub(super) fn pinned_identity(
        &self,
        account: &AccountId,
    ) -> Result<Option<Vec<u8>>, StateError<S::Error>> {
        if let Some(peer) = self.cached(account) {
            return Ok(Some(peer.identity.clone()));
        }
        Ok(self.contact(account)?.map(|contact| contact.identity))
    }

    /// The numbering of the conversation with a peer. Reads the conversation alone.
    pub(super) fn numbering(
        &self,
        account: &AccountId,
    ) -> Result<Option<ConversationRecord>, StateError<S::Error>> {
        match self.cached(account) {
            Some(peer) => Ok(Some(peer.conversation.clone())),
            None => self.get_record(&keys::conversation(account)),
        }
    }

    fn contact(&self, account: &AccountId) -> Result<Option<ContactRecord>, StateError<S::Error>> {
        if let Some(contact) = self.get_record(&keys::contact(account))? {
            return Ok(Some(contact));
        }
        // A peer whose contact is gone must not look like a stranger, whose identity is pinned
        // without a warning, and whose messages are numbered from 0.
        let is_left = self.get(&keys::conversation(account))?.is_some()
            || self.has_earlier && self.get(&keys::earlier_peer(account))?.is_some()
            || self.has_history(account)?;
        match is_left {
            true => Err(damaged(account)),
            false => Ok(None),
        }
    }

    /// Whether messages of the peer are stored, and are not being deleted.
    fn has_history(&self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        let first = self.store.list(&keys::messages(account), None, 1);
        let is_empty = first.map_err(StateError::Store)?.is_empty();
        Ok(!is_empty && !self.is_deleting(account)?)
    }

    fn read_peer(&self, account: &AccountId) -> Result<Option<Peer>, StateError<S::Error>> {
        let Some(contact) = self.contact(account)? else {
            return Ok(None);
        };
        let conversation = self.get_record(&keys::conversation(account))?;
        let conversation: ConversationRecord = conversation.ok_or_else(|| damaged(account))?;
        let bytes = self.get(&keys::device(account))?;
        let device = match &bytes {
            Some(bytes) => records::decode(bytes).ok_or_else(|| damaged(account))?,
            None => DeviceRecord::default(),
        };
        let pages = self.read_pages(account, device.skipped_len)?;
        let (mut has_earlier, mut earlier_pages) = (false, Vec::new());
        let sessions = match device.sessions.as_slice() {
            [] if pages.is_empty() => None,
            [EARLIER_VERSION, ..] => {
                has_earlier = true;
                earlier_pages = ids_of_earlier(&pages).ok_or_else(|| damaged(account))?;
                None
            }
            state => {
                let sessions = SessionSet::import_parts(state, &pages);
                Some(sessions.map_err(|_| damaged(account))?)
            }
        };
        let restarts = self.counters()?.restarts();
        let left = left_of(sessions.as_ref(), &device, restarts);
        let skipped_len = sessions.as_ref().map_or(0, SessionSet::pages_len);
        let ids_len = earlier_pages.len().saturating_mul(size_of::<PageId>());
        let record_len = bytes.map_or(0, |bytes| bytes.len());
        let len = record_len.saturating_add(skipped_len);
        Ok(Some(Peer {
            identity: contact.identity.clone(),
            stored_identity: Some(contact.identity),
            conversation,
            sessions,
            restarts,
            left,
            has_earlier,
            earlier_pages,
            len: len.saturating_add(ids_len),
        }))
    }
}

#[cfg(test)]
mod tests;
