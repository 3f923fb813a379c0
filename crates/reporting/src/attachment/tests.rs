//! Tests of `attachment.rs`.

use super::*;
use crate::Timestamp;
use crate::message::{Content, Payload, PayloadError, PayloadHeader};
use crate::tests::world::bytes_of;

fn file() -> WholeFile {
    WholeFile::new(
        "image/png",
        b"picture",
        b"cipher",
        AttachmentKey::from_bytes([5; 32]),
        "blob/1",
    )
    .unwrap()
}

#[test]
fn chk60_attachment_is_strict() {
    let attachment = Attachment::from(file());
    let bytes = bytes_of(|out| attachment.put(out));
    assert_eq!(bytes.len(), attachment.encoded_len());
    assert_eq!(bytes[0], 0, "the scheme comes first");
    // In format 01, the scheme is missing.
    for (format, bytes) in [(Format::V2, &bytes[..]), (Format::V1, &bytes[1..])] {
        let again = Attachment::decode(format, bytes).unwrap();
        assert_eq!(
            bytes_of(|out| again.put(out)),
            bytes_of(|out| attachment.put(out))
        );
        let file = again.whole_file().unwrap();
        assert_eq!(file.media_type(), "image/png");
        assert_eq!(file.location(), "blob/1");
        assert_eq!(file.size_bytes(), 7);
        assert_eq!(file.key().as_bytes(), &[5; 32]);
        for cut in 0..bytes.len() {
            assert!(Attachment::decode(format, &bytes[..cut]).is_none());
        }
        let longer = [bytes, &[0]].concat();
        assert!(Attachment::decode(format, &longer).is_none());
    }
    // A file of the other format is refused: there is a byte too many or too few.
    assert!(Attachment::decode(Format::V1, &bytes).is_none());
    assert!(Attachment::decode(Format::V2, &bytes[1..]).is_none());
    let key = || AttachmentKey::from_bytes([5; 32]);
    let long = "x".repeat(MAX_LOCATION_LEN + 1);
    for (media_type, location) in [
        ("a b", ""),
        ("", "a\0b"),
        (&long[..MAX_MEDIA_TYPE_LEN + 1], ""),
        ("", &long),
    ] {
        let refused = WholeFile::new(media_type, b"", b"", key(), location).unwrap_err();
        assert_eq!(refused, AttachmentError::OutOfBounds);
    }
    assert!(
        WholeFile::new(
            &long[..MAX_MEDIA_TYPE_LEN],
            b"",
            b"",
            key(),
            &long[..MAX_LOCATION_LEN]
        )
        .is_ok()
    );
}

/// MIMI weakness 5: a report has no place for the file, so evidence that the sender hosts can
/// vanish. With the committed digests, any copy of the file can be checked instead.
#[test]
fn mimi_weakness_5_attachment_bytes_are_checked_wherever_they_come_from() {
    let attachment = file();
    assert_eq!(attachment.check_plaintext(b"picture"), Ok(()));
    assert_eq!(attachment.check_ciphertext(b"cipher"), Ok(()));
    for other in [&b"pictury"[..], b"picture\0", b"pictur", b""] {
        assert_eq!(
            attachment.check_plaintext(other),
            Err(AttachmentError::OtherBytes)
        );
        assert_eq!(
            attachment.check_ciphertext(other),
            Err(AttachmentError::OtherBytes)
        );
    }
}

#[test]
fn chk60_size_that_is_not_the_files_is_refused() {
    let told = file();
    let digests = (told.ciphertext_digest, told.plaintext_digest);
    let lying =
        WholeFile::from_digests("image/png", 8, digests, told.key().clone(), "blob/1").unwrap();
    let refused = lying.check_plaintext(b"picture");
    assert_eq!(refused, Err(AttachmentError::OtherBytes));
}

#[test]
fn debug_shows_the_size_only() {
    assert_eq!(
        format!("{:?}", Attachment::from(file())),
        "WholeFile(WholeFile { size_bytes: 7, .. })"
    );
    assert_eq!(format!("{:?}", file().key()), "AttachmentKey { .. }");
}

#[test]
fn an_attachment_of_an_unknown_scheme_is_kept_whatever_it_holds() {
    for scheme in 1..=u8::MAX {
        for rest in [&b""[..], b"a later description", &[0; 400]] {
            let part = [&[scheme], rest].concat();
            let attachment = Attachment::decode(Format::V2, &part).unwrap();
            let Attachment::Unknown(unknown) = &attachment else {
                panic!("scheme {scheme} is shown")
            };
            assert_eq!(
                (unknown.scheme(), unknown.description_len()),
                (scheme, part.len())
            );
            assert!(attachment.whole_file().is_none());
            assert_eq!(bytes_of(|out| attachment.put(out)), part);
            assert_eq!(attachment.encoded_len(), part.len());
            let shown = format!("{attachment:?}");
            assert!(!shown.contains("later"), "{shown}");
        }
    }
}

#[test]
fn an_attachment_made_unknown_keeps_its_bytes() {
    let attachment = Attachment::from(file());
    let bytes = bytes_of(|out| attachment.put(out));
    let unknown = attachment.into_unknown();
    assert!(unknown.whole_file().is_none());
    assert_eq!(bytes_of(|out| unknown.put(out)), bytes);
}

#[test]
fn chk96_an_attachment_of_a_message_that_cannot_be_shown_is_not_sealed() {
    let later = Attachment::decode(Format::V2, &[1, 2, 3]).unwrap();
    let hidden = Attachment::from(file()).into_unknown();
    let payload = |attachment| {
        let header = PayloadHeader::new(0, Timestamp::from_millis(1));
        let content = Content::Text(String::new());
        Payload::with_attachments(header, content, vec![attachment]).map(drop)
    };
    assert_eq!(payload(file().into()), Ok(()));
    assert_eq!(payload(later), Ok(()));
    assert_eq!(payload(hidden), Err(PayloadError::AttachmentUnknown));
}
