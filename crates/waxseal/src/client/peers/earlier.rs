//! Deletes the sessions of an earlier version.

use super::account_of;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::store::{Store, Transaction};

/// The version byte of the sessions that this version writes, which a new store has from the start.
pub(in crate::client) const OLDEST_SESSIONS: u32 = 2;

impl<S: Store> Client<S> {
    /// Deletes the sessions of an earlier version with every peer. Nothing opens with their keys
    /// any more, and a thief of the store could still read with them what was recorded on the way.
    ///
    /// Looks through the peers once, when this version opens the store for the first time. A peer
    /// that cannot be read stays as it is.
    pub(in crate::client) fn delete_earlier_sessions(
        &mut self,
    ) -> Result<(), StateError<S::Error>> {
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
                    Ok(Some(peer)) if peer.devices.values().any(|one| one.has_earlier) => peer,
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
}
