//! Tests of `control.rs`.

use super::*;
use crate::channel;
use crate::tests::all::*;
use crate::tests::world::*;

mod records;

fn tags(count: usize, first: u8) -> Vec<FrankingTag> {
    let tag = |index: u8| FrankingTag::from_bytes([first.wrapping_add(index); 32]);
    (0..=u8::MAX).take(count).map(tag).collect()
}

fn control(delivered: usize, opened: usize) -> Control {
    Control {
        delivered: tags(delivered, 1),
        opened: tags(opened, 101),
        ..Control::default()
    }
}

fn record(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    [&kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

fn key() -> FrankingKey {
    FrankingKey::from_bytes([4; 32])
}

/// The tag and the padded plaintext of any bytes as a control message of Alice's.
fn any(world: &World, control: &[u8]) -> (FrankingTag, Vec<u8>) {
    let tag = control_tag(&key(), &world.alice, &world.conversation(), control);
    let mut plaintext = [key().as_bytes(), &[CONTROL_MARK][..], control].concat();
    padding::pad(&mut plaintext);
    (tag, plaintext)
}

/// Has Bob open a plaintext that a malicious Alice chose.
fn open_plaintext(
    world: &mut World,
    plaintext: &[u8],
    tag: FrankingTag,
) -> Result<Opened, Withheld> {
    let delivery = world.deliver_plaintext(plaintext, tag);
    open_any(&mut world.to_bob.1, &delivery).map_err(|error| match error {
        OpenError::Withheld(why) => why,
        error => panic!("{error}"),
    })
}

fn open_control(world: &mut World, control: &[u8]) -> Result<Control, Withheld> {
    let (tag, plaintext) = any(world, control);
    match open_plaintext(world, &plaintext, tag)? {
        Opened::Control(control) => Ok(control),
        Opened::Message(_) => panic!("a control message was taken for a message"),
    }
}

/// Delivers an envelope of Alice's to Bob as the relay does.
fn delivered(world: &World, envelope: Envelope) -> AuthenticDelivery {
    let me = &world.bob;
    let posted = authentic(envelope, &world.alice_key, &world.alice, me, world.now);
    let claim = world.stamp_keys.stamp(&posted, world.now).unwrap();
    let delivery = queued(claim, posted).deliver(&world.bob_key);
    delivery.authenticate(&world.bob_key, me).unwrap()
}

fn seal(world: &mut World, control: &Control) -> Result<Envelope, SealError<ToyError>> {
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    let channel = &mut world.to_bob.0;
    seal_control(channel, &alice, &conversation, control, &mut world.rng)
}

#[test]
fn a_control_message_arrives_as_it_was_sent() {
    let mut world = World::new(1);
    let sizes = [(0, 0), (1, 0), (0, 1), (3, 2), (64, 0), (64, 63), (63, 64)];
    for (delivered_count, opened_count) in sizes {
        let sent = control(delivered_count, opened_count);
        let envelope = seal(&mut world, &sent).unwrap();
        let delivery = delivered(&world, envelope);
        match open_any(&mut world.to_bob.1, &delivery).unwrap() {
            Opened::Control(opened) => assert_eq!(opened, sent),
            Opened::Message(_) => panic!("taken for a message"),
        }
    }
}

#[test]
fn a_message_opens_as_with_open_and_becomes_evidence() {
    let mut world = World::new(2);
    let header = world.header(true);
    let payload = Payload::text(header, "hello").unwrap();
    let (envelope, sent) = world.seal(true, &payload);
    let delivery = delivered(&world, envelope);
    let Opened::Message(message) = open_any(&mut world.to_bob.1, &delivery).unwrap() else {
        panic!("taken for a control message");
    };
    assert_eq!(message.content().as_text(), Some("hello"));
    assert_eq!(message.tag(), sent.tag());
    let kept = Evidence::decode(&message.evidence().encode()).unwrap();
    assert_eq!(kept.tag(), sent.tag());
}

/// The relay sees only lengths. A control message has those of a message.
#[test]
fn a_control_message_has_the_length_of_a_short_text() {
    let mut world = World::new(3);
    let header = world.header(true);
    let (text, _) = world.seal(true, &Payload::text(header, "ok").unwrap());
    let len = text.ciphertext().len();
    let envelope = seal(&mut world, &control(1, 0)).unwrap();
    assert_eq!(envelope.ciphertext().len(), len);
    let bytes = envelope.encode();
    assert_eq!(Envelope::decode(&bytes).unwrap().ciphertext().len(), len);
}

/// A control message that is too long is refused before the channel spends a key.
#[test]
fn a_control_message_that_names_too_many_messages_is_not_sealed() {
    let mut world = World::new(4);
    for (delivered, opened) in [(65, 0), (0, 65), (64, 64)] {
        let refused = seal(&mut world, &control(delivered, opened));
        assert!(matches!(refused, Err(SealError::ControlTooLong)));
    }
    assert_eq!(world.to_bob.0.next, 0);
    assert_eq!(
        control(64, 63).encode().unwrap().len(),
        2 * 4 + 127 * 32,
        "127 tags are the most"
    );
}

/// `open` shows messages only.
#[test]
fn a_control_message_is_malformed_for_open() {
    let mut world = World::new(5);
    let envelope = seal(&mut world, &control(1, 0)).unwrap();
    let delivery = delivered(&world, envelope);
    let opened = open(&mut world.to_bob.1, &delivery);
    assert!(matches!(
        opened,
        Err(OpenError::Withheld(Withheld::Malformed))
    ));
}

/// No parts make the tag of a control message, so no evidence can be made of it.
#[test]
fn a_control_message_is_no_evidence() {
    let mut world = World::new(6);
    let envelope = seal(&mut world, &control(1, 0)).unwrap();
    let delivery = delivered(&world, envelope);
    let channel = &mut world.to_bob.1;
    let data = channel::associated_data(
        &delivery.claim.tag,
        &delivery.claim.context.sender,
        &delivery.claim.conversation(),
    );
    let plaintext = channel.decrypt(&delivery.ciphertext, &data).unwrap();
    let len = unpadded_len(&plaintext).unwrap();
    let mut evidence = delivery.claim.encode();
    evidence.extend_from_slice(&plaintext[..len]);
    assert_eq!(
        Evidence::decode(&evidence).unwrap_err(),
        DecodeError::Malformed
    );
}

#[test]
fn chk101_tag_of_another_control_message_sender_conversation_or_key_is_withheld() {
    let mut world = World::new(7);
    let good = record(DELIVERED, &[9; 32]);
    assert!(open_control(&mut world, &good).is_ok());
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    let (right, plaintext) = any(&world, &good);
    let tag = |key: &FrankingKey, sender: &DeviceAddress, conversation| {
        control_tag(key, sender, conversation, &good)
    };
    let mut parts = plaintext[..33 + good.len()].to_vec();
    parts[32] = 2;
    let other = FrankingKey::from_bytes([5; 32]);
    let elsewhere = ConversationId::group(b"elsewhere");
    let mut wrong = vec![
        tag(&key(), &world.bob, &conversation),
        tag(&key(), &device("alice", 2), &conversation),
        tag(&key(), &alice, &elsewhere),
        tag(&other, &alice, &conversation),
        control_tag(&key(), &alice, &conversation, &record(DELIVERED, &[8; 32])),
        control_tag(&key(), &alice, &conversation, &[]),
    ];
    for bit in 0..256 {
        let mut tag = *right.as_bytes();
        tag[bit / 8] ^= 1 << (bit % 8);
        wrong.push(FrankingTag::from_bytes(tag));
    }
    for tag in wrong {
        let refused = open_plaintext(&mut world, &plaintext, tag);
        assert_eq!(refused.unwrap_err(), Withheld::OtherTag);
    }
}

/// A payload is not a control message and the reverse, whatever stands in the byte that tells them
/// apart: the tags are under other keys and labels.
#[test]
fn chk101_plaintext_of_the_other_kind_is_withheld() {
    let mut world = World::new(8);
    let header = world.header(true);
    let (_, sent) = world.seal(true, &Payload::text(header, "hi").unwrap());
    let mut plaintext = sent.franked.padded().to_vec();
    plaintext[32] = CONTROL_MARK;
    let refused = open_plaintext(&mut world, &plaintext, *sent.tag());
    assert_eq!(refused.unwrap_err(), Withheld::OtherTag);
    let (tag, mut plaintext) = any(&world, &record(DELIVERED, &[9; 32]));
    for count in 1..=u8::MAX {
        plaintext[32] = count;
        let refused = open_plaintext(&mut world, &plaintext, tag);
        assert_eq!(refused.unwrap_err(), Withheld::Malformed, "{count}");
    }
}

#[test]
fn chk107_control_message_out_of_form_is_withheld() {
    let mut world = World::new(9);
    let one = |kind| record(kind, &[9; 32]);
    let good = [
        vec![],
        one(1),
        one(2),
        [one(1), one(2)].concat(),
        record(1, &[9; 64 * 32]),
        // Records of unknown types are ignored, whatever is in them.
        record(0, b""),
        record(8, b"later"),
        [one(1), record(8, b""), record(u16::MAX, &[0; 31])].concat(),
        record(3, b"r"),
        record(3, &[9; MAX_CONTROL_ROSTER_LEN]),
        record(4, b"s"),
        record(4, &[9; MAX_CONTROL_SYNC_LEN]),
        [one(2), record(3, b"r"), record(4, b"s"), record(8, b"")].concat(),
        record(5, &[9; 72]),
        record(6, &[9; 72]),
        record(7, &[9; 40]),
        [
            record(5, &[9; 72]),
            record(6, &[9; 72]),
            record(7, &[9; 40]),
        ]
        .concat(),
        [record(0, b"x"), one(1)].concat(),
        record(8, &[0; MAX_CONTROL_LEN - 4]),
    ];
    for control in good {
        assert!(open_control(&mut world, &control).is_ok(), "{control:?}");
    }
    let bad = [
        // The order of the types.
        [one(2), one(1)].concat(),
        [one(1), one(1)].concat(),
        [record(8, b""), record(8, b"")].concat(),
        [record(8, b""), one(2)].concat(),
        [record(6, &[9; 72]), record(5, &[9; 72])].concat(),
        [record(4, b"s"), record(3, b"r")].concat(),
        [record(3, b"r"), record(3, b"r")].concat(),
        // The tags of a record.
        record(1, b""),
        record(2, b""),
        record(1, &[9; 31]),
        record(1, &[9; 33]),
        record(2, &[9; 65 * 32]),
        // A roster or a sync record that is empty or too long.
        record(3, b""),
        record(3, &[9; MAX_CONTROL_ROSTER_LEN + 1]),
        record(4, b""),
        record(4, &[9; MAX_CONTROL_SYNC_LEN + 1]),
        // Records about groups that have another length.
        record(5, &[9; 71]),
        record(5, &[9; 73]),
        record(5, b""),
        record(6, &[9; 71]),
        record(6, &[9; 73]),
        record(7, &[9; 39]),
        record(7, &[9; 41]),
        record(7, b""),
        // Cut in a type, a length and a value.
        vec![0],
        vec![0, 1, 0],
        one(1)[..35].to_vec(),
        [one(1), vec![0]].concat(),
        record(8, &[0; MAX_CONTROL_LEN - 3]),
    ];
    for control in bad {
        let refused = open_control(&mut world, &control);
        assert_eq!(refused.unwrap_err(), Withheld::Malformed, "{control:?}");
    }
}

/// What is too long is refused before its tag is computed.
#[test]
fn chk107_longer_control_message_is_refused_whatever_its_tag() {
    let mut world = World::new(10);
    let (_, plaintext) = any(&world, &[0; MAX_CONTROL_LEN + 1]);
    let tag = FrankingTag::from_bytes([0; 32]);
    let refused = open_plaintext(&mut world, &plaintext, tag);
    assert_eq!(refused.unwrap_err(), Withheld::Malformed);
    let (_, plaintext) = any(&world, &[0; MAX_CONTROL_LEN]);
    let refused = open_plaintext(&mut world, &plaintext, tag);
    assert_eq!(refused.unwrap_err(), Withheld::OtherTag);
}

#[test]
fn chk56_padding_of_a_control_message_other_than_the_canonical_one_is_refused() {
    let mut world = World::new(11);
    let (tag, good) = any(&world, &record(DELIVERED, &[9; 32]));
    assert!(open_plaintext(&mut world, &good, tag).is_ok());
    let wrong = [
        [good.as_slice(), &[0; 64]].concat(),
        good[..good.len() - 1].to_vec(),
        good[..69].to_vec(),
        [&good[..69], &[0; 59]].concat(),
        [&good[..32], &[0; 32]].concat(),
        [&[0x80][..], &[0; 63]].concat(),
    ];
    for plaintext in wrong {
        let refused = open_plaintext(&mut world, &plaintext, tag);
        assert_eq!(refused.unwrap_err(), Withheld::Malformed);
    }
}

#[test]
fn debug_shows_only_how_many_messages_are_named() {
    assert_eq!(
        format!("{:?}", Opened::Control(control(2, 1))),
        "Control(Control { delivered: 2, opened: 1, roster: false, sync: false, \
            authority: false, welcome: false, state_wanted: false })"
    );
}

#[test]
fn a_control_message_is_sealed_for_several_devices_under_one_tag() {
    let mut world = World::new(13);
    let control = Control {
        roster: Some(vec![1; MAX_CONTROL_ROSTER_LEN]),
        sync: Some(Zeroizing::new(vec![2; 100])),
        ..control(1, 0)
    };
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    let rng = &mut world.rng;
    let sent = SentControl::commit(&alice, &conversation, &control, rng).unwrap();
    // Two messages on one channel here; two channels to two devices otherwise.
    for _ in 0..2 {
        let envelope = sent.seal_for(&mut world.to_bob.0, &mut world.rng).unwrap();
        assert!(envelope.tag().matches(sent.tag()));
        let delivery = delivered(&world, envelope);
        let opened = open_any(&mut world.to_bob.1, &delivery).unwrap();
        assert!(matches!(opened, Opened::Control(read) if read == control));
    }
    assert_eq!(format!("{sent:?}"), "SentControl { .. }");
}

#[test]
fn control_records_that_are_too_long_together_are_not_committed_to() {
    let mut world = World::new(14);
    let (alice, conversation) = (world.alice.clone(), world.conversation());
    let mut commit = |roster: usize, sync: usize| {
        let control = Control {
            roster: Some(vec![1; roster]),
            sync: Some(Zeroizing::new(vec![2; sync])),
            ..Control::default()
        };
        SentControl::commit(&alice, &conversation, &control, &mut world.rng).is_some()
    };
    assert!(commit(1_016, MAX_CONTROL_SYNC_LEN));
    assert!(!commit(1_017, MAX_CONTROL_SYNC_LEN));
    assert!(commit(MAX_CONTROL_ROSTER_LEN, 1));
    assert!(!commit(MAX_CONTROL_ROSTER_LEN + 1, 1));
    assert!(!commit(1, MAX_CONTROL_SYNC_LEN + 1));
    assert!(!commit(0, 1) && !commit(1, 0));
}
