//! Contact: start a conversation with a peer, know who the peer is, see how the sessions are doing.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKeyPair, PostQuantumStop, PreKeyBundle, SafetyNumber, SessionSet};
use waxseal_reporting::{AccountId, DeviceId, Timestamp};
use waxseal_roster::{AccountKey, SignedRoster};

use super::Client;
use super::devices::{Bundles, DeviceBundle, Started};
use super::peers::{Peer, damaged};
use super::times::since;
use crate::conversation::Conversation;
use crate::error::{BundleProblem, PeerError, StartError, StateError};
use crate::records::DeviceRecord;
use crate::store::{Store, Transaction};
use crate::sync::Fact;

/// Minimum time between two sessions with one device that are started because it refused
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
    /// Why the post-quantum ratchet stopped in a session on which this device sends. `None` while
    /// the ratchets run.
    ///
    /// The ratchet stops when a message arrives that no honest device of the peer would send.
    /// Messages still open, protected by the completed epochs and by the Diffie–Hellman ratchet,
    /// but no further epoch begins. The peer does not learn of the stop. Call [`Client::start`]
    /// with a fresh bundle to begin a new ratchet.
    pub pq_stopped: Option<PostQuantumStop>,
}

impl<S: Store> Client<S> {
    /// Starts sessions with the devices of an account, from the roster and the prekey bundles that
    /// the provider handed out.
    ///
    /// The account is a new peer, a known one with new devices, or this device's own account: its
    /// other devices get copies of what is sent. The roster's account key is pinned at first
    /// contact. Call this also to start over with a device that lost its state. The device learns
    /// of the new session from the next message. Do not call this before each message: see
    /// [`Client::missing`].
    ///
    /// A bundle that is unusable costs only its device: [`Started::unusable`] names it.
    ///
    /// Messages to the peer that an earlier version of this crate left in the outbox are then
    /// [sealed again](Client::seal_waiting).
    ///
    /// # Errors
    /// [`StartError::IdentityChanged`] if another account key is pinned for this peer: warn the
    /// user, and call [`Client::accept_identity`] if the user accepts it. [`StartError::Bundle`] if
    /// no bundle is usable and there is no session.
    pub fn start(
        &mut self,
        peer: &AccountId,
        bundles: &Bundles,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Started, StartError<S::Error>> {
        self.start_at(peer, bundles, false, now, rng)
    }

    /// Starts further sessions because devices refused messages, like [`start`](Self::start). Call
    /// it for each account that [`Upkeep::bundles`](field@super::Upkeep::bundles) lists, then
    /// [`upkeep`](Self::upkeep) again.
    ///
    /// At most one such session is started with a device in an hour. If a bundle without a one-time
    /// prekey was used, [`PeerState`](super::PeerState) says so.
    ///
    /// # Errors
    /// As for [`start`](Self::start); [`StartError::TooSoon`] if nothing was started because
    /// another session was started within the hour.
    pub fn restart(
        &mut self,
        peer: &AccountId,
        bundles: &Bundles,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Started, StartError<S::Error>> {
        self.start_at(peer, bundles, true, now, rng)
    }

    fn start_at(
        &mut self,
        peer: &AccountId,
        bundles: &Bundles,
        is_restart: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Started, StartError<S::Error>> {
        self.run(|client| {
            let roster = SignedRoster::decode(&bundles.roster)?.verify(peer.as_str())?;
            let known = client.take_peer(peer)?;
            // CHK-315: the account key of the own account never comes from the provider.
            let has_key = known.as_ref().and_then(Peer::account_key).is_some();
            if !has_key && *peer == client.me.account {
                return Err(StartError::NoAccountKey);
            }
            let mut known = match known {
                Some(known) => known,
                None => client.new_peer(peer)?,
            };
            let mut transaction = Transaction::default();
            let learnt_ms = client.learnt_ms(now)?;
            client.take_in_call(&mut known, peer, &roster, learnt_ms, &mut transaction)?;
            let (mut started, mut problem, mut until) = (Started::default(), None, None);
            for bundle in &bundles.devices {
                let id = bundle.device;
                if *peer == client.me.account && id == client.me.device {
                    continue;
                }
                let device = known.devices.get(&id);
                // The first session with a device is no restart.
                let is_restart = is_restart && device.is_some_and(|device| device.can_send());
                let too_soon = device.and_then(|device| next_restart(&device.record, now));
                if let (true, Some(at)) = (is_restart, too_soon) {
                    until = Some(until.map_or(at, |until: u64| until.min(at)));
                    continue;
                }
                match known.start_session(bundle, &client.identity, is_restart, now, rng) {
                    Ok(()) => started.devices.push(id),
                    Err(error) => {
                        known.note_unusable(id, now);
                        started.unusable.push(id);
                        problem.get_or_insert(error);
                    }
                }
            }
            if started.devices.is_empty() {
                if let Some(problem) = problem.filter(|_| !known.can_send()) {
                    return Err(problem.into());
                }
                if let Some(until) = until {
                    let until = Timestamp::from_millis(until);
                    return Err(StartError::TooSoon { until });
                }
            }
            known.put(peer, &mut transaction);
            client.commit(transaction)?;
            client.keep_peer(peer, known);
            // The session is stored. If this fails, the messages go on waiting, and `send` tries
            // again.
            let _ = client.seal_waiting(peer, now, rng);
            Ok(started)
        })
    }

    /// Whether a conversation with `peer` can go on without a prekey bundle.
    pub fn has_session(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let has_session = client.look_at_peer(peer, Peer::can_send)?;
            Ok(has_session.unwrap_or_default())
        })
    }

    /// The account key pinned for `peer` at first contact, or accepted since.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact, and for a contact of an earlier version
    /// of this crate before its first roster.
    pub fn peer_account_key(&self, peer: &AccountId) -> Result<AccountKey, PeerError<S::Error>> {
        self.look(|client| {
            let key = client.look_at_peer(peer, Peer::account_key)?.flatten();
            // None is pinned after a damaged contact was reset.
            let key = key.ok_or(PeerError::UnknownPeer)?;
            Ok(AccountKey::from_bytes(&key).map_err(|_| damaged(peer))?)
        })
    }

    /// The number that both users compare to be sure of each other's account keys. It stays the
    /// same when an account gets other devices.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact. [`PeerError::NoAccountKey`] if this
    /// store has no account key yet.
    pub fn safety_number(&self, peer: &AccountId) -> Result<SafetyNumber, PeerError<S::Error>> {
        let theirs = self.peer_account_key(peer)?.to_bytes();
        let me = &self.me.account;
        let ours = self.look(|client| client.look_at_peer(me, Peer::account_key))?;
        let ours = ours.flatten().ok_or(PeerError::NoAccountKey)?;
        let number = SafetyNumber::of_accounts((&ours, me.as_str()), (&theirs, peer.as_str()));
        Ok(number.map_err(|_| damaged(peer))?)
    }

    /// Pins `key` for `peer` after the user accepted the change.
    ///
    /// The sessions with all devices under the old key are destroyed; the messages stay. To send
    /// again, call [`Client::start`]. Accepting the key that is already pinned changes nothing,
    /// because several deliveries may have asked for the same change. The own account keeps its
    /// key, whatever is passed.
    pub fn accept_identity(
        &mut self,
        peer: &AccountId,
        key: &AccountKey,
    ) -> Result<(), StateError<S::Error>> {
        if *peer == self.me.account {
            return Ok(());
        }
        self.run(|client| {
            let mut known = match client.take_peer(peer)? {
                Some(known) => known,
                None => client.new_peer(peer)?,
            };
            let key = key.to_bytes();
            if known.account_key() != Some(key) {
                let mut transaction = Transaction::default();
                known.accept_key(peer, &key, &mut transaction);
                // The peer's new devices have not accepted this account yet. Until they have, they
                // do not tell what arrives.
                known.conversation.first_told_ms = 0;
                known.conversation.last_delivered_ms = 0;
                known.put(peer, &mut transaction);
                let fact = Fact::Trust {
                    account: peer.clone(),
                    account_key: key,
                    is_verified: false,
                };
                client.put_fact(&mut transaction, fact)?;
                client.commit(transaction)?;
            }
            client.keep_peer(peer, known);
            Ok(())
        })
    }

    /// Records whether the users compared the [safety number](Self::safety_number) and it was the
    /// same. The mark belongs to the account key: accepting another one ends it. The other devices
    /// of the account are told.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact.
    pub fn mark_verified(
        &mut self,
        peer: &AccountId,
        is_verified: bool,
    ) -> Result<(), PeerError<S::Error>> {
        self.run(|client| {
            let known = client.take_peer(peer)?;
            let known = known.filter(|known| known.account_key().is_some());
            let mut known = known.ok_or(PeerError::UnknownPeer)?;
            known.contact.is_verified = is_verified;
            let mut transaction = Transaction::default();
            known.put(peer, &mut transaction);
            if let Some(account_key) = known.account_key() {
                let fact = Fact::Trust {
                    account: peer.clone(),
                    account_key,
                    is_verified,
                };
                client.put_fact(&mut transaction, fact)?;
            }
            client.commit(transaction)?;
            client.keep_peer(peer, known);
            Ok(())
        })
    }

    /// How far the sessions of a conversation have healed, and whether the post-quantum ratchet
    /// stopped.
    ///
    /// Everything is zero or `None` while there is no session, for example after a changed identity
    /// was accepted and before the next contact.
    ///
    /// # Errors
    /// [`PeerError::UnknownPeer`] before the first contact. [`PeerError::NoGroup`] if this device
    /// is in no such group.
    pub fn conversation_health(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<ConversationHealth, PeerError<S::Error>> {
        let conversation = conversation.into();
        let peer = conversation.account().ok_or(PeerError::NoGroup)?;
        self.look(|client| {
            let health = client.look_at_peer(peer, |peer| {
                let mut health = ConversationHealth::default();
                let sessions = peer.devices.values();
                for sessions in sessions.filter_map(|device| device.sessions.as_ref()) {
                    let (steps, epochs) = (&mut health.dh_ratchet_steps, &mut health.pq_epochs);
                    *steps = steps.saturating_add(sessions.dh_ratchet_steps());
                    *epochs = epochs.saturating_add(sessions.pq_epochs());
                    health.pq_stopped = health.pq_stopped.or(sessions.pq_stopped());
                }
                health
            })?;
            health.ok_or(PeerError::UnknownPeer)
        })
    }
}

impl Peer {
    /// Starts a session with a device of the peer's roster.
    pub(super) fn start_session(
        &mut self,
        bundle: &DeviceBundle,
        identity: &IdentityKeyPair,
        is_restart: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), BundleProblem> {
        let entry = self.entry(bundle.device);
        let expected = entry.ok_or(BundleProblem::OtherDevice)?.identity;
        let one_time = bundle.one_time.as_deref();
        let prekeys = PreKeyBundle::decode(&bundle.base, one_time)?;
        // CHK-314: the bundle has the identity that the roster lists for the device.
        if prekeys.identity().to_bytes() != expected {
            return Err(BundleProblem::OtherDevice);
        }
        let device = self.device_mut(bundle.device);
        match &mut device.sessions {
            Some(sessions) => sessions.add_initiated(identity, prekeys, rng)?,
            none => *none = Some(SessionSet::initiate(identity, prekeys, rng)?),
        }
        let session = device.sessions.as_ref().map(SessionSet::sending_id);
        let record = &mut device.record;
        record.identity = expected.to_vec();
        record.had_no_one_time = one_time.is_none();
        record.unusable_ms = 0;
        if is_restart {
            record.restarted_ms = now.as_millis();
            record.restarted_on = session.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        }
        Ok(())
    }

    /// Notes that the bundle of a device is unusable, so that no other one is fetched soon.
    pub(super) fn note_unusable(&mut self, device: DeviceId, now: Timestamp) {
        if let Some(entry) = self.entry(device) {
            let identity = entry.identity;
            let record = &mut self.device_mut(device).record;
            record.unusable_ms = now.as_millis().max(1);
            record.identity = identity.to_vec();
        }
    }
}

/// When the next session may be started that a refusal makes necessary. `None` if now.
pub(super) fn next_restart(device: &DeviceRecord, now: Timestamp) -> Option<u64> {
    let age = since(device.restarted_ms, now)?;
    let is_recent = device.restarted_ms != 0 && age < RESTART_PAUSE_MS;
    is_recent.then(|| device.restarted_ms.saturating_add(RESTART_PAUSE_MS))
}
