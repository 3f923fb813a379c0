//! Tests of account keys.

use super::{AccountKey, AccountKeyPair, InvalidKey, signed, verifying_key};
use crate::tests::support::account_key;

#[test]
fn an_account_key_reads_back_as_written() {
    let pair = AccountKeyPair::generate(&mut rand::rng());
    let key = AccountKey::from_bytes(&pair.public().to_bytes()).unwrap();
    assert_eq!(key, pair.public());
    assert_eq!(pair.secret().key_pair().public(), key);
}

#[test]
fn chk268_keys_that_are_not_canonical_off_the_curve_or_of_small_order_are_refused() {
    let of = |first: u8, middle: u8, last: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    // y = 2 is not on the curve; y = 1, 0 and -1 are of small order; y = p + 3 is not canonical.
    for bytes in [
        of(2, 0, 0),
        of(1, 0, 0),
        of(0, 0, 0),
        of(0, 0, 0x80),
        of(0xec, 0xff, 0x7f),
        of(0xf0, 0xff, 0x7f),
    ] {
        assert_eq!(AccountKey::from_bytes(&bytes), Err(InvalidKey));
    }
}

#[test]
fn a_signature_counts_for_its_label_and_message_only() {
    let pair = account_key(1);
    let key = verifying_key(&pair.public().to_bytes()).unwrap();
    let signature = pair.sign(b"label", b"message");
    assert!(signed(&key, b"label", b"message", &signature));
    assert!(!signed(&key, b"Label", b"message", &signature));
    assert!(!signed(&key, b"label", b"Message", &signature));
}
