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

fn header() -> Vec<u8> {
    bytes_of(|out| PayloadHeader::new(0, NOON).put(out))
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
    let evidence = delivered.opened.evidence();
    assert_eq!(evidence.conversation(), world.conversation());
    assert!(evidence.tag_names_sender());
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
    let good = franked(&[&header(), b"\x01hello"]);
    let other = franked(&[&header(), b"\x01hullo"]);
    let tag = world.tag(&other);
    let why = withheld(&mut world, good.padded(), tag);
    assert_eq!(why, Withheld::OtherTag);
    for bit in 0..256 {
        let mut tag = *world.tag(&good).as_bytes();
        tag[bit / 8] ^= 1 << (bit % 8);
        let why = withheld(&mut world, good.padded(), FrankingTag::from_bytes(tag));
        assert_eq!(why, Withheld::OtherTag);
    }
}

/// The tag names its sender and its conversation, so a message written by someone else, or for
/// another conversation, does not match. A tag of format 01 does not match either.
#[test]
fn chk61_tag_of_another_sender_conversation_or_format_is_withheld() {
    let mut world = World::new(3);
    let header = header();
    let good = franked(&[&header, b"\x01hello"]);
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    let elsewhere = ConversationId::group(b"elsewhere");
    let old = franked(&[
        &header_1(conversation, &PayloadHeader::new(0, NOON)),
        b"\x01hello",
    ]);
    let wrong = [
        (&good, good.tag_from(&alice, elsewhere)),
        (&good, good.tag_from(&world.bob, conversation)),
        (&good, good.tag_from(&device("alice", 2), conversation)),
        (&good, good.tag_from(&device("alicf", 1), conversation)),
        (&good, good.tag_1()),
        (&old, old.tag_1()),
    ];
    for (index, (franked, tag)) in wrong.into_iter().enumerate() {
        let why = withheld(&mut world, franked.padded(), tag);
        assert_eq!(why, Withheld::OtherTag, "{index}");
    }
    // A header of format 01 is not one of format 02, even under a tag that matches.
    let tag = world.tag(&old);
    assert_eq!(withheld(&mut world, old.padded(), tag), Withheld::Malformed);
}

/// Bob knows the franking key of what Alice sent him. He sends the same parts as his own.
#[test]
fn a_member_who_sends_the_parts_of_another_gets_another_tag() {
    let mut world = World::new(6);
    let hers = world.alice_says("mine");
    let parts = hers.opened.evidence().franked().clone();
    let conversation = world.conversation();
    assert!(hers.claim.tag.matches(&world.tag(&parts)));
    let his = parts.tag_from(&world.bob, conversation);
    assert_ne!(his, hers.claim.tag);
    // Under her tag, no one opens it as his: the channel's associated data name him as well.
    let data = associated_data(&hers.claim.tag, &world.bob, &conversation);
    let ciphertext = world
        .to_alice
        .0
        .encrypt(parts.padded(), &data, &mut world.rng);
    let envelope = Envelope::new(hers.claim.tag, ciphertext.unwrap());
    let bob = world.bob.clone();
    let opened = open_unstamped(&mut world.to_alice.1, &bob, &conversation, &envelope);
    assert!(matches!(
        opened,
        Err(OpenError::Withheld(Withheld::OtherTag))
    ));
}

#[test]
fn malformed_parts_under_a_matching_tag_are_withheld() {
    let mut world = World::new(4);
    let header = header();
    let bad: [&[&[u8]]; 6] = [
        &[&header[1..], b"\x01hello"],
        &[&header, b"\x01\xff"],
        &[&header, b""],
        &[&header, b"\x01hello", b"\x00no whole file"],
        &[&header, b"\x01hello", b""],
        &[&[&header[..], &[0, 1, 0]].concat(), b"\x01hello"],
    ];
    for parts in bad {
        let franked = franked(parts);
        let tag = world.tag(&franked);
        let why = withheld(&mut world, franked.padded(), tag);
        assert_eq!(why, Withheld::Malformed);
    }
    let franked = franked(&[&header, b"\x01hello"]);
    let longer = [franked.padded(), &[0; 64]].concat();
    let tag = world.tag(&franked);
    assert_eq!(withheld(&mut world, &longer, tag), Withheld::Malformed);
    assert_eq!(withheld(&mut world, b"", tag), Withheld::Malformed);
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
            .stamp_tag(envelope.tag(), &sender, &audience, world.now)
            .unwrap();
        let delivery = deliver(&claim, envelope.clone(), &world.bob_key);
        let delivery = delivery.authenticate(&world.bob_key, &world.bob).unwrap();
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
