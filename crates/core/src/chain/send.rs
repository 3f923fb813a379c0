//! The sending side of a chain.

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::error::ChainSealError;
use super::header::{self, ChainHeader, SEALED_HEADER_LEN};
use super::slot::{ChainKeys, ChainSlot, MacInput, PendingKeys};
use super::{
    AuthRoot, BODY_VERSION, CHAIN_CONTEXT_LEN, ChainClaims, ChainName, ChainStart, body_ad,
};
use crate::header::tag_of;
use crate::header_key::HeaderKey;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey};
use crate::kdf::ChainKey;
use crate::message::{MAX_ASSOCIATED_DATA_LEN, MAX_PLAINTEXT_LEN};
use crate::message_key::{MessageKey, TAG_LEN};
use crate::secret::{Secret, with_wiped_stack};

/// Maximum number of devices that a message on a chain is for.
///
/// Bounds the stored list of recipients and the work of one message.
pub const MAX_CHAIN_TARGETS: usize = 4_096;

/// Number of messages after which a chain is renewed in the largest groups.
///
/// Bounds what a copied chain opens. Key slots cost most in large groups, so chains of smaller ones
/// are renewed sooner, see [`OwnChain::is_due`].
pub const MAX_CHAIN_MESSAGES: u32 = 100;

/// Age after which a chain is renewed, in milliseconds: 7 days.
///
/// Bounds how long a copied chain is of use. Recipients allow a day more, because they go by the
/// times at which messages were accepted.
pub const RENEWAL_AGE_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// Number of targets for each message that a chain carries before it is renewed. It keeps the
/// average at 16 to 31 key slots per message for 16 to 1,600 targets.
const TARGETS_PER_MESSAGE: usize = 16;

/// The chain on which this device sends in one context: a body per message, for all recipients.
///
/// Each message takes one step in the chain, which destroys the keys of the message before. The
/// first message for a recipient carries a key slot, by which the recipient gets the chain from
/// that message on. The chain remembers its recipients from the moment of sealing, whether or not
/// the message is ever delivered. When one of them is no target any more, only the next chain seals
/// ([`OwnChain::next`]). The next chain has a higher number and no recipients.
///
/// # Security
/// The associated data of each message must commit to its plaintext, as in a session. A device that
/// is set back to an earlier state then repeats no key stream.
///
/// After a set-back, start a chain with a number above all that may have been used. If a message
/// with key slots is given up before it is delivered, start the next chain.
pub struct OwnChain {
    pub(super) name: ChainName,
    pub(super) started_at_ms: u64,
    pub(super) key: ChainKey,
    pub(super) header_key: HeaderKey,
    pub(super) root: AuthRoot,
    /// Number of the next message.
    pub(super) n: u32,
    /// The devices that have the chain, by the number of the message from which on they have it.
    pub(super) recipients: BTreeMap<[u8; IDENTITY_KEY_LEN], u32>,
    /// Whether the recipients differ from those that were exported last.
    pub(super) is_changed: bool,
}

/// A sealed message: a body for all targets, and a slot for each.
pub struct ChainMessage {
    /// Number of the message in its chain.
    pub n: u32,
    /// The body, the same for all targets.
    pub body: Vec<u8>,
    /// The slots, in the order of the targets.
    pub slots: Vec<ChainSlot>,
    /// Makes further key slots until the message is accepted.
    pub pending: PendingKeys,
}

impl OwnChain {
    /// Starts a chain of the device `owner`. `context` says what the chain is for, such as the id
    /// of a group.
    ///
    /// `number` must be above the numbers of all earlier chains of this device in this context. For
    /// every chain but the first, call [`OwnChain::next`].
    #[must_use]
    pub fn start(
        owner: &IdentityKey,
        context: &[u8; CHAIN_CONTEXT_LEN],
        number: u32,
        now_ms: u64,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self::of(ChainName::new(context, owner, number), now_ms, rng)
    }

    fn of(name: ChainName, now_ms: u64, rng: &mut impl CryptoRng) -> Self {
        let start = ChainStart::derive(&name.ad(), &Secret::random(rng));
        Self {
            name,
            started_at_ms: now_ms,
            key: start.key,
            header_key: start.header_key,
            root: start.root,
            n: 0,
            recipients: BTreeMap::new(),
            is_changed: true,
        }
    }

    /// Starts the next chain, which replaces this one.
    ///
    /// # Errors
    /// [`ChainSealError::ChainExhausted`] if this chain has the last number.
    pub fn next(&self, now_ms: u64, rng: &mut impl CryptoRng) -> Result<Self, ChainSealError> {
        // CHK-372: there is a number left for the next chain.
        let number = self.name.number.checked_add(1);
        let number = number.ok_or(ChainSealError::ChainExhausted)?;
        let name = ChainName {
            number,
            ..self.name
        };
        Ok(Self::of(name, now_ms, rng))
    }

    /// Number of the chain among those of its owner in this context.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.name.number
    }

    /// Number of the message from which on a device has the chain. `None` if it does not have it.
    #[must_use]
    pub fn given_at(&self, device: &IdentityKey) -> Option<u32> {
        self.recipients.get(&device.to_bytes()).copied()
    }

    /// How many devices have the chain.
    #[must_use]
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Whether the next message is due on the next chain, by the number of messages or by age.
    ///
    /// Chains are renewed every `targets / 16` messages, but at least every 100, and after 7 days.
    /// Renewal is a policy: [`OwnChain::seal`] does not ask for it.
    #[must_use]
    pub fn is_due(&self, targets: usize, now_ms: u64) -> bool {
        let most = usize::try_from(MAX_CHAIN_MESSAGES).unwrap_or(usize::MAX);
        let messages = (targets / TARGETS_PER_MESSAGE).clamp(1, most);
        let sent = usize::try_from(self.n).unwrap_or(usize::MAX);
        sent >= messages || now_ms.saturating_sub(self.started_at_ms) >= RENEWAL_AGE_MS
    }

    /// Seals one message for `targets`: all devices that are to open it, except this one.
    ///
    /// Store the chain before the message leaves the device.
    ///
    /// # Errors
    /// [`ChainSealError`] says why nothing was sealed.
    ///
    /// # Security
    /// The associated data must commit to the plaintext. A message that the provider did not accept
    /// must not be posted any more once the next chain has begun: seal it again on that.
    pub fn seal<'a>(
        &mut self,
        claims: &ChainClaims,
        plaintext: &[u8],
        associated_data: &[u8],
        targets: impl IntoIterator<Item = &'a IdentityKey>,
    ) -> Result<ChainMessage, ChainSealError> {
        let too_long = ChainSealError::PlaintextTooLong {
            len: plaintext.len(),
            max: MAX_PLAINTEXT_LEN,
        };
        // CHK-15: plaintext and associated data are within their limits.
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return Err(too_long);
        }
        if associated_data.len() > MAX_ASSOCIATED_DATA_LEN {
            return Err(ChainSealError::AssociatedDataTooLong {
                len: associated_data.len(),
                max: MAX_ASSOCIATED_DATA_LEN,
            });
        }
        let targets = self.check_targets(targets)?;
        // CHK-372: there is a number left for the message after this one.
        let next_n = self.n.checked_add(1);
        let next_n = next_n.ok_or(ChainSealError::ChainExhausted)?;

        // MS, CK' = chain step; header and associated data give the body's key; the body's tag
        // gives the header's nonce.
        let ad = self.name.ad();
        let (seed, next_key) = with_wiped_stack(|| self.key.step());
        let header = ChainHeader {
            n: self.n,
            claims: *claims,
        }
        .to_bytes();
        let mut text = Vec::with_capacity(plaintext.len().saturating_add(TAG_LEN));
        text.extend_from_slice(plaintext);
        let body_ad = body_ad(&ad, &header, associated_data);
        with_wiped_stack(|| MessageKey::derive_in_chain(&seed, &body_ad).seal(&mut text))
            .map_err(|_| too_long)?;
        let tag = tag_of(&text).ok_or(too_long)?;
        let header = header::seal(&self.header_key, &ad, tag, &header);
        let mut body = Vec::with_capacity(text.len().saturating_add(1 + SEALED_HEADER_LEN));
        body.push(BODY_VERSION);
        body.extend_from_slice(&header);
        body.extend_from_slice(&text);

        let pending = PendingKeys {
            ad: ad.0,
            n: self.n,
            key: core::mem::replace(&mut self.key, next_key),
        };
        self.n = next_n;
        let input = MacInput::new(&body, associated_data);
        let have = targets.iter().filter(|target| target.has_chain);
        let macs = input.slots(&self.root, have.map(|target| &target.device));
        let mut macs = macs.into_iter();
        let slots = targets.iter().map(|target| {
            let mac = match target.has_chain {
                true => macs.next(),
                false => None,
            };
            match mac {
                Some(mac) => ChainSlot::Mac(mac),
                None => ChainSlot::Key(self.give(&pending, &target.device)),
            }
        });
        let slots = slots.collect();
        Ok(ChainMessage {
            n: pending.n,
            body,
            slots,
            pending,
        })
    }

    /// Makes a key slot for one more target of the newest message, which is sealed and not accepted
    /// yet. The body stays as it is.
    ///
    /// # Errors
    /// [`ChainSealError`] if the device has the chain already, or the message is not the newest one
    /// of this chain. The keys of an earlier message would open the messages after it, which were
    /// not sealed for the device.
    pub fn add_target(
        &mut self,
        pending: &PendingKeys,
        target: &IdentityKey,
    ) -> Result<ChainKeys, ChainSealError> {
        let target = target.to_bytes();
        // CHK-387: the message is the newest one of this chain, since its keys open all later ones,
        // and the target does not have the chain yet.
        if pending.ad != self.name.ad().0
            || pending.n.checked_add(1) != Some(self.n)
            || self.recipients.contains_key(&target)
        {
            return Err(ChainSealError::NotExtensible);
        }
        // CHK-370: it is not this device, and there are not too many recipients.
        if target == self.name.owner {
            return Err(ChainSealError::OwnIdentity);
        }
        if self.recipients.len() >= MAX_CHAIN_TARGETS {
            return Err(ChainSealError::TooManyTargets {
                max: MAX_CHAIN_TARGETS,
            });
        }
        Ok(self.give(pending, &target))
    }

    /// Records that a device has the chain from the pending message on, and makes its key slot.
    fn give(&mut self, pending: &PendingKeys, target: &[u8; IDENTITY_KEY_LEN]) -> ChainKeys {
        self.recipients.insert(*target, pending.n);
        self.is_changed = true;
        ChainKeys {
            number: self.name.number,
            n: pending.n,
            key: ChainKey::from_bytes(pending.key.as_bytes()),
            header_key: self.header_key.duplicate(),
            auth_key: self.root.key_for(target),
        }
    }

    fn check_targets<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a IdentityKey>,
    ) -> Result<Vec<Target>, ChainSealError> {
        let mut list = Vec::new();
        for target in targets {
            let device = target.to_bytes();
            // CHK-370: each target is another device, is named once, and there are not too many.
            if list.len() >= MAX_CHAIN_TARGETS {
                return Err(ChainSealError::TooManyTargets {
                    max: MAX_CHAIN_TARGETS,
                });
            }
            if device == self.name.owner {
                return Err(ChainSealError::OwnIdentity);
            }
            list.push(Target {
                device,
                has_chain: false,
            });
        }
        // In the order of the recipients, one pass over both finds what a search for each would.
        let mut sorted: Vec<_> = list.iter_mut().collect();
        sorted.sort_unstable();
        let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
        if pairs.any(|(one, next)| one.device == next.device) {
            return Err(ChainSealError::RepeatedTarget);
        }
        let mut ascending = sorted.into_iter();
        for device in self.recipients.keys() {
            // CHK-371: every device that has the chain is still a target.
            match ascending.find(|target| target.device >= *device) {
                Some(target) if target.device == *device => target.has_chain = true,
                _ => return Err(ChainSealError::RecipientLeft),
            }
        }
        Ok(list)
    }
}

/// A device that a message is for.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    device: [u8; IDENTITY_KEY_LEN],
    has_chain: bool,
}
