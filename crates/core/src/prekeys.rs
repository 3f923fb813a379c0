//! Prekeys: the keys that a device publishes so that others can start sessions while it is offline,
//! and their private half, which the device keeps.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;
use thiserror::Error;

use crate::bundle::{one_time_set_input, signed_set_input};
use crate::dh::{DhKeyPair, DhPublicKey, DhSecret};
use crate::identity::{IdentityKey, IdentityKeyPair};
use crate::kem::KemSeed;
use crate::replay_memory::ReplayMemory;
use crate::wire;

mod changes;
mod export;
mod parts;

use self::changes::Changes;
pub use self::parts::{OneTimeChange, OneTimeId, PreKeysParts};

/// Maximum number of one-time prekey sets made at once. It bounds the size of one upload: 1.7 KB
/// per set.
pub const MAX_ONE_TIME_PREKEYS: usize = 100;

/// Maximum number of one-time prekey sets kept; beyond it, the oldest are destroyed. It bounds the
/// stored state: 100 bytes per set.
///
/// Without a limit, sets that were handed out and never used would stay forever. The limit is twice
/// the size of an upload, so a set lasts at least until one more full upload has been handed out.
pub const MAX_KEPT_ONE_TIME_PREKEYS: usize = 200;

/// Prekeys could not be made or prepared for publishing. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PreKeyError {
    /// The prekeys belong to another identity. Pass the identity that they were generated with.
    #[error("the prekeys belong to another identity")]
    OtherIdentity,
    /// More than [`MAX_ONE_TIME_PREKEYS`] one-time sets were requested at once. Request fewer.
    #[error("{requested} one-time prekey sets are more than {max}")]
    TooMany {
        /// Number of sets requested.
        requested: usize,
        /// Maximum number of sets made at once.
        max: usize,
    },
    /// The 32-bit numbers of prekey sets are used up. The device needs a new identity.
    #[error("prekey numbers are exhausted")]
    Exhausted,
}

/// Opaque messages to publish. The provider stores them, hands out `base` to anyone who asks, and
/// hands out each element of `one_time` once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreKeyUpload {
    /// Identity, certificate and signed prekey set, 1,806 to 1,810 bytes. It replaces the previous
    /// one.
    pub base: Vec<u8>,
    /// One-time prekey sets, 1,674 to 1,678 bytes each. They are added to those already published.
    /// Publishing the same set again does no harm.
    pub one_time: Vec<Vec<u8>>,
}

/// The private half of a device's prekeys, from which the device accepts new sessions.
///
/// There are two kinds of sets. A *signed set* serves any number of first messages.
/// [`PreKeys::rotate`] replaces it and keeps the previous one, so that a first message already on
/// its way still opens; the rotation after that destroys it. A *one-time set* serves one first
/// message, and is destroyed when that message is opened. [`PreKeys::replenish`] makes new ones. At
/// most [`MAX_KEPT_ONE_TIME_PREKEYS`] are kept.
///
/// A first message without a one-time set could be replayed. The [`ReplayMemory`] of its sender
/// therefore remembers its base key, for as long as the signed set is kept.
///
/// ```text
/// generate -> [signed set 1]            replenish -> one-time sets 1..=n
/// rotate   -> [signed set 2, then 1]    a first message opened -> its one-time set is destroyed
/// rotate   -> [signed set 3, then 2]    set 1 is destroyed
/// ```
///
/// Numbers of sets only increase and are never reused.
///
/// # Security
/// Export and store after each change, whole or in parts. Anyone who holds the prekeys and the
/// identity can read first messages that have not been opened yet. They can also read opened ones
/// that used no one-time set, as long as the signed set is kept.
///
/// Pass the system's generator to [`PreKeys::generate`], [`PreKeys::rotate`] and
/// [`PreKeys::replenish`]. A generator in memory is copied by a fork, and both processes would then
/// make the same keys.
pub struct PreKeys {
    identity: IdentityKey,
    current: SignedSet,
    previous: Option<SignedSet>,
    one_time: BTreeMap<u32, OneTimeSet>,
    next_one_time_id: u32,
    changes: Changes,
}

/// A signed prekey set: an X25519 prekey and a last-resort ML-KEM key. The last-resort key serves
/// first messages that use no one-time set.
pub(crate) struct SignedSet {
    pub(crate) id: u32,
    pub(crate) prekey: DhKeyPair,
    pub(crate) last_resort: KemSeed,
    /// Base keys of initial messages that this set accepted without a one-time prekey, before they
    /// were remembered per sender. They stay refused until the set is destroyed; none is added.
    earlier: BTreeSet<DhPublicKey>,
}

/// A one-time prekey set: an X25519 prekey and an ML-KEM key. It is destroyed once a first message
/// has used it.
pub(crate) struct OneTimeSet {
    /// Only the private key is kept. The public key is computed on use, because most sets are
    /// imported and exported many times before that.
    pub(crate) prekey: DhSecret,
    pub(crate) kem: KemSeed,
}

/// What a first message used up: its one-time set or, if it used none, its base key.
pub(crate) struct SpentPreKey {
    pub(crate) sender: IdentityKey,
    pub(crate) signed_prekey_id: u32,
    pub(crate) one_time_prekey_id: Option<u32>,
    pub(crate) base_key: DhPublicKey,
}

impl SignedSet {
    fn generate(id: u32, rng: &mut impl CryptoRng) -> Self {
        let prekey = DhKeyPair::generate(rng);
        Self {
            id,
            prekey,
            last_resort: KemSeed::generate(rng),
            earlier: BTreeSet::new(),
        }
    }

    fn message(&self, identity: &IdentityKeyPair) -> Vec<u8> {
        let last_resort = self.last_resort.public_key();
        let signature = identity.sign(&signed_set_input(
            self.id,
            self.prekey.public(),
            &last_resort,
        ));
        wire::encode(&wire::SignedPreKeys {
            identity: identity.public().to_bytes().to_vec(),
            certificate: identity.certificate().to_bytes().to_vec(),
            id: self.id,
            signed_prekey: self.prekey.public().as_bytes().to_vec(),
            last_resort_kem_prekey: last_resort.as_bytes().to_vec(),
            signature: signature.to_vec(),
        })
    }
}

impl PreKeys {
    /// Generates the first signed prekey set, without one-time sets.
    pub fn generate(identity: &IdentityKeyPair, rng: &mut impl CryptoRng) -> Self {
        Self {
            identity: *identity.public(),
            current: SignedSet::generate(1, rng),
            previous: None,
            one_time: BTreeMap::new(),
            next_one_time_id: 1,
            changes: Changes::default(),
        }
    }

    /// Makes `count` more one-time sets and returns the messages to publish for them.
    ///
    /// Beyond [`MAX_KEPT_ONE_TIME_PREKEYS`], the oldest sets are destroyed. A peer that fetched
    /// such a set earlier and sends its first message only now must start again with a new bundle.
    ///
    /// # Errors
    /// [`PreKeyError::TooMany`] if `count` exceeds [`MAX_ONE_TIME_PREKEYS`],
    /// [`PreKeyError::OtherIdentity`], [`PreKeyError::Exhausted`].
    pub fn replenish(
        &mut self,
        identity: &IdentityKeyPair,
        count: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Vec<u8>>, PreKeyError> {
        self.check_identity(identity)?;
        // CHK-13: no more one-time sets at once than the limit.
        if count > MAX_ONE_TIME_PREKEYS {
            return Err(PreKeyError::TooMany {
                requested: count,
                max: MAX_ONE_TIME_PREKEYS,
            });
        }
        let first = self.next_one_time_id;
        let end = u32::try_from(count)
            .ok()
            .and_then(|count| first.checked_add(count))
            .ok_or(PreKeyError::Exhausted)?;
        for id in first..end {
            self.one_time.insert(
                id,
                OneTimeSet {
                    prekey: DhSecret::generate(rng),
                    kem: KemSeed::generate(rng),
                },
            );
            self.changes.made(id);
        }
        self.next_one_time_id = end;
        self.changes.is_state_stored &= count == 0;
        for _ in MAX_KEPT_ONE_TIME_PREKEYS..self.one_time.len() {
            if let Some((id, _)) = self.one_time.pop_first() {
                self.changes.destroyed(id);
            }
        }
        Ok(self
            .one_time
            .range(first..)
            .map(|(id, set)| set.message(identity, *id))
            .collect())
    }

    /// Replaces the signed set. The replaced set is kept; the set before it is destroyed.
    ///
    /// Call this about once a week. Publish [`PreKeys::upload`] afterwards, and delete the stored
    /// memories that are not [needed](PreKeys::needs) any more.
    ///
    /// # Errors
    /// [`PreKeyError::OtherIdentity`], [`PreKeyError::Exhausted`].
    pub fn rotate(
        &mut self,
        identity: &IdentityKeyPair,
        rng: &mut impl CryptoRng,
    ) -> Result<(), PreKeyError> {
        self.check_identity(identity)?;
        let id = self
            .current
            .id
            .checked_add(1)
            .ok_or(PreKeyError::Exhausted)?;
        let replaced = core::mem::replace(&mut self.current, SignedSet::generate(id, rng));
        self.previous = Some(replaced);
        self.changes.is_state_stored = false;
        Ok(())
    }

    /// Everything to publish now: the current signed set and all remaining one-time sets.
    ///
    /// # Errors
    /// [`PreKeyError::OtherIdentity`].
    pub fn upload(&self, identity: &IdentityKeyPair) -> Result<PreKeyUpload, PreKeyError> {
        self.check_identity(identity)?;
        let base = self.current.message(identity);
        let one_time = self
            .one_time
            .iter()
            .map(|(id, set)| set.message(identity, *id))
            .collect();
        Ok(PreKeyUpload { base, one_time })
    }

    /// Number of one-time sets left. Replenish when only a few are left.
    #[must_use]
    pub fn one_time_left(&self) -> usize {
        self.one_time.len()
    }

    /// The identity to which these prekeys belong.
    #[must_use]
    pub fn identity(&self) -> &IdentityKey {
        &self.identity
    }

    /// Whether the memory names a signed set that is still held. If not, delete the stored memory.
    #[must_use]
    pub fn needs(&self, memory: &ReplayMemory) -> bool {
        memory.sets().any(|id| self.signed(id).is_some())
    }

    /// Records that a first message was opened: destroys its one-time set or, if it used none,
    /// remembers its base key.
    pub(crate) fn spend(&mut self, spent: SpentPreKey, memory: &mut ReplayMemory) {
        match spent.one_time_prekey_id {
            Some(id) => {
                if self.one_time.remove(&id).is_some() {
                    self.changes.destroyed(id);
                }
            }
            None => {
                let is_held = |id| self.signed(id).is_some();
                let set = spent.signed_prekey_id;
                memory.remember(&spent.sender, set, spent.base_key, is_held);
            }
        }
    }

    pub(crate) fn signed(&self, id: u32) -> Option<&SignedSet> {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|set| set.id == id)
    }

    pub(crate) fn one_time(&self, id: u32) -> Option<&OneTimeSet> {
        self.one_time.get(&id)
    }

    fn check_identity(&self, identity: &IdentityKeyPair) -> Result<(), PreKeyError> {
        if identity.public() == &self.identity {
            Ok(())
        } else {
            Err(PreKeyError::OtherIdentity)
        }
    }
}

impl SignedSet {
    /// Whether an earlier version remembered this base key.
    pub(crate) fn remembers(&self, base_key: &DhPublicKey) -> bool {
        self.earlier.contains(base_key)
    }
}

impl OneTimeSet {
    fn message(&self, identity: &IdentityKeyPair, id: u32) -> Vec<u8> {
        let prekey = self.prekey.key_pair();
        let kem = self.kem.public_key();
        let signature = identity.sign(&one_time_set_input(id, prekey.public(), &kem));
        wire::encode(&wire::OneTimePreKeys {
            id,
            one_time_prekey: prekey.public().as_bytes().to_vec(),
            kem_prekey: kem.as_bytes().to_vec(),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Debug for PreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreKeys")
            .field("identity", &self.identity)
            .field("signed_prekey_id", &self.current.id)
            .field("one_time_left", &self.one_time.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
