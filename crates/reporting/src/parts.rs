//! A payload's parts as exact bytes, with the key they are committed under.

use core::fmt;

use zeroize::Zeroizing;

use crate::codec::Reader;
use crate::franking::{Commitment, FrankingKey, FrankingTag};
use crate::padding;

/// Fewest parts of a payload: the header and the content.
pub const MIN_PARTS: usize = 2;

/// Most parts of a payload: header, content and 30 attachments. One bit each in a report's opening.
pub const MAX_PARTS: usize = 32;

/// Most bytes of a payload's parts with their count and lengths. Bounds what one message makes a
/// recipient, a report and a reviewer hold; larger content belongs in an attachment.
pub const MAX_PAYLOAD_LEN: usize = 65_536;

/// The longest plaintext handed to a channel: franking key and parts, padded.
pub(crate) const MAX_PLAINTEXT_LEN: usize = padding::padded_len(FrankingKey::LEN + MAX_PAYLOAD_LEN);

/// A view of well-formed parts, `n u8 || n x (len be32 || part)`: 2 to 32 of them, exactly filling their bytes.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads parts.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // CHK-57: 2 to 32 parts that fill at most 65,536 bytes exactly.
        if bytes.len() > MAX_PAYLOAD_LEN {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let count = usize::from(reader.u8()?);
        if !(MIN_PARTS..=MAX_PARTS).contains(&count) {
            return None;
        }
        let encoded = reader.rest();
        let mut reader = Reader::new(encoded);
        for _ in 0..count {
            reader.long()?;
        }
        reader.finish()?;
        Some(Self { count, encoded })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        core::iter::from_fn(move || reader.long())
    }
}

/// The franking key and the exact parts of one message: `K_f 32 || n u8 || n x (len be32 || part)`.
///
/// This is what the channel encrypts (padded) and what evidence keeps (unpadded).
#[derive(Clone)]
pub(crate) struct Franked {
    /// With its padding: one buffer for the channel and for storage.
    padded: Zeroizing<Vec<u8>>,
    /// Without it.
    len: usize,
}

impl Franked {
    /// Has the encoded parts written behind a key, `parts_len` bytes, where the channel takes them from: a copy would have to be wiped.
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

    /// Reads unpadded bytes; the parts are checked.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, parts) = bytes.split_first_chunk()?;
        Parts::parse(parts)?;
        let key = FrankingKey::from_bytes(*key);
        Some(Self::write(&key, parts.len(), |out| {
            out.extend_from_slice(parts);
        }))
    }

    /// Takes a decrypted plaintext.
    pub(crate) fn unpad(plaintext: Zeroizing<Vec<u8>>) -> Option<Self> {
        // CHK-56: the padding is the one canonical padding of its content.
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return None;
        }
        let len = padding::unpadded_len(&plaintext)?;
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
        // Both constructors checked the bytes; without parts nothing would verify.
        let empty = Parts {
            count: 0,
            encoded: &[],
        };
        self.as_bytes()
            .get(FrankingKey::LEN..)
            .and_then(Parts::parse)
            .unwrap_or(empty)
    }

    pub(crate) fn commitment(&self) -> Commitment {
        let key = self.padded.first_chunk().copied().unwrap_or_default();
        Commitment::new(&FrankingKey::from_bytes(key), &self.parts())
    }

    pub(crate) fn tag(&self) -> FrankingTag {
        self.commitment().tag()
    }
}

impl fmt::Debug for Franked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Franked")
            .field("parts", &self.parts().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) use tests::encode_parts;

#[cfg(test)]
mod tests;
