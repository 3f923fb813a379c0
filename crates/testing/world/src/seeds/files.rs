//! Seeds of messages with files that are sealed in chunks, and of a report of some chunks.

use waxseal::reporting::BlobId;
use waxseal::reporting::file::{FileDescriptor, FileKey, FileShape, seal};
use waxseal::reporting::intake::{AcceptanceKey, examine};
use waxseal::reporting::message::{FileAttachment, FilePreview};
use waxseal::reporting::reporter::Report;
use waxseal::reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal::{Attachment, Content, Disclosure, Draft, Reason};

use super::account;
use crate::Provider;
use crate::targets::accepted_id;

/// A small file with a preview, in a blob of a relay.
pub(super) fn attachment() -> Attachment {
    let (key, size) = (FileKey::from_bytes([9; 32]), 9);
    let root = seal(&mut &b"a bicycle"[..], size, &key, &mut std::io::sink()).unwrap();
    let (shape, blob) = (FileShape::new(size).unwrap(), BlobId::from_bytes([4; 32]));
    let location = format!("blob:{}", blob.to_text());
    let file = FileDescriptor::new(shape, root, "image/png", "b.png", &location).unwrap();
    let preview = FilePreview::new("image/webp", b"b").unwrap();
    FileAttachment::new(file, key, Some(preview)).into()
}

/// A report of a chunk of it: name, decoder and bytes.
pub(super) fn report() -> Vec<(&'static str, u8, Vec<u8>)> {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let draft = Draft::new(Content::Text("look".to_owned())).attach(attachment());
    let id = provider.exchange(&mut alice, &mut bob, draft);
    let chosen = Disclosure::Chunks {
        parts: vec![1, 4],
        chunks: vec![(2, 0)],
    };
    let with = account("alice");
    let draft = bob.draft_report(&with, Reason::Csam, [(id, chosen)]);
    let (draft, rng) = (draft.unwrap(), &mut provider.rng);
    let sealed = bob.report(&draft, provider.moderation.public_key(), rng);
    let report = sealed.unwrap().report;
    let message = bob.message(&with, &id).unwrap().unwrap();
    let evidence = message.evidence().unwrap().encode();
    let decoded = Report::decode(&report).unwrap();
    assert_eq!(decoded.blobs().len(), 1);
    let (key, queue) = (provider.key(bob.me()), AcceptanceKey::from_bytes([0; 32]));
    let examined = examine(decoded, &provider.stamp_keys, &key, provider.now).unwrap();
    let accepted = examined.accept(accepted_id(), &[false], &[]).unwrap();
    let accepted = accepted.encode(&queue);
    let moderation = ModerationKeyPair::import(&provider.moderation.export()).unwrap();
    let unsealed = Vault::new(moderation, queue).open(&accepted_id(), &accepted);
    vec![
        ("report-of-file", 3, report),
        ("evidence-of-file", 4, evidence.to_vec()),
        ("accepted-of-file", 9, accepted),
        ("unsealed-of-file", 15, unsealed.unwrap().encode().to_vec()),
    ]
}
