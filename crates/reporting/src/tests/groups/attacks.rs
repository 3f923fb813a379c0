//! What a recipient and a relay try with messages to a group. The numbers of rows are those of the
//! design's table of attacks, those of items the design's decisions on groups.

use super::members::mac_slot;
use super::*;
use crate::channel::associated_data;

/// A message under the tag of another, which Bob makes for himself: he has the chain of Alice's
/// device and his key on it, so that its channel opens.
fn under_the_tag_of(
    members: &mut Members,
    posted: &Posted,
    plaintext: &[u8],
) -> (StampedGroup, GroupSlot) {
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let (mut chain, auth_key) = members.received[&(alice.clone(), bob)].clone().unwrap();
    let data = associated_data(posted.message.tag(), &alice, &members.group);
    let rng = &mut members.world.rng;
    let body = chain.encrypt(plaintext, &data, rng).unwrap();
    let slot = GroupSlot::Mac(mac_slot(&auth_key, &body, &data));
    let kept = [&[4], &posted.kept.claim().encode()[1..], &body[..]].concat();
    (StampedGroup::decode(&kept).unwrap(), slot)
}

fn other_text(members: &mut Members, text: &str) -> Vec<u8> {
    let (alice, group) = (device("alice", 1), members.group);
    let payload = members.payload(Content::Text(text.into()));
    let other = SentMessage::commit(&alice, &group, &payload, &mut members.world.rng);
    other.franked.padded().to_vec()
}

#[test]
fn row_31_a_body_altered_under_the_shared_key_fits_neither_slot_nor_tag() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let first = members.says(&alice, "one");
    members.opens(&first, &bob).unwrap();
    let posted = members.says(&alice, "two");
    let text = other_text(&mut members, "altered");
    let (kept, own_slot) = under_the_tag_of(&mut members, &posted, &text);
    // The slot that Alice made is over her body.
    let delivery = members.delivered(&kept, &posted.slots[&bob], &bob).unwrap();
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Channel(_))));
    // A body that its channel takes is no message with this tag.
    let before = members.received.clone();
    let delivery = members.delivered(&kept, &own_slot, &bob).unwrap();
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Withheld(_))));
    members.received = before;
    assert!(members.opens(&posted, &bob).is_ok());
}

#[test]
fn row_34_a_pairwise_message_is_no_key_slot_and_no_message_to_the_group() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let posted = members.says(&alice, "hello");
    // A control message of Alice's device to Bob's, as the slot of this message, and as one that
    // was sealed again.
    let pair = (alice.clone(), bob.clone());
    let direct = Audience::Direct(bob.account.clone()).conversation(&alice.account);
    let data = associated_data(posted.message.tag(), &alice, &direct);
    let mut alices = members.channels[&pair].0.clone();
    let rng = &mut members.world.rng;
    let control = alices.encrypt(&[7; 72], &data, rng).unwrap();
    let slot = GroupSlot::Key(control.clone());
    let delivery = members.delivered(&posted.kept, &slot, &bob).unwrap();
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Channel(_))));
    let ciphertext = [&[3][..], &control].concat();
    let key = members.key(&bob);
    let delivery = Delivery::new(posted.kept.claim(), &ciphertext, &key);
    let delivery = delivery
        .authenticate_in_groups(&key, &bob, |_| true)
        .unwrap();
    let refused = members.open(&delivery, &bob);
    assert!(matches!(refused, Err(OpenError::Channel(_))));
    assert!(members.opens(&posted, &bob).is_ok());
}

#[test]
fn row_42_a_message_belongs_to_its_group_and_a_group_is_no_direct_conversation() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let posted = members.says(&alice, "hello");
    let direct = Audience::Direct(bob.account.clone()).conversation(&alice.account);
    assert_ne!(direct, members.group);
    // The relay stamps the tag for a group with the id of the direct conversation, for another
    // group, and for the account alone.
    let (key, now) = (members.key(&bob), members.world.now);
    let good = posted.kept.deliver(&posted.slots[&bob], &key);
    let good = good.authenticate_in_groups(&key, &bob, |_| true).unwrap();
    let ciphertext = good.ciphertext().to_vec();
    for audience in [
        Audience::Group(direct),
        Audience::Group(ConversationId::group(b"other")),
        Audience::Direct(bob.account.clone()),
    ] {
        let keys = &members.world.stamp_keys;
        let tag = posted.message.tag();
        let claim = keys.stamp_tag(tag, &alice, &audience, now).unwrap();
        let delivery = Delivery::new(&claim, &ciphertext, &key);
        let delivery = delivery.authenticate_in_groups(&key, &bob, |_| true);
        if audience == Audience::Group(direct) {
            assert!(matches!(delivery, Err(DeliveryError::OtherRecipient)));
            continue;
        }
        let mut channel = members.receiving(&alice, &bob);
        let refused = open_in_group(&mut channel, &delivery.unwrap());
        assert!(refused.is_err(), "{audience:?}");
    }
    assert!(members.opens(&posted, &bob).is_ok());
}

#[test]
fn item_15_a_message_to_1999_devices_has_33_kilobytes() {
    let mut members = Members::new();
    let alice = device("alice", 1);
    let posted = members.says(&alice, "hello");
    let slots = vec![GroupSlot::Mac([7; 16]); 1_999];
    // version, tag, group, state, digest, length and body, then count, kinds, and MACs
    let stored = |slots: &[GroupSlot], macs: usize| {
        let kinds = slots.len().div_ceil(4);
        let mut kind_bytes = vec![0b0101_0101; kinds];
        if let Some(last) = kind_bytes.last_mut() {
            *last <<= 2 * (kinds * 4 - slots.len());
        }
        let body = posted.kept.body();
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let count = u16::try_from(slots.len()).unwrap().to_be_bytes();
        [
            &[4],
            &posted.message.tag().as_bytes()[..],
            members.group.as_bytes(),
            &3_u64.to_be_bytes(),
            &[5; 32],
            &[6; 32],
            &len,
            body,
            &count,
            &kind_bytes,
            &vec![7; 16 * macs],
        ]
        .concat()
    };
    let fanout = GroupFanout::decode(&stored(&slots, 1_999)).unwrap();
    assert_eq!(fanout.slots(), slots);
    let key = members.key(&alice);
    let bytes = fanout.post(&key, &alice, members.world.now).len();
    assert!((32_000..34_000).contains(&bytes), "{bytes}");
    assert!(GroupFanout::decode(&stored(&slots, 1_998)).is_err());
}

/// The tag commits to the text, so one body under one tag has one text, whatever keys it opens
/// with.
#[test]
fn item_19_what_a_channel_opens_is_shown_only_if_the_tag_commits_to_it() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let first = members.says(&alice, "one");
    members.opens(&first, &bob).unwrap();
    let posted = members.says(&alice, "two");
    let genuine = posted.message.franked.padded().to_vec();
    let before = members.received.clone();
    for at in 0..genuine.len() {
        let mut altered = genuine.clone();
        altered[at] ^= 1;
        let (kept, slot) = under_the_tag_of(&mut members, &posted, &altered);
        let delivery = members.delivered(&kept, &slot, &bob).unwrap();
        let refused = members.open(&delivery, &bob);
        assert!(matches!(refused, Err(OpenError::Withheld(_))), "byte {at}");
        members.received.clone_from(&before);
    }
    let (kept, slot) = under_the_tag_of(&mut members, &posted, &genuine);
    let delivery = members.delivered(&kept, &slot, &bob).unwrap();
    assert!(members.open(&delivery, &bob).is_ok());
}
