//! Delivers a stamped message: the relay proves to the recipient's device, and to no one else, that
//! the stamp is genuine.
//!
//! A stamp is a MAC under a key that only the provider has, so the recipient cannot check it. The
//! delivery MAC is made under a key that the relay shares with this one device. It tells the device
//! on receipt that a later report will verify. The device could have made the MAC itself, so it
//! convinces no third party.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::address::DeviceAddress;
use crate::conversation::{Audience, ConversationId};
use crate::envelope::{MAX_CIPHERTEXT_LEN, check_ciphertext_len};
use crate::franking::FrankingTag;
use crate::labels;
use crate::mac;
use crate::secret::Secret;
use crate::stamp::{Claim, MAX_CONTEXT_LEN, Stamp, StampContext};
use crate::wire::{self, DecodeError};

/// Maximum length of an encoded delivery, in bytes: the longest ciphertext and the fields before
/// it. Longer input is refused before it is parsed.
pub const MAX_DELIVERY_LEN: usize = MAX_CIPHERTEXT_LEN + MAX_FIELDS_LEN;

/// Maximum length of the fields before the ciphertext, in bytes: tag, context, stamp and MAC.
pub(crate) const MAX_FIELDS_LEN: usize = 3 * 34 + MAX_CONTEXT_LEN + 64;

/// The key that the relay shares with one device, agreed when the device registers. 32 bytes.
///
/// It authenticates the relay to the device (deliveries, receipts, answers), and the device to the
/// relay (posted messages) and to the intake (reports), each under a label of its own.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DeliveryKey(Secret);

impl DeliveryKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes, for the device's registration and for storage.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.as_bytes())
    }

    /// Whether both are the same key. Takes the same time whatever the keys are.
    pub fn is_same(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryKey").finish_non_exhaustive()
    }
}

/// The fields of a receipt MAC, and of a delivery MAC before the ciphertext's digest:
/// `label || tag 32 || context || stamp 32`
///
/// The context can be parsed in only one way, so no field needs a length.
pub(crate) fn mac_fields<'a>(
    label: &'a [u8],
    claim: &'a Claim,
    context: &'a [u8],
) -> [&'a [u8]; 4] {
    let (tag, stamp) = (claim.tag.as_bytes(), claim.stamp.as_bytes());
    [label, tag, context, stamp]
}

/// A stamped message on its way from the relay to one recipient device.
///
/// As long as it is a `Delivery`, nothing in it is verified. [`authenticate`](Self::authenticate)
/// checks the relay's MAC and the recipient and turns it into an [`AuthenticDelivery`].
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `02` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 1 + varint + 21..275 | `12`, length, stamp context |
/// | 2 + 32 | `1a 20`, stamp |
/// | 2 + 32 | `22 20`, delivery MAC |
/// | 1 + varint + n | `2a`, length, ciphertext; absent if the sender had no channel to the device |
///
/// ```text
/// delivery MAC = HMAC-SHA-256(K_delivery, "waxseal/2/delivery-mac"
///                    || tag || context || stamp || SHA-256(ciphertext))
/// ```
#[derive(Clone)]
pub struct Delivery {
    claim: Claim,
    mac: [u8; 32],
    ciphertext: Vec<u8>,
}

impl Delivery {
    /// Makes the delivery MAC of a stamped message, for one device.
    pub(crate) fn new(claim: &Claim, ciphertext: &[u8], key: &DeliveryKey) -> Self {
        Self {
            claim: claim.clone(),
            mac: delivery_mac(key, claim, ciphertext),
            ciphertext: ciphertext.to_vec(),
        }
    }

    /// The recipient's step, for an account in no groups: checks that the relay delivers this
    /// message to this device.
    ///
    /// Refuses every message addressed to a group. Use
    /// [`authenticate_in_groups`](Self::authenticate_in_groups) to accept them.
    ///
    /// # Errors
    /// [`DeliveryError::NotAuthentic`] if the MAC is not the relay's MAC over tag, context, stamp
    /// and ciphertext; [`DeliveryError::OtherRecipient`] if the message is neither addressed to
    /// this account nor the copy of a message that another device of it sent.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        me: &DeviceAddress,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        self.authenticate_in_groups(key, me, |_| false)
    }

    /// The recipient's step: checks that the relay delivers this message to this device.
    /// `is_member` says whether this account is in a group.
    ///
    /// An account can only report messages of groups in which the provider counts it as a member.
    /// Other messages are therefore refused before they are opened.
    ///
    /// # Errors
    /// [`DeliveryError`] as for [`authenticate`](Self::authenticate);
    /// [`DeliveryError::OtherRecipient`] also for a group that this account is not in.
    pub fn authenticate_in_groups(
        self,
        key: &DeliveryKey,
        me: &DeviceAddress,
        is_member: impl FnOnce(&ConversationId) -> bool,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        use subtle::ConstantTimeEq;
        // CHK-64: the delivery MAC covers this tag, this context, this stamp and this ciphertext.
        let mac = delivery_mac(key, &self.claim, &self.ciphertext);
        if !bool::from(mac.ct_eq(&self.mac)) {
            return Err(DeliveryError::NotAuthentic);
        }
        // CHK-290: a message of this account is the copy of another device's message. No device
        // gets a copy of its own.
        let (sender, account) = (&self.claim.context.sender, &me.account);
        let own_copy = sender.account == *account;
        if own_copy && sender.device == me.device {
            return Err(DeliveryError::OtherRecipient);
        }
        // CHK-65: the message is addressed to this account or to a group it is in, or is the copy
        // of a message of this account. The group must not have the id of a direct conversation of
        // sender and recipient, or of one of them with itself: every intake refuses a report of it.
        let for_me = match &self.claim.context.audience {
            Audience::Direct(recipient) => recipient == account || own_copy,
            Audience::Group(group) => {
                let sender = &sender.account;
                let pairs = [(sender, account), (sender, sender), (account, account)];
                let is_direct = |(one, other)| *group == ConversationId::direct(one, other);
                !pairs.into_iter().any(is_direct) && is_member(group)
            }
        };
        if !for_me {
            return Err(DeliveryError::OtherRecipient);
        }
        Ok(AuthenticDelivery {
            claim: self.claim,
            ciphertext: self.ciphertext,
            own_copy,
        })
    }

    /// The delivery as bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        let message = wire::Delivery {
            franking_tag: self.claim.tag.as_bytes().to_vec(),
            stamp_context: self.claim.context.encode(),
            stamp: self.claim.stamp.as_bytes().to_vec(),
            delivery_mac: self.mac.to_vec(),
            ciphertext: Vec::new(),
        };
        wire::encode_with_last(&message, 5, &self.ciphertext)
    }

    /// Reads a delivery.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a delivery; [`DecodeError::MissingStamp`] if it has no
    /// stamp or no MAC.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::Delivery = wire::decode(bytes, MAX_DELIVERY_LEN)?;
        let claim = decode_claim(
            &message.franking_tag,
            &message.stamp_context,
            &message.stamp,
            &message.delivery_mac,
        )?;
        check_ciphertext_len(&message.ciphertext)?;
        Ok(Self {
            claim,
            mac: wire::array(&message.delivery_mac)?,
            ciphertext: message.ciphertext,
        })
    }
}

fn delivery_mac(key: &DeliveryKey, claim: &Claim, ciphertext: &[u8]) -> [u8; 32] {
    let context = claim.context.encode();
    let [label, tag, context, stamp] = mac_fields(labels::DELIVERY, claim, &context);
    let digest = Sha256::digest(ciphertext);
    mac::hmac(key.as_bytes(), &[label, tag, context, stamp, &digest])
}

/// Reads the claim of a delivery or receipt, whose MAC must be present too.
pub(crate) fn decode_claim(
    tag: &[u8],
    context: &[u8],
    stamp: &[u8],
    mac: &[u8],
) -> Result<Claim, DecodeError> {
    // CHK-63: the stamp and the MAC over it are present.
    if stamp.is_empty() || mac.is_empty() {
        return Err(DecodeError::MissingStamp);
    }
    Ok(Claim {
        tag: FrankingTag::from_bytes(wire::array(tag)?),
        context: StampContext::decode(context).ok_or(DecodeError::Malformed)?,
        stamp: Stamp::new(wire::array(stamp)?),
    })
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("ciphertext_len", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// A delivery of which this device knows that it comes from the relay and is meant for it.
///
/// Only [`Delivery::authenticate`] and [`Delivery::authenticate_in_groups`] make one, and
/// [`open`](crate::recipient::open) accepts nothing else. The relay vouches for the sender; the
/// channel still has to agree.
#[derive(Clone)]
pub struct AuthenticDelivery {
    pub(crate) claim: Claim,
    pub(crate) ciphertext: Vec<u8>,
    own_copy: bool,
}

impl AuthenticDelivery {
    /// The claim that a report of this message makes. Its context names the sender, whose session
    /// opens the message.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The channel's ciphertext. Empty if the delivery has no key.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// Whether the sender had no channel to this device, so that the delivery only says that there
    /// is a message. Ask its author to seal it again.
    pub fn is_empty(&self) -> bool {
        self.ciphertext.is_empty()
    }

    /// Whether this is the copy of a message that another device of the own account sent.
    pub fn is_own_copy(&self) -> bool {
        self.own_copy
    }
}

impl fmt::Debug for AuthenticDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticDelivery")
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

/// Why a delivery or receipt was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The MAC does not verify: the relay did not make it for this device, or something was altered
    /// on the way. Drop the message and let the relay deliver it again.
    #[error("not authenticated by the relay for this device")]
    NotAuthentic,
    /// The message is addressed to another account, or to a group that this account is not in, or
    /// this device sent it. Drop it.
    #[error("addressed to another account or group")]
    OtherRecipient,
    /// Claim and message do not belong together. Look up the right one by its tag.
    #[error("the stamp belongs to another message")]
    OtherMessage,
}

#[cfg(test)]
mod tests;
