//! Extends the header: typed fields at its end, for what later versions have to say.

use core::fmt;

use crate::codec::{Reader, put_medium};

/// Maximum length of a header's extensions, in bytes, with their types and lengths. Bounds what
/// every report discloses of a message and what an older client keeps without using it.
pub const MAX_EXTENSIONS_LEN: usize = 1_024;

/// Bit of a type that makes the extension critical.
const CRITICAL: u16 = 0x8000;

/// The types that this version knows.
const KNOWN: [u16; 0] = [];

/// The extensions at the end of a header, as exact bytes. At most [`MAX_EXTENSIONS_LEN`] bytes.
///
/// Each is encoded `type be16 || len be16 || value`. The types ascend strictly, so each occurs at
/// most once. No type is defined yet.
///
/// A type with its highest bit set is critical. If a message has a critical extension that this
/// version does not know, neither its content nor its attachments are shown as what they are: they
/// appear as [`Content::Unknown`](crate::message::Content::Unknown) and
/// [`Attachment::Unknown`](crate::message::Attachment::Unknown). The message is kept and can be
/// reported, and a later version shows it. Any other unknown extension is kept and ignored.
///
/// `Debug` shows the length only.
///
/// # Security
/// A report always shows the header, with its extensions. Nothing private belongs there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extensions(Vec<u8>);

impl Extensions {
    /// Builds extensions of types that no version has defined, to test how an application treats
    /// the messages of a later version.
    ///
    /// An application does not send such extensions: a type means nothing until a version of this
    /// crate defines it, and may then mean something else.
    ///
    /// # Errors
    /// [`ExtensionsError`] if the types do not ascend strictly, or the
    /// extensions are longer than [`MAX_EXTENSIONS_LEN`] together.
    pub fn unassigned(extensions: &[(u16, &[u8])]) -> Result<Self, ExtensionsError> {
        let mut out = Vec::new();
        for (kind, value) in extensions {
            out.extend_from_slice(&kind.to_be_bytes());
            put_medium(&mut out, value);
        }
        Self::decode(&out).ok_or(ExtensionsError)
    }

    /// Each extension's type and value, in ascending order of the types.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut reader = Reader::new(&self.0);
        core::iter::from_fn(move || Some((reader.u16()?, reader.medium()?)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is critical and of a type that this version does not know.
    pub fn has_unknown_critical(&self) -> bool {
        self.iter()
            .any(|(kind, _)| kind & CRITICAL != 0 && !KNOWN.contains(&kind))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        // CHK-94: extensions fill at most 1,024 bytes exactly, and their types ascend strictly.
        if bytes.len() > MAX_EXTENSIONS_LEN {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let mut last = None;
        while !reader.is_empty() {
            let kind = reader.u16()?;
            reader.medium()?;
            if last.is_some_and(|last| kind <= last) {
                return None;
            }
            last = Some(kind);
        }
        Some(Self(bytes.to_vec()))
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({} bytes)", self.0.len())
    }
}

/// The extensions do not ascend strictly by type, or are longer than [`MAX_EXTENSIONS_LEN`]
/// together. Correct them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extensions do not ascend strictly by type, or are longer than 1,024 bytes together")]
pub struct ExtensionsError;

#[cfg(test)]
mod tests;
