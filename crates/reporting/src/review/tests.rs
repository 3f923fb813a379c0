//! Tests of `review.rs`: what a malicious reporter, sender or queue can try.

use super::*;
use crate::disclosure::PartSet;
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::openings;
use crate::padding;
use crate::parts::encode_parts;
use crate::report::tests::{reseal, sections};
use crate::tests::all::*;
use crate::tests::world::*;

fn openings_of(messages: &[&Evidence]) -> Vec<u8> {
    let whole = messages
        .iter()
        .map(|evidence| (*evidence, PartSet::all(evidence.part_count())));
    openings::encode(Reason::Spam, "", whole).to_vec()
}

/// The unpadded openings of messages of two parts, and the offset at which the first opening
/// begins.
fn plain(messages: &[&Evidence]) -> (Vec<u8>, usize) {
    let padded = openings_of(messages);
    let len = padding::unpadded_len(&padded).unwrap();
    (padded[..len].to_vec(), 4)
}

fn repad(mut plain: Vec<u8>) -> Vec<u8> {
    padding::pad(&mut plain);
    plain
}

#[test]
fn a_report_in_part_verifies_and_shows_only_that_part() {
    let mut world = World::new(1);
    let key = AttachmentKey::from_bytes([5; 32]);
    let picture = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap();
    let picture = Attachment::from(picture);
    let header = world.header(true);
    let content = Content::Text("look".into());
    let payload =
        Payload::with_attachments(header, content, vec![picture.clone(), picture]).unwrap();
    let message = world.send(true, &payload);
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::UnwantedSexual);
    draft
        .add(message.opened.evidence(), Disclosure::Parts(vec![3]))
        .unwrap();
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    let [message] = verified.messages() else {
        panic!()
    };
    assert_eq!(message.content(), None);
    assert_eq!(message.parts()[1], VerifiedPart::Withheld);
    assert_eq!(message.parts()[2], VerifiedPart::Withheld);
    let (part, attachment) = message.attachments().next().unwrap();
    assert_eq!(part, 3);
    let file = attachment.whole_file().unwrap();
    assert_eq!(file.check_plaintext(b"picture"), Ok(()));
    assert_eq!(message.attachments().len(), 1);
    assert_eq!(verified.conversation(), Some(world.conversation()));
}

#[test]
fn chk82_report_sealed_to_another_key_is_refused() {
    let mut world = World::new(2);
    let message = world.alice_says("spam");
    let report = world.report(&[message.opened.evidence()]);
    world.moderation = ModerationKeyPair::generate(&mut world.rng);
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::OtherModerationKey
    );
}

/// In a published scheme, the hash that yields the challenge omitted the statement to be proven. In
/// a report, the claims are that statement.
#[test]
fn broken_artefact_statement_omitted_chk83_openings_moved_under_other_claims_are_refused() {
    let mut world = World::new(3);
    let one = world.alice_says("one");
    let two = world.alice_says("two");
    let report_one = sections(&world.report(&[one.opened.evidence()]));
    let report_two = sections(&world.report(&[two.opened.evidence()]));
    let moved = wire::Report {
        claims: report_two.claims.clone(),
        ..report_one.clone()
    };
    let report = reseal(moved, &world.bob_key);
    assert_eq!(world.verify(report).unwrap_err(), Rejection::SealBroken);
    let mixed = wire::Report {
        encapsulated_key: report_two.encapsulated_key,
        ..report_one
    };
    let report = reseal(mixed, &world.bob_key);
    assert_eq!(world.verify(report).unwrap_err().check(), 83);
}

#[test]
fn chk84_malformed_openings_are_refused() {
    let mut world = World::new(4);
    let message = world.alice_says("one");
    for openings in [&b""[..], &[0; 64], b"anything"] {
        let report = world.forge(std::slice::from_ref(&message.claim), openings);
        assert_eq!(
            world.verify(report).unwrap_err(),
            Rejection::MalformedOpenings
        );
    }
}

#[test]
fn chk85_missing_and_extra_openings_are_refused() {
    let mut world = World::new(5);
    let one = world.alice_says("one");
    let two = world.alice_says("two");
    let claims = [one.claim.clone(), two.claim.clone()];
    let report = world.forge(&claims, &openings_of(&[one.opened.evidence()]));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::OpeningCount {
            openings: 1,
            claims: 2
        }
    );
    let both = openings_of(&[one.opened.evidence(), two.opened.evidence()]);
    let report = world.forge(&claims[..1], &both);
    assert_eq!(world.verify(report).unwrap_err().check(), 85);
    let report = world.forge(
        &claims[..1],
        &openings::encode::<PartSet>(Reason::Spam, "", [].into_iter()),
    );
    assert_eq!(world.verify(report).unwrap_err().check(), 85);
}

#[test]
fn chk86_reordered_repeated_or_foreign_openings_are_refused() {
    let mut world = World::new(6);
    let one = world.alice_says("one");
    let two = world.alice_says("two");
    let claims = [one.claim.clone(), two.claim.clone()];
    let (one, two) = (one.opened.evidence(), two.opened.evidence());
    for (openings, message) in [
        (vec![two, one], 0),
        (vec![one, one], 1),
        (vec![two, two], 0),
    ] {
        let report = world.forge(&claims, &openings_of(&openings));
        assert_eq!(
            world.verify(report).unwrap_err(),
            Rejection::OtherTag { message }
        );
    }
    let never_sent = World::new(7).alice_says("never sent").own;
    let report = world.forge(&claims, &openings_of(&[one, &never_sent]));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::OtherTag { message: 1 }
    );
}

#[test]
fn chk87_altered_text_is_refused() {
    let mut world = World::new(8);
    let message = world.alice_says("I owe you 10");
    let (plain, _) = plain(&[message.opened.evidence()]);
    let last = plain.len() - 1;
    let mut altered = plain.clone();
    altered[last] = b'9';
    let report = world.forge(std::slice::from_ref(&message.claim), &repad(altered));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::OtherPart { message: 0 }
    );
    // The text is cut at its end: the commitment covers the length too.
    let mut cut = plain.clone();
    cut.pop();
    let len_at = cut.len() - "I owe you 10".len() - 1;
    cut[len_at] -= 1;
    let report = world.forge(&[message.claim], &repad(cut));
    assert_eq!(world.verify(report).unwrap_err().check(), 87);
}

#[test]
fn every_altered_byte_after_reason_and_note_is_refused() {
    let mut world = World::new(9);
    let message = world.alice_says("text");
    let (plain, start) = plain(&[message.opened.evidence()]);
    for index in start..plain.len() {
        let mut altered = plain.clone();
        altered[index] ^= 0x01;
        let report = world.forge(std::slice::from_ref(&message.claim), &repad(altered));
        assert!(world.verify(report).is_err(), "{index}");
    }
}

#[test]
fn chk88_withheld_header_is_refused() {
    let mut world = World::new(10);
    let message = world.alice_says("text");
    let openings = openings::encode(
        Reason::Spam,
        "",
        [(message.opened.evidence(), PartSet::HEADER)].into_iter(),
    );
    let mut plain = openings[..padding::unpadded_len(&openings).unwrap()].to_vec();
    let set = 4 + 1 + 1 + 32 + 64;
    plain.truncate(set + 4);
    plain[set + 3] = 0;
    let report = world.forge(&[message.claim], &repad(plain));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::HeaderWithheld { message: 0 }
    );
}

/// A stamped message from a malicious Alice, which an honest Bob would have withheld.
fn malicious(world: &mut World, header: &PayloadHeader, others: &[&[u8]]) -> Evidence {
    let encoded_header = bytes_of(|out| header.put(out));
    stamped(world, Format::V2, header, &encoded_header, others)
}

/// A stamped message of Alice's in either format, with any header and other parts.
fn stamped(
    world: &mut World,
    format: Format,
    header: &PayloadHeader,
    encoded_header: &[u8],
    others: &[&[u8]],
) -> Evidence {
    let parts = [&[encoded_header], others].concat();
    let encoded = encode_parts(parts.iter().copied());
    let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
    let audience = Audience::Direct(world.bob.account.clone());
    let tag = match format {
        Format::V1 => franked.tag_1(),
        Format::V2 => world.tag(&franked),
    };
    world.now = Timestamp::from_millis(world.now.as_millis().saturating_add(1_000));
    let claim = world
        .stamp_keys
        .stamp_tag(&tag, &world.alice, &audience, world.now)
        .unwrap();
    Evidence::new(claim, format, header.clone(), franked)
}

#[test]
fn chk89_message_written_for_another_conversation_is_refused() {
    let mut world = World::new(11);
    let header = PayloadHeader::new(0, NOON);
    for (conversation, right) in [
        (ConversationId::group(b"elsewhere"), false),
        (world.conversation(), true),
    ] {
        let encoded = header_1(conversation, &header);
        let evidence = stamped(&mut world, Format::V1, &header, &encoded, &[b"\x01text"]);
        let report = world.forge(&[evidence.claim().clone()], &openings_of(&[&evidence]));
        let verified = world.verify(report);
        let refused = Rejection::OtherConversation { message: 0 };
        assert_eq!(verified.err(), (!right).then_some(refused));
    }
}

/// In format 02 the conversation is in the tag.
#[test]
fn chk86_message_written_for_another_conversation_or_by_another_sender_is_refused() {
    let mut world = World::new(15);
    let header = PayloadHeader::new(0, NOON);
    let evidence = malicious(&mut world, &header, &[b"\x01text"]);
    let franked = evidence.franked().clone();
    let (alice, bob) = (world.alice.clone(), world.bob.clone());
    let conversation = world.conversation();
    for (tag, right) in [
        (franked.tag_from(&alice, conversation), true),
        (franked.tag_from(&bob, conversation), false),
        (franked.tag_from(&device("alice", 2), conversation), false),
        (
            franked.tag_from(&alice, ConversationId::group(b"elsewhere")),
            false,
        ),
        (franked.tag_1(), false),
    ] {
        let audience = Audience::Direct(bob.account.clone());
        let claim = world
            .stamp_keys
            .stamp_tag(&tag, &alice, &audience, world.now)
            .unwrap();
        let report = world.forge(&[claim], &openings_of(&[&evidence]));
        let refused = Rejection::OtherTag { message: 0 };
        assert_eq!(world.verify(report).err(), (!right).then_some(refused));
    }
}

#[test]
fn chk90_committed_but_malformed_content_is_refused() {
    let mut world = World::new(12);
    let header = world.header(true);
    for others in [
        &[b"\x01\xff".as_slice()][..],
        &[b"\x01text", b"\x00no whole file"],
        &[b""],
    ] {
        let evidence = malicious(&mut world, &header, others);
        let report = world.forge(&[evidence.claim().clone()], &openings_of(&[&evidence]));
        assert_eq!(
            world.verify(report).unwrap_err(),
            Rejection::MalformedPart { message: 0 }
        );
    }
}

/// This is a limit of the scheme, not a break. The relay stamps tags without seeing the content, so
/// a reporter's own message may be one that the peer could never read. The honest peer's
/// `last_seen` does not confirm it.
#[test]
fn own_message_that_the_peer_never_could_open_verifies_and_is_not_borne_out() {
    let mut world = World::new(14);
    let seen = world.bob_says("shall we have lunch?").own;
    let header = world.header(false);
    let (envelope, sent) = world.seal(false, &Payload::text(header, "may I hit you?").unwrap());
    world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let audience = Audience::Direct(world.alice.account.clone());
    let claim = world
        .stamp_keys
        .stamp_tag(envelope.tag(), &world.bob, &audience, world.now)
        .unwrap();
    let garbage = Envelope::decode(&[&envelope.encode()[..35], &[0x12, 1, 0]].concat()).unwrap();
    let delivery = deliver(&claim, garbage, &world.alice_key);
    let delivery = delivery
        .authenticate(&world.alice_key, &world.alice)
        .unwrap();
    assert!(open(&mut world.to_alice.1, &delivery).is_err());
    let own = Receipt::new(&claim, &world.bob_key)
        .authenticate(&world.bob_key, &sent)
        .unwrap();
    let mut header = world.header(true);
    header.last_seen = Some(*seen.tag());
    let yes = world.send(true, &Payload::text(header, "yes").unwrap());
    let report = world.report(&[&seen, &own, yes.opened.evidence()]);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.messages()[2].last_seen(), LastSeen::InReport(0));
}

#[test]
fn debug_shows_no_content() {
    let mut world = World::new(13);
    let message = world.alice_says("secret");
    let report = world.report(&[message.opened.evidence()]);
    let verified = world.verify(report).unwrap();
    assert_eq!(
        format!("{verified:?}"),
        "VerifiedReport { reason: Spam, messages: 1, .. }"
    );
    assert!(!format!("{:?}", verified.messages()).contains("secret"));
}
