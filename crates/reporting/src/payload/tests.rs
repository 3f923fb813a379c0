//! Tests of `payload.rs`.

use super::*;
use crate::attachment::AttachmentKey;
use crate::tests::world::bytes_of;

fn header() -> PayloadHeader {
    let mut header = PayloadHeader::new(ConversationId::group(b"g"), 5, Timestamp::from_millis(77));
    header.forward_count = 3;
    header.expires_after_secs = 3_600;
    header
}

#[test]
fn chk58_header_is_strict() {
    let mut full = header();
    full.last_seen = Some(FrankingTag::from_bytes([1; 32]));
    full.reply_to = Some(FrankingTag::from_bytes([2; 32]));
    for (header, len) in [(header(), 54), (full, 118)] {
        let bytes = bytes_of(|out| header.put(out));
        assert_eq!((bytes.len(), header.encoded_len()), (len, len));
        assert_eq!(PayloadHeader::decode(&bytes), Some(header));
        for cut in 0..len {
            assert_eq!(PayloadHeader::decode(&bytes[..cut]), None);
        }
        assert_eq!(
            PayloadHeader::decode(&[bytes.as_slice(), &[0]].concat()),
            None
        );
        for flag in 2..8 {
            let mut unknown = bytes.clone();
            unknown[0] |= 1 << flag;
            assert_eq!(PayloadHeader::decode(&unknown), None, "flag {flag}");
        }
    }
}

#[test]
fn thirty_attachments_fit_and_31_do_not() {
    let key = AttachmentKey::from_bytes([0; 32]);
    let attachment = Attachment::new("image/png", b"p", b"c", key, "blob/1").unwrap();
    let build = |n| {
        Payload::with_attachments(
            header(),
            Content::Text(String::new()),
            vec![attachment.clone(); n],
        )
    };
    let payload = build(30).unwrap();
    let franked = payload.franked(&FrankingKey::from_bytes([1; 32]));
    assert_eq!(franked.as_bytes().len(), 32 + payload.encoded_len());
    let parsed = Payload::parse(&franked.parts()).unwrap();
    assert_eq!(parsed.attachments.len(), 30);
    assert_eq!(&parsed.header, payload.header());
    assert_eq!(build(31).unwrap_err(), PayloadError::TooManyAttachments);
}

#[test]
fn debug_shows_the_number_of_parts() {
    let payload = Payload::text(header(), "secret").unwrap();
    assert_eq!(format!("{payload:?}"), "Payload { parts: 2, .. }");
}
