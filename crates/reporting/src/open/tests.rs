//! Tests of `open.rs`: what a malicious sender can put into an authentic ciphertext.

use super::*;
use crate::franking::FrankingKey;
use crate::parts::encode_parts;
use crate::tests::all::*;
use crate::tests::world::*;

fn franked(parts: &[&[u8]]) -> Franked {
    Franked::new(
        &FrankingKey::from_bytes([4; 32]),
        &encode_parts(parts.iter().copied()),
    )
}

fn header(world: &World) -> Vec<u8> {
    bytes_of(|out| PayloadHeader::new(world.conversation(), 0, NOON).put(out))
}

/// Has Bob open a plaintext that a malicious Alice chose. It must be withheld, and its key spent.
fn withheld(world: &mut World, plaintext: &[u8], tag: FrankingTag) -> Withheld {
    let delivery = world.deliver_plaintext(plaintext, tag);
    let Err(OpenError::Withheld(why)) = open(&mut world.to_bob.1, &delivery) else {
        panic!("the message is not withheld")
    };
    assert!(
        matches!(
            open(&mut world.to_bob.1, &delivery),
            Err(OpenError::Channel(_))
        ),
        "a withheld message does not open again"
    );
    why
}

#[test]
fn a_message_arrives_as_it_was_written() {
    let mut world = World::new(1);
    let delivered = world.alice_says("hello");
    assert_eq!(delivered.opened.content().as_text(), Some("hello"));
    assert_eq!(delivered.opened.sender(), &world.alice);
    assert_eq!(delivered.opened.header().conversation, world.conversation());
    assert!(delivered.opened.sent_time_agrees());
    assert_eq!(
        format!("{:?}", delivered.opened),
        "OpenedMessage { content: Text { .. }, .. }"
    );
}

/// MIMI weakness 7: the relay never checks that the tag fits the content, so the recipient must.
#[test]
fn mimi_weakness_7_honest_recipient_chk61_tag_of_other_content_is_withheld() {
    let mut world = World::new(2);
    let good = franked(&[&header(&world), b"\x01hello"]);
    let other = franked(&[&header(&world), b"\x01hullo"]);
    assert_eq!(
        withheld(&mut world, good.padded(), other.tag()),
        Withheld::OtherTag
    );
    for bit in 0..256 {
        let mut tag = *good.tag().as_bytes();
        tag[bit / 8] ^= 1 << (bit % 8);
        let why = withheld(&mut world, good.padded(), FrankingTag::from_bytes(tag));
        assert_eq!(why, Withheld::OtherTag);
    }
}

#[test]
fn chk62_message_written_for_another_conversation_is_withheld() {
    let mut world = World::new(3);
    let elsewhere = PayloadHeader::new(ConversationId::group(b"elsewhere"), 0, NOON);
    let elsewhere = bytes_of(|out| elsewhere.put(out));
    let franked = franked(&[&elsewhere, b"\x01hello"]);
    let why = withheld(&mut world, franked.padded(), franked.tag());
    assert_eq!(why, Withheld::OtherConversation);
}

#[test]
fn malformed_parts_under_a_matching_tag_are_withheld() {
    let mut world = World::new(4);
    let header = header(&world);
    let bad: [&[&[u8]]; 4] = [
        &[&header[1..], b"\x01hello"],
        &[&header, b"\x01\xff"],
        &[&header, b"\x09hello"],
        &[&header, b"\x01hello", b"no attachment"],
    ];
    for parts in bad {
        let franked = franked(parts);
        assert_eq!(
            withheld(&mut world, franked.padded(), franked.tag()),
            Withheld::Malformed
        );
    }
    let franked = franked(&[&header, b"\x01hello"]);
    let longer = [franked.padded(), &[0; 64]].concat();
    assert_eq!(
        withheld(&mut world, &longer, franked.tag()),
        Withheld::Malformed
    );
    assert_eq!(
        withheld(&mut world, b"", franked.tag()),
        Withheld::Malformed
    );
}

#[test]
fn chk93_sender_device_and_conversation_are_bound_by_the_channel() {
    let mut world = World::new(5);
    let payload = Payload::text(world.header(true), "hi").unwrap();
    let (envelope, _) = world.seal(true, &payload);
    // The relay itself lies about the sender, with valid MACs.
    for sender in [device("mallory", 1), device("alice", 2)] {
        let audience = Audience::Direct(world.bob.account.clone());
        let claim = world
            .stamp_keys
            .stamp(envelope.tag(), &sender, &audience, world.now)
            .unwrap();
        let delivery = Delivery::new(&claim, envelope.clone(), &world.bob_key).unwrap();
        let delivery = delivery
            .authenticate(&world.bob_key, &world.bob.account)
            .unwrap();
        assert!(matches!(
            open(&mut world.to_bob.1, &delivery),
            Err(OpenError::Channel(_))
        ));
    }
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    // Within one conversation, as in a group, only the sender differs.
    for sender in [device("clara", 1), device("alice", 2)] {
        let opened = open_unstamped(&mut world.to_bob.1, &sender, &conversation, &envelope);
        assert!(matches!(opened, Err(OpenError::Channel(_))));
    }
    let elsewhere = ConversationId::group(b"elsewhere");
    assert!(open_unstamped(&mut world.to_bob.1, &alice, &elsewhere, &envelope).is_err());
    let opened = open_unstamped(&mut world.to_bob.1, &alice, &conversation, &envelope).unwrap();
    assert_eq!(opened.content().as_text(), Some("hi"));
}

#[test]
fn sent_time_far_from_the_relays_is_flagged() {
    let at = |sent: u64| sent_time_agrees(Timestamp::from_millis(sent), NOON);
    assert!(
        at(NOON.as_millis() + MAX_SENT_AHEAD_MS) && !at(NOON.as_millis() + MAX_SENT_AHEAD_MS + 1)
    );
    assert!(
        at(NOON.as_millis() - MAX_SENT_BEFORE_MS) && !at(NOON.as_millis() - MAX_SENT_BEFORE_MS - 1)
    );
    assert!(!at(0) && !at(u64::MAX));
    assert!(sent_time_agrees(
        Timestamp::from_millis(u64::MAX),
        Timestamp::from_millis(u64::MAX)
    ));

    // Both the recipient and the reviewer learn whether the sender's time is plausible.
    let mut world = World::new(1);
    for (sent_at, agrees) in [(NOON, true), (Timestamp::from_millis(0), false)] {
        let mut header = world.header(true);
        header.sent_at = sent_at;
        let payload = Payload::new(header, Content::Text("hello".to_owned())).unwrap();
        let opened = world.send(true, &payload).opened;
        assert_eq!(opened.sent_time_agrees(), agrees);
        let report = world.report(&[opened.evidence()]);
        let verified = world.verify(report).unwrap();
        assert_eq!(verified.messages()[0].sent_time_agrees(), agrees);
    }
}
