//! The key of an account, which stays the same while devices come and go.

use core::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

/// The public key of an account. Peers pin it, and safety numbers are computed from it.
///
/// It vouches for the account's devices: it signs a delegation, which names managers, and a manager
/// signs the roster. Anyone may see it.
///
/// # Size
/// 32 bytes: an Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey([u8; 32]);

impl AccountKey {
    /// Reads a key and checks it.
    ///
    /// # Errors
    /// [`InvalidKey`] if the bytes are not canonical, not on the curve, or of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        verifying_key(bytes).map(|_| Self(*bytes))
    }

    /// Takes bytes that are checked later, or were checked before they were stored.
    pub(crate) fn of_unchecked(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// The secret key of an account. It signs delegations and nothing else. Wiped on drop.
///
/// The account's first device makes it. The device can hand it out as a
/// [`RecoverySecret`](crate::RecoverySecret) and then forget it.
///
/// # Security
/// Anyone who has this key can take the account over, and nothing repairs that but a new key, which
/// all peers are warned about.
pub struct AccountKeyPair {
    // A signing key stays at one address until it is wiped.
    key: Box<SigningKey>,
}

impl AccountKeyPair {
    /// Draws a key.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: Box::new(SigningKey::from_bytes(seed)),
        }
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> AccountKey {
        AccountKey(self.key.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, label: &[u8], message: &[u8]) -> [u8; 64] {
        self.key.sign(&[label, message].concat()).to_bytes()
    }
}

impl fmt::Debug for AccountKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKeyPair")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

/// Checks an Ed25519 public key.
pub(crate) fn verifying_key(bytes: &[u8; 32]) -> Result<VerifyingKey, InvalidKey> {
    // CHK-268: a key is canonical, on the curve and not of small order.
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey)?;
    if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
        return Err(InvalidKey);
    }
    Ok(key)
}

/// Whether a key signed `label || message`. The signature must be canonical and without points of
/// small order.
pub(crate) fn signed(key: &VerifyingKey, label: &[u8], message: &[u8], sig: &[u8; 64]) -> bool {
    key.verify_strict(&[label, message].concat(), &Signature::from_bytes(sig))
        .is_ok()
}

/// The bytes are not a usable Ed25519 public key. Refuse them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key is not canonical, not on its curve, or of small order; refuse it")]
pub struct InvalidKey;

#[cfg(test)]
mod tests;
