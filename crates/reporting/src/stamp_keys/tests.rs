//! Tests of `stamp_keys.rs`.

use super::*;
use crate::conversation::ConversationId;
use crate::stamp::EPOCH_MS;
use crate::tests::world::{DAY, NOON, account, device, rng};

fn tag() -> FrankingTag {
    FrankingTag::from_bytes([9; 32])
}

fn keys() -> StampKeys {
    let mut keys = StampKeys::new(&[1; 32], 20_000, "eu").unwrap();
    keys.advance_to(NOON).unwrap();
    keys
}

fn stamp(keys: &StampKeys, now: Timestamp) -> Result<Claim, StampKeysError> {
    keys.stamp_tag(
        &tag(),
        &device("alice", 1),
        &Audience::Direct(account("bob")),
        now,
    )
}

#[test]
fn a_stamp_verifies_for_as_long_as_its_key_is_kept() {
    let mut keys = keys();
    let claim = stamp(&keys, NOON).unwrap();
    assert_eq!(keys.verify(&claim, NOON), Ok(()));
    let later = Timestamp::from_millis(NOON.as_millis() + 90 * DAY);
    assert_eq!(keys.verify(&claim, later), Ok(()));
    keys.destroy_before(20_000).unwrap();
    assert_eq!(keys.verify(&claim, later), Ok(()));
}

/// MIMI weakness 3: a stamp does not name its key, so it is undefined how keys are rotated.
#[test]
fn mimi_weakness_3_chk69_destroyed_epoch_is_unknown_for_ever() {
    let mut keys = keys();
    let claim = stamp(&keys, NOON).unwrap();
    let next_day = Timestamp::from_millis(NOON.as_millis() + DAY);
    let next = stamp(&keys, next_day).unwrap();
    keys.destroy_before(20_001).unwrap();
    assert_eq!(keys.oldest_epoch(), 20_001);
    assert_eq!(keys.verify(&claim, next_day), Err(StampError::EpochUnknown));
    assert_eq!(
        stamp(&keys, NOON).unwrap_err(),
        StampKeysError::EpochOutOfReach
    );
    keys.destroy_before(0).unwrap();
    assert_eq!(keys.verify(&claim, next_day), Err(StampError::EpochUnknown));
    assert_eq!(
        keys.verify(&next, next_day),
        Ok(()),
        "the kept epoch still verifies"
    );
    let restored = StampKeys::import(&keys.export()).unwrap();
    assert_eq!(
        restored.verify(&claim, next_day),
        Err(StampError::EpochUnknown)
    );
    assert_eq!(restored.verify(&next, next_day), Ok(()));
}

#[test]
fn chk68_epoch_other_than_of_the_accepted_time_is_refused() {
    let keys = keys();
    let claim = stamp(&keys, NOON).unwrap();
    for epoch in [0, 19_999, 20_001, u32::MAX] {
        let mut moved = claim.clone();
        moved.context.epoch = epoch;
        assert_eq!(keys.verify(&moved, NOON), Err(StampError::OtherEpoch));
    }
}

/// A published token contained a time window, but no code compared it.
#[test]
fn broken_artefact_time_window_chk70_time_is_compared() {
    let keys = keys();
    let ahead = Timestamp::from_millis(NOON.as_millis() + MAX_CLOCK_SKEW_MS);
    assert_eq!(keys.verify(&stamp(&keys, ahead).unwrap(), NOON), Ok(()));
    let too_far = Timestamp::from_millis(ahead.as_millis() + 1);
    assert_eq!(
        keys.verify(&stamp(&keys, too_far).unwrap(), NOON),
        Err(StampError::InTheFuture)
    );
}

#[test]
fn chk71_stamp_moved_to_another_message_sender_device_conversation_or_time_is_refused() {
    let keys = keys();
    let claim = stamp(&keys, NOON).unwrap();
    type Move = fn(&mut Claim);
    let moves: [(&str, Move); 8] = [
        ("message", |claim| {
            claim.tag = FrankingTag::from_bytes([8; 32])
        }),
        ("sender", |claim| {
            claim.context.sender = device("mallory", 1)
        }),
        ("device", |claim| claim.context.sender = device("alice", 2)),
        ("recipient", |claim| {
            claim.context.audience = Audience::Direct(account("carol"))
        }),
        ("group", |claim| {
            let id = ConversationId::direct(&account("alice"), &account("bob"));
            claim.context.audience = Audience::Group(id);
        }),
        ("time", |claim| {
            claim.context.accepted_at =
                Timestamp::from_millis(claim.context.accepted_at.as_millis() - 1)
        }),
        ("epoch", |claim| {
            claim.context.accepted_at =
                Timestamp::from_millis(claim.context.accepted_at.as_millis() + EPOCH_MS);
            claim.context.epoch += 1;
        }),
        ("stamp", |claim| claim.stamp = Stamp::new([0; 32])),
    ];
    for (what, alter) in moves {
        let mut moved = claim.clone();
        alter(&mut moved);
        let later = Timestamp::from_millis(NOON.as_millis() + 2 * DAY);
        assert_eq!(
            keys.verify(&moved, later),
            Err(StampError::NotOurs),
            "{what}"
        );
    }
    for bit in 0..256 {
        let mut moved = claim.clone();
        let mut bytes = *claim.stamp.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        moved.stamp = Stamp::new(bytes);
        assert_eq!(keys.verify(&moved, NOON), Err(StampError::NotOurs));
    }
}

#[test]
fn another_region_or_root_does_not_verify() {
    let claim = stamp(&keys(), NOON).unwrap();
    let region = StampKeys::new(&[1; 32], 20_000, "us").unwrap();
    let root = StampKeys::new(&[2; 32], 20_000, "eu").unwrap();
    for other in [region, root] {
        assert_eq!(other.verify(&claim, NOON), Err(StampError::NotOurs));
    }
}

#[test]
fn cached_keys_and_keys_derived_on_the_fly_are_the_same() {
    let derived = StampKeys::new(&[1; 32], 20_000, "eu").unwrap();
    let mut advanced = StampKeys::new(&[1; 32], 20_000, "eu").unwrap();
    advanced
        .advance_to(Timestamp::from_millis(NOON.as_millis() + 30 * DAY))
        .unwrap();
    let mut moved = keys();
    moved.destroy_before(20_020).unwrap();
    for days in [20, 29, 30, 31, 32, 60] {
        let now = Timestamp::from_millis(NOON.as_millis() + days * DAY);
        let claim = stamp(&derived, now).unwrap();
        assert_eq!(advanced.verify(&claim, now), Ok(()), "{days}");
        assert_eq!(moved.verify(&claim, now), Ok(()), "{days}");
        moved.advance_to(now).unwrap();
        assert_eq!(moved.verify(&claim, now), Ok(()), "{days}");
    }
}

#[test]
fn the_window_is_400_epochs_and_destruction_a_hundred_years() {
    let mut keys = keys();
    let edge = Timestamp::from_millis(NOON.as_millis() + u64::from(MAX_EPOCHS_KEPT) * DAY);
    assert!(stamp(&keys, edge).is_ok());
    let past = Timestamp::from_millis(edge.as_millis() + DAY);
    assert_eq!(
        stamp(&keys, past).unwrap_err(),
        StampKeysError::EpochOutOfReach
    );
    // A claim past the last epoch within reach is refused before any key is derived, even if `now`
    // is late enough.
    let mut far = stamp(&keys, edge).unwrap();
    assert_eq!(keys.verify(&far, past), Ok(()));
    far.context.accepted_at = past;
    far.context.epoch += 1;
    assert_eq!(keys.verify(&far, past), Err(StampError::EpochUnknown));
    let before = keys.export();
    assert_eq!(keys.advance_to(past), Err(StampKeysError::EpochOutOfReach));
    assert_eq!(
        keys.destroy_before(20_001 + MAX_EPOCHS_DESTROYED),
        Err(StampKeysError::EpochOutOfReach)
    );
    assert_eq!(*keys.export(), *before, "a failed call changes nothing");
    keys.destroy_before(20_000 + MAX_EPOCHS_DESTROYED).unwrap();
    assert_eq!(
        stamp(&keys, Timestamp::from_millis(u64::MAX)).unwrap_err(),
        StampKeysError::EpochOutOfReach
    );
}

#[test]
fn chk72_exported_keys_out_of_form_are_refused() {
    let bytes = keys().export();
    for cut in 0..bytes.len() {
        assert!(StampKeys::import(&bytes[..cut]).is_err());
    }
    assert!(StampKeys::import(&[bytes.as_slice(), &[0]].concat()).is_err());
    assert_eq!(
        StampKeys::new(&[0; 32], 0, &"x".repeat(MAX_REGION_LEN + 1)).unwrap_err(),
        StampKeysError::Region
    );
    assert!(StampKeys::generate(&"x".repeat(MAX_REGION_LEN), NOON, &mut rng(1)).is_ok());
}

#[test]
fn debug_shows_no_keys() {
    assert_eq!(
        format!("{:?}", keys()),
        r#"StampKeys { region: "eu", oldest_epoch: 20000, .. }"#
    );
}

/// An intake that caches no keys derives the chain of roots once for all claims of a report.
#[test]
fn one_walk_serves_all_claims_of_a_report() {
    let keys = StampKeys::new(&[1; 32], 20_000, "eu").unwrap();
    let now = Timestamp::from_millis(NOON.as_millis() + 400 * DAY);
    let claims: Vec<Claim> = [0, 0, 1, 7, 399, 399, 400, 3]
        .map(|days| stamp(&keys, Timestamp::from_millis(NOON.as_millis() + days * DAY)).unwrap())
        .into();
    let mut epochs = keys.epochs();
    for claim in &claims {
        assert_eq!(epochs.verify(claim, now), Ok(()));
    }
    // Verifying a claim caches the root it derived, and the next claim continues from there. If the
    // cached root is replaced, later claims fail.
    for on_the_way in [0, 2, 3, 5] {
        let mut epochs = keys.epochs();
        epochs.verify(&claims[on_the_way], now).unwrap();
        epochs.derived.as_mut().unwrap().root = Root(Secret::from_bytes(&[9; 32]));
        assert_eq!(epochs.verify(&claims[6], now), Err(StampError::NotOurs));
    }
}

#[test]
fn keys_are_cached_up_to_the_day_after_and_no_further() {
    let mut keys = StampKeys::new(&[7; 32], 20_000, "eu").unwrap();
    let mut cached = |days: u64| {
        keys.advance_to(Timestamp::from_millis(NOON.as_millis() + days * DAY))
            .unwrap();
        keys.epoch_keys.len()
    };
    assert_eq!([cached(0), cached(0), cached(3), cached(1)], [2, 2, 5, 5]);
    keys.destroy_before(20_002).unwrap();
    assert_eq!(keys.epoch_keys.len(), 3);
    keys.destroy_before(20_100).unwrap();
    assert_eq!(keys.epoch_keys.len(), 0);
    keys.advance_to(Timestamp::from_millis(NOON.as_millis() + 100 * DAY))
        .unwrap();
    assert_eq!(keys.epoch_keys.len(), 2);
}
