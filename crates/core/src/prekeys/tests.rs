use super::*;
use crate::error::DecodeError;
use crate::tests::support::{Device, rng};

mod earlier;
mod parts;

/// Uses up a one-time set, or the base key of this seed.
fn spend(bob: &mut Device, set: u32, one_time: Option<u32>, seed: u64) {
    let sender = *Device::new(20).identity.public();
    let base_key = *DhKeyPair::generate(&mut rng(seed)).public();
    let spent = SpentPreKey {
        sender,
        signed_prekey_id: set,
        one_time_prekey_id: one_time,
        base_key,
    };
    bob.prekeys.spend(spent, &mut bob.memory);
}

#[test]
fn chk13_one_time_sets_beyond_the_limit_are_rejected() {
    let mut bob = Device::new(1);
    let before = bob.prekeys.export();
    let error = bob
        .prekeys
        .replenish(&bob.identity, MAX_ONE_TIME_PREKEYS + 1, &mut rng(2))
        .unwrap_err();
    assert_eq!(
        error,
        PreKeyError::TooMany {
            requested: 101,
            max: MAX_ONE_TIME_PREKEYS
        }
    );
    assert_eq!(bob.prekeys.export(), before);
    let made = bob
        .prekeys
        .replenish(&bob.identity, MAX_ONE_TIME_PREKEYS, &mut rng(2));
    assert_eq!(made.unwrap().len(), MAX_ONE_TIME_PREKEYS);
}

#[test]
fn unused_sets_are_destroyed_when_too_many_new_ones_are_made() {
    let mut bob = Device::new(1); // has three one-time sets
    let count = MAX_KEPT_ONE_TIME_PREKEYS - 3;
    for count in [MAX_ONE_TIME_PREKEYS, count - MAX_ONE_TIME_PREKEYS] {
        bob.prekeys
            .replenish(&bob.identity, count, &mut rng(2))
            .unwrap();
    }
    assert_eq!(bob.prekeys.one_time_left(), MAX_KEPT_ONE_TIME_PREKEYS);
    assert!(
        bob.prekeys.one_time(1).is_some(),
        "at the limit, every set is kept"
    );
    let new = bob
        .prekeys
        .replenish(&bob.identity, 1, &mut rng(3))
        .unwrap();
    assert_eq!(new.len(), 1);
    assert_eq!(bob.prekeys.one_time_left(), MAX_KEPT_ONE_TIME_PREKEYS);
    assert!(
        bob.prekeys.one_time(1).is_none(),
        "the oldest set is destroyed"
    );
    assert!(bob.prekeys.one_time(2).is_some());
    PreKeys::import(&bob.prekeys.export()).unwrap();
}

#[test]
fn numbers_of_one_time_sets_are_never_used_again() {
    let mut bob = Device::new(1);
    spend(&mut bob, 1, Some(3), 9);
    let new = bob
        .prekeys
        .replenish(&bob.identity, 1, &mut rng(2))
        .unwrap();
    let set: wire::OneTimePreKeys = wire::decode(&new[0], 4_000).unwrap();
    assert_eq!(set.id, 4);
}

#[test]
fn upload_gives_the_messages_that_replenish_gave() {
    let bob = Device::new(1);
    let upload = bob.prekeys.upload(&bob.identity).unwrap();
    assert_eq!(
        upload,
        PreKeyUpload {
            base: bob.base.clone(),
            one_time: bob.one_time.clone()
        }
    );
}

#[test]
fn another_identity_is_refused() {
    let (mut bob, mallory) = (Device::new(1), Device::new(2));
    let before = bob.prekeys.export();
    assert_eq!(
        bob.prekeys.upload(&mallory.identity),
        Err(PreKeyError::OtherIdentity)
    );
    assert_eq!(
        bob.prekeys.rotate(&mallory.identity, &mut rng(1)),
        Err(PreKeyError::OtherIdentity)
    );
    assert_eq!(
        bob.prekeys.replenish(&mallory.identity, 1, &mut rng(1)),
        Err(PreKeyError::OtherIdentity)
    );
    assert_eq!(bob.prekeys.export(), before);
}

#[test]
fn numbers_of_sets_run_out_with_an_error() {
    let mut bob = Device::new(1);
    bob.prekeys.next_one_time_id = u32::MAX;
    bob.prekeys.current.id = u32::MAX;
    let before = bob.prekeys.export();
    assert_eq!(
        bob.prekeys.replenish(&bob.identity, 1, &mut rng(1)),
        Err(PreKeyError::Exhausted)
    );
    assert_eq!(
        bob.prekeys.rotate(&bob.identity, &mut rng(1)),
        Err(PreKeyError::Exhausted)
    );
    assert_eq!(bob.prekeys.export(), before);
}

#[test]
fn export_round_trips_and_refuses_everything_else() {
    let mut bob = Device::new(1);
    bob.prekeys.rotate(&bob.identity, &mut rng(2)).unwrap();
    let export = bob.prekeys.export();
    let read = PreKeys::import(&export).unwrap();
    assert_eq!(read.export(), export);
    assert_eq!(
        read.upload(&bob.identity),
        bob.prekeys.upload(&bob.identity)
    );
    for len in 0..export.len() {
        assert!(
            PreKeys::import(&export[..len]).is_err(),
            "truncated to {len} bytes"
        );
    }
    assert!(PreKeys::import(&[export.as_slice(), &[0]].concat()).is_err());
    let mut newer = export.to_vec();
    newer[0] = 9;
    assert_eq!(
        PreKeys::import(&newer).unwrap_err(),
        DecodeError::UnknownVersion { version: 9 }
    );
}

#[test]
fn states_that_no_prekeys_have_are_refused() {
    let mut bob = Device::new(1);
    earlier::remember(&mut bob.prekeys.current, &[30, 31]);
    bob.prekeys.rotate(&bob.identity, &mut rng(2)).unwrap();
    let export = bob.prekeys.export().to_vec();
    // Layout: version and identity (65 bytes), current set (136), a presence byte, previous set
    // (136) and its two remembered base keys (32 each).
    let (current, previous) = (65, 65 + 136 + 1);
    let remembered = previous + 136;
    let next_id = remembered + 64;
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = export.clone();
        change(&mut bytes);
        PreKeys::import(&bytes).err()
    };
    assert_eq!(with(&|_| ()), None);
    let same_id = with(&|bytes| bytes.copy_within(current..current + 4, previous));
    assert_eq!(same_id, Some(DecodeError::Malformed));
    let twice = with(&|bytes| bytes.copy_within(remembered..remembered + 32, remembered + 32));
    assert_eq!(twice, Some(DecodeError::NotCanonical));
    let id_used_again = with(&|bytes| bytes[next_id + 3] = 3);
    assert_eq!(id_used_again, Some(DecodeError::NotCanonical));
    assert_eq!(with(&|bytes| bytes[next_id + 3] = 4), None);
}

#[test]
fn debug_shows_public_parts_only() {
    let bob = Device::new(1);
    let expected = format!(
        "PreKeys {{ identity: {:?}, signed_prekey_id: 1, one_time_left: 3, .. }}",
        bob.identity.public()
    );
    assert_eq!(format!("{:?}", bob.prekeys), expected);
}
