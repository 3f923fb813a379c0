//! Tests of the verification of rosters.

use crate::tests::raw::{Raw, RawDevice};
use crate::tests::support::{BOB, Bob, Device, account_key, read};
use crate::{RosterError, SignedRoster};

fn refused(change: impl FnOnce(&mut Raw)) -> RosterError {
    read(&Raw::changed(change)).unwrap_err()
}

#[test]
fn a_roster_with_genuine_signatures_is_verified() {
    let roster = read(&Raw::of_bob().encode()).unwrap();
    assert_eq!((roster.account(), roster.devices().len()), (BOB, 3));
}

#[test]
fn chk267_a_roster_of_another_account_is_refused() {
    let bytes = Raw::of_bob().encode();
    let roster = SignedRoster::decode(&bytes).unwrap();
    assert_eq!(roster.verify("Bob"), Err(RosterError::OtherAccount));
}

#[test]
fn chk268_a_roster_with_an_unusable_key_is_refused() {
    let zero = |raw: &mut Raw| {
        (raw.key, raw.delegation.key) = ([0; 32], [0; 32]);
    };
    assert_eq!(refused(zero), RosterError::InvalidKey);
    let laptop = |raw: &mut Raw| raw.devices[2].identity[..32].copy_from_slice(&[0; 32]);
    assert_eq!(refused(laptop), RosterError::InvalidKey);
}

#[test]
fn chk269_a_delegation_for_another_account_key_or_epoch_is_refused() {
    let other = RosterError::OtherDelegation;
    assert_eq!(
        refused(|raw| raw.delegation.account = b"bobby".into()),
        other
    );
    assert_eq!(refused(|raw| raw.delegation.epoch = 2), other);
    let mallory = account_key(0x33);
    let key = |raw: &mut Raw| {
        raw.delegation.key = mallory.public().to_bytes();
        raw.delegation.signed_by = *mallory.secret().to_bytes();
    };
    assert_eq!(refused(key), other);
}

#[test]
fn chk270_a_delegation_signed_by_another_key_is_refused() {
    let forged = refused(|raw| raw.delegation.signed_by = [0x33; 32]);
    assert_eq!(forged, RosterError::DelegationSignature);
}

#[test]
fn chk271_a_signer_that_is_not_listed_is_refused() {
    assert_eq!(refused(|raw| raw.signer = 4), RosterError::UnknownSigner);
    // A manager that was removed cannot sign without listing itself.
    let removed = refused(|raw| {
        raw.devices.remove(0);
    });
    assert_eq!(removed, RosterError::UnknownSigner);
}

#[test]
fn chk272_a_signer_that_is_no_manager_is_refused() {
    let laptop = refused(|raw| (raw.signer, raw.signed_by) = (3, Bob::new().laptop));
    assert_eq!(laptop, RosterError::NotManager);
    // The signing key of a manager with another key for agreement is no manager.
    let half = refused(|raw| raw.devices[0].identity[63] ^= 1);
    assert_eq!(half, RosterError::NotManager);
}

#[test]
fn chk273_a_roster_that_its_signer_did_not_sign_is_refused() {
    let wrong = RosterError::RosterSignature;
    assert_eq!(refused(|raw| raw.signed_by = Bob::new().tablet), wrong);
    // Each byte that the form leaves open is signed: the time, and the hash of the roster before.
    let good = Raw::of_bob();
    let bytes = good.encode();
    let at = 3 + 2 + BOB.len() + 32 + 8;
    for at in [at, at + 31, at + 32, at + 39] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(read(&bytes), Err(wrong));
    }
}

#[test]
fn chk274_a_device_that_did_not_agree_is_refused() {
    let laptop = RosterError::DeviceProof { device: 3 };
    assert_eq!(refused(|raw| raw.devices[2].proof[63] ^= 1), laptop);
    // The proof is for another id.
    let moved = |raw: &mut Raw| raw.devices[2].id = 4;
    assert_eq!(refused(moved), RosterError::DeviceProof { device: 4 });
    // The proof is of another device.
    let swapped = |raw: &mut Raw| {
        raw.devices[2].proof = RawDevice::of_bob(&Device::new(9), 3).proof;
    };
    assert_eq!(refused(swapped), laptop);
}
