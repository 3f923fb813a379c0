//! Delivery and receipt: the relay shows a device, and nobody else, that a stamp is its own.
//!
//! A stamp is a MAC under a key only the provider has, so the recipient cannot check it. The delivery MAC,
//! under a key the relay shares with that device alone, lets it know at receipt that a later report will
//! verify; the device could have made the MAC itself, so it convinces no third party.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::address::AccountId;
use crate::conversation::{Audience, ConversationId};
use crate::envelope::{Envelope, MAX_CIPHERTEXT_LEN, check_ciphertext};
use crate::franking::FrankingTag;
use crate::labels;
use crate::mac;
use crate::secret::Secret;
use crate::stamp::{Claim, MAX_CONTEXT_LEN, Stamp, StampContext};
use crate::wire::{self, DecodeError};

/// Most bytes of an encoded delivery.
pub const MAX_DELIVERY_LEN: usize = MAX_CIPHERTEXT_LEN + MAX_STAMPED_LEN;

/// Most bytes of the fields around the ciphertext: tag, context, stamp and MAC.
pub(crate) const MAX_STAMPED_LEN: usize = 3 * 34 + MAX_CONTEXT_LEN + 64;

/// The key the relay shares with one device, agreed when the device registers. 32 bytes.
///
/// It authenticates the relay to the device (deliveries, receipts) and the device to the provider's
/// intake (reports), under different labels.
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

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryKey").finish_non_exhaustive()
    }
}

/// `HMAC-SHA-256(K_delivery, label || tag 32 || context || stamp 32 || ciphertext)`: the context parses in one way
/// only, and the ciphertext, of which a receipt has none, is last.
pub(crate) fn mac_fields<'a>(
    label: &'a [u8],
    claim: &'a Claim,
    context: &'a [u8],
    ciphertext: &'a [u8],
) -> [&'a [u8]; 5] {
    let (tag, stamp) = (claim.tag.as_bytes(), claim.stamp.as_bytes());
    [label, tag, context, stamp, ciphertext]
}

/// A stamped message on its way to one recipient device, not yet authenticated.
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `01` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 1 + varint + 21..275 | `12`, length, stamp context |
/// | 2 + 32 | `1a 20`, stamp |
/// | 2 + 32 | `22 20`, delivery MAC |
/// | 1 + varint + n | `2a`, length, ciphertext |
#[derive(Clone)]
pub struct Delivery {
    claim: Claim,
    mac: [u8; 32],
    ciphertext: Vec<u8>,
}

impl Delivery {
    /// The relay's step: joins an envelope and the claim it stamped for it, for one device.
    ///
    /// # Security
    /// This is the relay's word to the device that a report will verify, and the stamp is not looked at again.
    /// Give it a claim from [`StampKeys::stamp`](crate::StampKeys::stamp) or one that
    /// [`StampKeys::verify`](crate::StampKeys::verify) passed, never one that came in from outside. Deliver a group's
    /// message to devices of its members only, or they could not report it; and drop what was not delivered before the
    /// key of its epoch is destroyed.
    ///
    /// # Errors
    /// [`DeliveryError::OtherMessage`] if the claim is not for this envelope: the relay mixed them up.
    pub fn new(
        claim: &Claim,
        envelope: Envelope,
        key: &DeliveryKey,
    ) -> Result<Self, DeliveryError> {
        if !claim.tag.matches(envelope.tag()) {
            return Err(DeliveryError::OtherMessage);
        }
        let mac = mac::hmac(
            key.as_bytes(),
            &mac_fields(
                labels::DELIVERY,
                claim,
                &claim.context.encode(),
                envelope.ciphertext(),
            ),
        );
        Ok(Self {
            claim: claim.clone(),
            mac,
            ciphertext: envelope.into_ciphertext(),
        })
    }

    /// The recipient's step, for a device that is in no groups: checks that the relay says this, to this device.
    ///
    /// A message addressed to a group is refused, whatever group it is: see
    /// [`authenticate_in_groups`](Self::authenticate_in_groups).
    ///
    /// # Errors
    /// [`DeliveryError::NotAuthentic`] if the MAC is not the relay's over tag, context and stamp;
    /// [`DeliveryError::OtherRecipient`] if the message is not addressed to this account.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        me: &AccountId,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        self.authenticate_in_groups(key, me, |_| false)
    }

    /// The recipient's step: checks that the relay says this, to this device. `is_member` tells whether this
    /// account is in a group.
    ///
    /// A message to a group that the provider does not count this account to could not be reported, so it is
    /// refused before it is opened.
    ///
    /// # Errors
    /// [`DeliveryError`] as for [`authenticate`](Self::authenticate);
    /// [`DeliveryError::OtherRecipient`] also for a group that this account is not in.
    pub fn authenticate_in_groups(
        self,
        key: &DeliveryKey,
        me: &AccountId,
        is_member: impl FnOnce(&ConversationId) -> bool,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        let context = self.claim.context.encode();
        // CHK-64: the delivery MAC covers this tag, this context, this stamp and this ciphertext.
        if !mac::verify(
            key.as_bytes(),
            &mac_fields(labels::DELIVERY, &self.claim, &context, &self.ciphertext),
            &self.mac,
        ) {
            return Err(DeliveryError::NotAuthentic);
        }
        // CHK-65: the message is addressed to this account or a group it is in; and a group is no direct
        // conversation in disguise, for no intake knows such a group.
        let for_me = match &self.claim.context.audience {
            Audience::Direct(recipient) => recipient == me,
            Audience::Group(group) => {
                *group != ConversationId::direct(&self.claim.context.sender.account, me)
                    && is_member(group)
            }
        };
        if !for_me {
            return Err(DeliveryError::OtherRecipient);
        }
        Ok(AuthenticDelivery {
            claim: self.claim,
            ciphertext: self.ciphertext,
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
    /// [`DecodeError`] if it is not one; [`DecodeError::MissingStamp`] if it has no stamp or no MAC.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::Delivery = wire::decode(bytes, MAX_DELIVERY_LEN)?;
        let claim = decode_claim(
            &message.franking_tag,
            &message.stamp_context,
            &message.stamp,
            &message.delivery_mac,
        )?;
        check_ciphertext(&message.ciphertext)?;
        Ok(Self {
            claim,
            mac: wire::array(&message.delivery_mac)?,
            ciphertext: message.ciphertext,
        })
    }
}

/// Reads the claim of a delivery or a receipt, whose MAC must be there too.
pub(crate) fn decode_claim(
    tag: &[u8],
    context: &[u8],
    stamp: &[u8],
    mac: &[u8],
) -> Result<Claim, DecodeError> {
    // CHK-63: the stamp and the MAC over it are there.
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

/// A delivery that the relay vouches for to this device: [`open`](crate::open()) takes nothing else.
///
/// Made by [`Delivery::authenticate`] and [`Delivery::authenticate_in_groups`] only. It says who sent the ciphertext; the channel must agree.
#[derive(Clone)]
pub struct AuthenticDelivery {
    pub(crate) claim: Claim,
    pub(crate) ciphertext: Vec<u8>,
}

impl AuthenticDelivery {
    /// The claim a report of this message would make. Its context names the session to open it with.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The channel's ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

impl fmt::Debug for AuthenticDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticDelivery")
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

/// Why a delivery or receipt does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// Not what the relay said to this device: drop it and let the relay deliver again.
    #[error("not authenticated by the relay for this device")]
    NotAuthentic,
    /// Addressed to another account, or to a group that this account is not in.
    #[error("addressed to another account or group")]
    OtherRecipient,
    /// Claim and message are not of one another.
    #[error("the stamp belongs to another message")]
    OtherMessage,
}

#[cfg(test)]
mod tests;
