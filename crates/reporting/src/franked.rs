//! Holds a franking key with the parts it commits to, as the channel encrypts them and as evidence
//! keeps them.

use core::fmt;

use zeroize::Zeroizing;

use crate::franking::{Commitment, FrankingKey, FrankingTag, Origin};
use crate::padding;
use crate::parts::{MAX_PAYLOAD_LEN, Parts};

/// Maximum length of the plaintext handed to a channel: franking key and parts, padded.
pub(crate) const MAX_PLAINTEXT_LEN: usize = padding::padded_len(FrankingKey::LEN + MAX_PAYLOAD_LEN);

/// The franking key and the exact parts of one message: `K_f 32 || n u8 || n x (len be32 || part)`.
///
/// The channel encrypts these bytes padded; evidence keeps them unpadded.
#[derive(Clone)]
pub(crate) struct Franked {
    /// Key and parts with their padding, in one buffer for both the channel and storage.
    padded: Zeroizing<Vec<u8>>,
    /// Length without the padding.
    len: usize,
}

impl Franked {
    /// Writes the key and lets `put_parts` append the `parts_len` bytes of the encoded parts.
    ///
    /// The parts are written straight into the buffer that the channel encrypts, since a copy would
    /// have to be wiped.
    pub(crate) fn write(
        key: &FrankingKey,
        parts_len: usize,
        put_parts: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let room = padding::padded_len(parts_len.saturating_add(FrankingKey::LEN));
        let mut padded = Zeroizing::new(Vec::with_capacity(room));
        padded.extend_from_slice(key.as_bytes());
        put_parts(&mut padded);
        let len = padded.len();
        padding::pad(&mut padded);
        Self { padded, len }
    }

    /// Reads unpadded bytes; `None` if the parts are not well-formed.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, parts) = bytes.split_first_chunk()?;
        Parts::parse(parts)?;
        let key = FrankingKey::from_bytes(*key);
        Some(Self::write(&key, parts.len(), |out| {
            out.extend_from_slice(parts);
        }))
    }

    /// Reads a decrypted plaintext; `None` if its padding or its parts are not well-formed.
    pub(crate) fn unpad(plaintext: Zeroizing<Vec<u8>>) -> Option<Self> {
        let len = unpadded_len(&plaintext)?;
        let (content, _) = plaintext.split_at_checked(len)?;
        let (_, parts) = content.split_at_checked(FrankingKey::LEN)?;
        Parts::parse(parts)?;
        Some(Self {
            padded: plaintext,
            len,
        })
    }

    /// The padded plaintext for the channel.
    pub(crate) fn padded(&self) -> &[u8] {
        &self.padded
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.padded.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        // `from_bytes` and `unpad` checked the bytes. If the parts were malformed after all, this
        // would return no parts, and nothing would verify.
        self.as_bytes()
            .get(FrankingKey::LEN..)
            .and_then(Parts::parse)
            .unwrap_or(Parts::EMPTY)
    }

    pub(crate) fn commitment(&self) -> Commitment {
        let key = self.padded.first_chunk().copied().unwrap_or_default();
        Commitment::new(&FrankingKey::from_bytes(key), &self.parts())
    }

    pub(crate) fn tag(&self, origin: &Origin<'_>) -> FrankingTag {
        self.commitment().tag(origin)
    }
}

/// The length of a decrypted plaintext without its padding, or `None` if it is longer than a
/// plaintext can be or padded in another way.
pub(crate) fn unpadded_len(plaintext: &[u8]) -> Option<usize> {
    // CHK-56: the plaintext is within its limit and padded canonically.
    if plaintext.len() > MAX_PLAINTEXT_LEN {
        return None;
    }
    padding::unpadded_len(plaintext)
}

impl fmt::Debug for Franked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Franked")
            .field("parts", &self.parts().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
