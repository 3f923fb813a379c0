//! The key that the admins of a group share.

use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::account_key::{InvalidKey, verifying_key};
use crate::labels;

#[cfg(test)]
mod tests;

/// The public half of a group's authority. It verifies the group's entries, and the id of a group
/// is a hash of its first one. Anyone in the group and the relay may see it.
///
/// It belongs to no account. So an entry does not prove to outsiders which admin made it, or that
/// any of the named accounts had to do with it.
///
/// # Size
/// 32 bytes: an Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthorityKey([u8; 32]);

impl AuthorityKey {
    /// Reads a key and checks it.
    ///
    /// # Errors
    /// [`InvalidKey`] if the bytes are not canonical, not on the curve, or of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        verifying_key(bytes).map(|_| Self(*bytes))
    }

    /// Takes bytes that are checked later, or were checked before they were stored.
    pub(super) fn of_unchecked(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityKey(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// The secret half of a group's authority, which all admins have. It signs entries and nothing
/// else. Wiped on drop.
///
/// An admin draws a new one when another admin is removed, and hands it to the remaining admins
/// before the entry is posted.
///
/// # Size
/// 32 bytes: an Ed25519 seed.
///
/// # Security
/// Anyone who has it can sign entries in the name of any admin, until an entry changes the
/// authority.
pub struct AuthoritySeed {
    // A signing key stays at one address until it is wiped.
    key: Box<SigningKey>,
}

impl AuthoritySeed {
    /// Draws a seed.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_bytes(&seed)
    }

    /// Takes 32 secret bytes from one's own storage. What another device sent is read by
    /// [`of_state`](Self::of_state).
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self {
            key: Box::new(SigningKey::from_bytes(bytes)),
        }
    }

    /// The 32 secret bytes, to store them under encryption or send them to an admin. The copy is
    /// wiped on drop.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.key.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuthorityKey {
        AuthorityKey(self.key.verifying_key().to_bytes())
    }

    /// Signs the bytes of an entry.
    pub(super) fn sign(&self, entry: &[u8]) -> [u8; 64] {
        let message = [labels::GROUP_ENTRY, entry].concat();
        self.key.sign(&message).to_bytes()
    }
}

impl fmt::Debug for AuthoritySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthoritySeed")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}
