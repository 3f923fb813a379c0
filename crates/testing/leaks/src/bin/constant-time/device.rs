//! Scenarios of sealing, opening, deliveries, receipts and reports.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::CryptoRng;
use waxseal_leaks::taint::{self, answer};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, OpeningChannel, open};
use waxseal_reporting::relay::{
    AnswerMac, AnsweredRequest, AuthenticFanout, Claim, Delivery, DeliveryKey, Envelope,
    PostedFanout, Receipt, RequestNonce, Stamp, StampKeys, StampedEnvelope,
};
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, SentMessage, seal};
use waxseal_reporting::vault::ModerationKeyPair;
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use crate::Scenario;
use crate::core::SecretRng;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "seal",
            secrets: "franking key, with root key and part keys from it",
            run: seal_secretly,
        },
        Scenario {
            name: "post",
            secrets: "delivery key; genuine and altered MACs",
            run: posting,
        },
        Scenario {
            name: "delivery",
            secrets: "delivery key; genuine and altered MACs",
            run: deliveries,
        },
        Scenario {
            name: "open",
            secrets: "franking key; right and wrong tags",
            run: opening,
        },
        Scenario {
            name: "receipt",
            secrets: "delivery key, franking key; genuine and altered MACs",
            run: receipts,
        },
        Scenario {
            name: "answer",
            secrets: "delivery key; genuine and altered MACs",
            run: answers,
        },
        Scenario {
            name: "evidence",
            secrets: "franking key, stored and read back",
            run: evidence,
        },
        Scenario {
            name: "report",
            secrets: "delivery key, franking key, everything drawn",
            run: reports,
        },
    ]
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A channel that encrypts nothing. It marks each ciphertext as public, and marks the franking key
/// at the start of each plaintext as secret.
pub(crate) struct Clear;

impl SealingChannel for Clear {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        let ciphertext = plaintext.to_vec();
        taint::public(&ciphertext);
        Ok(ciphertext)
    }
}

impl OpeningChannel for Clear {
    type Error = Infallible;

    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        taint::secret(&mut plaintext[..32]);
        Ok(plaintext)
    }
}

pub(crate) fn address(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).expect("valid"), DeviceId(1))
}

pub(crate) fn delivery_key() -> DeliveryKey {
    let mut key = [0x77; 32];
    taint::secret(&mut key);
    DeliveryKey::from_bytes(key)
}

/// A message from Alice to Bob.
fn payload() -> (DeviceAddress, Audience, Payload) {
    let alice = address("alice");
    let to = Audience::Direct(address("bob").account);
    let header = PayloadHeader::new(0, NOW);
    let payload = Payload::text(header, "a text").expect("a short text");
    (alice, to, payload)
}

/// Seals a message from Alice to Bob. Returns the envelope, which is public, and the sender's
/// record of the message.
fn sealed() -> (Envelope, SentMessage) {
    let (alice, to, payload) = payload();
    let conversation = to.conversation(&alice.account);
    let rng = &mut SecretRng::new(5);
    let sealed = seal(&mut Clear, &alice, &conversation, &payload, rng).expect("seals");
    let envelope = sealed.envelope.encode();
    taint::public(&envelope);
    (Envelope::decode(&envelope).expect("valid"), sealed.sent)
}

/// The bytes with which Alice posts an envelope for Bob's device 1, and another device of hers that
/// has an empty slot.
fn post(envelope: Envelope, key: &DeliveryKey) -> Vec<u8> {
    let (alice, to, _) = payload();
    let (own, peer) = (RosterStamp::new(1, 1), RosterStamp::new(1, 2));
    let mut fanout = Fanout::new(*envelope.tag(), own, peer);
    let inserted = fanout.insert(false, DeviceId(1), Some(envelope));
    inserted.expect("the envelope has the fanout's tag");
    fanout.insert(true, DeviceId(2), None).expect("two slots");
    fanout.post(key, &alice, &to, NOW)
}

/// Posts an envelope from Alice to Bob, with a public key, and authenticates it at the relay.
fn posted(envelope: Envelope) -> AuthenticFanout {
    let (alice, to, _) = payload();
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let posted = PostedFanout::decode(&post(envelope, &key)).expect("valid");
    let posted = posted.authenticate(&key, &alice, &to, NOW);
    posted.expect("posted by Alice")
}

/// Seals, posts and stamps a message from Alice to Bob. Returns the claim (tag, context and stamp),
/// the posted message and the sender's record of the message. The first two are public.
pub(crate) fn stamped() -> (Claim, AuthenticFanout, SentMessage) {
    let (envelope, sent) = sealed();
    let posted = posted(envelope);
    let keys = StampKeys::new(&[0x66; 32], 20_770, "test").expect("a short region");
    let claim = keys.stamp(&posted, NOW);
    (claim.expect("an epoch within reach"), posted, sent)
}

/// What the relay delivers to Bob's device, which has this key.
fn delivery(claim: &Claim, posted: &AuthenticFanout, key: &DeliveryKey) -> Delivery {
    let queues = StampedEnvelope::fan_out(claim.clone(), posted.clone());
    let queues = queues.expect("the message that was stamped");
    let (_, first) = queues.first().expect("two slots");
    first.deliver(key)
}

/// The evidence of a received message, whose franking key is marked as secret.
pub(crate) fn received() -> Evidence {
    let (claim, posted_by_alice, _) = stamped();
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let delivery = delivery(&claim, &posted_by_alice, &key);
    let delivery = delivery.authenticate(&key, &address("bob"));
    let opened = open(&mut Clear, &delivery.expect("an authentic delivery"));
    opened.expect("a genuine message").evidence().clone()
}

fn seal_secretly() {
    let (_, sent) = sealed();
    assert!(!sent.encode().is_empty());
}

fn posting() {
    let (alice, to, _) = payload();
    let mut bytes = post(sealed().0, &delivery_key());
    taint::public(&bytes);
    let genuine = PostedFanout::decode(&bytes).expect("valid");
    let taken = genuine.authenticate(&delivery_key(), &alice, &to, NOW);
    assert!(answer(taken.is_ok()));
    // Alters the tag, the first and the last byte of the MAC, and a version of a roster.
    for at in [
        3,
        1 + 34 + 10 + 2,
        1 + 34 + 10 + 33,
        1 + 34 + 10 + 34 + 3 + 4,
    ] {
        bytes[at] ^= 1;
        let altered = PostedFanout::decode(&bytes).expect("valid");
        let taken = altered.authenticate(&delivery_key(), &alice, &to, NOW);
        assert!(answer(taken.is_err()));
        bytes[at] ^= 1;
    }
}

fn deliveries() {
    let (claim, posted_by_alice, _) = stamped();
    let bob = address("bob");
    let delivery = delivery(&claim, &posted_by_alice, &delivery_key());
    let mut bytes = delivery.encode();
    taint::public(&bytes);
    let genuine = Delivery::decode(&bytes).expect("valid");
    assert!(answer(genuine.authenticate(&delivery_key(), &bob).is_ok()));
    for at in [bytes.len() - 1, 40] {
        bytes[at] ^= 1;
        if let Ok(altered) = Delivery::decode(&bytes) {
            assert!(answer(altered.authenticate(&delivery_key(), &bob).is_err()));
        }
        bytes[at] ^= 1;
    }
}

fn opening() {
    let (claim, posted_by_alice, _) = stamped();
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let bob = address("bob");
    let genuine = delivery(&claim, &posted_by_alice, &key)
        .authenticate(&key, &bob)
        .expect("an authentic delivery");
    assert!(answer(open(&mut Clear, &genuine).is_ok()));
    // Flips a bit in the first byte of the tag, then one in the last byte.
    for at in [0, 31] {
        let mut tag = *claim.tag().as_bytes();
        tag[at] ^= 1;
        let tag = FrankingTag::from_bytes(tag);
        let other = Claim::new(tag, claim.context().clone(), *claim.stamp());
        // In a stored envelope, the tag comes after the version.
        let altered = [&[2], &tag.as_bytes()[..], genuine.ciphertext()].concat();
        let altered = posted(Envelope::decode(&altered).expect("valid"));
        let delivery = delivery(&other, &altered, &key)
            .authenticate(&key, &bob)
            .expect("an authentic delivery");
        assert!(answer(open(&mut Clear, &delivery).is_err()));
    }
}

fn receipts() {
    let (claim, _, sent) = stamped();
    let receipt = Receipt::new(&claim, &delivery_key()).encode();
    taint::public(&receipt);
    let genuine = Receipt::decode(&receipt).expect("valid");
    assert!(answer(genuine.authenticate(&delivery_key(), &sent).is_ok()));
    let stamp = Stamp::from_bytes([1; 32]);
    let other = Claim::new(*claim.tag(), claim.context().clone(), stamp);
    let mut altered = Receipt::new(&other, &DeliveryKey::from_bytes([0x77; 32])).encode();
    let len = altered.len();
    altered[len - 1] ^= 1;
    let altered = Receipt::decode(&altered).expect("valid");
    assert!(answer(
        altered.authenticate(&delivery_key(), &sent).is_err()
    ));
}

fn answers() {
    let nonce = RequestNonce::from_bytes([3; 16]);
    let asked = |path| AnsweredRequest::new("GET", path, b"", &nonce).expect("a short path");
    let request = asked("/bundles/bob");
    let made = AnswerMac::new(&delivery_key(), &request, 200, b"a bundle");
    let mut mac = *made.as_bytes();
    taint::public(&mac);
    let check = |mac: [u8; 32], request: &AnsweredRequest, status, body: &[u8]| {
        let mac = AnswerMac::from_bytes(mac);
        answer(mac.verify(&delivery_key(), request, status, body).is_ok())
    };
    assert!(check(mac, &request, 200, b"a bundle"));
    assert!(!check(mac, &asked("/bundles/carol"), 200, b"a bundle"));
    assert!(!check(mac, &request, 404, b"a bundle"));
    assert!(!check(mac, &request, 200, b"no bundle"));
    for at in [0, 31] {
        mac[at] ^= 1;
        assert!(!check(mac, &request, 200, b"a bundle"));
        mac[at] ^= 1;
    }
}

fn evidence() {
    let evidence = received();
    let stored = evidence.encode();
    assert!(answer(Evidence::decode(&stored).is_ok()));
}

/// Makes a report by Bob about Alice's message. Its bytes are marked as public.
pub(crate) fn reported(moderation: &ModerationKeyPair, rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut draft = ReportDraft::new(address("bob"), Reason::Spam);
    draft
        .add(&received(), Disclosure::Whole)
        .expect("one message");
    let report = draft.seal(&delivery_key(), moderation.public_key(), rng);
    let report = report.expect("seals").encode();
    taint::public(&report);
    report
}

fn reports() {
    let moderation = ModerationKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(6));
    let report = reported(&moderation, &mut SecretRng::new(7));
    assert!(answer(Report::decode(&report).is_ok()));
}
