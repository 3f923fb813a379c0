//! The receiving side: the chains of one other device in one context.
//!
//! Opening a message takes five steps. Find the chain whose header key opens the header. Check that
//! the sender made the body. Check number and time. Open the body with keys that are derived on a
//! copy of the chain. Only then change the state.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::error::ChainOpenError;
use super::header::{ChainHeader, SealedBody};
use super::slot::{CHAIN_MAC_LEN, ChainKeys, MacInput};
use super::{AuthKey, CHAIN_CONTEXT_LEN, ChainAd, ChainClaims, ChainName, body_ad};
use crate::header_key::HeaderKey;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};
use crate::kdf::{ChainKey, MessageSeed};
use crate::message::MAX_ASSOCIATED_DATA_LEN;
use crate::message_key::MessageKey;
use crate::secret::with_wiped_stack;

/// Maximum number of chains of one device that are kept in one context. The oldest is given up.
///
/// Bounds the stored state, and what a forged message costs: one MAC over a header per chain.
pub const MAX_PEER_CHAINS: usize = 3;

/// Maximum number of messages that may be missing on a chain before one message with a MAC slot. A
/// key slot beyond it moves the chain forward.
///
/// Bounds the work and the memory that one message can claim. It is far above the messages that a
/// chain carries before its renewal.
pub const MAX_CHAIN_GAP: u32 = 2_000;

/// Maximum number of skipped keys that are kept of one chain. The oldest are given up.
///
/// Bounds the stored state. All keys that one message skips still open.
pub const MAX_CHAIN_SKIPPED_KEYS: usize = 2_000;

/// How long after a chain's first message its messages may be accepted, in milliseconds: 8 days.
///
/// Bounds how long a copied chain is of use to someone who forges on it, for recipients who do not
/// know the next chain. It is the age of renewal and a day.
pub const MAX_CHAIN_AGE_MS: u64 = 8 * 24 * 60 * 60 * 1_000;

/// An opened message.
pub struct OpenedChainMessage {
    /// Number of the chain among those of its owner in this context.
    pub number: u32,
    /// Number of the message in its chain.
    pub n: u32,
    /// What the sender claims to know.
    pub claims: ChainClaims,
    /// The plaintext, wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
}

/// The chains of one other device in one context, at most three.
///
/// A key slot adds a chain, and the oldest chain beyond three is given up. Each message advances
/// its chain past itself; the keys of skipped messages are kept until these arrive. Nothing moves a
/// chain back.
///
/// # Security
/// Pass keys only if they came in a session with the owner of these chains. `accepted_at_ms` is the
/// time at which the provider accepted the message; authenticate it before.
///
/// After opening, check that the associated data commit to the plaintext. A dishonest sender can
/// otherwise give two recipients different content in one body.
pub struct PeerChains {
    pub(super) context: [u8; CHAIN_CONTEXT_LEN],
    pub(super) owner: [u8; IDENTITY_KEY_LEN],
    /// By ascending number.
    pub(super) chains: Vec<PeerChain>,
}

/// One chain of the other device.
pub(super) struct PeerChain {
    pub(super) number: u32,
    pub(super) key: ChainKey,
    pub(super) header_key: HeaderKey,
    pub(super) auth_key: AuthKey,
    /// Number of the next message.
    pub(super) n: u32,
    /// Earliest time at which a message that opened on this chain was accepted.
    pub(super) first_accepted_at_ms: u64,
    /// Keys of messages that were skipped and may still arrive.
    pub(super) skipped: BTreeMap<u32, MessageSeed>,
}

/// What a message leaves of its chain once it has opened.
enum Step {
    /// The message used a skipped key.
    Late,
    /// The message was ahead of all others: the skipped keys before it, and the next chain key.
    Ahead {
        skipped: Vec<(u32, MessageSeed)>,
        key: ChainKey,
        n: u32,
    },
}

impl PeerChains {
    /// Makes the state before the first message. `owner` is the device that sends.
    #[must_use]
    pub fn new(owner: &IdentityKey, context: &[u8; CHAIN_CONTEXT_LEN]) -> Self {
        Self {
            context: *context,
            owner: owner.to_bytes(),
            chains: Vec::new(),
        }
    }

    /// Whether these are the chains of this device in this context.
    #[must_use]
    pub fn are_of(&self, owner: &IdentityKey, context: &[u8; CHAIN_CONTEXT_LEN]) -> bool {
        self.owner == owner.to_bytes() && self.context == *context
    }

    /// Numbers of the chains that are held, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.chains.iter().map(|chain| chain.number)
    }

    fn ad(&self, number: u32) -> ChainAd {
        let (context, owner) = (self.context, self.owner);
        ChainName {
            context,
            owner,
            number,
        }
        .ad()
    }

    /// Opens a message with a MAC slot, on a chain that is held.
    ///
    /// # Errors
    /// [`ChainOpenError`] says why the message was not opened.
    pub fn open(
        &mut self,
        body: &[u8],
        slot: &[u8; CHAIN_MAC_LEN],
        associated_data: &[u8],
        accepted_at_ms: u64,
    ) -> Result<OpenedChainMessage, ChainOpenError> {
        check_associated_data(associated_data)?;
        let sealed = SealedBody::decode(body)?;
        // CHK-373: the header authenticates under the key of a chain, newest first.
        let found = self
            .chains
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, chain)| {
                let ad = self.ad(chain.number);
                let header = sealed.open_header(&chain.header_key, &ad)?;
                Some((at, chain, header, ad))
            });
        let (at, chain, header, ad) = found.ok_or(ChainOpenError::UnknownChain)?;
        // CHK-374: the owner of the chain made this slot, for this device, over this body and the
        // caller's associated data. Other recipients of the chain lack the key.
        if !MacInput::new(body, associated_data).verify(&chain.auth_key, slot) {
            return Err(ChainOpenError::Unauthenticated);
        }
        self.check_time(chain.number, Some(chain), accepted_at_ms)?;
        let number = chain.number;
        let (seed, step) = chain.keys_of(header.n)?;
        let plaintext = open_body(&seed, &ad, &header, sealed.ciphertext, associated_data)?;
        if let Some(chain) = self.chains.get_mut(at) {
            chain.commit(step, header.n, accepted_at_ms);
        }
        Ok(opened(number, &header, plaintext))
    }

    /// Opens a message with a key slot. `keys` are the plaintext of the slot, which this device
    /// opened in a session with the owner of these chains, under [`ChainKeys::associated_data`].
    ///
    /// The chain is kept, unless it is older than three that are held. The keys of a chain that is
    /// not kept leave no trace: only the session prevents that such a message opens twice.
    ///
    /// # Errors
    /// [`ChainOpenError`] says why the message was not opened.
    pub fn open_with_keys(
        &mut self,
        body: &[u8],
        keys: ChainKeys,
        associated_data: &[u8],
        accepted_at_ms: u64,
    ) -> Result<OpenedChainMessage, ChainOpenError> {
        check_associated_data(associated_data)?;
        let sealed = SealedBody::decode(body)?;
        let (number, ad) = (keys.number, self.ad(keys.number));
        let place = self
            .chains
            .binary_search_by_key(&number, |chain| chain.number);
        let held = place.ok().and_then(|at| self.chains.get(at));
        // CHK-378: a chain that is held under this number has the same keys.
        if held.is_some_and(|held| !keys.are_of(&held.header_key, &held.auth_key)) {
            return Err(ChainOpenError::ContradictoryKeys);
        }
        // CHK-373: the header authenticates on the chain of this number, owner and context.
        let header = sealed.open_header(&keys.header_key, &ad);
        let header = header.ok_or(ChainOpenError::Unauthenticated)?;
        // CHK-379: the keys are those of this message.
        if header.n != keys.n {
            return Err(ChainOpenError::ContradictoryKeys);
        }
        self.check_time(number, held, accepted_at_ms)?;
        let (seed, step) = match held {
            // CHK-380: the key of the slot is not used for a chain that is held, so it cannot
            // rewind it.
            Some(held) if keys.n.saturating_sub(held.n) <= MAX_CHAIN_GAP => {
                held.keys_of(header.n)?
            }
            // CHK-381: keys too far ahead move the chain forward. What lies between is given up.
            _ => ahead(&keys.key, keys.n, keys.n)?,
        };
        let plaintext = open_body(&seed, &ad, &header, sealed.ciphertext, associated_data)?;
        match place {
            Ok(at) => {
                if let Some(chain) = self.chains.get_mut(at) {
                    chain.commit(step, header.n, accepted_at_ms);
                }
            }
            Err(at) => self.add(at, keys, step, accepted_at_ms),
        }
        Ok(opened(number, &header, plaintext))
    }

    /// Keeps a new chain, whose first message has opened.
    fn add(&mut self, at: usize, keys: ChainKeys, step: Step, accepted_at_ms: u64) {
        let n = keys.n;
        let mut chain = PeerChain {
            number: keys.number,
            key: keys.key,
            header_key: keys.header_key,
            auth_key: keys.auth_key,
            n,
            first_accepted_at_ms: accepted_at_ms,
            skipped: BTreeMap::new(),
        };
        chain.commit(step, n, accepted_at_ms);
        self.chains.insert(at, chain);
        // CHK-382: beyond the maximum number of chains, the oldest is given up.
        while self.chains.len() > MAX_PEER_CHAINS {
            self.chains.remove(0);
        }
    }

    fn check_time(
        &self,
        number: u32,
        chain: Option<&PeerChain>,
        accepted_at_ms: u64,
    ) -> Result<(), ChainOpenError> {
        // CHK-384: nothing was accepted on a chain after the first message on a newer one.
        let mut newer = self.chains.iter().filter(|newer| newer.number > number);
        if newer.any(|newer| accepted_at_ms > newer.first_accepted_at_ms) {
            return Err(ChainOpenError::ChainLeft);
        }
        // CHK-385: nothing was accepted long after the first message on the chain.
        let first = chain.map_or(accepted_at_ms, |chain| chain.first_accepted_at_ms);
        if accepted_at_ms.saturating_sub(first) > MAX_CHAIN_AGE_MS {
            return Err(ChainOpenError::ChainExpired);
        }
        Ok(())
    }
}

impl PeerChain {
    /// Derives the key of message `n`, from the chain key or a skipped key.
    fn keys_of(&self, n: u32) -> Result<(MessageSeed, Step), ChainOpenError> {
        if n >= self.n {
            return ahead(&self.key, self.n, n);
        }
        // CHK-376: each key is used once. If it is gone, the message was received before or given
        // up, or this device did not have the chain yet.
        let seed = self.skipped.get(&n);
        let seed = seed.ok_or(ChainOpenError::AlreadyReceived)?;
        Ok((MessageSeed::from_bytes(seed.as_bytes()), Step::Late))
    }

    /// Advances the chain past message `n`, which has opened, or destroys its skipped key.
    fn commit(&mut self, step: Step, n: u32, accepted_at_ms: u64) {
        self.first_accepted_at_ms = self.first_accepted_at_ms.min(accepted_at_ms);
        match step {
            Step::Late => {
                self.skipped.remove(&n);
            }
            Step::Ahead { skipped, key, n } => {
                self.skipped.extend(skipped);
                self.key = key;
                self.n = n;
            }
        }
        // CHK-383: skipped keys beyond their maximum number are given up, the oldest first.
        while self.skipped.len() > MAX_CHAIN_SKIPPED_KEYS {
            self.skipped.pop_first();
        }
    }
}

/// Advances a copy of a chain from message `next` to message `n`.
fn ahead(key: &ChainKey, next: u32, n: u32) -> Result<(MessageSeed, Step), ChainOpenError> {
    let ahead = n.saturating_sub(next);
    let too_far = ChainOpenError::JumpTooFar {
        ahead,
        max: MAX_CHAIN_GAP,
    };
    // CHK-377: a message after too long a gap is refused before any key is derived. The last number
    // of a chain is never used.
    if ahead > MAX_CHAIN_GAP {
        return Err(too_far);
    }
    let after = n.checked_add(1).ok_or(ChainOpenError::JumpTooFar {
        ahead: u32::MAX,
        max: MAX_CHAIN_GAP,
    })?;
    with_wiped_stack(|| {
        let mut key = ChainKey::from_bytes(key.as_bytes());
        let skipped = (next..n).map(|n| {
            let (seed, next_key) = key.step();
            key = next_key;
            (n, seed)
        });
        let skipped = skipped.collect();
        let (seed, key) = key.step();
        let step = Step::Ahead {
            skipped,
            key,
            n: after,
        };
        Ok((seed, step))
    })
}

fn open_body(
    seed: &MessageSeed,
    ad: &ChainAd,
    header: &ChainHeader,
    ciphertext: &[u8],
    caller_ad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ChainOpenError> {
    let body_ad = body_ad(ad, &header.to_bytes(), caller_ad);
    let mut text = Zeroizing::new(ciphertext.to_vec());
    // CHK-375: the body authenticates with its header, its chain and the caller's associated data.
    with_wiped_stack(|| MessageKey::derive_in_chain(seed, &body_ad).open(&mut text))
        .map_err(|_| ChainOpenError::Unauthenticated)?;
    Ok(text)
}

fn opened(number: u32, header: &ChainHeader, plaintext: Zeroizing<Vec<u8>>) -> OpenedChainMessage {
    OpenedChainMessage {
        number,
        n: header.n,
        claims: header.claims,
        plaintext,
    }
}

fn check_associated_data(associated_data: &[u8]) -> Result<(), ChainOpenError> {
    // CHK-15: the associated data is within its limit.
    if associated_data.len() > MAX_ASSOCIATED_DATA_LEN {
        return Err(ChainOpenError::AssociatedDataTooLong {
            len: associated_data.len(),
            max: MAX_ASSOCIATED_DATA_LEN,
        });
    }
    Ok(())
}
