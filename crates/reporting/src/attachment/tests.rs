//! Tests of `attachment.rs`.

use super::*;
use crate::tests::world::bytes_of;

fn attachment() -> Attachment {
    Attachment::new(
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
    let bytes = bytes_of(|out| attachment().put(out));
    assert_eq!(bytes.len(), attachment().encoded_len());
    let again = Attachment::decode(&bytes).unwrap();
    assert_eq!(bytes_of(|out| again.put(out)), bytes);
    assert_eq!(again.media_type(), "image/png");
    assert_eq!(again.location(), "blob/1");
    assert_eq!(again.size_bytes(), 7);
    assert_eq!(again.key().as_bytes(), &[5; 32]);
    for cut in 0..bytes.len() {
        assert!(Attachment::decode(&bytes[..cut]).is_none());
    }
    assert!(Attachment::decode(&[bytes.as_slice(), &[0]].concat()).is_none());
    let key = || AttachmentKey::from_bytes([5; 32]);
    let long = "x".repeat(MAX_LOCATION_LEN + 1);
    for (media_type, location) in [
        ("a b", ""),
        ("", "a\0b"),
        (&long[..MAX_MEDIA_TYPE_LEN + 1], ""),
        ("", &long),
    ] {
        let refused = Attachment::new(media_type, b"", b"", key(), location).unwrap_err();
        assert_eq!(refused, AttachmentError::OutOfBounds);
    }
    assert!(
        Attachment::new(
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
    let attachment = attachment();
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
    let told = attachment();
    let digests = (told.ciphertext_digest, told.plaintext_digest);
    let lying =
        Attachment::from_digests("image/png", 8, digests, told.key().clone(), "blob/1").unwrap();
    let refused = lying.check_plaintext(b"picture");
    assert_eq!(refused, Err(AttachmentError::OtherBytes));
}

#[test]
fn debug_shows_the_size_only() {
    assert_eq!(
        format!("{:?}", attachment()),
        "Attachment { size_bytes: 7, .. }"
    );
    assert_eq!(format!("{:?}", attachment().key()), "AttachmentKey { .. }");
}
