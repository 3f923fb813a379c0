use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::identity::IdentityKeyPair;

fn key(seed: u64) -> IdentityKey {
    *IdentityKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(seed)).public()
}

fn pair() -> (SafetyNumber, SafetyNumber) {
    let (a, b) = (key(1), key(2));
    let alice = SafetyNumber::new((&a, b"alice"), (&b, b"bob")).unwrap();
    let bob = SafetyNumber::new((&b, b"bob"), (&a, b"alice")).unwrap();
    (alice, bob)
}

#[test]
fn both_sides_show_the_same_sixty_digits_in_twelve_groups() {
    let (alice, bob) = pair();
    assert_eq!(alice.digits(), bob.digits());
    assert_eq!(alice.digits().len(), 60);
    let groups: Vec<_> = alice.to_string().split(' ').map(str::len).collect();
    assert_eq!(groups, [5; 12]);
    assert_eq!(format!("{alice:?}"), format!("SafetyNumber({alice})"));
}

#[test]
fn another_identity_or_account_changes_the_number() {
    let (a, b) = (key(1), key(2));
    let number = |ours: &IdentityKey, account: &[u8]| {
        SafetyNumber::new((ours, account), (&b, b"bob"))
            .unwrap()
            .digits()
    };
    assert_ne!(number(&a, b"alice"), number(&key(3), b"alice"));
    assert_ne!(number(&a, b"alice"), number(&a, b"alicf"));
}

#[test]
fn chk37_scan_of_another_pair_or_of_ones_own_is_a_mismatch() {
    let (alice, bob) = pair();
    assert_eq!(alice.compare_scanned(&bob.scannable()), Ok(Scan::Match));
    assert_eq!(bob.compare_scanned(&alice.scannable()), Ok(Scan::Match));
    assert_eq!(
        alice.compare_scanned(&alice.scannable()),
        Ok(Scan::Mismatch)
    );
    for i in 1..SCANNABLE_LEN {
        let mut altered = bob.scannable();
        altered[i] ^= 1;
        assert_eq!(alice.compare_scanned(&altered), Ok(Scan::Mismatch));
    }
}

#[test]
fn scanned_bytes_of_another_form_are_refused() {
    let (alice, bob) = pair();
    let scannable = bob.scannable();
    for len in 0..scannable.len() {
        assert_eq!(
            alice.compare_scanned(&scannable[..len]),
            Err(DecodeError::Malformed)
        );
    }
    let longer = [scannable.as_slice(), &[0]].concat();
    assert_eq!(
        alice.compare_scanned(&longer),
        Err(DecodeError::TooLong { len: 66, max: 65 })
    );
    let newer = [&[2], &scannable[1..]].concat();
    assert_eq!(
        alice.compare_scanned(&newer),
        Err(DecodeError::UnknownVersion { version: 2 })
    );
}

#[test]
fn chk38_account_identifier_outside_its_limits_is_rejected() {
    let (a, b) = (key(1), key(2));
    let number = |account: &[u8]| SafetyNumber::new((&a, account), (&b, b"bob")).map(|_| ());
    assert_eq!(number(&[1; MAX_ACCOUNT_ID_LEN]), Ok(()));
    assert_eq!(
        number(&[1; MAX_ACCOUNT_ID_LEN + 1]),
        Err(InvalidAccountId { len: 257, max: 256 })
    );
    assert_eq!(number(b""), Err(InvalidAccountId { len: 0, max: 256 }));
}

fn account_pair() -> (SafetyNumber, SafetyNumber) {
    let (a, b) = (([1; 32], "alice"), ([2; 32], "bob"));
    let number = |ours: &([u8; 32], &str), theirs: &([u8; 32], &str)| {
        SafetyNumber::of_accounts((&ours.0, ours.1), (&theirs.0, theirs.1)).unwrap()
    };
    (number(&a, &b), number(&b, &a))
}

#[test]
fn a_number_of_account_keys_has_the_same_form_and_other_labels() {
    let (alice, bob) = account_pair();
    assert_eq!(alice.digits(), bob.digits());
    assert_eq!(alice.digits().len(), 60);
    assert_eq!(alice.compare_scanned(&bob.scannable()), Ok(Scan::Match));
    assert_eq!(bob.compare_scanned(&alice.scannable()), Ok(Scan::Match));
    assert_eq!(
        alice.compare_scanned(&alice.scannable()),
        Ok(Scan::Mismatch)
    );
    let other = |key: u8, account| {
        SafetyNumber::of_accounts((&[key; 32], account), (&[2; 32], "bob"))
            .unwrap()
            .digits()
    };
    assert_eq!(other(1, "alice"), alice.digits());
    assert_ne!(other(3, "alice"), alice.digits());
    assert_ne!(other(1, "alicf"), alice.digits());
    let old = fingerprint(&LABELS_1, &[1; 32], b"alice").unwrap();
    assert_ne!(old, alice.ours);
}

#[test]
fn the_two_scannable_forms_are_told_apart() {
    let (of_keys, _) = account_pair();
    let (of_identities, _) = pair();
    assert_eq!(
        of_keys.compare_scanned(&of_identities.scannable()),
        Err(DecodeError::UnknownVersion { version: 1 })
    );
    assert_eq!(
        of_identities.compare_scanned(&of_keys.scannable()),
        Err(DecodeError::UnknownVersion { version: 2 })
    );
}
