//! Describes a file in a message: what names it, how large it is, and where its blob is kept.

use core::fmt;

use zeroize::Zeroizing;

use super::shape::{FileShape, FileTooLong};
use super::tree::FileRoot;
use crate::blob::BlobId;
use crate::codec::{Reader, put_medium, put_short};
use crate::media::{MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN, is_file_name, is_visible};

/// What comes before the hex digits of a blob's id in a location.
const BLOB: &str = "blob:";

/// What a message says of a file, without the key that opens it. It is one part of the message,
/// after the byte `01`:
///
/// `size be64 || root 32 || short(media type) || short(name) || medium(location)`
///
/// # Security
/// Only size and root decide which bytes are the file. Media type and name are as claimed by the
/// sender: never use the name as a path, and trust the file itself as little. The location is an
/// untrusted address.
#[derive(Clone)]
pub struct FileDescriptor {
    shape: FileShape,
    root: FileRoot,
    media_type: String,
    name: Zeroizing<String>,
    location: String,
}

impl FileDescriptor {
    /// Describes a file that was sealed. [`blob_location`](Self::blob_location) gives the location
    /// of a blob that a relay keeps.
    ///
    /// # Errors
    /// [`DescriptorError`] if the media type or the location is not visible ASCII, the name has
    /// control characters, or one of them is too long.
    pub fn new(
        shape: FileShape,
        root: FileRoot,
        media_type: &str,
        name: &str,
        location: &str,
    ) -> Result<Self, DescriptorError> {
        if !is_visible(media_type, MAX_MEDIA_TYPE_LEN) || !is_visible(location, MAX_LOCATION_LEN) {
            return Err(DescriptorError::OutOfBounds);
        }
        if !is_file_name(name) {
            return Err(DescriptorError::OutOfBounds);
        }
        Ok(Self {
            shape,
            root,
            media_type: media_type.to_owned(),
            name: Zeroizing::new(name.to_owned()),
            location: location.to_owned(),
        })
    }

    /// The location of a blob that a relay keeps: `blob:` and the id in hex.
    pub fn blob_location(blob: &BlobId) -> String {
        format!("{BLOB}{}", blob.to_text())
    }

    /// Size of the file, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.shape.size_bytes()
    }

    /// How the blob is laid out.
    pub fn shape(&self) -> FileShape {
        self.shape
    }

    /// What names the file.
    pub fn root(&self) -> &FileRoot {
        &self.root
    }

    /// The media type as claimed by the sender, for example `image/jpeg`.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The name as claimed by the sender. It may be empty, hold separators and be no name at all on
    /// this system. It may mix directions of writing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the blob is kept, as claimed by the sender. Treat it as an untrusted address.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The blob's id, if the location is that of a blob that a relay keeps.
    pub fn blob(&self) -> Option<BlobId> {
        BlobId::from_text(self.location.strip_prefix(BLOB)?)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        let names = [
            self.media_type.len(),
            self.name.len(),
            self.location.len(),
            8 + 32 + 1 + 1 + 2,
        ];
        names.into_iter().fold(0, usize::saturating_add)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size_bytes().to_be_bytes());
        out.extend_from_slice(self.root.as_bytes());
        put_short(out, self.media_type.as_bytes());
        put_short(out, self.name.as_bytes());
        put_medium(out, self.location.as_bytes());
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let shape = FileShape::new(reader.u64()?).ok()?;
        let root = FileRoot::from_bytes(reader.array()?);
        let media_type = core::str::from_utf8(reader.short()?).ok()?;
        let name = core::str::from_utf8(reader.short()?).ok()?;
        let location = core::str::from_utf8(reader.medium()?).ok()?;
        reader.finish()?;
        Self::new(shape, root, media_type, name, location).ok()
    }
}

impl fmt::Debug for FileDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDescriptor")
            .field("size_bytes", &self.size_bytes())
            .finish_non_exhaustive()
    }
}

/// Why a file cannot be described. Correct the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The file is longer than [`MAX_FILE_LEN`](super::MAX_FILE_LEN).
    #[error(transparent)]
    TooLong(#[from] FileTooLong),
    /// The media type or location is too long or not visible ASCII, or the name is too long or has
    /// control characters.
    #[error("the media type, name or location is out of bounds")]
    OutOfBounds,
}
