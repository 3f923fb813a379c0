//! Base keys that earlier versions remembered for all senders together.

use super::*;
use crate::Session;
use crate::errors::DecryptError;

/// Prekeys exported by version 0.1, before the memory was kept per sender. Two one-time sets and
/// two signed sets are left; set 1 remembers three base keys, and set 2 remembers two.
const EXPORT: &[u8] = include_bytes!("earlier/prekeys-01.bin");
/// Seeds of the base keys that the export remembers, by signed set.
const REMEMBERED: [(u32, core::ops::Range<u64>); 2] = [(1, 10..13), (2, 13..15)];

/// Makes a set remember the base keys of these seeds, as an earlier version did.
pub(super) fn remember(set: &mut SignedSet, seeds: &[u64]) {
    for seed in seeds {
        let base_key = *DhKeyPair::generate(&mut rng(*seed)).public();
        set.earlier.insert(base_key);
    }
}

/// Seeds from 0 to 19 whose base key a set remembers.
fn remembered(prekeys: &PreKeys, set: u32) -> Option<Vec<u64>> {
    let set = prekeys.signed(set)?;
    let base_key = |seed: &u64| *DhKeyPair::generate(&mut rng(*seed)).public();
    Some(
        (0..20)
            .filter(|seed| set.remembers(&base_key(seed)))
            .collect(),
    )
}

#[test]
fn an_export_of_an_earlier_version_keeps_what_it_remembers() {
    let mut prekeys = PreKeys::import(EXPORT).unwrap();
    assert_eq!(*prekeys.export(), EXPORT);
    let parts = prekeys.export_parts();
    let state = parts.state.unwrap();
    assert_eq!(state.len(), 342 + 5 * 32);
    let one_time: Vec<_> = parts
        .one_time
        .iter()
        .map(|set| set.bytes.as_ref())
        .collect();
    assert_eq!(one_time.len(), 2);
    let converted = PreKeys::import_parts(&state, one_time.into_iter().flatten()).unwrap();
    assert_eq!(*converted.export(), EXPORT);
    for prekeys in [&prekeys, &converted] {
        for (set, seeds) in REMEMBERED {
            assert_eq!(remembered(prekeys, set), Some(seeds.collect()));
        }
    }
}

#[test]
fn rotations_forget_what_an_earlier_version_remembered() {
    let identity = Device::new(1).identity;
    let mut prekeys = PreKeys::import(EXPORT).unwrap();
    prekeys.rotate(&identity, &mut rng(3)).unwrap();
    assert_eq!(remembered(&prekeys, 1), None);
    assert_eq!(remembered(&prekeys, 2), Some(vec![13, 14]));
    prekeys.rotate(&identity, &mut rng(4)).unwrap();
    assert_eq!(remembered(&prekeys, 2), None);
    assert_eq!(prekeys.export_parts().state.unwrap().len(), 342);
}

#[test]
fn chk27_a_base_key_that_an_earlier_version_remembered_stays_refused() {
    let (alice, mut bob) = (Device::new(2), Device::new(1));
    let mut to_bob = Session::initiate(&alice.identity, bob.bundle(None), &mut rng(5)).unwrap();
    let first = to_bob.encrypt(b"hello", b"", &mut rng(6)).unwrap();
    bob.prekeys.current.earlier.insert(*to_bob.base_key());
    let mut bob = bob.restarted();
    let refused = |bob: &mut Device| bob.accept(&first, b"").map(|_| ());
    assert_eq!(refused(&mut bob), Err(DecryptError::ReplayedInitialMessage));
    bob.prekeys.rotate(&bob.identity, &mut rng(7)).unwrap();
    assert_eq!(refused(&mut bob), Err(DecryptError::ReplayedInitialMessage));
    bob.prekeys.rotate(&bob.identity, &mut rng(8)).unwrap();
    assert_eq!(refused(&mut bob), Err(DecryptError::UnknownPreKey));
}
