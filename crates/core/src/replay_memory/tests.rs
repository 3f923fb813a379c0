#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use proptest::prelude::*;

use super::*;
use crate::Session;
use crate::dh::DhKeyPair;
use crate::errors::DecryptError;
use crate::tests::support::{Device, rng};

fn base_key(seed: u64) -> DhPublicKey {
    *DhKeyPair::generate(&mut rng(seed)).public()
}

fn sender() -> IdentityKey {
    *Device::new(20).identity.public()
}

impl ReplayMemory {
    /// Remembers base keys for a set, up to `count` keys.
    fn fill(&mut self, set: u32, sender: &IdentityKey, count: usize) {
        for seed in 1_000.. {
            if self.sets.get(&set).map_or(0, BTreeSet::len) >= count {
                break;
            }
            self.remember(sender, set, base_key(seed), |_| true);
        }
    }
}

/// A first message from `from` to Bob, without a one-time set.
fn first_message(from: &Device, bob: &Device, seed: u64) -> Vec<u8> {
    let mut session = Session::initiate(&from.identity, bob.bundle(None), &mut rng(seed)).unwrap();
    session.encrypt(b"hello", b"", &mut rng(seed)).unwrap()
}

fn accept(bob: &mut Device, message: &[u8]) -> Result<(), DecryptError> {
    bob.accept(message, b"").map(|_| ())
}

#[test]
fn chk28_a_full_replay_memory_refuses_its_sender_until_rotation() {
    let (alice, carol, mut bob) = (Device::new(1), Device::new(3), Device::new(2));
    bob.memory
        .fill(1, alice.identity.public(), MAX_REMEMBERED_BASE_KEYS - 1);
    let last = first_message(&alice, &bob, 4);
    assert_eq!(accept(&mut bob, &last), Ok(()));
    let message = first_message(&alice, &bob, 5);
    assert_eq!(
        accept(&mut bob, &message),
        Err(DecryptError::ReplayMemoryFull)
    );
    assert_eq!(
        accept(&mut bob, &last),
        Err(DecryptError::ReplayedInitialMessage)
    );
    let rng = &mut rng(6);
    let mut session = Session::initiate(&alice.identity, bob.bundle(Some(0)), rng).unwrap();
    let with_one_time = session.encrypt(b"hello", b"", rng).unwrap();
    assert_eq!(
        accept(&mut bob, &with_one_time),
        Ok(()),
        "one-time prekeys need no memory"
    );
    let full = core::mem::take(&mut bob.memory);
    let of_carol = first_message(&carol, &bob, 7);
    assert_eq!(
        accept(&mut bob, &of_carol),
        Ok(()),
        "another sender has its own memory"
    );
    bob.memory = full;
    bob.prekeys.rotate(&bob.identity, rng).unwrap();
    assert_eq!(
        accept(&mut bob, &message),
        Err(DecryptError::ReplayMemoryFull)
    );
    bob.base = bob.prekeys.upload(&bob.identity).unwrap().base;
    let on_new_set = first_message(&alice, &bob, 8);
    assert_eq!(accept(&mut bob, &on_new_set), Ok(()));
    assert_eq!(bob.memory.sets().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(bob.memory.export().len(), 69 + 2 * 8 + 65 * 32);
    // Base keys of a set that was destroyed are forgotten when the memory changes next.
    bob.prekeys.rotate(&bob.identity, rng).unwrap();
    assert_eq!(bob.memory.sets().collect::<Vec<_>>(), [1, 2]);
    let late = first_message(&alice, &bob, 9);
    assert_eq!(accept(&mut bob, &late), Ok(()));
    assert_eq!(bob.memory.export().len(), 69 + 8 + 2 * 32);
}

#[test]
fn chk49_the_memory_of_another_sender_is_refused() {
    let (alice, carol, mut bob) = (Device::new(1), Device::new(3), Device::new(2));
    let of_alice = first_message(&alice, &bob, 4);
    assert_eq!(accept(&mut bob, &of_alice), Ok(()));
    assert_eq!(bob.memory.sender(), Some(alice.identity.public()));
    let of_carol = first_message(&carol, &bob, 5);
    assert_eq!(
        accept(&mut bob, &of_carol),
        Err(DecryptError::OtherReplayMemory)
    );
    let mut bob = bob.restarted();
    assert_eq!(
        accept(&mut bob, &of_carol),
        Err(DecryptError::OtherReplayMemory)
    );
    bob.memory = ReplayMemory::new();
    assert_eq!(accept(&mut bob, &of_carol), Ok(()));
}

#[test]
fn a_memory_changes_only_with_a_base_key() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let mut to_bob = Session::initiate(&alice.identity, bob.bundle(Some(0)), &mut rng(4)).unwrap();
    let with_one_time = to_bob.encrypt(b"hello", b"", &mut rng(4)).unwrap();
    accept(&mut bob, &with_one_time).unwrap();
    assert!(!bob.memory.is_changed());
    let last_resort = first_message(&alice, &bob, 5);
    let mut altered = last_resort.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(
        accept(&mut bob, &altered),
        Err(DecryptError::Unauthenticated)
    );
    assert!(!bob.memory.is_changed());
    accept(&mut bob, &last_resort).unwrap();
    assert!(bob.memory.is_changed());
    let mut bob = bob.restarted();
    assert!(!bob.memory.is_changed());
    assert_eq!(
        accept(&mut bob, &last_resort),
        Err(DecryptError::ReplayedInitialMessage)
    );
    assert!(!bob.memory.is_changed());
}

#[test]
fn a_memory_is_needed_as_long_as_one_of_its_sets_is_held() {
    let mut bob = Device::new(2);
    let mut memory = ReplayMemory::new();
    assert!(!bob.prekeys.needs(&memory));
    memory.remember(&sender(), 1, base_key(1), |_| true);
    let mut needed = || {
        let needed = bob.prekeys.needs(&memory);
        bob.prekeys.rotate(&bob.identity, &mut rng(1)).unwrap();
        needed
    };
    assert_eq!([needed(), needed(), needed()], [true, true, false]);
}

#[test]
fn export_round_trips_and_refuses_everything_else() {
    let mut memory = ReplayMemory::new();
    assert_eq!(*memory.export(), [1]);
    assert_eq!(ReplayMemory::import(&[1]).unwrap().sender(), None);
    for set in [3, 4] {
        memory.fill(set, &sender(), MAX_REMEMBERED_BASE_KEYS);
    }
    let full = memory.export();
    assert_eq!(full.len(), 4_181);
    let read = ReplayMemory::import(&full).unwrap();
    assert_eq!(
        (read.export(), read.sender()),
        (full.clone(), Some(&sender()))
    );
    for len in (0..full.len()).filter(|len| *len != 1) {
        assert!(ReplayMemory::import(&full[..len]).is_err(), "{len} bytes");
    }
    let mut small = ReplayMemory::new();
    for seed in [1, 2] {
        small.remember(&sender(), 3, base_key(seed), |_| true);
    }
    let small = small.export();
    let import = |bytes: &[u8]| ReplayMemory::import(bytes).map(|_| ());
    let refused = |change: &dyn Fn(&mut Vec<u8>), error| {
        let mut bytes = small.to_vec();
        change(&mut bytes);
        assert_eq!(import(&bytes), Err(error));
    };
    // Layout: version and sender (65 bytes), number of sets, id, number of base keys, base keys.
    let (sets, id, keys) = (65, 69, 77);
    refused(&|bytes| bytes.push(0), DecodeError::NotCanonical);
    refused(
        &|bytes| bytes[0] = 2,
        DecodeError::UnknownVersion { version: 2 },
    );
    refused(&|bytes| bytes[sets + 3] = 3, DecodeError::Malformed);
    refused(&|bytes| bytes[id + 7] = 65, DecodeError::Malformed);
    let key = |bytes: &mut Vec<u8>| bytes.copy_within(keys..keys + 32, keys + 32);
    refused(&key, DecodeError::NotCanonical);
    let no_sets = [&small[..sets], &[0; 4]].concat();
    assert_eq!(import(&no_sets), Err(DecodeError::NotCanonical));
    let empty_set = [&small[..sets], &[0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0]].concat();
    assert_eq!(import(&empty_set), Err(DecodeError::NotCanonical));
    let mut twice = [&small[..], &small[id..]].concat();
    twice[sets + 3] = 2;
    assert_eq!(import(&twice), Err(DecodeError::NotCanonical));
    twice[small.len() + 3] = 4;
    assert_eq!(import(&twice), Ok(()));
    let mut three_sets = [&twice[..], &small[id..]].concat();
    three_sets[sets + 3] = 3;
    three_sets[twice.len() + 3] = 5;
    assert_eq!(import(&three_sets), Err(DecodeError::Malformed));
    let too_long = DecodeError::TooLong {
        len: 4_182,
        max: 4_181,
    };
    assert_eq!(import(&[1; 4_182]), Err(too_long));
}

#[test]
fn debug_shows_the_sender_and_no_base_keys() {
    let shown = format!("{:?}", ReplayMemory::new());
    assert_eq!(
        shown,
        "ReplayMemory { sender: None, is_changed: false, .. }"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 12 }))]

    /// Against a model: every base key of a set that is held stays refused, and no more than the
    /// limit are kept, whatever else happens.
    #[test]
    fn no_base_key_is_accepted_twice_while_its_set_is_held(
        steps in proptest::collection::vec(0..8_u8, 1..60),
    ) {
        let (alice, mut bob) = (Device::new(1), Device::new(2));
        let mut seen: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut current = 1;
        for (seed, step) in (0..).zip(steps) {
            match step {
                0 => {
                    bob.prekeys.rotate(&bob.identity, &mut rng(seed)).unwrap();
                    bob.base = bob.prekeys.upload(&bob.identity).unwrap().base;
                    current += 1;
                }
                1 => bob = bob.restarted(),
                2 if !seen.is_empty() => {
                    let (set, message) = &seen[usize::try_from(seed).unwrap() % seen.len()];
                    let expected = match set + 1 >= current {
                        true => DecryptError::ReplayedInitialMessage,
                        false => DecryptError::UnknownPreKey,
                    };
                    prop_assert_eq!(accept(&mut bob, message), Err(expected));
                }
                _ => {
                    let message = first_message(&alice, &bob, seed);
                    accept(&mut bob, &message).unwrap();
                    seen.push((current, message));
                }
            }
        }
        for (set, message) in &seen {
            let expected = match set + 1 >= current {
                true => DecryptError::ReplayedInitialMessage,
                false => DecryptError::UnknownPreKey,
            };
            prop_assert_eq!(accept(&mut bob, message), Err(expected));
        }
    }
}
