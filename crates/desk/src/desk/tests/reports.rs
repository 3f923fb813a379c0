//! Makes accepted reports as a provider's relay and intake do: messages are sealed, stamped,
//! opened, reported and examined. The channel encrypts nothing.

use rand_chacha::ChaCha20Rng;
use waxseal_reporting::file::{self, FileDescriptor, FileKey, FileShape};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId, examine};
use waxseal_reporting::message::{Attachment, Content, FileAttachment, Payload, PayloadHeader};
use waxseal_reporting::recipient::{OpeningChannel, open};
use waxseal_reporting::relay::{DeliveryKey, PostedFanout, StampKeys, StampedEnvelope};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, seal};
use waxseal_reporting::vault::ModerationKeyPair;
use waxseal_reporting::{AccountId, Audience, BlobId, DeviceAddress, DeviceId, Timestamp};
use zeroize::Zeroizing;

struct Toy;

impl SealingChannel for Toy {
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

impl OpeningChannel for Toy {
    type Error = std::fmt::Error;
    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Self::Error> {
        Ok(Zeroizing::new(ciphertext.to_vec()))
    }
}

/// The keys of a provider's relay and intake, and those of its vault.
pub(crate) struct Intake {
    stamp_keys: StampKeys,
    delivery_key: DeliveryKey,
    pub(crate) acceptance_key: AcceptanceKey,
    pub(crate) moderation: ModerationKeyPair,
}

/// An accepted report in the forms in which it is used.
pub(crate) struct Reported {
    pub(crate) accepted: AcceptedReport,
    /// The accepted report under the acceptance key.
    pub(crate) encoded: Vec<u8>,
}

pub(crate) fn device(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1))
}

impl Intake {
    pub(crate) fn new(now: Timestamp, rng: &mut ChaCha20Rng) -> Self {
        Self {
            stamp_keys: StampKeys::generate("eu", now, rng).unwrap(),
            delivery_key: DeliveryKey::generate(rng),
            acceptance_key: AcceptanceKey::generate(rng),
            moderation: ModerationKeyPair::generate(rng),
        }
    }

    /// `from` sends `texts` to `to`, who reports all of them.
    pub(crate) fn report(
        &self,
        from: &str,
        to: &str,
        texts: &[&str],
        reason: Reason,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
    ) -> Reported {
        let payloads = (0..).zip(texts);
        let payloads = payloads
            .map(|(number, text)| Payload::text(PayloadHeader::new(number, now), *text).unwrap())
            .collect();
        self.report_payloads(from, to, payloads, reason, now, rng)
    }

    /// `from` sends a photo in a blob to `to`, who reports it.
    pub(crate) fn report_file(
        &self,
        from: &str,
        to: &str,
        blob: &BlobId,
        reason: Reason,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
    ) -> Reported {
        let (key, mut sealed) = (FileKey::from_bytes([0x4b; 32]), Vec::new());
        let root = file::seal(&mut &b"a photo"[..], 7, &key, &mut sealed).unwrap();
        let shape = FileShape::new(7).unwrap();
        let location = FileDescriptor::blob_location(blob);
        let descriptor = FileDescriptor::new(shape, root, "image/jpeg", "a.jpg", &location);
        let attachment = FileAttachment::new(descriptor.unwrap(), key, None);
        let (header, content) = (PayloadHeader::new(0, now), Content::Text("Look!".into()));
        let attachments = vec![Attachment::File(attachment)];
        let payload = Payload::with_attachments(header, content, attachments).unwrap();
        self.report_payloads(from, to, vec![payload], reason, now, rng)
    }

    fn report_payloads(
        &self,
        from: &str,
        to: &str,
        payloads: Vec<Payload>,
        reason: Reason,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
    ) -> Reported {
        let (sender, reporter) = (device(from), device(to));
        let audience = Audience::Direct(reporter.account.clone());
        let conversation = audience.conversation(&sender.account);
        let mut draft = ReportDraft::new(reporter.clone(), reason);
        for payload in payloads {
            let sealed = seal(&mut Toy, &sender, &conversation, &payload, rng).unwrap();
            let none = RosterStamp::default();
            let mut fanout = Fanout::new(*sealed.sent.tag(), none, none);
            let slot = Some(sealed.envelope);
            fanout.insert(false, reporter.device, slot).unwrap();
            let posted = fanout.post(&self.delivery_key, &sender, &audience, now);
            let posted = PostedFanout::decode(&posted).unwrap();
            let posted = posted
                .authenticate(&self.delivery_key, &sender, &audience, now)
                .unwrap();
            let claim = self.stamp_keys.stamp(&posted, now).unwrap();
            let queues = StampedEnvelope::fan_out(claim, posted).unwrap();
            let delivery = queues[0].1.deliver(&self.delivery_key);
            let delivery = delivery
                .authenticate(&self.delivery_key, &reporter)
                .unwrap();
            let opened = open(&mut Toy, &delivery).unwrap();
            draft.add(opened.evidence(), Disclosure::Whole).unwrap();
        }
        let report = draft
            .seal(&self.delivery_key, self.moderation.public_key(), rng)
            .unwrap();
        let examined = examine(report, &self.stamp_keys, &self.delivery_key, now).unwrap();
        let known = vec![false; examined.nullifiers().len()];
        let accepted = examined
            .accept(ReportId::generate(rng), &known, &[])
            .unwrap();
        let encoded = accepted.encode(&self.acceptance_key);
        Reported { accepted, encoded }
    }
}
