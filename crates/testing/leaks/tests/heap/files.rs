//! The keys of a file and of its chunks are gone from memory, and so are its content, its name and
//! its preview, once it was sealed, sent, opened, reported in part and reviewed.

use std::io::Cursor;

use waxseal_leaks::secrets::{Recorder, Secrets};
use waxseal_reporting::file::{
    self, ChunkPath, FileDescriptor, FileKey, FileOpener, FileSealer, FileShape, FileTree,
};
use waxseal_reporting::intake::{AcceptanceKey, ReportId, examine};
use waxseal_reporting::message::{Content, FileAttachment, FilePreview, Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, open};
use waxseal_reporting::relay::{DeliveryKey, StampKeys, StampedEnvelope};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::sender::seal;
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, UnsealedReport, Vault};
use waxseal_reporting::{Audience, BlobId};
use zeroize::Zeroizing;

use super::derived::add_mac_states;
use super::reporting::{Masked, NOW, address, expand, posted, text};
use super::{HEAP, assert_gone};

const SIZE: usize = 3 * 65_536 - 100;

/// The keys of a file's chunks, and all that is derived from them.
fn add_keys(secrets: &mut Secrets, key: &FileKey, chunks: u32) {
    add_mac_states(secrets, "file key's MACs", key.as_bytes());
    for index in 0..chunks {
        let info: [&[u8]; 2] = [b"waxseal/2/file-chunk-key", &index.to_be_bytes()];
        let chunk = expand(key.as_bytes(), &info);
        assert_eq!(&*chunk, key.chunk_key(index).as_bytes());
        secrets.add(&format!("chunk key {index}"), &*chunk);
        add_mac_states(secrets, &format!("chunk key {index}'s MACs"), &chunk);
        for label in ["waxseal/2/file-cipher-key", "waxseal/2/file-hash-key"] {
            let derived = expand(&*chunk, &[label.as_bytes()]);
            secrets.add(&format!("{label} {index}"), &*derived);
        }
    }
}

/// A file that repeats a text which occurs nowhere else. It is wiped on drop.
fn content() -> Zeroizing<Vec<u8>> {
    let text = text(5);
    let mut content = Zeroizing::new(Vec::with_capacity(SIZE));
    while content.len() < SIZE {
        let left = SIZE - content.len();
        content.extend_from_slice(&text.as_bytes()[..left.min(text.len())]);
    }
    content
}

#[test]
fn a_file_leaves_no_key_and_no_content_when_it_is_sealed_and_opened() {
    let from = HEAP.used();
    let mut rng = Recorder::new("file key", 41);
    let key = Box::new(FileKey::generate(&mut rng));
    let mut secrets = rng.drawn();
    secrets.add("content", text(5).as_bytes());
    let shape = FileShape::new(SIZE as u64).unwrap();
    add_keys(&mut secrets, &key, shape.chunk_count());
    assert!(
        !secrets.sweep(&HEAP, from).is_empty(),
        "the sweep does not find a key in use"
    );

    let mut blob = Vec::new();
    let root = file::seal(&mut &content()[..], SIZE as u64, &key, &mut blob).unwrap();
    let mut sealer = FileSealer::new(SIZE as u64, (*key).clone()).unwrap();
    let mut chunks = Vec::new();
    for index in 0..shape.chunk_count() {
        let at = shape.chunk_offset(index) as usize;
        let part = Zeroizing::new(content()[at..][..shape.content_len(index)].to_vec());
        sealer.seal_next(&part, &mut chunks).unwrap();
    }
    let tree = sealer.finish().unwrap();
    assert!(blob[..chunks.len()] == chunks);
    let again = FileTree::of(&mut &content()[..], SIZE as u64, &key).unwrap();
    assert!(again.root() == root && tree.root() == root);
    let mut other = content();
    other[0] ^= 1;
    assert!(
        again
            .seal_chunk(&key, 0, &other[..65_536], &mut chunks)
            .is_err()
    );
    drop(other);

    let described = FileDescriptor::new(shape, root, "a/b", "a", "").unwrap();
    let mut saved = Zeroizing::new(Vec::with_capacity(SIZE));
    let mut source = Cursor::new(&blob);
    file::open(&described, &key, &mut source, &mut *saved).unwrap();
    assert!(*saved == *content());
    let opener = FileOpener::new(&described, &key, tree.tags()).unwrap();
    // A chunk that was altered is wiped, not left half open.
    let mut altered = blob[..65_536].to_vec();
    altered[65_535] ^= 1;
    assert!(opener.open(0, &mut altered).is_err());
    let path = ChunkPath::read(shape, 1, &mut source).unwrap();
    let mut chunk = Zeroizing::new(blob[65_536..][..65_536].to_vec());
    file::open_shown(&described, 1, &key.chunk_key(1), &path, &mut chunk).unwrap();
    drop((saved, opener, key, chunk));
    assert_gone(&secrets, from);
}

#[test]
fn a_file_in_a_message_leaves_nothing_from_seal_to_review() {
    let from = HEAP.used();
    let mut rng = Recorder::new("file key", 42);
    let key = FileKey::generate(&mut rng);
    let mut secrets = rng.drawn();
    let shape = FileShape::new(SIZE as u64).unwrap();
    secrets.add("content", text(5).as_bytes());
    secrets.add("name", &text(6).as_bytes()[..200]);
    secrets.add("preview", text(7).as_bytes());
    add_keys(&mut secrets, &key, shape.chunk_count());
    let mut blob = Vec::new();
    let root = file::seal(&mut &content()[..], SIZE as u64, &key, &mut blob).unwrap();

    let (alice, bob) = (address("alice"), address("bob"));
    let stamp_keys = StampKeys::generate("eu", NOW, &mut rng).unwrap();
    let delivery_key = DeliveryKey::generate(&mut rng);
    let acceptance = AcceptanceKey::generate(&mut rng);
    let vault = Vault::new(ModerationKeyPair::generate(&mut rng), acceptance.clone());
    let to = Audience::Direct(bob.account.clone());
    let payload = {
        let location = FileDescriptor::blob_location(&BlobId::from_bytes([1; 32]));
        let name = Zeroizing::new(text(6)[..200].to_owned());
        let described = FileDescriptor::new(shape, root, "a/b", &name, &location).unwrap();
        let preview = FilePreview::new("a/b", text(7).as_bytes()).unwrap();
        let file = FileAttachment::new(described, key, Some(preview));
        let header = PayloadHeader::new(0, NOW);
        let caption = Content::Text(String::new());
        Payload::with_attachments(header, caption, vec![file.into()]).unwrap()
    };
    let conversation = to.conversation(&alice.account);
    let sealed = seal(&mut Masked, &alice, &conversation, &payload, &mut rng).unwrap();
    drop(payload);
    let taken = posted(&sealed.envelope, &delivery_key, &alice, &to);
    let claim = stamp_keys.stamp(&taken, NOW).unwrap();
    let queues = StampedEnvelope::fan_out(claim, taken).unwrap();
    let delivery = queues[0].1.deliver(&delivery_key);
    let delivery = delivery.authenticate(&delivery_key, &bob).unwrap();
    let opened = open(&mut Masked, &delivery).unwrap();
    let evidence = Evidence::decode(&opened.evidence().encode()).unwrap();
    drop((opened, delivery, sealed));

    let disclosures = [
        Disclosure::Whole,
        Disclosure::Chunks {
            parts: vec![4],
            chunks: vec![(2, 0), (2, 2)],
        },
    ];
    for disclosure in disclosures {
        let mut draft = ReportDraft::new(bob.clone(), Reason::Scam);
        draft.add(&evidence, disclosure).unwrap();
        drop(draft.preview());
        let moderation = vault.public_key();
        let report = draft.seal(&delivery_key, moderation, &mut rng).unwrap();
        let examined = examine(report, &stamp_keys, &delivery_key, NOW).unwrap();
        let id = ReportId::from_bytes([3; 16]);
        let accepted = examined.accept(id, &[false], &[]).unwrap();
        let unsealed = vault.open(&id, &accepted.encode(&acceptance)).unwrap();
        let unsealed = UnsealedReport::decode(&unsealed.encode()).unwrap();
        let verified = review(unsealed).unwrap();
        let file = &verified.messages()[0].files()[0];
        let mut saved = Cursor::new(Vec::with_capacity(SIZE));
        let ranges = file.open(&mut Cursor::new(&blob), &mut saved).unwrap();
        assert!(!ranges.is_empty());
        drop(Zeroizing::new(saved.into_inner()));
    }
    assert!(
        !secrets.sweep(&HEAP, from).is_empty(),
        "the sweep does not find secrets in use"
    );
    drop((evidence, stamp_keys, delivery_key, acceptance, vault));
    assert_gone(&secrets, from);
}
