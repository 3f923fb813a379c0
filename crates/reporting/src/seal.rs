//! Seals a message: commits to a payload, then encrypts it through the channel. The mirror of
//! [`open`](mod@crate::open).

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::{DeviceAddress, MAX_ACCOUNT_LEN};
use crate::attachment::Attachment;
use crate::channel::{SealingChannel, associated_data};
use crate::codec::Reader;
use crate::content::Content;
use crate::envelope::{Envelope, MAX_CIPHERTEXT_LEN};
use crate::franked::Franked;
use crate::franking::{FrankingKey, FrankingTag};
use crate::parts::MAX_PAYLOAD_LEN;
use crate::payload::{Payload, PayloadHeader};
use crate::wire::{self, DecodeError, VERSION};

/// Maximum length of an encoded sender, in bytes.
const MAX_SENDER_LEN: usize = 1 + MAX_ACCOUNT_LEN + 4;

/// Maximum length of an encoded sent message, in bytes: the sum of its fields, with the longest
/// sender and payload. Longer input is refused before it is parsed.
pub const MAX_SENT_LEN: usize = 1 + MAX_SENDER_LEN + FrankingKey::LEN + MAX_PAYLOAD_LEN;

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
/// `sender` must be the device that the relay will stamp as the sender; otherwise the recipient's
/// channel refuses the message. Draws 32 bytes from `rng`, in addition to what the channel draws. A
/// thread's generator is about 25 times faster than the operating system's.
///
/// # Errors
/// [`SealError`] if the channel refuses, or its ciphertext is empty or longer than
/// [`MAX_CIPHERTEXT_LEN`].
pub fn seal<C: SealingChannel>(
    channel: &mut C,
    sender: &DeviceAddress,
    payload: &Payload,
    rng: &mut impl CryptoRng,
) -> Result<Sealed, SealError<C::Error>> {
    let franked = payload.franked(&FrankingKey::generate(rng));
    let sent = SentMessage {
        tag: franked.tag(),
        sender: sender.clone(),
        header: payload.header().clone(),
        franked,
    };
    let envelope = sent.seal_for(channel, rng)?;
    Ok(Sealed { envelope, sent })
}

/// A message that this device sealed and the relay has not confirmed yet.
///
/// It holds the sender's address, the franking key, the exact parts and the tag. [`seal`] makes it.
/// The [`Receipt`](crate::relay::Receipt) that the relay returns turns it into
/// [`Evidence`](crate::recipient::Evidence) of the sender's own message, so that a report can show
/// both sides of a conversation.
#[derive(Clone)]
pub struct SentMessage {
    pub(crate) tag: FrankingTag,
    pub(crate) sender: DeviceAddress,
    pub(crate) header: PayloadHeader,
    pub(crate) franked: Franked,
}

impl SentMessage {
    /// The message's franking tag.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The sending device.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// The payload's header.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// What the message says, read from the committed parts.
    pub fn content(&self) -> Option<Content> {
        Content::decode(self.franked.parts().iter().nth(1)?)
    }

    /// The message's attachments, read from the committed bytes.
    pub fn attachments(&self) -> Vec<Attachment> {
        let parts = self.franked.parts();
        let attachments = parts.iter().skip(2);
        attachments.filter_map(Attachment::decode).collect()
    }

    /// The message as bytes for storage until the receipt arrives:
    /// `01 || sender || K_f 32 || n u8 || n x (len be32 || part)`.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let franked = self.franked.as_bytes();
        let mut out = Zeroizing::new(Vec::with_capacity(
            franked.len().saturating_add(1 + MAX_SENDER_LEN),
        ));
        out.push(VERSION);
        self.sender.put(&mut out);
        out.extend_from_slice(franked);
        out
    }

    /// Reads a sent message back from storage.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a sent message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = wire::versioned(bytes, MAX_SENT_LEN)?;
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        // CHK-92: a stored sent message is complete; its tag is computed again.
        let mut reader = Reader::new(body);
        let sender = DeviceAddress::read(&mut reader)?;
        let franked = Franked::from_bytes(reader.rest())?;
        let header = Payload::parse(&franked.parts())?.header().clone();
        Some(Self {
            tag: franked.tag(),
            sender,
            header,
            franked,
        })
    }

    /// Seals the same message, under the same tag, for another device of the conversation.
    ///
    /// All devices then hold the same message: the relay stamps it once, and each device can report
    /// it.
    ///
    /// # Errors
    /// [`SealError`] as for [`seal`].
    pub fn seal_for<C: SealingChannel>(
        &self,
        channel: &mut C,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, SealError<C::Error>> {
        let associated_data = associated_data(&self.tag, &self.sender, &self.header.conversation);
        let ciphertext = channel
            .encrypt(self.franked.padded(), &associated_data, rng)
            .map_err(SealError::Channel)?;
        if ciphertext.is_empty() || ciphertext.len() > MAX_CIPHERTEXT_LEN {
            return Err(SealError::CiphertextLength {
                len: ciphertext.len(),
            });
        }
        Ok(Envelope::new(self.tag, ciphertext))
    }
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
    /// The channel returned a ciphertext that is empty or longer than [`MAX_CIPHERTEXT_LEN`].
    /// Correct the channel.
    #[error("the channel made a ciphertext of {len} bytes")]
    CiphertextLength {
        /// Length of the ciphertext.
        len: usize,
    },
}
