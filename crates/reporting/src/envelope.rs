//! Carries a sealed message from the sender to the relay.

use core::fmt;

use crate::franked::MAX_PLAINTEXT_LEN;
use crate::franking::FrankingTag;
use crate::wire::{self, DecodeError};

/// Maximum number of bytes that a channel may add to a plaintext: headers, authentication, and the
/// key agreement of a first message, with post-quantum keys.
pub const MAX_CHANNEL_OVERHEAD: usize = 8_192;

/// Maximum length of a channel's ciphertext, in bytes: the longest padded plaintext and the
/// channel's overhead.
pub const MAX_CIPHERTEXT_LEN: usize = MAX_PLAINTEXT_LEN + MAX_CHANNEL_OVERHEAD;

/// Maximum length of an encoded envelope, in bytes: the longest ciphertext plus 64, a round number
/// above what version, tag and field headers take.
pub const MAX_ENVELOPE_LEN: usize = MAX_CIPHERTEXT_LEN + 64;

/// A sealed message: its franking tag in clear, and the channel's ciphertext.
///
/// The relay stamps the tag. Apart from it, the envelope tells the relay only the length of the
/// ciphertext, which is that of the padded plaintext plus what the channel adds.
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `01` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 1 + varint + n | `12`, length, ciphertext (not empty) |
///
/// With a tag of `aa` bytes and the ciphertext `bbbb`: `01 0a20 aaaa..aa 1202 bbbb`.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    tag: FrankingTag,
    ciphertext: Vec<u8>,
}

impl Envelope {
    pub(crate) fn new(tag: FrankingTag, ciphertext: Vec<u8>) -> Self {
        Self { tag, ciphertext }
    }

    /// The franking tag that the relay stamps.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The channel's ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    pub(crate) fn into_ciphertext(self) -> Vec<u8> {
        self.ciphertext
    }

    /// The envelope as bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        let message = wire::Envelope {
            franking_tag: self.tag.as_bytes().to_vec(),
            ciphertext: Vec::new(),
        };
        wire::encode_with_last(&message, 2, &self.ciphertext)
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an envelope.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: wire::Envelope = wire::decode(bytes, MAX_ENVELOPE_LEN)?;
        let tag = FrankingTag::from_bytes(wire::array(&message.franking_tag)?);
        check_ciphertext(&message.ciphertext)?;
        Ok(Self {
            tag,
            ciphertext: message.ciphertext,
        })
    }
}

/// Checks that a received ciphertext is not empty and within its limit.
pub(crate) fn check_ciphertext(ciphertext: &[u8]) -> Result<(), DecodeError> {
    if ciphertext.is_empty() || ciphertext.len() > MAX_CIPHERTEXT_LEN {
        return Err(DecodeError::Malformed);
    }
    Ok(())
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("ciphertext_len", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}
