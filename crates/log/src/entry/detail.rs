//! What an entry is about: the part that is not public, joined to the entry by a salted digest.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::values::Digest;
use crate::labels;
use crate::limits::MAX_DETAIL_LEN;

/// What an entry is about, with the salt that hides it in the public log.
///
/// ```text
/// digest = SHA-256("waxseal/log/1/detail" || salt 32 || bytes)
/// ```
///
/// The provider keeps it, and gives it to those whom the entry concerns. Without the salt, the
/// digest says nothing. The salt and the bytes can be erased; the entry stays.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail {
    salt: [u8; 32],
    bytes: Vec<u8>,
}

impl Detail {
    /// Draws a salt for these bytes.
    ///
    /// # Errors
    /// [`DetailTooLong`] if they are more than [`MAX_DETAIL_LEN`].
    pub fn new(bytes: Vec<u8>, rng: &mut impl CryptoRng) -> Result<Self, DetailTooLong> {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        Self::from_parts(salt, bytes)
    }

    /// Joins a salt and bytes that were stored or received.
    ///
    /// # Errors
    /// [`DetailTooLong`] if the bytes are more than [`MAX_DETAIL_LEN`].
    pub fn from_parts(salt: [u8; 32], bytes: Vec<u8>) -> Result<Self, DetailTooLong> {
        if bytes.len() > MAX_DETAIL_LEN {
            return Err(DetailTooLong);
        }
        Ok(Self { salt, bytes })
    }

    /// The salt.
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// The bytes, whose layout depends on the entry's kind.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest, as the entry holds it. An entry is about this detail if its digest is equal.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new_with_prefix(labels::DETAIL);
        hash.update(self.salt);
        hash.update(&self.bytes);
        Digest::from_bytes(hash.finalize().into())
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail")
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The detail is longer than [`MAX_DETAIL_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the detail is longer than 4,096 bytes; shorten it")]
pub struct DetailTooLong;
