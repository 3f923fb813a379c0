//! Seals a message: commits to a payload, then encrypts it through the channel. The mirror of
//! [`open`](mod@crate::open).

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::{DeviceAddress, MAX_ADDRESS_LEN};
use crate::attachment::{Attachment, Stage};
use crate::channel::{SealingChannel, associated_data};
use crate::codec::Reader;
use crate::content::Content;
use crate::conversation::ConversationId;
use crate::envelope::{Envelope, MAX_CIPHERTEXT_LEN};
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::{FrankingKey, FrankingTag, Origin};
use crate::parts::MAX_PAYLOAD_LEN;
use crate::payload::{Payload, PayloadHeader};
use crate::wire::{self, DecodeError};

/// Maximum length of an encoded sent message, in bytes: the sum of its fields, with the longest
/// sender and payload. Longer input is refused before it is parsed.
pub const MAX_SENT_LEN: usize = 1 + MAX_ADDRESS_LEN + 32 + FrankingKey::LEN + MAX_PAYLOAD_LEN;

/// A freshly sealed message.
#[derive(Debug)]
pub struct Sealed {
    /// What to send to the relay.
    pub envelope: Envelope,
    /// What the sender keeps until the relay's receipt turns it into evidence.
    pub sent: SentMessage,
}

/// Commits to the payload under a fresh franking key and encrypts both through the channel.
///
/// The tag names `sender` and `conversation`. They must be what the relay will stamp; otherwise the
/// recipient's channel refuses the message. Draws 32 bytes from `rng`, in addition to what the
/// channel draws. A thread's generator is about 25 times faster than the operating system's.
///
/// # Errors
/// [`SealError`] if the channel refuses, or its ciphertext is empty or longer than
/// [`MAX_CIPHERTEXT_LEN`].
pub fn seal<C: SealingChannel>(
    channel: &mut C,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    payload: &Payload,
    rng: &mut impl CryptoRng,
) -> Result<Sealed, SealError<C::Error>> {
    let sent = SentMessage::commit(sender, conversation, payload, rng);
    let envelope = sent.seal_for(channel, rng)?;
    Ok(Sealed { envelope, sent })
}

/// A message that this device sealed and the relay has not confirmed yet.
///
/// It holds sender, conversation, franking key, the exact parts and the tag. [`seal`] makes it. The
/// [`Receipt`](crate::relay::Receipt) that the relay returns turns it into
/// [`Evidence`](crate::recipient::Evidence) of the sender's own message, so that a report can show
/// both sides of a conversation.
#[derive(Clone)]
pub struct SentMessage {
    pub(crate) format: Format,
    pub(crate) tag: FrankingTag,
    pub(crate) sender: DeviceAddress,
    pub(crate) conversation: ConversationId,
    pub(crate) header: PayloadHeader,
    pub(crate) franked: Franked,
}

impl SentMessage {
    pub(crate) fn new(
        format: Format,
        sender: DeviceAddress,
        conversation: ConversationId,
        header: PayloadHeader,
        franked: Franked,
    ) -> Self {
        let origin = Origin {
            format,
            sender: &sender,
            conversation,
        };
        Self {
            format,
            tag: franked.tag(&origin),
            sender,
            conversation,
            header,
            franked,
        }
    }

    /// Commits to the payload under a fresh franking key, as [`seal`] does, and encrypts nothing.
    /// For a message that waits for a channel: [`seal_for`](Self::seal_for) seals it later.
    pub fn commit(
        sender: &DeviceAddress,
        conversation: &ConversationId,
        payload: &Payload,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let franked = payload.franked(&FrankingKey::generate(rng));
        let header = payload.header().clone();
        Self::new(Format::V2, sender.clone(), *conversation, header, franked)
    }

    /// The message's franking tag.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// The conversation the message was written for.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// Whether the tag names its sender. If not, an earlier version of this crate stored the
    /// message, in format 01: [`seal_for`](Self::seal_for) refuses it. If the relay has not stamped
    /// it yet, [`seal`] its [`payload`](Self::payload) again; it then has another tag.
    pub fn tag_names_sender(&self) -> bool {
        self.format == Format::V2
    }

    /// Header, content and attachments, to seal them again under another tag. `None` if recipients
    /// would refuse an attachment, which was sent on before its scheme was known.
    pub fn payload(&self) -> Option<Payload> {
        let (payload, _) = Payload::parse(self.format, Stage::Delivered, &self.franked.parts())?;
        Some(payload)
    }

    /// The payload's header.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// What the message says, read from the committed parts.
    pub fn content(&self) -> Option<Content> {
        let part = self.franked.parts().iter().nth(1)?;
        self.header.read_content(Stage::Committed, part)
    }

    /// The message's attachments, read from the committed bytes.
    pub fn attachments(&self) -> Vec<Attachment> {
        let parts = self.franked.parts().iter().skip(2);
        let attachments = self
            .header
            .read_attachments(self.format, Stage::Committed, parts);
        attachments.unwrap_or_default()
    }

    /// The message as bytes for storage until the receipt arrives:
    /// `02 || sender || conversation 32 || K_f 32 || n u8 || n x (len be32 || part)`.
    ///
    /// A message of format 01 has version `01` and no conversation before `K_f`.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let franked = self.franked.as_bytes();
        let mut out = Zeroizing::new(Vec::with_capacity(
            franked.len().saturating_add(1 + MAX_ADDRESS_LEN + 32),
        ));
        out.push(self.format.version());
        self.sender.put(&mut out);
        if self.format == Format::V2 {
            out.extend_from_slice(self.conversation.as_bytes());
        }
        out.extend_from_slice(franked);
        out
    }

    /// Reads a sent message back from storage.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a sent message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, body) = wire::versioned_as(bytes, MAX_SENT_LEN, &Format::KNOWN)?;
        Format::from_version(version)
            .and_then(|format| Self::read(format, body))
            .ok_or(DecodeError::Malformed)
    }

    fn read(format: Format, body: &[u8]) -> Option<Self> {
        // CHK-92: a stored sent message is complete; its tag is computed again.
        let mut reader = Reader::new(body);
        let sender = DeviceAddress::read(&mut reader)?;
        let stored = match format {
            Format::V1 => None,
            Format::V2 => Some(ConversationId::from_bytes(reader.array()?)),
        };
        let franked = Franked::from_bytes(reader.rest())?;
        let (payload, in_header) = Payload::parse(format, Stage::Committed, &franked.parts())?;
        let conversation = stored.or(in_header)?;
        let header = payload.header().clone();
        Some(Self::new(format, sender, conversation, header, franked))
    }

    /// Seals the same message, under the same tag, for another device of the conversation.
    ///
    /// All devices then hold the same message: the relay stamps it once, and each device can report
    /// it.
    ///
    /// # Errors
    /// [`SealError`] as for [`seal`]; [`SealError::OldFormat`] if the message was stored in format
    /// 01.
    pub fn seal_for<C: SealingChannel>(
        &self,
        channel: &mut C,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, SealError<C::Error>> {
        // CHK-98: a message of format 01 is not sealed, since recipients only take format 02.
        if self.format == Format::V1 {
            return Err(SealError::OldFormat);
        }
        let (plaintext, tag) = (self.franked.padded(), &self.tag);
        encrypt(
            channel,
            plaintext,
            tag,
            &self.sender,
            &self.conversation,
            rng,
        )
    }
}

/// Encrypts a padded plaintext for the conversation, and makes the envelope.
pub(crate) fn encrypt<C: SealingChannel>(
    channel: &mut C,
    plaintext: &[u8],
    tag: &FrankingTag,
    sender: &DeviceAddress,
    conversation: &ConversationId,
    rng: &mut impl CryptoRng,
) -> Result<Envelope, SealError<C::Error>> {
    let associated_data = associated_data(tag, sender, conversation);
    let ciphertext = channel
        .encrypt(plaintext, &associated_data, rng)
        .map_err(SealError::Channel)?;
    if ciphertext.is_empty() || ciphertext.len() > MAX_CIPHERTEXT_LEN {
        return Err(SealError::CiphertextLength {
            len: ciphertext.len(),
        });
    }
    Ok(Envelope::new(*tag, ciphertext))
}

impl fmt::Debug for SentMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentMessage").finish_non_exhaustive()
    }
}

/// Why a message was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError<E: core::error::Error + 'static> {
    /// The channel refused; its own error says what to do.
    #[error("the channel refused to encrypt")]
    Channel(#[source] E),
    /// An earlier version of this crate stored the message, in a format that recipients no longer
    /// take. [`seal`] its [`payload`](SentMessage::payload) again.
    #[error("the message was stored in a format that is no longer sent")]
    OldFormat,
    /// The control message names too many messages, or a record is too long or empty. Nothing was
    /// encrypted. Send the rest in another one.
    #[error("the control message is too long")]
    ControlTooLong,
    /// The channel returned a ciphertext that is empty or longer than [`MAX_CIPHERTEXT_LEN`].
    /// Correct the channel.
    #[error("the channel made a ciphertext of {len} bytes")]
    CiphertextLength {
        /// Length of the ciphertext.
        len: usize,
    },
}
