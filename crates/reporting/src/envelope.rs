//! Holds a sealed message until the relay has accepted it.

use core::fmt;

use crate::codec::Reader;
use crate::franked::MAX_PLAINTEXT_LEN;
use crate::franking::FrankingTag;
use crate::wire::{self, DecodeError, VERSION_2};

/// Maximum number of bytes that a channel may add to a plaintext: headers, authentication, and the
/// key agreement of a first message, with post-quantum keys.
pub const MAX_CHANNEL_OVERHEAD: usize = 8_192;

/// Maximum length of a channel's ciphertext, in bytes: the longest padded plaintext and the
/// channel's overhead.
pub const MAX_CIPHERTEXT_LEN: usize = MAX_PLAINTEXT_LEN + MAX_CHANNEL_OVERHEAD;

/// Maximum length of a stored envelope, in bytes: version, tag and ciphertext.
pub const MAX_ENVELOPE_LEN: usize = 1 + 32 + MAX_CIPHERTEXT_LEN;

/// A message that is sealed for one device: its franking tag in clear, and the channel's
/// ciphertext.
///
/// [`Fanout::insert`](crate::sender::Fanout::insert) takes it, and [`post_again`](Self::post_again)
/// posts it when the message is sealed again for one device. The relay stamps the tag. Apart from
/// it, the relay learns only the padded size of the ciphertext.
///
/// [`encode`](Self::encode) makes the form for storage, which no relay accepts:
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `02` |
/// | 32 | franking tag |
/// | n | ciphertext (not empty) |
///
/// With a tag of `aa` bytes and the ciphertext `bbbb`: `02 aaaa..aa bbbb`.
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

    /// The envelope as bytes for the outbox.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ciphertext.len().saturating_add(1 + 32));
        out.push(VERSION_2);
        out.extend_from_slice(self.tag.as_bytes());
        out.extend_from_slice(&self.ciphertext);
        out
    }

    /// Reads an envelope from the outbox.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an envelope. An envelope of version 01 has a tag that
    /// recipients refuse: seal its message again.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_ENVELOPE_LEN, &[VERSION_2])?;
        let mut reader = Reader::new(body);
        // CHK-115: a stored envelope has a complete tag and a ciphertext.
        let tag = reader.array().ok_or(DecodeError::Malformed)?;
        let ciphertext = reader.rest();
        check_ciphertext(ciphertext)?;
        Ok(Self {
            tag: FrankingTag::from_bytes(tag),
            ciphertext: ciphertext.to_vec(),
        })
    }
}

/// Checks that a received ciphertext is not empty and within its limit.
pub(crate) fn check_ciphertext(ciphertext: &[u8]) -> Result<(), DecodeError> {
    if ciphertext.is_empty() {
        return Err(DecodeError::Malformed);
    }
    check_ciphertext_len(ciphertext)
}

/// Checks that a ciphertext is within its limit. An empty one is a delivery without a key.
pub(crate) fn check_ciphertext_len(ciphertext: &[u8]) -> Result<(), DecodeError> {
    if ciphertext.len() > MAX_CIPHERTEXT_LEN {
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

#[cfg(test)]
mod tests;
