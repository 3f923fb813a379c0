//! Describes attachments, parts 2 and up: each refers to a file and commits to its plaintext.

mod file;
mod part;
mod unknown;
mod whole;

pub use file::{FileAttachment, FilePreview, MAX_FILE_PREVIEW_LEN};
pub(crate) use part::{ShownAttachments, ShownFile, Stage, is_key_or_preview, read, shown};
pub use unknown::UnknownAttachment;
pub use whole::{AttachmentError, AttachmentKey, WholeFile};

use core::borrow::Borrow;

use crate::codec::put_long;

/// An attachment of a message.
///
/// The first byte of each part is its scheme. In messages of format 01 there is no such byte, and
/// every attachment is a whole file.
///
/// | scheme | rest of the part |
/// |---|---|
/// | 0 | a [`WholeFile`] |
/// | 1, 2, 3 | descriptor, key and preview of a [`FileAttachment`] |
/// | any other | unknown to this version |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attachment {
    /// A file that is encrypted as a whole. One part.
    WholeFile(WholeFile),
    /// A file that is sealed in chunks. Two parts, or three with a preview.
    File(FileAttachment),
    /// An attachment that this version cannot show. Keep the message, and say that an update may
    /// show the attachment; it can be reported like any other. One part.
    Unknown(UnknownAttachment),
}

/// The scheme of a [`WholeFile`].
const WHOLE_FILE: u8 = 0;
/// The scheme of the part with the descriptor of a [`FileAttachment`].
const DESCRIPTOR: u8 = 1;
/// The scheme of the part with the key of a [`FileAttachment`].
const FILE_KEY: u8 = 2;
/// The scheme of the part with the preview of a [`FileAttachment`].
const PREVIEW: u8 = 3;

impl Attachment {
    /// The whole file, if it is one.
    pub fn whole_file(&self) -> Option<&WholeFile> {
        match self {
            Self::WholeFile(file) => Some(file),
            Self::File(_) | Self::Unknown(_) => None,
        }
    }

    /// The file that is sealed in chunks, if it is one.
    pub fn file(&self) -> Option<&FileAttachment> {
        match self {
            Self::File(file) => Some(file),
            Self::WholeFile(_) | Self::Unknown(_) => None,
        }
    }

    /// Number of parts of the message that it takes: 1 to 3.
    pub fn part_count(&self) -> usize {
        match self {
            Self::File(file) if file.preview().is_some() => 3,
            Self::File(_) => 2,
            Self::WholeFile(_) | Self::Unknown(_) => 1,
        }
    }

    /// Whether a sender may seal it.
    pub(crate) fn can_be_sealed(&self) -> bool {
        match self {
            Self::WholeFile(_) | Self::File(_) => true,
            // CHK-96: an attachment of an unknown form is not sealed under a known scheme.
            Self::Unknown(unknown) => unknown.scheme() > PREVIEW,
        }
    }

    /// Length of all its parts, each with its length in four bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        let parts = match self {
            Self::WholeFile(file) => file.encoded_len().saturating_add(1),
            Self::File(file) => {
                let preview = file.preview().map_or(0, FilePreview::encoded_len);
                let known = [file.descriptor().encoded_len(), 32, preview];
                let len = known.into_iter().fold(0, usize::saturating_add);
                len.saturating_add(self.part_count()) // the schemes
            }
            Self::Unknown(unknown) => unknown.description_len(),
        };
        parts.saturating_add(self.part_count().saturating_mul(4))
    }

    /// Appends all its parts, each with its length in four bytes.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::WholeFile(file) => {
                put_part(out, WHOLE_FILE, file.encoded_len(), |out| file.put(out));
            }
            Self::File(file) => {
                let descriptor = file.descriptor();
                put_part(out, DESCRIPTOR, descriptor.encoded_len(), |out| {
                    descriptor.put(out);
                });
                put_part(out, FILE_KEY, 32, |out| {
                    out.extend_from_slice(file.key().as_bytes());
                });
                if let Some(preview) = file.preview() {
                    put_part(out, PREVIEW, preview.encoded_len(), |out| preview.put(out));
                }
            }
            Self::Unknown(unknown) => put_long(out, unknown.as_bytes()),
        }
    }
}

/// Appends a part: its length in four bytes, its scheme, and what `put` appends.
fn put_part(out: &mut Vec<u8>, scheme: u8, len: usize, put: impl FnOnce(&mut Vec<u8>)) {
    let len = u32::try_from(len.saturating_add(1)).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.push(scheme);
    put(out);
}

impl From<WholeFile> for Attachment {
    fn from(file: WholeFile) -> Self {
        Self::WholeFile(file)
    }
}

impl From<FileAttachment> for Attachment {
    fn from(file: FileAttachment) -> Self {
        Self::File(file)
    }
}

/// Each attachment with the number of its first part.
pub(crate) fn number<A: Borrow<Attachment>>(
    attachments: impl IntoIterator<Item = A>,
) -> Vec<(usize, A)> {
    let mut next = 2usize;
    let mut numbered = Vec::new();
    for attachment in attachments {
        let count = attachment.borrow().part_count();
        numbered.push((next, attachment));
        next = next.saturating_add(count);
    }
    numbered
}

#[cfg(test)]
mod tests;
