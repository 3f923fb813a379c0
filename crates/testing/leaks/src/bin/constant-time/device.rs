//! Scenarios of sealing, opening, deliveries, receipts and reports.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::CryptoRng;
use waxseal_leaks::taint::{self, answer};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, OpeningChannel, open};
use waxseal_reporting::relay::{Claim, Delivery, DeliveryKey, Envelope, Receipt, Stamp, StampKeys};
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};
use waxseal_reporting::reviewer::ModerationKeyPair;
use waxseal_reporting::sender::{SealingChannel, SentMessage, seal};
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
    let header = PayloadHeader::new(to.conversation(&alice.account), 0, NOW);
    let payload = Payload::text(header, "a text").expect("a short text");
    (alice, to, payload)
}

/// Seals and stamps a message from Alice to Bob. Returns the claim (tag, context and stamp), the
/// envelope and the sender's record of the message. The claim and the envelope are public.
pub(crate) fn stamped() -> (Claim, Envelope, SentMessage) {
    let (alice, to, payload) = payload();
    let sealed = seal(&mut Clear, &alice, &payload, &mut SecretRng::new(5)).expect("seals");
    let envelope = sealed.envelope.encode();
    taint::public(&envelope);
    let envelope = Envelope::decode(&envelope).expect("valid");
    let keys = StampKeys::new(&[0x66; 32], 20_770, "test").expect("a short region");
    let claim = keys.stamp(envelope.tag(), &alice, &to, NOW);
    (claim.expect("an epoch within reach"), envelope, sealed.sent)
}

/// The evidence of a received message, whose franking key is marked as secret.
pub(crate) fn received() -> Evidence {
    let (claim, envelope, _) = stamped();
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let delivery = Delivery::new(&claim, envelope, &key).expect("the envelope that was stamped");
    let delivery = delivery.authenticate(&key, &address("bob").account);
    let opened = open(&mut Clear, &delivery.expect("an authentic delivery"));
    opened.expect("a genuine message").evidence().clone()
}

fn seal_secretly() {
    let (alice, _, payload) = payload();
    let sealed = seal(&mut Clear, &alice, &payload, &mut SecretRng::new(5)).expect("seals");
    assert!(!sealed.sent.encode().is_empty());
}

fn deliveries() {
    let (claim, envelope, _) = stamped();
    let bob = address("bob").account;
    let delivery =
        Delivery::new(&claim, envelope, &delivery_key()).expect("the envelope that was stamped");
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
    let (claim, envelope, _) = stamped();
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let bob = address("bob").account;
    let delivery =
        Delivery::new(&claim, envelope.clone(), &key).expect("the envelope that was stamped");
    let delivery = delivery
        .authenticate(&key, &bob)
        .expect("an authentic delivery");
    assert!(answer(open(&mut Clear, &delivery).is_ok()));
    // Flips a bit in the first byte of the tag, then one in the last byte.
    for at in [0, 31] {
        let mut tag = *claim.tag().as_bytes();
        tag[at] ^= 1;
        let tag = FrankingTag::from_bytes(tag);
        let other = Claim::new(tag, claim.context().clone(), *claim.stamp());
        let mut envelope = envelope.encode();
        // In an envelope, the tag comes after the version, the field number and the length.
        envelope[3..35].copy_from_slice(tag.as_bytes());
        let envelope = Envelope::decode(&envelope).expect("valid");
        let delivery =
            Delivery::new(&other, envelope, &key).expect("the envelope that was stamped");
        let delivery = delivery
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
