//! Makes accepted reports as a relay and its intake do. The channel encrypts nothing.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId, examine};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{OpeningChannel, open};
use waxseal_reporting::relay::{DeliveryKey, PostedFanout, StampKeys, StampedEnvelope};
use waxseal_reporting::reporter::{Disclosure, ModerationPublicKey, Reason, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, seal};
use waxseal_reporting::vault::ModerationKeyPair;
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId};
use zeroize::Zeroizing;

use super::now;

struct Plain;

impl SealingChannel for Plain {
    type Error = std::fmt::Error;
    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl rand_core::CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }
}

impl OpeningChannel for Plain {
    type Error = std::fmt::Error;
    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Self::Error> {
        Ok(Zeroizing::new(ciphertext.to_vec()))
    }
}

/// The keys of a relay and its intake.
pub struct Intake {
    stamp_keys: StampKeys,
    delivery_key: DeliveryKey,
    acceptance: AcceptanceKey,
    moderation: ModerationPublicKey,
    sequence: AtomicU64,
}

/// A report that the intake accepted.
pub struct Reported {
    pub accepted: AcceptedReport,
    /// As the vault takes it.
    pub encoded: Vec<u8>,
}

fn device(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1))
}

impl Intake {
    /// With the acceptance key and the moderation key that `waxseal-desk vault init` wrote.
    pub fn new(dir: &Path) -> Self {
        let acceptance = std::fs::read(dir.join("acceptance.key")).unwrap();
        let moderation = std::fs::read(dir.join("moderation.pub")).unwrap();
        let rng = &mut rand::rng();
        Self {
            stamp_keys: StampKeys::generate("eu", now(), rng).unwrap(),
            delivery_key: DeliveryKey::generate(rng),
            acceptance: AcceptanceKey::from_bytes(acceptance.try_into().unwrap()),
            moderation: ModerationPublicKey::decode(&moderation).unwrap(),
            sequence: AtomicU64::new(0),
        }
    }

    /// `from` writes this to `to`, who reports it for a scam.
    pub fn report(&self, from: &str, to: &str, texts: &[&str]) -> Reported {
        self.report_with(from, to, texts, (&self.acceptance, &self.moderation))
    }

    /// A report that another intake accepted.
    pub fn forged(&self, from: &str, to: &str) -> Reported {
        let other = AcceptanceKey::generate(&mut rand::rng());
        self.report_with(from, to, &["forged"], (&other, &self.moderation))
    }

    /// A report that is sealed to a moderation key that the vault does not have.
    pub fn report_to_another_vault(&self, from: &str, to: &str) -> Reported {
        let other = ModerationKeyPair::generate(&mut rand::rng());
        self.report_with(from, to, &["lost"], (&self.acceptance, other.public_key()))
    }

    fn report_with(
        &self,
        from: &str,
        to: &str,
        texts: &[&str],
        (acceptance, moderation): (&AcceptanceKey, &ModerationPublicKey),
    ) -> Reported {
        let rng = &mut rand::rng();
        let (sender, reporter, now) = (device(from), device(to), now());
        let key = &self.delivery_key;
        let audience = Audience::Direct(reporter.account.clone());
        let conversation = audience.conversation(&sender.account);
        let mut draft = ReportDraft::new(reporter.clone(), Reason::Scam);
        for text in texts {
            let number = self.sequence.fetch_add(1, Ordering::Relaxed);
            let payload = Payload::text(PayloadHeader::new(number, now), *text).unwrap();
            let sealed = seal(&mut Plain, &sender, &conversation, &payload, rng).unwrap();
            let none = RosterStamp::default();
            let mut fanout = Fanout::new(*sealed.sent.tag(), none, none);
            let slot = Some(sealed.envelope);
            fanout.insert(false, reporter.device, slot).unwrap();
            let posted = fanout.post(key, &sender, &audience, now);
            let posted = PostedFanout::decode(&posted).unwrap();
            let posted = posted.authenticate(key, &sender, &audience, now).unwrap();
            let claim = self.stamp_keys.stamp(&posted, now).unwrap();
            let queues = StampedEnvelope::fan_out(claim, posted).unwrap();
            let delivery = queues[0].1.deliver(key).authenticate(key, &reporter);
            let opened = open(&mut Plain, &delivery.unwrap()).unwrap();
            draft.add(opened.evidence(), Disclosure::Whole).unwrap();
        }
        let report = draft.seal(key, moderation, rng).unwrap();
        let examined = examine(report, &self.stamp_keys, key, now).unwrap();
        let known = vec![false; examined.nullifiers().len()];
        let accepted = examined
            .accept(ReportId::generate(rng), &known, &[])
            .unwrap();
        let encoded = accepted.encode(acceptance);
        Reported { accepted, encoded }
    }
}
