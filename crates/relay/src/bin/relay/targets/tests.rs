use ed25519_dalek::SigningKey;

use super::*;
use crate::fixture::owner::Owner;

const DAY: u64 = 86_400_000;
const SIGNED_AT: u64 = 21_000 * DAY;

/// An account whose device 1 is the manager. Devices 2 and 3 are none.
fn side() -> Side {
    let keys = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let owner = Owner::new("bob");
    let first = owner.first(1, &keys[0], SIGNED_AT - DAY);
    let roster = owner.next(&first, (1, &keys[0]), SIGNED_AT, |draft| {
        draft.add(owner.entry(2, &keys[1])).unwrap();
        draft.add(owner.entry(3, &keys[2])).unwrap();
    });
    Side {
        account: 1,
        name: "bob".to_owned(),
        newest: Arc::new(Pinned::first(roster)),
        rows: Vec::new(),
        left: BTreeSet::new(),
    }
}

fn set(numbers: &[u32]) -> BTreeSet<DeviceId> {
    numbers.iter().map(|number| DeviceId(*number)).collect()
}

/// Which of these sets are accepted at this age: all devices, the managers, and others.
fn accepted(age_ms: u64, except: Option<u32>) -> Vec<Vec<u32>> {
    let side = side();
    let now = Timestamp::from_millis(SIGNED_AT + age_ms);
    let sets = [
        vec![1, 2, 3],
        vec![2, 3],
        vec![1, 3],
        vec![1],
        vec![],
        vec![1, 2, 3, 4],
    ];
    let accepted = sets.into_iter();
    accepted
        .filter(|numbers| side.accepts(&set(numbers), except.map(DeviceId), now))
        .collect()
}

#[test]
fn a_roster_older_than_60_days_counts_for_its_managers_alone() {
    let (all, managers) = ([1, 2, 3].as_slice(), [1].as_slice());
    assert_eq!(accepted(0, None), [all]);
    assert_eq!(accepted(58 * DAY, None), [all]);
    // Within two days of the bound, either will do.
    for age in [58 * DAY + 1, 60 * DAY, 62 * DAY] {
        assert_eq!(accepted(age, None), [all, managers]);
    }
    assert_eq!(accepted(62 * DAY + 1, None), [managers]);
    assert_eq!(accepted(400 * DAY, None), [managers]);
}

#[test]
fn the_device_that_sends_is_never_a_target() {
    assert_eq!(accepted(0, Some(1)), [vec![2, 3]]);
    assert_eq!(accepted(0, Some(2)), [vec![1, 3]]);
    assert_eq!(accepted(70 * DAY, Some(1)), [Vec::<u32>::new()]);
    assert_eq!(accepted(70 * DAY, Some(2)), [vec![1]]);
}
