//! Export in parts: storing what is returned keeps storage complete, and only what changed is
//! returned.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What an application stores.
#[derive(Default)]
struct Stored {
    state: Vec<u8>,
    one_time: BTreeMap<OneTimeId, Vec<u8>>,
}

impl Stored {
    /// Stores what changed, and returns how many bytes were written.
    fn apply(&mut self, parts: PreKeysParts) -> usize {
        let mut written = 0;
        if let Some(state) = parts.state {
            written += state.len();
            self.state = state.to_vec();
        }
        for change in parts.one_time {
            match change.bytes {
                Some(bytes) => {
                    written += bytes.len();
                    assert_eq!(OneTimeId::of_part(&bytes), Ok(change.id));
                    let before = self.one_time.insert(change.id, bytes.to_vec());
                    assert_eq!(before, None, "a set is written twice");
                }
                None => assert!(
                    self.one_time.remove(&change.id).is_some(),
                    "a set is removed that was never stored"
                ),
            }
        }
        written
    }

    fn read(&self) -> Result<PreKeys, DecodeError> {
        PreKeys::import_parts(&self.state, self.one_time.values())
    }

    /// Stores what changed, and asserts that storage is complete.
    fn store(&mut self, prekeys: &mut PreKeys) -> usize {
        let written = self.apply(prekeys.export_parts());
        let mut read = self.read().unwrap();
        assert_eq!(read.export(), prekeys.export());
        assert_eq!(
            self.apply(read.export_parts()),
            0,
            "a change is returned twice"
        );
        written
    }
}

/// Bob's device with three one-time sets, and what he stores.
fn stored() -> (Device, Stored) {
    let (mut bob, mut stored) = (Device::new(1), Stored::default());
    assert_eq!(stored.store(&mut bob.prekeys), 206 + 3 * 101);
    (bob, stored)
}

#[test]
fn only_what_changed_is_written() {
    let (mut bob, mut stored) = stored();
    assert_eq!(stored.store(&mut bob.prekeys), 0);
    // A one-time set that is spent is a removal. A last-resort handshake leaves the prekeys.
    spend(&mut bob, 1, Some(2), 9);
    let parts = bob.prekeys.export_parts();
    assert!(parts.state.is_none());
    assert_eq!(parts.one_time.len(), 1);
    assert_eq!(parts.one_time[0].id.to_bytes(), [0, 0, 0, 2]);
    assert!(parts.one_time[0].bytes.is_none());
    stored.apply(parts);
    spend(&mut bob, 1, None, 10);
    spend(&mut bob, 1, Some(2), 11);
    assert_eq!(stored.store(&mut bob.prekeys), 0);
    bob.prekeys
        .replenish(&bob.identity, 0, &mut rng(2))
        .unwrap();
    assert_eq!(stored.store(&mut bob.prekeys), 0);
    bob.prekeys
        .replenish(&bob.identity, 5, &mut rng(2))
        .unwrap();
    assert_eq!(stored.store(&mut bob.prekeys), 206 + 5 * 101);
    bob.prekeys.rotate(&bob.identity, &mut rng(3)).unwrap();
    assert_eq!(stored.store(&mut bob.prekeys), 342);
    assert_eq!(stored.read().unwrap().one_time_left(), 7);
}

#[test]
fn a_set_that_was_never_stored_is_not_removed() {
    let (mut bob, mut stored) = stored();
    let made = bob.prekeys.replenish(&bob.identity, 1, &mut rng(2));
    assert_eq!(made.unwrap().len(), 1);
    spend(&mut bob, 1, Some(4), 9);
    assert_eq!(stored.store(&mut bob.prekeys), 206);
}

#[test]
fn the_first_export_returns_everything() {
    let (mut bob, _) = stored();
    for mut prekeys in [
        PreKeys::import(&bob.prekeys.export()).unwrap(),
        Device::new(1).prekeys,
    ] {
        assert_eq!(Stored::default().store(&mut prekeys), 206 + 3 * 101);
    }
    assert!(bob.prekeys.export_parts().one_time.is_empty());
}

#[test]
fn a_set_that_storage_lost_costs_that_set() {
    let (bob, mut stored) = stored();
    stored.one_time.remove(&OneTimeId::from_bytes([0, 0, 0, 2]));
    let read = stored.read().unwrap();
    assert_eq!(read.one_time_left(), 2);
    let upload = read.upload(&bob.identity).unwrap();
    assert_eq!(upload.one_time, [&*bob.one_time[0], &bob.one_time[2]]);
}

#[test]
fn chk50_sets_that_the_state_cannot_have_are_refused() {
    let (mut bob, stored) = stored();
    let with = |sets: &[&[u8]]| PreKeys::import_parts(&stored.state, sets).err();
    let sets: Vec<_> = stored.one_time.values().map(Vec::as_slice).collect();
    assert_eq!(with(&sets), None);
    let twice = [sets[0], sets[1], sets[0]];
    assert_eq!(with(&twice), Some(DecodeError::Malformed));
    // The next number is 4.
    let mut later = sets[2].to_vec();
    assert_eq!(later[4], 3);
    later[4] = 4;
    assert_eq!(with(&[&later]), Some(DecodeError::Malformed));
    for _ in 0..3 {
        bob.prekeys
            .replenish(&bob.identity, 100, &mut rng(2))
            .unwrap();
    }
    let parts = bob.prekeys.export_parts();
    let full: Vec<_> = parts
        .one_time
        .into_iter()
        .filter_map(|set| set.bytes)
        .collect();
    let state = parts.state.unwrap();
    assert_eq!(full.len(), 200);
    PreKeys::import_parts(&state, &full).unwrap();
    let more = full.iter().map(|set| &***set).chain([sets[0]]);
    let more = PreKeys::import_parts(&state, more);
    assert_eq!(more.err(), Some(DecodeError::Malformed));
}

#[test]
fn parts_and_the_whole_export_are_not_taken_for_each_other() {
    let (bob, stored) = stored();
    let unknown = |version| Some(DecodeError::UnknownVersion { version });
    let no_sets: [&[u8]; 0] = [];
    let whole = bob.prekeys.export();
    assert_eq!(PreKeys::import_parts(&whole, no_sets).err(), unknown(1));
    assert_eq!(PreKeys::import(&stored.state).err(), unknown(2));
    let longer = [&stored.state[..], &[0]].concat();
    let longer = PreKeys::import_parts(&longer, no_sets);
    assert_eq!(longer.err(), Some(DecodeError::NotCanonical));
    for len in 0..stored.state.len() {
        assert!(PreKeys::import_parts(&stored.state[..len], no_sets).is_err());
    }
    let set = &stored.one_time[&OneTimeId::from_bytes([0, 0, 0, 1])];
    let read = |set: &[u8]| PreKeys::import_parts(&stored.state, [set]).map(|_| ());
    assert_eq!(read(set), Ok(()));
    for len in 0..set.len() {
        assert!(read(&set[..len]).is_err());
    }
    let longer = [&set[..], &[0]].concat();
    let too_long = DecodeError::TooLong { len: 102, max: 101 };
    assert_eq!(read(&longer), Err(too_long));
    assert_eq!(OneTimeId::of_part(&longer), Err(too_long));
}

#[test]
fn debug_shows_no_secrets() {
    let parts = Device::new(1).prekeys.export_parts();
    let shown = format!("{parts:?}");
    let set = |id| format!("OneTimeChange {{ id: OneTimeId({id}), .. }}");
    let sets = [1, 2, 3].map(set).join(", ");
    assert_eq!(shown, format!("PreKeysParts {{ one_time: [{sets}], .. }}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    #[test]
    fn storing_only_what_changed_keeps_storage_complete(
        steps in proptest::collection::vec((0..5_u8, any::<u8>()), 1..40),
        seed in any::<u64>(),
    ) {
        let (mut bob, mut stored) = stored();
        let rng = &mut rng(seed);
        for (step, number) in steps {
            match step {
                0 => spend(&mut bob, 1, Some(number.into()), u64::from(number)),
                1 => spend(&mut bob, 1, None, u64::from(number)),
                2 => {
                    let made = bob.prekeys.replenish(&bob.identity, usize::from(number) % 60, rng);
                    made.unwrap();
                }
                3 => bob.prekeys.rotate(&bob.identity, rng).unwrap(),
                // Changes are also complete if several are stored at once.
                _ => drop(stored.store(&mut bob.prekeys)),
            }
        }
        stored.store(&mut bob.prekeys);
    }
}
