use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

#[test]
fn both_sides_get_the_same_secret() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let seed = KemSeed::generate(&mut rng);
    let (ciphertext, secret) = seed.public_key().encapsulate(&mut rng);
    let (public, opened) = seed.decapsulate(&ciphertext);
    assert_eq!(secret.as_bytes(), opened.as_bytes());
    assert_eq!(public.as_bytes(), seed.public_key().as_bytes());
}

#[test]
fn chk08_public_key_out_of_range_is_rejected() {
    let key = KemSeed::from_bytes(&[3; KEM_SEED_LEN]).public_key();
    assert!(KemPublicKey::from_bytes(key.as_bytes()).is_ok());
    let mut bytes = *key.as_bytes();
    // Set the first coefficient to 4095, which is above the modulus 3329.
    bytes[0] = 0xff;
    bytes[1] |= 0x0f;
    assert!(matches!(
        KemPublicKey::from_bytes(&bytes),
        Err(KeyError::InvalidKemKey)
    ));
}

#[test]
fn an_altered_ciphertext_gives_another_secret() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let seed = KemSeed::generate(&mut rng);
    let (ciphertext, secret) = seed.public_key().encapsulate(&mut rng);
    let mut bytes = *ciphertext.as_bytes();
    bytes[100] ^= 1;
    let (_, opened) = seed.decapsulate(&KemCiphertext::from_bytes(&bytes));
    assert_ne!(secret.as_bytes(), opened.as_bytes());
}

impl KemSecret {
    /// Builds a shared secret from given bytes, for the test vectors.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }
}
