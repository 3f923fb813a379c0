//! The variant "franked": franked messages in sessions of `waxseal-core`. The sender commits, pads
//! and encrypts; the relay stamps; the recipient authenticates, opens and checks.

use waxseal::{DeliveryKey, DeviceAddress, DeviceId, SessionOpener, SessionSealer};
use waxseal_reporting::Audience;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, open};
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::sender::{Fanout, RosterStamp, seal};
use waxseal_world::{NOW, Provider};

use super::ratchet::{Bundle, Ratchet, altered, bundle_len};
use super::{Pair, Strangers};

/// Number of bytes that a payload adds to a text: a header (22) with a last-seen tag (32), the
/// content type (1), a count (1) and two lengths (8).
const PAYLOAD_AROUND_TEXT: usize = 22 + 32 + 1 + 1 + 8;

pub(super) fn strangers() -> Box<dyn Strangers> {
    let (franked, bundle) = Franked::strangers();
    Box::new(Unmet { franked, bundle })
}

struct Unmet {
    franked: Franked,
    bundle: Bundle,
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        self.franked.ratchet.start(&self.bundle);
        let sealed = self.franked.seal(0, plaintext);
        let arrived = self.franked.relay(0, sealed);
        assert!(self.franked.open(1, &arrived), "the first message opens");
        Box::new(self.franked)
    }

    fn first_message(mut self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        self.franked.ratchet.start(&self.bundle);
        let first = self.franked.seal(0, plaintext).len();
        (first, bundle_len(&self.bundle))
    }
}

/// Two devices and their provider.
///
/// Each message changes the state of the devices' sessions, and its payload gets the next sequence
/// number. The provider's clock stands still.
pub struct Franked {
    pub ratchet: Ratchet,
    pub addresses: [DeviceAddress; 2],
    /// The delivery key that each device shares with the provider.
    pub delivery_keys: [DeliveryKey; 2],
    pub provider: Provider,
    sequence: u64,
}

/// A text of `len` bytes, or of the maximum that fits a payload if `len` is more.
pub(super) fn text(len: usize) -> String {
    "x".repeat(len.min(waxseal_reporting::limits::MAX_PAYLOAD_LEN - PAYLOAD_AROUND_TEXT))
}

impl Franked {
    fn around(ratchet: Ratchet) -> Self {
        let mut provider = Provider::new(7);
        let addresses = ["alice", "bob"].map(|name| provider.register_only(name));
        let [alice, bob] = &addresses;
        Self {
            ratchet,
            delivery_keys: [provider.key(alice), provider.key(bob)],
            addresses,
            provider,
            sequence: 0,
        }
    }

    /// Two devices without a session, and the bundle that the second published.
    #[must_use]
    pub fn strangers() -> (Self, Bundle) {
        let (ratchet, bundle) = Ratchet::strangers();
        (Self::around(ratchet), bundle)
    }

    /// Two devices in the middle of a conversation.
    #[must_use]
    pub fn talking() -> Self {
        Self::around(Ratchet::talking())
    }

    /// Makes a payload with the next sequence number.
    #[must_use]
    pub fn payload(&mut self, text: String) -> Payload {
        self.sequence += 1;
        Payload::text(PayloadHeader::new(self.sequence, NOW), text).expect("within the limit")
    }

    /// Opens a delivery. Returns the evidence that the recipient keeps, or `None` if the delivery
    /// does not open.
    #[must_use]
    pub fn receive(&mut self, to: usize, delivery: &[u8]) -> Option<Evidence> {
        let delivery = Delivery::decode(delivery).ok()?;
        let key = &self.delivery_keys[to];
        let delivery = delivery.authenticate(key, &self.addresses[to]).ok()?;
        let device = &mut self.ratchet.devices[to];
        let mut channel = SessionOpener::new(
            &device.identity,
            &mut device.prekeys,
            &mut device.memory,
            &mut device.sessions,
        );
        let (_, _, evidence) = open(&mut channel, &delivery).ok()?.into_parts();
        Some(evidence)
    }
}

impl Pair for Franked {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        let payload = self.payload(text(plaintext.len()));
        let (sender, key) = (&self.addresses[from], &self.delivery_keys[from]);
        let audience = Audience::Direct(self.addresses[1 - from].account.clone());
        let conversation = audience.conversation(&sender.account);
        let Ratchet { devices, rng } = &mut self.ratchet;
        let sessions = devices[from].sessions.as_mut().expect("a session");
        let mut channel = SessionSealer::new(sessions);
        let sealed = seal(&mut channel, sender, &conversation, &payload, rng);
        let envelope = sealed.expect("seals").envelope;
        let roster = RosterStamp::new(1, 1);
        let mut fanout = Fanout::new(*envelope.tag(), roster, roster);
        let slot = fanout.insert(false, DeviceId(1), Some(envelope));
        slot.expect("the first slot");
        fanout.post(key, sender, &audience, NOW)
    }

    fn relay(&mut self, from: usize, sealed: Vec<u8>) -> Vec<u8> {
        let (from, to) = (&self.addresses[from], &self.addresses[1 - from]);
        self.provider.relay_as(from, to, &sealed).0
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        self.receive(to, arrived).is_some()
    }

    fn export(&self, side: usize) -> Vec<u8> {
        self.ratchet.export(side)
    }

    fn import(&mut self, side: usize, state: &[u8]) {
        self.ratchet.import(side, state);
    }

    fn forge(&mut self, genuine: &[u8], _: u64) -> Vec<u8> {
        // The relay's MAC covers the whole delivery, so altering any byte makes a forgery.
        altered(genuine, genuine.len() / 2)
    }
}
