//! The recovery secret, from which a user gets an account back.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::account_key::AccountKeyPair;

#[cfg(test)]
mod tests;
#[cfg(feature = "words")]
mod words;

#[cfg(feature = "words")]
pub use words::WordsError;

/// The secret of an [`AccountKeyPair`], as the user keeps it. Wiped on drop.
///
/// With it, a new device takes over the account from all earlier ones, and the safety number stays
/// the same. The feature `words` writes it as 24 English words.
///
/// # Size
/// 32 bytes: an Ed25519 seed.
///
/// # Security
/// Anyone who has these bytes can take the account over. Show them to the user only, and store them
/// nowhere in clear.
pub struct RecoverySecret(Box<[u8; 32]>);

impl RecoverySecret {
    /// Takes 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        secret.0.copy_from_slice(bytes);
        secret
    }

    /// The 32 secret bytes, to store them under encryption. The copy is wiped on drop.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0)
    }

    /// The account's key pair.
    #[must_use]
    pub fn key_pair(&self) -> AccountKeyPair {
        AccountKeyPair::from_seed(&self.0)
    }
}

impl AccountKeyPair {
    /// The secret to show to the user, or to store.
    #[must_use]
    pub fn secret(&self) -> RecoverySecret {
        RecoverySecret::from_bytes(self.seed())
    }
}

impl Drop for RecoverySecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for RecoverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverySecret").finish_non_exhaustive()
    }
}
