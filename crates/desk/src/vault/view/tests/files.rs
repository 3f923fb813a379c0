//! Tests what a view shows of files that are sealed in chunks.

use waxseal_reporting::BlobId;
use waxseal_reporting::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use waxseal_reporting::message::{FileAttachment, FilePreview};

use super::*;

pub(super) fn chunked_file() -> ChunkedFile {
    ChunkedFile {
        size_bytes: 5 * 65_536,
        root: [1; 32],
        media_type: "a/b".to_owned(),
        name: "photo.jpg".to_owned().into(),
        location: "l".to_owned(),
        named: true,
        access: FileAccess::Descriptor,
        preview: Some(ViewedPreview {
            media_type: "a/b".to_owned(),
            picture: vec![7; 16_384].into(),
        }),
    }
}

/// A report that shows a file in each of the ways that there are.
#[test]
fn a_view_shows_of_a_file_what_the_reporter_showed() {
    let key = FileKey::from_bytes([9; 32]);
    let shape = FileShape::new(2 * 65_536).unwrap();
    let root = FileRoot::from_bytes([8; 32]);
    let blob = BlobId::from_bytes([7; 32]);
    let location = FileDescriptor::blob_location(&blob);
    let file = FileDescriptor::new(shape, root, "image/jpeg", "a.jpg", &location).unwrap();
    let preview = FilePreview::new("image/webp", b"small").unwrap();
    let file = FileAttachment::new(file, key.clone(), Some(preview));
    let ways = [
        Disclosure::Whole,
        Disclosure::Chunks {
            parts: vec![4],
            chunks: vec![(2, 1)],
        },
        Disclosure::Parts(vec![2]),
        Disclosure::Parts(vec![3]),
        Disclosure::Parts(vec![4]),
        Disclosure::Parts(vec![]),
    ];
    let seen = ways.map(|disclosure| {
        let mut world = World::new();
        let header = PayloadHeader::new(50, world.now);
        let text = Content::Text("look".into());
        let payload = Payload::with_attachments(header, text, vec![file.clone().into()]);
        let message = world.sends("alice", &payload.unwrap());
        let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
        draft.add(&message, disclosure).unwrap();
        let waiting = world.accept(&draft);
        let terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
        let grant = world.sign(terms);
        let view = world.open(&grant, &waiting).unwrap();
        assert!(View::decode(&view.encode()).unwrap() == view);
        view.messages[0].clone()
    });
    let [whole, chunks, descriptor, with_key, preview, nothing] = seen;
    let of = |message: &ViewedMessage| {
        let [(2, ViewedAttachment::Chunked(file))] = &message.attachments[..] else {
            panic!("one file")
        };
        assert_eq!((file.size_bytes, file.root), (2 * 65_536, [8; 32]));
        assert_eq!((&*file.media_type, &**file.name), ("image/jpeg", "a.jpg"));
        assert_eq!(file.location, location);
        file.clone()
    };
    let withheld = |message: &ViewedMessage| message.withheld().collect::<Vec<_>>();
    assert!(of(&whole).access == FileAccess::Whole([9; 32].into()) && of(&whole).named);
    assert_eq!(of(&whole).preview.unwrap().picture[..], *b"small");
    assert!(withheld(&whole).is_empty());
    let chunk_key = Zeroizing::new(*key.chunk_key(1).as_bytes());
    assert!(of(&chunks).access == FileAccess::Chunks(vec![(1, chunk_key)]));
    assert!(of(&chunks).named && of(&chunks).preview.is_some());
    assert_eq!(withheld(&chunks), [1, 3]);
    assert!(of(&descriptor).access == FileAccess::Descriptor);
    assert!(!of(&descriptor).named && of(&descriptor).preview.is_none());
    assert_eq!(withheld(&descriptor), [1, 3, 4]);
    assert!(matches!(of(&with_key).access, FileAccess::Whole(_)));
    assert_eq!(withheld(&with_key), [1, 4]);
    let unknown = ViewedAttachment::Unknown {
        scheme: 3,
        description_len: 17,
    };
    assert!(preview.attachments == [(4, unknown)]);
    assert_eq!(withheld(&preview), [1, 2, 3]);
    assert!(nothing.attachments.is_empty());
}
