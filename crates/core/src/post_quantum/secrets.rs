//! Secrets of the post-quantum ratchet, 32 bytes each.

use super::kem::KemSecret;
use crate::secret::{Secret, secret};
use crate::{kdf, labels};

secret! {
    /// The secret that the handshake derives for the post-quantum ratchet alone.
    PqSeed
}
secret! {
    /// The root key, which ties the chains of each epoch to all earlier epochs.
    PqRootKey
}
secret! {
    /// The key of a chain. It takes one step per message of its epoch and direction.
    PqChainKey
}
secret! {
    /// The post-quantum half of one message key.
    PqMessageKey
}

/// The secret that one epoch of the braid, the post-quantum key agreement, yields.
pub(crate) struct EpochKey(Secret<32>);

impl EpochKey {
    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(crate) fn new(epoch: u64, secret: &KemSecret) -> Self {
        // Binds the ML-KEM secret to its epoch:
        // epoch key = HKDF(salt = zeros, ikm = shared secret, info = label || be64(epoch))
        let info = [labels::PQ_EPOCH_KEY, &epoch.to_be_bytes()].concat();
        Self(Secret::from_bytes(&kdf::hkdf(
            &[0; 32],
            secret.as_bytes(),
            &info,
        )))
    }
}

impl PqChainKey {
    /// Derives the message's key and the next chain key, like `KDF_CK` of the Double Ratchet.
    pub(crate) fn step(&self) -> (PqMessageKey, Self) {
        let mut message = PqMessageKey::from_bytes(&[0; 32]);
        let mut next = self.duplicate();
        next.advance(Some(message.0.as_mut_bytes()));
        (message, next)
    }

    /// Takes a chain step in place: `self` becomes the next chain key, and the message's key is
    /// written to `message`. With `None` the key is not computed.
    pub(crate) fn advance(&mut self, message: Option<&mut [u8; 32]>) {
        kdf::chain_step(&mut self.0, message);
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self::from_bytes(self.as_bytes())
    }
}
