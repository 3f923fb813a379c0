//! The cache of recently used peers.

use std::collections::HashMap;

use waxseal_reporting::AccountId;

use super::Peer;
use crate::client::Client;
use crate::store::Store;

/// Maximum number of cached peers. They are cached because importing a peer's sessions costs more
/// than sealing a message on them.
pub(super) const MAX_CACHED_PEERS: usize = 64;

/// Maximum length of all cached peers together, in their stored form. A longer peer is cached
/// alone. Most peers take a few thousand bytes; a hostile peer can reach two million.
pub(super) const MAX_CACHED_LEN: usize = 4 << 20;

/// Recently used peers, each identical to what the store holds.
///
/// A call that changes a peer takes it out, and puts it back after the change is committed. So the
/// cache never runs ahead of the store: a peer whose commit failed is gone and is read again. When
/// the cache is full, the peers used longest ago are evicted. To take a peer out and put it back
/// counts as use. To look at it does not.
#[derive(Default)]
pub(in crate::client) struct Peers {
    by_account: HashMap<AccountId, Cached>,
    /// Length of all cached peers together.
    len: usize,
    /// How often a peer was put into the cache. The count at that time marks each peer's last use.
    uses: u64,
}

struct Cached {
    peer: Peer,
    last_use: u64,
}

impl Peers {
    pub(in crate::client) fn take(&mut self, account: &AccountId) -> Option<Peer> {
        let cached = self.by_account.remove(account)?;
        self.len = self.len.saturating_sub(cached.peer.len());
        Some(cached.peer)
    }

    pub(super) fn get(&self, account: &AccountId) -> Option<&Peer> {
        self.by_account.get(account).map(|cached| &cached.peer)
    }

    pub(super) fn keep(&mut self, account: &AccountId, peer: Peer) {
        self.take(account);
        while self.by_account.len() >= MAX_CACHED_PEERS
            || self.len.saturating_add(peer.len()) > MAX_CACHED_LEN
        {
            if !self.evict_oldest() {
                break;
            }
        }
        self.len = self.len.saturating_add(peer.len());
        self.uses = self.uses.saturating_add(1);
        let last_use = self.uses;
        self.by_account
            .insert(account.clone(), Cached { peer, last_use });
    }

    /// Evicts the peer used longest ago; `false` if the cache is empty.
    fn evict_oldest(&mut self) -> bool {
        let oldest = self.by_account.iter().min_by_key(|(_, peer)| peer.last_use);
        let Some(account) = oldest.map(|(account, _)| account.clone()) else {
            return false;
        };
        self.take(&account).is_some()
    }
}

impl<S: Store> Client<S> {
    /// Caches a peer that the present call does not change, if it can be read.
    pub(in crate::client) fn cache_peer(&mut self, account: &AccountId) {
        if self.is_cached(account) {
            return;
        }
        // A peer whose history is being deleted is not cached before the deletion is finished.
        let is_deleting = self.is_deleting(&account.into());
        if let (Ok(false), Ok(Some(peer))) = (is_deleting, self.read_peer(account)) {
            self.keep_peer(account, peer);
        }
    }
}

#[cfg(test)]
mod tests;
