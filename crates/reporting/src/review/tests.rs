//! Tests of `review.rs`: what a malicious reporter, sender or queue can try.

#![expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]

use proptest::prelude::*;

use super::*;
use crate::openings::{self, PartSet};
use crate::padding;
use crate::parts::{Franked, encode_parts};
use crate::report::tests::{reseal, sections};
use crate::test_world::*;
use crate::*;

fn openings_of(messages: &[&Evidence]) -> Vec<u8> {
    let whole = messages
        .iter()
        .map(|evidence| (*evidence, PartSet::all(evidence.part_count())));
    openings::encode(Reason::Spam, "", whole).to_vec()
}

/// The openings of messages of two parts, unpadded, with the offsets where each begins.
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
    let picture = Attachment::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap();
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
    assert_eq!(attachment.check_plaintext(b"picture"), Ok(()));
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

/// A published scheme's challenge hash omitted the statement; here the statement is the claims.
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
        &openings::encode(Reason::Spam, "", [].into_iter()),
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
    // Cut at its end: the length is committed too.
    let mut cut = plain.clone();
    cut.pop();
    let len_at = cut.len() - "I owe you 10".len() - 1;
    cut[len_at] -= 1;
    let report = world.forge(&[message.claim], &repad(cut));
    assert_eq!(world.verify(report).unwrap_err().check(), 87);
}

#[test]
fn every_altered_bit_of_the_openings_is_refused_or_changes_reason_or_note_only() {
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
    let set = 4 + 1 + 32 + 64;
    plain.truncate(set + 4);
    plain[set + 3] = 0;
    let report = world.forge(&[message.claim], &repad(plain));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::HeaderWithheld { message: 0 }
    );
}

/// A message of Alice's own making, stamped, that an honest Bob would have withheld.
fn malicious(world: &mut World, header: &PayloadHeader, content: &[u8]) -> Evidence {
    let parts = [header.encode(), content.to_vec()];
    let encoded = encode_parts(parts.iter().map(Vec::as_slice));
    let franked = Franked::generate(&encoded, &mut world.rng);
    let audience = Audience::Direct(world.bob.account.clone());
    let claim = world
        .stamp_keys
        .stamp(&franked.tag(), &world.alice, &audience, world.now)
        .unwrap();
    Evidence::new(claim, header.clone(), franked)
}

#[test]
fn chk89_message_written_for_another_conversation_is_refused() {
    let mut world = World::new(11);
    let header = PayloadHeader::new(ConversationId::group(b"elsewhere"), 0, NOON);
    let evidence = malicious(&mut world, &header, b"\x01text");
    let report = world.forge(&[evidence.claim().clone()], &openings_of(&[&evidence]));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::OtherConversation { message: 0 }
    );
}

#[test]
fn chk90_committed_but_malformed_content_is_refused() {
    let mut world = World::new(12);
    let header = world.header(true);
    let evidence = malicious(&mut world, &header, b"\x01\xff");
    let report = world.forge(&[evidence.claim().clone()], &openings_of(&[&evidence]));
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::MalformedPart { message: 0 }
    );
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_messages_shown_in_any_part_verify(
        texts in prop::collection::vec((any::<bool>(), ".{0,300}", any::<bool>()), 1..12),
        seed: u64,
    ) {
        let mut world = World::new(seed);
        let mut draft = ReportDraft::new(world.bob.clone(), Reason::Other);
        for (from_alice, text, whole) in &texts {
            let message = if *from_alice { world.alice_says(text) } else { world.bob_says(text) };
            prop_assert_eq!(message.opened.content().as_text(), Some(text.as_str()));
            let evidence = if *from_alice { message.opened.evidence().clone() } else { message.own };
            let shown = if *whole { Disclosure::Whole } else { Disclosure::Parts(vec![]) };
            draft.add(&evidence, shown).unwrap();
        }
        let report = world.seal_report(&draft);
        let verified = world.verify(report).unwrap();
        for ((from_alice, text, whole), message) in texts.iter().zip(verified.messages()) {
            prop_assert_eq!(message.sender() == &world.alice, *from_alice);
            prop_assert_eq!(message.content().and_then(Content::as_text), whole.then_some(text.as_str()));
            prop_assert!(message.contradictions().is_empty());
            prop_assert_eq!(message.gap_before().unwrap_or(0), 0);
        }
    }

    #[test]
    fn no_altered_opening_verifies(
        text in ".{0,100}",
        edits in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..5),
        seed: u64,
    ) {
        let mut world = World::new(seed);
        let message = world.alice_says(&text);
        let (plain, start) = plain(&[message.opened.evidence()]);
        let mut altered = plain.clone();
        for (index, xor) in edits {
            let index = start + index.index(plain.len() - start);
            altered[index] ^= xor;
        }
        prop_assume!(altered != plain);
        let report = world.forge(&[message.claim], &repad(altered));
        prop_assert!(world.verify(report).is_err());
    }

    #[test]
    fn decoders_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), version: bool) {
        let mut bytes = bytes;
        if version && !bytes.is_empty() {
            bytes[0] = 1;
        }
        let _ = Envelope::decode(&bytes);
        let _ = Delivery::decode(&bytes);
        let _ = Receipt::decode(&bytes);
        let _ = Evidence::decode(&bytes);
        let _ = SentMessage::decode(&bytes);
        let _ = Report::decode(&bytes);
        let _ = StampKeys::import(&bytes);
        let _ = ModerationPublicKey::decode(&bytes);
        let _ = Openings::parse(&bytes);
    }
}
