//! Parts 2 and on: attachments by reference, bound to their ciphertext and to their plaintext.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{Reader, put_medium, put_short};
use crate::secret::Secret;

/// Most bytes of a media type.
pub const MAX_MEDIA_TYPE_LEN: usize = 127;

/// Most bytes of an attachment's location.
pub const MAX_LOCATION_LEN: usize = 2_048;

/// The key an attachment's file is encrypted under. 32 bytes; sender, recipient, and whoever a report
/// opens the attachment's part to.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AttachmentKey(Secret);

impl AttachmentKey {
    /// The key with these bytes.
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

/// An attached file, described by one part of the payload. 107 to 2,282 bytes.
///
/// `size be64 || SHA-256(ciphertext) 32 || SHA-256(plaintext) 32 || key 32 || len u8 || media type ||
/// len be16 || location`
///
/// # Security
/// Both digests are committed. One ciphertext that opens to two pictures under two keys (DGRW18,
/// "invisible salamanders") therefore fits at most one message: the plaintext's digest decides, not the
/// ciphertext's. A report that opens this part lets the reviewer check the bytes of the file wherever
/// they come from, so keep the ciphertext when reporting: a location the sender controls can vanish.
#[derive(Clone)]
pub struct Attachment {
    media_type: String,
    size_bytes: u64,
    ciphertext_digest: [u8; 32],
    plaintext_digest: [u8; 32],
    key: AttachmentKey,
    location: String,
}

impl Attachment {
    /// Describes a file, hashing its plaintext and its ciphertext.
    ///
    /// # Errors
    /// [`AttachmentError::OutOfBounds`] if the media type or location is too long or not visible ASCII.
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

    /// Describes a file whose SHA-256 digests `(ciphertext, plaintext)` were computed while streaming it.
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

    /// The media type, for example `image/jpeg`: the sender's word.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Size of the plaintext.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The key the file is encrypted under.
    pub fn key(&self) -> &AttachmentKey {
        &self.key
    }

    /// Where the ciphertext is kept: the sender's word. Fetch it as you would any untrusted address.
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
    /// [`AttachmentError::OtherBytes`] if it is not the committed one.
    pub fn check_ciphertext(&self, ciphertext: &[u8]) -> Result<(), AttachmentError> {
        check(&self.ciphertext_digest, ciphertext)
    }

    /// Checks a decrypted file before it is shown; a reviewer checks the reporter's copy with it.
    ///
    /// # Errors
    /// [`AttachmentError::OtherBytes`] if it is not the committed one.
    pub fn check_plaintext(&self, plaintext: &[u8]) -> Result<(), AttachmentError> {
        if u64::try_from(plaintext.len()).ok() != Some(self.size_bytes) {
            return Err(AttachmentError::OtherBytes);
        }
        check(&self.plaintext_digest, plaintext)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        let names = self.media_type.len().saturating_add(self.location.len());
        names.saturating_add(107)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size_bytes.to_be_bytes());
        out.extend_from_slice(&self.ciphertext_digest);
        out.extend_from_slice(&self.plaintext_digest);
        out.extend_from_slice(self.key.as_bytes());
        put_short(out, self.media_type.as_bytes());
        put_medium(out, self.location.as_bytes());
    }

    pub(crate) fn decode(part: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(part);
        let size_bytes = reader.u64()?;
        let digests = (reader.array()?, reader.array()?);
        let key = AttachmentKey::from_bytes(reader.array()?);
        let media_type = core::str::from_utf8(reader.short()?).ok()?;
        let location = core::str::from_utf8(reader.medium()?).ok()?;
        reader.finish()?;
        Self::from_digests(media_type, size_bytes, digests, key, location).ok()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
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

/// What is wrong with an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentError {
    /// The media type or location is too long or holds more than visible ASCII.
    #[error("the media type or location is too long or not visible ASCII")]
    OutOfBounds,
    /// The bytes are not those the sender committed to: do not show them.
    #[error("the bytes are not those the message committed to")]
    OtherBytes,
}

#[cfg(test)]
mod tests;
