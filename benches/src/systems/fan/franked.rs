//! The variant "franked": one commitment and one stamp, and a ciphertext for each device.

use waxseal::{DeviceAddress, DeviceId, SessionOpener, SessionSealer};
use waxseal_reporting::Audience;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::open;
use waxseal_reporting::relay::{Delivery, StampedEnvelope};
use waxseal_reporting::sender::{Fanout, RosterStamp, SentMessage};
use waxseal_world::{NOW, Provider, account};

use super::{Fan, Targets};
use crate::systems::franked::text;
use crate::systems::{Ratchet, exchange};

/// A device, the devices that it sends to, and their provider. Payloads are numbered.
pub(super) struct Fanned {
    provider: Provider,
    sender: DeviceAddress,
    /// The devices that messages go to, those of the peer first, each with the sessions of both
    /// sides.
    targets: Vec<(DeviceAddress, Ratchet)>,
    sequence: u64,
}

impl Fanned {
    pub(super) fn new(targets: Targets) -> Self {
        let mut provider = Provider::new(7);
        let sender = provider.register_only("alice");
        let peer = (1..).take(targets.peer).map(|id| ("bob", id));
        let own = (2..).take(targets.own).map(|id| ("alice", id));
        let targets = peer.chain(own).map(|(name, id)| {
            let device = DeviceAddress::new(account(name), DeviceId(id));
            provider.register_device(&device);
            (device, Ratchet::talking())
        });
        Self {
            targets: targets.collect(),
            provider,
            sender,
            sequence: 0,
        }
    }
}

impl Fan for Fanned {
    fn seal(&mut self, plaintext: &[u8]) -> Vec<Vec<u8>> {
        let (sender, rng) = (&self.sender, &mut self.provider.rng);
        self.sequence += 1;
        let header = PayloadHeader::new(self.sequence, NOW);
        let payload = Payload::text(header, text(plaintext.len())).expect("within the limit");
        let audience = Audience::Direct(account("bob"));
        let conversation = audience.conversation(&sender.account);
        let sent = SentMessage::commit(sender, &conversation, &payload, rng);
        let roster = RosterStamp::new(1, 1);
        let mut fanout = Fanout::new(*sent.tag(), roster, roster);
        for (device, ratchet) in &mut self.targets {
            let sessions = ratchet.devices[0].sessions();
            let envelope = sent.seal_for(&mut SessionSealer::new(sessions), rng);
            let is_own = device.account == sender.account;
            let slot = fanout.insert(is_own, device.device, Some(envelope.expect("seals")));
            slot.expect("at most 16 devices");
        }
        let key = self.provider.key(sender);
        vec![fanout.post(&key, sender, &audience, NOW)]
    }

    fn relay(&mut self, sealed: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let fanned = self
            .provider
            .fan_out(&self.sender, &account("bob"), &sealed[0]);
        let (stamped, _) = fanned.expect("a genuine message");
        let deliver = |(device, stamped): &(_, StampedEnvelope)| {
            self.provider.deliver(device, &stamped.encode())
        };
        stamped.iter().map(deliver).collect()
    }

    fn open(&mut self, target: usize, arrived: &[u8]) -> bool {
        let (me, ratchet) = &mut self.targets[target];
        let key = self.provider.key(me);
        let delivery = Delivery::decode(arrived).expect("a delivery");
        let Ok(delivery) = delivery.authenticate(&key, me) else {
            return false;
        };
        let device = &mut ratchet.devices[1];
        let mut channel = SessionOpener::new(
            &device.identity,
            &mut device.prekeys,
            &mut device.memory,
            &mut device.sessions,
        );
        open(&mut channel, &delivery).is_ok()
    }

    fn answer(&mut self) {
        for (_, ratchet) in &mut self.targets {
            exchange(ratchet, 1, b"hello");
        }
    }
}
