//! Tests of `content.rs`.

use super::*;
use crate::Timestamp;
use crate::message::{Payload, PayloadError, PayloadHeader};
use crate::tests::world::bytes_of;

fn group() -> ConversationId {
    ConversationId::from_bytes([9; 32])
}

fn all() -> Vec<Content> {
    let tag = FrankingTag::from_bytes([8; 32]);
    vec![
        Content::Text("héllo".into()),
        Content::Text(String::new()),
        Content::Edit {
            of: tag,
            text: "better".into(),
        },
        Content::Deletion { of: tag },
        Content::Reaction {
            to: tag,
            reaction: "👍".into(),
        },
        Content::Reaction {
            to: tag,
            reaction: String::new(),
        },
        Content::Application {
            kind: "application/x-poll".into(),
            body: vec![0, 255],
        },
        Content::Invitation {
            group: group(),
            title: "Chess, better".into(),
        },
        Content::Acceptance { group: group() },
        Content::GroupLeave,
        Content::GroupProfile {
            title: "Chess, better".into(),
            picture: vec![0, 255],
        },
        Content::GroupProfile {
            title: String::new(),
            picture: vec![],
        },
        Content::Timer { after_secs: 86_400 },
        Content::Timer { after_secs: 0 },
        Content::Unknown {
            kind: 11,
            body: b"better".to_vec(),
        },
        Content::Unknown {
            kind: 0,
            body: vec![],
        },
    ]
}

#[test]
fn every_kind_round_trips() {
    for content in all() {
        let bytes = bytes_of(|out| content.put(out));
        assert_eq!(bytes.len(), content.encoded_len());
        assert_eq!(
            Content::decode(Stage::Delivered, &bytes).as_ref(),
            Some(&content)
        );
        assert!(!format!("{content:?}").contains("better"));
    }
}

#[test]
fn content_says_what_it_refers_to_and_is_wiped_on_request() {
    let tag = FrankingTag::from_bytes([8; 32]);
    for mut content in all() {
        let refers = matches!(
            content,
            Content::Edit { .. } | Content::Deletion { .. } | Content::Reaction { .. }
        );
        assert_eq!(content.refers_to(), refers.then_some(&tag));
        content.zeroize();
        let text = match &content {
            Content::Text(text) | Content::Edit { text, .. } => text,
            Content::Reaction { reaction, .. } => reaction,
            Content::Application { kind, .. } => kind,
            Content::Invitation { title, .. } | Content::GroupProfile { title, .. } => title,
            Content::Deletion { .. }
            | Content::Acceptance { .. }
            | Content::GroupLeave
            | Content::Timer { .. }
            | Content::Unknown { .. } => "",
        };
        assert_eq!(text, "");
        if let Content::Application { body, .. }
        | Content::Unknown { body, .. }
        | Content::GroupProfile { picture: body, .. } = &content
        {
            assert!(body.is_empty());
        }
    }
}

#[test]
fn chk59_content_out_of_form_is_refused() {
    let long_reaction = [&[REACTION][..], &[8; 32], &[b'x'; MAX_REACTION_LEN + 1]].concat();
    let long_title = [
        &[INVITATION][..],
        &[8; 32],
        &[b'x'; MAX_GROUP_TITLE_LEN + 1],
    ]
    .concat();
    let profile = [
        &[GROUP_PROFILE, 1, b'x'][..],
        &[8; MAX_GROUP_PICTURE_LEN + 1],
    ]
    .concat();
    let bad: [&[u8]; 22] = [
        &[],
        &[INVITATION],
        &[&[INVITATION][..], &[8; 31]].concat(),
        &[&[INVITATION][..], &[8; 32], &[0xff]].concat(),
        &long_title,
        &[&[ACCEPTANCE][..], &[8; 31]].concat(),
        &[&[ACCEPTANCE][..], &[8; 33]].concat(),
        &[GROUP_LEAVE, 0],
        &[GROUP_PROFILE],
        &[GROUP_PROFILE, 1],
        &[GROUP_PROFILE, 2, b'x'],
        &[GROUP_PROFILE, 1, 0xff],
        &profile,
        &[TEXT, 0xff],
        &[EDIT, 1],
        &[DELETION, 0],
        &long_reaction,
        &[APPLICATION, 0, 1],
        &[APPLICATION, 1, b' ', 1],
        &[TIMER],
        &[TIMER, 0, 0, 1],
        &[TIMER, 0, 0, 0, 1, 0],
    ];
    for bytes in bad {
        assert_eq!(Content::decode(Stage::Delivered, bytes), None, "{bytes:?}");
        // What earlier releases did not know, they showed as unknown, whatever it held.
        let shown = bytes.split_first().filter(|(kind, _)| **kind == TIMER);
        let shown = shown.map(|(kind, body)| Content::Unknown {
            kind: *kind,
            body: body.to_vec(),
        });
        assert_eq!(Content::decode(Stage::Committed, bytes), shown, "{bytes:?}");
    }
    let trailing = [&[DELETION][..], &[8; 33]].concat();
    assert_eq!(Content::decode(Stage::Delivered, &trailing), None);
    assert!(Content::decode(Stage::Delivered, &long_reaction[..33 + MAX_REACTION_LEN]).is_some());
    assert!(Content::decode(Stage::Delivered, &long_title[..33 + MAX_GROUP_TITLE_LEN]).is_some());
    assert!(Content::decode(Stage::Delivered, &profile[..3 + MAX_GROUP_PICTURE_LEN]).is_some());
}

#[test]
fn chk59_what_cannot_be_read_is_not_sealed() {
    let application = |len| Content::Application {
        kind: "x".repeat(len),
        body: vec![],
    };
    let reaction = |len| Content::Reaction {
        to: FrankingTag::from_bytes([8; 32]),
        reaction: "x".repeat(len),
    };
    let title = |len: usize| "x".repeat(len);
    let invitation = |len| Content::Invitation {
        group: group(),
        title: title(len),
    };
    let profile = |len, size| Content::GroupProfile {
        title: title(len),
        picture: vec![1; size],
    };
    for content in [
        reaction(MAX_REACTION_LEN),
        application(1),
        application(128),
        invitation(255),
        profile(255, MAX_GROUP_PICTURE_LEN),
    ] {
        assert_eq!(payload(content), Ok(()));
    }
    for content in [
        invitation(256),
        profile(256, 0),
        profile(0, MAX_GROUP_PICTURE_LEN + 1),
        reaction(MAX_REACTION_LEN + 1),
        application(0),
        application(129),
    ] {
        assert_eq!(payload(content), Err(PayloadError::ContentOutOfBounds));
    }
}

fn payload(content: Content) -> Result<(), PayloadError> {
    Payload::new(PayloadHeader::new(0, Timestamp::from_millis(1)), content).map(drop)
}

#[test]
fn content_of_an_unknown_kind_is_kept_whatever_it_holds() {
    for kind in (0..=u8::MAX).filter(|kind| !KNOWN.contains(kind)) {
        for body in [&b""[..], b"said later", &[0xff; 400]] {
            let part = [&[kind], body].concat();
            let content = Content::decode(Stage::Delivered, &part).unwrap();
            let body = body.to_vec();
            assert_eq!(content, Content::Unknown { kind, body });
            assert_eq!(content.as_text(), None);
            assert_eq!(bytes_of(|out| content.put(out)), part);
            assert_eq!(payload(content), Ok(()));
        }
    }
}

#[test]
fn content_made_unknown_keeps_its_bytes() {
    for content in all() {
        let bytes = bytes_of(|out| content.put(out));
        let (kind, body) = content.to_raw();
        assert_eq!([&[kind], &body[..]].concat(), bytes);
        let unknown = content.into_unknown();
        assert!(matches!(unknown, Content::Unknown { .. }));
        assert_eq!(bytes_of(|out| unknown.put(out)), bytes);
    }
}

#[test]
fn chk96_unknown_content_is_not_sealed_under_a_known_kind() {
    for kind in KNOWN {
        let body = b"\x01k".to_vec();
        let refused = payload(Content::Unknown { kind, body });
        assert_eq!(refused, Err(PayloadError::ContentOutOfBounds), "{kind}");
    }
    for kind in [0, TIMER + 1, u8::MAX] {
        let body = b"\x01k".to_vec();
        assert_eq!(payload(Content::Unknown { kind, body }), Ok(()), "{kind}");
    }
}
