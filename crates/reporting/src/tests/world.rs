//! Sets up Alice, Bob, their provider and a toy channel, for tests of the whole path.

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng};
use zeroize::Zeroizing;

use crate::channel::associated_data;
use crate::franked::Franked;
use crate::tests::all::*;

/// A channel for tests only: one static key per direction and a counter in clear as the nonce.
///
/// It has no ratchet and no forward secrecy, but the properties that [`SealingChannel`] and
/// [`OpeningChannel`] demand.
#[derive(Clone)]
pub(crate) struct ToyChannel {
    pub(crate) key: [u8; 32],
    pub(crate) next: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("toy channel refused")]
pub(crate) struct ToyError;

/// The bytes that a `put` function appends.
pub(crate) fn bytes_of(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out);
    out
}

/// A header in format 01, which holds the conversation.
pub(crate) fn header_1(conversation: ConversationId, header: &PayloadHeader) -> Vec<u8> {
    assert!(header.extensions.is_empty());
    let mut bytes = bytes_of(|out| header.put(out));
    bytes.splice(1..1, *conversation.as_bytes());
    bytes
}

impl ToyChannel {
    pub(crate) fn new(key: u8) -> Self {
        Self {
            key: [key; 32],
            next: 0,
        }
    }

    pub(crate) fn nonce(counter: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&counter.to_be_bytes());
        nonce.into()
    }
}

impl SealingChannel for ToyChannel {
    type Error = ToyError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, ToyError> {
        let cipher = ChaCha20Poly1305::new(&self.key.into());
        let payload = AeadPayload {
            msg: plaintext,
            aad: associated_data,
        };
        let body = cipher
            .encrypt(&Self::nonce(self.next), payload)
            .map_err(|_| ToyError)?;
        let mut out = self.next.to_be_bytes().to_vec();
        out.extend(body);
        self.next += 1;
        Ok(out)
    }
}

impl OpeningChannel for ToyChannel {
    type Error = ToyError;

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ToyError> {
        let (counter, body) = ciphertext.split_first_chunk().ok_or(ToyError)?;
        let counter = u64::from_be_bytes(*counter);
        if counter < self.next {
            return Err(ToyError);
        }
        let cipher = ChaCha20Poly1305::new(&self.key.into());
        let payload = AeadPayload {
            msg: body,
            aad: associated_data,
        };
        let plaintext = cipher
            .decrypt(&Self::nonce(counter), payload)
            .map_err(|_| ToyError)?;
        self.next = counter + 1;
        Ok(Zeroizing::new(plaintext))
    }
}

pub(crate) const DAY: u64 = EPOCH_MS;
/// Noon of day 20,000 since the Unix epoch. Stamps of that day have epoch 20,000.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(20_000 * DAY + DAY / 2);

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(crate) fn device(name: &str, device: u32) -> DeviceAddress {
    DeviceAddress::new(account(name), DeviceId(device))
}

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The id of every accepted report.
pub(crate) const ID: ReportId = ReportId::from_bytes([0x1d; 16]);

/// The relay's step for one device, with any claim.
pub(crate) fn deliver(claim: &Claim, envelope: Envelope, key: &DeliveryKey) -> Delivery {
    Delivery::new(claim, envelope.ciphertext(), key)
}

/// A message for one device of another account, as its sender posts it and the relay takes it.
pub(crate) fn authentic(
    envelope: Envelope,
    key: &DeliveryKey,
    sender: &DeviceAddress,
    to: &DeviceAddress,
    now: Timestamp,
) -> AuthenticFanout {
    let rosters = (RosterStamp::new(1, 1), RosterStamp::new(1, 1));
    let mut fanout = Fanout::new(*envelope.tag(), rosters.0, rosters.1);
    fanout.insert(false, to.device, Some(envelope)).unwrap();
    let audience = Audience::Direct(to.account.clone());
    PostedFanout::decode(&fanout.post(key, sender, &audience, now))
        .unwrap()
        .authenticate(key, sender, &audience, now)
        .unwrap()
}

/// The message for the queue of the only device.
pub(crate) fn queued(claim: Claim, fanout: AuthenticFanout) -> StampedEnvelope {
    let mut queues = StampedEnvelope::fan_out(claim, fanout).unwrap();
    assert_eq!(queues.len(), 1);
    queues.pop().unwrap().1
}

/// Accepts a report as an intake without records: no message is known, no one is in a group.
pub(crate) fn accept(
    report: Report,
    stamp_keys: &StampKeys,
    reporter_key: &DeliveryKey,
    now: Timestamp,
) -> Result<AcceptedReport, Rejection> {
    let examined = examine(report, stamp_keys, reporter_key, now)?;
    let known = vec![false; examined.nullifiers().len()];
    let members = vec![false; examined.memberships().len()];
    match examined.accept(ID, &known, &members) {
        Ok(accepted) => Ok(accepted),
        Err(AcceptError::Rejected(rejection)) => Err(rejection),
        Err(error) => panic!("{error}"),
    }
}

/// Two people and their provider.
pub(crate) struct World {
    pub(crate) alice: DeviceAddress,
    pub(crate) bob: DeviceAddress,
    pub(crate) stamp_keys: StampKeys,
    pub(crate) alice_key: DeliveryKey,
    pub(crate) bob_key: DeliveryKey,
    pub(crate) acceptance_key: AcceptanceKey,
    pub(crate) moderation: ModerationKeyPair,
    pub(crate) now: Timestamp,
    pub(crate) rng: ChaCha20Rng,
    /// The channel from Alice to Bob: her end, then his end.
    pub(crate) to_bob: (ToyChannel, ToyChannel),
    pub(crate) to_alice: (ToyChannel, ToyChannel),
    sequences: [u64; 2],
}

/// A message that was sealed, stamped, delivered and opened, and whose receipt has arrived.
pub(crate) struct Delivered {
    pub(crate) claim: Claim,
    pub(crate) opened: OpenedMessage,
    pub(crate) own: Evidence,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let mut stamp_keys = StampKeys::generate("eu", NOON, &mut rng).unwrap();
        stamp_keys.advance_to(NOON).unwrap();
        Self {
            alice: device("alice", 1),
            bob: device("bob", 7),
            stamp_keys,
            alice_key: DeliveryKey::generate(&mut rng),
            bob_key: DeliveryKey::generate(&mut rng),
            acceptance_key: AcceptanceKey::generate(&mut rng),
            moderation: ModerationKeyPair::generate(&mut rng),
            now: NOON,
            rng,
            to_bob: (ToyChannel::new(1), ToyChannel::new(1)),
            to_alice: (ToyChannel::new(2), ToyChannel::new(2)),
            sequences: [0, 0],
        }
    }

    pub(crate) fn conversation(&self) -> ConversationId {
        ConversationId::direct(&self.alice.account, &self.bob.account)
    }

    pub(crate) fn header(&mut self, from_alice: bool) -> PayloadHeader {
        let sequence = &mut self.sequences[usize::from(from_alice)];
        *sequence += 1;
        let sequence = *sequence - 1;
        PayloadHeader::new(sequence, Timestamp::from_millis(self.now.as_millis() - 250))
    }

    /// The tag of these parts when Alice sends them to Bob.
    pub(crate) fn tag(&self, franked: &Franked) -> FrankingTag {
        franked.tag_from(&self.alice, self.conversation())
    }

    /// Sends a text from Alice to Bob.
    pub(crate) fn alice_says(&mut self, text: &str) -> Delivered {
        let header = self.header(true);
        self.send(true, &Payload::text(header, text).unwrap())
    }

    /// Sends a text from Bob to Alice.
    pub(crate) fn bob_says(&mut self, text: &str) -> Delivered {
        let header = self.header(false);
        self.send(false, &Payload::text(header, text).unwrap())
    }

    /// Seals, stamps and delivers a message as encoded bytes, a second after the previous one.
    pub(crate) fn send(&mut self, from_alice: bool, payload: &Payload) -> Delivered {
        self.now = Timestamp::from_millis(self.now.as_millis() + 1_000);
        let (envelope, sent) = self.seal(from_alice, payload);
        let (sender, recipient) = self.ends(from_alice);
        let (sender_key, key) = self.keys(from_alice);
        let posted = authentic(envelope, &sender_key, &sender, &recipient, self.now);
        let claim = self.stamp_keys.stamp(&posted, self.now).unwrap();
        let stamped = queued(claim.clone(), posted);
        let stamped = StampedEnvelope::decode(&stamped.encode()).unwrap();
        let delivery = stamped.deliver(&key).encode();
        let receipt = Receipt::new(&claim, &sender_key).encode();
        let delivery = Delivery::decode(&delivery)
            .unwrap()
            .authenticate(&key, &recipient)
            .unwrap();
        let opened = open(self.receiving(from_alice), &delivery).unwrap();
        let own = Receipt::decode(&receipt)
            .unwrap()
            .authenticate(&sender_key, &sent)
            .unwrap();
        Delivered { claim, opened, own }
    }

    pub(crate) fn seal(&mut self, from_alice: bool, payload: &Payload) -> (Envelope, SentMessage) {
        let (sender, _) = self.ends(from_alice);
        let conversation = self.conversation();
        let channel = if from_alice {
            &mut self.to_bob.0
        } else {
            &mut self.to_alice.0
        };
        let Sealed { envelope, sent } =
            seal(channel, &sender, &conversation, payload, &mut self.rng).unwrap();
        (Envelope::decode(&envelope.encode()).unwrap(), sent)
    }

    /// Seals and stamps a message from Alice to Bob, without delivering it.
    pub(crate) fn stamped(&mut self, text: &str) -> (Claim, Envelope, SentMessage) {
        let header = self.header(true);
        let (envelope, sent) = self.seal(true, &Payload::text(header, text).unwrap());
        let audience = Audience::Direct(self.bob.account.clone());
        let claim = self
            .stamp_keys
            .stamp_tag(envelope.tag(), &self.alice, &audience, self.now)
            .unwrap();
        (claim, envelope, sent)
    }

    pub(crate) fn receiving(&mut self, from_alice: bool) -> &mut ToyChannel {
        if from_alice {
            &mut self.to_bob.1
        } else {
            &mut self.to_alice.1
        }
    }

    pub(crate) fn ends(&self, from_alice: bool) -> (DeviceAddress, DeviceAddress) {
        let (alice, bob) = (self.alice.clone(), self.bob.clone());
        if from_alice {
            (alice, bob)
        } else {
            (bob, alice)
        }
    }

    fn keys(&self, from_alice: bool) -> (DeliveryKey, DeliveryKey) {
        let (alice, bob) = (self.alice_key.clone(), self.bob_key.clone());
        if from_alice {
            (alice, bob)
        } else {
            (bob, alice)
        }
    }

    /// Encrypts any plaintext as a malicious Alice can, then stamps and delivers it under `tag`.
    pub(crate) fn deliver_plaintext(
        &mut self,
        plaintext: &[u8],
        tag: FrankingTag,
    ) -> AuthenticDelivery {
        let data = associated_data(&tag, &self.alice, &self.conversation());
        let ciphertext = self
            .to_bob
            .0
            .encrypt(plaintext, &data, &mut self.rng)
            .unwrap();
        let audience = Audience::Direct(self.bob.account.clone());
        let claim = self
            .stamp_keys
            .stamp_tag(&tag, &self.alice, &audience, self.now)
            .unwrap();
        let envelope = Envelope::new(tag, ciphertext);
        let delivery = deliver(&claim, envelope, &self.bob_key);
        delivery.authenticate(&self.bob_key, &self.bob).unwrap()
    }

    /// A draft of Bob that shows these messages whole.
    pub(crate) fn draft(&self, messages: &[&Evidence]) -> ReportDraft {
        let mut draft = ReportDraft::new(self.bob.clone(), Reason::Spam);
        for evidence in messages {
            draft.add(evidence, Disclosure::Whole).unwrap();
        }
        draft
    }

    pub(crate) fn report(&mut self, messages: &[&Evidence]) -> Report {
        let draft = self.draft(messages);
        self.seal_report(&draft)
    }

    pub(crate) fn seal_report(&mut self, draft: &ReportDraft) -> Report {
        let report = draft
            .seal(&self.bob_key, self.moderation.public_key(), &mut self.rng)
            .unwrap();
        Report::decode(&report.encode()).unwrap()
    }

    /// A report of Bob about an account.
    pub(crate) fn report_account(&mut self, name: &str) -> Report {
        let draft = ReportDraft::about_account(self.bob.clone(), account(name), Reason::Spam);
        self.seal_report(&draft.unwrap())
    }

    /// Accepts a report as an intake without records: no message is known, no one is in a group.
    pub(crate) fn accept(&self, report: Report) -> Result<AcceptedReport, Rejection> {
        accept(report, &self.stamp_keys, &self.bob_key, self.now)
    }

    /// The vault with the provider's moderation and acceptance keys.
    pub(crate) fn vault(&self) -> Vault {
        let moderation = ModerationKeyPair::import(&self.moderation.export()).unwrap();
        Vault::new(moderation, self.acceptance_key.clone())
    }

    /// Accepts and reviews a report, encoding it for the queue and for the reviewers in between.
    pub(crate) fn verify(&self, report: Report) -> Result<VerifiedReport, Rejection> {
        let queued = self.accept(report)?.encode(&self.acceptance_key);
        let unsealed = match self.vault().open(&ID, &queued) {
            Ok(unsealed) => unsealed,
            Err(UnsealError::Rejected(rejection)) => return Err(rejection),
            Err(error) => panic!("{error}"),
        };
        review(UnsealedReport::decode(&unsealed.encode()).unwrap())
    }

    /// A report from Bob with any claims and openings, under a valid MAC and seal.
    pub(crate) fn forge(&mut self, claims: &[Claim], openings: &[u8]) -> Report {
        let (reporter, key) = (self.bob.clone(), self.bob_key.clone());
        report::tests::forge(
            &reporter,
            &key,
            claims,
            openings,
            self.moderation.public_key(),
            &mut self.rng,
        )
    }
}
