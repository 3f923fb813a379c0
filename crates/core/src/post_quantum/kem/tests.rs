use libcrux_ml_kem::mlkem768;

use super::*;
use crate::tests::support::rng;

#[test]
fn the_parts_are_an_ordinary_key_and_an_ordinary_ciphertext() {
    let mut rng = rng(1);
    let (seed, coin) = (KeySeed::generate(&mut rng), Coin::generate(&mut rng));
    let (header, vector) = seed.public();
    let ordinary = mlkem768::generate_key_pair(*seed.as_bytes());
    let public = [vector.as_flattened(), &header[..32]].concat();
    assert_eq!(ordinary.public_key().as_slice().as_slice(), public);
    let (first, secret) = coin.first(&header);
    let (again, second) = coin.both(&header, &vector).unwrap();
    assert_eq!(first, again);
    let (ciphertext, expected) = mlkem768::encapsulate(ordinary.public_key(), *coin.as_bytes());
    assert_eq!(
        ciphertext.as_slice().as_slice(),
        [first.as_flattened(), second.as_flattened()].concat()
    );
    assert_eq!(secret.as_bytes(), &expected);
    assert_eq!(seed.decapsulate(&first, &second).as_bytes(), &expected);
}

#[test]
fn an_altered_ciphertext_gives_another_secret() {
    let mut rng = rng(2);
    let (seed, coin) = (KeySeed::generate(&mut rng), Coin::generate(&mut rng));
    let (header, vector) = seed.public();
    let (mut first, mut second) = coin.both(&header, &vector).unwrap();
    let (_, secret) = coin.first(&header);
    first[29][31] ^= 1;
    assert_ne!(
        seed.decapsulate(&first, &second).as_bytes(),
        secret.as_bytes()
    );
    first[29][31] ^= 1;
    second[0][0] ^= 1;
    assert_ne!(
        seed.decapsulate(&first, &second).as_bytes(),
        secret.as_bytes()
    );
}

#[test]
fn chk44_key_vector_of_another_header_or_out_of_range_is_refused() {
    let mut rng = rng(3);
    let (seed, coin) = (KeySeed::generate(&mut rng), Coin::generate(&mut rng));
    let (header, mut vector) = seed.public();
    vector[35][31] ^= 1;
    assert_eq!(coin.both(&header, &vector).err(), Some(KeyMismatch));
    // This key vector is out of range, but the hash in the header is its own: SHA3-256 of the
    // vector (1,152 bytes 0xff) and of the header's seed (32 bytes 0x05).
    let hash = "d93541900627e60556d2a02bcbe53465793a2587f35643f3b812636e1c5d37af";
    let hash = (0..32).map(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).unwrap());
    let header: Vec<u8> = [5; 32].into_iter().chain(hash).collect();
    let header = header.try_into().unwrap();
    assert_eq!(
        coin.both(&header, &[[0xff; 32]; 36]).err(),
        Some(KeyMismatch)
    );
}

impl KemSecret {
    /// Builds a shared secret from given bytes, for the vectors.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }
}
