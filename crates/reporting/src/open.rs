//! Opens a message: decrypts it and shows the content only if it can be reported. The mirror of
//! [`seal`](mod@crate::seal).

use core::fmt;

use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::attachment::{self, Attachment, Stage};
use crate::channel::{OpeningChannel, associated_data};
use crate::content::Content;
use crate::conversation::ConversationId;
use crate::delivery::AuthenticDelivery;
use crate::envelope::Envelope;
use crate::evidence::Evidence;
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::{FrankingTag, Origin};
use crate::payload::{Payload, PayloadHeader};
use crate::timestamp::Timestamp;

/// How far a message's claimed sending time may be after the relay's time, in milliseconds: five
/// minutes, because clocks differ.
pub const MAX_SENT_AHEAD_MS: u64 = 300_000;

/// How far a message's claimed sending time may be before the relay's time, in milliseconds: seven
/// days, because a device may be offline for a week.
pub const MAX_SENT_BEFORE_MS: u64 = 604_800_000;

/// Whether the time that the sender claims is plausible: at most five minutes after and seven days
/// before the relay's.
pub(crate) fn sent_time_agrees(sent_at: Timestamp, accepted_at: Timestamp) -> bool {
    sent_at.as_millis() <= accepted_at.as_millis().saturating_add(MAX_SENT_AHEAD_MS)
        && accepted_at.as_millis() <= sent_at.as_millis().saturating_add(MAX_SENT_BEFORE_MS)
}

/// Decrypts a delivery and checks that its content is what its tag commits to, and was written for
/// this conversation.
///
/// A device that also receives control messages calls [`open_any`](crate::recipient::open_any).
///
/// A sender may send the same message again, and a relay may stamp it again. Before opening, look
/// up whether this tag is already known, and show the message once. It can be reported only once.
///
/// # Errors
/// [`OpenError::Channel`] if the channel refuses: the session is wrong, or the message was altered
/// or already opened. Nothing has changed.
///
/// [`OpenError::MissingKey`] if the delivery has no ciphertext. Nothing has changed.
///
/// [`OpenError::Withheld`] if the plaintext could not be reported. The channel's key is spent, so
/// the content is lost.
pub fn open<C: OpeningChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<OpenedMessage, OpenError<C::Error>> {
    let (tag, context) = (&delivery.claim.tag, &delivery.claim.context);
    let (sender, conversation) = (&context.sender, context.conversation());
    let plaintext = decrypt(channel, tag, sender, &conversation, &delivery.ciphertext)?;
    checked(plaintext, delivery).map_err(OpenError::Withheld)
}

/// Checks the plaintext of a delivery, and makes the message with its evidence.
pub(crate) fn checked(
    plaintext: Zeroizing<Vec<u8>>,
    delivery: &AuthenticDelivery,
) -> Result<OpenedMessage, Withheld> {
    let context = &delivery.claim.context;
    let conversation = context.conversation();
    let (payload, franked) = check(
        plaintext,
        &delivery.claim.tag,
        &context.sender,
        &conversation,
    )?;
    let (header, content, attachments) = payload.into_parts();
    let evidence = Evidence::new(delivery.claim.clone(), Format::V2, header, franked);
    Ok(OpenedMessage {
        content,
        attachments,
        evidence,
    })
}

/// Decrypts an envelope that no relay stamped, for an application that chose to do without stamps.
///
/// The tag still commits to the content, but no relay vouches for sender, conversation and time.
/// The message cannot be reported, so the result has no evidence.
///
/// # Errors
/// [`OpenError`] as for [`open`].
pub fn open_unstamped<C: OpeningChannel>(
    channel: &mut C,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    envelope: &Envelope,
) -> Result<UnstampedMessage, OpenError<C::Error>> {
    let tag = envelope.tag();
    let plaintext = decrypt(channel, tag, sender, conversation, envelope.ciphertext())?;
    let checked = check(plaintext, tag, sender, conversation);
    let (payload, _) = checked.map_err(OpenError::Withheld)?;
    Ok(UnstampedMessage {
        tag: *envelope.tag(),
        payload,
    })
}

pub(crate) fn decrypt<C: OpeningChannel>(
    channel: &mut C,
    tag: &FrankingTag,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError<C::Error>> {
    // CHK-294: there is a ciphertext.
    if ciphertext.is_empty() {
        return Err(OpenError::MissingKey);
    }
    // CHK-93: the channel authenticates tag, sender and conversation along with the ciphertext.
    let associated_data = associated_data(tag, sender, conversation);
    channel
        .decrypt(ciphertext, &associated_data)
        .map_err(OpenError::Channel)
}

/// Checks a plaintext for the recipient before it is shown.
pub(crate) fn check(
    plaintext: Zeroizing<Vec<u8>>,
    tag: &FrankingTag,
    sender: &DeviceAddress,
    conversation: &ConversationId,
) -> Result<(Payload, Franked), Withheld> {
    let franked = Franked::unpad(plaintext).ok_or(Withheld::Malformed)?;
    let origin = Origin {
        format: Format::V2,
        sender,
        conversation: *conversation,
    };
    // CHK-61: the tag, recomputed from the sender, the conversation it arrived in and what was
    // decrypted, is the one that was stamped.
    if !franked.tag(&origin).matches(tag) {
        return Err(Withheld::OtherTag);
    }
    let parsed = Payload::parse(origin.format, Stage::Delivered, &franked.parts());
    let (payload, _) = parsed.ok_or(Withheld::Malformed)?;
    Ok((payload, franked))
}

/// A received message that passed all checks, so that it can be shown and reported.
pub struct OpenedMessage {
    content: Zeroizing<Content>,
    attachments: Vec<Attachment>,
    evidence: Evidence,
}

impl OpenedMessage {
    /// The message's tag. Replies, edits, reactions and "last seen" name a message by its tag.
    pub fn tag(&self) -> &FrankingTag {
        self.evidence.tag()
    }

    /// The sending device. Both the relay and the channel authenticated it.
    pub fn sender(&self) -> &DeviceAddress {
        self.evidence.sender()
    }

    /// When the relay accepted the message.
    pub fn accepted_at(&self) -> Timestamp {
        self.evidence.accepted_at()
    }

    /// The header, as claimed by the sender.
    pub fn header(&self) -> &PayloadHeader {
        self.evidence.header()
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The message's attachments.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The message's attachments, each with the number of its first part, by which a report chooses
    /// what it shows.
    pub fn numbered_attachments(&self) -> Vec<(usize, &Attachment)> {
        attachment::number(&self.attachments)
    }

    /// Whether the sender's time is at most five minutes after and seven days before the relay's.
    ///
    /// If it is not, show the relay's time. The message can be reported either way, since a
    /// reviewer relies on the relay's time alone.
    pub fn sent_time_agrees(&self) -> bool {
        sent_time_agrees(self.header().sent_at, self.accepted_at())
    }

    /// What a report of this message needs. Keep it with the message.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Takes content, attachments and evidence out without copying them.
    pub fn into_parts(mut self) -> (Content, Vec<Attachment>, Evidence) {
        let content = core::mem::replace(&mut *self.content, Content::Text(String::new()));
        (content, self.attachments, self.evidence)
    }
}

impl fmt::Debug for OpenedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedMessage")
            .field("content", &*self.content)
            .finish_non_exhaustive()
    }
}

/// A received message without a stamp. It cannot be reported.
pub struct UnstampedMessage {
    tag: FrankingTag,
    payload: Payload,
}

impl UnstampedMessage {
    /// The message's tag.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The header, as claimed by the sender.
    pub fn header(&self) -> &PayloadHeader {
        self.payload.header()
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        self.payload.content()
    }

    /// The message's attachments.
    pub fn attachments(&self) -> &[Attachment] {
        self.payload.attachments()
    }
}

impl fmt::Debug for UnstampedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnstampedMessage").finish_non_exhaustive()
    }
}

/// Why a message was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError<E: core::error::Error + 'static> {
    /// The channel refused, and its state is unchanged. Its own error says what to do.
    #[error("the channel refused to decrypt")]
    Channel(#[source] E),
    /// The sender had no channel to this device, so the delivery has no ciphertext. Ask the author
    /// to seal the message again.
    #[error("the message was not sealed for this device")]
    MissingKey,
    /// The delivery of a message to a group holds no slot and body, although the relay vouches for
    /// it. Drop it.
    #[error("the delivery has no slot and body")]
    Malformed,
    /// The plaintext could not be reported, so it is not shown. Do not open it again: its key is
    /// spent.
    #[error("withheld: {0}")]
    Withheld(Withheld),
}

/// What is wrong with a decrypted message. The sender made it that way. The message's key stays
/// spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Withheld {
    /// The padding, the parts, the header, the content or an attachment is malformed.
    #[error("the payload is malformed")]
    Malformed,
    /// The stamped tag does not commit to this content from this sender in this conversation.
    #[error("the content does not match its tag")]
    OtherTag,
}

#[cfg(test)]
mod tests;
