//! Tests that a manager never needs to sign two rosters of one version.

use super::support::{BOB, Bob, NOW};
use crate::{Change, DraftError, Pinned, RosterVersion};

fn version(epoch: u32, version: u32) -> RosterVersion {
    RosterVersion { epoch, version }
}

#[test]
fn a_draft_is_raised_above_what_was_signed_in_its_epoch() {
    let bob = Bob::new();
    let first = bob.first();
    for (signed, expected) in [
        (version(1, 1), 2),
        (version(1, 2), 3),
        (version(1, 7), 8),
        (version(2, 7), 2), // of another epoch
    ] {
        let mut draft = first.next(NOW, 1).unwrap();
        draft.above(signed).unwrap();
        draft.add(bob.entry(&bob.laptop, 2)).unwrap();
        let roster = bob.phone.finish(draft, BOB);
        assert_eq!(roster.version(), expected);
        assert_eq!(roster.device(2).unwrap().since, expected);
        assert_eq!(roster.previous(), first.hash());
        let mut pinned = Pinned::first(first.clone());
        assert!(matches!(pinned.take(roster), Ok(Change::Newer { .. })));
    }
    let mut draft = first.next(NOW, 1).unwrap();
    let before = draft.to_sign();
    assert_eq!(draft.above(version(1, u32::MAX)), Err(DraftError::Number));
    assert_eq!(draft.to_sign(), before);
}

#[test]
fn a_device_agrees_to_one_account_key_and_id() {
    let bob = Bob::new();
    let (key, other) = (bob.key.public(), super::support::account_key(1).public());
    let entry = bob.entry(&bob.laptop, 2);
    assert!(entry.agrees(BOB, &key));
    assert!(!entry.agrees("alice", &key) && !entry.agrees("", &key));
    assert!(!entry.agrees(BOB, &other));
    let mut moved = entry.clone();
    moved.id = 3;
    assert!(!moved.agrees(BOB, &key));
    let mut unusable = entry;
    unusable.identity = [0; 64];
    assert!(!unusable.agrees(BOB, &key));
}
