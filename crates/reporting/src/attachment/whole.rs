//! Describes files that are encrypted as a whole: scheme 0 of attachments.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{Reader, put_medium, put_short};
use crate::media::{MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN, is_visible};
use crate::secret::Secret;

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

    pub(super) fn encoded_len(&self) -> usize {
        let names = self.media_type.len().saturating_add(self.location.len());
        names.saturating_add(107)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size_bytes.to_be_bytes());
        out.extend_from_slice(&self.ciphertext_digest);
        out.extend_from_slice(&self.plaintext_digest);
        out.extend_from_slice(self.key.as_bytes());
        put_short(out, self.media_type.as_bytes());
        put_medium(out, self.location.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
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
