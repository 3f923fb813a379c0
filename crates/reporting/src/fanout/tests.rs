//! Tests of `fanout.rs`.

use super::*;
use crate::conversation::ConversationId;
use crate::delivery::Delivery;
use crate::envelope::MAX_CIPHERTEXT_LEN;
use crate::tests::all::{Receipt, StampedEnvelope};
use crate::tests::world::{DAY, NOON, World, account, device};

const OWN: RosterStamp = RosterStamp {
    epoch: 1,
    version: 7,
};
const PEER: RosterStamp = RosterStamp {
    epoch: 2,
    version: 3,
};

fn envelope(tag: u8, ciphertext: &[u8]) -> Envelope {
    Envelope::new(FrankingTag::from_bytes([tag; 32]), ciphertext.to_vec())
}

/// A message of `alice`, device 1: for Bob's devices 1 and 3 and for Alice's device 2. The slot of
/// Bob's device 3 is empty.
fn fanout() -> Fanout {
    let mut fanout = Fanout::new(FrankingTag::from_bytes([9; 32]), OWN, PEER);
    let own = envelope(9, b"to alice/2");
    fanout.insert(true, DeviceId(2), Some(own)).unwrap();
    fanout.insert(false, DeviceId(3), None).unwrap();
    let peer = envelope(9, b"to bob/1");
    fanout.insert(false, DeviceId(1), Some(peer)).unwrap();
    fanout
}

fn key() -> DeliveryKey {
    DeliveryKey::from_bytes([4; 32])
}

fn to_bob() -> Audience {
    Audience::Direct(account("bob"))
}

fn posted(fanout: &Fanout, audience: &Audience) -> PostedFanout {
    let bytes = fanout.post(&key(), &device("alice", 1), audience, NOON);
    PostedFanout::decode(&bytes).unwrap()
}

fn authentic(fanout: &Fanout, audience: &Audience) -> Result<AuthenticFanout, PostError> {
    posted(fanout, audience).authenticate(&key(), &device("alice", 1), audience, NOON)
}

#[test]
fn a_fanout_that_its_device_posts_is_authentic() {
    let authentic = authentic(&fanout(), &to_bob()).unwrap();
    assert!(authentic.tag().matches(fanout().tag()));
    assert_eq!(authentic.sender(), &device("alice", 1));
    assert_eq!(authentic.audience(), &to_bob());
    assert_eq!(authentic.own_version(), OWN);
    assert_eq!(authentic.peer_version(), PEER);
    assert_eq!(
        authentic.targets(),
        [
            (device("bob", 1), false),
            (device("bob", 3), true),
            (device("alice", 2), false),
        ]
    );
}

#[test]
fn chk115_stored_fanout_out_of_form_is_refused() {
    let bytes = fanout().encode();
    let read = Fanout::decode(&bytes).unwrap();
    assert!(read == fanout());
    for len in 0..bytes.len() {
        assert!(Fanout::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(Fanout::decode(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn slots_are_changed_when_the_rosters_are_others() {
    let mut fanout = fanout();
    assert_eq!(
        fanout.slot(false, DeviceId(1)).unwrap().ciphertext,
        b"to bob/1"
    );
    assert!(fanout.slot(true, DeviceId(1)).is_none());
    let late = envelope(9, b"to bob/3");
    fanout.insert(false, DeviceId(3), Some(late)).unwrap();
    fanout.retain(|slot| slot.own || slot.device != DeviceId(1));
    fanout.name_rosters(OWN, RosterStamp::new(2, 4));
    assert_eq!(fanout.peer_version(), RosterStamp::new(2, 4));
    let left: Vec<_> = fanout
        .slots()
        .iter()
        .map(|slot| slot.ciphertext.as_slice())
        .collect();
    assert_eq!(left, [b"to bob/3".as_slice(), b"to alice/2"]);
    assert!(authentic(&fanout, &to_bob()).is_ok());
    let other = envelope(8, b"another message");
    let refused = fanout.insert(false, DeviceId(3), Some(other));
    assert_eq!(refused, Err(FanoutError::OtherMessage));
    assert_eq!(
        fanout.slot(false, DeviceId(3)).unwrap().ciphertext,
        b"to bob/3"
    );
}

/// Someone with a stolen session token is authenticated as Alice, but has not her delivery key.
#[test]
fn chk292_fanout_of_another_sender_audience_tag_time_or_slots_is_refused() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let posted = || posted(&fanout(), &bob);
    assert!(posted().authenticate(&key(), &alice, &bob, NOON).is_ok());
    let thief = DeliveryKey::from_bytes([5; 32]);
    let carol = Audience::Direct(account("carol"));
    let direct = ConversationId::direct(&account("alice"), &account("bob"));
    let group = Audience::Group(direct);
    for refused in [
        posted().authenticate(&thief, &alice, &bob, NOON),
        posted().authenticate(&key(), &device("alice", 4), &bob, NOON),
        posted().authenticate(&key(), &device("alicf", 1), &bob, NOON),
        posted().authenticate(&key(), &alice, &carol, NOON),
        posted().authenticate(&key(), &alice, &group, NOON),
    ] {
        assert_eq!(refused.unwrap_err(), PostError::NotAuthentic);
    }
    // A cut message cannot be read. Of one with an altered byte, what can be read is not authentic.
    let bytes = fanout().post(&key(), &alice, &bob, NOON);
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        if let Ok(altered) = PostedFanout::decode(&altered) {
            let refused = altered.authenticate(&key(), &alice, &bob, NOON);
            assert_eq!(refused.unwrap_err(), PostError::NotAuthentic, "byte {at}");
        }
    }
    for cut in 0..bytes.len() {
        assert!(PostedFanout::decode(&bytes[..cut]).is_err());
    }
    // Slots of other rosters, and slots without one of the devices.
    let mut versions = fanout();
    versions.name_rosters(OWN, OWN);
    let mut left_out = fanout();
    left_out.retain(|slot| !slot.own);
    for other in [versions, left_out] {
        // The fields before the slots, with the MAC, are of the genuine posting.
        let other = other.post(&key(), &alice, &bob, NOON);
        let spliced = [&bytes[..79], &other[79..]].concat();
        let spliced = PostedFanout::decode(&spliced).unwrap();
        let refused = spliced.authenticate(&key(), &alice, &bob, NOON);
        assert_eq!(refused.unwrap_err(), PostError::NotAuthentic);
    }
}

/// Someone who kept a posted message and later steals a token cannot have it stamped as new. Its
/// sender posts the same message again at any time.
#[test]
fn chk111_fanout_posted_more_than_ten_minutes_before_or_after_is_refused() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let at = |ms: u64| {
        let now = Timestamp::from_millis(ms);
        posted(&fanout(), &bob)
            .authenticate(&key(), &alice, &bob, now)
            .map(|_| ())
    };
    let noon = NOON.as_millis();
    assert_eq!(at(noon + MAX_POST_SKEW_MS), Ok(()));
    assert_eq!(at(noon - MAX_POST_SKEW_MS), Ok(()));
    let past = [noon + MAX_POST_SKEW_MS + 1, noon - MAX_POST_SKEW_MS - 1];
    for ms in past.into_iter().chain([0, u64::MAX]) {
        assert_eq!(at(ms), Err(PostError::ClockDiffers));
    }
    let later = Timestamp::from_millis(noon + 30 * DAY);
    let again = fanout().post(&key(), &alice, &bob, later);
    let again = PostedFanout::decode(&again).unwrap();
    assert!(again.authenticate(&key(), &alice, &bob, later).is_ok());
}

#[test]
fn no_delivery_or_receipt_contains_the_time_of_posting_or_the_fanout_mac() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let time = Timestamp::from_millis(0x0102_0304_0506_0708);
    let bytes = fanout().post(&key(), &alice, &bob, time);
    let posted = PostedFanout::decode(&bytes).unwrap();
    let authentic = posted.authenticate(&key(), &alice, &bob, time).unwrap();
    let claim = World::new(1).stamp_keys.stamp(&authentic, NOON).unwrap();
    let receiving = DeliveryKey::from_bytes([6; 32]);
    let mut outputs = vec![claim.encode(), Receipt::new(&claim, &receiving).encode()];
    for (_, stamped) in StampedEnvelope::fan_out(claim, authentic).unwrap() {
        let delivery = stamped.deliver(&receiving).encode();
        assert!(Delivery::decode(&delivery).is_ok());
        outputs.extend([stamped.encode(), delivery]);
    }
    let (time, mac) = (&bytes[37..45], &bytes[47..79]);
    assert_eq!(time, [1, 2, 3, 4, 5, 6, 7, 8]);
    for bytes in outputs {
        let contains = |field: &[u8]| bytes.windows(field.len()).any(|window| window == field);
        assert!(!contains(time) && !contains(mac));
    }
}

#[test]
fn chk293_slot_for_the_sending_device_is_refused() {
    let mut fanout = fanout();
    fanout.insert(true, DeviceId(1), None).unwrap();
    let refused = authentic(&fanout, &to_bob()).unwrap_err();
    assert_eq!(refused, PostError::OtherTargets);
    // A peer's device may have the same number.
    fanout.retain(|slot| !(slot.own && slot.device == DeviceId(1)));
    assert!(fanout.slot(false, DeviceId(1)).is_some());
    assert!(authentic(&fanout, &to_bob()).is_ok());
}

#[test]
fn chk293_note_to_the_own_account_has_no_slot_and_no_roster_of_a_peer() {
    let me = Audience::Direct(account("alice"));
    let mut note = fanout();
    note.retain(|slot| slot.own);
    assert_eq!(authentic(&note, &me).unwrap_err(), PostError::OtherTargets);
    note.name_rosters(OWN, RosterStamp::default());
    let accepted = authentic(&note, &me).unwrap();
    assert_eq!(accepted.targets(), [(device("alice", 2), false)]);
    note.insert(false, DeviceId(2), None).unwrap();
    assert_eq!(authentic(&note, &me).unwrap_err(), PostError::OtherTargets);
}

#[test]
fn chk293_fanout_to_a_group_is_refused() {
    let group = Audience::Group(ConversationId::group(b"g"));
    let refused = authentic(&fanout(), &group).unwrap_err();
    assert_eq!(refused, PostError::OtherTargets);
}

/// The slots with these bytes after the two rosters.
fn slots(after_rosters: &[&[u8]]) -> Option<Fanout> {
    let bytes = [&[0; 16][..], &after_rosters.concat()].concat();
    Fanout::read_slots(FrankingTag::from_bytes([9; 32]), &bytes)
}

fn slot(side: u8, device: u32, ciphertext: &[u8]) -> Vec<u8> {
    let len = u32::try_from(ciphertext.len()).unwrap();
    [
        &[side][..],
        &device.to_be_bytes(),
        &len.to_be_bytes(),
        ciphertext,
    ]
    .concat()
}

#[test]
fn chk291_slots_out_of_order_twice_or_of_another_form_are_refused() {
    let (peer, own) = (slot(0, 7, b"x"), slot(1, 2, b"y"));
    assert!(slots(&[&[2], &peer, &own]).is_some());
    // The order of the sides, and within a side that of the devices.
    assert!(slots(&[&[2], &own, &peer]).is_none());
    assert!(slots(&[&[2], &slot(0, 8, b""), &peer]).is_none());
    // A device twice, also with different ciphertexts.
    assert!(slots(&[&[2], &peer, &peer]).is_none());
    assert!(slots(&[&[2], &peer, &slot(0, 7, b"y")]).is_none());
    // A third side, no slot, one slot too few or too many for the count, a byte after them.
    assert!(slots(&[&[1], &slot(2, 7, b"x")]).is_none());
    assert!(slots(&[&[0]]).is_none());
    assert!(slots(&[&[3], &peer, &own]).is_none());
    assert!(slots(&[&[1], &peer, &own]).is_none());
    assert!(slots(&[&[2], &peer, &own, &[0]]).is_none());
}

#[test]
fn chk291_slots_over_a_limit_are_refused() {
    let longest = vec![1; MAX_CIPHERTEXT_LEN];
    assert!(slots(&[&[1], &slot(0, 1, &longest)]).is_some());
    assert!(slots(&[&[1], &slot(0, 1, &[&longest[..], &[1]].concat())]).is_none());
    let many = |count: u8| {
        let all: Vec<u8> = (0..count).flat_map(|id| slot(0, id.into(), b"")).collect();
        slots(&[&[count], &all])
    };
    assert!(many(16).is_some());
    assert!(many(17).is_none());
    let mut fanout = many(16).unwrap();
    let refused = fanout.insert(true, DeviceId(1), None);
    assert_eq!(refused, Err(FanoutError::TooManySlots));
    fanout.insert(false, DeviceId(15), None).unwrap();
    assert_eq!(fanout.slots().len(), MAX_SLOTS);
}

#[test]
fn the_longest_fanout_is_within_its_limits_and_one_byte_more_is_not_parsed() {
    let mut longest = Fanout::new(FrankingTag::from_bytes([9; 32]), OWN, PEER);
    for id in 0..16 {
        let ciphertext = envelope(9, &vec![1; MAX_CIPHERTEXT_LEN]);
        longest
            .insert(false, DeviceId(id), Some(ciphertext))
            .unwrap();
    }
    let stored = longest.encode();
    assert_eq!(stored.len(), MAX_FANOUT_LEN);
    assert!(Fanout::decode(&stored).unwrap() == longest);
    let bytes = longest.post(&key(), &device("alice", 1), &to_bob(), NOON);
    assert_eq!(bytes.len(), MAX_POSTED_FANOUT_LEN);
    assert!(PostedFanout::decode(&bytes).is_ok());
    let refused = PostedFanout::decode(&[&bytes[..], &[0]].concat()).map(|_| ());
    let (len, max) = (MAX_POSTED_FANOUT_LEN + 1, MAX_POSTED_FANOUT_LEN);
    assert_eq!(refused, Err(DecodeError::TooLong { len, max }));
    let refused = Fanout::decode(&[&stored[..], &[0]].concat()).map(|_| ());
    let (len, max) = (MAX_FANOUT_LEN + 1, MAX_FANOUT_LEN);
    assert_eq!(refused, Err(DecodeError::TooLong { len, max }));
}

#[test]
fn a_fanout_of_another_version_is_refused() {
    let mut bytes = fanout().post(&key(), &device("alice", 1), &to_bob(), NOON);
    let mut stored = fanout().encode();
    for version in [2, 4] {
        (bytes[0], stored[0]) = (version, version);
        let refused = Err(DecodeError::UnknownVersion { version });
        assert_eq!(PostedFanout::decode(&bytes).map(|_| ()), refused);
        assert_eq!(Fanout::decode(&stored).map(|_| ()), refused);
    }
}

#[test]
fn debug_shows_no_ciphertext_and_no_tag() {
    let slot = "Slot { own: true, device: DeviceId(2), ciphertext_len: 10 }";
    assert_eq!(
        format!("{:?}", fanout().slot(true, DeviceId(2)).unwrap()),
        slot
    );
    for printed in [
        format!("{:?}", fanout()),
        format!("{:?}", posted(&fanout(), &to_bob())),
        format!("{:?}", authentic(&fanout(), &to_bob()).unwrap()),
    ] {
        assert!(printed.contains(slot), "{printed}");
        assert!(
            !printed.contains("0909") && !printed.contains("9, 9"),
            "{printed}"
        );
    }
}
