//! The sealed message on its way from the sender to the relay.

use core::fmt;

use crate::franked::MAX_PLAINTEXT_LEN;
use crate::franking::FrankingTag;
use crate::wire::{self, DecodeError};

/// Most bytes a channel may add to a plaintext: headers, authentication, a first message's key agreement.
pub const MAX_CHANNEL_OVERHEAD: usize = 8_192;

/// Most bytes of a channel's ciphertext.
pub const MAX_CIPHERTEXT_LEN: usize = MAX_PLAINTEXT_LEN + MAX_CHANNEL_OVERHEAD;

/// Most bytes of an encoded envelope: version, tag and two field headers around the ciphertext.
pub const MAX_ENVELOPE_LEN: usize = MAX_CIPHERTEXT_LEN + 64;

/// A sealed message: its franking tag in clear, and the channel's ciphertext.
///
/// The relay stamps the tag and can read nothing more than the ciphertext's padded size.
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `01` |
/// | 2 + 32 | `0a 20`, franking tag |
/// | 1 + varint + n | `12`, length, ciphertext (not empty) |
///
/// With a tag of `aa`s and the ciphertext `bbbb`: `01 0a20 aaaa..aa 1202 bbbb`.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    tag: FrankingTag,
    ciphertext: Vec<u8>,
}

impl Envelope {
    pub(crate) fn new(tag: FrankingTag, ciphertext: Vec<u8>) -> Self {
        Self { tag, ciphertext }
    }

    /// The franking tag, which the relay stamps.
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
    /// [`DecodeError`] if it is not one.
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

/// Bounds a received ciphertext.
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
