//! A member, or a stranger, who makes chains and slots by hand. The relay helps her: it stamps
//! whatever she made, for any device.

use waxseal::core::errors::ChainOpenError;
use waxseal::errors::ReceiveError;
use waxseal::reporting::recipient::DeliveryError;
use waxseal::reporting::relay::GroupSlot;
use waxseal::reporting::{Audience, ConversationId};
use waxseal::{Conversation, GroupId, Received};
use waxseal_world::{account, snapshot};

use super::fellow::Fellow;
use super::insiders::{NAMES, is_unauthenticated, kept, receive, refused, shown};
use super::thief::{Committed, claims, identity, stamped, stamped_in};
use crate::support::first;
use crate::talk::Talk;

#[test]
fn row_34_a_key_slot_counts_from_its_sender_alone() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    // Under a stamp that names Alice's device.
    let forged = Committed::new(&mut talk, &first("alice"), "of alice");
    let made = mallory.seal_committed(&mut talk, "bob", &forged);
    let (alice, now) = (first("alice"), talk.net.world.now);
    let queued = stamped(
        &talk,
        (&alice, &made.tag),
        &made.body,
        made.slot.clone(),
        now,
    );
    let error = refused(&mut talk, "bob", queued);
    assert!(
        matches!(error, ReceiveError::UnknownDevice { .. }),
        "{error:?}"
    );
    // Under her own name it opens on the same chain, and a slot for Carol is of no use for Bob.
    mallory.renew(&mut talk);
    let made = mallory.seal(&mut talk, "carol", "hello");
    let queued = mallory.post(&talk, &made);
    let error = refused(&mut talk, "bob", queued.clone());
    assert!(matches!(error, ReceiveError::Session(_)), "{error:?}");
    assert_eq!(
        shown(&receive(&mut talk, "carol", &queued)),
        "mallory: hello"
    );
}

#[test]
fn row_34_a_key_slot_of_a_stranger_is_not_taken() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::stranger(&mut talk);
    let made = mallory.seal(&mut talk, "bob", "hello");
    let queued = mallory.post(&talk, &made);
    let error = refused(&mut talk, "bob", queued);
    assert!(matches!(error, ReceiveError::NotMember), "{error:?}");
    let sessions = talk.client(&first("bob")).has_session(&account("mallory"));
    assert!(!sessions.unwrap(), "no session with a stranger");
}

/// The relay names a stranger as the sender of messages without a key.
#[test]
fn row_34_what_a_stranger_does_not_even_seal_is_noted_like_any_strangers() {
    let mut talk = Talk::of(&NAMES);
    let mallory = Fellow::stranger(&mut talk);
    let bob = first("bob");
    let unopened = |talk: &mut Talk| {
        let records = snapshot(talk.client(&bob)).into_iter();
        let rows = records.filter(|(key, _)| key.table.as_bytes()[0] == b'q');
        rows.count()
    };
    for number in 0..80_u8 {
        let tag = waxseal::FrankingTag::from_bytes([number; 32]);
        let now = talk.net.world.now;
        let queued = stamped(
            &talk,
            (mallory.me(), &tag),
            &[4; 300],
            GroupSlot::Empty,
            now,
        );
        let error = refused(&mut talk, "bob", queued);
        assert!(matches!(error, ReceiveError::NotSealed), "{error:?}");
    }
    assert_eq!(unopened(&mut talk), 32);
    // She does not learn at once that Bob's device is there.
    let upkeep = talk
        .net
        .call(&bob, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().outgoing.is_empty());
}

#[test]
fn row_34_a_control_message_is_no_key_slot() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let made = mallory.seal(&mut talk, "bob", "hello");
    let GroupSlot::Key(keys) = made.slot.clone() else {
        panic!("the chain is new");
    };
    // The slot's message of the session, delivered for itself.
    let conversation = Audience::Direct(account("bob")).conversation(&account("mallory"));
    let envelope = envelope_of(&made.tag, &keys);
    let (delivery, _) = talk
        .net
        .world
        .stamp_as(mallory.me(), &first("bob"), &envelope);
    let before = kept(&mut talk, &first("bob"));
    let error = talk.client(&first("bob")).receive(&delivery).unwrap_err();
    assert!(matches!(error, ReceiveError::Session(_)), "{error:?}");
    assert!(kept(&mut talk, &first("bob")) == before);
    // A message of the session under the associated data of a direct message, as the slot.
    let data = [
        b"waxseal/1/channel",
        &made.tag.as_bytes()[..],
        &[7],
        b"mallory",
        &1_u32.to_be_bytes(),
        conversation.as_bytes(),
    ];
    let slot = mallory.direct(&mut talk, "bob", &[7; 105], &data.concat());
    let queued = stamped(
        &talk,
        (mallory.me(), &made.tag),
        &made.body,
        slot,
        talk.net.world.now,
    );
    let error = refused(&mut talk, "bob", queued);
    assert!(matches!(error, ReceiveError::Session(_)), "{error:?}");
    let queued = mallory.post(&talk, &made);
    assert_eq!(shown(&receive(&mut talk, "bob", &queued)), "mallory: hello");
}

fn envelope_of(
    tag: &waxseal::FrankingTag,
    ciphertext: &[u8],
) -> waxseal::reporting::relay::Envelope {
    // 02 || tag 32 || ciphertext
    let bytes = [&[2], &tag.as_bytes()[..], ciphertext].concat();
    waxseal::reporting::relay::Envelope::decode(&bytes).unwrap()
}

#[test]
fn row_35_a_key_slot_that_rewinds_a_known_chain_is_ignored() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let (start, _) = mallory.next_key();
    let zero = mallory.seal(&mut talk, "bob", "zero");
    let one = mallory.seal(&mut talk, "bob", "one");
    let two = mallory.seal(&mut talk, "bob", "two");
    for made in [&zero, &one] {
        let queued = mallory.post(&talk, made);
        receive(&mut talk, "bob", &queued);
    }
    // The same chain from its start, with another text under its number 0.
    let keys = zero.keys.unwrap();
    let mut rewound = mallory.chain_at(&talk, 0, &start, "bob");
    let other = Committed::new(&mut talk, mallory.me(), "other");
    let body = other.seal(&mut rewound, claims(&talk));
    let slot = mallory.key_slot(&mut talk, "bob", &keys, (&body, &other.associated_data));
    let queued = stamped(
        &talk,
        (mallory.me(), &other.tag),
        &body,
        slot,
        talk.net.world.now,
    );
    let error = refused(&mut talk, "bob", queued);
    let expected = ChainOpenError::AlreadyReceived;
    assert!(
        matches!(&error, ReceiveError::Chain(found) if *found == expected),
        "{error:?}"
    );
    let queued = mallory.post(&talk, &two);
    assert_eq!(shown(&receive(&mut talk, "bob", &queued)), "mallory: two");
}

#[test]
fn item_01_another_header_key_under_a_known_number_is_refused() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let zero = mallory.seal(&mut talk, "bob", "zero");
    let queued = mallory.post(&talk, &zero);
    receive(&mut talk, "bob", &queued);
    // She begins again under the same number, as a device that was set back would.
    let group = talk.group.to_bytes();
    let owner = *mallory.device.identity.public();
    let rng = &mut talk.net.world.rng;
    mallory.chain = waxseal::core::OwnChain::start(&owner, &group, 1, 0, rng);
    let again = mallory.seal(&mut talk, "bob", "again");
    let queued = mallory.post(&talk, &again);
    let error = refused(&mut talk, "bob", queued);
    let expected = ChainOpenError::ContradictoryKeys;
    assert!(
        matches!(&error, ReceiveError::Chain(found) if *found == expected),
        "{error:?}"
    );
}

#[test]
fn row_41_a_number_far_ahead_costs_no_step() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let zero = mallory.seal(&mut talk, "bob", "zero");
    let queued = mallory.post(&talk, &zero);
    receive(&mut talk, "bob", &queued);
    for ahead in [2_001, 24_000, u32::MAX - 2] {
        let mut far = mallory.chain_at(&talk, 1 + ahead, &[3; 32], "bob");
        let text = Committed::new(&mut talk, mallory.me(), "far");
        let bobs = identity(&talk, &first("bob"));
        let (plaintext, data) = (&text.plaintext, &text.associated_data);
        let sealed = far.seal(&claims(&talk), plaintext, data, [&bobs]).unwrap();
        let waxseal::core::ChainSlot::Mac(mac) = sealed.slots[0] else {
            panic!("Bob has the chain");
        };
        let (slot, now) = (GroupSlot::Mac(mac), talk.net.world.now);
        let queued = stamped(&talk, (mallory.me(), &text.tag), &sealed.body, slot, now);
        let error = refused(&mut talk, "bob", queued);
        let expected = ChainOpenError::JumpTooFar { ahead, max: 2_000 };
        assert!(
            matches!(&error, ReceiveError::Chain(found) if *found == expected),
            "{error:?}"
        );
    }
    // Someone who does not have the chain has no header.
    let (slot, now) = (GroupSlot::Mac([1; 16]), talk.net.world.now);
    let queued = stamped(
        &talk,
        (mallory.me(), &zero.tag),
        &[4; 300],
        slot.clone(),
        now,
    );
    assert!(matches!(
        receive(&mut talk, "bob", &queued),
        Received::Duplicate { .. }
    ));
    let other = waxseal::FrankingTag::from_bytes([9; 32]);
    let queued = stamped(&talk, (mallory.me(), &other), &[4; 300], slot, now);
    let error = refused(&mut talk, "bob", queued);
    assert!(
        matches!(error, ReceiveError::Chain(ChainOpenError::UnknownChain)),
        "{error:?}"
    );
    let one = mallory.seal(&mut talk, "bob", "one");
    let queued = mallory.post(&talk, &one);
    assert_eq!(shown(&receive(&mut talk, "bob", &queued)), "mallory: one");
}

#[test]
fn row_42_a_chain_of_another_group_opens_nothing() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let owner = *mallory.device.identity.public();
    // Mallory keeps one chain for two groups.
    let rng = &mut talk.net.world.rng;
    mallory.chain = waxseal::core::OwnChain::start(&owner, &[8; 32], 1, 0, rng);
    let made = mallory.seal(&mut talk, "bob", "twice");
    let queued = mallory.post(&talk, &made);
    let error = refused(&mut talk, "bob", queued);
    assert!(is_unauthenticated(&error), "{error:?}");
}

#[test]
fn row_42_a_group_with_the_id_of_a_direct_conversation_is_none() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let direct = Audience::Direct(account("bob")).conversation(&account("mallory"));
    let id = GroupId::from_bytes(*direct.as_bytes());
    let made = mallory.seal(&mut talk, "bob", "hello");
    let of = (mallory.me(), &made.tag);
    let now = talk.net.world.now;
    let queued = stamped_in(&talk, &id, of, &made.body, made.slot.clone(), now);
    let delivery = talk.net.world.deliver_group(&first("bob"), &queued);
    let error = talk.client(&first("bob")).receive(&delivery).unwrap_err();
    let expected = DeliveryError::OtherRecipient;
    assert!(
        matches!(&error, ReceiveError::Delivery(found) if *found == expected),
        "{error:?}"
    );
    let messages = talk.client(&first("bob"));
    let found = messages.messages(Conversation::from(id), None, 9).unwrap();
    assert!(found.items.is_empty());
    assert_ne!(ConversationId::from_bytes(talk.group.to_bytes()), direct);
}
