//! Compares in full what `Debug` prints for every public type that holds a secret or a text.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::io::Cursor;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal::store::Transaction;
use waxseal::{Client, Draft, MemoryStore, SessionSealer};
use waxseal_core::{IdentityKey, IdentityKeyPair, PreKeyBundle, PreKeys, Session, SessionSet};
use waxseal_leaks::clear::Clear;
use waxseal_reporting::file::{
    self, ChunkPath, FileDescriptor, FileKey, FileOpener, FileSealer, FileShape, FileTree,
};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId, examine};
use waxseal_reporting::message::{
    Attachment, AttachmentKey, Content, FileAttachment, FilePreview, Payload, PayloadHeader,
    WholeFile,
};
use waxseal_reporting::recipient::{Control, Opened, Refusal, open, open_unstamped};
use waxseal_reporting::relay::{
    DeliveryKey, PostedFanout, PostedReseal, Receipt, StampKeys, StampedEnvelope,
};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::reviewer::{FileAccess, review};
use waxseal_reporting::sender::{Fanout, RosterStamp, seal};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Asserts what `{:?}` prints for a value. The pretty form `{:#?}` must print the same words.
fn assert_prints(value: &dyn core::fmt::Debug, expected: &str) {
    assert_eq!(format!("{value:?}"), expected);
    let words = |text: &str| text.replace([' ', '\n', ','], "");
    assert_eq!(words(&format!("{value:#?}")), words(expected));
}

/// The 64 public bytes of an identity in hexadecimal.
fn hex(identity: &IdentityKey) -> String {
    let bytes = identity.to_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn sessions_and_prekeys_print_public_keys_and_numbers() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let alice = IdentityKeyPair::generate(&mut rng);
    let bob = IdentityKeyPair::generate(&mut rng);
    let mut prekeys = PreKeys::generate(&bob, &mut rng);
    let one_time = prekeys.replenish(&bob, 2, &mut rng).unwrap();
    let base = prekeys.upload(&bob).unwrap().base;
    let bundle = || PreKeyBundle::decode(&base, Some(&one_time[0])).unwrap();
    let bob_key = format!("IdentityKey({})", hex(bob.public()));
    assert_prints(
        &bob,
        &format!("IdentityKeyPair {{ public: {bob_key}, .. }}"),
    );
    assert_prints(bob.certificate(), "IdentityCertificate { .. }");
    let refusal = bob.seal_refusal(alice.public(), b"tags", b"", &mut rng);
    assert_prints(
        &alice.open_refusal(&refusal.unwrap(), b"").unwrap(),
        &format!("OpenedRefusal {{ from: {bob_key}, .. }}"),
    );
    assert_prints(
        &prekeys,
        &format!("PreKeys {{ identity: {bob_key}, signed_prekey_id: 1, one_time_left: 2, .. }}"),
    );
    assert_prints(
        &bundle(),
        &format!(
            "PreKeyBundle {{ identity: {bob_key}, signed_prekey_id: 1, one_time_prekey_id: Some(1), .. }}"
        ),
    );
    assert_prints(
        &Session::initiate(&alice, bundle(), &mut rng).unwrap(),
        &format!("Session {{ peer: {bob_key}, is_established: false, dh_ratchet_steps: 1, .. }}"),
    );
    let mut sessions = SessionSet::initiate(&alice, bundle(), &mut rng).unwrap();
    let printed = format!("SessionSet {{ peer: {bob_key}, count: 1, is_established: false, .. }}");
    assert_prints(&sessions, &printed);
    assert_prints(
        &SessionSealer::new(&mut sessions),
        &format!("SessionSealer {{ sessions: {printed}, .. }}"),
    );
}

#[test]
fn keys_of_the_provider_and_its_devices_print_their_names() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    assert_prints(&DeliveryKey::generate(&mut rng), "DeliveryKey { .. }");
    assert_prints(&AcceptanceKey::generate(&mut rng), "AcceptanceKey { .. }");
    assert_prints(&AttachmentKey::from_bytes([1; 32]), "AttachmentKey { .. }");
    let moderation = ModerationKeyPair::generate(&mut rng);
    assert_prints(&moderation, "ModerationKeyPair { .. }");
    assert_prints(moderation.public_key(), "ModerationPublicKey { .. }");
    assert_prints(moderation.public_key().id(), "ModerationKeyId(..)");
    assert_prints(
        &StampKeys::generate("eu", NOW, &mut rng).unwrap(),
        "StampKeys { region: \"eu\", oldest_epoch: 20775, .. }",
    );
}

fn files_print_sizes_only() {
    let (key, shape) = (FileKey::from_bytes([1; 32]), FileShape::new(4).unwrap());
    assert_prints(&key, "FileKey { .. }");
    assert_prints(&key.chunk_key(0), "ChunkKey { .. }");
    let mut blob = Vec::new();
    let root = file::seal(&mut &b"hush"[..], 4, &key, &mut blob).unwrap();
    assert_prints(&root, "FileRoot(..)");
    let described = FileDescriptor::new(shape, root, "hush", "hush", "hush").unwrap();
    assert_prints(&described, "FileDescriptor { size_bytes: 4, .. }");
    let sealer = FileSealer::new(4, key.clone()).unwrap();
    assert_prints(&sealer, "FileSealer { size_bytes: 4, next_index: 0, .. }");
    let tree = FileTree::of(&mut &b"hush"[..], 4, &key).unwrap();
    assert_prints(&tree, "FileTree { size_bytes: 4, .. }");
    let opener = FileOpener::new(&described, &key, tree.tags()).unwrap();
    assert_prints(&opener, "FileOpener { size_bytes: 4, .. }");
    let path = ChunkPath::read(shape, 0, &mut Cursor::new(blob)).unwrap();
    assert_prints(&path, "ChunkPath { .. }");
    let access = FileAccess::Chunks(vec![(0, key.chunk_key(0))]);
    assert_prints(&access, "Chunks([(0, ChunkKey { .. })])");
    assert_prints(&FileAccess::Whole(key.clone()), "Whole(FileKey { .. })");
    let preview = FilePreview::new("hush", b"hush").unwrap();
    assert_prints(&preview, "FilePreview { len: 4, .. }");
    let file = FileAttachment::new(described, key, Some(preview));
    assert_prints(
        &Attachment::from(file),
        "File(FileAttachment { descriptor: FileDescriptor { size_bytes: 4, .. }, .. })",
    );
}

#[test]
fn messages_and_reports_print_neither_texts_nor_keys_nor_names() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let address = |name| DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1));
    let (alice, bob) = (address("alice"), address("bob"));
    let to = Audience::Direct(bob.account.clone());
    let stamp_keys = StampKeys::generate("eu", NOW, &mut rng).unwrap();
    let key = DeliveryKey::generate(&mut rng);
    let moderation = ModerationKeyPair::generate(&mut rng);
    let acceptance = AcceptanceKey::generate(&mut rng);

    for (content, printed) in [
        (Content::Text("hush".into()), "Text { .. }"),
        (
            Content::Application {
                kind: "hush".into(),
                body: b"hush".to_vec(),
            },
            "Application { .. }",
        ),
        (
            Content::Unknown {
                kind: 11,
                body: b"hush".to_vec(),
            },
            "Unknown { .. }",
        ),
    ] {
        assert_prints(&content, printed);
    }
    let attachment_key = AttachmentKey::from_bytes([1; 32]);
    let file = WholeFile::new("a/b", b"", b"", attachment_key, "hush").unwrap();
    assert_prints(&file, "WholeFile { size_bytes: 0, .. }");
    let attachment = Attachment::from(file);
    let header = PayloadHeader::new(0, NOW);
    let text = Content::Text("hush".into());
    let payload = Payload::with_attachments(header, text, vec![attachment]).unwrap();
    files_print_sizes_only();
    assert_prints(&payload, "Payload { parts: 3, .. }");
    let conversation = to.conversation(&alice.account);
    let sealed = seal(&mut Clear, &alice, &conversation, &payload, &mut rng).unwrap();
    assert_prints(
        &sealed,
        "Sealed { envelope: Envelope { ciphertext_len: 192, .. }, sent: SentMessage { .. } }",
    );
    let unstamped = open_unstamped(
        &mut Clear,
        &alice,
        &to.conversation(&alice.account),
        &sealed.envelope,
    );
    assert_prints(&unstamped.unwrap(), "UnstampedMessage { .. }");
    let (own, peer) = (RosterStamp::new(1, 2), RosterStamp::default());
    let mut fanout = Fanout::new(*sealed.envelope.tag(), own, peer);
    let ciphertext = Some(sealed.envelope.clone());
    fanout.insert(false, DeviceId(3), ciphertext).unwrap();
    let slot = "Slot { own: false, device: DeviceId(3), ciphertext_len: 192 }";
    let versions = format!("own: {own:?}, peer: {peer:?}");
    let fields = format!("Fanout {{ {versions}, slots: [{slot}], .. }}");
    assert_prints(&fanout, &fields);
    let posted = PostedFanout::decode(&fanout.post(&key, &alice, &to, NOW)).unwrap();
    assert_prints(&posted, &format!("PostedFanout {{ fanout: {fields}, .. }}"));
    let posted = posted.authenticate(&key, &alice, &to, NOW).unwrap();
    assert_prints(
        &posted,
        &format!("AuthenticFanout {{ fanout: {fields}, .. }}"),
    );
    let claim = stamp_keys.stamp(&posted, NOW).unwrap();
    assert_prints(claim.tag(), "FrankingTag(..)");
    assert_prints(claim.stamp(), "Stamp(..)");
    assert_prints(&Receipt::new(&claim, &key), "Receipt { .. }");
    let mut queues = StampedEnvelope::fan_out(claim.clone(), posted).unwrap();
    let (_, stamped) = queues.pop().unwrap();
    let delivery = stamped.deliver(&key);
    assert_prints(&delivery, "Delivery { ciphertext_len: 192, .. }");
    let delivery = delivery.authenticate(&key, &bob).unwrap();
    let context = format!("{:?}", claim.context());
    let claim_printed = format!("Claim {{ context: {context}, .. }}");
    assert_prints(
        &stamped,
        &format!("StampedEnvelope {{ claim: {claim_printed}, ciphertext_len: 192 }}"),
    );
    assert_prints(
        &delivery,
        &format!("AuthenticDelivery {{ claim: {claim_printed}, .. }}"),
    );
    let control = Control {
        delivered: vec![*claim.tag()],
        opened: vec![],
        ..Control::default()
    };
    let control = Opened::Control(control);
    assert_prints(
        &control,
        "Control(Control { delivered: 1, opened: 0, roster: false, sync: false, \
         authority: false, welcome: false, state_wanted: false })",
    );
    let refusal = Refusal {
        messages: vec![(*claim.tag(), NOW)],
        sessions: vec![[1; 16]],
    };
    assert_prints(&refusal, "Refusal { messages: 1, sessions: 1 }");
    let again = sealed.envelope.post_again(&claim, &key, &alice, &bob, NOW);
    let again = PostedReseal::decode(&again).unwrap();
    assert_prints(&again, "PostedReseal { ciphertext_len: 192, .. }");
    let again = again.authenticate(&key, &alice, &stamp_keys, NOW).unwrap();
    assert_prints(&again, "AuthenticReseal { ciphertext_len: 192, .. }");
    let opened = open(&mut Clear, &delivery).unwrap();
    assert_prints(&opened, "OpenedMessage { content: Text { .. }, .. }");
    assert_prints(
        opened.evidence(),
        &format!("Evidence {{ claim: {claim_printed}, .. }}"),
    );
    for name in ["alice", "bob", "hush"] {
        assert!(!context.contains(name), "{context}");
    }

    let mut draft = ReportDraft::new(bob, Reason::Scam);
    draft.note("hush").unwrap();
    draft.add(opened.evidence(), Disclosure::Whole).unwrap();
    assert_prints(&draft, "ReportDraft { reason: Scam, messages: 1, .. }");
    assert_prints(&draft.preview(), "Preview { messages: 1, .. }");
    let report = draft.seal(&key, moderation.public_key(), &mut rng).unwrap();
    assert_prints(&report, "Report { claims: 1, .. }");
    let examined = examine(report, &stamp_keys, &key, NOW).unwrap();
    assert_prints(
        &examined,
        "Examined { report: Report { claims: 1, .. }, .. }",
    );
    assert_prints(&examined.nullifiers()[0], "Nullifier(..)");
    let id = ReportId::generate(&mut rng);
    let queued = examined.accept(id, &[false], &[]).unwrap();
    let queued = queued.encode(&acceptance);
    let accepted = AcceptedReport::decode(&queued, &acceptance, &id).unwrap();
    assert_prints(
        &accepted,
        &format!(
            "AcceptedReport {{ accepted_at: {NOW:?}, report: Report {{ claims: 1, .. }}, .. }}"
        ),
    );
    let vault = Vault::new(moderation, acceptance);
    assert_prints(&vault, "Vault { .. }");
    let unsealed = vault.open(&id, &queued).unwrap();
    assert_prints(
        &unsealed,
        &format!("UnsealedReport {{ id: {id:?}, claims: 1, .. }}"),
    );
    let verified = review(unsealed).unwrap();
    assert_prints(
        &verified,
        "VerifiedReport { reason: Scam, messages: 1, .. }",
    );
    let message = format!("{:?}", verified.messages()[0]);
    assert!(
        message.starts_with(
            "VerifiedMessage { parts: [Shown(22 bytes), Shown(5 bytes), Shown(115 bytes)], position: "
        ),
        "{message}"
    );
    for name in ["alice", "bob", "hush"] {
        assert!(!message.contains(name), "{message}");
    }
}

#[test]
fn clients_and_stores_print_public_keys_and_counts() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let me = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1));
    let key = DeliveryKey::generate(&mut rng);
    let client = Client::create(MemoryStore::new(), me, key, NOW, &mut rng).unwrap();
    assert_prints(
        &client,
        &format!(
            "Client {{ identity: IdentityKey({}), .. }}",
            hex(client.identity())
        ),
    );
    assert_prints(client.store(), "MemoryStore { records: 7, .. }");
    assert_prints(&Transaction::default(), "Transaction { changes: 0, .. }");
    let draft = Draft::from("hush");
    assert!(!format!("{draft:?}").contains("hush"));
}
