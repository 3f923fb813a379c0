//! Defines the stamp, by which the relay confirms who sent a tag, to whom and when, without seeing
//! the content.

use core::fmt;

use crate::address::DeviceAddress;
use crate::codec::{Reader, put_medium};
use crate::conversation::{Audience, ConversationId};
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION_2};

/// Length of an epoch in milliseconds: one UTC day. Stamp keys are kept and destroyed epoch by
/// epoch.
pub const EPOCH_MS: u64 = 86_400_000;

/// Maximum length of an encoded stamp context, in bytes: the sum of its fields, with two accounts
/// of 128 bytes.
pub const MAX_CONTEXT_LEN: usize = 1 + 128 + 4 + 1 + 1 + 128 + 8 + 4;

/// Maximum length of an encoded claim, in bytes: tag, context after its length, and stamp.
pub(crate) const MAX_CLAIM_LEN: usize = 32 + 2 + MAX_CONTEXT_LEN + 32;

/// Maximum length of a stored claim, in bytes: version and claim. Longer input is refused before it
/// is parsed.
pub const MAX_STORED_CLAIM_LEN: usize = 1 + MAX_CLAIM_LEN;

/// The epoch of a time, or `None` after the year 11,000,000, when epochs no longer fit 32 bits.
pub(crate) fn epoch_of(time: Timestamp) -> Option<u32> {
    u32::try_from(time.as_millis() / EPOCH_MS).ok()
}

/// Who sent a message to whom and when, as the relay saw it. 21 to 275 bytes.
///
/// MIMI calls it `ServerFrankingContext`.
///
/// | bytes | field |
/// |---|---|
/// | 1 + 1..128 | length, sender's account |
/// | 4 | sender's device |
/// | 1 + .. | audience: `01`, length, account; or `02`, conversation 32 |
/// | 8 | accepted time, ms |
/// | 4 | epoch: accepted time / 86,400,000 |
///
/// From `al`, device 1, to `bo` at 86,400,001 ms:
/// `02616c 00000001 0102626f 0000000005265c01 00000001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampContext {
    /// The sending device, as the relay authenticated it.
    pub sender: DeviceAddress,
    /// Whom the message was for.
    pub audience: Audience,
    /// When the relay accepted the message. A reviewer relies on this time only.
    pub accepted_at: Timestamp,
    /// The epoch whose key made the stamp: always the epoch of `accepted_at`.
    pub epoch: u32,
}

impl StampContext {
    /// The conversation the message belongs to.
    pub fn conversation(&self) -> ConversationId {
        self.audience.conversation(&self.sender.account)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.sender.put(out);
        self.audience.put(out);
        out.extend_from_slice(&self.accepted_at.as_millis().to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        self.put(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let context = Self {
            sender: DeviceAddress::read(&mut reader)?,
            audience: Audience::read(&mut reader)?,
            accepted_at: Timestamp::from_millis(reader.u64()?),
            epoch: reader.u32()?,
        };
        reader.finish()?;
        Some(context)
    }
}

/// The relay's MAC over a tag and its context. 32 bytes.
///
/// Only a holder of the epoch's key can make or check a stamp, so it proves nothing outside the
/// provider.
///
/// Facebook calls it `R_F`, and MIMI `server_frank`. It has no `PartialEq`, because stamps are
/// compared in constant time.
#[derive(Clone, Copy)]
pub struct Stamp([u8; 32]);

impl Stamp {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The stamp with these 32 bytes, genuine or not.
    ///
    /// For a provider that keeps claims in its own store, and for testing an intake with forgeries.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamp(..)")
    }
}

/// The statement that a message passed through the relay: its tag, its context and its stamp. Says
/// nothing about the content.
///
/// Encoded `02 || tag 32 || len be16 || context || stamp 32`. Other formats contain it without the
/// version byte.
///
/// # Security
/// The type does not tell a genuine claim from an invented one.
/// [`StampKeys::stamp`](crate::relay::StampKeys::stamp) makes genuine claims. Check any other claim
/// with [`StampKeys::verify`](crate::relay::StampKeys::verify).
#[derive(Clone)]
pub struct Claim {
    pub(crate) tag: FrankingTag,
    pub(crate) context: StampContext,
    pub(crate) stamp: Stamp,
}

impl Claim {
    /// Joins a tag, a context and a stamp into a claim, genuine or not.
    ///
    /// For a provider that keeps claims in its own store, and for testing an intake with forgeries.
    ///
    /// # Security
    /// Only the provider can tell whether the claim is genuine. A relay never needs this function.
    /// If it makes a claim from a client's bytes and passes it unverified to
    /// [`Receipt::new`](crate::relay::Receipt::new), it vouches for a forgery.
    pub fn new(tag: FrankingTag, context: StampContext, stamp: Stamp) -> Self {
        Self {
            tag,
            context,
            stamp,
        }
    }

    /// The message's franking tag.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// Who sent the message, to whom and when.
    pub fn context(&self) -> &StampContext {
        &self.context
    }

    /// The relay's MAC over tag and context.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The conversation the message belongs to.
    pub fn conversation(&self) -> ConversationId {
        self.context.conversation()
    }

    /// The group that the message was for, if it was for one.
    pub(crate) fn group(&self) -> Option<&ConversationId> {
        match &self.context.audience {
            Audience::Direct(_) => None,
            Audience::Group(group) => Some(group),
        }
    }

    /// The key by which claims are sorted in a report. It is an order of the wire format only: a
    /// reviewer orders messages of one millisecond by what their senders say.
    pub(crate) fn order(&self) -> (Timestamp, &DeviceAddress, FrankingTag) {
        (self.context.accepted_at, &self.context.sender, self.tag)
    }

    /// The key by which claims are sorted in a report of version 01.
    pub(crate) fn order_1(&self) -> (Timestamp, FrankingTag) {
        (self.context.accepted_at, self.tag)
    }

    /// The claim as bytes for the relay's store, until the receipt is handed out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_STORED_CLAIM_LEN);
        out.push(VERSION_2);
        self.put(&mut out);
        out
    }

    /// Reads a claim from the relay's store.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a claim.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_STORED_CLAIM_LEN, &[VERSION_2])?;
        let mut reader = Reader::new(body);
        // CHK-115: a stored claim is complete, with nothing after it.
        let claim = Self::read(&mut reader).ok_or(DecodeError::Malformed)?;
        reader.finish().ok_or(DecodeError::Malformed)?;
        Ok(claim)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.tag.as_bytes());
        put_medium(out, &self.context.encode());
        out.extend_from_slice(&self.stamp.0);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            tag: FrankingTag::from_bytes(reader.array()?),
            context: StampContext::decode(reader.medium()?)?,
            stamp: Stamp(reader.array()?),
        })
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

const _: () = assert!(
    MAX_CONTEXT_LEN <= u16::MAX as usize,
    "a claim's context must fit its length field"
);

#[cfg(test)]
mod tests;
