//! Row 54: a recipient makes a transcript that every check accepts as from Alice, without a key of
//! hers or of the relay. Messages to groups are therefore deniable.

use super::members::mac_slot;
use super::*;
use crate::channel::associated_data;

/// The tag that Alice's device gives these parts in the group, and the padded plaintext. Bob draws
/// the franking key.
fn committed(members: &mut Members, text: &str) -> SentMessage {
    let (alice, group) = (device("alice", 1), members.group);
    let payload = members.payload(Content::Text(text.into()));
    SentMessage::commit(&alice, &group, &payload, &mut members.world.rng)
}

#[test]
fn row_54_one_recipient_forges_a_message_of_another_member_that_every_check_accepts() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    // Bob gets the chain of Alice's device with a genuine message.
    let genuine = members.says(&alice, "genuine");
    members.opens(&genuine, &bob).unwrap();
    let forged = committed(&mut members, "forged");

    // Bob has all that he needs: the chain, and his key on it.
    let pair = (alice.clone(), bob.clone());
    let (mut chain, auth_key) = members.received[&pair].clone().unwrap();
    let data = associated_data(forged.tag(), &alice, &members.group);
    let rng = &mut members.world.rng;
    let body = chain.encrypt(forged.franked.padded(), &data, rng).unwrap();
    let slot = GroupSlot::Mac(mac_slot(&auth_key, &body, &data));
    let context = StampContext {
        audience: Audience::Group(members.group),
        ..genuine.kept.claim().context().clone()
    };
    let claim = Claim::new(*forged.tag(), context, Stamp::new([0x5a; 32]));
    let kept = [&[4], &claim.encode()[1..], &body[..]].concat();
    let kept = StampedGroup::decode(&kept).unwrap();

    // Each check of a device accepts: the delivery MAC, the slot, the body, and the tag.
    let delivery = members.delivered(&kept, &slot, &bob).unwrap();
    let opened = members.open(&delivery, &bob).unwrap();
    assert_eq!(opened.sender(), &alice);
    assert_eq!(opened.content(), &Content::Text("forged".into()));
    // So does the check of stored evidence, which is all that Bob can show to anyone.
    let stored = opened.evidence().encode();
    let evidence = Evidence::decode(&stored).unwrap();
    assert_eq!(evidence.sender(), &alice);
    // Only the relay tells its own stamps from others, and tells no one but its intake.
    let report = members.report(&bob, &[&evidence]);
    let refused = members.accept(report).unwrap_err();
    assert_eq!(refused.check(), 71);
    // A provider that wants to blame Alice can stamp it: a report proves nothing to outsiders.
    let (keys, now) = (&members.world.stamp_keys, members.world.now);
    let audience = Audience::Group(members.group);
    let claim = keys
        .stamp_tag(forged.tag(), &alice, &audience, now)
        .unwrap();
    let invented = Evidence::unverified(claim, forged);
    let report = members.report(&bob, &[&invented]);
    let verified = members.accept(report).unwrap();
    assert_eq!(verified.messages()[0].sender(), &alice);
}

/// The forged message of a first contact: Bob makes the chain, too, and its key slot.
#[test]
fn row_54_one_recipient_forges_a_chain_with_its_key_slot() {
    let mut members = Members::new();
    let (alice, bob) = (device("alice", 1), device("bob", 7));
    let forged = committed(&mut members, "forged");
    let pair = (alice.clone(), bob.clone());
    // The pairwise channel is symmetric: Bob's end has the keys with which Alice's end seals.
    let mut pairwise = members.channels[&pair].1.clone();
    let data = associated_data(forged.tag(), &alice, &members.group);
    let mut chain = ToyChannel::new(0xee);
    let rng = &mut members.world.rng;
    let body = chain.encrypt(forged.franked.padded(), &data, rng).unwrap();
    let keys = [&[0xee; 32][..], &[0; 8], &[0xdd; 32]].concat();
    let slot_data = members::slot_data(&body, &data);
    let slot = GroupSlot::Key(pairwise.encrypt(&keys, &slot_data, rng).unwrap());
    let now = members.world.now;
    let context = StampContext {
        sender: alice.clone(),
        audience: Audience::Group(members.group),
        accepted_at: now,
        epoch: 20_000,
    };
    let claim = Claim::new(*forged.tag(), context, Stamp::new([0x5a; 32]));
    let kept = [&[4], &claim.encode()[1..], &body[..]].concat();
    let kept = StampedGroup::decode(&kept).unwrap();
    let delivery = members.delivered(&kept, &slot, &bob).unwrap();
    let opened = members.open(&delivery, &bob).unwrap();
    assert_eq!(opened.sender(), &alice);
    assert_eq!(opened.content(), &Content::Text("forged".into()));
}

/// A posted message carries a MAC under the key that the relay has as well, so the relay could have
/// made it.
#[test]
fn row_54_the_relay_forges_a_posted_message() {
    let mut members = Members::new();
    let alice = device("alice", 1);
    let genuine = members.says(&alice, "genuine");
    let relays_key = members.key(&alice);
    let stored = [
        &[4][..],
        &[0x66; 32],
        members.group.as_bytes(),
        &3_u64.to_be_bytes(),
        &[5; 32],
        &[6; 32],
        &4_u32.to_be_bytes(),
        b"body",
        &[0, 4, 0],
    ];
    let fanout = GroupFanout::decode(&stored.concat()).unwrap();
    let (kept, slots) = members.post(&alice, &fanout);
    assert_eq!(
        kept.claim().context().sender,
        genuine.kept.claim().context().sender
    );
    assert_eq!(slots.len(), 4);
    assert!(relays_key.is_same(&members.key(&alice)));
}
