//! Describes attachments, parts 2 and up: each refers to a file and commits to its ciphertext and
//! its plaintext.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{Reader, put_medium, put_short};
use crate::format::Format;
use crate::secret::Secret;

/// Maximum length of a media type, in bytes. RFC 6838 allows names of this length.
pub const MAX_MEDIA_TYPE_LEN: usize = 127;

/// Maximum length of an attachment's location, in bytes. Browsers accept addresses of this length.
pub const MAX_LOCATION_LEN: usize = 2_048;

/// The key under which an attachment's file is encrypted. 32 bytes.
///
/// Sender and recipient hold it, and so does the reviewer of a report that shows the attachment.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AttachmentKey(Secret);

impl AttachmentKey {
    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachmentKey").finish_non_exhaustive()
    }
}

/// An attachment, described by one part of the payload.
///
/// The first byte of the part is its scheme. In messages of format 01 there is no such byte, and
/// every attachment is a whole file.
///
/// | scheme | rest of the part |
/// |---|---|
/// | 0 | a [`WholeFile`] |
/// | any other | unknown to this version |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attachment {
    /// A file that is encrypted as a whole.
    WholeFile(WholeFile),
    /// An attachment that this version cannot show. Keep the message, and say that an update may
    /// show the attachment; it can be reported like any other.
    Unknown(UnknownAttachment),
}

/// The scheme of a [`WholeFile`].
const WHOLE_FILE: u8 = 0;

impl Attachment {
    /// The whole file, if it is one that this version can show.
    pub fn whole_file(&self) -> Option<&WholeFile> {
        match self {
            Self::WholeFile(file) => Some(file),
            Self::Unknown(_) => None,
        }
    }

    /// Whether a sender may seal it.
    pub(crate) fn can_be_sealed(&self) -> bool {
        match self {
            Self::WholeFile(_) => true,
            // CHK-96: an attachment of an unknown form is not sealed under a known scheme.
            Self::Unknown(unknown) => unknown.scheme() != WHOLE_FILE,
        }
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::WholeFile(file) => file.encoded_len().saturating_add(1),
            Self::Unknown(unknown) => unknown.part.len(),
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::WholeFile(file) => {
                out.push(WHOLE_FILE);
                file.put(out);
            }
            Self::Unknown(unknown) => out.extend_from_slice(&unknown.part),
        }
    }

    pub(crate) fn decode(format: Format, part: &[u8]) -> Option<Self> {
        if format == Format::V1 {
            return WholeFile::decode(part).map(Self::WholeFile);
        }
        // CHK-60: an attachment has a scheme. If it is a known one, every field has its form.
        match part.split_first()? {
            (&WHOLE_FILE, file) => WholeFile::decode(file).map(Self::WholeFile),
            _ => Some(Self::Unknown(UnknownAttachment::new(part))),
        }
    }

    /// The attachment of a message that must not be shown as what it is, whatever its scheme.
    pub(crate) fn into_unknown(self) -> Self {
        let mut part = Zeroizing::new(Vec::with_capacity(self.encoded_len()));
        self.put(&mut part);
        Self::Unknown(UnknownAttachment { part })
    }
}

impl From<WholeFile> for Attachment {
    fn from(file: WholeFile) -> Self {
        Self::WholeFile(file)
    }
}

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
    fn new(part: &[u8]) -> Self {
        Self {
            part: Zeroizing::new(part.to_vec()),
        }
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

/// An attached file that is encrypted as a whole. Its part has 108 to 2,283 bytes.
///
/// `0x00 || size be64 || SHA-256(ciphertext) 32 || SHA-256(plaintext) 32 || key 32 || len u8 ||
/// media type || len be16 || location`
///
/// # Security
/// The message commits to both digests. One ciphertext that opens to two pictures under two keys
/// (DGRW18, "invisible salamanders") therefore fits at most one message: the digest of the
/// plaintext decides.
///
/// If a report shows this part, the reviewer can check the bytes of the file wherever they come
/// from. Keep the ciphertext when reporting: the sender may control the location and remove the
/// file.
#[derive(Clone)]
pub struct WholeFile {
    media_type: String,
    size_bytes: u64,
    ciphertext_digest: [u8; 32],
    plaintext_digest: [u8; 32],
    key: AttachmentKey,
    location: String,
}

impl WholeFile {
    /// Describes a file, hashing its plaintext and its ciphertext.
    ///
    /// # Errors
    /// [`AttachmentError::OutOfBounds`] if the media type or location is too long or not visible
    /// ASCII.
    pub fn new(
        media_type: &str,
        plaintext: &[u8],
        ciphertext: &[u8],
        key: AttachmentKey,
        location: &str,
    ) -> Result<Self, AttachmentError> {
        let size_bytes = u64::try_from(plaintext.len()).unwrap_or(u64::MAX);
        let digests = (
            Sha256::digest(ciphertext).into(),
            Sha256::digest(plaintext).into(),
        );
        Self::from_digests(media_type, size_bytes, digests, key, location)
    }

    /// Describes a file from its SHA-256 digests `(ciphertext, plaintext)`, for callers that stream
    /// it.
    ///
    /// # Errors
    /// [`AttachmentError::OutOfBounds`] as for [`new`](Self::new).
    pub fn from_digests(
        media_type: &str,
        size_bytes: u64,
        (ciphertext_digest, plaintext_digest): ([u8; 32], [u8; 32]),
        key: AttachmentKey,
        location: &str,
    ) -> Result<Self, AttachmentError> {
        // CHK-60: an attachment's fields are within their bounds.
        if !is_visible(media_type, MAX_MEDIA_TYPE_LEN) || !is_visible(location, MAX_LOCATION_LEN) {
            return Err(AttachmentError::OutOfBounds);
        }
        Ok(Self {
            media_type: media_type.to_owned(),
            size_bytes,
            ciphertext_digest,
            plaintext_digest,
            key,
            location: location.to_owned(),
        })
    }

    /// The media type as claimed by the sender, for example `image/jpeg`.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Size of the plaintext as claimed by the sender, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The key the file is encrypted under.
    pub fn key(&self) -> &AttachmentKey {
        &self.key
    }

    /// Where the ciphertext is kept, as claimed by the sender. Treat it as an untrusted address.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// SHA-256 of the ciphertext.
    pub fn ciphertext_digest(&self) -> &[u8; 32] {
        &self.ciphertext_digest
    }

    /// SHA-256 of the plaintext.
    pub fn plaintext_digest(&self) -> &[u8; 32] {
        &self.plaintext_digest
    }

    /// Checks a fetched ciphertext before it is decrypted.
    ///
    /// # Errors
    /// [`AttachmentError::OtherBytes`] if it is not the ciphertext that the message commits to.
    pub fn check_ciphertext(&self, ciphertext: &[u8]) -> Result<(), AttachmentError> {
        check(&self.ciphertext_digest, ciphertext)
    }

    /// Checks a decrypted file before it is shown, or the copy that a reporter hands to a reviewer.
    ///
    /// # Errors
    /// [`AttachmentError::OtherBytes`] if it is not the file that the message commits to.
    pub fn check_plaintext(&self, plaintext: &[u8]) -> Result<(), AttachmentError> {
        if u64::try_from(plaintext.len()).ok() != Some(self.size_bytes) {
            return Err(AttachmentError::OtherBytes);
        }
        check(&self.plaintext_digest, plaintext)
    }

    fn encoded_len(&self) -> usize {
        let names = self.media_type.len().saturating_add(self.location.len());
        names.saturating_add(107)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size_bytes.to_be_bytes());
        out.extend_from_slice(&self.ciphertext_digest);
        out.extend_from_slice(&self.plaintext_digest);
        out.extend_from_slice(self.key.as_bytes());
        put_short(out, self.media_type.as_bytes());
        put_medium(out, self.location.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let size_bytes = reader.u64()?;
        let digests = (reader.array()?, reader.array()?);
        let key = AttachmentKey::from_bytes(reader.array()?);
        let media_type = core::str::from_utf8(reader.short()?).ok()?;
        let location = core::str::from_utf8(reader.medium()?).ok()?;
        reader.finish()?;
        Self::from_digests(media_type, size_bytes, digests, key, location).ok()
    }
}

impl fmt::Debug for WholeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeFile")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

fn is_visible(text: &str, max_len: usize) -> bool {
    text.len() <= max_len && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check(digest: &[u8; 32], bytes: &[u8]) -> Result<(), AttachmentError> {
    let computed: [u8; 32] = Sha256::digest(bytes).into();
    if bool::from(computed.ct_eq(digest)) {
        Ok(())
    } else {
        Err(AttachmentError::OtherBytes)
    }
}

/// Why an attachment cannot be described, or a file is not the one described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentError {
    /// The media type or location is too long or not visible ASCII. Correct it.
    #[error("the media type or location is too long or not visible ASCII")]
    OutOfBounds,
    /// The bytes are not those that the sender committed to. Do not show them.
    #[error("the bytes are not those the message committed to")]
    OtherBytes,
}

#[cfg(test)]
mod tests;
