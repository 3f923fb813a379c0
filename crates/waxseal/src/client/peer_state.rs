//! The state of a peer, for the application to show, and whether the user accepted it.

use waxseal_core::PostQuantumStop;
use waxseal_reporting::{AccountId, Timestamp};

use super::{Client, keys};
use crate::error::{PeerError, StateError};
use crate::records::{self, AskedRecord};
use crate::store::{Store, Transaction};

/// Number of rows that are read at once.
const ROWS_AT_ONCE: usize = 256;

/// What an application may want to show of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerState {
    /// Whether the user accepted the peer, by [`Client::accept_contact`] or by writing to it. Only
    /// accepted peers are told what arrived.
    pub is_accepted: bool,
    /// Whether the user [blocked](Client::block) the peer.
    pub is_blocked: bool,
    /// When this device sent the first message since the peer's last one. `None` if the peer wrote
    /// last.
    pub unanswered_since: Option<Timestamp>,
    /// Number of messages to the peer that wait to be sealed again, because it could not open them.
    pub waiting: usize,
    /// When the provider accepted the newest message of the peer that opened.
    pub last_opened: Option<Timestamp>,
    /// Why the post-quantum ratchet stopped in a session on which this device sends. `None` while
    /// all run: see [`ConversationHealth`](super::ConversationHealth).
    pub pq_stopped: Option<PostQuantumStop>,
    /// Whether the users compared the [safety number](Client::safety_number).
    pub is_verified: bool,
    /// Whether the last session that this device started with a device of the peer had no one-time
    /// prekey. Its first messages
    /// are then protected less: the prekeys that they used are not destroyed when they arrive. It
    /// is normal if many people write to the peer, and also what a provider can cause.
    pub had_no_one_time_prekey: bool,
}

impl<S: Store> Client<S> {
    /// The state of a peer.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact.
    pub fn peer_state(&self, peer: &AccountId) -> Result<PeerState, PeerError<S::Error>> {
        self.look(|client| {
            let time = |at_ms| match at_ms {
                0 => None,
                at_ms => Some(Timestamp::from_millis(at_ms)),
            };
            let state = client.look_at_peer(peer, |known| PeerState {
                is_accepted: super::unopened::is_accepted(&known.conversation),
                is_blocked: known.conversation.is_blocked,
                unanswered_since: time(known.conversation.unanswered_since_ms),
                waiting: 0,
                last_opened: time(known.conversation.last_accepted_ms),
                pq_stopped: known
                    .devices
                    .values()
                    .find_map(|device| device.sessions.as_ref().and_then(|all| all.pq_stopped())),
                had_no_one_time_prekey: known
                    .devices
                    .values()
                    .any(|device| device.record.had_no_one_time),
                is_verified: known.contact.is_verified,
            })?;
            let mut state = state.ok_or(PeerError::UnknownPeer)?;
            let (table, mut after) = (keys::all_asked(peer), None);
            loop {
                let page = client.page(&table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                    records::decode::<AskedRecord>(bytes)
                })?;
                let waiting = page.items.iter().filter(|asked| asked.waits).count();
                state.waiting = state.waiting.saturating_add(waiting);
                after = page.next;
                if after.is_none() {
                    return Ok(state);
                }
            }
        })
    }

    /// Blocks an account, or unblocks it. What a blocked account sends is [skipped](Self::skip): it
    /// is dropped, and its sender is told nothing. The account can be unknown so far. The other
    /// devices of the own account are told.
    ///
    /// If the user has not accepted the account, what came of its [request](Self::requests) is
    /// deleted, with its sessions and its account key: after the block, it is a stranger. That
    /// takes several transactions, like [`decline`](Self::decline).
    ///
    /// [`forget_contact`](Self::forget_contact) ends a block, too.
    pub fn block(
        &mut self,
        account: &AccountId,
        is_blocked: bool,
    ) -> Result<(), StateError<S::Error>> {
        self.block_and(account, is_blocked, |_, _| Ok(()))
    }

    /// Records that the user accepted the peer: from now on it is told what arrives, and what
    /// [was shown](Self::opened). Its [request](Self::requests) is over. Writing to a peer accepts
    /// it, too. The other devices of the own account are told.
    ///
    /// An account that was declined is heard again.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact, if the account was not declined.
    pub fn accept_contact(&mut self, peer: &AccountId) -> Result<(), PeerError<S::Error>> {
        self.run(|client| {
            let fact = client.accepted(peer)?;
            let mut transaction = Transaction::default();
            let is_declined = client.was_declined(peer)?;
            let Some(mut known) = client.take_peer(peer)? else {
                if !is_declined {
                    return Err(PeerError::UnknownPeer);
                }
                client.put_fact(&mut transaction, fact)?;
                client.commit(transaction)?;
                return Ok(());
            };
            if !known.conversation.is_accepted || is_declined {
                known.conversation.is_accepted = true;
                known.put(peer, &mut transaction);
                client.put_fact(&mut transaction, fact)?;
                client.commit(transaction)?;
            }
            client.keep_peer(peer, known);
            Ok(())
        })
    }
}
