//! Keeps a stamped group message at the relay: the body once, and a slot for each device.

use core::fmt;

use super::{GroupSlot, MAX_GROUP_BODY_LEN, TargetedGroup, ciphertext};
use crate::address::DeviceAddress;
use crate::codec::Reader;
use crate::conversation::Audience;
use crate::delivery::{Delivery, DeliveryError, DeliveryKey};
use crate::stamp::{Claim, MAX_CLAIM_LEN};
use crate::wire::{self, DecodeError, VERSION_4};

/// Maximum length of an encoded stamped group message, in bytes: version, claim and body. The claim
/// names a group of 32 bytes in place of an account of up to 129. Longer input is refused before it
/// is parsed.
pub const MAX_STAMPED_GROUP_LEN: usize = 1 + MAX_CLAIM_LEN - 129 + 32 + MAX_GROUP_BODY_LEN;

/// A stamped group message at the relay: what all devices get alike.
///
/// The relay keeps it once, and a [`GroupSlot`] for each device, until all have fetched the
/// message. [`deliver`](Self::deliver) puts both together for one device, and adds the delivery
/// MAC.
///
/// Encoded `04 || claim || body`.
#[derive(Clone)]
pub struct StampedGroup {
    claim: Claim,
    body: Vec<u8>,
}

impl StampedGroup {
    /// Joins a message with the claim that
    /// [`StampKeys::stamp_group`](crate::relay::StampKeys::stamp_group) made of it. Returns what to
    /// keep once, and the slot to keep for each device.
    ///
    /// # Errors
    /// [`DeliveryError::OtherMessage`] if the claim is not for this message: the relay mixed them
    /// up.
    pub fn fan_out(
        claim: Claim,
        group: TargetedGroup,
    ) -> Result<(Self, Vec<(DeviceAddress, GroupSlot)>), DeliveryError> {
        let context = claim.context();
        if !claim.tag.matches(group.tag())
            || context.sender != *group.sender()
            || context.audience != *group.audience()
        {
            return Err(DeliveryError::OtherMessage);
        }
        let (body, slots) = group.into_parts();
        Ok((Self { claim, body }, slots))
    }

    /// The relay's step when a device fetches the message. `slot` is the one that the relay kept
    /// for this device, and `key` the key that it shares with this device now.
    ///
    /// A device with an empty slot gets a delivery without a ciphertext: it cannot open the body.
    ///
    /// # Security
    /// As for [`StampedEnvelope::deliver`](crate::relay::StampedEnvelope::deliver): the relay
    /// vouches to the device that a report will verify.
    pub fn deliver(&self, slot: &GroupSlot, key: &DeliveryKey) -> Delivery {
        Delivery::new(&self.claim, &ciphertext::join(slot, &self.body), key)
    }

    /// The claim, for the receipt to the sending device.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The body, the same for all devices.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The stamped message as bytes for the relay's store.
    pub fn encode(&self) -> Vec<u8> {
        let len = self.body.len().saturating_add(1 + MAX_CLAIM_LEN);
        let mut out = Vec::with_capacity(len);
        out.push(VERSION_4);
        self.claim.put(&mut out);
        out.extend_from_slice(&self.body);
        out
    }

    /// Reads a stamped group message from the relay's store.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a stamped group message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_STAMPED_GROUP_LEN, &[VERSION_4])?;
        let mut reader = Reader::new(body);
        // CHK-414: a stored stamped group message has a complete claim to a group, and a body of 1
        // to 71,680 bytes.
        let claim = Claim::read(&mut reader).ok_or(DecodeError::Malformed)?;
        let body = reader.rest();
        let is_group = matches!(claim.context.audience, Audience::Group(_));
        if !is_group || body.is_empty() || body.len() > MAX_GROUP_BODY_LEN {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            claim,
            body: body.to_vec(),
        })
    }
}

impl fmt::Debug for StampedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampedGroup")
            .field("claim", &self.claim)
            .field("body_len", &self.body.len())
            .finish()
    }
}
