//! Reads what a client stored in format 01, and reports it together with newer messages.

use crate::disclosure::PartSet;
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::openings::{self, Openings};
use crate::padding;
use crate::parts::encode_parts;
use crate::tests::all::*;
use crate::tests::golden;
use crate::tests::world::*;

/// Evidence that version 0.1 stored: a text, a reply with every field of the header, and a text
/// with an attachment.
const EVIDENCE: [&[u8]; 3] = [
    golden::EVIDENCE[0],
    golden::EVIDENCE[1],
    golden::EVIDENCE[5],
];

fn stored() -> Vec<Evidence> {
    let read = |bytes| Evidence::decode(bytes).unwrap();
    EVIDENCE.into_iter().map(read).collect()
}

#[test]
fn evidence_of_format_01_opens_with_everything_in_it_and_stays_in_its_format() {
    let [text, reply, picture] = &stored()[..] else {
        panic!()
    };
    let text_of = |evidence: &Evidence| match evidence.content().unwrap() {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text_of(text), "Is your bike still for sale?");
    assert_eq!(text_of(reply), "A reply.");
    assert_eq!(text_of(picture), "With a picture.");
    let seen = reply.header().last_seen;
    assert!(seen.is_some() && seen == reply.header().reply_to);
    let [attachment] = &picture.attachments()[..] else {
        panic!()
    };
    let file = attachment.whole_file().unwrap();
    assert_eq!((file.size_bytes(), file.media_type()), (5, "image/png"));
    assert_eq!(file.location(), "https://files.example/1");
    for (index, (evidence, bytes)) in stored().iter().zip(EVIDENCE).enumerate() {
        let sequence = [0, 1, 5][index];
        assert_eq!(evidence.sequence(), sequence);
        assert!(!evidence.tag_names_sender());
        assert_eq!(*evidence.encode(), bytes);
        let direct = ConversationId::direct(&account("alice"), &account("bob"));
        assert_eq!(evidence.conversation(), direct);
    }
}

/// Anyone who gets a message of format 01 can send it on under the same tag.
#[test]
fn chk73_evidence_of_format_01_names_its_conversation_and_not_its_sender() {
    let bytes = EVIDENCE[0].to_vec();
    // `01`, tag, length, `len u8 || alice || device`, `01`, `len u8 || bob`.
    let sender = 1 + 32 + 2 + 1;
    assert_eq!(&bytes[sender..sender + 5], b"alice");
    let with = |at: usize, byte: u8| {
        let mut altered = bytes.clone();
        altered[at] = byte;
        Evidence::decode(&altered)
    };
    assert!(with(sender + 5 + 3, 9).is_ok(), "another device");
    assert!(
        with(sender, b'b').is_err(),
        "another account, so another conversation"
    );
    assert!(with(0, 2).is_err(), "under the other version");
    assert!(with(bytes.len() - 1, 0).is_err(), "another text");
    for version in [0, 3] {
        let refused = with(0, version).unwrap_err();
        assert_eq!(refused, DecodeError::UnknownVersion { version });
    }
}

/// A message that Alice's device stored in format 01, and that no relay stamped yet.
fn waiting(world: &mut World) -> Vec<u8> {
    let header = world.header(true);
    let header = header_1(world.conversation(), &header);
    let encoded = encode_parts([&header[..], b"\x01waiting"].into_iter());
    let key = FrankingKey::from_bytes([3; 32]);
    let mut bytes = vec![1];
    world.alice.put(&mut bytes);
    bytes.extend_from_slice(Franked::new(&key, &encoded).as_bytes());
    bytes
}

#[test]
fn chk98_a_message_stored_in_format_01_is_sealed_again_under_another_tag() {
    let mut world = World::new(1);
    let bytes = waiting(&mut world);
    let old = SentMessage::decode(&bytes).unwrap();
    assert_eq!(*old.encode(), bytes);
    assert_eq!(old.conversation(), &world.conversation());
    assert!(!old.tag_names_sender());
    let before = world.to_bob.0.next;
    let refused = old.seal_for(&mut world.to_bob.0, &mut world.rng);
    assert!(matches!(refused, Err(SealError::OldFormat)));
    assert_eq!(world.to_bob.0.next, before, "the channel was not asked");

    let delivered = world.send(true, &old.payload().unwrap());
    assert_ne!(delivered.opened.tag(), old.tag());
    assert_eq!(delivered.opened.header(), old.header());
    assert_eq!(delivered.opened.content().as_text(), Some("waiting"));
    assert!(delivered.own.tag_names_sender());
}

/// The relay had stamped it before the update, and its receipt arrives after it.
#[test]
fn a_receipt_turns_a_message_stored_in_format_01_into_evidence_of_that_format() {
    let mut world = World::new(2);
    let old = SentMessage::decode(&waiting(&mut world)).unwrap();
    let audience = Audience::Direct(world.bob.account.clone());
    let claim = world
        .stamp_keys
        .stamp_tag(old.tag(), &world.alice, &audience, world.now);
    let receipt = Receipt::new(&claim.unwrap(), &world.alice_key);
    let evidence = receipt.authenticate(&world.alice_key, &old).unwrap();
    assert!(!evidence.tag_names_sender());
    let again = Evidence::decode(&evidence.encode()).unwrap();
    assert_eq!(again.content().unwrap().as_text(), Some("waiting"));
}

/// Every payload of format 01 fits format 02: the conversation leaves the header, and each of at
/// most 30 attachments gains a byte.
#[test]
fn the_largest_payload_of_format_01_fits_format_02() {
    let header = header_1(ConversationId::group(b"g"), &PayloadHeader::new(0, NOON));
    let file = [&[1; 104][..], b"\x00\x00\x00"].concat();
    let room = MAX_PAYLOAD_LEN - 1 - 32 * 4 - header.len() - 30 * file.len();
    let text = [b'\x01'].repeat(room);
    let parts = [&header[..], &text].into_iter().chain([&file[..]; 30]);
    let encoded = encode_parts(parts.collect::<Vec<_>>().into_iter());
    assert_eq!(encoded.len(), MAX_PAYLOAD_LEN);
    let key = FrankingKey::from_bytes([3; 32]);
    let mut bytes = vec![1];
    device("alice", 1).put(&mut bytes);
    bytes.extend_from_slice(Franked::new(&key, &encoded).as_bytes());
    let payload = SentMessage::decode(&bytes).unwrap().payload().unwrap();
    let (header, content) = (payload.header().clone(), payload.content().clone());
    let attachments = payload.attachments().to_vec();
    assert!(Payload::with_attachments(header, content, attachments).is_ok());
}

/// A report of version 01 that waits at the client or the provider holds openings without versions.
#[test]
fn openings_of_a_report_of_version_01_are_read() {
    let stored = stored();
    let whole = stored
        .iter()
        .map(|evidence| (evidence, PartSet::all(evidence.part_count())));
    let padded = openings::encode(Reason::Spam, "note", whole.collect::<Vec<_>>().into_iter());
    let plain = &padded[..padding::unpadded_len(&padded).unwrap()];
    // Take the version bytes out, each before an opening.
    let mut old = plain[..8].to_vec();
    let mut rest = &plain[8..];
    for evidence in &stored {
        let parts = evidence.franked().parts();
        let shown: usize = parts.iter().map(|part| 32 + 4 + part.len()).sum();
        let len = 1 + 32 + parts.len() * 32 + 4 + shown;
        assert_eq!(rest[0], 1);
        old.extend_from_slice(&rest[1..1 + len]);
        rest = &rest[1 + len..];
    }
    padding::pad(&mut old);
    let openings = Openings::parse(Format::V1, &old).unwrap();
    for (opening, evidence) in openings.messages.iter().zip(&stored) {
        assert!(opening.tag(evidence.claim()).matches(evidence.tag()));
        assert!(opening.shown_parts_match());
    }
}

/// Evidence of a message of format 01 from Alice, with these parts after the header.
fn evidence_1(world: &mut World, others: &[&[u8]]) -> Evidence {
    let header = world.header(true);
    let encoded_header = header_1(world.conversation(), &header);
    let parts = [&[&encoded_header[..]], others].concat();
    let encoded = encode_parts(parts.iter().copied());
    let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
    let audience = Audience::Direct(world.bob.account.clone());
    let claim = world
        .stamp_keys
        .stamp_tag(&franked.tag_1(), &world.alice, &audience, world.now);
    Evidence::new(claim.unwrap(), Format::V1, header, franked)
}

#[test]
fn a_report_holds_messages_of_both_formats_and_says_of_each_whether_its_tag_names_its_sender() {
    let mut world = World::new(16);
    let file = bytes_of(|out| {
        let key = AttachmentKey::from_bytes([5; 32]);
        let file = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1");
        Attachment::from(file.unwrap()).put(out);
    });
    let parts: &[&[u8]] = &[b"\x01old", &file[5..]]; // without length and scheme
    let old = evidence_1(&mut world, parts);
    let old = Evidence::decode(&old.encode()).unwrap();
    assert!(!old.tag_names_sender());
    let new = world.alice_says("new").opened.evidence().clone();
    let report = world.report(&[&new, &old]);
    let verified = world.verify(report).unwrap();
    let seen = verified.messages().iter().map(|message| {
        (
            message.content().and_then(Content::as_text),
            message.tag_names_sender(),
        )
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [(Some("old"), false), (Some("new"), true)]
    );
    let (_, attachment) = verified.messages()[0].attachments().next().unwrap();
    let file = attachment.whole_file().unwrap();
    assert_eq!(file.check_plaintext(b"picture"), Ok(()));
    assert_eq!(verified.conversation(), Some(world.conversation()));
}

/// Neither format's opening passes as one of the other.
#[test]
fn chk86_opening_under_the_other_version_is_refused() {
    let mut world = World::new(17);
    let old = evidence_1(&mut world, &[b"\x01old"]);
    let new = world.alice_says("new").opened.evidence().clone();
    for evidence in [old, new] {
        let whole = [(&evidence, PartSet::all(2))];
        let mut openings = openings::encode(Reason::Spam, "", whole.into_iter()).to_vec();
        assert!((1..=2).contains(&openings[4]));
        openings[4] ^= 3;
        let report = world.forge(&[evidence.claim().clone()], &openings);
        let refused = world.verify(report).unwrap_err();
        assert_eq!(refused, Rejection::OtherTag { message: 0 });
    }
}
