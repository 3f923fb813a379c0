mod files;

use waxseal_log::entry::Purpose;
use waxseal_reporting::limits::{MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN};
use waxseal_reporting::message::{
    Attachment, AttachmentKey, Content, Extensions, Payload, PayloadHeader, WholeFile,
};
use waxseal_reporting::relay::Claim;
use waxseal_reporting::reporter::{Disclosure, ReportDraft};
use waxseal_reporting::{Audience, ConversationId, FrankingTag};

use super::*;
use crate::DecodeError;
use crate::tests::world::{World, device};
use crate::vault::reported_account;
use files::chunked_file;

fn text(text: &str) -> Option<ViewedContent> {
    Some(ViewedContent::Text(text.to_owned().into()))
}

/// A view of six messages with every kind of content, and of who sees it.
fn rich(world: &mut World, purpose: Purpose) -> View {
    let first = world.alice_says("first");
    let tag = *first.tag();
    let header = |sequence: u64| {
        let mut header = PayloadHeader::new(sequence, world.now);
        header.reply_to = Some(tag);
        header
    };
    let file = WholeFile::new(
        "image/png",
        b"plain",
        b"cipher",
        AttachmentKey::from_bytes([9; 32]),
        "https://files.example/1",
    );
    let unknown = FrankingTag::from_bytes([1; 32]);
    let mut critical = header(70);
    critical.extensions = Extensions::unassigned(&[(0x8001, b"x")]).unwrap();
    let payloads = [
        (
            "alice",
            Content::Edit {
                of: tag,
                text: "edited".into(),
            },
            header(50),
        ),
        (
            "bob",
            Content::Reaction {
                to: tag,
                reaction: "!".into(),
            },
            header(51),
        ),
        ("alice", Content::Deletion { of: unknown }, header(52)),
        (
            "alice",
            Content::Application {
                kind: "poll".into(),
                body: vec![1],
            },
            header(53),
        ),
        ("alice", Content::Text("later".into()), critical),
    ];
    let mut messages = vec![first];
    for (from, content, header) in payloads {
        let attachments = match &content {
            Content::Application { .. } => vec![Attachment::from(file.clone().unwrap())],
            _ => Vec::new(),
        };
        let payload = Payload::with_attachments(header, content, attachments).unwrap();
        messages.push(world.sends(from, &payload));
    }
    let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
    for (index, evidence) in messages.iter().enumerate() {
        let withheld = Disclosure::Parts(vec![1]);
        let shown = if index == 4 {
            withheld
        } else {
            Disclosure::Whole
        };
        draft.add(evidence, shown).unwrap();
    }
    let waiting = world.accept(&draft);
    let mut terms = world.terms(purpose, &[(&waiting, 0b11_1111)]);
    terms.max_openings = 1;
    let grant = world.sign(terms);
    world.open(&grant, &waiting).unwrap()
}

#[test]
fn a_view_shows_content_with_ordinals_for_tags() {
    let mut world = World::new();
    let view = rich(&mut world, Purpose::UserReport);
    assert_eq!(view.reported, Some(device("alice").account));
    assert!(view.names.is_none());
    assert_eq!((view.messages_in_report, view.messages.len()), (6, 6));
    let [first, edit, reaction, deletion, application, later] = &view.messages[..] else {
        panic!("six messages")
    };
    assert!(first.content == text("first") && first.sender == Participant::Reported);
    let of = Reference::InReport(0);
    let edited = ViewedContent::Edit {
        of,
        text: "edited".to_owned().into(),
    };
    assert!(edit.content == Some(edited) && edit.reply_to == of);
    assert!(matches!(reaction.sender, Participant::Number(_)));
    assert!(matches!(reaction.content, Some(ViewedContent::Reaction { to, .. }) if to == of));
    let of = Reference::NotInReport;
    assert!(deletion.content == Some(ViewedContent::Deletion { of }));
    assert!(matches!(
        application.content,
        Some(ViewedContent::Application { .. })
    ));
    assert!(application.attachments.is_empty());
    assert_eq!(application.withheld().collect::<Vec<_>>(), [2]);
    assert!(matches!(
        later.content,
        Some(ViewedContent::Unknown { kind: 1, .. })
    ));
    let debug = format!("{view:?}");
    assert_eq!(debug, "View { reason: Threat, messages: 6, .. }");
}

#[test]
fn a_view_survives_its_encoding() {
    let mut world = World::new();
    for purpose in [Purpose::UserReport, Purpose::Identify] {
        let mut view = rich(&mut world, purpose);
        let bytes = view.encode();
        assert!(View::decode(&bytes).unwrap() == view);
        // What only some reports have.
        let file = ViewedAttachment::File(AttachedFile {
            size_bytes: 1,
            ciphertext_digest: [1; 32],
            plaintext_digest: [2; 32],
            key: Zeroizing::new([3; 32]),
            media_type: "a/b".to_owned(),
            location: "l".to_owned(),
        });
        let unknown = ViewedAttachment::Unknown {
            scheme: 7,
            description_len: 9,
        };
        view.messages[1].attachments = vec![(2, file), (3, unknown)];
        view.messages[1].parts = 4;
        assert_eq!(view.encode()[0], 1);
        assert!(View::decode(&view.encode()).unwrap() == view);
        for access in [
            FileAccess::Descriptor,
            FileAccess::Whole([4; 32].into()),
            FileAccess::Chunks(vec![(0, [5; 32].into()), (4, [6; 32].into())]),
        ] {
            let mut file = chunked_file();
            file.access = access;
            view.messages[0].parts = 9;
            view.messages[0].attachments = vec![(5, ViewedAttachment::Chunked(file.clone()))];
            file.preview = None;
            let without = ViewedAttachment::Chunked(file);
            view.messages[0].attachments.push((8, without));
            assert_eq!(view.encode()[0], 2);
            assert!(View::decode(&view.encode()).unwrap() == view);
        }
        view.messages[1].gap_before = Some(3);
        view.messages[1].contradictions = write::CONTRADICTIONS.to_vec();
        let to = Reference::None;
        let reaction = Zeroizing::new("!".to_owned());
        view.messages[2].content = Some(ViewedContent::Reaction { to, reaction });
        view.messages[2].sender = Participant::Number(8);
        view.messages[3].content = None;
        view.clock_stepped_back = true;
        assert!(View::decode(&view.encode()).unwrap() == view);
    }
}

#[test]
fn the_buffer_of_a_view_does_not_grow_while_it_is_written() {
    let mut view = rich(&mut World::new(), Purpose::Identify);
    let longest = |len| "a".repeat(len);
    let file = ViewedAttachment::File(AttachedFile {
        size_bytes: 1,
        ciphertext_digest: [1; 32],
        plaintext_digest: [2; 32],
        key: Zeroizing::new([3; 32]),
        media_type: longest(MAX_MEDIA_TYPE_LEN),
        location: longest(MAX_LOCATION_LEN),
    });
    let account = AccountId::new(&longest(128)).unwrap();
    let message = &mut view.messages[0];
    message.parts = 32;
    message.gap_before = Some(3);
    message.sender = Participant::Number(8);
    (message.reply_to, message.last_seen) = (Reference::InReport(1), Reference::InReport(1));
    message.attachments = (2..12).map(|part| (part, file.clone())).collect();
    for part in [12, 15, 18] {
        let mut file = chunked_file();
        file.media_type = longest(MAX_MEDIA_TYPE_LEN);
        file.location = longest(MAX_LOCATION_LEN);
        file.name = longest(255).into();
        file.access = FileAccess::Chunks((0..340).map(|at| (at, [7; 32].into())).collect());
        let attachment = (part, ViewedAttachment::Chunked(file));
        message.attachments.push(attachment);
    }
    message.content = Some(ViewedContent::Application {
        kind: longest(255),
        body: Zeroizing::new(vec![7; 65_536]),
    });
    view.messages = (0..30)
        .map(|ordinal| ViewedMessage {
            ordinal,
            ..view.messages[0].clone()
        })
        .collect();
    view.messages_in_report = 30;
    view.note = Zeroizing::new(longest(2_000));
    view.reported = Some(account.clone());
    view.names = Some(Names {
        reporter: account.clone(),
        participants: (0..30).map(|number| (number, account.clone())).collect(),
    });
    let bytes = view.encode();
    assert!(bytes.len() <= write::len(&view));
}

#[test]
fn chk181_a_view_out_of_form_is_refused() {
    let mut world = World::new();
    let view = rich(&mut world, Purpose::Identify);
    let bytes = view.encode();
    for len in 0..bytes.len() {
        assert!(View::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(View::decode(&[&bytes[..], &[0]].concat()).is_err());
    let refused = |change: &dyn Fn(&mut View)| {
        let mut view = view.clone();
        change(&mut view);
        let error = View::decode(&view.encode()).err();
        assert_eq!(error, Some(DecodeError::Malformed));
    };
    refused(&|view| view.messages.swap(0, 1));
    refused(&|view| view.messages_in_report = 5);
    refused(&|view| view.messages_in_report = 31);
    refused(&|view| view.messages[0].ordinal = 6);
    refused(&|view| view.messages[0].claim = 6);
    refused(&|view| view.messages[0].parts = 1);
    refused(&|view| view.messages[0].parts = 33);
    refused(&|view| view.messages[0].reply_to = Reference::InReport(6));
    refused(&|view| view.note = Zeroizing::new("a".repeat(2_001)));
    let with_file = |change: &dyn Fn(&mut ChunkedFile)| {
        let mut file = chunked_file();
        change(&mut file);
        refused(&|view| {
            view.messages[0].parts = 5;
            let file = ViewedAttachment::Chunked(file.clone());
            view.messages[0].attachments = vec![(2, file)];
        });
    };
    let chunk = |index: u32| (index, Zeroizing::new([7; 32]));
    with_file(&|file| file.size_bytes = (1 << 32) + 1);
    with_file(&|file| file.access = FileAccess::Chunks(vec![]));
    with_file(&|file| file.access = FileAccess::Chunks(vec![chunk(5)]));
    with_file(&|file| file.access = FileAccess::Chunks(vec![chunk(1), chunk(1)]));
    with_file(&|file| file.preview.as_mut().unwrap().picture.clear());
    with_file(&|file| file.preview.as_mut().unwrap().picture.push(0));
    refused(&|view| {
        let unknown = ViewedAttachment::Unknown {
            scheme: 7,
            description_len: 9,
        };
        view.messages[0].attachments = vec![(2, unknown)];
    });
    View::decode(&view.encode()).unwrap();
}

#[test]
fn chk199_messages_without_their_bit_are_not_shown() {
    let mut world = World::new();
    let waiting = world.report(&["first", "second", "third"]);
    for (bits, shown) in [(0b1, vec![0]), (0b110, vec![1, 2]), (0b101, vec![0, 2])] {
        let terms = world.terms(Purpose::UserReport, &[(&waiting, bits)]);
        let grant = world.sign(terms);
        let view = world.open(&grant, &waiting).unwrap();
        let ordinals: Vec<_> = view.messages.iter().map(|one| one.ordinal).collect();
        assert_eq!(ordinals, shown);
        assert_eq!(view.messages_in_report, 3);
        let bytes = view.encode();
        for (ordinal, text) in ["first", "second", "third"].iter().enumerate() {
            let there = bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes());
            assert_eq!(there, bits >> ordinal & 1 == 1, "{text}");
        }
    }
}

#[test]
fn only_the_purpose_identify_shows_names() {
    let mut world = World::new();
    let (one, two) = (world.alice_says("first"), world.alice_says("second"));
    let about = ReportDraft::about_account(device("bob"), device("carol").account, Reason::Spam);
    let about = world.accept(&about.unwrap());
    let waiting = world.report_of(&[one, two]);
    let terms = world.terms(Purpose::UserReport, &[(&waiting, 0b11), (&about, 0)]);
    let bob = device("bob").account;
    for (purpose, named) in [(Purpose::UserReport, false), (Purpose::Identify, true)] {
        let mut terms = terms.clone();
        terms.purpose = purpose;
        terms.approver = named.then(|| world.officers[2].id());
        let grant = world.sign(terms);
        for waiting in [&waiting, &about] {
            let view = world.open(&grant, waiting).unwrap();
            let bytes = view.encode();
            let there = bytes.windows(3).any(|window| window == b"bob");
            assert_eq!(there, named);
            assert_eq!(
                view.names.map(|names| names.reporter == bob),
                named.then_some(true)
            );
        }
    }
}

#[test]
fn a_participant_has_one_number_in_a_case_and_another_in_the_next() {
    let mut world = World::new();
    let (first, own) = (world.alice_says("first"), world.says("bob", "own"));
    let waiting = world.report_of(&[first, own]);
    let mut number = |case: u8| {
        let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 0b11)]);
        terms.case = crate::ids::CaseId::from_bytes([case; 16]);
        let grant = world.sign(terms);
        let view = world.open(&grant, &waiting).unwrap();
        assert_eq!(view.messages[0].sender, Participant::Reported);
        view.messages[1].sender
    };
    assert_ne!(number(1), Participant::Reported);
    assert_eq!(number(1), number(1));
    assert_ne!(number(1), number(2));
}

/// The claim of a message of the same device to a group. No one checks its stamp here.
fn claim_to_group(direct: &Claim) -> Claim {
    let mut context = direct.context().clone();
    context.audience = Audience::Group(ConversationId::group(b"chess club"));
    Claim::new(*direct.tag(), context, *direct.stamp())
}

#[test]
fn the_account_that_sent_most_or_the_recipient_is_accused() {
    let mut world = World::new();
    let bob = device("bob").account;
    let alice = device("alice").account;
    let said = world.alice_says("first");
    let claims = [said.claim().clone()];
    assert_eq!(reported_account(&bob, None, &claims), Some(alice.clone()));
    let carol = device("carol").account;
    assert_eq!(reported_account(&bob, Some(&carol), &[]), Some(carol));
    // Own messages accuse the recipient.
    assert_eq!(reported_account(&alice, None, &claims), Some(bob.clone()));
    assert_eq!(reported_account(&bob, None, &[]), None);
    let in_group = [claim_to_group(&claims[0])];
    assert_eq!(reported_account(&bob, None, &in_group), Some(alice.clone()));
    assert_eq!(reported_account(&alice, None, &in_group), None);
    let mut by = |from: &str| world.says(from, "more").claim().clone();
    // The one that sent most, or the smallest in byte order. The reporter's do not count.
    let [one, two] = [by("carol"), by("carol")];
    let [own, again] = [by("bob"), by("bob")];
    let accused = |claims: &[Claim]| reported_account(&bob, None, claims);
    let carol = device("carol").account;
    let [first] = claims;
    let most = [first.clone(), one.clone(), two, own.clone(), again];
    assert_eq!(accused(&most), Some(carol));
    for equal in [[first.clone(), one.clone()], [one, first]] {
        assert_eq!(accused(&equal), Some(alice.clone()));
    }
}
