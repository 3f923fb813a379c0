//! Tests of `attachment.rs`.

use super::*;
use crate::Timestamp;
use crate::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use crate::format::Format;
use crate::limits::{MAX_FILE_NAME_LEN, MAX_LOCATION_LEN, MAX_MEDIA_TYPE_LEN};
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

/// The parts of an attachment, without their lengths.
fn parts_of(attachment: &Attachment) -> Vec<Vec<u8>> {
    let bytes = bytes_of(|out| attachment.put(out));
    assert_eq!(bytes.len(), attachment.encoded_len());
    let (mut rest, mut parts) = (&bytes[..], Vec::new());
    while let Some((len, after)) = rest.split_first_chunk() {
        let (part, after) = after.split_at(u32::from_be_bytes(*len) as usize);
        parts.push(part.to_vec());
        rest = after;
    }
    assert_eq!(parts.len(), attachment.part_count());
    parts
}

/// Reads parts that a message of this format has.
fn read(format: Format, parts: &[&[u8]]) -> Option<Vec<Attachment>> {
    let header = PayloadHeader::new(0, Timestamp::from_millis(1));
    header.read_attachments(format, Stage::Delivered, parts.iter().copied())
}

/// Reads one part as an attachment.
fn read_one(format: Format, part: &[u8]) -> Option<Attachment> {
    let mut read = read(format, &[part])?;
    assert_eq!(read.len(), 1);
    read.pop()
}

#[test]
fn chk60_attachment_is_strict() {
    let attachment = Attachment::from(file());
    let bytes = parts_of(&attachment).concat();
    assert_eq!(bytes[0], 0, "the scheme comes first");
    // In format 01, the scheme is missing.
    for (format, bytes) in [(Format::V2, &bytes[..]), (Format::V1, &bytes[1..])] {
        let again = read_one(format, bytes).unwrap();
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
            assert!(read_one(format, &bytes[..cut]).is_none());
        }
        let longer = [bytes, &[0]].concat();
        assert!(read_one(format, &longer).is_none());
    }
    // A file of the other format is refused: there is a byte too many or too few.
    assert!(read_one(Format::V1, &bytes).is_none());
    assert!(read_one(Format::V2, &bytes[1..]).is_none());
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
    let digests = (*told.ciphertext_digest(), *told.plaintext_digest());
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
    for scheme in 4..=u8::MAX {
        for rest in [&b""[..], b"a later description", &[0; 400]] {
            let part = [&[scheme], rest].concat();
            let attachment = read_one(Format::V2, &part).unwrap();
            let Attachment::Unknown(unknown) = &attachment else {
                panic!("scheme {scheme} is shown")
            };
            assert_eq!(
                (unknown.scheme(), unknown.description_len()),
                (scheme, part.len())
            );
            assert!(attachment.whole_file().is_none());
            assert_eq!(parts_of(&attachment), [part]);
            let shown = format!("{attachment:?}");
            assert!(!shown.contains("later"), "{shown}");
        }
    }
}

#[test]
fn chk96_an_attachment_of_a_message_that_cannot_be_shown_is_not_sealed() {
    let later = read_one(Format::V2, &[4, 2, 3]).unwrap();
    let payload = |attachment| {
        let header = PayloadHeader::new(0, Timestamp::from_millis(1));
        let content = Content::Text(String::new());
        Payload::with_attachments(header, content, vec![attachment]).map(drop)
    };
    assert_eq!(payload(file().into()), Ok(()));
    assert_eq!(payload(later), Ok(()));
    for known in 0..4 {
        let hidden = Attachment::Unknown(UnknownAttachment::new(&[known, 2, 3]));
        assert_eq!(payload(hidden), Err(PayloadError::AttachmentUnknown));
    }
}

/// A file that is sealed in chunks, with or without a preview.
fn chunked(preview: bool) -> FileAttachment {
    let shape = FileShape::new(70_000).unwrap();
    let root = FileRoot::from_bytes([6; 32]);
    let name = "Fahrr\u{e4}der (1).jpg";
    let blob = crate::BlobId::from_bytes([0xb1; 32]);
    let location = FileDescriptor::blob_location(&blob);
    let descriptor = FileDescriptor::new(shape, root, "image/jpeg", name, &location).unwrap();
    let preview = preview.then(|| FilePreview::new("image/webp", b"small").unwrap());
    FileAttachment::new(descriptor, FileKey::from_bytes([7; 32]), preview)
}

#[test]
fn a_file_is_two_parts_or_three_with_a_preview() {
    for preview in [false, true] {
        let parts = parts_of(&chunked(preview).into());
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        assert_eq!((parts[0][0], parts[1][0]), (1, 2));
        assert_eq!(parts.len(), if preview { 3 } else { 2 });
        // It stands between two other attachments.
        let around = [&[&[9u8][..]][..], &parts, &[&[8]]].concat();
        let attachments = read(Format::V2, &around).unwrap();
        let numbers = number(&attachments);
        let numbers: Vec<_> = numbers.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 3, 3 + parts.len()]);
        let file = attachments[1].file().unwrap();
        let descriptor = file.descriptor();
        assert_eq!(descriptor.size_bytes(), 70_000);
        assert_eq!(descriptor.root(), &FileRoot::from_bytes([6; 32]));
        assert_eq!(descriptor.media_type(), "image/jpeg");
        assert_eq!(descriptor.name(), "Fahrr\u{e4}der (1).jpg");
        let blob = descriptor.blob().unwrap();
        assert_eq!(blob.as_bytes(), &[0xb1; 32]);
        assert_eq!(file.key().as_bytes(), &[7; 32]);
        let shown = file
            .preview()
            .map(|preview| (preview.media_type(), preview.picture()));
        assert_eq!(shown, preview.then_some(("image/webp", &b"small"[..])));
        assert_eq!(parts_of(&attachments[1]), parts);
    }
}

#[test]
fn chk488_parts_of_a_file_in_another_order_are_refused() {
    let whole = &parts_of(&file().into())[0][..];
    let parts = parts_of(&chunked(true).into());
    let [file, key, preview] = [&parts[0][..], &parts[1], &parts[2]];
    let unknown = &[200u8, 1][..];
    let good: [&[&[u8]]; 5] = [
        &[file, key],
        &[file, key, preview],
        &[file, key, file, key, preview, whole],
        &[whole, unknown, file, key, unknown],
        &[unknown, whole],
    ];
    for parts in good {
        assert!(read(Format::V2, parts).is_some());
    }
    let bad: [&[&[u8]]; 14] = [
        &[file],
        &[key],
        &[preview],
        &[key, file],
        &[file, file, key],
        &[file, preview],
        &[file, preview, key],
        &[file, whole, key],
        &[file, key, key],
        &[file, key, preview, preview],
        &[file, key, preview, key],
        &[file, key, unknown, preview],
        &[key, preview],
        &[file, key, file],
    ];
    for (number, parts) in bad.iter().enumerate() {
        assert!(read(Format::V2, parts).is_none(), "{number}");
    }
    // Each of them is kept as it is in a message that this version cannot show.
    let mut header = PayloadHeader::new(0, Timestamp::from_millis(1));
    header.extensions = crate::message::Extensions::unassigned(&[(0x8001, b"")]).unwrap();
    for parts in bad {
        let read = header
            .read_attachments(Format::V2, Stage::Delivered, parts.iter().copied())
            .unwrap();
        assert_eq!(read.len(), parts.len());
        for (attachment, part) in read.iter().zip(parts) {
            assert!(matches!(attachment, Attachment::Unknown(_)));
            assert_eq!(parts_of(attachment), [part.to_vec()]);
        }
    }
}

#[test]
fn chk60_each_part_of_a_file_is_strict() {
    let parts = parts_of(&chunked(true).into());
    for (number, part) in parts.iter().enumerate() {
        let replaced = |other: &[u8]| {
            let mut parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            parts[number] = other;
            read(Format::V2, &parts).is_some()
        };
        assert!(replaced(part));
        for cut in 0..part.len() {
            // A preview is as long as its part, so a shorter one is another one.
            let refused = number < 2 || cut <= 1 + 1 + "image/webp".len();
            assert_eq!(
                replaced(&part[..cut]),
                !refused,
                "part {number} cut at {cut}"
            );
        }
        if number < 2 {
            assert!(
                !replaced(&[part, &[0][..]].concat()),
                "part {number} extended"
            );
        }
    }
    let mut long = parts[0].clone();
    long[1..9].copy_from_slice(&((1u64 << 32) + 1).to_be_bytes());
    assert!(
        read(Format::V2, &[&long, &parts[1]]).is_none(),
        "4 GiB and a byte"
    );
    long[1..9].copy_from_slice(&(1u64 << 32).to_be_bytes());
    assert!(read(Format::V2, &[&long, &parts[1]]).is_some(), "4 GiB");
}

#[test]
fn chk60_names_of_a_file_end_at_their_limits() {
    let shape = FileShape::new(1).unwrap();
    let root = FileRoot::from_bytes([6; 32]);
    let describe = |media_type: &str, name: &str, location: &str| {
        FileDescriptor::new(shape, root, media_type, name, location).is_ok()
    };
    let x = |len| "x".repeat(len);
    assert!(describe("", "", ""));
    let (media_type, name, location) = (
        x(MAX_MEDIA_TYPE_LEN),
        x(MAX_FILE_NAME_LEN),
        x(MAX_LOCATION_LEN),
    );
    assert!(describe(&media_type, &name, &location));
    for (media_type, name, location) in [
        (&*x(MAX_MEDIA_TYPE_LEN + 1), "", ""),
        ("", &*x(MAX_FILE_NAME_LEN + 1), ""),
        ("", "", &*x(MAX_LOCATION_LEN + 1)),
        ("a b", "", ""),
        ("", "a\nb", ""),
        ("", "a\0", ""),
        ("", "a\u{85}", ""),
        ("", "", "a\u{e4}"),
    ] {
        assert!(!describe(media_type, name, location));
    }
    let picture = vec![1; MAX_FILE_PREVIEW_LEN + 1];
    assert!(FilePreview::new("a/b", &picture[1..]).is_ok());
    for (media_type, picture) in [("a/b", &picture[..]), ("a/b", b""), ("a b", b"x")] {
        let refused = FilePreview::new(media_type, picture).unwrap_err();
        assert_eq!(refused, AttachmentError::OutOfBounds);
    }
}

#[test]
fn the_location_of_a_blob_has_one_form() {
    let shape = FileShape::new(1).unwrap();
    let root = FileRoot::from_bytes([6; 32]);
    let blob = |location: &str| {
        let file = FileDescriptor::new(shape, root, "", "", location);
        file.unwrap().blob()
    };
    let hex = "0f".repeat(32);
    let known = blob(&format!("blob:{hex}")).unwrap();
    assert_eq!(known.as_bytes(), &[0x0f; 32]);
    for other in ["", "blob:", &hex, "blob:0f", "https://example.org/1"] {
        assert_eq!(blob(other), None);
    }
    assert_eq!(blob(&format!("BLOB:{hex}")), None);
    assert_eq!(blob(&format!("blob:{}", hex.to_uppercase())), None);
    assert_eq!(blob(&format!("blob:{hex}0")), None);
}

#[test]
fn debug_of_a_file_shows_its_size_only() {
    assert_eq!(
        format!("{:?}", Attachment::from(chunked(true))),
        "File(FileAttachment { descriptor: FileDescriptor { size_bytes: 70000, .. }, .. })"
    );
    assert_eq!(
        format!("{:?}", chunked(true).preview().unwrap()),
        "FilePreview { len: 5, .. }"
    );
}

#[test]
fn the_parts_of_attachments_are_counted() {
    let payload = |attachments: Vec<Attachment>| {
        let header = PayloadHeader::new(0, Timestamp::from_millis(1));
        let content = Content::Text(String::new());
        Payload::with_attachments(header, content, attachments).map(drop)
    };
    let files = |count| vec![Attachment::from(chunked(true)); count];
    assert_eq!(payload(files(10)), Ok(()), "30 parts");
    let one_more = [files(10), vec![file().into()]].concat();
    assert_eq!(payload(one_more), Err(PayloadError::TooManyAttachments));
}

/// What [`MAX_FILE_PREVIEW_LEN`] says.
#[test]
fn a_message_has_room_for_three_of_the_longest_previews_with_their_files() {
    let shape = FileShape::new(1).unwrap();
    let root = FileRoot::from_bytes([1; 32]);
    let file = FileDescriptor::new(shape, root, "", "", "").unwrap();
    let preview = FilePreview::new("", &[1; MAX_FILE_PREVIEW_LEN]).unwrap();
    let file = FileAttachment::new(file, FileKey::from_bytes([1; 32]), Some(preview));
    let send = |count| {
        let header = PayloadHeader::new(0, Timestamp::from_millis(1));
        let files = vec![Attachment::from(file.clone()); count];
        Payload::with_attachments(header, Content::Text(String::new()), files).map(drop)
    };
    assert_eq!(send(3), Ok(()));
    assert_eq!(send(4), Err(PayloadError::TooLong));
}
