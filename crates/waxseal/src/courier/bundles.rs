//! Bundles: the prekeys and identities of others, fetched when a session or a refusal needs them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_core::CryptoRng;
use waxseal_core::IdentityKey;
use waxseal_interface::{Bundle, ErrorCode, Request as Call};
use waxseal_reporting::{AccountId, Timestamp};

use super::next::Aim;
use super::pause::later;
use super::{Courier, Event};
use crate::client::NotDelivered;
use crate::error::{PeerError, StartError, StateError};
use crate::store::Store;

/// How long after a failure the prekeys of an account are asked for again: ten minutes.
const PUT_OFF_MS: u64 = 600_000;

/// How long the upkeep waits for everything that the relay has for this device: a minute.
const AWAY_MS: u64 = 60_000;

/// What is to be fetched of others.
#[derive(Default)]
pub(super) struct Bundles {
    wanted: VecDeque<AccountId>,
    identities: VecDeque<AccountId>,
    /// Accounts whose identity the application asked for.
    checked: BTreeSet<AccountId>,
    /// Accounts that are not asked for before a time.
    put_off: BTreeMap<AccountId, Timestamp>,
}

impl Bundles {
    /// Has the prekeys of a peer fetched, if they are not put off.
    pub(super) fn want(&mut self, peer: &AccountId) {
        if !self.wanted.contains(peer) {
            self.wanted.push_back(peer.clone());
        }
    }

    /// Has the identity of an account fetched.
    pub(super) fn want_identity(&mut self, account: &AccountId) {
        if !self.identities.contains(account) {
            self.identities.push_back(account.clone());
        }
    }

    /// Has the identity of a peer fetched and compared with the pinned one.
    pub(super) fn check_identity(&mut self, peer: &AccountId) {
        self.forget(peer);
        self.checked.insert(peer.clone());
        self.want_identity(peer);
    }

    fn put_off(&mut self, account: &AccountId, now: Timestamp) {
        self.put_off.insert(account.clone(), later(now, PUT_OFF_MS));
    }

    /// Forgets that a peer was put off.
    pub(super) fn forget(&mut self, peer: &AccountId) {
        self.put_off.remove(peer);
    }

    /// Whether an account is put off now. A time that is too far ahead was chosen while the clock
    /// was wrong.
    fn is_put_off(&self, account: &AccountId, now: Timestamp) -> bool {
        let until = self.put_off.get(account);
        let left = until.and_then(|until| until.as_millis().checked_sub(now.as_millis()));
        left.is_some_and(|left| left > 0 && left <= PUT_OFF_MS)
    }

    /// When something can next be fetched.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let all = self.wanted.iter().chain(&self.identities);
        let at = all.map(|account| self.put_off.get(account).copied());
        at.map(|at| at.unwrap_or(Timestamp::from_millis(0))).min()
    }
}

impl<S: Store> Courier<S> {
    /// Calls the client's upkeep when it is due, and notes what is to be fetched for it.
    pub(super) fn keep_up(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        if self.upkeep_time().is_none_or(|at| at > now) {
            return Ok(());
        }
        // For what it seals, also if the store fails later.
        self.outbox.look_again();
        let upkeep = self.client.upkeep(now, rng)?;
        self.upkeep_at = upkeep.again_at;
        for (to, id) in upkeep.lost {
            let reason = NotDelivered::Lost;
            self.tell(Event::NotDelivered { to, id, reason });
        }
        for peer in &upkeep.bundles {
            self.bundles.want(peer);
        }
        for account in &upkeep.identities {
            self.bundles.want_identity(account);
        }
        Ok(())
    }

    /// When the upkeep is next called. First everything that waits is received, because what has
    /// not opened may have come again. Without a connection, that is waited for only a while.
    pub(super) fn upkeep_time(&self) -> Option<Timestamp> {
        let at = self.upkeep_at?;
        match self.is_listening && !self.stream.is_caught_up() {
            true => Some(at.max(later(self.away_since?, AWAY_MS))),
            false => Some(at),
        }
    }

    pub(super) fn choose_bundle(&mut self, now: Timestamp) -> Option<(Aim, Call)> {
        let bundles = &mut self.bundles;
        let place = |list: &VecDeque<AccountId>, bundles: &Bundles| {
            list.iter().position(|one| !bundles.is_put_off(one, now))
        };
        if let Some(at) = place(&bundles.identities, bundles) {
            let account = bundles.identities.remove(at)?;
            return Some((Aim::Identity(account.clone()), Call::Identity(account)));
        }
        let at = place(&bundles.wanted, bundles)?;
        let peer = bundles.wanted.remove(at)?;
        Some((Aim::Bundle(peer.clone()), Call::Bundle(peer)))
    }

    pub(super) fn take_identity(
        &mut self,
        account: &AccountId,
        identity: &[u8; 64],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match IdentityKey::from_bytes(identity) {
            Ok(identity) => {
                self.client.learn_identity(account, &identity)?;
                self.upkeep_at = Some(now);
                if self.bundles.checked.remove(account) {
                    self.compare_identity(account, identity, now)?;
                }
            }
            Err(_) => {
                self.bundles.put_off(account, now);
                self.bundles.want_identity(account);
            }
        }
        Ok(())
    }

    /// Starts a session with the prekeys of a peer.
    pub(super) fn take_bundle(
        &mut self,
        peer: &AccountId,
        bundle: &Bundle,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let (base, one_time) = (&bundle.base, bundle.one_time.as_deref());
        match self.client.restart(peer, base, one_time, now, rng) {
            Ok(()) => {
                self.tell(Event::Started {
                    peer: peer.clone(),
                    has_one_time: one_time.is_some(),
                    held_back: bundle.held_back,
                });
                self.look_again();
            }
            Err(StartError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(StartError::IdentityChanged { new }) => self.identity_changed(peer, new, now),
            Err(StartError::State(StateError::Damaged(damage))) => {
                self.tell(Event::Damaged(damage));
                self.want_later(peer, now);
            }
            // The upkeep asks again at the right time.
            Err(StartError::TooSoon { .. }) => {}
            Err(_) => self.want_later(peer, now),
        }
        Ok(())
    }

    fn want_later(&mut self, peer: &AccountId, now: Timestamp) {
        self.bundles.put_off(peer, now);
        self.bundles.want(peer);
    }

    fn compare_identity(
        &mut self,
        peer: &AccountId,
        identity: IdentityKey,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match self.client.peer_identity(peer) {
            Ok(pinned) if pinned == identity => {}
            Ok(_) => {
                self.bundles.forget(peer); // tells also if it was told just now
                self.identity_changed(peer, identity, now);
            }
            Err(PeerError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(_) => {} // no identity is pinned
        }
        Ok(())
    }

    /// Tells once in a while that a peer's identity changed.
    pub(super) fn identity_changed(&mut self, peer: &AccountId, new: IdentityKey, now: Timestamp) {
        if !self.bundles.is_put_off(peer, now) {
            let peer = peer.clone();
            self.tell(Event::IdentityChanged { peer, new });
        }
        self.bundles.put_off(peer, now);
    }

    /// The relay refused to hand out prekeys or an identity.
    pub(super) fn bundle_refused(
        &mut self,
        account: &AccountId,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.bundles.put_off(account, now);
        if matches!(code, ErrorCode::NoSuchAccount | ErrorCode::BadName) {
            for id in self.client.held(account)? {
                self.give_up(account, &id, code)?;
            }
        } else {
            self.bundles.want(account);
        }
        Ok(())
    }
}
