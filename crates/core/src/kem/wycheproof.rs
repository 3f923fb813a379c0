//! Runs Wycheproof's vectors for ML-KEM-1024 through the keys and encapsulations of the handshake.
//!
//! Wycheproof's vectors for expanded private keys are left out. This crate keeps private keys as
//! seeds, and no code reads another form.

use ::wycheproof::mlkem::{TestName, TestSet};

use super::*;
use crate::tests::vectors::Stated;

fn field<T: AsRef<[u8]>>(field: &Option<T>) -> &[u8] {
    field.as_ref().unwrap().as_ref()
}

#[test]
fn ml_kem_1024_keys_come_from_seeds() {
    let set = TestSet::load(TestName::MlKem1024KeyGenSeed).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let seed = KemSeed::from_bytes(field(&test.seed).try_into().unwrap());
        assert_eq!(seed.public_key().as_bytes()[..], *field(&test.encaps_key));
        run += 1;
    }
    assert_eq!(run, 100);
}

#[test]
fn ml_kem_1024_encapsulates_and_refuses_keys_out_of_range() {
    let set = TestSet::load(TestName::MlKem1024Encaps).unwrap();
    let (mut agreed, mut refused, mut other_length) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(key) = field(&test.encaps_key).try_into() else {
            assert!(test.result.must_fail());
            other_length += 1;
            continue;
        };
        let Ok(key) = KemPublicKey::from_bytes(key) else {
            assert!(test.result.must_fail(), "test {}", test.tc_id);
            refused += 1;
            continue;
        };
        assert!(!test.result.must_fail(), "test {}", test.tc_id);
        let coin = field(&test.msg).to_vec();
        let (ciphertext, secret) = key.encapsulate(&mut Stated::new(&[coin]));
        assert_eq!(
            ciphertext.as_bytes()[..],
            *field(&test.ct),
            "test {}",
            test.tc_id
        );
        assert_eq!(secret.as_bytes()[..], *field(&test.shared_secret));
        agreed += 1;
    }
    assert_eq!((agreed, refused, other_length), (133, 116, 20));
}

#[test]
fn ml_kem_1024_decapsulates() {
    let set = TestSet::load(TestName::MlKem1024).unwrap();
    let (mut run, mut other_length) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (seed, ciphertext) = (field(&test.seed), field(&test.ct));
        let (Ok(seed), Ok(ciphertext)) = (seed.try_into(), ciphertext.try_into()) else {
            assert!(test.result.must_fail());
            other_length += 1;
            continue;
        };
        assert!(!test.result.must_fail(), "test {}", test.tc_id);
        let ciphertext = KemCiphertext::from_bytes(ciphertext);
        let (_, secret) = KemSeed::from_bytes(seed).decapsulate(&ciphertext);
        assert_eq!(
            secret.as_bytes()[..],
            *field(&test.shared_secret),
            "test {}",
            test.tc_id
        );
        run += 1;
    }
    assert_eq!((run, other_length), (162, 40));
}
