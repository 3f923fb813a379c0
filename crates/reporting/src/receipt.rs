//! Returns a stamp to the sender: the relay proves to the sending device, and to no one else, that
//! it stamped the message.

use core::fmt;

use crate::delivery::{DeliveryError, DeliveryKey, MAX_FIELDS_LEN, decode_claim, mac_fields};
use crate::evidence::Evidence;
use crate::franking::FrankingTag;
use crate::labels;
use crate::mac;
use crate::seal::SentMessage;
use crate::stamp::Claim;
use crate::wire::{self, DecodeError};

/// Maximum length of an encoded receipt, in bytes. A receipt has the fields of a delivery except
/// the ciphertext, so its limit is that of a delivery's fields before the ciphertext. Longer input
/// is refused before it is parsed.
pub const MAX_RECEIPT_LEN: usize = MAX_FIELDS_LEN;

/// The stamp of a device's own message, as the relay returns it.
///
/// As long as it is a `Receipt`, nothing in it is verified.
/// [`authenticate`](Self::authenticate) checks it against the [`SentMessage`] and turns both into
/// [`Evidence`].
///
/// Encoded like a [`Delivery`](crate::relay::Delivery), with the receipt MAC as the fourth field
/// and without a ciphertext.
///
/// ```text
/// receipt MAC = HMAC-SHA-256(K_delivery, "waxseal/2/receipt-mac" || tag || context || stamp)
/// ```
#[derive(Clone)]
pub struct Receipt {
    claim: Claim,
    mac: [u8; 32],
}

impl Receipt {
    /// The relay's step, for the device that sent the message. Call it when the receipt is handed
    /// out, with the device's present key; until then, keep the [`Claim`].
    ///
    /// # Security
    /// With this call the relay vouches to the device that a report will verify. Pass a claim that
    /// the relay made and kept, never an unverified one.
    pub fn new(claim: &Claim, key: &DeliveryKey) -> Self {
        let mac = mac::hmac(
            key.as_bytes(),
            &mac_fields(labels::RECEIPT, claim, &claim.context.encode()),
        );
        Self {
            claim: claim.clone(),
            mac,
        }
    }

    /// The sender's step: turns the device's own message and its stamp into evidence.
    ///
    /// # Errors
    /// [`DeliveryError::NotAuthentic`] if the relay did not make the MAC;
    /// [`DeliveryError::OtherMessage`] if the receipt is for another message, sender or
    /// conversation than `sent`.
    pub fn authenticate(
        self,
        key: &DeliveryKey,
        sent: &SentMessage,
    ) -> Result<Evidence, DeliveryError> {
        let context = self.claim.context.encode();
        // CHK-66: the receipt MAC covers this tag, this context and this stamp.
        if !mac::verify(
            key.as_bytes(),
            &mac_fields(labels::RECEIPT, &self.claim, &context),
            &self.mac,
        ) {
            return Err(DeliveryError::NotAuthentic);
        }
        // CHK-67: the receipt is for the message that this device sent to this conversation.
        if !self.claim.tag.matches(&sent.tag)
            || self.claim.context.sender != sent.sender
            || self.claim.conversation() != sent.conversation
        {
            return Err(DeliveryError::OtherMessage);
        }
        Ok(Evidence::new(
            self.claim,
            sent.format,
            sent.header.clone(),
            sent.franked.clone(),
        ))
    }

    /// The franking tag of the message, by which to find the [`SentMessage`].
    pub fn tag(&self) -> &FrankingTag {
        &self.claim.tag
    }

    /// The receipt as bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::Receipt {
            franking_tag: self.claim.tag.as_bytes().to_vec(),
            stamp_context: self.claim.context.encode(),
            stamp: self.claim.stamp.as_bytes().to_vec(),
            receipt_mac: self.mac.to_vec(),
        })
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a receipt; [`DecodeError::MissingStamp`] if it has no
    /// stamp or no MAC.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::Receipt = wire::decode(bytes, MAX_RECEIPT_LEN)?;
        let claim = decode_claim(
            &message.franking_tag,
            &message.stamp_context,
            &message.stamp,
            &message.receipt_mac,
        )?;
        Ok(Self {
            claim,
            mac: wire::array(&message.receipt_mac)?,
        })
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
