//! Views a payload's parts as exact bytes.

use crate::codec::Reader;

/// Minimum number of parts in a payload: the header and the content.
pub const MIN_PARTS: usize = 2;

/// Maximum number of parts in a payload: header, content and 30 attachments. A report has 32 bits
/// per message, which say what parts it shows.
pub const MAX_PARTS: usize = 32;

/// Maximum length of a payload's parts with their count and lengths, in bytes. Bounds what one
/// message makes a recipient, a report and a reviewer hold. Larger content belongs in an
/// attachment.
pub const MAX_PAYLOAD_LEN: usize = 65_536;

/// A view of 2 to 32 well-formed parts that fill their bytes exactly:
/// `n u8 || n x (len be32 || part)`.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads parts; `None` if the bytes are not well-formed parts.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // CHK-57: there are 2 to 32 parts, which exactly fill at most 65,536 bytes.
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

    /// No parts at all. [`parse`](Self::parse) never returns this.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        encoded: &[],
    };

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        core::iter::from_fn(move || reader.long())
    }
}

#[cfg(test)]
pub(crate) use tests::encode_parts;

#[cfg(test)]
pub(crate) mod tests;
