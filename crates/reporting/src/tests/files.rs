//! Tests files from the sender to the reviewer: whole, in chunks, and not at all.

mod blobs;
mod forged;

use std::io::Cursor;

use crate::disclosure::{PartSet, Shown};
use crate::file::{ChunkError, ChunkPath, FileDescriptor, FileKey, FileShape, OpenFileError};
use crate::openings;
use crate::report::tests::forge_naming;
use crate::tests::all::*;
use crate::tests::world::*;

const SIZE: u64 = 5 * 65_536 - 100;

/// A message with a file of five chunks, a whole file of the other scheme, and a small file.
struct Sent {
    world: World,
    message: Delivered,
    content: Vec<u8>,
    blob: Vec<u8>,
}

const BLOB: BlobId = BlobId::from_bytes([0xb1; 32]);
const SMALL_BLOB: BlobId = BlobId::from_bytes([0xb2; 32]);

fn attach(content: &[u8], key: u8, blob: BlobId, preview: bool) -> (Attachment, Vec<u8>) {
    let key = FileKey::from_bytes([key; 32]);
    let mut sealed = Vec::new();
    let size = content.len() as u64;
    let root = file::seal(&mut &content[..], size, &key, &mut sealed).unwrap();
    let location = FileDescriptor::blob_location(&blob);
    let shape = FileShape::new(size).unwrap();
    let descriptor = FileDescriptor::new(shape, root, "image/jpeg", "a.jpg", &location).unwrap();
    let preview = preview.then(|| FilePreview::new("image/webp", b"small").unwrap());
    (FileAttachment::new(descriptor, key, preview).into(), sealed)
}

impl Sent {
    /// Parts: 2, 3 and 4 the file with its preview, 5 the other scheme, 6 and 7 the small file.
    fn new() -> Self {
        let mut world = World::new(1);
        let content: Vec<u8> = (0..SIZE)
            .map(|at| (at / 65_536 * 7 + at % 251) as u8)
            .collect();
        let (large, blob) = attach(&content, 1, BLOB, true);
        let (small, _) = attach(b"small file", 2, SMALL_BLOB, false);
        let key = AttachmentKey::from_bytes([5; 32]);
        let other = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap();
        let attachments = vec![large, other.into(), small];
        let text = Content::Text("look".into());
        let header = world.header(true);
        let payload = Payload::with_attachments(header, text, attachments).unwrap();
        let message = world.send(true, &payload);
        assert_eq!(message.opened.evidence().part_count(), 8);
        Self {
            world,
            message,
            content,
            blob,
        }
    }

    fn evidence(&self) -> &Evidence {
        self.message.opened.evidence()
    }

    fn draft(&self, disclosure: Disclosure) -> ReportDraft {
        let mut draft = ReportDraft::new(self.world.bob.clone(), Reason::Spam);
        draft.add(self.evidence(), disclosure).unwrap();
        draft
    }

    fn verified(&mut self, draft: &ReportDraft) -> VerifiedReport {
        let report = self.world.seal_report(draft);
        assert_eq!(report.blobs(), &named(draft)[..]);
        self.world.verify(report).unwrap()
    }

    /// What review makes of a report with these openings and blobs, under a valid MAC and seal.
    fn forged(&mut self, openings: &[u8], blobs: &[ReportedBlob]) -> Result<(), Rejection> {
        let claims = [self.message.claim.clone()];
        let world = &mut self.world;
        let moderation = world.moderation.public_key();
        let (bob, key) = (&world.bob, &world.bob_key);
        let report = forge_naming(
            bob,
            key,
            &claims,
            blobs,
            openings,
            moderation,
            &mut world.rng,
        );
        world.verify(report).map(drop)
    }

    /// The padded openings that show these parts and chunks, whether they exist or not.
    fn openings(&self, parts: &[usize], chunks: &[(u8, u32)]) -> Vec<u8> {
        let parts = parts.iter().copied().fold(PartSet::HEADER, PartSet::with);
        let shown = Shown { parts, chunks };
        openings::encode(Reason::Spam, "", [(self.evidence(), shown)].into_iter()).to_vec()
    }
}

/// The blobs that a preview promises to name.
fn named(draft: &ReportDraft) -> Vec<ReportedBlob> {
    let preview = draft.preview();
    let messages = preview.messages().iter().enumerate();
    let named = messages.flat_map(|(claim, message)| {
        let files = message.files().iter();
        files.filter_map(move |file| Some(ReportedBlob::new(claim, file.part, file.blob?)))
    });
    named.collect()
}

#[test]
fn a_file_shown_whole_opens_for_the_reviewer() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Whole);
    let verified = sent.verified(&draft);
    let message = &verified.messages()[0];
    let parts: Vec<_> = message.attachments().map(|(part, _)| part).collect();
    assert_eq!(parts, [2, 5, 6]);
    let [large, small] = message.files() else {
        panic!()
    };
    assert_eq!((large.part(), large.blob()), (2, Some(BLOB)));
    assert_eq!((small.part(), small.blob()), (6, Some(SMALL_BLOB)));
    assert_eq!(large.descriptor().name(), "a.jpg");
    assert_eq!(large.preview().unwrap().picture(), b"small");
    assert!(small.preview().is_none());
    assert!(matches!(large.access(), FileAccess::Whole(_)));
    let mut saved = Cursor::new(b"what was there".to_vec());
    saved.set_position(5);
    let ranges = large
        .open(&mut Cursor::new(&sent.blob), &mut saved)
        .unwrap();
    let all = 0..SIZE;
    assert_eq!(ranges, [all]);
    assert!(saved.into_inner() == sent.content);
    let shape = large.descriptor().shape();
    let path = ChunkPath::read(shape, 4, &mut Cursor::new(&sent.blob)).unwrap();
    let mut chunk = sent.blob[4 * 65_536..][..shape.chunk_len(4)].to_vec();
    let content = large.open_chunk(4, &path, &mut chunk).unwrap();
    assert_eq!(content, &sent.content[4 * 65_536..]);
    // The blob of another file does not open.
    let refused = small.open(&mut Cursor::new(&sent.blob), &mut Cursor::new(Vec::new()));
    assert!(matches!(refused, Err(OpenFileError::OtherLength)));
}

#[test]
fn chunks_of_a_file_open_for_the_reviewer_and_the_others_do_not() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Chunks {
        parts: vec![1],
        chunks: vec![(2, 4), (2, 1), (2, 2), (2, 1)],
    });
    let preview = draft.preview();
    let files = preview.messages()[0].files();
    assert_eq!(
        (files[0].part, files[0].size_bytes, files[0].blob),
        (2, SIZE, Some(BLOB))
    );
    assert_eq!(files[0].opens, PreviewFileOpens::Chunks(vec![1, 2, 4]));
    assert_eq!(
        (files[1].blob, &files[1].opens),
        (None, &PreviewFileOpens::Nothing)
    );
    let verified = sent.verified(&draft);
    let message = &verified.messages()[0];
    assert_eq!(message.content(), Some(&Content::Text("look".into())));
    assert_eq!(message.attachments().len(), 0, "the key is withheld");
    let [file] = message.files() else { panic!() };
    let FileAccess::Chunks(chunks) = file.access() else {
        panic!()
    };
    let indices: Vec<_> = chunks.iter().map(|(index, _)| *index).collect();
    assert_eq!(
        (file.part(), file.blob(), &indices[..]),
        (2, Some(BLOB), &[1, 2, 4][..])
    );
    assert!(file.preview().is_none(), "its part is withheld");
    assert_eq!(message.parts()[3], VerifiedPart::Withheld);

    let mut saved = Cursor::new(Vec::new());
    let ranges = file.open(&mut Cursor::new(&sent.blob), &mut saved).unwrap();
    let chunk = 65_536;
    assert_eq!(ranges, [chunk..3 * chunk, 4 * chunk..SIZE]);
    let saved = saved.into_inner();
    assert_eq!(saved.len(), SIZE as usize);
    for (at, (saved, sent)) in saved.iter().zip(&sent.content).enumerate() {
        let shown = ranges.iter().any(|range| range.contains(&(at as u64)));
        assert_eq!(*saved, if shown { *sent } else { 0 }, "byte {at}");
    }
    let shape = file.descriptor().shape();
    for index in 0..6 {
        let at = index.min(4) as usize * 65_536;
        let path = ChunkPath::read(shape, index.min(4), &mut Cursor::new(&sent.blob)).unwrap();
        let mut chunk = sent.blob[at..][..shape.chunk_len(index.min(4))].to_vec();
        let opened = file.open_chunk(index, &path, &mut chunk);
        let expected = if [1, 2, 4].contains(&index) {
            Ok(&sent.content[at..][..shape.content_len(index)])
        } else {
            Err(ChunkError::Withheld)
        };
        assert_eq!(opened, expected);
    }
    // An altered, shorter or longer blob does not open.
    let open = |blob: &[u8]| file.open(&mut Cursor::new(blob), &mut Cursor::new(Vec::new()));
    let mut altered = sent.blob.clone();
    altered[4 * 65_536] ^= 1;
    assert!(matches!(open(&altered), Err(OpenFileError::Altered)));
    let shorter = &sent.blob[..sent.blob.len() - 1];
    assert!(matches!(open(shorter), Err(OpenFileError::OtherLength)));
    assert!(matches!(open(&[]), Err(OpenFileError::OtherLength)));
}

#[test]
fn a_descriptor_alone_opens_nothing_and_names_no_blob() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Parts(vec![2, 4]));
    assert_eq!(named(&draft), []);
    let verified = sent.verified(&draft);
    let [file] = verified.messages()[0].files() else {
        panic!()
    };
    assert!(matches!(file.access(), FileAccess::Descriptor));
    assert_eq!(file.blob(), None);
    assert_eq!(file.preview().unwrap().media_type(), "image/webp");
    let mut sink = Cursor::new(Vec::new());
    assert_eq!(
        file.open(&mut Cursor::new(&sent.blob), &mut sink).unwrap(),
        []
    );
    assert_eq!(sink.into_inner(), b"");
    assert_eq!(verified.messages()[0].attachments().len(), 0);
    assert_eq!(
        format!("{file:?}"),
        "VerifiedFile { part: 2, descriptor: FileDescriptor { size_bytes: 327580, .. }, .. }"
    );
}

#[test]
fn a_key_is_shown_with_its_descriptor_and_makes_chunks_needless() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Chunks {
        parts: vec![3],
        chunks: vec![(2, 0), (6, 0)],
    });
    let preview = draft.preview();
    let opens: Vec<_> = preview.messages()[0]
        .files()
        .iter()
        .map(|file| &file.opens)
        .collect();
    assert_eq!(
        opens,
        [&PreviewFileOpens::Whole, &PreviewFileOpens::Chunks(vec![0])]
    );
    let verified = sent.verified(&draft);
    let [large, small] = verified.messages()[0].files() else {
        panic!()
    };
    assert!(matches!(large.access(), FileAccess::Whole(_)));
    assert!(matches!(small.access(), FileAccess::Chunks(_)));
}

#[test]
fn a_report_names_blobs_only_if_the_reporter_agrees() {
    let mut sent = Sent::new();
    let mut draft = sent.draft(Disclosure::Whole);
    let report = sent.world.seal_report(&draft);
    assert_eq!(report.version(), VERSION_3);
    let expected = [
        ReportedBlob::new(0, 2, BLOB),
        ReportedBlob::new(0, 6, SMALL_BLOB),
    ];
    assert_eq!(report.blobs(), expected);
    draft.without_blobs();
    assert_eq!(named(&draft), []);
    let report = sent.world.seal_report(&draft);
    assert_eq!((report.version(), report.blobs()), (VERSION_2, &[][..]));
    let verified = sent.world.verify(report).unwrap();
    let file = &verified.messages()[0].files()[0];
    assert_eq!((file.blob(), file.descriptor().blob()), (None, Some(BLOB)));
    // The reviewer opens it, if the blob is there.
    let mut saved = Cursor::new(Vec::new());
    file.open(&mut Cursor::new(&sent.blob), &mut saved).unwrap();
    assert!(saved.into_inner() == sent.content);
}

#[test]
fn a_report_names_at_most_64_blobs() {
    let mut world = World::new(7);
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Spam);
    for message in 0..5 {
        let files = (0..15).map(|number| {
            let blob = BlobId::from_bytes([message * 15 + number; 32]);
            attach(b"x", 1, blob, false).0
        });
        let header = world.header(true);
        let text = Content::Text(String::new());
        let payload = Payload::with_attachments(header, text, files.collect()).unwrap();
        let message = world.send(true, &payload);
        draft
            .add(message.opened.evidence(), Disclosure::Whole)
            .unwrap();
    }
    let report = world.seal_report(&draft);
    assert_eq!(report.blobs().len(), MAX_REPORTED_BLOBS);
    assert_eq!(report.blobs(), named(&draft));
    let verified = world.verify(report).unwrap();
    let files = verified
        .messages()
        .iter()
        .flat_map(|message| message.files());
    assert_eq!(
        files.filter(|file| file.blob().is_some()).count(),
        MAX_REPORTED_BLOBS
    );
}

#[test]
fn a_draft_refuses_chunks_that_are_not_there() {
    let sent = Sent::new();
    let mut draft = ReportDraft::new(sent.world.bob.clone(), Reason::Spam);
    let mut refused = |parts: Vec<usize>, chunks: Vec<(usize, u32)>| {
        let disclosure = Disclosure::Chunks { parts, chunks };
        draft.add(sent.evidence(), disclosure).unwrap_err()
    };
    for part in [0, 1, 3, 4, 5, 7, 8, usize::MAX] {
        let no_file = DraftError::NoSuchFile { part };
        assert_eq!(refused(vec![], vec![(2, 0), (part, 0)]), no_file);
    }
    for index in [5, u32::MAX] {
        let no_chunk = DraftError::NoSuchChunk { part: 2, index };
        assert_eq!(refused(vec![], vec![(2, index)]), no_chunk);
    }
    assert_eq!(
        refused(vec![8], vec![]),
        DraftError::NoSuchPart { index: 8 }
    );
    assert!(draft.preview().messages().is_empty());
}
