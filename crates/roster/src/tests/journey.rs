//! Tests the life of an account: first device, linking, removing, recovering.

use super::support::{BOB, Bob, Device, NOW, read};
use crate::{Change, Pinned, RecoverySecret, Roster, RosterVersion};

#[test]
fn an_account_gains_and_loses_devices_under_one_key() {
    let bob = Bob::new();
    let first = bob.first();
    assert_eq!((first.epoch(), first.version()), (1, 1));
    assert_eq!(first.previous(), [0; 32]);
    let mut pinned = Pinned::first(first.clone());

    let three = bob.three();
    assert_eq!(three.previous(), first.hash());
    let ids: Vec<_> = three
        .devices()
        .iter()
        .map(|device| (device.id, device.since))
        .collect();
    assert_eq!(ids, [(1, 1), (2, 2), (3, 2)]);
    let added = Change::Newer {
        added: vec![2, 3],
        removed: vec![],
        replaced: vec![],
    };
    assert_eq!(pinned.take(three.clone()), Ok(added));
    assert_eq!(pinned.take(three.clone()), Ok(Change::Same));
    assert_eq!(pinned.take(first), Ok(Change::Older));

    // The tablet is a manager as well.
    let mut draft = three.next(NOW + 2, 2).unwrap();
    draft.remove(3).unwrap();
    let two = bob.tablet.finish(draft, BOB);
    let removed = Change::Newer {
        added: vec![],
        removed: vec![3],
        replaced: vec![],
    };
    assert_eq!(pinned.take(two), Ok(removed));
    assert_eq!(pinned.next_id(), Some(4));
}

#[test]
fn the_recovery_secret_takes_the_account_over_under_the_same_key() {
    let bob = Bob::new();
    let mut pinned = Pinned::first(bob.three());
    let secret = RecoverySecret::from_bytes(&bob.key.secret().to_bytes());
    let phone = Device::new(9);

    let roster = pinned.roster().clone();
    let key = secret.key_pair();
    let delegation = key.delegate(BOB, 2, &[phone.identity()]).unwrap();
    let mut draft = roster.next_epoch(delegation, NOW + 5, 4).unwrap();
    for id in 1..=3 {
        draft.remove(id).unwrap();
    }
    draft.add(bob.entry(&phone, 4)).unwrap();
    let recovered = phone.finish(draft, BOB);

    assert_eq!(recovered.account_key(), roster.account_key());
    let stamp = RosterVersion {
        epoch: 2,
        version: 1,
    };
    assert_eq!(recovered.stamp(), stamp);
    assert_eq!(recovered.previous(), roster.hash());
    let change = Change::Newer {
        added: vec![4],
        removed: vec![1, 2, 3],
        replaced: vec![],
    };
    assert_eq!(pinned.take(recovered), Ok(change));
}

#[test]
fn rosters_and_what_is_kept_of_them_read_back_as_written() {
    let bob = Bob::new();
    let mut pinned = Pinned::first(bob.three());
    pinned
        .take(bob.next(&bob.three(), |draft| draft.remove(3).unwrap()))
        .unwrap();
    let bytes = pinned.roster().signed().encode();
    assert_eq!(read(&bytes).as_ref(), Ok(pinned.roster()));
    let read = Pinned::decode(&pinned.encode()).unwrap();
    assert_eq!(read, pinned);
    assert_eq!(read.next_id(), Some(4));
    let by_id = |roster: &Roster| roster.device(2).map(|device| device.identity);
    assert_eq!(by_id(read.roster()), Some(bob.tablet.identity()));
    assert!(read.roster().device_of(&bob.laptop.identity()).is_none());
    assert!(read.roster().is_manager(&bob.tablet.identity()));
}
