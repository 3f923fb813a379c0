//! Messages to a group, from sealing to the verified report.

use super::all::*;
use super::world::*;

mod attacks;
mod forged;
mod members;
mod reports;

use members::{Members, Posted, STAMP};

#[test]
fn one_message_has_one_body_and_one_stamp_and_opens_at_every_device() {
    let mut members = Members::new();
    let alice = device("alice", 1);
    // The first message carries key slots, and the second one MAC slots.
    for (text, with_keys) in [("one", true), ("two", false)] {
        let posted = members.says(&alice, text);
        assert_eq!(posted.slots.len(), 4);
        for (to, slot) in &posted.slots {
            assert_eq!(matches!(slot, GroupSlot::Key(_)), with_keys);
            let delivery = members.delivered(&posted.kept, slot, to).unwrap();
            assert_eq!(delivery.is_own_copy(), to.account == alice.account);
            let opened = members.open(&delivery, to).unwrap();
            assert_eq!(opened.sender(), &alice);
            assert_eq!(opened.tag(), posted.message.tag());
            assert_eq!(opened.content(), &Content::Text(text.into()));
            assert_eq!(opened.evidence().encode(), posted.receipt.encode());
        }
        let bodies: Vec<_> = posted.slots.values().map(GroupSlot::encode).collect();
        assert!(bodies.iter().all(|slot| slot.len() < 200));
    }
}

#[test]
fn a_control_message_goes_to_a_group_in_one_piece_and_is_not_shown() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 8));
    let (group, control) = (members.group, Control::default());
    let sent = SentControl::commit(&alice, &group, &control, &mut members.world.rng).unwrap();
    let fanout = members.seal(&alice, None, |channel, rng| {
        sent.seal_for_group(channel, STAMP, rng).unwrap()
    });
    let (kept, slots) = members.post(&alice, &fanout);
    let delivery = members.delivered(&kept, &slots[&bob], &bob).unwrap();
    let mut channel = members.receiving(&alice, &bob);
    let opened = open_any_in_group(&mut channel, &delivery).unwrap();
    assert!(matches!(opened, Opened::Control(read) if read == control));
    // As a message it is withheld, and a message opens as one.
    let carol = device("carol", 1);
    let delivery = members.delivered(&kept, &slots[&carol], &carol).unwrap();
    let refused = members.open(&delivery, &carol);
    assert!(matches!(
        refused,
        Err(OpenError::Withheld(Withheld::Malformed))
    ));
    let posted = members.says(&alice, "shown");
    let delivery = members
        .delivered(&posted.kept, &posted.slots[&bob], &bob)
        .unwrap();
    let opened = open_any_in_group(&mut members.receiving(&alice, &bob), &delivery).unwrap();
    assert!(matches!(opened, Opened::Message(_)));
}

#[test]
fn chk294_group_delivery_with_an_empty_slot_is_authentic_and_does_not_open() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 8));
    let text = Content::Text("hi".into());
    let posted = members.says_without(&alice, text, Some(&bob));
    let delivery = members
        .delivered(&posted.kept, &posted.slots[&bob], &bob)
        .unwrap();
    assert!(delivery.is_empty());
    assert!(delivery.group_ciphertext().is_none());
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::MissingKey)));
    let refused = open_any_in_group(&mut members.receiving(&alice, &bob), &delivery);
    assert!(matches!(refused, Err(OpenError::MissingKey)));
    assert!(members.opens(&posted, &device("bob", 7)).is_ok());
}

/// Row 36: the relay swaps slots or bodies.
#[test]
fn row_36_slot_of_another_device_or_message_does_not_open() {
    let mut members = Members::new();
    let (alice, bob, carol) = (device("alice", 1), device("bob", 7), device("carol", 1));
    let first = members.says(&alice, "one");
    let swapped = members
        .delivered(&first.kept, &first.slots[&carol], &bob)
        .unwrap();
    assert!(matches!(
        members.open(&swapped, &bob),
        Err(OpenError::Channel(_))
    ));
    assert!(members.opens(&first, &bob).is_ok());
    let (second, third) = (members.says(&alice, "two"), members.says(&alice, "three"));
    for (kept, slot) in [
        (&second.kept, &second.slots[&carol]),
        (&second.kept, &third.slots[&bob]),
        (&third.kept, &second.slots[&bob]),
    ] {
        let swapped = members.delivered(kept, slot, &bob).unwrap();
        assert!(matches!(
            members.open(&swapped, &bob),
            Err(OpenError::Channel(_))
        ));
    }
    assert!(members.opens(&second, &bob).is_ok());
    assert!(members.opens(&third, &bob).is_ok());
}

#[test]
fn chk93_group_message_under_another_stamp_does_not_open() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let first = members.says(&alice, "one");
    members.opens(&first, &bob).unwrap();
    let posted = members.says(&alice, "two");
    let (now, group, key) = (members.world.now, members.group, members.key(&bob));
    let good = posted.kept.deliver(&posted.slots[&bob], &key);
    let ciphertext = good.authenticate_in_groups(&key, &bob, |_| true).unwrap();
    let ciphertext = ciphertext.ciphertext().to_vec();
    let under = |members: &mut Members, tag: &FrankingTag, from: &DeviceAddress, group| {
        let audience = Audience::Group(group);
        let keys = &members.world.stamp_keys;
        let claim = keys.stamp_tag(tag, from, &audience, now).unwrap();
        let delivery = Delivery::new(&claim, &ciphertext, &key);
        let delivery = delivery
            .authenticate_in_groups(&key, &bob, |_| true)
            .unwrap();
        let mut channel = members.receiving(&alice, &bob);
        open_in_group(&mut channel, &delivery).map(|_| ())
    };
    let tag = *posted.message.tag();
    let other = ConversationId::group(b"other");
    for (tag, from, group) in [
        (FrankingTag::from_bytes([1; 32]), &alice, group),
        (tag, &device("alice", 2), group),
        (tag, &device("carol", 1), group),
        (tag, &alice, other),
    ] {
        let refused = under(&mut members, &tag, from, group);
        assert!(matches!(refused, Err(OpenError::Channel(_))));
    }
    assert!(under(&mut members, &tag, &alice, group).is_ok());
}

#[test]
fn chk415_delivery_to_a_group_without_slot_and_body_is_not_opened() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let posted = members.says(&alice, "one");
    let (key, claim) = (members.key(&bob), posted.kept.claim().clone());
    let mac = [&[1, 0, 16][..], &[7; 16]].concat();
    let keys = [&[2, 0, 17][..], &[7; 17]].concat();
    let long = vec![1; MAX_GROUP_BODY_LEN + 1];
    let bad: [&[u8]; 12] = [
        &[0, 0, 0, 1],
        &mac,
        &keys,
        &[1, 0, 15, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1],
        &[&[2, 0, 16][..], &[7; 17]].concat(),
        &[&[1, 0, 17][..], &[7; 18]].concat(),
        &[2, 0],
        &[2],
        &[3],
        &[&[4][..], &mac[1..], b"body"].concat(),
        &[&[0xff][..], &mac[1..], b"body"].concat(),
        &[&mac[..], &long].concat(),
    ];
    for bytes in bad {
        let delivery = Delivery::new(&claim, bytes, &key);
        let delivery = delivery
            .authenticate_in_groups(&key, &bob, |_| true)
            .unwrap();
        assert!(delivery.group_ciphertext().is_none());
        let refused = members.open(&delivery, &bob);
        assert!(matches!(refused, Err(OpenError::Malformed)), "{bytes:?}");
    }
    assert!(members.opens(&posted, &bob).is_ok());
    // A direct delivery has no slot and body, whatever its bytes are.
    let to_bob = Audience::Direct(bob.account.clone());
    let keys = &members.world.stamp_keys;
    let tag = posted.message.tag();
    let claim = keys
        .stamp_tag(tag, &alice, &to_bob, members.world.now)
        .unwrap();
    let delivery = Delivery::new(&claim, &[&mac[..], b"body"].concat(), &key);
    let delivery = delivery.authenticate(&key, &bob).unwrap();
    assert!(delivery.group_ciphertext().is_none());
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Malformed)));
}

/// Sealed again for the device that had an empty slot, the message opens there.
#[test]
fn a_group_message_is_sealed_again_for_one_device_of_a_member() {
    for target in [device("bob", 8), device("alice", 2), device("carol", 1)] {
        let mut members = Members::new();
        let alice = device("alice", 1);
        let text = Content::Text("hi".into());
        let posted = members.says_without(&alice, text, Some(&target));
        let pair = (alice.clone(), target.clone());
        let channel = &mut members.channels.get_mut(&pair).unwrap().0;
        let envelope = posted
            .message
            .seal_for(channel, &mut members.world.rng)
            .unwrap();
        let (now, key) = (members.pass(), members.key(&alice));
        let again = envelope.post_again(posted.kept.claim(), &key, &alice, &target, now);
        let again = PostedReseal::decode(&again).unwrap();
        let stamps = &members.world.stamp_keys;
        let refused = again.clone().authenticate(&key, &alice, stamps, now);
        assert_eq!(refused.unwrap_err(), ResealError::OtherTarget);
        let is_member = |group: &_, who: &_, at| members.is_member(group, who, at);
        let reseal = again
            .authenticate_in_groups(&key, &alice, stamps, now, is_member)
            .unwrap();
        let claim = stamps.stamp_again(&reseal, now).unwrap();
        let stamped = StampedEnvelope::resealed(claim, reseal).unwrap();
        let stamped = StampedEnvelope::decode(&stamped.encode()).unwrap();
        let of_target = members.key(&target);
        let delivery = Delivery::decode(&stamped.deliver(&of_target).encode()).unwrap();
        let delivery = delivery
            .authenticate_in_groups(&of_target, &target, |_| true)
            .unwrap();
        assert!(matches!(
            delivery.group_ciphertext(),
            Some(GroupCiphertext::Pairwise(_))
        ));
        let opened = members.open(&delivery, &target).unwrap();
        assert_eq!(opened.tag(), posted.message.tag());
        assert_eq!(opened.accepted_at(), now);
    }
}

#[test]
fn chk98_a_message_of_format_01_is_not_sealed_for_a_group() {
    let mut members = Members::new();
    let alice = device("alice", 1);
    let mut posted = members.says(&alice, "one");
    posted.message.format = format::Format::V1;
    let refused = members.seal(&alice, None, |channel, rng| {
        posted
            .message
            .seal_for_group(channel, STAMP, rng)
            .map(|_| ())
    });
    assert!(matches!(refused, Err(GroupSealError::OldFormat)));
}
