//! ML-KEM-768 (FIPS 203) in four parts: key header, key vector, and the two parts of a ciphertext.
//!
//! Header and vector are an ordinary public key with its hash. The two parts of a ciphertext are an
//! ordinary ciphertext cut in two. (ML-KEM Braid, “Incremental interface”)
//!
//! Only two secrets are kept: the 64-byte seed of the key and the 32-byte coin, which is the
//! randomness of the encapsulation. Everything else is derived again, a few times per epoch. So the
//! state is small and does not depend on how the implementation lays out its keys, and expanded
//! secrets live for one call. The implementation does not wipe its own types; this module wipes
//! each of its buffers that holds a secret.

use libcrux_ml_kem::mlkem768::incremental::{
    COMPRESSED_KEYPAIR_LEN, Ciphertext1, Ciphertext2, decapsulate_compressed_key, encaps_state_len,
    encapsulate1, encapsulate2, generate_key_pair_compressed, validate_pk_bytes,
};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::erasure::Chunk;
use crate::secret::{Secret, secret};

/// Length of a key header in bytes: seed of the matrix (32), hash of the public key (32). To make
/// the first part of a ciphertext, no other part of the key is needed.
pub(crate) const KEY_HEADER_LEN: usize = 64;
/// Length in bytes of the seed from which a key pair is made: `d || z` in FIPS 203.
pub(crate) const KEY_SEED_LEN: usize = 64;

/// A key header: seed of the matrix, and hash of the public key. It is public.
pub(crate) type KeyHeader = [u8; KEY_HEADER_LEN];
/// A key vector: the polynomials `t` of an ML-KEM public key, 1,152 bytes. It is public.
pub(crate) type KeyVector = [Chunk; 36];
/// The first part of a ciphertext, 960 bytes. It is public.
pub(crate) type FirstPart = [Chunk; 30];
/// The second part of a ciphertext, 128 bytes. It is public.
pub(crate) type SecondPart = [Chunk; 4];

/// The key vector does not match its header, or is out of range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyMismatch;

/// The seed of a key pair, from which all its other parts are derived.
pub(crate) struct KeySeed(Secret<KEY_SEED_LEN>);

impl KeySeed {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    pub(crate) fn from_bytes(bytes: &[u8; KEY_SEED_LEN]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_SEED_LEN] {
        self.0.as_bytes()
    }

    /// Expands the seed to the decapsulation key of FIPS 203: secret vector (1,152), `t` (1,152),
    /// matrix seed (32), hash (32), rejection value (32).
    fn expand(&self) -> Zeroizing<[u8; COMPRESSED_KEYPAIR_LEN]> {
        let mut key = Zeroizing::new([0; COMPRESSED_KEYPAIR_LEN]);
        generate_key_pair_compressed(*self.as_bytes(), &mut key);
        key
    }

    /// Derives the two parts of the public key.
    pub(crate) fn public(&self) -> (KeyHeader, Box<KeyVector>) {
        let key = self.expand();
        let public = key.iter().skip(size_of::<KeyVector>());
        let mut vector = Box::new([[0; 32]; 36]);
        for (to, from) in vector.as_flattened_mut().iter_mut().zip(public.clone()) {
            *to = *from;
        }
        let mut header = [0; KEY_HEADER_LEN];
        for (to, from) in header.iter_mut().zip(public.skip(size_of::<KeyVector>())) {
            *to = *from;
        }
        (header, vector)
    }

    /// Computes the shared secret of a ciphertext. An altered ciphertext gives an unrelated secret,
    /// not an error.
    pub(crate) fn decapsulate(&self, first: &FirstPart, second: &SecondPart) -> KemSecret {
        let (mut one, mut two) = (
            Ciphertext1 { value: [0; 960] },
            Ciphertext2 { value: [0; 128] },
        );
        one.value.copy_from_slice(first.as_flattened());
        two.value.copy_from_slice(second.as_flattened());
        KemSecret(decapsulate_compressed_key(&self.expand(), &one, &two))
    }
}

secret! {
    /// The randomness of one encapsulation.
    Coin
}

impl Coin {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Computes the first part of the ciphertext, the shared secret, and the state from which the
    /// second part is made.
    fn encapsulate(
        &self,
        header: &KeyHeader,
    ) -> (
        Box<FirstPart>,
        KemSecret,
        Zeroizing<[u8; encaps_state_len()]>,
    ) {
        let mut state = Zeroizing::new([0; encaps_state_len()]);
        let mut secret = KemSecret([0; 32]);
        #[expect(
            clippy::expect_used,
            reason = "the function fails only on wrong lengths, and the types fix all lengths here"
        )]
        let ciphertext = encapsulate1(header, *self.as_bytes(), state.as_mut(), &mut secret.0)
            .expect("the types fix all lengths");
        let mut first = Box::new([[0; 32]; 30]);
        first.as_flattened_mut().copy_from_slice(&ciphertext.value);
        (first, secret, state)
    }

    /// Computes the first part of the ciphertext and the shared secret, from the header alone.
    pub(crate) fn first(&self, header: &KeyHeader) -> (Box<FirstPart>, KemSecret) {
        let (first, secret, _) = self.encapsulate(header);
        (first, secret)
    }

    /// Computes both parts of the ciphertext, if the vector matches the header.
    pub(crate) fn both(
        &self,
        header: &KeyHeader,
        vector: &KeyVector,
    ) -> Result<(Box<FirstPart>, SecondPart), KeyMismatch> {
        // CHK-44: the hash of the vector is the one in the header, and its coefficients are in
        // range.
        validate_pk_bytes(header, vector.as_flattened()).map_err(|_| KeyMismatch)?;
        let (first, _, state) = self.encapsulate(header);
        let mut bytes = [0; size_of::<KeyVector>()];
        bytes.copy_from_slice(vector.as_flattened());
        let ciphertext = encapsulate2(&state, &bytes);
        let mut second = [[0; 32]; 4];
        second.as_flattened_mut().copy_from_slice(&ciphertext.value);
        Ok((first, second))
    }
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
