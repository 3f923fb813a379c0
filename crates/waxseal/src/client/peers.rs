//! Peers: the record of each, with its sessions ready for use, and the ones used lately kept in memory.

use std::collections::HashMap;

use waxseal_core::{IdentityKey, MAX_SESSIONS, MAX_SKIPPED_KEYS, PageChange, PageId, SessionSet};
use waxseal_reporting::AccountId;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Client, field};
use crate::error::PeerError;
use crate::records::{self, PeerRecord};
use crate::store::{Key, Store, Table, Transaction};

/// Most peers kept in memory. Importing a peer's sessions costs more than sealing a message on them.
const MAX_PEERS_IN_MEMORY: usize = 64;

/// Most bytes of their records and skipped keys together. Most have a few thousand; a hostile peer's can reach two million.
const MAX_BYTES_IN_MEMORY: usize = 4 << 20;

/// Most bytes of all pages of skipped keys of a peer: with one key each they have 121.
const MAX_SKIPPED_LEN: usize = MAX_SESSIONS * MAX_SKIPPED_KEYS * 121;

/// Pages of skipped keys that are read at once, each of up to five thousand bytes.
const PAGES_AT_ONCE: usize = 32;

/// One peer: who it is, where the conversation stands, and the sessions with it.
pub(super) struct Peer {
    /// Its `sessions` are empty: they are the field beside it.
    pub(super) record: PeerRecord,
    /// `None` before first contact, and after an identity change was accepted.
    pub(super) sessions: Option<SessionSet>,
    /// Bytes of the record and the skipped keys in the store.
    len: usize,
}

impl Peer {
    /// What is known of a peer before the first contact.
    pub(super) fn new(account: &AccountId) -> Self {
        let mut record = PeerRecord::default();
        record.account = account.as_str().to_owned();
        Self {
            record,
            sessions: None,
            len: 0,
        }
    }

    /// Puts what has changed into a transaction: the record, and of the skipped keys the pages that are others now.
    ///
    /// Those are given once. Where the transaction is not committed, the peer is read again.
    pub(super) fn put(&mut self, account: &AccountId, transaction: &mut Transaction) {
        let mut skipped_len = 0;
        if let Some(sessions) = &mut self.sessions {
            let parts = sessions.export_parts();
            for PageChange { id, bytes } in parts.pages {
                let key = page_key(account, id);
                match bytes {
                    Some(bytes) => transaction.put(key, bytes),
                    None => transaction.delete(key),
                }
            }
            self.record.sessions = field(parts.state);
            skipped_len = sessions.pages_len();
        }
        self.record.skipped_len = u64::try_from(skipped_len).unwrap_or(u64::MAX);
        let bytes = records::encode(&self.record);
        self.record.sessions.zeroize();
        self.len = bytes.len().saturating_add(skipped_len);
        transaction.put(Key::Peer(account.clone()), bytes);
    }

    /// Destroys the sessions, with all that the store has of them once the transaction and what [`Peer::put`] adds are committed.
    pub(super) fn destroy_sessions(&mut self, account: &AccountId, transaction: &mut Transaction) {
        let pages = self.sessions.take().map(SessionSet::destroy);
        for page in pages.into_iter().flatten() {
            transaction.delete(page_key(account, page));
        }
    }

    pub(super) fn identity(&self) -> Option<IdentityKey> {
        IdentityKey::from_bytes(&self.record.identity).ok()
    }
}

fn page_key(account: &AccountId, page: PageId) -> Key {
    let peer = account.clone();
    Key::SkippedKeys { peer, page }
}

/// The peers used lately, each as the store has it: whoever changes one takes it out, and puts it back when the
/// change is committed. So memory never runs ahead of the store.
#[derive(Default)]
pub(super) struct Peers {
    by_account: HashMap<AccountId, Peer>,
    bytes: usize,
}

impl<S: Store> Client<S> {
    /// At most `limit` accounts there was contact with, in no order that means anything: the first ones, or those
    /// after `after`.
    pub fn peers(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<AccountId>, PeerError<S::Error>> {
        let after = after.map(|peer| Key::Peer(peer.clone()));
        let rows = self
            .store
            .list(&Table::Peers, after.as_ref(), limit)
            .map_err(PeerError::Store)?;
        rows.iter()
            .map(|bytes| {
                let record: PeerRecord = records::decode(bytes)?;
                AccountId::new(&record.account).ok()
            })
            .map(|peer| peer.ok_or(PeerError::Damaged))
            .collect()
    }

    /// Takes a peer out of memory, or reads it.
    pub(super) fn take_peer(
        &mut self,
        account: &AccountId,
    ) -> Result<Option<Peer>, PeerError<S::Error>> {
        match self.peers.by_account.remove(account) {
            Some(peer) => {
                self.peers.bytes = self.peers.bytes.saturating_sub(peer.len);
                Ok(Some(peer))
            }
            None => self.read_peer(account),
        }
    }

    /// Keeps a peer that is as the store has it.
    pub(super) fn keep_peer(&mut self, account: &AccountId, peer: Peer) {
        let bytes = self.peers.bytes.saturating_add(peer.len);
        if self.peers.by_account.len() >= MAX_PEERS_IN_MEMORY || bytes > MAX_BYTES_IN_MEMORY {
            self.peers = Peers::default();
        }
        self.peers.bytes = self.peers.bytes.saturating_add(peer.len);
        self.peers.by_account.insert(account.clone(), peer);
    }

    /// Looks at a peer; `None` if there is none.
    pub(super) fn look_at_peer<T>(
        &self,
        account: &AccountId,
        look: impl FnOnce(&Peer) -> T,
    ) -> Result<Option<T>, PeerError<S::Error>> {
        match self.peers.by_account.get(account) {
            Some(peer) => Ok(Some(look(peer))),
            None => Ok(self.read_peer(account)?.as_ref().map(look)),
        }
    }

    fn read_peer(&self, account: &AccountId) -> Result<Option<Peer>, PeerError<S::Error>> {
        let key = Key::Peer(account.clone());
        let Some(bytes) = self.store.get(&key).map_err(PeerError::Store)? else {
            return Ok(None);
        };
        let mut record: PeerRecord = records::decode(&bytes).ok_or(PeerError::Damaged)?;
        let pages = self.read_pages(account, record.skipped_len)?;
        let sessions = match record.sessions.as_slice() {
            [] if pages.is_empty() => None,
            state => Some(SessionSet::import_parts(state, &pages).map_err(|_| PeerError::Damaged)?),
        };
        record.sessions.zeroize();
        let skipped_len = sessions.as_ref().map_or(0, SessionSet::pages_len);
        Ok(Some(Peer {
            record,
            sessions,
            len: bytes.len().saturating_add(skipped_len),
        }))
    }

    /// A peer's skipped keys, which have `len` bytes together.
    fn read_pages(
        &self,
        account: &AccountId,
        len: u64,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, PeerError<S::Error>> {
        // Each page takes some of it, so that there is an end.
        if len > MAX_SKIPPED_LEN as u64 {
            return Err(PeerError::Damaged);
        }
        let (mut pages, mut left, mut after) = (Vec::new(), len, None);
        while left > 0 {
            let table = Table::SkippedKeys(account.clone());
            let some = self.store.list(&table, after.as_ref(), PAGES_AT_ONCE);
            let some = some.map_err(PeerError::Store)?;
            let last = some.last().ok_or(PeerError::Damaged)?;
            let last = PageId::of_page(last).map_err(|_| PeerError::Damaged)?;
            after = Some(page_key(account, last));
            let read: u64 = some.iter().map(|page| page.len() as u64).sum();
            left = left.checked_sub(read).ok_or(PeerError::Damaged)?;
            pages.extend(some);
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests;
