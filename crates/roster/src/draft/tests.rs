//! Tests of drafts.

use crate::limits::MAX_DEVICES;
use crate::tests::raw::Raw;
use crate::tests::support::{BOB, Bob, Device, NOW, account_key, read};
use crate::{DraftError, RosterDraft};

#[test]
fn the_first_roster_needs_its_own_delegation_and_a_manager_that_agreed() {
    let bob = Bob::new();
    let delegation = bob.key.delegate(BOB, 1, &bob.managers()).unwrap();
    let first = |account: &str, device| {
        RosterDraft::first(account, delegation.clone(), device, NOW).map(|_| ())
    };
    let phone = bob.entry(&bob.phone, 1);
    assert_eq!(first("", phone.clone()), Err(DraftError::AccountName));
    assert_eq!(
        first("bobby", phone.clone()),
        Err(DraftError::OtherDelegation)
    );
    assert_eq!(
        first(BOB, bob.entry(&bob.laptop, 1)),
        Err(DraftError::NotManager)
    );
    let mut forged = phone.clone();
    forged.id = 2;
    assert_eq!(first(BOB, forged), Err(DraftError::DeviceProof));
    assert_eq!(first(BOB, phone), Ok(()));
}

#[test]
fn a_device_that_peers_would_refuse_is_not_added() {
    let bob = Bob::new();
    let mut draft = bob.three().next(NOW, 1).unwrap();
    let before = draft.to_sign();
    let other = Device::new(4);
    let mut refused = |entry| {
        let error = draft.add(entry).unwrap_err();
        assert_eq!(draft.to_sign(), before);
        error
    };
    assert_eq!(refused(bob.entry(&other, 3)), DraftError::IdUsed);
    assert_eq!(refused(bob.entry(&other, 2)), DraftError::IdUsed);
    assert_eq!(refused(bob.entry(&bob.laptop, 4)), DraftError::Identity);
    let mut entry = bob.entry(&other, 4);
    entry.identity[..32].fill(0);
    assert_eq!(refused(entry), DraftError::Identity);
    let mut entry = bob.entry(&other, 4);
    entry.proof[0] ^= 1;
    assert_eq!(refused(entry), DraftError::DeviceProof);
}

#[test]
fn a_roster_holds_8_devices() {
    let bob = Bob::new();
    let mut draft = bob.first().next(NOW, 1).unwrap();
    for seed in 2..=8 {
        draft
            .add(bob.entry(&Device::new(seed), seed.into()))
            .unwrap();
    }
    assert_eq!(draft.devices().len(), MAX_DEVICES);
    let ninth = bob.entry(&Device::new(9), 9);
    assert_eq!(draft.add(ninth.clone()), Err(DraftError::TooManyDevices));
    draft.remove(2).unwrap();
    draft.add(ninth).unwrap();
    assert_eq!(bob.phone.finish(draft, BOB).devices().len(), MAX_DEVICES);
}

#[test]
fn the_signer_stays_in_the_roster() {
    let bob = Bob::new();
    let mut draft = bob.three().next(NOW, 1).unwrap();
    assert_eq!(draft.remove(1), Err(DraftError::NotManager));
    assert_eq!(draft.remove(4), Err(DraftError::NoSuchDevice));
    draft.remove(2).unwrap();
    assert_eq!(bob.phone.finish(draft, BOB).devices().len(), 2);
}

#[test]
fn only_a_manager_in_the_roster_signs_the_next_one() {
    let bob = Bob::new();
    let three = bob.three();
    assert!(three.next(NOW, 2).is_ok());
    assert_eq!(three.next(NOW, 3).map(|_| ()), Err(DraftError::NotManager));
    assert_eq!(three.next(NOW, 4).map(|_| ()), Err(DraftError::NotManager));
}

#[test]
fn no_version_follows_the_last() {
    let last = read(&Raw::changed(|raw| raw.version = u32::MAX)).unwrap();
    assert_eq!(last.next(NOW, 1).map(|_| ()), Err(DraftError::Number));
}

#[test]
fn the_next_epoch_needs_its_own_delegation() {
    let bob = Bob::new();
    let three = bob.three();
    let next = |delegation| three.next_epoch(delegation, NOW, 1).map(|_| ());
    let (key, managers) = (&bob.key, bob.managers());
    for epoch in [1, 3] {
        let delegation = key.delegate(BOB, epoch, &managers).unwrap();
        assert_eq!(next(delegation), Err(DraftError::OtherDelegation));
    }
    let other_name = key.delegate("bobby", 2, &managers).unwrap();
    assert_eq!(next(other_name), Err(DraftError::OtherDelegation));
    let other_key = account_key(1).delegate(BOB, 2, &managers).unwrap();
    assert_eq!(next(other_key), Err(DraftError::OtherDelegation));
    assert_eq!(next(key.delegate(BOB, 2, &managers).unwrap()), Ok(()));
}
