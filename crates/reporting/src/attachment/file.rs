//! Attaches files that are sealed in chunks: schemes 1 to 3 of attachments.

use core::fmt;

use zeroize::Zeroizing;

use super::whole::AttachmentError;
use crate::codec::{Reader, put_short};
use crate::file::{FileDescriptor, FileKey};
use crate::media::{MAX_MEDIA_TYPE_LEN, is_visible};

/// Maximum length of a preview's picture, in bytes: a small picture. A message has room for
/// three with their files.
pub const MAX_FILE_PREVIEW_LEN: usize = 16_384;

/// An attached file that is sealed in chunks.
///
/// It is two or three parts of the message, one after the other. A report can show the first
/// without the others, and then single chunks of the file.
///
/// | part | bytes |
/// |---|---|
/// | descriptor | `01`, then a [`FileDescriptor`] |
/// | key | `02`, then the 32 bytes of the [`FileKey`] |
/// | preview, if there is one | `03`, then a [`FilePreview`] |
#[derive(Clone)]
pub struct FileAttachment {
    descriptor: FileDescriptor,
    key: FileKey,
    preview: Option<FilePreview>,
}

impl FileAttachment {
    /// Attaches a file that is sealed under this key.
    pub fn new(descriptor: FileDescriptor, key: FileKey, preview: Option<FilePreview>) -> Self {
        Self {
            descriptor,
            key,
            preview,
        }
    }

    /// What names and describes the file.
    pub fn descriptor(&self) -> &FileDescriptor {
        &self.descriptor
    }

    /// The key that opens the whole file.
    pub fn key(&self) -> &FileKey {
        &self.key
    }

    /// A small picture of the file, to show before it is fetched.
    pub fn preview(&self) -> Option<&FilePreview> {
        self.preview.as_ref()
    }
}

impl fmt::Debug for FileAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAttachment")
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}

/// A small picture of a file, inside the message. Its part has at most 16,513 bytes.
///
/// `short(media type) || picture`
///
/// # Security
/// It is as claimed by the sender, and may show something else than the file. Decode it with the
/// same care as a file.
#[derive(Clone)]
pub struct FilePreview {
    media_type: String,
    picture: Zeroizing<Vec<u8>>,
}

impl FilePreview {
    /// A picture of 1 to [`MAX_FILE_PREVIEW_LEN`] bytes.
    ///
    /// # Errors
    /// [`AttachmentError::OutOfBounds`] if the picture is empty or longer, or the media type is too
    /// long or not visible ASCII.
    pub fn new(media_type: &str, picture: &[u8]) -> Result<Self, AttachmentError> {
        let fits = (1..=MAX_FILE_PREVIEW_LEN).contains(&picture.len());
        if !fits || !is_visible(media_type, MAX_MEDIA_TYPE_LEN) {
            return Err(AttachmentError::OutOfBounds);
        }
        Ok(Self {
            media_type: media_type.to_owned(),
            picture: Zeroizing::new(picture.to_vec()),
        })
    }

    /// The media type as claimed by the sender, for example `image/webp`.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The picture.
    pub fn picture(&self) -> &[u8] {
        &self.picture
    }

    pub(super) fn encoded_len(&self) -> usize {
        let len = self.picture.len().saturating_add(self.media_type.len());
        len.saturating_add(1)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_short(out, self.media_type.as_bytes());
        out.extend_from_slice(&self.picture);
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let media_type = core::str::from_utf8(reader.short()?).ok()?;
        Self::new(media_type, reader.rest()).ok()
    }
}

impl fmt::Debug for FilePreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePreview")
            .field("len", &self.picture.len())
            .finish_non_exhaustive()
    }
}
