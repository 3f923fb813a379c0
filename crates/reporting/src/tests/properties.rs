//! Tests properties of the whole path with random messages, reports and forgeries.

use proptest::prelude::*;

use crate::attachment::Stage;
use crate::blobs;
use crate::disclosure::PartSet;
use crate::file::FileDescriptor;
use crate::format::Format;
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::openings::{self, Openings};
use crate::padding;
use crate::parts::encode_parts;
use crate::tests::all::*;
use crate::tests::world::*;

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

    /// Sender binding: for any plaintext a sender encrypts, either the recipient's device refuses
    /// to show the message, or it can report the whole message and each part.
    #[test]
    fn whatever_is_shown_can_be_reported(
        content in prop_oneof![
            Just(b"\x01text".to_vec()),
            Just([&[4][..], &[7; 32], b"!"].concat()),
            Just(b"\x05\x01k\xff".to_vec()),
            prop::collection::vec(0u8..9, 0..40),
        ],
        attachments in prop::collection::vec(prop_oneof![
            9 => Just([&[0][..], &[1; 104], b"\x01t\x00\x01l"].concat()),
            1 => prop::collection::vec(any::<u8>(), 0..120),
        ], 0..4),
        (flags, numbers) in (0u8..5, any::<[u8; 21]>()),
        extensions in prop_oneof![
            3 => Just(vec![]),
            1 => Just(vec![0, 1, 0, 1, 7]),
            1 => Just(vec![0x80, 1, 0, 0]),
            1 => prop::collection::vec(any::<u8>(), 0..9),
        ],
        edits in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..2),
        elsewhere in prop::bool::weighted(0.1),
        extra in prop_oneof![9 => Just(0usize), 1 => Just(64usize)],
        seed: u64,
    ) {
        let mut world = World::new(seed);
        let conversation = if elsewhere { ConversationId::group(b"x") } else { world.conversation() };
        let tags = [9; 32].repeat(usize::try_from((flags & 3).count_ones()).unwrap());
        let header = [&[flags], &numbers[..], &tags, &extensions].concat();
        let parts: Vec<Vec<u8>> = [header, content].into_iter().chain(attachments).collect();
        let encoded = encode_parts(parts.iter().map(Vec::as_slice));
        let mut bytes = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded).as_bytes().to_vec();
        for (index, xor) in edits {
            let index = index.index(bytes.len());
            bytes[index] ^= xor;
        }
        let tag = Franked::from_bytes(&bytes)
            .map(|franked| franked.tag_from(&world.alice, conversation));
        padding::pad(&mut bytes);
        bytes.resize(bytes.len() + extra, 0);
        let tag = tag.unwrap_or(FrankingTag::from_bytes([0; 32]));
        let delivery = world.deliver_plaintext(&bytes, tag);
        let Ok(opened) = open(&mut world.to_bob.1, &delivery) else {
            return Ok(());
        };
        let count = opened.evidence().part_count();
        let choices = (0..count).map(|part| Disclosure::Parts(vec![part]));
        for disclosure in choices.chain([Disclosure::Whole]) {
            let mut draft = ReportDraft::new(world.bob.clone(), Reason::Other);
            draft.add(opened.evidence(), disclosure.clone()).unwrap();
            let report = world.seal_report(&draft);
            let verified = world.verify(report).unwrap();
            let message = &verified.messages()[0];
            prop_assert_eq!(message.header(), opened.header());
            if disclosure == Disclosure::Whole {
                prop_assert_eq!(message.content(), Some(opened.content()));
                prop_assert_eq!(message.attachments().len(), opened.attachments().len());
                prop_assert!(message.parts().iter().all(|part| *part != VerifiedPart::Withheld));
            }
        }
    }

    /// A header, content or attachment is either refused or written again with the same bytes, and
    /// a message with an unknown critical extension shows neither content nor attachment.
    #[test]
    fn any_bytes_of_a_part_are_refused_or_kept(
        header in (0u8..5, prop::collection::vec(any::<u8>(), 85), prop_oneof![
            Just(vec![]),
            prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..5)), 0..4)
                .prop_map(|list| list.into_iter().flat_map(|(kind, value)| {
                    let len = u16::try_from(value.len()).unwrap();
                    [&kind.to_be_bytes()[..], &len.to_be_bytes(), &value].concat()
                }).collect()),
            prop::collection::vec(any::<u8>(), 0..20),
        ]),
        content in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            (0u8..9, prop::collection::vec(0u8..0x80, 0..60))
                .prop_map(|(kind, body)| [vec![kind], body].concat()),
        ],
        attachment in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..140),
            (0u8..2, prop::collection::vec(any::<u8>(), 0..140))
                .prop_map(|(scheme, rest)| [vec![scheme], rest].concat()),
            (any::<[u8; 104]>(), "[!-~]{0,9}", "[!-~]{0,9}").prop_map(|(fixed, media, location)| {
                let len = |text: &str| u8::try_from(text.len()).unwrap();
                [&[0], &fixed[..], &[len(&media)], media.as_bytes(), &[0, len(&location)],
                    location.as_bytes()].concat()
            }),
        ],
    ) {
        let (flags, mut fixed, extensions) = header;
        fixed.truncate(21 + 32 * usize::try_from((flags & 3).count_ones()).unwrap());
        let header = [vec![flags], fixed, extensions].concat();
        let Some((decoded, None)) = PayloadHeader::decode(Format::V2, &header) else {
            return Ok(());
        };
        prop_assert_eq!(bytes_of(|out| decoded.put(out)), header);
        let critical = decoded.has_unknown_critical();
        if let Some(read) = decoded.read_content(Stage::Delivered, &content) {
            prop_assert_eq!(bytes_of(|out| read.put(out)), content);
            let unknown = matches!(read, Content::Unknown { .. });
            prop_assert!(!critical || unknown);
        }
        let read = decoded.read_attachments(Format::V2, Stage::Delivered, [&attachment[..]].into_iter());
        if let Some([read]) = read.as_deref() {
            prop_assert_eq!(&bytes_of(|out| read.put(out))[4..], attachment);
            prop_assert!(!critical || read.whole_file().is_none());
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
        let whole = [(message.opened.evidence(), PartSet::all(2))];
        let padded = openings::encode(Reason::Spam, "", whole.into_iter());
        let (plain, start) = (padded[..padding::unpadded_len(&padded).unwrap()].to_vec(), 4);
        let mut altered = plain.clone();
        for (index, xor) in edits {
            let index = start + index.index(plain.len() - start);
            altered[index] ^= xor;
        }
        prop_assume!(altered != plain);
        padding::pad(&mut altered);
        let report = world.forge(&[message.claim], &altered);
        prop_assert!(world.verify(report).is_err());
    }

    #[test]
    fn decoders_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), version in 0u8..5) {
        let mut bytes = bytes;
        if version > 0 && !bytes.is_empty() {
            bytes[0] = version;
        }
        let _ = Envelope::decode(&bytes);
        let _ = Fanout::decode(&bytes);
        let _ = PostedFanout::decode(&bytes);
        let _ = PostedReseal::decode(&bytes);
        let _ = StampedEnvelope::decode(&bytes);
        let _ = Claim::decode(&bytes);
        let _ = UnsealedReport::decode(&bytes);
        let _ = Delivery::decode(&bytes);
        let _ = Receipt::decode(&bytes);
        let _ = Evidence::decode(&bytes);
        let _ = SentMessage::decode(&bytes);
        let _ = Report::decode(&bytes);
        let _ = blobs::decode(&bytes, 30);
        let _ = FileDescriptor::decode(&bytes);
        let _ = StampKeys::import(&bytes);
        let _ = ModerationPublicKey::decode(&bytes);
        let _ = Openings::parse(Format::V1, &bytes);
        let _ = Openings::parse(Format::V2, &bytes);
    }
}
