//! Open: decrypt, and show the content only if it can be reported. The mirror of [`seal`](mod@crate::seal).

use core::fmt;

use zeroize::Zeroizing;

use crate::address::DeviceAddress;
use crate::attachment::Attachment;
use crate::channel::{OpeningChannel, associated_data};
use crate::content::Content;
use crate::conversation::ConversationId;
use crate::delivery::AuthenticDelivery;
use crate::envelope::Envelope;
use crate::evidence::Evidence;
use crate::franked::Franked;
use crate::franking::FrankingTag;
use crate::payload::{Payload, PayloadHeader};
use crate::timestamp::Timestamp;

/// How much later than the relay accepted it a message may say it was sent: clocks differ.
pub const MAX_SENT_AHEAD_MS: u64 = 300_000;

/// How much earlier than the relay accepted it a message may say it was sent: a device off line for a week.
pub const MAX_SENT_BEFORE_MS: u64 = 604_800_000;

/// Whether the sender's time is plausible beside the relay's.
pub(crate) fn sent_time_agrees(sent_at: Timestamp, accepted_at: Timestamp) -> bool {
    sent_at.as_millis() <= accepted_at.as_millis().saturating_add(MAX_SENT_AHEAD_MS)
        && accepted_at.as_millis() <= sent_at.as_millis().saturating_add(MAX_SENT_BEFORE_MS)
}

/// Decrypts a delivery and checks that what it holds is what its tag commits to.
///
/// A sender may send one message again, and a relay stamp it again: look whether this sender's tag is known
/// before opening, and show the message once. It can be reported once.
///
/// # Errors
/// [`OpenError::Channel`] if the channel refuses: wrong session, altered, or opened before; nothing
/// changed. [`OpenError::Withheld`] if it decrypts to something that could not be reported; the channel's
/// key is spent and the content is gone.
pub fn open<C: OpeningChannel>(
    channel: &mut C,
    delivery: &AuthenticDelivery,
) -> Result<OpenedMessage, OpenError<C::Error>> {
    let context = &delivery.claim.context;
    let conversation = context.conversation();
    let (payload, franked) = decrypt(
        channel,
        &delivery.claim.tag,
        &context.sender,
        &conversation,
        &delivery.ciphertext,
    )?;
    let (header, content, attachments) = payload.into_parts();
    let evidence = Evidence::new(delivery.claim.clone(), header, franked);
    Ok(OpenedMessage {
        content,
        attachments,
        evidence,
    })
}

/// Decrypts an envelope that no relay stamped, for channels the application chose to run without stamps.
///
/// The content is committed to its tag all the same, but there is nobody to vouch for who sent it where
/// and when: the result cannot be reported, and has no evidence to try it with.
///
/// # Errors
/// [`OpenError`] as for [`open`].
pub fn open_unstamped<C: OpeningChannel>(
    channel: &mut C,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    envelope: &Envelope,
) -> Result<UnstampedMessage, OpenError<C::Error>> {
    let (payload, _) = decrypt(
        channel,
        envelope.tag(),
        sender,
        conversation,
        envelope.ciphertext(),
    )?;
    Ok(UnstampedMessage {
        tag: *envelope.tag(),
        payload,
    })
}

fn decrypt<C: OpeningChannel>(
    channel: &mut C,
    tag: &FrankingTag,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    ciphertext: &[u8],
) -> Result<(Payload, Franked), OpenError<C::Error>> {
    // CHK-93: the channel authenticates tag, sender and conversation beside the ciphertext.
    let associated_data = associated_data(tag, sender, conversation);
    let plaintext = channel
        .decrypt(ciphertext, &associated_data)
        .map_err(OpenError::Channel)?;
    check(plaintext, tag, conversation).map_err(OpenError::Withheld)
}

/// What the recipient checks of a plaintext before anybody sees it.
pub(crate) fn check(
    plaintext: Zeroizing<Vec<u8>>,
    tag: &FrankingTag,
    conversation: &ConversationId,
) -> Result<(Payload, Franked), Withheld> {
    let franked = Franked::unpad(plaintext).ok_or(Withheld::Malformed)?;
    // CHK-61: the tag, recomputed from what was decrypted, is the one that was stamped.
    if !franked.tag().matches(tag) {
        return Err(Withheld::OtherTag);
    }
    let payload = Payload::parse(&franked.parts()).ok_or(Withheld::Malformed)?;
    // CHK-62: the message was written for the conversation it arrived in.
    if payload.header().conversation != *conversation {
        return Err(Withheld::OtherConversation);
    }
    Ok((payload, franked))
}

/// A received message, shown because it can be reported.
pub struct OpenedMessage {
    content: Zeroizing<Content>,
    attachments: Vec<Attachment>,
    evidence: Evidence,
}

impl OpenedMessage {
    /// The message's tag, by which replies, edits, reactions and "last seen" name it.
    pub fn tag(&self) -> &FrankingTag {
        self.evidence.tag()
    }

    /// The sending device: the relay authenticated it and the channel agrees.
    pub fn sender(&self) -> &DeviceAddress {
        self.evidence.sender()
    }

    /// When the relay accepted the message.
    pub fn accepted_at(&self) -> Timestamp {
        self.evidence.accepted_at()
    }

    /// What surrounds the content, the sender's word.
    pub fn header(&self) -> &PayloadHeader {
        self.evidence.header()
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Its attachments.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Whether the sender's time is within five minutes after and seven days before the relay's.
    ///
    /// Show the relay's time where it is not. The message can be reported either way: a reviewer relies on
    /// the relay's time alone.
    pub fn sent_time_agrees(&self) -> bool {
        sent_time_agrees(self.header().sent_at, self.accepted_at())
    }

    /// What a report of this message needs. Keep it beside the message.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Content, attachments and evidence, without copying them.
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

    /// What surrounds the content, the sender's word.
    pub fn header(&self) -> &PayloadHeader {
        self.payload.header()
    }

    /// What the message says.
    pub fn content(&self) -> &Content {
        self.payload.content()
    }

    /// Its attachments.
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
    /// The channel refused; its state is unchanged.
    #[error("the channel refused to decrypt")]
    Channel(#[source] E),
    /// It decrypted to something that could not be reported, so it is not shown.
    #[error("withheld: {0}")]
    Withheld(Withheld),
}

/// What is wrong with a decrypted message: its sender made it so. Its message key stays spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Withheld {
    /// Padding, parts, header, content or an attachment are not well-formed.
    #[error("the payload is malformed")]
    Malformed,
    /// The content is not what the stamped tag commits to.
    #[error("the content does not match its tag")]
    OtherTag,
    /// Written for another conversation.
    #[error("written for another conversation")]
    OtherConversation,
}

#[cfg(test)]
mod tests;
