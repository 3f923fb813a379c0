//! Peers: the record of each peer with its sessions ready for use, and a cache of recent ones.

mod cache;

use waxseal_core::export::{PageChange, PageId};
use waxseal_core::limits::{MAX_SESSIONS, MAX_SKIPPED_KEYS};
use waxseal_core::{IdentityKey, SessionSet};
use waxseal_reporting::AccountId;
use zeroize::{Zeroize as _, Zeroizing};

pub(super) use self::cache::Peers;
use super::{Client, take_secret_bytes};
use crate::error::StateError;
use crate::records::{self, PeerRecord};
use crate::store::{Key, Store, Table, Transaction};

/// Maximum length of all pages of a peer's skipped keys: the message keys that the sessions keep
/// for messages that have not arrived. The longest case is one key per page, which takes 121 bytes.
const MAX_SKIPPED_LEN: usize = MAX_SESSIONS * MAX_SKIPPED_KEYS * 121;

/// The version byte of stored sessions that are no longer read: their peers spoke the protocol
/// before this one. Pages of their skipped keys have it too.
const EARLIER_VERSION: u8 = 0x01;

/// The version byte of the sessions that this version writes, which a new store has from the start.
pub(super) const OLDEST_SESSIONS: u32 = 2;

/// Pages of skipped keys that one call to the store reads, each of up to five thousand bytes.
const PAGES_AT_ONCE: usize = 32;

/// One peer: its pinned identity, the counters of its conversation, and the sessions with it.
///
/// A call takes the peer out of the cache or reads it from the store, changes it, puts the changes
/// into a transaction, and returns the peer to the cache once the transaction is committed. A call
/// that fails in between drops the peer, so the next call reads it from the store again.
pub(super) struct Peer {
    /// The stored record. Its field `sessions` is left empty, because the field below holds the
    /// sessions.
    pub(super) record: PeerRecord,
    /// `None` before first contact, after an identity change was accepted, and if the stored
    /// sessions have an earlier version.
    pub(super) sessions: Option<SessionSet>,
    /// Whether the stored sessions have an earlier version. The next write deletes them.
    has_earlier: bool,
    /// Stored pages of sessions with an earlier version. The next write deletes them.
    earlier_pages: Vec<PageId>,
    /// Bytes that the record and the skipped keys take in the store, and the ids of earlier pages
    /// in memory.
    len: usize,
}

impl Peer {
    /// A peer before the first contact.
    pub(super) fn new(account: &AccountId) -> Self {
        let mut record = PeerRecord::default();
        record.account = account.as_str().to_owned();
        Self {
            record,
            sessions: None,
            has_earlier: false,
            earlier_pages: Vec::new(),
            len: 0,
        }
    }

    /// Writes the record and the skipped-key pages that changed. Deletes pages of an earlier
    /// version.
    ///
    /// The sessions return each changed page only once. So if the transaction is not committed,
    /// this peer must be dropped and read again.
    pub(super) fn put(&mut self, account: &AccountId, transaction: &mut Transaction) {
        for page in self.earlier_pages.drain(..) {
            transaction.delete(page_key(account, page));
        }
        self.has_earlier = false;
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
            self.record.sessions = take_secret_bytes(parts.state);
            skipped_len = sessions.pages_len();
        }
        self.record.skipped_len = u64::try_from(skipped_len).unwrap_or(u64::MAX);
        let bytes = records::encode(&self.record);
        self.record.sessions.zeroize();
        self.len = bytes.len().saturating_add(skipped_len);
        transaction.put(Key::Peer(account.clone()), bytes);
    }

    /// Destroys the sessions in memory, and deletes their skipped keys in `transaction`.
    ///
    /// The record still holds the sessions until [`Peer::put`] writes it again.
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

/// Returns the ids of pages of skipped keys, or `None` if one of them does not have the earlier
/// version.
fn ids_of_earlier(pages: &[Zeroizing<Vec<u8>>]) -> Option<Vec<PageId>> {
    let ids = pages.iter().map(|page| match page.first() {
        Some(&EARLIER_VERSION) => PageId::of_page(page).ok(),
        _ => None,
    });
    ids.collect()
}

fn page_key(account: &AccountId, page: PageId) -> Key {
    let peer = account.clone();
    Key::SkippedKeys { peer, page }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` accounts that this device had contact with.
    ///
    /// The list starts after the account `after`. If `after` is `None`, it starts at the beginning.
    /// The order of the list has no meaning.
    pub fn peers(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<AccountId>, StateError<S::Error>> {
        let after = after.map(|peer| Key::Peer(peer.clone()));
        self.list(&Table::Peers, after.as_ref(), limit, |bytes| {
            let record: PeerRecord = records::decode(bytes)?;
            AccountId::new(&record.account).ok()
        })
    }

    /// Deletes the sessions of an earlier version with every peer. Nothing opens with their keys
    /// any more, and a thief of the store could still read with them what was recorded on the way.
    ///
    /// Looks through the peers once, when this version opens the store for the first time. A peer
    /// that cannot be read stays as it is. If it stops the list, the next opening looks again.
    pub(super) fn delete_earlier_sessions(&mut self) -> Result<(), StateError<S::Error>> {
        const AT_ONCE: usize = 32;
        // Damaged counters stop only the calls that need them.
        let mut counters = match self.counters() {
            Err(StateError::Damaged) => return Ok(()),
            counters => counters?,
        };
        if counters.oldest_sessions >= OLDEST_SESSIONS {
            return Ok(());
        }
        let mut after = None;
        loop {
            let peers = match self.peers(after.as_ref(), AT_ONCE) {
                Err(StateError::Damaged) => return Ok(()),
                peers => peers?,
            };
            let Some(last) = peers.last() else { break };
            after = Some(last.clone());
            for account in peers {
                let mut peer = match self.read_peer(&account) {
                    Ok(Some(peer)) if peer.has_earlier => peer,
                    Ok(_) | Err(StateError::Damaged) => continue,
                    Err(error) => return Err(error),
                };
                let mut transaction = Transaction::default();
                peer.put(&account, &mut transaction);
                self.commit(transaction)?;
            }
        }
        let mut transaction = Transaction::default();
        counters.oldest_sessions = OLDEST_SESSIONS;
        transaction.put_record(Key::Counters, &counters);
        self.commit(transaction)
    }

    /// Takes a peer out of the cache, or reads it from the store. `None` before the first contact.
    pub(super) fn take_peer(
        &mut self,
        account: &AccountId,
    ) -> Result<Option<Peer>, StateError<S::Error>> {
        match self.peers.take(account) {
            Some(peer) => Ok(Some(peer)),
            None => self.read_peer(account),
        }
    }

    /// Caches a peer that is identical to what the store holds.
    pub(super) fn keep_peer(&mut self, account: &AccountId, peer: Peer) {
        self.peers.keep(account, peer);
    }

    /// Calls `look` on a peer and returns its result. `None` before the first contact.
    pub(super) fn look_at_peer<T>(
        &self,
        account: &AccountId,
        look: impl FnOnce(&Peer) -> T,
    ) -> Result<Option<T>, StateError<S::Error>> {
        match self.peers.get(account) {
            Some(peer) => Ok(Some(look(peer))),
            None => Ok(self.read_peer(account)?.as_ref().map(look)),
        }
    }

    fn read_peer(&self, account: &AccountId) -> Result<Option<Peer>, StateError<S::Error>> {
        let Some(bytes) = self.get(&Key::Peer(account.clone()))? else {
            return Ok(None);
        };
        let mut record: PeerRecord = records::decode(&bytes).ok_or(StateError::Damaged)?;
        let pages = self.read_pages(account, record.skipped_len)?;
        let (mut has_earlier, mut earlier_pages) = (false, Vec::new());
        let sessions = match record.sessions.as_slice() {
            [] if pages.is_empty() => None,
            [EARLIER_VERSION, ..] => {
                has_earlier = true;
                earlier_pages = ids_of_earlier(&pages).ok_or(StateError::Damaged)?;
                None
            }
            state => {
                let sessions = SessionSet::import_parts(state, &pages);
                Some(sessions.map_err(|_| StateError::Damaged)?)
            }
        };
        record.sessions.zeroize();
        let skipped_len = sessions.as_ref().map_or(0, SessionSet::pages_len);
        let ids_len = earlier_pages.len().saturating_mul(size_of::<PageId>());
        let len = bytes.len().saturating_add(skipped_len);
        Ok(Some(Peer {
            record,
            sessions,
            has_earlier,
            earlier_pages,
            len: len.saturating_add(ids_len),
        }))
    }

    /// Reads a peer's skipped keys, which take `len` bytes together.
    fn read_pages(
        &self,
        account: &AccountId,
        len: u64,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
        if len > MAX_SKIPPED_LEN as u64 {
            return Err(StateError::Damaged);
        }
        let (mut pages, mut left, mut after) = (Vec::new(), len, None);
        // Each page read takes its length off `left`, so the loop ends even on a damaged store.
        while left > 0 {
            let table = Table::SkippedKeys(account.clone());
            let some = self.store.list(&table, after.as_ref(), PAGES_AT_ONCE);
            let some = some.map_err(StateError::Store)?;
            let last = some.last().ok_or(StateError::Damaged)?;
            let last = PageId::of_page(last).map_err(|_| StateError::Damaged)?;
            after = Some(page_key(account, last));
            let read: u64 = some.iter().map(|page| page.len() as u64).sum();
            left = left.checked_sub(read).ok_or(StateError::Damaged)?;
            pages.extend(some);
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests;
