//! Sets up a group of three accounts, their provider, and a toy channel to a group.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::mac;
use crate::tests::all::*;
use crate::tests::world::*;

/// The group's state and devices, as every message names them.
pub(super) const STAMP: GroupStamp = GroupStamp {
    version: 3,
    state_hash: [5; 32],
    targets_digest: [6; 32],
};

/// What the sender of a chain and one recipient share, besides the chain.
type AuthKey = [u8; 32];

/// The MAC slot of one recipient, over body and associated data.
pub(super) fn mac_slot(key: &AuthKey, body: &[u8], associated_data: &[u8]) -> [u8; 16] {
    let digests = [Sha256::digest(body), Sha256::digest(associated_data)].concat();
    *mac::hmac(key, &[b"toy", &digests]).first_chunk().unwrap()
}

/// What binds a key slot to its body.
pub(super) fn slot_data(body: &[u8], associated_data: &[u8]) -> Vec<u8> {
    [&Sha256::digest(body)[..], associated_data].concat()
}

/// A chain in one piece: a toy channel for bodies. Its sender has a key with each recipient.
pub(super) struct ToyChain {
    pub(super) channel: ToyChannel,
    pub(super) with: BTreeMap<DeviceAddress, AuthKey>,
}

/// The sending half for one message.
pub(super) struct Sending<'a> {
    chain: &'a mut ToyChain,
    channels: &'a mut Channels,
    from: &'a DeviceAddress,
    targets: &'a [DeviceAddress],
    without: Option<&'a DeviceAddress>,
}

impl SealingGroupChannel for Sending<'_> {
    type Error = ToyError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, ToyError> {
        let before = self.chain.channel.next;
        let body = self
            .chain
            .channel
            .encrypt(plaintext, associated_data, rng)?;
        let mut slots = Vec::new();
        for target in self.targets {
            if self.without == Some(target) {
                slots.push(GroupSlot::Empty);
                continue;
            }
            if let Some(key) = self.chain.with.get(target) {
                slots.push(GroupSlot::Mac(mac_slot(key, &body, associated_data)));
                continue;
            }
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            let keys = [&self.chain.channel.key[..], &before.to_be_bytes(), &key].concat();
            let ends = self.channels.get_mut(&(self.from.clone(), target.clone()));
            let data = slot_data(&body, associated_data);
            slots.push(GroupSlot::Key(ends.unwrap().0.encrypt(&keys, &data, rng)?));
            self.chain.with.insert(target.clone(), key);
        }
        Ok(SealedForGroup { body, slots })
    }
}

/// The receiving half: the pairwise channel from the sending device, and its chain if it came.
pub(super) struct Receiving<'a> {
    pub(super) pairwise: &'a mut ToyChannel,
    pub(super) chain: &'a mut Option<(ToyChannel, AuthKey)>,
}

impl OpeningGroupChannel for Receiving<'_> {
    type Error = ToyError;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        associated_data: &[u8],
        _: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, ToyError> {
        match ciphertext {
            GroupCiphertext::Mac { mac, body } => {
                let (channel, key) = self.chain.as_mut().ok_or(ToyError)?;
                if mac_slot(key, body, associated_data) != *mac {
                    return Err(ToyError);
                }
                channel.decrypt(body, associated_data)
            }
            GroupCiphertext::Key { keys, body } => {
                let mut pairwise = self.pairwise.clone();
                let keys = pairwise.decrypt(keys, &slot_data(body, associated_data))?;
                let (key, rest) = keys.split_first_chunk().ok_or(ToyError)?;
                let (next, auth) = rest.split_first_chunk().ok_or(ToyError)?;
                let mut channel = ToyChannel {
                    key: *key,
                    next: u64::from_be_bytes(*next),
                };
                let plaintext = channel.decrypt(body, associated_data)?;
                let auth = auth.try_into().map_err(|_| ToyError)?;
                *self.pairwise = pairwise;
                *self.chain = Some((channel, auth));
                Ok(plaintext)
            }
            GroupCiphertext::Pairwise(ciphertext) => {
                self.pairwise.decrypt(ciphertext, associated_data)
            }
        }
    }
}

type Channels = BTreeMap<(DeviceAddress, DeviceAddress), (ToyChannel, ToyChannel)>;

/// Alice, Bob and Carol in a group. Alice and Bob have two devices, and Carol has one.
pub(super) struct Members {
    pub(super) world: World,
    pub(super) group: ConversationId,
    pub(super) channels: Channels,
    pub(super) chains: BTreeMap<DeviceAddress, ToyChain>,
    /// By sending and by receiving device.
    pub(super) received: BTreeMap<(DeviceAddress, DeviceAddress), Option<(ToyChannel, AuthKey)>>,
    keys: BTreeMap<DeviceAddress, DeliveryKey>,
    /// Who is in the group, from when on and until when.
    pub(super) membership: BTreeMap<AccountId, (u64, u64)>,
}

/// What the relay keeps of a message, and the message with its receipt.
pub(super) struct Posted {
    pub(super) kept: StampedGroup,
    pub(super) slots: BTreeMap<DeviceAddress, GroupSlot>,
    pub(super) receipt: Evidence,
    pub(super) message: SentMessage,
}

impl Members {
    pub(super) fn new() -> Self {
        let mut world = World::new(3);
        let names = [
            ("alice", 1),
            ("alice", 2),
            ("bob", 7),
            ("bob", 8),
            ("carol", 1),
        ];
        let all: Vec<DeviceAddress> = names.map(|(name, id)| device(name, id)).into();
        let mut channels = Channels::new();
        let (mut chains, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for (number, one) in (100..).zip(&all) {
            for other in &all {
                let number = u8::try_from(channels.len()).unwrap();
                let ends = (ToyChannel::new(number), ToyChannel::new(number));
                channels.insert((one.clone(), other.clone()), ends);
            }
            let (channel, with) = (ToyChannel::new(number), BTreeMap::new());
            chains.insert(one.clone(), ToyChain { channel, with });
            keys.insert(one.clone(), DeliveryKey::generate(&mut world.rng));
        }
        let accounts = all.iter().map(|one| (one.account.clone(), (0, u64::MAX)));
        Self {
            membership: accounts.collect(),
            world,
            group: ConversationId::group(b"authority"),
            channels,
            chains,
            received: BTreeMap::new(),
            keys,
        }
    }

    pub(super) fn key(&self, of: &DeviceAddress) -> DeliveryKey {
        self.keys[of].clone()
    }

    pub(super) fn pass(&mut self) -> Timestamp {
        self.world.now = Timestamp::from_millis(self.world.now.as_millis() + 1_000);
        self.world.now
    }

    pub(super) fn is_member(&self, group: &ConversationId, who: &AccountId, at: Timestamp) -> bool {
        let interval = self.membership.get(who);
        *group == self.group
            && interval.is_some_and(|(from, to)| (*from..*to).contains(&at.as_millis()))
    }

    /// The devices that get a message of this device: those of all accounts, except itself.
    pub(super) fn targets(&self, from: &DeviceAddress) -> Vec<DeviceAddress> {
        self.keys
            .keys()
            .filter(|one| *one != from)
            .cloned()
            .collect()
    }

    pub(super) fn payload(&self, content: Content) -> Payload {
        let header = PayloadHeader::new(self.world.now.as_millis(), self.world.now);
        Payload::new(header, content).unwrap()
    }

    /// Seals for all devices, with an empty slot for `without`.
    pub(super) fn seal<T>(
        &mut self,
        from: &DeviceAddress,
        without: Option<&DeviceAddress>,
        seal: impl FnOnce(&mut Sending<'_>, &mut rand_chacha::ChaCha20Rng) -> T,
    ) -> T {
        let targets = self.targets(from);
        let mut sending = Sending {
            chain: self.chains.get_mut(from).unwrap(),
            channels: &mut self.channels,
            from,
            targets: &targets,
            without,
        };
        seal(&mut sending, &mut self.world.rng)
    }

    /// Posts a fanout, as the relay takes and stamps it.
    pub(super) fn post(
        &mut self,
        from: &DeviceAddress,
        fanout: &GroupFanout,
    ) -> (StampedGroup, BTreeMap<DeviceAddress, GroupSlot>) {
        let fanout = GroupFanout::decode(&fanout.encode()).unwrap();
        let (now, key) = (self.world.now, self.key(from));
        let posted = PostedGroup::decode(&fanout.post(&key, from, now)).unwrap();
        assert_eq!(posted.group(), &self.group);
        let posted = posted.authenticate(&key, from, now).unwrap();
        let targeted = posted
            .for_targets(self.targets(from), &STAMP.targets_digest)
            .unwrap();
        let claim = self.world.stamp_keys.stamp_group(&targeted, now).unwrap();
        let (kept, slots) = StampedGroup::fan_out(claim, targeted).unwrap();
        (
            StampedGroup::decode(&kept.encode()).unwrap(),
            slots.into_iter().collect(),
        )
    }

    pub(super) fn says_without(
        &mut self,
        from: &DeviceAddress,
        content: Content,
        without: Option<&DeviceAddress>,
    ) -> Posted {
        self.pass();
        let (payload, group) = (self.payload(content), self.group);
        let message = SentMessage::commit(from, &group, &payload, &mut self.world.rng);
        let fanout = self.seal(from, without, |channel, rng| {
            message.seal_for_group(channel, STAMP, rng).unwrap()
        });
        assert_eq!((fanout.tag(), fanout.group()), (message.tag(), &group));
        let (kept, slots) = self.post(from, &fanout);
        let key = self.key(from);
        let receipt = Receipt::new(kept.claim(), &key);
        let receipt = receipt.authenticate(&key, &message).unwrap();
        Posted {
            kept,
            slots,
            receipt,
            message,
        }
    }

    pub(super) fn says(&mut self, from: &DeviceAddress, text: &str) -> Posted {
        self.says_without(from, Content::Text(text.into()), None)
    }

    /// The delivery of a kept message, with the slot of this or of another device.
    pub(super) fn delivered(
        &self,
        kept: &StampedGroup,
        slot: &GroupSlot,
        to: &DeviceAddress,
    ) -> Result<AuthenticDelivery, DeliveryError> {
        let key = self.key(to);
        let delivery = Delivery::decode(&kept.deliver(slot, &key).encode()).unwrap();
        delivery.authenticate_in_groups(&key, to, |group| *group == self.group)
    }

    /// The receiving half of `to` for messages of `from`.
    pub(super) fn receiving(&mut self, from: &DeviceAddress, to: &DeviceAddress) -> Receiving<'_> {
        let pair = (from.clone(), to.clone());
        Receiving {
            pairwise: &mut self.channels.get_mut(&pair).unwrap().1,
            chain: self.received.entry(pair).or_default(),
        }
    }

    pub(super) fn open(
        &mut self,
        delivery: &AuthenticDelivery,
        to: &DeviceAddress,
    ) -> Result<OpenedMessage, OpenError<ToyError>> {
        let from = delivery.claim().context().sender.clone();
        open_in_group(&mut self.receiving(&from, to), delivery)
    }

    pub(super) fn opens(
        &mut self,
        posted: &Posted,
        to: &DeviceAddress,
    ) -> Result<OpenedMessage, OpenError<ToyError>> {
        let delivery = self.delivered(&posted.kept, &posted.slots[to], to).unwrap();
        self.open(&delivery, to)
    }

    /// A report that a device makes of these messages.
    pub(super) fn report(&mut self, reporter: &DeviceAddress, messages: &[&Evidence]) -> Report {
        let mut draft = ReportDraft::new(reporter.clone(), Reason::Spam);
        for evidence in messages {
            draft.add(evidence, Disclosure::Whole).unwrap();
        }
        let (key, moderation) = (self.key(reporter), self.world.moderation.public_key());
        let report = draft.seal(&key, moderation, &mut self.world.rng).unwrap();
        Report::decode(&report.encode()).unwrap()
    }

    /// Examines a report as the intake does, which asks the relay for memberships.
    pub(super) fn accept(&self, report: Report) -> Result<VerifiedReport, Rejection> {
        let (key, now) = (self.key(report.reporter()), self.world.now);
        let examined = examine(report, &self.world.stamp_keys, &key, now)?;
        let asked = examined.memberships();
        let members: Vec<bool> = asked
            .iter()
            .map(|one| self.is_member(&one.group, &one.member.account, one.at))
            .collect();
        let known = vec![false; examined.nullifiers().len()];
        let accepted = match examined.accept(ID, &known, &members) {
            Ok(accepted) => accepted,
            Err(AcceptError::Rejected(rejection)) => return Err(rejection),
            Err(error) => panic!("{error}"),
        };
        let queued = accepted.encode(&self.world.acceptance_key);
        review(self.world.vault().open(&ID, &queued).unwrap())
    }
}
