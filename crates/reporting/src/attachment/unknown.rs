//! Keeps attachments that this version cannot show.

use core::fmt;

use zeroize::Zeroizing;

/// An attachment that this version cannot show, as exact bytes.
///
/// Either its scheme is unknown, or the header has an unknown critical extension
/// ([`PayloadHeader::has_unknown_critical`](crate::message::PayloadHeader::has_unknown_critical)).
#[derive(Clone)]
pub struct UnknownAttachment {
    /// The whole part, which is not empty: `scheme u8 || rest`.
    part: Zeroizing<Vec<u8>>,
}

impl UnknownAttachment {
    pub(crate) fn new(part: &[u8]) -> Self {
        Self {
            part: Zeroizing::new(part.to_vec()),
        }
    }

    /// The whole part.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.part
    }

    /// Number of the scheme.
    pub fn scheme(&self) -> u8 {
        self.part.first().copied().unwrap_or_default()
    }

    /// Length of the description, in bytes, with the scheme. It says nothing of the file's size.
    pub fn description_len(&self) -> usize {
        self.part.len()
    }
}

impl fmt::Debug for UnknownAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownAttachment")
            .field("scheme", &self.scheme())
            .field("description_len", &self.description_len())
            .finish_non_exhaustive()
    }
}
