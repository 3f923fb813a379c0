//! ML-KEM-1024 (FIPS 203), for the handshake.
//!
//! A private key is kept as its 64-byte seed and expanded on each use. So the state is small and
//! does not depend on how the implementation lays out its keys. The implementation does not wipe
//! its own types; this module wipes everything it can reach.

use libcrux_ml_kem::mlkem1024;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::KeyError;
use crate::secret::Secret;

/// Length of an ML-KEM-1024 public key in bytes.
pub(crate) const KEM_PUBLIC_KEY_LEN: usize = 1568;
/// Length of an ML-KEM-1024 ciphertext in bytes.
pub(crate) const KEM_CIPHERTEXT_LEN: usize = 1568;
/// Length in bytes of the seed from which a key pair is made: `d || z` in FIPS 203.
pub(crate) const KEM_SEED_LEN: usize = 64;

/// A checked ML-KEM-1024 public key.
pub(crate) struct KemPublicKey(mlkem1024::MlKem1024PublicKey);

impl KemPublicKey {
    pub(crate) fn from_bytes(bytes: &[u8; KEM_PUBLIC_KEY_LEN]) -> Result<Self, KeyError> {
        let key = mlkem1024::MlKem1024PublicKey::from(bytes);
        // CHK-08: the key passes the check of encapsulation keys in FIPS 203.
        if mlkem1024::validate_public_key(&key) {
            Ok(Self(key))
        } else {
            Err(KeyError::InvalidKemKey)
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEM_PUBLIC_KEY_LEN] {
        self.0.as_slice()
    }

    /// Makes a new shared secret and the ciphertext that carries it.
    pub(crate) fn encapsulate(&self, rng: &mut impl CryptoRng) -> (KemCiphertext, KemSecret) {
        let mut coin = Zeroizing::new([0; 32]);
        rng.fill_bytes(coin.as_mut());
        let (ciphertext, secret) = mlkem1024::encapsulate(&self.0, *coin);
        (KemCiphertext(ciphertext), KemSecret(secret))
    }
}

/// An ML-KEM-1024 ciphertext. All bytes of the right length are a valid ciphertext.
#[derive(Clone)]
pub(crate) struct KemCiphertext(mlkem1024::MlKem1024Ciphertext);

impl KemCiphertext {
    pub(crate) fn from_bytes(bytes: &[u8; KEM_CIPHERTEXT_LEN]) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEM_CIPHERTEXT_LEN] {
        self.0.as_slice()
    }
}

/// The seed of an ML-KEM-1024 key pair: 64 bytes.
pub(crate) struct KemSeed(Secret<KEM_SEED_LEN>);

impl KemSeed {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    pub(crate) fn from_bytes(bytes: &[u8; KEM_SEED_LEN]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEM_SEED_LEN] {
        self.0.as_bytes()
    }

    pub(crate) fn public_key(&self) -> KemPublicKey {
        let (private, public) = mlkem1024::generate_key_pair(*self.as_bytes()).into_parts();
        wipe(private);
        KemPublicKey(public)
    }

    /// Computes the public key and the shared secret of `ciphertext`. An altered ciphertext gives
    /// an unrelated secret, not an error.
    pub(crate) fn decapsulate(&self, ciphertext: &KemCiphertext) -> (KemPublicKey, KemSecret) {
        let (private, public) = mlkem1024::generate_key_pair(*self.as_bytes()).into_parts();
        let secret = mlkem1024::decapsulate(&private, &ciphertext.0);
        wipe(private);
        (KemPublicKey(public), KemSecret(secret))
    }
}

/// Wipes an expanded private key as far as the implementation allows.
fn wipe(private: mlkem1024::MlKem1024PrivateKey) {
    let mut bytes: [u8; 3168] = private.into();
    bytes.zeroize();
}

/// The shared secret of one encapsulation: 32 bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct KemSecret([u8; 32]);

impl KemSecret {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
