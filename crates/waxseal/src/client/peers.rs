//! Peers: the record of each, with its sessions ready for use, and the ones used lately kept in memory.

use std::collections::HashMap;

use waxseal_core::{IdentityKey, Sessions};
use waxseal_reporting::AccountId;
use zeroize::{Zeroize, Zeroizing};

use super::{Client, field};
use crate::error::PeerError;
use crate::records::{self, PeerRecord};
use crate::store::{Key, Store, Table};

/// Most peers kept in memory. Importing a peer's sessions costs more than sealing a message on them.
const MAX_PEERS_IN_MEMORY: usize = 64;

/// Most bytes of their records together. Most have a few thousand; a hostile peer's can reach two million.
const MAX_BYTES_IN_MEMORY: usize = 4 << 20;

/// One peer: who it is, where the conversation stands, and the sessions with it.
pub(super) struct Peer {
    /// Its `sessions` are empty: they are the field beside it.
    pub(super) record: PeerRecord,
    /// `None` before first contact, and after an identity change was accepted.
    pub(super) sessions: Option<Sessions>,
    /// Bytes of the record in the store.
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

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut record: PeerRecord = records::decode(bytes)?;
        let sessions = match record.sessions.as_slice() {
            [] => None,
            exported => Some(Sessions::import(exported).ok()?),
        };
        record.sessions.zeroize();
        Some(Self {
            record,
            sessions,
            len: bytes.len(),
        })
    }

    pub(super) fn encode(&mut self) -> Zeroizing<Vec<u8>> {
        if let Some(sessions) = &self.sessions {
            self.record.sessions = field(sessions.export());
        }
        let bytes = records::encode(&self.record);
        self.record.sessions.zeroize();
        self.len = bytes.len();
        bytes
    }

    pub(super) fn identity(&self) -> Option<IdentityKey> {
        IdentityKey::from_bytes(&self.record.identity).ok()
    }
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
        Peer::decode(&bytes).map(Some).ok_or(PeerError::Damaged)
    }
}

#[cfg(test)]
mod tests;
