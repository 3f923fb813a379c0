//! Contact: start a conversation with a peer, know who the peer is, see how the sessions are doing.

use rand_core::CryptoRng;
use waxseal_core::errors::HandshakeError;
use waxseal_core::{IdentityKey, PostQuantumStop, PreKeyBundle, SafetyNumber, SessionSet};
use waxseal_reporting::{AccountId, Timestamp};

use super::Client;
use super::peers::{Peer, damaged};
use super::upkeep::since;
use crate::error::{PeerError, StartError, StateError};
use crate::records::ConversationRecord;
use crate::store::{Store, Transaction};

/// Minimum time between two sessions with one peer that are started because the peer refused
/// messages: one hour. So a peer or a relay that makes everything fail costs one prekey an hour.
const RESTART_PAUSE_MS: u64 = 3_600_000;

/// How far the sessions with one peer have healed, and whether they still do.
///
/// Each exchange of messages renews the keys, so that an attacker who stole old state loses access.
/// Both counts start at zero, grow while both sides write, and cover all sessions with the peer. An
/// application needs the counts for diagnosis only; `pq_stopped` is the field to act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationHealth {
    /// Sending and receiving steps of the Diffie–Hellman ratchet. Each one heals the conversation.
    pub dh_ratchet_steps: u64,
    /// Completed epochs of the post-quantum ratchet. Each one heals the conversation against an
    /// attacker with a quantum computer.
    pub pq_epochs: u64,
    /// Why the post-quantum ratchet stopped in the session on which this device sends. `None` while
    /// the ratchet runs.
    ///
    /// The ratchet stops when a message arrives that no honest device of the peer would send.
    /// Messages still open, protected by the completed epochs and by the Diffie–Hellman ratchet,
    /// but no further epoch begins. The peer does not learn of the stop. Call [`Client::start`]
    /// with a fresh bundle to begin a new ratchet.
    pub pq_stopped: Option<PostQuantumStop>,
}

impl<S: Store> Client<S> {
    /// Starts a conversation with `peer` from the prekey bundle that the provider handed out for
    /// it.
    ///
    /// Call this also to start over with a peer whose device lost its state. The bundle must then
    /// have the identity that is pinned for this peer. The peer learns of the new session from the
    /// next message that this device sends to it. Do not call this before each message: see
    /// [`Client::has_session`].
    ///
    /// Messages to the peer that an earlier version of this crate left in the outbox are then
    /// [sealed again](Client::seal_waiting).
    ///
    /// # Errors
    /// [`StartError::IdentityChanged`] if another identity is pinned for this peer: warn the user,
    /// and call [`Client::accept_identity`] if the user accepts it.
    pub fn start(
        &mut self,
        peer: &AccountId,
        base: &[u8],
        one_time: Option<&[u8]>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError<S::Error>> {
        self.start_at(peer, base, one_time, None, rng)
    }

    /// Starts another session because the peer refused messages, like [`start`](Self::start). Call
    /// it for each peer that [`Upkeep::bundles`](super::Upkeep::bundles) lists, then
    /// [`upkeep`](Self::upkeep) again.
    ///
    /// At most one such session is started with a peer in an hour. If a bundle without a one-time
    /// prekey was used, [`PeerState`](super::PeerState) says so.
    ///
    /// # Errors
    /// As for [`start`](Self::start); [`StartError::TooSoon`] if another session was started within
    /// the hour.
    pub fn restart(
        &mut self,
        peer: &AccountId,
        base: &[u8],
        one_time: Option<&[u8]>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError<S::Error>> {
        self.start_at(peer, base, one_time, Some(now), rng)
    }

    fn start_at(
        &mut self,
        peer: &AccountId,
        base: &[u8],
        one_time: Option<&[u8]>,
        restarted: Option<Timestamp>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError<S::Error>> {
        self.run(|client| {
            let bundle = PreKeyBundle::decode(base, one_time)?;
            // This is checked first, because the user must not be asked to accept this device's own
            // identity.
            if bundle.identity() == client.identity.public() {
                return Err(HandshakeError::OwnIdentity.into());
            }
            let identity = bundle.identity().to_bytes();
            let mut known = match client.take_peer(peer)? {
                Some(known) if is_other(&known.identity, &identity) => {
                    let new = *bundle.identity();
                    client.keep_peer(peer, known);
                    return Err(StartError::IdentityChanged { new });
                }
                Some(known) => known,
                None => client.new_peer(peer)?,
            };
            // The first session with a peer is no restart.
            let restarted = restarted.filter(|_| known.can_send());
            if let Some(now) = restarted {
                if let Some(at) = next_restart(&known.conversation, now) {
                    client.keep_peer(peer, known);
                    let until = Timestamp::from_millis(at);
                    return Err(StartError::TooSoon { until });
                }
                known.conversation.restarted_ms = now.as_millis();
            }
            known.conversation.had_no_one_time = one_time.is_none();
            known.identity = identity.to_vec();
            match &mut known.sessions {
                Some(sessions) => sessions.add_initiated(&client.identity, bundle, rng)?,
                none => *none = Some(SessionSet::initiate(&client.identity, bundle, rng)?),
            }
            if restarted.is_some() {
                let session = known.sessions.as_ref().map(SessionSet::sending_id);
                known.conversation.restarted_on =
                    session.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            }
            let mut transaction = Transaction::default();
            known.put(peer, &mut transaction);
            client.commit(transaction)?;
            client.keep_peer(peer, known);
            // The session is stored. If this fails, the messages go on waiting, and `send` tries
            // again.
            let _ = client.seal_waiting(peer, rng);
            Ok(())
        })
    }

    /// Whether a conversation with `peer` can go on without a prekey bundle.
    pub fn has_session(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let has_session = client.look_at_peer(peer, Peer::can_send)?;
            Ok(has_session.unwrap_or_default())
        })
    }

    /// The identity pinned for `peer` at first contact, or accepted since.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact.
    pub fn peer_identity(&self, peer: &AccountId) -> Result<IdentityKey, PeerError<S::Error>> {
        self.look(|client| {
            let identity = client.pinned_identity(peer)?;
            // None is pinned after a damaged contact was reset.
            let identity = identity.filter(|identity| !identity.is_empty());
            let identity = identity.ok_or(PeerError::UnknownPeer)?;
            Ok(IdentityKey::from_bytes(&identity).map_err(|_| damaged(peer))?)
        })
    }

    /// The number that both users compare to be sure of each other's identity.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact.
    pub fn safety_number(&self, peer: &AccountId) -> Result<SafetyNumber, PeerError<S::Error>> {
        let theirs = self.peer_identity(peer)?;
        let ours = (self.identity.public(), self.me.account.as_str().as_bytes());
        let number = SafetyNumber::new(ours, (&theirs, peer.as_str().as_bytes()));
        Ok(number.map_err(|_| damaged(peer))?)
    }

    /// Pins `identity` for `peer` after the user accepted the change.
    ///
    /// The sessions with the old identity are destroyed; the messages stay. To send again, call
    /// [`Client::start`] or wait for a message from the peer. Accepting the identity that is
    /// already pinned changes nothing, because several deliveries may have asked for the same
    /// change.
    pub fn accept_identity(
        &mut self,
        peer: &AccountId,
        identity: &IdentityKey,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut known = match client.take_peer(peer)? {
                Some(known) => known,
                None => client.new_peer(peer)?,
            };
            if known.identity != identity.to_bytes() {
                known.identity = identity.to_bytes().to_vec();
                // The peer's new device has not accepted this account yet. Until it has, it does
                // not tell what arrives.
                known.conversation.first_told_ms = 0;
                known.conversation.last_delivered_ms = 0;
                let mut transaction = Transaction::default();
                known.destroy_sessions(peer, &mut transaction);
                known.put(peer, &mut transaction);
                client.commit(transaction)?;
            }
            client.keep_peer(peer, known);
            Ok(())
        })
    }

    /// How far the sessions with `peer` have healed, and whether the post-quantum ratchet stopped.
    ///
    /// Everything is zero or `None` while there is no session, for example after a changed identity
    /// was accepted and before the next contact.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact.
    pub fn conversation_health(
        &self,
        peer: &AccountId,
    ) -> Result<ConversationHealth, PeerError<S::Error>> {
        self.look(|client| {
            let health = client.look_at_peer(peer, |peer| {
                let sessions = peer.sessions.as_ref();
                sessions.map_or_else(ConversationHealth::default, |sessions| ConversationHealth {
                    dh_ratchet_steps: sessions.dh_ratchet_steps(),
                    pq_epochs: sessions.pq_epochs(),
                    pq_stopped: sessions.pq_stopped(),
                })
            })?;
            health.ok_or(PeerError::UnknownPeer)
        })
    }
}

/// Whether another identity than this one is pinned.
///
/// None is pinned before first contact, and after the contact's record was lost to damage.
pub(super) fn is_other(pinned: &[u8], identity: &[u8]) -> bool {
    !pinned.is_empty() && pinned != identity
}

/// When the next session may be started that a refusal makes necessary. `None` if now.
pub(super) fn next_restart(conversation: &ConversationRecord, now: Timestamp) -> Option<u64> {
    let age = since(conversation.restarted_ms, now)?;
    let is_recent = conversation.restarted_ms != 0 && age < RESTART_PAUSE_MS;
    is_recent.then(|| conversation.restarted_ms.saturating_add(RESTART_PAUSE_MS))
}
