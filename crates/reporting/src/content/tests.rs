//! Tests of `content.rs`.

use super::*;
use crate::message::{Payload, PayloadError, PayloadHeader};
use crate::tests::world::bytes_of;
use crate::{ConversationId, Timestamp};

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
    ]
}

#[test]
fn every_kind_round_trips() {
    for content in all() {
        let bytes = bytes_of(|out| content.put(out));
        assert_eq!(bytes.len(), content.encoded_len());
        assert_eq!(Content::decode(&bytes).as_ref(), Some(&content));
        assert!(!format!("{content:?}").contains("better"));
    }
}

#[test]
fn content_says_what_it_refers_to_and_is_wiped_on_request() {
    let tag = FrankingTag::from_bytes([8; 32]);
    for mut content in all() {
        let refers = !matches!(content, Content::Text(_) | Content::Application { .. });
        assert_eq!(content.refers_to(), refers.then_some(&tag));
        content.zeroize();
        let text = match &content {
            Content::Text(text) | Content::Edit { text, .. } => text,
            Content::Reaction { reaction, .. } => reaction,
            Content::Application { kind, .. } => kind,
            Content::Deletion { .. } => "",
        };
        assert_eq!(text, "");
        if let Content::Application { body, .. } = &content {
            assert!(body.is_empty());
        }
    }
}

#[test]
fn chk59_content_out_of_form_is_refused() {
    let long_reaction = [&[REACTION][..], &[8; 32], &[b'x'; MAX_REACTION_LEN + 1]].concat();
    let bad: [&[u8]; 9] = [
        &[],
        &[0],
        &[6, 1],
        &[TEXT, 0xff],
        &[EDIT, 1],
        &[DELETION, 0],
        &long_reaction,
        &[APPLICATION, 0, 1],
        &[APPLICATION, 1, b' ', 1],
    ];
    for bytes in bad {
        assert_eq!(Content::decode(bytes), None, "{bytes:?}");
    }
    let trailing = [&[DELETION][..], &[8; 33]].concat();
    assert_eq!(Content::decode(&trailing), None);
    assert!(Content::decode(&long_reaction[..33 + MAX_REACTION_LEN]).is_some());
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
    let payload = |content| {
        let conversation = ConversationId::group(b"g");
        Payload::new(
            PayloadHeader::new(conversation, 0, Timestamp::from_millis(1)),
            content,
        )
        .map(drop)
    };
    for content in [reaction(MAX_REACTION_LEN), application(1), application(128)] {
        assert_eq!(payload(content), Ok(()));
    }
    for content in [
        reaction(MAX_REACTION_LEN + 1),
        application(0),
        application(129),
    ] {
        assert_eq!(payload(content), Err(PayloadError::ContentOutOfBounds));
    }
}
