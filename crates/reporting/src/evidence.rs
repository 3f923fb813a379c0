//! Keeps what a device needs to report a message later.

use core::fmt;

use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::attachment::{self, Attachment, Stage};
use crate::codec::Reader;
use crate::content::Content;
use crate::conversation::{Audience, ConversationId};
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::{FrankingKey, FrankingTag, Origin};
use crate::padding;
use crate::parts::MAX_PAYLOAD_LEN;
use crate::payload::{Payload, PayloadHeader};
use crate::seal::SentMessage;
use crate::stamp::{Claim, EPOCH_MS, MAX_CONTEXT_LEN};
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError};

/// Maximum length of encoded evidence, in bytes: the sum of its fields, with the longest context
/// and payload. Longer input is refused before it is parsed.
pub const MAX_EVIDENCE_LEN: usize =
    1 + 32 + 2 + MAX_CONTEXT_LEN + 32 + FrankingKey::LEN + MAX_PAYLOAD_LEN;

/// A received or own message with everything a report of it needs: claim, franking key and exact
/// parts.
///
/// A received message becomes evidence when it is [opened](crate::recipient::open), an own message
/// when its [receipt](crate::relay::Receipt::authenticate) arrives. Evidence never changes after
/// that. It stays on the device until the message is deleted; a report copies what it needs.
///
/// # Size
/// 99 bytes and the context (21 to 275 bytes) more than the parts. Encoded
/// `02 || tag 32 || len be16 || context || stamp 32 || K_f 32 || n u8 || n x (len be32 || part)`.
/// Evidence of format 01 starts with `01`; it is read, and stays in its format.
///
/// # Security
/// Evidence holds the message's content and the key that proves it. Store it as you store the
/// messages, and delete it with them. It proves nothing to anyone but the provider.
#[derive(Clone)]
pub struct Evidence {
    claim: Claim,
    format: Format,
    header: PayloadHeader,
    franked: Franked,
}

impl Evidence {
    /// The last moment at which the provider can verify a report of this message.
    ///
    /// `verify_days` is the number of days for which the provider keeps the keys of its stamps. It
    /// destroys them by the day (UTC): after the day on which it stamped the message, that many
    /// days are left.
    pub fn reportable_until(&self, verify_days: u32) -> Timestamp {
        let days = u64::from(self.claim.context.epoch)
            .saturating_add(u64::from(verify_days))
            .saturating_add(1);
        Timestamp::from_millis(days.saturating_mul(EPOCH_MS).saturating_sub(1))
    }

    /// Joins checked values: the caller knows that `franked` matches the claim's tag and that
    /// `header` is its part 0.
    pub(crate) fn new(
        claim: Claim,
        format: Format,
        header: PayloadHeader,
        franked: Franked,
    ) -> Self {
        Self {
            claim,
            format,
            header,
            franked,
        }
    }

    /// Forges evidence from a claim and a message that need not belong together, to test an intake
    /// and its reviewers.
    ///
    /// An app does not need this function. Its evidence comes from [`open`](crate::recipient::open)
    /// and [`Receipt::authenticate`](crate::relay::Receipt::authenticate).
    ///
    /// # Security
    /// Nothing is checked here, so the accessors return what the forger chose.
    /// [`examine`](crate::intake::examine) and [`review`](crate::reviewer::review) trust no
    /// evidence: they refuse a report of forged evidence. [`decode`](Self::decode) refuses a claim
    /// and a message that do not belong together.
    pub fn unverified(claim: Claim, message: SentMessage) -> Self {
        Self::new(claim, message.format, message.header, message.franked)
    }

    /// The message as its sender sealed it, to seal it again under the same tag
    /// ([`SentMessage::seal_for`]). `None` for a message of format 01, which is no longer sent.
    ///
    /// Of use for own messages only. A received message stays one of its sender: the relay refuses
    /// to take it from another device.
    pub fn sent(&self) -> Option<SentMessage> {
        let (sender, conversation) = (self.sender().clone(), self.conversation());
        let (header, franked) = (self.header.clone(), self.franked.clone());
        (self.format == Format::V2)
            .then(|| SentMessage::new(self.format, sender, conversation, header, franked))
    }

    /// The claim that a report of this message makes.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The message's tag.
    pub fn tag(&self) -> &FrankingTag {
        &self.claim.tag
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.claim.context.sender
    }

    /// Whom the message was for.
    pub fn audience(&self) -> &Audience {
        &self.claim.context.audience
    }

    /// When the relay accepted the message.
    pub fn accepted_at(&self) -> Timestamp {
        self.claim.context.accepted_at
    }

    /// The conversation to which the message belongs.
    pub fn conversation(&self) -> ConversationId {
        self.claim.conversation()
    }

    /// Whether the tag names its sender. If not, the evidence was stored in format 01, and others
    /// who got the message may have sent it on under the same tag: look it up by sender and tag.
    pub fn tag_names_sender(&self) -> bool {
        self.format == Format::V2
    }

    /// The message's ordinal among those of the sending device in the conversation, as claimed by
    /// the sender.
    pub fn sequence(&self) -> u64 {
        self.header.sequence
    }

    /// The header, as claimed by the sender.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// What the message says, read from the committed parts.
    pub fn content(&self) -> Option<Content> {
        let part = self.franked.parts().iter().nth(1)?;
        self.header.read_content(Stage::Committed, part)
    }

    /// The message's attachments, read from the committed parts.
    pub fn attachments(&self) -> Vec<Attachment> {
        let parts = self.franked.parts().iter().skip(2);
        let attachments = self
            .header
            .read_attachments(self.format, Stage::Committed, parts);
        attachments.unwrap_or_default()
    }

    /// The message's attachments, each with the number of its first part, by which a report chooses
    /// what it shows.
    pub fn numbered_attachments(&self) -> Vec<(usize, Attachment)> {
        attachment::number(self.attachments())
    }

    /// Length of the padded plaintext that the channel encrypted, in bytes: the size that the relay
    /// could see.
    pub fn padded_len(&self) -> usize {
        padding::padded_len(self.franked.as_bytes().len())
    }

    /// Number of parts. Part 0 is the header, part 1 the content; parts 2 and up are the
    /// attachments.
    pub fn part_count(&self) -> usize {
        self.franked.parts().len()
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn franked(&self) -> &Franked {
        &self.franked
    }

    /// The evidence as bytes for storage.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let franked = self.franked.as_bytes();
        let len = franked
            .len()
            .saturating_add(1 + 32 + 2 + MAX_CONTEXT_LEN + 32);
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        out.push(self.format.version());
        self.claim.put(&mut out);
        out.extend_from_slice(franked);
        out
    }

    /// Reads evidence back from storage.
    ///
    /// Does not check the stamp; only the provider can.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if the bytes are not evidence, or their message is not the one
    /// that the tag commits to.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, body) = wire::versioned_as(bytes, MAX_EVIDENCE_LEN, &Format::KNOWN)?;
        Format::from_version(version)
            .and_then(|format| Self::read(format, body))
            .ok_or(DecodeError::Malformed)
    }

    fn read(format: Format, body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let claim = Claim::read(&mut reader)?;
        let franked = Franked::from_bytes(reader.rest())?;
        let conversation = claim.conversation();
        let origin = Origin {
            format,
            sender: &claim.context.sender,
            conversation,
        };
        // CHK-73: the stored message is the one that its tag commits to, and was written for the
        // conversation of its claim. In format 01, its header names the conversation.
        if !franked.tag(&origin).matches(&claim.tag) {
            return None;
        }
        let (payload, written_for) = Payload::parse(format, Stage::Committed, &franked.parts())?;
        if written_for.is_some_and(|written_for| written_for != conversation) {
            return None;
        }
        let header = payload.header().clone();
        Some(Self::new(claim, format, header, franked))
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
