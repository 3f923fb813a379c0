//! Messages between Alice and Bob, and Bob's reports of them.

use rand_core::CryptoRng;
use waxseal_reporting::Audience;
use waxseal_reporting::intake::{AcceptanceKey, ReportId, examine};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, OpeningChannel, open};
use waxseal_reporting::relay::{DeliveryKey, PostedFanout, StampKeys, StampedEnvelope};
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, seal};
use waxseal_reporting::vault::ModerationKeyPair;
use zeroize::Zeroizing;

use super::{Waiting, World, copy, device};

/// A channel for tests only, which encrypts nothing.
struct Toy;

impl SealingChannel for Toy {
    type Error = core::fmt::Error;
    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }
}

impl OpeningChannel for Toy {
    type Error = core::fmt::Error;
    fn decrypt(&mut self, bytes: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Self::Error> {
        Ok(Zeroizing::new(bytes.to_vec()))
    }
}

/// Who gets a message from this account.
fn receiver(from: &str) -> &'static str {
    if from == "bob" { "alice" } else { "bob" }
}

impl World {
    /// Replaces the provider's relay by a relay of a thief.
    pub(crate) fn relay_of_his_own(&mut self) {
        self.stamp_keys = StampKeys::generate("own", self.now, &mut self.rng).unwrap();
        self.stamp_keys.advance_to(self.now).unwrap();
    }

    /// Alice says this, and Bob has evidence.
    pub(crate) fn alice_says(&mut self, text: &str) -> Evidence {
        self.says("alice", text)
    }

    pub(crate) fn says(&mut self, from: &str, text: &str) -> Evidence {
        self.sequence += 1;
        let header = PayloadHeader::new(self.sequence, self.now);
        self.sends(from, &Payload::text(header, text).unwrap())
    }

    pub(crate) fn sends(&mut self, from: &str, payload: &Payload) -> Evidence {
        self.pass(1_000);
        let (from, to) = (device(from), device(receiver(from)));
        let audience = Audience::Direct(to.account.clone());
        let conversation = audience.conversation(&from.account);
        let key = DeliveryKey::from_bytes([7; 32]);
        let sealed = seal(&mut Toy, &from, &conversation, payload, &mut self.rng).unwrap();
        let none = RosterStamp::default();
        let mut fanout = Fanout::new(*sealed.sent.tag(), none, none);
        let slot = Some(sealed.envelope);
        fanout.insert(false, to.device, slot).unwrap();
        let posted = fanout.post(&key, &from, &audience, self.now);
        let posted = PostedFanout::decode(&posted).unwrap();
        let posted = posted.authenticate(&key, &from, &audience, self.now);
        let posted = posted.unwrap();
        let claim = self.stamp_keys.stamp(&posted, self.now).unwrap();
        let queues = StampedEnvelope::fan_out(claim, posted).unwrap();
        let delivery = queues[0].1.deliver(&self.bob_key);
        let delivery = delivery.authenticate(&self.bob_key, &to).unwrap();
        open(&mut Toy, &delivery).unwrap().evidence().clone()
    }

    /// Bob reports these messages of his conversation with Alice, whole.
    pub(crate) fn report_of(&mut self, messages: &[Evidence]) -> Waiting {
        let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
        for evidence in messages {
            draft.add(evidence, Disclosure::Whole).unwrap();
        }
        self.accept(&draft)
    }

    /// Alice says each of these, and Bob reports them.
    pub(crate) fn report(&mut self, texts: &[&str]) -> Waiting {
        let messages: Vec<_> = texts.iter().map(|text| self.alice_says(text)).collect();
        self.report_of(&messages)
    }

    pub(crate) fn accept(&mut self, draft: &ReportDraft) -> Waiting {
        let moderation = copy(&self.moderation);
        self.accept_with(draft, &moderation, &self.acceptance.clone())
    }

    pub(crate) fn accept_with(
        &mut self,
        draft: &ReportDraft,
        moderation: &ModerationKeyPair,
        acceptance: &AcceptanceKey,
    ) -> Waiting {
        let key = self.bob_key.clone();
        let report = draft
            .seal(&key, moderation.public_key(), &mut self.rng)
            .unwrap();
        let report = Report::decode(&report.encode()).unwrap();
        let examined = examine(report, &self.stamp_keys, &key, self.now).unwrap();
        let id = ReportId::generate(&mut self.rng);
        let known = vec![false; examined.nullifiers().len()];
        let accepted = examined.accept(id, &known, &[]).unwrap();
        Waiting {
            id,
            accepted: accepted.encode(acceptance),
        }
    }
}
