//! Tests of what is kept of an account.

use super::{Change, PinError, Pinned};
use crate::limits::{MAX_ID_STEP, MAX_PINNED_LEN, MAX_VERSION_STEP};
use crate::tests::raw::{Raw, RawDevice};
use crate::tests::support::{BOB, Bob, Device, account_key, read};
use crate::{Roster, RosterError};

/// Bob's roster after a change, signed anew.
fn roster(change: impl FnOnce(&mut Raw)) -> Roster {
    read(&Raw::changed(change)).unwrap()
}

/// Asserts that a roster is refused after Bob's and changes nothing.
fn refused(roster: Roster) -> PinError {
    let mut pinned = Pinned::first(Bob::new().three());
    let before = pinned.encode();
    let error = pinned.take(roster).unwrap_err();
    assert_eq!(pinned.encode(), before);
    error
}

fn taken(roster: Roster) -> Change {
    Pinned::first(Bob::new().three()).take(roster).unwrap()
}

#[test]
fn a_roster_of_another_account_is_refused() {
    let bob = Bob::new();
    let delegation = bob.key.delegate("bobby", 1, &bob.managers()).unwrap();
    let entry = bob.phone.entry("bobby", &bob.key.public(), 1);
    let draft = crate::RosterDraft::first("bobby", delegation, entry, 0).unwrap();
    assert_eq!(
        refused(bob.phone.finish(draft, "bobby")),
        PinError::OtherAccount
    );
}

#[test]
fn chk275_a_roster_under_another_account_key_is_refused_whatever_its_epoch() {
    let bob = Bob::new();
    for epoch in [1, 2, u32::MAX] {
        let key = account_key(0x33);
        let delegation = key.delegate(BOB, epoch, &bob.managers()).unwrap();
        let entry = bob.phone.entry(BOB, &key.public(), 1);
        let draft = crate::RosterDraft::first(BOB, delegation, entry, 0).unwrap();
        assert_eq!(
            refused(bob.phone.finish(draft, BOB)),
            PinError::OtherAccountKey
        );
    }
}

#[test]
fn chk276_a_manager_does_not_join_within_an_epoch() {
    let bob = Bob::new();
    let mut managers = vec![
        bob.phone.identity(),
        bob.tablet.identity(),
        bob.laptop.identity(),
    ];
    managers.sort_unstable();
    for version in [1, 2, 3] {
        let more = roster(|raw| {
            raw.version = version;
            raw.delegation.managers = managers.clone();
        });
        assert_eq!(refused(more), PinError::ManagersChanged);
    }
    let phone_only = roster(|raw| {
        raw.version = 3;
        raw.delegation.managers = vec![bob.phone.identity()];
    });
    assert_eq!(refused(phone_only), PinError::ManagersChanged);
}

#[test]
fn chk277_a_second_roster_of_one_version_is_refused() {
    let mut pinned = Pinned::first(roster(|_| {}));
    let before = pinned.encode();
    let later = roster(|raw| raw.at_ms += 1);
    assert_eq!(pinned.take(later), Err(PinError::Conflict));
    let without = roster(|raw| {
        raw.devices.pop();
    });
    assert_eq!(pinned.take(without), Err(PinError::Conflict));
    assert_eq!(pinned.encode(), before);
    assert_eq!(pinned.take(roster(|_| {})), Ok(Change::Same));
    // A higher version ends the conflict.
    assert!(matches!(
        pinned.take(roster(|raw| raw.version = 3)),
        Ok(Change::Newer { .. })
    ));
}

#[test]
fn an_older_roster_changes_nothing() {
    let mut pinned = Pinned::first(roster(|raw| raw.version = 9));
    let before = pinned.encode();
    for version in [1, 2, 8] {
        assert_eq!(
            pinned.take(roster(|raw| raw.version = version)),
            Ok(Change::Older)
        );
    }
    assert_eq!(pinned.encode(), before);
}

#[test]
fn chk278_a_version_more_than_1000_above_is_refused() {
    let at = |version| roster(|raw| raw.version = version);
    assert!(matches!(
        taken(at(2 + MAX_VERSION_STEP)),
        Change::Newer { .. }
    ));
    assert_eq!(refused(at(3 + MAX_VERSION_STEP)), PinError::TooFar);
    assert_eq!(refused(at(u32::MAX)), PinError::TooFar);
}

#[test]
fn chk278_an_id_more_than_100_above_is_refused() {
    let with = |id| {
        roster(|raw| {
            raw.version = 3;
            raw.devices.push(RawDevice::of_bob(&Device::new(4), id));
        })
    };
    let added = Change::Newer {
        added: vec![3 + MAX_ID_STEP],
        removed: vec![],
        replaced: vec![],
    };
    assert_eq!(taken(with(3 + MAX_ID_STEP)), added);
    assert_eq!(refused(with(4 + MAX_ID_STEP)), PinError::TooFar);
    assert_eq!(refused(with(u32::MAX)), PinError::TooFar);
}

#[test]
fn chk279_an_id_does_not_get_another_identity_within_an_epoch() {
    let other = roster(|raw| {
        raw.version = 3;
        raw.devices[2] = RawDevice::of_bob(&Device::new(4), 3);
    });
    assert_eq!(refused(other), PinError::IdUsed { device: 3 });
}

#[test]
fn chk279_the_id_of_a_removed_device_is_not_used_again_within_an_epoch() {
    let bob = Bob::new();
    let three = bob.three();
    let two = bob.next(&three, |draft| draft.remove(3).unwrap());
    let mut pinned = Pinned::first(three.clone());
    pinned.take(two.clone()).unwrap();
    // Neither by another device nor by the same one.
    for device in [Device::new(4), bob.laptop.clone()] {
        let again = bob.next(&two, |draft| draft.add(bob.entry(&device, 3)).unwrap());
        let before = pinned.encode();
        assert_eq!(pinned.take(again), Err(PinError::IdUsed { device: 3 }));
        assert_eq!(pinned.encode(), before);
    }
    // Nor after the state was stored.
    let mut restored = Pinned::decode(&pinned.encode()).unwrap();
    let again = bob.next(&two, |draft| draft.add(bob.entry(&bob.laptop, 3)).unwrap());
    assert_eq!(restored.take(again), Err(PinError::IdUsed { device: 3 }));
    let id = restored.next_id().unwrap();
    let above = bob.next(&two, |draft| draft.add(bob.entry(&bob.laptop, id)).unwrap());
    assert!(matches!(restored.take(above), Ok(Change::Newer { .. })));
}

#[test]
fn a_higher_epoch_forgets_the_ids_and_tells_which_were_replaced() {
    let bob = Bob::new();
    let three = bob.three();
    let mut pinned = Pinned::first(three.clone());
    let delegation = bob.key.delegate(BOB, 2, &[bob.phone.identity()]).unwrap();
    let mut draft = three.next_epoch(delegation, 0, 1).unwrap();
    draft.remove(2).unwrap();
    draft.remove(3).unwrap();
    draft.add(bob.entry(&Device::new(8), 3)).unwrap();
    draft
        .add(bob.entry(&Device::new(9), 4_000_000_000))
        .unwrap();
    let change = Change::Newer {
        added: vec![4_000_000_000],
        removed: vec![2],
        replaced: vec![3],
    };
    assert_eq!(pinned.take(bob.phone.finish(draft, BOB)), Ok(change));
    assert_eq!(pinned.next_id(), Some(4_000_000_001));
}

#[test]
fn the_last_id_of_an_epoch_has_no_next() {
    let last = roster(|raw| {
        raw.devices
            .push(RawDevice::of_bob(&Device::new(4), u32::MAX))
    });
    assert_eq!(Pinned::first(last).next_id(), None);
}

#[test]
fn chk260_a_state_longer_than_the_limit_is_refused() {
    let long = vec![1; MAX_PINNED_LEN + 1];
    assert_eq!(Pinned::decode(&long), Err(RosterError::TooLong));
    assert_eq!(MAX_PINNED_LEN, crate::limits::MAX_SIGNED_ROSTER_LEN + 7);
}

#[test]
fn chk261_a_state_of_an_unknown_version_is_refused() {
    let mut bytes = Pinned::first(Bob::new().three()).encode();
    bytes[0] = 9;
    assert_eq!(
        Pinned::decode(&bytes),
        Err(RosterError::UnknownVersion { version: 9 })
    );
}

#[test]
fn chk262_a_state_that_is_cut_goes_on_or_forgot_an_id_is_refused() {
    let bytes = Pinned::first(Bob::new().three()).encode();
    for len in 0..bytes.len() {
        Pinned::decode(&bytes[..len]).unwrap_err();
    }
    let long = [&*bytes, &[0]].concat();
    assert_eq!(Pinned::decode(&long), Err(RosterError::Malformed));
    let mut low = bytes;
    low[4] = 2;
    assert_eq!(Pinned::decode(&low), Err(RosterError::Malformed));
}
