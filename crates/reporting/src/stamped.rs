//! Keeps a stamped message at the relay until a device fetches it.

use core::fmt;

use crate::address::DeviceAddress;
use crate::codec::Reader;
use crate::delivery::{Delivery, DeliveryError, DeliveryKey};
use crate::envelope::{MAX_CIPHERTEXT_LEN, check_ciphertext_len};
use crate::fanout::AuthenticFanout;
use crate::group;
use crate::reseal::AuthenticReseal;
use crate::stamp::{Claim, MAX_CLAIM_LEN};
use crate::wire::{self, DecodeError, VERSION_2};

/// Maximum length of an encoded stamped envelope, in bytes: version, claim and ciphertext. Longer
/// input is refused before it is parsed.
pub const MAX_STAMPED_LEN: usize = 1 + MAX_CLAIM_LEN + MAX_CIPHERTEXT_LEN;

/// A stamped message in the relay's queue for one recipient device.
///
/// The relay makes it once and keeps it. [`deliver`](Self::deliver) adds the delivery MAC when the
/// device fetches the message, under the key that the relay shares with the device at that moment.
/// A device that registered again can therefore authenticate what waited for it.
///
/// Encoded `02 || claim || ciphertext`. The ciphertext is empty if the sender had no channel to the
/// device.
#[derive(Clone)]
pub struct StampedEnvelope {
    claim: Claim,
    ciphertext: Vec<u8>,
}

impl StampedEnvelope {
    /// Joins a message with the claim that
    /// [`StampKeys::stamp`](crate::relay::StampKeys::stamp) made of it. Returns one stamped
    /// envelope for each device's queue, in the order of [`AuthenticFanout::targets`]. All have the
    /// same claim.
    ///
    /// # Errors
    /// [`DeliveryError::OtherMessage`] if the claim is not for this message: the relay mixed them
    /// up.
    pub fn fan_out(
        claim: Claim,
        fanout: AuthenticFanout,
    ) -> Result<Vec<(DeviceAddress, Self)>, DeliveryError> {
        let context = claim.context();
        if !claim.tag.matches(fanout.tag())
            || context.sender != *fanout.sender()
            || context.audience != *fanout.audience()
        {
            return Err(DeliveryError::OtherMessage);
        }
        let stamped = |(device, ciphertext)| {
            let claim = claim.clone();
            (device, Self { claim, ciphertext })
        };
        Ok(fanout.into_slots().map(stamped).collect())
    }

    /// Joins a message that was sealed again with the claim that
    /// [`StampKeys::stamp_again`](crate::relay::StampKeys::stamp_again) made of it. It is for the
    /// queue of its [target](AuthenticReseal::target) alone.
    ///
    /// # Errors
    /// [`DeliveryError::OtherMessage`] if the claim is not for this message: the relay mixed them
    /// up.
    pub fn resealed(claim: Claim, reseal: AuthenticReseal) -> Result<Self, DeliveryError> {
        let context = claim.context();
        if !claim.tag.matches(reseal.tag())
            || context.sender != *reseal.sender()
            || context.audience != *reseal.audience()
        {
            return Err(DeliveryError::OtherMessage);
        }
        let ciphertext = match claim.group() {
            // A device in a group learns from the form that this is not a body with a slot.
            Some(_) => group::resealed(reseal.ciphertext()),
            None => reseal.into_ciphertext(),
        };
        Ok(Self { claim, ciphertext })
    }

    /// The relay's step when a device fetches the message. `key` is the key that the relay shares
    /// with this device now.
    ///
    /// # Security
    /// With this call the relay vouches to the device that a report will verify. The stamp is not
    /// checked here:
    /// - Decode stamped envelopes from the relay's own queue only.
    /// - Deliver a group's message only to devices of its members; others could not report it.
    /// - Drop undelivered messages before the key of their epoch is destroyed.
    pub fn deliver(&self, key: &DeliveryKey) -> Delivery {
        Delivery::new(&self.claim, &self.ciphertext, key)
    }

    /// The claim, for the receipt to the sending device.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The channel's ciphertext. Empty if the sender had no channel to the device.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// The stamped envelope as bytes for the relay's queue.
    pub fn encode(&self) -> Vec<u8> {
        let len = self.ciphertext.len().saturating_add(1 + MAX_CLAIM_LEN);
        let mut out = Vec::with_capacity(len);
        out.push(VERSION_2);
        self.claim.put(&mut out);
        out.extend_from_slice(&self.ciphertext);
        out
    }

    /// Reads a stamped envelope from the relay's queue.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a stamped envelope.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_STAMPED_LEN, &[VERSION_2])?;
        let mut reader = Reader::new(body);
        // CHK-115: a stored stamped envelope has a complete claim. The ciphertext is
        // empty if the sender had no channel to the device.
        let claim = Claim::read(&mut reader).ok_or(DecodeError::Malformed)?;
        let ciphertext = reader.rest();
        check_ciphertext_len(ciphertext)?;
        Ok(Self {
            claim,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

impl fmt::Debug for StampedEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampedEnvelope")
            .field("claim", &self.claim)
            .field("ciphertext_len", &self.ciphertext.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
