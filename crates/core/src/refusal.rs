//! Refusals: what a device tells the author of messages that it cannot open.
//!
//! The device may have lost its sessions and its contacts, so a refusal needs neither. It is
//! encrypted under a key from a Diffie–Hellman of the two identity keys. Only these two devices
//! can make it, and each could have made it, so it proves nothing to others.

use core::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::put;
use crate::error::NonContributory;
use crate::identity::{IDENTITY_KEY_LEN, IdentityKey, IdentityKeyPair};
use crate::kdf::{block32, hkdf};
use crate::labels;
use crate::message::{MAX_ASSOCIATED_DATA_LEN, MAX_REFUSAL_LEN, SALT_LEN, SealedRefusal};
use crate::message_key::{NONCE_LEN, TAG_LEN};
use crate::secret::with_wiped_stack;
use crate::session::{DecryptError, check_associated_data};

/// Why a refusal was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusalError {
    /// The content is longer than [`MAX_REFUSAL_LEN`]. Split it.
    #[error("content of {len} bytes is longer than the {max} allowed")]
    ContentTooLong {
        /// Length of the content in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The associated data is longer than [`MAX_ASSOCIATED_DATA_LEN`]. Fix the call.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The refusal is for this device itself. Pass the author's identity.
    #[error("the refusal is for this device itself")]
    OwnIdentity,
    /// The author's key contributed nothing to the key agreement. Send no refusal.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
}

/// An authentic refusal: who sent it, and its content.
pub struct OpenedRefusal {
    /// The identity of the device that sealed the refusal.
    pub from: IdentityKey,
    /// The content, wiped on drop.
    pub content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for OpenedRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedRefusal")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl IdentityKeyPair {
    /// Seals a refusal for the device `to`, without a session. Its content has at most
    /// [`MAX_REFUSAL_LEN`] bytes.
    ///
    /// The associated data, at most [`MAX_ASSOCIATED_DATA_LEN`] bytes, is authenticated but not
    /// sent. The recipient must pass the same to [`IdentityKeyPair::open_refusal`].
    ///
    /// # Errors
    /// [`RefusalError`] says why nothing was sealed.
    ///
    /// # Security
    /// A refusal has no forward secrecy: anyone who learns the identity of either device later can
    /// read it, and can make others in both names. Never put the content of messages in it. Anyone
    /// can repeat a refusal, so act on each only once or limit how often.
    ///
    /// The ciphertext reveals the length of the content, and the sender's identity is not
    /// encrypted. Pad the content if its length matters.
    pub fn seal_refusal(
        &self,
        to: &IdentityKey,
        content: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, RefusalError> {
        let content_too_long = RefusalError::ContentTooLong {
            len: content.len(),
            max: MAX_REFUSAL_LEN,
        };
        // CHK-15: content and associated data are within their limits.
        if content.len() > MAX_REFUSAL_LEN {
            return Err(content_too_long);
        }
        if associated_data.len() > MAX_ASSOCIATED_DATA_LEN {
            return Err(RefusalError::AssociatedDataTooLong {
                len: associated_data.len(),
                max: MAX_ASSOCIATED_DATA_LEN,
            });
        }
        // CHK-17: no refusal to oneself.
        if to == self.public() {
            return Err(RefusalError::OwnIdentity);
        }
        let mut salt = [0; SALT_LEN];
        rng.fill_bytes(&mut salt);
        let mut sealed = Vec::with_capacity(content.len().saturating_add(TAG_LEN));
        sealed.extend_from_slice(content);
        let names = [self.public(), to];
        with_wiped_stack(|| {
            let key = RefusalKey::derive(self, to, &salt, names, associated_data)?;
            key.seal(&mut sealed).map_err(|_| content_too_long)
        })?;
        let refusal = SealedRefusal {
            identity: *self.public(),
            certificate: *self.certificate(),
            salt,
            content: sealed,
        };
        Ok(refusal.encode())
    }

    /// Opens a refusal that another device sealed for this one. No session changes.
    ///
    /// # Errors
    /// [`DecryptError`] says why the refusal was not opened. Drop it.
    pub fn open_refusal(
        &self,
        message: &[u8],
        associated_data: &[u8],
    ) -> Result<OpenedRefusal, DecryptError> {
        check_associated_data(associated_data)?;
        let refusal = SealedRefusal::decode(message)?;
        let from = refusal.identity;
        // CHK-17: no refusal of oneself.
        if &from == self.public() {
            return Err(DecryptError::OwnIdentity);
        }
        // CHK-10: the identity's Ed25519 key signed its X25519 key.
        refusal
            .certificate
            .verify(&from)
            .map_err(|_| DecryptError::InvalidCertificate)?;
        let names = [&from, self.public()];
        let (salt, mut content) = (refusal.salt, Zeroizing::new(refusal.content));
        with_wiped_stack(|| {
            let key = RefusalKey::derive(self, &from, &salt, names, associated_data)?;
            // CHK-100: the content authenticates for this sender, this recipient and the caller's
            // associated data.
            key.open(&mut content)
                .map_err(|_| DecryptError::Unauthenticated)
        })?;
        Ok(OpenedRefusal { from, content })
    }
}

/// AEAD key and nonce of one refusal. Sealing or opening consumes them.
#[derive(Zeroize, ZeroizeOnDrop)]
struct RefusalKey {
    key: [u8; 32],
    nonce: [u8; NONCE_LEN],
}

/// The content did not authenticate, or is longer than the AEAD can take.
struct AeadFailed;

impl RefusalKey {
    /// Derives the key of a refusal from one device to another, on either of the two.
    fn derive(
        own: &IdentityKeyPair,
        peer: &IdentityKey,
        salt: &[u8; SALT_LEN],
        [from, to]: [&IdentityKey; 2],
        associated_data: &[u8],
    ) -> Result<Self, NonContributory> {
        // key || nonce = HKDF(salt, ikm = DH of the identities,
        //                     info = label || sender || recipient || SHA-256(associated data))
        let shared = own.dh().diffie_hellman(peer.dh())?;
        let mut info = [0; labels::REFUSAL.len() + 2 * IDENTITY_KEY_LEN + 32];
        let rest = put(&mut info, labels::REFUSAL);
        let rest = put(rest, &from.to_bytes());
        let rest = put(rest, &to.to_bytes());
        put(rest, &Sha256::digest(associated_data));
        let output = hkdf::<44>(salt, shared.as_bytes(), &info);
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(output.iter().skip(32)) {
            *to = *from;
        }
        Ok(Self {
            key: *block32(output.as_ref(), 0),
            nonce,
        })
    }

    /// Encrypts `buffer` in place and appends the tag.
    fn seal(self, buffer: &mut Vec<u8>) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .encrypt_in_place((&self.nonce).into(), b"", buffer)
            .map_err(|_| AeadFailed)
    }

    /// Decrypts `buffer` in place and removes the tag.
    fn open(self, buffer: &mut Vec<u8>) -> Result<(), AeadFailed> {
        ChaCha20Poly1305::new((&self.key).into())
            .decrypt_in_place((&self.nonce).into(), b"", buffer)
            .map_err(|_| AeadFailed)
    }
}

#[cfg(test)]
mod tests;
