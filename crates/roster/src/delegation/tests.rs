//! Tests of delegations.

use super::SignedDelegation;
use crate::limits::{MAX_ACCOUNT_LEN, MAX_DELEGATION_LEN};
use crate::tests::raw::RawDelegation;
use crate::tests::support::{BOB, Bob, Device, account_key};
use crate::{DraftError, RosterError};

fn decode(change: impl FnOnce(&mut RawDelegation)) -> Result<SignedDelegation, RosterError> {
    let mut raw = RawDelegation::of_bob();
    change(&mut raw);
    SignedDelegation::decode(&raw.encode())
}

fn refused(change: impl FnOnce(&mut RawDelegation)) -> RosterError {
    decode(change).unwrap_err()
}

/// Identities of this many devices, ascending.
fn managers(count: u8) -> Vec<[u8; 64]> {
    let mut managers: Vec<_> = (1..=count)
        .map(|seed| Device::new(seed).identity())
        .collect();
    managers.sort_unstable();
    managers
}

#[test]
fn a_delegation_reads_back_as_written_whatever_the_order_of_the_managers() {
    let bob = Bob::new();
    let [phone, tablet] = bob.managers();
    let one = bob.key.delegate(BOB, 1, &[phone, tablet]).unwrap();
    let other = bob.key.delegate(BOB, 1, &[tablet, phone]).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.encode(), RawDelegation::of_bob().encode());
    let read = SignedDelegation::decode(&one.encode()).unwrap();
    assert_eq!(read, one);
    assert_eq!((read.account(), read.epoch()), (BOB, 1));
    assert_eq!(read.account_key(), &bob.key.public());
    assert_eq!(read.managers(), managers(2));
}

#[test]
fn delegations_that_would_be_refused_are_not_made() {
    let key = account_key(1);
    let refused = |account: &str, epoch, managers: &[[u8; 64]]| {
        key.delegate(account, epoch, managers).unwrap_err()
    };
    assert_eq!(refused("", 1, &managers(1)), DraftError::AccountName);
    assert_eq!(refused("a\u{7f}", 1, &managers(1)), DraftError::AccountName);
    assert_eq!(refused("a", 0, &managers(1)), DraftError::Number);
    assert_eq!(refused("a", 1, &[]), DraftError::Managers);
    assert_eq!(refused("a", 1, &managers(5)), DraftError::Managers);
    assert_eq!(refused("a", 1, &[managers(1)[0]; 2]), DraftError::Managers);
    assert_eq!(refused("a", 1, &[[0xff; 64]]), DraftError::Identity);
    key.delegate("a", u32::MAX, &managers(4)).unwrap();
}

#[test]
fn chk260_a_delegation_longer_than_the_limit_is_refused() {
    let largest = |raw: &mut RawDelegation| {
        raw.account = vec![b'n'; MAX_ACCOUNT_LEN];
        raw.managers = managers(4);
    };
    assert_eq!(decode(largest).unwrap().encode().len(), MAX_DELEGATION_LEN);
    let longer = |raw: &mut RawDelegation| {
        largest(raw);
        raw.tail.push(0);
    };
    assert_eq!(refused(longer), RosterError::TooLong);
}

#[test]
fn chk261_a_delegation_of_an_unknown_version_is_refused() {
    let unknown = RosterError::UnknownVersion { version: 2 };
    assert_eq!(refused(|raw| raw.version = 2), unknown);
}

#[test]
fn chk262_a_delegation_that_is_cut_or_goes_on_is_refused() {
    let bytes = RawDelegation::of_bob().encode();
    for len in 0..bytes.len() {
        SignedDelegation::decode(&bytes[..len]).unwrap_err();
    }
    assert_eq!(refused(|raw| raw.tail.push(0)), RosterError::Malformed);
    assert_eq!(refused(|raw| raw.epoch = 0), RosterError::Malformed);
}

#[test]
fn chk264_no_too_many_or_unordered_managers_are_refused() {
    assert_eq!(refused(|raw| raw.managers.clear()), RosterError::Managers);
    assert_eq!(
        decode(|raw| raw.managers = managers(4)).unwrap().managers(),
        managers(4)
    );
    assert_eq!(
        refused(|raw| raw.managers = managers(5)),
        RosterError::Managers
    );
    assert_eq!(refused(|raw| raw.managers.reverse()), RosterError::Managers);
    let twice = |raw: &mut RawDelegation| raw.managers[1] = raw.managers[0];
    assert_eq!(refused(twice), RosterError::Managers);
    // The same signing key with a larger key for agreement.
    let same_key = |raw: &mut RawDelegation| {
        raw.managers[1] = raw.managers[0];
        raw.managers[1][63] = 0xff;
    };
    assert_eq!(refused(same_key), RosterError::Managers);
}

#[test]
fn chk268_a_delegation_of_an_unusable_key_or_to_one_is_refused() {
    let mut point_at_infinity = [0; 32];
    point_at_infinity[0] = 1;
    assert_eq!(
        refused(|raw| raw.key = point_at_infinity),
        RosterError::InvalidKey
    );
    let manager = |raw: &mut RawDelegation| raw.managers[0][..32].copy_from_slice(&[0; 32]);
    assert_eq!(refused(manager), RosterError::InvalidKey);
}

#[test]
fn chk270_a_delegation_that_the_account_key_did_not_sign_is_refused() {
    let wrong = RosterError::DelegationSignature;
    assert_eq!(refused(|raw| raw.signed_by = [7; 32]), wrong);
    let bytes = RawDelegation::of_bob().encode();
    for at in [6, 40, 45, bytes.len() - 64, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        SignedDelegation::decode(&bytes).unwrap_err();
    }
    let last = bytes.len() - 1;
    let mut signature = bytes;
    signature[last] ^= 1;
    assert_eq!(SignedDelegation::decode(&signature), Err(wrong));
}
