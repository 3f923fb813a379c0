use super::*;

fn number(ours: (u8, &str), theirs: (u8, &str)) -> Result<SafetyNumber, InvalidAccountId> {
    SafetyNumber::of_accounts((&[ours.0; 32], ours.1), (&[theirs.0; 32], theirs.1))
}

fn pair() -> (SafetyNumber, SafetyNumber) {
    let (alice, bob) = ((1, "alice"), (2, "bob"));
    (number(alice, bob).unwrap(), number(bob, alice).unwrap())
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
fn another_account_key_or_account_changes_the_number() {
    let digits = |ours| number(ours, (2, "bob")).unwrap().digits();
    let (alice, _) = pair();
    assert_eq!(digits((1, "alice")), alice.digits());
    assert_ne!(digits((3, "alice")), alice.digits());
    assert_ne!(digits((1, "alicf")), alice.digits());
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
    for version in [0, 1, 3] {
        let other = [&[version], &scannable[1..]].concat();
        assert_eq!(
            alice.compare_scanned(&other),
            Err(DecodeError::UnknownVersion { version })
        );
    }
}

#[test]
fn chk38_account_identifier_outside_its_limits_is_rejected() {
    let of_account = |account: &str| number((1, account), (2, "bob")).map(|_| ());
    assert_eq!(of_account(&"a".repeat(MAX_ACCOUNT_ID_LEN)), Ok(()));
    assert_eq!(
        of_account(&"a".repeat(MAX_ACCOUNT_ID_LEN + 1)),
        Err(InvalidAccountId { len: 257, max: 256 })
    );
    assert_eq!(of_account(""), Err(InvalidAccountId { len: 0, max: 256 }));
}
