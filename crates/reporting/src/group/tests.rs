//! Tests of `group.rs`.

use super::*;
use crate::fanout::{MAX_POST_SKEW_MS, PostError};
use crate::stamp::{Claim, Stamp, StampContext};
use crate::stamp_keys::StampKeys;
use crate::tests::all::{AccountId, DeliveryError};
use crate::tests::world::{NOON, World, device};

mod limits;
mod relay;

use relay::stamped;

const MAC: [u8; 16] = [0xaa; 16];

fn key() -> DeliveryKey {
    DeliveryKey::from_bytes([4; 32])
}

fn club() -> ConversationId {
    ConversationId::group(b"chess club")
}

/// A fanout of any parts, for other tests.
pub(crate) fn fanout_of(
    tag: FrankingTag,
    group: ConversationId,
    stamp: GroupStamp,
    body: Vec<u8>,
    slots: Vec<GroupSlot>,
) -> GroupFanout {
    GroupFanout::new(tag, group, stamp, body, slots).unwrap()
}

fn stamp() -> GroupStamp {
    GroupStamp::new(7, [5; 32], [6; 32])
}

fn keys(fill: u8) -> GroupSlot {
    GroupSlot::Key(vec![fill; 17])
}

fn slots() -> Vec<GroupSlot> {
    vec![
        keys(0xb1),
        GroupSlot::Mac(MAC),
        GroupSlot::Empty,
        GroupSlot::Mac([0xab; 16]),
        keys(0xb2),
    ]
}

fn with(slots: Vec<GroupSlot>) -> Result<GroupFanout, GroupFanoutError> {
    let tag = FrankingTag::from_bytes([9; 32]);
    GroupFanout::new(tag, club(), stamp(), b"body".to_vec(), slots)
}

fn fanout() -> GroupFanout {
    with(slots()).unwrap()
}

fn targets() -> Vec<DeviceAddress> {
    let devices = [
        ("alice", 2),
        ("bob", 7),
        ("bob", 8),
        ("carol", 1),
        ("dan", 3),
    ];
    devices.map(|(name, id)| device(name, id)).into()
}

fn posted(fanout: &GroupFanout) -> PostedGroup {
    PostedGroup::decode(&fanout.post(&key(), &device("alice", 1), NOON)).unwrap()
}

fn authentic(fanout: &GroupFanout) -> AuthenticGroup {
    let posted = posted(fanout);
    posted
        .authenticate(&key(), &device("alice", 1), NOON)
        .unwrap()
}

fn targeted() -> TargetedGroup {
    authentic(&fanout())
        .for_targets(targets(), &[6; 32])
        .unwrap()
}

/// The message after the tag, as bytes.
fn message(slots: &[&[u8]]) -> Vec<u8> {
    let group = club();
    let fields = [
        group.as_bytes(),
        &7_u64.to_be_bytes()[..],
        &[5; 32],
        &[6; 32],
        &4_u32.to_be_bytes(),
        b"body",
    ];
    [fields.concat(), slots.concat()].concat()
}

/// Key, MAC, empty and MAC; then key, and three pairs of unused bits.
const KINDS: [u8; 2] = [0b1001_0001, 0b1000_0000];

fn encoded_slots() -> Vec<u8> {
    let keys = |fill: u8| [&[0, 17][..], &[fill; 17]].concat();
    let fields: [&[u8]; 6] = [&[0, 5], &KINDS, &MAC, &[0xab; 16], &keys(0xb1), &keys(0xb2)];
    fields.concat()
}

#[test]
fn a_fanout_is_encoded_as_specified_and_read_again() {
    let stored = fanout().encode();
    let expected = [&[4][..], &[9; 32], &message(&[&encoded_slots()])].concat();
    assert_eq!(stored, expected);
    let read = GroupFanout::decode(&stored).unwrap();
    assert!(read == fanout());
    assert_eq!(read.slots(), slots());
    assert_eq!(read.body(), b"body");
    assert_eq!(read.group(), &club());
    assert_eq!(read.stamp(), &stamp());
    for count in 1..=9 {
        for slot in [GroupSlot::Empty, GroupSlot::Mac(MAC), keys(1)] {
            let fanout = with(vec![slot; count]).unwrap();
            assert!(GroupFanout::decode(&fanout.encode()).unwrap() == fanout);
        }
    }
}

#[test]
fn a_posted_group_message_is_read_as_it_was_sealed() {
    let accepted = authentic(&fanout());
    assert_eq!(accepted.tag(), fanout().tag());
    assert_eq!(accepted.sender(), &device("alice", 1));
    assert_eq!(accepted.group(), &club());
    assert_eq!(accepted.stamp(), &stamp());
    assert_eq!(accepted.slots(), 5);
    assert_eq!(accepted.digest(), &digest(&message(&[&encoded_slots()])));
    let targeted = targeted();
    let empty: Vec<_> = targeted.targets().collect();
    let targets = targets();
    let expected: Vec<_> = targets
        .iter()
        .zip([false, false, true, false, false])
        .collect();
    assert_eq!(empty, expected);
}

#[test]
fn another_target_gets_a_slot_and_the_message_keeps_its_body_and_tag() {
    let mut fanout = fanout();
    let more = [slots(), vec![keys(3)]].concat();
    fanout.retarget([8; 32], more.clone()).unwrap();
    let changed = GroupStamp::new(7, [5; 32], [8; 32]);
    assert_eq!((fanout.stamp(), fanout.slots()), (&changed, &more[..]));
    assert_eq!(fanout.body(), b"body");
    let before = fanout.encode();
    let refused = fanout.retarget([1; 32], vec![]);
    assert_eq!(refused, Err(GroupFanoutError::SlotCount { slots: 0 }));
    assert_eq!(fanout.encode(), before, "nothing has changed");
}

#[test]
fn chk410_stored_group_fanout_out_of_form_is_refused() {
    let stored = fanout().encode();
    assert!(GroupFanout::decode(&stored).is_ok());
    for cut in 1..stored.len() {
        let refused = GroupFanout::decode(&stored[..cut]).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed, "{cut}");
    }
    let refused = GroupFanout::decode(&[&stored[..], &[0]].concat()).unwrap_err();
    assert_eq!(refused, DecodeError::Malformed);
    assert_eq!(
        GroupFanout::decode(&[]).unwrap_err(),
        DecodeError::Malformed
    );
    // No body.
    let mut bodiless = stored.clone();
    bodiless.splice(1 + 32 + 104.., [&[0; 4][..], &encoded_slots()].concat());
    assert_eq!(
        GroupFanout::decode(&bodiless).unwrap_err(),
        DecodeError::Malformed
    );
    for version in [2, 3, 5] {
        let mut other = stored.clone();
        other[0] = version;
        let refused = GroupFanout::decode(&other).unwrap_err();
        assert_eq!(refused, DecodeError::UnknownVersion { version });
    }
}

#[test]
fn chk410_posted_group_message_of_another_version_or_form_is_refused() {
    let bytes = fanout().post(&key(), &device("alice", 1), NOON);
    for version in [2, 3, 5] {
        let mut other = bytes.clone();
        other[0] = version;
        let refused = PostedGroup::decode(&other).unwrap_err();
        assert_eq!(refused, DecodeError::UnknownVersion { version });
    }
    for cut in 1..bytes.len() {
        let refused = PostedGroup::decode(&bytes[..cut]).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed, "{cut}");
    }
    // A stored fanout is not a posted one, nor the reverse.
    assert!(PostedGroup::decode(&fanout().encode()).is_err());
    assert!(GroupFanout::decode(&bytes).is_err());
}

fn read_slots(slots: &[&[u8]]) -> Option<Vec<GroupSlot>> {
    slots::read(&slots.concat())
}

#[test]
fn chk411_slots_of_another_form_are_refused() {
    assert_eq!(read_slots(&[&encoded_slots()]), Some(slots()));
    let (one, empty) = ([0, 1], [0_u8]);
    assert_eq!(read_slots(&[&one, &empty]), Some(vec![GroupSlot::Empty]));
    let mac = |kinds: u8| read_slots(&[&one, &[kinds], &MAC]);
    assert_eq!(mac(0b0100_0000), Some(vec![GroupSlot::Mac(MAC)]));
    // A fourth kind, unused bits, another number than there are, a byte after them.
    assert_eq!(mac(0b1100_0000), None);
    for unused in 0..6 {
        assert_eq!(mac(0b0100_0000 | 1 << unused), None, "{unused}");
    }
    assert_eq!(read_slots(&[&[0, 0]]), None);
    assert_eq!(read_slots(&[&[0, 0], &empty]), None);
    assert_eq!(
        read_slots(&[&[0, 2], &[0b0100_0000], &MAC]).map(|all| all.len()),
        Some(2)
    );
    assert_eq!(read_slots(&[&[0, 2], &[0b0101_0000], &MAC]), None);
    assert_eq!(read_slots(&[&one, &[0b0100_0000], &MAC, &[0]]), None);
    assert_eq!(read_slots(&[&one, &[0b0100_0000, 0], &MAC]), None);
    assert_eq!(read_slots(&[&one, &[0b0100_0000], &MAC[1..]]), None);
    assert_eq!(read_slots(&[&[0]]), None);
    // A key slot that is as short as a MAC, and one that ends early.
    let key =
        |len: u16, bytes: &[u8]| read_slots(&[&one, &[0b1000_0000], &len.to_be_bytes(), bytes]);
    assert_eq!(key(17, &[1; 17]), Some(vec![keys(1)]));
    assert_eq!(key(16, &[1; 16]), None);
    assert_eq!(key(0, &[]), None);
    assert_eq!(key(18, &[1; 17]), None);
    assert_eq!(key(17, &[1; 18]), None);
}

#[test]
fn chk411_stored_slot_of_another_form_is_refused() {
    for slot in slots() {
        assert_eq!(GroupSlot::decode(&slot.encode()), Ok(slot));
    }
    assert_eq!(GroupSlot::Empty.encode(), [0]);
    assert_eq!(GroupSlot::Mac(MAC).encode(), [&[1][..], &MAC].concat());
    assert_eq!(keys(3).encode(), [&[2][..], &[3; 17]].concat());
    let bad: [&[u8]; 7] = [&[], &[0, 0], &[1], &[1; 16], &[1; 18], &[2; 17], &[3; 17]];
    for bytes in bad {
        assert_eq!(GroupSlot::decode(bytes), Err(DecodeError::Malformed));
    }
    assert!(GroupSlot::decode(&[2; 4_001]).is_ok());
    assert_eq!(GroupSlot::decode(&[2; 4_002]), Err(DecodeError::Malformed));
}

#[test]
fn chk412_group_message_of_another_sender_group_tag_time_or_content_is_refused() {
    let bytes = fanout().post(&key(), &device("alice", 1), NOON);
    let take = |bytes: &[u8], key: &DeliveryKey, sender: &DeviceAddress| {
        let posted = PostedGroup::decode(bytes).unwrap();
        posted.authenticate(key, sender, NOON).map(|_| ())
    };
    let alice = device("alice", 1);
    assert_eq!(take(&bytes, &key(), &alice), Ok(()));
    let other = DeliveryKey::from_bytes([3; 32]);
    assert_eq!(take(&bytes, &other, &alice), Err(PostError::NotAuthentic));
    for sender in [device("alice", 2), device("alicf", 1)] {
        assert_eq!(take(&bytes, &key(), &sender), Err(PostError::NotAuthentic));
    }
    // Each altered byte: tag, time, MAC, group, state, digest, body and slots.
    let mut decoded = 0;
    for index in 1..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        if let Ok(posted) = PostedGroup::decode(&altered) {
            let refused = posted.authenticate(&key(), &alice, NOON).map(|_| ());
            assert_eq!(refused, Err(PostError::NotAuthentic), "{index}");
            decoded += 1;
        }
    }
    assert!(decoded > 200, "{decoded}");
}

/// The MAC of a fanout has the same fields before its digest, under another label.
#[test]
fn chk412_fanout_mac_over_the_same_message_is_refused() {
    let alice = device("alice", 1);
    let message = message(&[&encoded_slots()]);
    let input = mac_input(
        &alice,
        &Audience::Group(club()),
        fanout().tag(),
        NOON,
        &digest(&message),
    );
    let posted = |label: &[u8]| {
        let posted = wire::PostedGroup {
            franking_tag: vec![9; 32],
            posted_at: NOON.as_millis().to_be_bytes().to_vec(),
            group_mac: mac::hmac(key().as_bytes(), &[label, &input]).to_vec(),
            message: message.clone(),
        };
        let posted = PostedGroup::decode(&wire::encode_as(4, &posted)).unwrap();
        posted.authenticate(&key(), &alice, NOON).map(|_| ())
    };
    assert_eq!(posted(labels::GROUP_POST), Ok(()));
    assert_eq!(posted(labels::FANOUT), Err(PostError::NotAuthentic));
}

#[test]
fn chk111_group_message_posted_more_than_ten_minutes_before_or_after_is_refused() {
    let alice = device("alice", 1);
    let at = |ms: u64| {
        let now = Timestamp::from_millis(ms);
        posted(&fanout())
            .authenticate(&key(), &alice, now)
            .map(|_| ())
    };
    let noon = NOON.as_millis();
    for ms in [noon - MAX_POST_SKEW_MS, noon, noon + MAX_POST_SKEW_MS] {
        assert_eq!(at(ms), Ok(()));
    }
    for ms in [
        0,
        noon - MAX_POST_SKEW_MS - 1,
        noon + MAX_POST_SKEW_MS + 1,
        u64::MAX,
    ] {
        assert_eq!(at(ms), Err(PostError::ClockDiffers));
    }
    // The MAC comes first.
    let other = DeliveryKey::from_bytes([3; 32]);
    let refused = posted(&fanout()).authenticate(&other, &alice, Timestamp::from_millis(0));
    assert_eq!(refused.map(|_| ()), Err(PostError::NotAuthentic));
}

#[test]
fn chk413_slots_for_other_devices_than_the_groups_are_refused() {
    let take = |targets: Vec<DeviceAddress>, digest: u8| {
        let targeted = authentic(&fanout()).for_targets(targets, &[digest; 32]);
        targeted.map(|_| ())
    };
    assert_eq!(take(targets(), 6), Ok(()));
    assert_eq!(take(targets(), 7), Err(PostError::OtherTargets));
    let fewer = targets()[1..].to_vec();
    let more = [targets(), vec![device("eve", 1)]].concat();
    for wrong in [fewer, more, vec![]] {
        assert_eq!(take(wrong, 6), Err(PostError::OtherTargets));
    }
    // The sending device is no target.
    let mut with_sender = targets();
    with_sender[0] = device("alice", 1);
    assert_eq!(take(with_sender, 6), Err(PostError::OtherTargets));
}

#[test]
fn debug_shows_no_body_slot_or_tag() {
    let world = World::new(1);
    let printed = [
        format!("{:?}", fanout()),
        format!("{:?}", posted(&fanout())),
        format!("{:?}", authentic(&fanout())),
        format!("{:?}", targeted()),
        format!("{:?}", slots()),
        format!("{:?}", stamped().0),
    ];
    drop(world);
    for printed in &printed {
        assert!(
            !printed.contains("170") && !printed.contains("98, 111"),
            "{printed}"
        );
        assert!(!printed.contains("9, 9"), "{printed}");
    }
    assert_eq!(printed[4], "[Key(17), Mac(..), Empty, Mac(..), Key(17)]");
}
