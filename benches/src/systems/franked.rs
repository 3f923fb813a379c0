//! Franked messages over the ratchet: commit, pad, encrypt; stamp; authenticate, open, check.

use waxseal::{AccountId, DeliveryKey, DeviceId, Sender, SessionChannel, Timestamp};
use waxseal_core::PreKeyUpload;
use waxseal_reporting::{
    Audience, Delivery, Envelope, Evidence, Payload, PayloadHeader, StampKeys, open, seal,
};

use super::ratchet::{Ratchet, altered, bundle_len};
use super::{Pair, Strangers};

/// The time of every message.
pub const NOW: Timestamp = Timestamp(1_795_000_000_000);

/// Bytes of a payload around a text: header with the last tag seen, content type, count, two lengths.
const PAYLOAD_AROUND_TEXT: usize = 54 + 32 + 1 + 1 + 8;

pub(super) fn strangers() -> Box<dyn Strangers> {
    let (franked, upload) = Franked::strangers();
    Box::new(Unmet { franked, upload })
}

struct Unmet {
    franked: Franked,
    upload: PreKeyUpload,
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        self.franked.devices.start(&self.upload);
        let sealed = self.franked.seal(0, plaintext);
        let arrived = self.franked.relay(0, sealed);
        assert!(self.franked.open(1, &arrived), "the first message opens");
        Box::new(self.franked)
    }

    fn first_message(mut self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        self.franked.devices.start(&self.upload);
        let first = self.franked.seal(0, plaintext).len();
        (first, bundle_len(&self.upload))
    }
}

/// Two devices and their provider.
pub struct Franked {
    pub devices: Ratchet,
    pub senders: [Sender; 2],
    pub provider: Provider,
    sequence: u64,
}

/// What the relay holds.
pub struct Provider {
    pub stamp_keys: StampKeys,
    /// Of each side's device.
    pub delivery_keys: [DeliveryKey; 2],
}

impl Provider {
    /// Keys for two devices.
    #[must_use]
    pub fn new() -> Self {
        let mut rng = rand::rng();
        let mut stamp_keys = StampKeys::generate("bench", NOW, &mut rng).expect("a short name");
        stamp_keys.advance_to(NOW).expect("now");
        Self {
            stamp_keys,
            delivery_keys: [0, 1].map(|_| DeliveryKey::generate(&mut rng)),
        }
    }

    /// The relay's step, bytes to bytes.
    #[must_use]
    pub fn relay(&self, senders: &[Sender; 2], from: usize, envelope: &[u8]) -> Vec<u8> {
        let envelope = Envelope::decode(envelope).expect("an envelope");
        let audience = Audience::Direct(senders[1 - from].account.clone());
        let claim = self
            .stamp_keys
            .stamp(envelope.tag(), &senders[from], &audience, NOW)
            .expect("an epoch within reach");
        Delivery::new(&claim, envelope, &self.delivery_keys[1 - from])
            .expect("its own claim")
            .encode()
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self::new()
    }
}

/// Alice's and Bob's devices.
#[must_use]
pub fn senders() -> [Sender; 2] {
    ["alice", "bob"]
        .map(|name| Sender::new(AccountId::new(name).expect("a valid name"), DeviceId(1)))
}

/// A text of so many bytes, or of as many as fit a payload.
pub(super) fn text(len: usize) -> String {
    "x".repeat(len.min(waxseal_reporting::MAX_PAYLOAD_LEN - PAYLOAD_AROUND_TEXT))
}

impl Franked {
    fn around(devices: Ratchet) -> Self {
        Self {
            devices,
            senders: senders(),
            provider: Provider::new(),
            sequence: 0,
        }
    }

    /// Devices without a session, and what the second published.
    #[must_use]
    pub fn strangers() -> (Self, PreKeyUpload) {
        let (devices, upload) = Ratchet::strangers();
        (Self::around(devices), upload)
    }

    /// Devices in the middle of a conversation.
    #[must_use]
    pub fn talking() -> Self {
        Self::around(Ratchet::talking())
    }

    /// A payload as its sender makes it.
    #[must_use]
    pub fn payload(&mut self, from: usize, text: String) -> Payload {
        self.sequence += 1;
        let audience = Audience::Direct(self.senders[1 - from].account.clone());
        let conversation = audience.conversation(&self.senders[from].account);
        Payload::text(PayloadHeader::new(conversation, self.sequence, NOW), text)
            .expect("within the limit")
    }

    /// What the recipient keeps of a message.
    #[must_use]
    pub fn receive(&mut self, to: usize, delivery: &[u8]) -> Option<Evidence> {
        let delivery = Delivery::decode(delivery).ok()?;
        let key = &self.provider.delivery_keys[to];
        let delivery = delivery.authenticate(key, &self.senders[to].account).ok()?;
        let mut channel = SessionChannel::to_receive(
            &self.devices.identity[to],
            &mut self.devices.prekeys[to],
            &mut self.devices.sessions[to],
        );
        let (_, _, evidence) = open(&mut channel, &delivery).ok()?.into_parts();
        Some(evidence)
    }
}

impl Pair for Franked {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        let payload = self.payload(from, text(plaintext.len()));
        let mut channel = SessionChannel::to_send(&mut self.devices.sessions[from]);
        let sealed = seal(
            &mut channel,
            &self.senders[from],
            &payload,
            &mut self.devices.rng,
        );
        sealed.expect("seals").envelope.encode()
    }

    fn relay(&mut self, from: usize, sealed: Vec<u8>) -> Vec<u8> {
        self.provider.relay(&self.senders, from, &sealed)
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        self.receive(to, arrived).is_some()
    }

    fn export(&self, side: usize) -> Vec<u8> {
        self.devices.export(side)
    }

    fn import(&mut self, side: usize, state: &[u8]) {
        self.devices.import(side, state);
    }

    fn forge(&mut self, genuine: &[u8], _: u64) -> Vec<u8> {
        // Everything is under the relay's MAC.
        altered(genuine, genuine.len() / 2)
    }
}
