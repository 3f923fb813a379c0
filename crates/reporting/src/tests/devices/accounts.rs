//! Sets up two accounts with two devices each, and their provider.

use std::collections::BTreeMap;

use crate::tests::all::*;
use crate::tests::world::*;

/// The rosters that every message names.
const ROSTER: RosterStamp = RosterStamp {
    epoch: 1,
    version: 2,
};

/// Alice and Bob with two devices each. Every device has channels with every other.
pub(super) struct Devices {
    pub(super) world: World,
    keys: BTreeMap<DeviceAddress, DeliveryKey>,
    pub(super) channels: BTreeMap<(DeviceAddress, DeviceAddress), (ToyChannel, ToyChannel)>,
}

/// A message as it waits for each device that gets it, with its receipt.
pub(super) struct Sent {
    pub(super) queues: BTreeMap<DeviceAddress, StampedEnvelope>,
    pub(super) receipt: Evidence,
    pub(super) message: SentMessage,
}

impl Devices {
    pub(super) fn new() -> Self {
        let mut world = World::new(1);
        let names = [("alice", 1), ("alice", 2), ("bob", 7), ("bob", 8)];
        let all: Vec<DeviceAddress> = names.map(|(name, id)| device(name, id)).into();
        let keys = all
            .iter()
            .map(|one| (one.clone(), DeliveryKey::generate(&mut world.rng)));
        let keys = keys.collect();
        let mut channels = BTreeMap::new();
        for one in &all {
            for other in &all {
                let number = u8::try_from(channels.len()).unwrap();
                let ends = (ToyChannel::new(number), ToyChannel::new(number));
                channels.insert((one.clone(), other.clone()), ends);
            }
        }
        Self {
            world,
            keys,
            channels,
        }
    }

    pub(super) fn key(&self, of: &DeviceAddress) -> DeliveryKey {
        self.keys[of].clone()
    }

    pub(super) fn pass(&mut self) -> Timestamp {
        self.world.now = Timestamp::from_millis(self.world.now.as_millis() + 1_000);
        self.world.now
    }

    /// The devices that get a message of this device to this account.
    pub(super) fn targets(&self, from: &DeviceAddress, to: &AccountId) -> Vec<DeviceAddress> {
        let of_both = |one: &&DeviceAddress| one.account == *to || one.account == from.account;
        let targets = self.keys.keys().filter(of_both).filter(|one| *one != from);
        targets.cloned().collect()
    }

    /// Seals a text for every device but `without`, and posts it as the relay wants it.
    pub(super) fn posted(
        &mut self,
        from: &DeviceAddress,
        to: &str,
        without: Option<&DeviceAddress>,
    ) -> (Vec<u8>, SentMessage) {
        let to = account(to);
        let conversation = ConversationId::direct(&from.account, &to);
        let header = PayloadHeader::new(self.world.now.as_millis(), self.world.now);
        let payload = Payload::text(header, "hi").unwrap();
        let sent = SentMessage::commit(from, &conversation, &payload, &mut self.world.rng);
        let peer = if to == from.account {
            RosterStamp::default()
        } else {
            ROSTER
        };
        let mut fanout = Fanout::new(*sent.tag(), ROSTER, peer);
        for target in self.targets(from, &to) {
            let channel = self
                .channels
                .get_mut(&(from.clone(), target.clone()))
                .unwrap();
            let envelope = (without != Some(&target))
                .then(|| sent.seal_for(&mut channel.0, &mut self.world.rng).unwrap());
            let own = target.account == from.account;
            fanout.insert(own, target.device, envelope).unwrap();
        }
        let fanout = Fanout::decode(&fanout.encode()).unwrap();
        let key = self.key(from);
        let posted = fanout.post(&key, from, &Audience::Direct(to), self.world.now);
        (posted, sent)
    }

    /// Sends a text to every device but `without`, which gets an empty slot.
    pub(super) fn says_without(
        &mut self,
        from: &DeviceAddress,
        to: &str,
        without: Option<&DeviceAddress>,
    ) -> Sent {
        let now = self.pass();
        let (posted, message) = self.posted(from, to, without);
        let (key, audience) = (self.key(from), Audience::Direct(account(to)));
        let fanout = PostedFanout::decode(&posted).unwrap();
        let fanout = fanout.authenticate(&key, from, &audience, now).unwrap();
        let claim = self.world.stamp_keys.stamp(&fanout, now).unwrap();
        let queues = StampedEnvelope::fan_out(claim.clone(), fanout).unwrap();
        let queues = queues.into_iter().map(|(target, stamped)| {
            let stamped = StampedEnvelope::decode(&stamped.encode()).unwrap();
            (target, stamped)
        });
        let queues = queues.collect();
        let receipt = Receipt::new(&claim, &key)
            .authenticate(&key, &message)
            .unwrap();
        Sent {
            queues,
            receipt,
            message,
        }
    }

    pub(super) fn says(&mut self, from: &DeviceAddress, to: &str) -> Sent {
        self.says_without(from, to, None)
    }

    pub(super) fn delivered(
        &self,
        stamped: &StampedEnvelope,
        to: &DeviceAddress,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        let key = self.key(to);
        let delivery = Delivery::decode(&stamped.deliver(&key).encode()).unwrap();
        delivery.authenticate(&key, to)
    }

    pub(super) fn open(
        &mut self,
        sent: &Sent,
        to: &DeviceAddress,
    ) -> Result<OpenedMessage, OpenError<ToyError>> {
        let delivery = self.delivered(&sent.queues[to], to).unwrap();
        self.open_delivery(&delivery, to)
    }

    pub(super) fn open_delivery(
        &mut self,
        delivery: &AuthenticDelivery,
        to: &DeviceAddress,
    ) -> Result<OpenedMessage, OpenError<ToyError>> {
        let from = delivery.claim().context().sender.clone();
        let channel = self.channels.get_mut(&(from, to.clone())).unwrap();
        open(&mut channel.1, delivery)
    }

    /// The nullifiers of a report that a device makes of these messages, if the intake accepts it
    /// and the review verifies it.
    pub(super) fn report(
        &mut self,
        reporter: &DeviceAddress,
        messages: &[&Evidence],
    ) -> (Vec<Nullifier>, VerifiedReport) {
        let mut draft = ReportDraft::new(reporter.clone(), Reason::Scam);
        for evidence in messages {
            draft.add(evidence, Disclosure::Whole).unwrap();
        }
        let (key, moderation) = (self.key(reporter), self.world.moderation.public_key());
        let report = draft.seal(&key, moderation, &mut self.world.rng).unwrap();
        let report = Report::decode(&report.encode()).unwrap();
        let examined = examine(report, &self.world.stamp_keys, &key, self.world.now).unwrap();
        let nullifiers = examined.nullifiers();
        assert!(examined.memberships().is_empty());
        let accepted = examined
            .accept(ID, &vec![false; nullifiers.len()], &[])
            .unwrap();
        let queued = accepted.encode(&self.world.acceptance_key);
        let unsealed = self.world.vault().open(&ID, &queued).unwrap();
        (nullifiers, review(unsealed).unwrap())
    }
}
