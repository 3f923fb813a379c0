//! What the formats promise an application: messages of later versions are kept and reportable, and
//! each posting asks for its stamp anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::core::{IdentityKeyPair, PreKeyBundle, SessionSet};
use waxseal::reporting::Audience;
use waxseal::reporting::limits::MAX_POST_SKEW_MS;
use waxseal::reporting::message::{Attachment, Extensions, Payload};
use waxseal::reporting::relay::PostError;
use waxseal::reporting::sender::{SealingChannel, SentMessage, seal};
use waxseal::{
    AttachmentKey, Client, Content, Disclosure, Draft, MemoryStore, PayloadHeader, Reason,
    Received, SessionSealer, Timestamp, WholeFile,
};
use waxseal_world::{NOW, Provider, Records, account, address, envelope_of, find, snapshot};

/// Encrypts nothing, to see which bytes a payload has.
struct Clear;

impl SealingChannel for Clear {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl rand::CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }
}

/// A sent message of a later version, made of these parts. Its layout is
/// `02 || sender || conversation 32 || K_f 32 || n u8 || n x (len be32 || part)`.
fn later(provider: &mut Provider, parts: &[Vec<u8>]) -> SentMessage {
    let (sender, audience) = (address("later"), Audience::Direct(account("bob")));
    let conversation = audience.conversation(&sender.account);
    let payload = Payload::text(PayloadHeader::new(0, NOW), "").unwrap();
    let sealed = seal(
        &mut Clear,
        &sender,
        &conversation,
        &payload,
        &mut provider.rng,
    );
    let sent = sealed.unwrap().sent.encode();
    let fields = 1 + (1 + "later".len() + 4) + 32 + 32;
    let mut bytes = sent[..fields].to_vec();
    bytes.push(u8::try_from(parts.len()).unwrap());
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part);
    }
    SentMessage::decode(&bytes).unwrap()
}

/// The parts of a payload, as they are sealed.
fn parts_of(payload: &Payload) -> Vec<Vec<u8>> {
    let conversation = Audience::Direct(account("bob")).conversation(&account("later"));
    let sealed = seal(
        &mut Clear,
        &address("later"),
        &conversation,
        payload,
        &mut rand::rng(),
    );
    let sent = sealed.unwrap().sent.encode();
    let mut rest = &sent[1 + (1 + "later".len() + 4) + 32 + 32 + 1..];
    let mut parts = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk() {
        let (part, more) = more.split_at(u32::from_be_bytes(*len) as usize);
        parts.push(part.to_vec());
        rest = more;
    }
    parts
}

fn file() -> WholeFile {
    let key = AttachmentKey::from_bytes([5; 32]);
    WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap()
}

#[test]
fn what_a_later_version_wrote_is_stored_listed_and_reportable() {
    let mut header = PayloadHeader::new(0, NOW);
    let plain = parts_of(&Payload::text(header.clone(), "hello").unwrap());
    header.extensions = Extensions::unassigned(&[(0x8001, b"new")]).unwrap();
    let files = vec![Attachment::from(file())];
    let critical = Payload::with_attachments(header.clone(), Content::Text("hi".into()), files);
    let critical = parts_of(&critical.unwrap());
    header.extensions = Extensions::unassigned(&[(1, b"new")]).unwrap();
    let ignored = parts_of(&Payload::text(header, "hello").unwrap());
    let unknown_kind = vec![plain[0].clone(), b"\x2apoll".to_vec()];
    let unknown_file = vec![plain[0].clone(), plain[1].clone(), b"\x2astream".to_vec()];
    // For each: the parts, the text, the unknown content and the unknown scheme.
    let cases = [
        (unknown_kind, None, Some(0x2a), None),
        (unknown_file, Some("hello"), None, Some(0x2a)),
        (critical, None, Some(1), Some(0)),
        (ignored, Some("hello"), None, None),
    ];
    for (parts, text, kind, scheme) in cases {
        let (mut provider, mut alice, mut bob) = Provider::of_two();
        let me = provider.register_only("later");
        let (base, one_time) = provider.bundle(&account("bob"));
        let bundle = PreKeyBundle::decode(&base, one_time.as_deref()).unwrap();
        let identity = IdentityKeyPair::generate(&mut provider.rng);
        let mut sessions = SessionSet::initiate(&identity, bundle, &mut provider.rng).unwrap();
        let sent = later(&mut provider, &parts);
        let mut channel = SessionSealer::new(&mut sessions);
        let envelope = sent.seal_for(&mut channel, &mut provider.rng).unwrap();
        let (delivery, _) = provider.stamp_as(&me, bob.me(), &envelope);

        let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
            panic!("a new message")
        };
        let again = bob.receive(&delivery).unwrap();
        assert!(matches!(again, Received::Duplicate { .. }));
        let mut bob = Client::open(bob.into_store()).unwrap();
        let listed = bob.messages(&account("later"), None, 10).unwrap().items;
        assert_eq!(listed.len(), 1);
        for message in [&*message, &listed[0]] {
            assert_eq!(message.text(), text);
            let shown = match message.content() {
                Content::Unknown { kind, .. } => Some(*kind),
                _ => None,
            };
            assert_eq!(shown, kind);
            let schemes = message
                .attachments()
                .iter()
                .map(|attachment| match attachment {
                    Attachment::Unknown(unknown) => unknown.scheme(),
                    other => panic!("{other:?}"),
                });
            assert_eq!(schemes.collect::<Vec<_>>(), Vec::from_iter(scheme));
            assert!(message.evidence().unwrap().tag_names_sender());
        }

        let shown = [(*message.id(), Disclosure::Whole)];
        let draft = bob.draft_report(&account("later"), Reason::Spam, shown);
        let key = provider.moderation.public_key();
        let report = bob.report(&draft.unwrap(), key, &mut provider.rng).unwrap();
        let verified = provider.verify(&report.report).unwrap();
        let reviewed = &verified.messages()[0];
        assert_eq!(reviewed.content(), Some(message.content()));
        assert_eq!(reviewed.attachments().len(), message.attachments().len());

        // Later messages arrive as before.
        provider.exchange(&mut alice, &mut bob, "and on");
    }
}

#[test]
fn each_posting_has_the_present_time_and_nothing_else_changes() {
    let (mut provider, mut alice, bob) = Provider::of_two();
    let bob_id = account("bob");
    let sent = alice.send(&bob_id, "late", NOW, &mut provider.rng).unwrap();
    let stored = snapshot(&alice);
    assert_eq!(
        alice.outbox(None, 10, NOW).unwrap().items,
        std::slice::from_ref(&sent)
    );

    for (after, is_taken) in [
        (0, true),
        (MAX_POST_SKEW_MS, true),
        (MAX_POST_SKEW_MS + 1, false),
    ] {
        provider.now = Timestamp::from_millis(NOW.as_millis() + after);
        let posted = provider.post(alice.me(), bob.me(), &sent.envelope);
        assert_eq!(posted.is_ok(), is_taken);
        assert!(is_taken || posted == Err(PostError::ClockDiffers));
        let again = alice.outbox(None, 10, provider.now).unwrap().items;
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].id, &again[0].recipient), (sent.id, &bob_id));
        assert!(envelope_of(&again[0].envelope) == envelope_of(&sent.envelope));
        assert!(
            provider
                .post(alice.me(), bob.me(), &again[0].envelope)
                .is_ok()
        );
    }
    assert_eq!(snapshot(&alice), stored, "the outbox only reads");

    // The device MAC names the audience: the relay stamps the message for no one else.
    let carol = provider.register("carol");
    let elsewhere = provider.post(alice.me(), carol.me(), &sent.envelope);
    provider.now = NOW;
    assert_eq!(elsewhere, Err(PostError::NotAuthentic));
    let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&bob_id, &receipt).unwrap();
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
    assert!(alice.waiting(None, 10).unwrap().items.is_empty());
    assert_eq!(alice.seal_waiting(&bob_id, &mut provider.rng).unwrap(), 0);
}

/// Changes each record of the outbox.
fn alter_outbox(client: &Client<MemoryStore>, alter: impl Fn(&mut Vec<u8>)) -> Records {
    let mut records = snapshot(client);
    let outbox = records
        .iter_mut()
        .filter(|(key, _)| key.table.as_bytes() == b"o");
    outbox.for_each(|(_, value)| alter(value));
    records
}

#[test]
fn messages_sealed_again_name_each_other_by_their_new_tags() {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    let first = alice
        .send(&bob_id, "first", NOW, &mut provider.rng)
        .unwrap();
    let reply = Draft::from("reply").reply_to(first.id);
    let edit = Content::Edit {
        of: first.id,
        text: "First.".to_owned(),
    };
    let drafts = [reply, Draft::new(edit)];
    let [reply, edit] = drafts.map(|draft| {
        let sent = alice.send(&bob_id, draft, NOW, &mut provider.rng);
        sent.unwrap()
    });
    // As if an earlier version had left them: its envelopes begin with another version byte.
    let tags = [first.id, reply.id, edit.id];
    let records = alter_outbox(&alice, |value| {
        for tag in &tags {
            let stored = [&[2], &tag.as_bytes()[..]].concat();
            if value.windows(33).any(|bytes| bytes == stored) {
                let place = find(value, &stored);
                value[place] = 1;
            }
        }
    });
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    let waiting = alice.waiting(None, 10).unwrap().items;
    assert_eq!(waiting.iter().map(|sent| sent.id).collect::<Vec<_>>(), tags);
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());

    assert_eq!(alice.seal_waiting(&bob_id, &mut provider.rng).unwrap(), 3);
    let outbox = alice.outbox(None, 10, NOW).unwrap().items;
    let [first, reply, edit] = outbox.as_slice() else {
        panic!("three messages were sealed again")
    };
    assert!(outbox.iter().all(|sent| !tags.contains(&sent.id)));
    for sent in [first, reply, edit] {
        let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
        bob.receive(&delivery).unwrap();
        alice.confirm(&bob_id, &receipt).unwrap();
    }
    let messages = bob.messages(&account("alice"), None, 10).unwrap().items;
    let sequences: Vec<_> = messages.iter().map(|m| m.header().sequence).collect();
    assert_eq!(sequences, [0, 1, 2]);
    assert_eq!(messages[1].header().reply_to, Some(first.id));
    assert_eq!(messages[2].content().refers_to(), Some(&first.id));
}

#[test]
fn a_damaged_outbox_does_not_stop_new_messages() {
    let (mut provider, mut alice, bob) = Provider::of_two();
    let bob_id = account("bob");
    alice
        .send(&bob_id, "damaged", NOW, &mut provider.rng)
        .unwrap();
    let records = alter_outbox(&alice, |value| value.truncate(20));
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    let sent = alice.send(&bob_id, "goes", NOW, &mut provider.rng).unwrap();
    let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    assert_eq!(alice.confirm(&bob_id, &receipt).unwrap(), sent.id);
}
