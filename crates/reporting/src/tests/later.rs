//! Receives, keeps, lists and reports what a later version wrote, and loses none of it.
//!
//! A hand-made peer writes every message here, since the present version cannot.

use crate::format::Format;
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::parts::encode_parts;
use crate::tests::all::*;
use crate::tests::world::*;

/// What a later version may write: the name, the parts, and what of it is shown as it is.
struct Later {
    name: &'static str,
    parts: Vec<Vec<u8>>,
    shown: Shown,
}

enum Shown {
    /// Everything but what is unknown.
    TextAndFile,
    /// The text.
    Text,
    /// Neither text nor file.
    Nothing,
}

fn header(extensions: &[u8]) -> Vec<u8> {
    let mut bytes = bytes_of(|out| PayloadHeader::new(0, NOON).put(out));
    bytes.extend_from_slice(extensions);
    bytes
}

fn file() -> Vec<u8> {
    let key = AttachmentKey::from_bytes([5; 32]);
    let file = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap();
    let part = bytes_of(|out| Attachment::from(file).put(out));
    part[4..].to_vec() // without its length
}

fn messages() -> Vec<Later> {
    let text = || b"\x01text".to_vec();
    let critical = [0x80, 1, 0, 2, 8, 9];
    let later = |name, parts, shown| Later { name, parts, shown };
    let longest = [&[0, 1, 3, 0xfc][..], &[7; 1_020]].concat();
    vec![
        later(
            "an unknown kind",
            vec![header(&[]), b"\x0bpoll".to_vec()],
            Shown::Nothing,
        ),
        later(
            "an unknown kind alone",
            vec![header(&[]), vec![0xff]],
            Shown::Nothing,
        ),
        later(
            "an unknown scheme",
            vec![header(&[]), text(), b"\x04stream".to_vec()],
            Shown::Text,
        ),
        later(
            "a known and an unknown scheme",
            vec![header(&[]), text(), file(), vec![9]],
            Shown::TextAndFile,
        ),
        later(
            "an extension",
            vec![header(&[0, 1, 0, 1, 7]), text(), file()],
            Shown::TextAndFile,
        ),
        later(
            "the longest extension",
            vec![header(&longest), text()],
            Shown::Text,
        ),
        later(
            "a critical extension",
            vec![header(&critical), text(), file()],
            Shown::Nothing,
        ),
        later(
            "a critical extension and an unknown kind",
            vec![
                header(&[&[0, 7, 0, 0][..], &critical].concat()),
                vec![77, 1],
            ],
            Shown::Nothing,
        ),
    ]
}

/// Checks what a client or reviewer makes of a message.
fn assert_shown(
    message: &Later,
    header: &PayloadHeader,
    content: &Content,
    attachments: &[&Attachment],
) {
    let name = message.name;
    let encoded = [
        vec![
            bytes_of(|out| header.put(out)),
            bytes_of(|out| content.put(out)),
        ],
        attachments
            .iter()
            .map(|one| bytes_of(|out| one.put(out))[4..].to_vec()) // without its length
            .collect(),
    ];
    assert_eq!(
        encoded.concat(),
        message.parts,
        "{name}: every byte is kept"
    );
    let text = matches!(message.shown, Shown::Text | Shown::TextAndFile);
    assert_eq!(content.as_text(), text.then_some("text"), "{name}");
    assert_eq!(matches!(content, Content::Unknown { .. }), !text, "{name}");
    let files = attachments.iter().filter_map(|one| one.whole_file());
    let file = matches!(message.shown, Shown::TextAndFile);
    assert_eq!(files.count(), usize::from(file), "{name}");
}

#[test]
fn chk95_a_client_receives_keeps_lists_and_reports_what_a_later_version_wrote() {
    let mut world = World::new(1);
    let mut kept = Vec::new();
    for message in messages() {
        let encoded = encode_parts(message.parts.iter().map(Vec::as_slice));
        let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
        let tag = world.tag(&franked);
        world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
        let delivery = world.deliver_plaintext(franked.padded(), tag);
        let opened = open(&mut world.to_bob.1, &delivery).unwrap();
        let attachments: Vec<_> = opened.attachments().iter().collect();
        assert_shown(&message, opened.header(), opened.content(), &attachments);
        let stored = opened.evidence().encode();
        kept.push((message, Evidence::decode(&stored).unwrap()));
        assert_eq!(*kept.last().unwrap().1.encode(), *stored);
    }
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Other);
    for (message, evidence) in &kept {
        let attachments = evidence.attachments();
        let attachments: Vec<_> = attachments.iter().collect();
        let content = evidence.content().unwrap();
        assert_shown(message, evidence.header(), &content, &attachments);
        draft.add(evidence, Disclosure::Whole).unwrap();
    }
    for ((message, _), shown) in kept.iter().zip(draft.preview().messages()) {
        assert_eq!(shown.parts().len(), message.parts.len());
    }
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.messages().len(), kept.len());
    for ((message, _), shown) in kept.iter().zip(verified.messages()) {
        let attachments: Vec<_> = shown.attachments().map(|(_, one)| one).collect();
        assert_shown(
            message,
            shown.header(),
            shown.content().unwrap(),
            &attachments,
        );
        let parts: Vec<_> = shown
            .parts()
            .iter()
            .map(|part| match part {
                VerifiedPart::Shown(bytes) => bytes.to_vec(),
                VerifiedPart::Withheld => panic!(),
            })
            .collect();
        assert_eq!(parts, message.parts, "{}", message.name);
    }
}

/// A report in part: the text or file of a message with a critical extension stays unknown.
#[test]
fn chk95_each_part_alone_is_shown_as_unknown_under_a_critical_extension() {
    let mut world = World::new(2);
    let critical = messages()
        .into_iter()
        .find(|one| one.name == "a critical extension")
        .unwrap();
    let encoded = encode_parts(critical.parts.iter().map(Vec::as_slice));
    let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
    let tag = world.tag(&franked);
    let delivery = world.deliver_plaintext(franked.padded(), tag);
    let opened = open(&mut world.to_bob.1, &delivery).unwrap();
    assert!(opened.header().has_unknown_critical());
    for part in [1, 2] {
        let mut draft = ReportDraft::new(world.bob.clone(), Reason::Other);
        draft
            .add(opened.evidence(), Disclosure::Parts(vec![part]))
            .unwrap();
        let report = world.seal_report(&draft);
        let verified = world.verify(report).unwrap();
        let message = &verified.messages()[0];
        assert!(message.header().has_unknown_critical());
        match part {
            1 => assert!(matches!(
                message.content(),
                Some(Content::Unknown { kind: 1, .. })
            )),
            _ => {
                let (_, file) = message.attachments().next().unwrap();
                assert!(matches!(file, Attachment::Unknown(unknown) if unknown.scheme() == 0));
            }
        }
    }
    // Nor is it sent on as what it is.
    let (content, attachments, _) = opened.into_parts();
    let header = PayloadHeader::new(1, NOON);
    let refused = Payload::new(header.clone(), content).unwrap_err();
    assert_eq!(refused, PayloadError::ContentOutOfBounds);
    let text = Content::Text(String::new());
    let refused = Payload::with_attachments(header, text, attachments).unwrap_err();
    assert_eq!(refused, PayloadError::AttachmentUnknown);
}

/// A client to which schemes 1 to 3 were unknown has shown these messages and kept them. Now that
/// the schemes are known, no sender has made a message that cannot be read or reported by it.
#[test]
fn chk73_chk90_chk92_parts_that_were_unknown_when_they_were_shown_are_kept_and_reported() {
    let mut world = World::new(3);
    let key = [&[2][..], &[7; 32]].concat();
    let out_of_form: [&[&[u8]]; 4] = [&[&[1, 0]], &[&[2]], &[&[3, 0]], &[&[1, 0], &key, &[9]]];
    let out_of_place: [&[&[u8]]; 2] = [&[&key], &[&[3, 0, 1], &key]];
    let critical = [0x80, 1, 0, 0];
    let cases = out_of_form.map(|parts| (parts, &[][..])).into_iter();
    let cases = cases.chain(out_of_place.map(|parts| (parts, &[][..])));
    let cases = cases.chain(out_of_form.map(|parts| (parts, &critical[..])));
    let mut kept = Vec::new();
    for (attached, extensions) in cases {
        let header = header(extensions);
        let parts = [&[&header[..], b"\x01abuse"], attached].concat();
        let encoded = encode_parts(parts.iter().copied());
        let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
        let tag = world.tag(&franked);
        world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
        let delivery = world.deliver_plaintext(franked.padded(), tag);
        let refused = open(&mut world.to_bob.1, &delivery);
        assert!(matches!(
            refused,
            Err(OpenError::Withheld(Withheld::Malformed))
        ));
        let (header, _) = PayloadHeader::decode(Format::V2, &header).unwrap();
        let sent = SentMessage::new(
            Format::V2,
            world.alice.clone(),
            world.conversation(),
            header.clone(),
            franked.clone(),
        );
        let sent = SentMessage::decode(&sent.encode()).unwrap();
        assert!(sent.payload().is_none(), "recipients would refuse it");
        assert_eq!(sent.attachments().len(), attached.len());
        let evidence = Evidence::new(delivery.claim.clone(), Format::V2, header, franked);
        let evidence = Evidence::decode(&evidence.encode()).unwrap();
        assert_eq!(evidence.attachments().len(), attached.len());
        kept.push((evidence, attached));
    }
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Harassment);
    for (evidence, _) in &kept {
        draft.add(evidence, Disclosure::Whole).unwrap();
    }
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    for (message, (evidence, attached)) in verified.messages().iter().zip(&kept) {
        if !message.header().has_unknown_critical() {
            assert_eq!(message.content().unwrap().as_text(), Some("abuse"));
        }
        assert_eq!(message.tag(), evidence.tag());
        assert!(message.files().is_empty());
        let shown = message.attachments().map(|(_, one)| match one {
            Attachment::Unknown(unknown) => (unknown.scheme(), unknown.description_len()),
            other => panic!("{other:?}"),
        });
        let expected = attached.iter().map(|part| (part[0], part.len()));
        assert_eq!(shown.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn chk59_chk73_chk90_chk92_a_kind_that_was_unknown_when_it_was_shown_is_kept_and_reported() {
    let mut world = World::new(4);
    let mut kept = Vec::new();
    for content in [&[10][..], &[10, 0, 0, 1], &[10, 0, 0, 0, 1, 0]] {
        let header = header(&[]);
        let encoded = encode_parts([&header[..], content].into_iter());
        let franked = Franked::new(&FrankingKey::generate(&mut world.rng), &encoded);
        let tag = world.tag(&franked);
        world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
        let delivery = world.deliver_plaintext(franked.padded(), tag);
        let refused = open(&mut world.to_bob.1, &delivery);
        assert!(matches!(
            refused,
            Err(OpenError::Withheld(Withheld::Malformed))
        ));
        let (header, _) = PayloadHeader::decode(Format::V2, &header).unwrap();
        let (sender, conversation) = (world.alice.clone(), world.conversation());
        let parts = (header.clone(), franked.clone());
        let sent = SentMessage::new(Format::V2, sender, conversation, parts.0, parts.1);
        let sent = SentMessage::decode(&sent.encode()).unwrap();
        assert!(sent.payload().is_none(), "recipients would refuse it");
        let evidence = Evidence::new(delivery.claim.clone(), Format::V2, header, franked);
        let evidence = Evidence::decode(&evidence.encode()).unwrap();
        let body = content[1..].to_vec();
        let unknown = Content::Unknown { kind: 10, body };
        assert_eq!(sent.content().as_ref(), Some(&unknown));
        assert_eq!(evidence.content().as_ref(), Some(&unknown));
        kept.push((evidence, unknown));
    }
    let report = world.report(&kept.iter().map(|(one, _)| one).collect::<Vec<_>>());
    let verified = world.verify(report).unwrap();
    let shown = verified.messages().iter().map(VerifiedMessage::content);
    assert!(shown.eq(kept.iter().map(|(_, unknown)| Some(unknown))));
}
