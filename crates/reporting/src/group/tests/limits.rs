//! Tests the limits of group messages.

use super::*;
use crate::group::slots::{check, encoded_len};

#[test]
fn chk411_slots_over_a_limit_are_refused() {
    let empty = |count: usize| vec![GroupSlot::Empty; count];
    assert_eq!(check(&empty(MAX_GROUP_SLOTS)), Ok(()));
    let (too_many, slots) = (empty(MAX_GROUP_SLOTS + 1), MAX_GROUP_SLOTS + 1);
    assert_eq!(check(&too_many), Err(GroupFanoutError::SlotCount { slots }));
    assert_eq!(check(&[]), Err(GroupFanoutError::SlotCount { slots: 0 }));
    let read = |count: u16, kinds: usize| {
        let bytes = [&count.to_be_bytes()[..], &vec![0; kinds]].concat();
        slots::read(&bytes).map(|slots| slots.len())
    };
    assert_eq!(read(4_096, 1_024), Some(4_096));
    assert_eq!(read(4_097, 1_025), None);
    assert_eq!(read(u16::MAX, 16_384), None);
    let key = |len: usize| GroupSlot::Key(vec![1; len]);
    for len in [17, MAX_KEY_SLOT_LEN] {
        assert_eq!(check(&[key(len)]), Ok(()));
    }
    for len in [0, 16, MAX_KEY_SLOT_LEN + 1] {
        assert_eq!(
            check(&[key(len)]),
            Err(GroupFanoutError::KeySlotLength { len })
        );
    }
}

/// Slots whose encoding has exactly this length.
fn slots_of_len(len: usize) -> Vec<GroupSlot> {
    let mut slots = vec![GroupSlot::Key(vec![1; MAX_KEY_SLOT_LEN]); 523];
    let rest = len
        .checked_sub(encoded_len(&slots).saturating_add(2))
        .unwrap();
    slots.push(GroupSlot::Key(vec![1; rest]));
    slots
}

#[test]
fn the_longest_group_message_is_within_its_limits_and_one_byte_more_is_not_parsed() {
    let slots = slots_of_len(MAX_GROUP_SLOTS_LEN);
    assert_eq!(encoded_len(&slots), MAX_GROUP_SLOTS_LEN);
    let longer = slots_of_len(MAX_GROUP_SLOTS_LEN + 1);
    assert_eq!(check(&longer), Err(GroupFanoutError::SlotsTooLong));
    let mut bytes = Vec::new();
    slots::put(&longer, &mut bytes);
    assert_eq!(bytes.len(), MAX_GROUP_SLOTS_LEN + 1);
    assert_eq!(slots::read(&bytes), None);

    let tag = FrankingTag::from_bytes([9; 32]);
    let sealed = |len: usize| {
        let body = vec![1; len];
        GroupFanout::new(tag, club(), stamp(), body, slots.clone())
    };
    for len in [0, MAX_GROUP_BODY_LEN + 1] {
        let refused = sealed(len).map(|_| ());
        assert_eq!(refused, Err(GroupFanoutError::BodyLength { len }));
    }
    let longest = sealed(MAX_GROUP_BODY_LEN).unwrap();
    let stored = longest.encode();
    assert_eq!(stored.len(), MAX_GROUP_FANOUT_LEN);
    assert!(GroupFanout::decode(&stored).unwrap() == longest);
    let posted = longest.post(&key(), &device("alice", 1), NOON);
    assert_eq!(posted.len(), MAX_POSTED_GROUP_LEN);
    assert!(PostedGroup::decode(&posted).is_ok());
    let (len, max) = (MAX_GROUP_FANOUT_LEN + 1, MAX_GROUP_FANOUT_LEN);
    let refused = GroupFanout::decode(&[&stored[..], &[0]].concat()).map(|_| ());
    assert_eq!(refused, Err(DecodeError::TooLong { len, max }));
    let (len, max) = (MAX_POSTED_GROUP_LEN + 1, MAX_POSTED_GROUP_LEN);
    let refused = PostedGroup::decode(&[&posted[..], &[0]].concat()).map(|_| ());
    assert_eq!(refused, Err(DecodeError::TooLong { len, max }));
}

#[test]
fn chk410_longer_body_is_refused() {
    let body = |len: usize| {
        let fields = [club().as_bytes(), &7_u64.to_be_bytes()[..], &[5; 64]].concat();
        let len32 = u32::try_from(len).unwrap().to_be_bytes();
        let body = vec![1; len];
        let stored = [&[4][..], &[9; 32], &fields, &len32, &body, &[0, 1, 0]].concat();
        GroupFanout::decode(&stored).map(|fanout| fanout.body().len())
    };
    assert_eq!(body(MAX_GROUP_BODY_LEN), Ok(MAX_GROUP_BODY_LEN));
    assert_eq!(body(MAX_GROUP_BODY_LEN + 1), Err(DecodeError::Malformed));
}

#[test]
fn chk414_longest_stamped_group_message_ends_at_its_limit() {
    let longest = DeviceAddress::new(
        AccountId::new(&"a".repeat(128)).unwrap(),
        crate::DeviceId(1),
    );
    let context = StampContext {
        sender: longest,
        audience: Audience::Group(club()),
        accepted_at: NOON,
        epoch: 20_000,
    };
    let claim = Claim::new(
        FrankingTag::from_bytes([9; 32]),
        context,
        Stamp::new([1; 32]),
    );
    let with_body = |len: usize| [&[4], &claim.encode()[1..], &vec![1; len]].concat();
    let longest = with_body(MAX_GROUP_BODY_LEN);
    assert_eq!(longest.len(), MAX_STAMPED_GROUP_LEN);
    assert!(StampedGroup::decode(&longest).is_ok());
    let longer = with_body(MAX_GROUP_BODY_LEN + 1);
    assert!(matches!(
        StampedGroup::decode(&longer),
        Err(DecodeError::TooLong { .. })
    ));
    let mut shorter_name = claim.clone();
    shorter_name.context.sender = device("al", 1);
    let longer = [
        &[4],
        &shorter_name.encode()[1..],
        &vec![1; MAX_GROUP_BODY_LEN + 1],
    ]
    .concat();
    assert_eq!(
        StampedGroup::decode(&longer).unwrap_err(),
        DecodeError::Malformed
    );
    let refused = StampedGroup::decode(&[4; MAX_STAMPED_GROUP_LEN + 1]).unwrap_err();
    let (len, max) = (MAX_STAMPED_GROUP_LEN + 1, MAX_STAMPED_GROUP_LEN);
    assert_eq!(refused, DecodeError::TooLong { len, max });
    // The longest key slot and the longest body fit into a delivery.
    let kept = StampedGroup::decode(&with_body(MAX_GROUP_BODY_LEN)).unwrap();
    let slot = GroupSlot::Key(vec![1; MAX_KEY_SLOT_LEN]);
    let delivery = kept.deliver(&slot, &key()).encode();
    assert!(crate::delivery::Delivery::decode(&delivery).is_ok());
}
