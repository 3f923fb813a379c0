//! The keys of a provider and its devices are gone from memory once they are destroyed or dropped.
//! So are the keys and the text of a message that went from sealing to review.

use core::convert::Infallible;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::Sha256;
use waxseal_leaks::secrets::{Recorder, Secrets};
use waxseal_reporting::intake::{AcceptanceKey, ReportId, examine};
use waxseal_reporting::message::{AttachmentKey, Content, Payload, PayloadHeader, WholeFile};
use waxseal_reporting::recipient::{Evidence, Opened, OpeningChannel, open, open_any};
use waxseal_reporting::relay::{
    AnswerMac, AnsweredRequest, AuthenticFanout, DeliveryKey, Envelope, PostedFanout, Receipt,
    RequestNonce, StampKeys, StampedEnvelope,
};
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::sender::{
    Control, Fanout, RosterStamp, SealingChannel, SentControl, SentMessage, seal,
};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, UnsealedReport, Vault};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, Timestamp};
use zeroize::{Zeroize, Zeroizing};

use super::derived::add_mac_states;
use super::{HEAP, assert_gone};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const DAY_MS: u64 = 86_400_000;

pub(super) fn expand(key: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for field in info {
        mac.update(field);
    }
    mac.update(&[1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[test]
fn stamp_keys_of_destroyed_epochs_are_gone_while_the_others_live() {
    let from = HEAP.used();
    let mut rng = Recorder::new("first root", 21);
    let mut keys = Box::new(StampKeys::generate("eu", NOW, &mut rng).unwrap());
    // Derives the root and the key of each epoch as SPEC.md says. The first 8 epochs are destroyed
    // below.
    let first = keys.oldest_epoch();
    let mut root = Zeroizing::new([0; 32]);
    root.copy_from_slice(&keys.export()[5..37]);
    let (mut destroyed, mut kept) = (rng.drawn(), Secrets::new());
    for epoch in first..first + 12 {
        let number = epoch.to_be_bytes();
        let key = expand(
            &*root,
            &[b"waxseal/1/stamp-epoch-key", &number, &[2], b"eu"],
        );
        let of_epoch = if epoch < first + 8 {
            &mut destroyed
        } else {
            &mut kept
        };
        of_epoch.add(&format!("root {}", epoch - first), &*root);
        of_epoch.add(&format!("epoch key {}", epoch - first), &*key);
        root = expand(&*root, &[b"waxseal/1/stamp-next-root", &number]);
    }
    for days in [0, 3, 10] {
        keys.advance_to(Timestamp::from_millis(NOW.as_millis() + days * DAY_MS))
            .unwrap();
    }
    keys.destroy_before(first + 3).unwrap();
    *keys = StampKeys::import(&keys.export()).unwrap();
    keys.advance_to(Timestamp::from_millis(NOW.as_millis() + 10 * DAY_MS))
        .unwrap();
    keys.destroy_before(first + 8).unwrap();
    assert_gone(&destroyed, from);
    assert!(
        !kept.sweep(&HEAP, from).is_empty(),
        "the sweep does not find keys in use"
    );
    drop(keys);
    assert_gone(&kept, from);
}

#[test]
fn delivery_acceptance_and_moderation_keys_are_gone_after_drop() {
    let from = HEAP.used();
    let mut rng = Recorder::new("delivery key", 22);
    let delivery = Box::new(DeliveryKey::generate(&mut rng));
    let copy = Box::new(DeliveryKey::from_bytes(*delivery.to_bytes()));
    rng.call("acceptance key");
    let acceptance = Box::new(AcceptanceKey::generate(&mut rng));
    let other = acceptance.clone();
    rng.call("moderation key");
    let moderation = Box::new(ModerationKeyPair::generate(&mut rng));
    let imported = Box::new(ModerationKeyPair::import(&moderation.export()).unwrap());
    assert!(!rng.drawn().sweep(&HEAP, from).is_empty());
    drop((delivery, copy, acceptance, other, moderation, imported));
    assert_gone(&rng.drawn(), from);
}

/// A channel that stands in for the ratchet. It encrypts by XORing each byte with a constant.
pub(super) struct Masked;

impl SealingChannel for Masked {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(plaintext.iter().map(|byte| byte ^ 0x5a).collect())
    }
}

impl OpeningChannel for Masked {
    type Error = Infallible;

    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
        plaintext.extend(ciphertext.iter().map(|byte| byte ^ 0x5a));
        Ok(plaintext)
    }
}

/// A text that occurs nowhere else in the process. It is wiped on drop.
pub(super) fn text(seed: u8) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(640));
    for i in 0..640_u32 {
        let letter = (i * i + u32::from(seed) * 7 + i * 13) % 26;
        text.push(char::from(b'a' + letter as u8));
    }
    text
}

pub(super) fn address(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1))
}

/// The device posts an envelope for device 1 of its peer, and the relay authenticates it.
pub(super) fn posted(
    envelope: &Envelope,
    key: &DeliveryKey,
    sender: &DeviceAddress,
    to: &Audience,
) -> AuthenticFanout {
    let none = RosterStamp::default();
    let mut fanout = Fanout::new(*envelope.tag(), none, none);
    let slot = Some(envelope.clone());
    fanout.insert(false, DeviceId(1), slot).unwrap();
    let posted = PostedFanout::decode(&fanout.post(key, sender, to, NOW)).unwrap();
    posted.authenticate(key, sender, to, NOW).unwrap()
}

#[test]
fn a_message_leaves_no_key_and_no_text_from_seal_to_review() {
    let from = HEAP.used();
    let mut rng = Recorder::new("provider's keys", 23);
    let (alice, bob) = (address("alice"), address("bob"));
    let stamp_keys = Box::new(StampKeys::generate("eu", NOW, &mut rng).unwrap());
    let key = Box::new(DeliveryKey::generate(&mut rng));
    let acceptance = Box::new(AcceptanceKey::generate(&mut rng));
    let moderation = ModerationKeyPair::generate(&mut rng);
    let vault = Box::new(Vault::new(moderation, (*acceptance).clone()));
    let to = Audience::Direct(bob.account.clone());
    let mut secrets = Secrets::new();
    add_mac_states(&mut secrets, "delivery key's MACs", &key.to_bytes());
    add_mac_states(&mut secrets, "acceptance key's MAC", &acceptance.to_bytes());
    secrets.add("text", text(1).as_bytes());
    secrets.add("note", text(2).as_bytes());
    let attachment_key: [u8; 32] = core::array::from_fn(|i| 0x31 ^ (i as u8).wrapping_mul(59));
    secrets.add("attachment key", &attachment_key);

    // An application must wipe its own copies of content, so this test does too.
    let payload = {
        let header = PayloadHeader::new(0, NOW);
        let content = Content::Text(std::mem::take(&mut *text(1)));
        let attachments = (0..3).map(|_| {
            let key = AttachmentKey::from_bytes(attachment_key);
            WholeFile::new("a/b", b"", b"", key, "x").unwrap().into()
        });
        Payload::with_attachments(header, content, attachments.collect()).unwrap()
    };
    rng.call("drawn to seal");
    let conversation = to.conversation(&alice.account);
    let mut franking = Recorder::new("franking key", 24);
    let sealed = seal(&mut Masked, &alice, &conversation, &payload, &mut franking).unwrap();
    drop(payload);
    let sent = SentMessage::decode(&sealed.sent.encode()).unwrap();
    let stored = sealed.sent.encode();
    let franking_key = &stored[1 + 1 + 5 + 4 + 32..][..32];
    secrets.add(
        "franking root key",
        &*expand(franking_key, &[b"waxseal/1/frank-root-key"]),
    );
    for part in 0..5 {
        let info: [&[u8]; 2] = [b"waxseal/1/frank-part-key", &[part]];
        secrets.add(&format!("part key {part}"), &*expand(franking_key, &info));
    }
    assert_eq!(
        franking
            .drawn()
            .except(&{
                let mut known = Secrets::new();
                known.add("", franking_key);
                known
            })
            .len(),
        0,
        "the franking key in the stored message is not the one that was drawn"
    );
    secrets.extend(&franking.drawn());

    let taken = posted(&sealed.envelope, &key, &alice, &to);
    let claim = stamp_keys.stamp(&taken, NOW).unwrap();
    let receipt = Receipt::new(&claim, &key);
    let own = Box::new(receipt.authenticate(&key, &sent).unwrap());
    let queues = StampedEnvelope::fan_out(claim, taken).unwrap();
    let delivery = queues[0].1.deliver(&key);
    let delivery = delivery.authenticate(&key, &bob).unwrap();
    let opened = Box::new(open(&mut Masked, &delivery).unwrap());
    let evidence = Box::new(Evidence::decode(&opened.evidence().encode()).unwrap());
    // A control message is sealed and opened, and leaves as little.
    let mut franking = Recorder::new("franking key of a control message", 25);
    let control = Control {
        delivered: vec![*opened.tag()],
        sync: Some(Zeroizing::new(text(4).as_bytes().to_vec())),
        ..Control::default()
    };
    secrets.add("sync record", text(4).as_bytes());
    let told = SentControl::commit(&alice, &conversation, &control, &mut franking).unwrap();
    let envelope = told.seal_for(&mut Masked, &mut franking);
    drop(told);
    secrets.extend(&franking.drawn());
    let taken = posted(&envelope.unwrap(), &key, &alice, &to);
    let claim = stamp_keys.stamp(&taken, NOW).unwrap();
    let queues = StampedEnvelope::fan_out(claim, taken).unwrap();
    let told = queues[0].1.deliver(&key).authenticate(&key, &bob);
    let read = open_any(&mut Masked, &told.unwrap()).unwrap();
    assert!(matches!(read, Opened::Control(read) if read == control));
    drop(control);
    let nonce = RequestNonce::generate(&mut rng);
    let request = AnsweredRequest::new("GET", "/bundles/bob", b"", &nonce).unwrap();
    let answered = Box::new(AnswerMac::new(&key, &request, 200, b"a bundle"));
    answered.verify(&key, &request, 200, b"a bundle").unwrap();

    let mut draft = Box::new(ReportDraft::new(bob, Reason::Scam));
    draft.note(&text(2)).unwrap();
    draft.add(&evidence, Disclosure::Whole).unwrap();
    drop(draft.preview());
    rng.call("drawn to seal the report");
    let report = draft.seal(&key, vault.public_key(), &mut rng).unwrap();
    let report = Report::decode(&report.encode()).unwrap();
    let examined = examine(report, &stamp_keys, &key, NOW).unwrap();
    let id = ReportId::from_bytes([3; 16]);
    let accepted = examined.accept(id, &[false], &[]).unwrap();
    let unsealed = {
        let opened = vault.open(&id, &accepted.encode(&acceptance)).unwrap();
        UnsealedReport::decode(&opened.encode()).unwrap()
    };
    let verified = Box::new(review(unsealed).unwrap());
    assert_eq!(verified.note(), text(2).as_str());

    secrets.extend(&rng.drawn());
    assert!(
        !secrets.sweep(&HEAP, from).is_empty(),
        "the sweep does not find secrets in use"
    );
    // `into_parts` returns the content by value, so the caller must wipe it.
    let (content, attachments, last) = opened.into_parts();
    if let Content::Text(mut text) = content {
        text.zeroize();
    }
    drop((
        attachments,
        last,
        evidence,
        own,
        draft,
        verified,
        stored,
        sent,
    ));
    drop(sealed.sent);
    drop((stamp_keys, key, acceptance, vault, delivery));
    assert_gone(&secrets, from);
}

#[test]
fn evidence_and_sent_messages_leave_no_text_when_they_are_stored_and_read() {
    let from = HEAP.used();
    let mut rng = Recorder::new("franking key", 25);
    let (alice, bob) = (address(&"a".repeat(128)), address(&"b".repeat(128)));
    let stamp_keys = StampKeys::generate("eu", NOW, &mut rng).unwrap();
    let key = DeliveryKey::generate(&mut rng);
    let to = Audience::Direct(bob.account.clone());
    let header = PayloadHeader::new(0, NOW);
    let content = Content::Text(std::mem::take(&mut *text(3)));
    let payload = Payload::new(header, content).unwrap();
    let conversation = to.conversation(&alice.account);
    let sealed = seal(&mut Masked, &alice, &conversation, &payload, &mut rng).unwrap();
    drop(payload);
    let posted = posted(&sealed.envelope, &key, &alice, &to);
    let claim = stamp_keys.stamp(&posted, NOW).unwrap();
    let mut evidence = Receipt::new(&claim, &key)
        .authenticate(&key, &sealed.sent)
        .unwrap();
    let mut sent = sealed.sent;
    for _ in 0..3 {
        evidence = Evidence::decode(&evidence.encode()).unwrap();
        sent = SentMessage::decode(&sent.encode()).unwrap();
    }
    drop((evidence, sent, stamp_keys, key));
    let mut secrets = rng.drawn();
    secrets.add("text", text(3).as_bytes());
    assert_gone(&secrets, from);
}
