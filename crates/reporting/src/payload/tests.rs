//! Tests of `payload.rs`.

use super::*;
use crate::attachment::{AttachmentKey, Stage, WholeFile};
use crate::tests::world::{bytes_of, header_1};

fn header() -> PayloadHeader {
    let mut header = PayloadHeader::new(5, Timestamp::from_millis(77));
    header.forward_count = 3;
    header.expires_after_secs = 3_600;
    header
}

#[test]
fn chk58_header_is_strict() {
    let mut full = header();
    full.last_seen = Some(FrankingTag::from_bytes([1; 32]));
    full.reply_to = Some(FrankingTag::from_bytes([2; 32]));
    let conversation = ConversationId::group(b"g");
    for (header, len) in [(header(), 22), (full, 86)] {
        let bytes = bytes_of(|out| header.put(out));
        assert_eq!((bytes.len(), header.encoded_len()), (len, len));
        let old = header_1(conversation, &header);
        for (format, bytes, written_for) in [
            (Format::V2, bytes, None),
            (Format::V1, old, Some(conversation)),
        ] {
            let decode = |bytes: &[u8]| PayloadHeader::decode(format, bytes);
            assert_eq!(decode(&bytes), Some((header.clone(), written_for)));
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None);
            }
            for more in 1..4 {
                let longer = [&bytes[..], &[0; 3][..more]].concat();
                assert_eq!(decode(&longer), None, "{more} bytes more");
            }
            for flag in 2..8 {
                let mut unknown = bytes.clone();
                unknown[0] |= 1 << flag;
                assert_eq!(decode(&unknown), None, "flag {flag}");
            }
        }
    }
}

/// A header of format 01 ends with its tags.
#[test]
fn chk58_header_of_format_01_has_no_extensions() {
    let mut bytes = header_1(ConversationId::group(b"g"), &header());
    assert!(PayloadHeader::decode(Format::V1, &bytes).is_some());
    bytes.extend_from_slice(&[0, 1, 0, 0]);
    assert!(PayloadHeader::decode(Format::V1, &bytes).is_none());
}

/// The sizes that the client's envelope adds up to, field by field.
#[test]
fn a_text_of_62_bytes_takes_192_bytes_before_encryption() {
    let mut header = header();
    header.last_seen = Some(FrankingTag::from_bytes([1; 32]));
    let flags_sequence_sent_forwards_expires = 1 + 8 + 8 + 1 + 4;
    assert_eq!(
        header.encoded_len(),
        flags_sequence_sent_forwards_expires + 32
    );
    assert_eq!(header.encoded_len(), 54);
    let payload = Payload::text(header, "x".repeat(62)).unwrap();
    let (count, lengths, kind) = (1, 2 * 4, 1);
    assert_eq!(payload.encoded_len(), count + lengths + 54 + kind + 62);
    let franked = payload.franked(&FrankingKey::from_bytes([1; 32]));
    assert_eq!(franked.as_bytes().len(), FrankingKey::LEN + 126);
    assert_eq!(franked.padded().len(), 192);
    // The whole envelope: version, tag, time of posting, device's MAC, the ciphertext with its
    // field header. A session of waxseal-core adds at most 124 bytes to a message.
    let ciphertext = franked.padded().len() + 124;
    let envelope = 1 + (2 + 32) + 10 + (2 + 32) + (1 + 2) + ciphertext;
    assert!(envelope - 62 <= 365, "{envelope}");
}

#[test]
fn thirty_attachments_fit_and_31_do_not() {
    let key = AttachmentKey::from_bytes([0; 32]);
    let attachment = WholeFile::new("image/png", b"p", b"c", key, "blob/1").unwrap();
    let attachment = Attachment::from(attachment);
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
    let (parsed, _) = Payload::parse(Format::V2, Stage::Delivered, &franked.parts()).unwrap();
    assert_eq!(parsed.attachments.len(), 30);
    assert_eq!(&parsed.header, payload.header());
    assert_eq!(build(31).unwrap_err(), PayloadError::TooManyAttachments);
}

#[test]
fn debug_shows_the_number_of_parts() {
    let payload = Payload::text(header(), "secret").unwrap();
    assert_eq!(format!("{payload:?}"), "Payload { parts: 2, .. }");
}
