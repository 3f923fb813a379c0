//! The variants "ratchet" and "franked": a chain of `waxseal-core` whose keys travel in sessions,
//! alone or with one commitment and one stamp.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use rand_core::CryptoRng;
use waxseal::{DeviceAddress, DeviceId, SessionOpener};
use waxseal_core::errors::{ChainOpenError, ChainSealError, DecryptError};
use waxseal_core::{ChainClaims, ChainKeys, ChainSlot, OwnChain, PeerChains, SessionSet};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{
    GroupCiphertext, OpeningChannel, OpeningGroupChannel, open_in_group,
};
use waxseal_reporting::relay::{Delivery, GroupSlot, PostedGroup, Receipt, StampedGroup};
use waxseal_reporting::sender::{GroupStamp, SealedForGroup, SealingGroupChannel, SentMessage};
use waxseal_reporting::{ConversationId, Timestamp};
use waxseal_world::{Device, NOW, Provider, account};
use zeroize::Zeroizing;

use super::crowd::{DEVICES, MAX_STRANGERS};
use super::{Circle, Crowd, Parts};
use crate::systems::franked::text;
use crate::systems::ratchet::bundle_len;

/// The group for which the chain is.
const GROUP: [u8; 32] = [9; 32];

const CLAIMS: ChainClaims = ChainClaims {
    version: 1,
    state_hash: [1; 32],
    roster: [2; 24],
};

const STAMP: GroupStamp = GroupStamp {
    version: 1,
    state_hash: [1; 32],
    targets_digest: [3; 32],
};

/// Associated data of messages that are not franked.
const AD: &[u8] = &[4; 32];

/// A chain of the writer, and what the reader has of it.
pub struct Chains {
    crowd: Rc<RefCell<Crowd>>,
    chain: OwnChain,
    peer: PeerChains,
    /// The writer's sessions with devices that it did not know before.
    started: Option<Vec<SessionSet>>,
    /// The reader's sessions with the writer that knew nobody.
    accepted: Option<SessionSet>,
    is_first: bool,
    provider: Option<Provider>,
    writer: DeviceAddress,
    targets: Vec<DeviceAddress>,
    sequence: u64,
}

impl Chains {
    /// The writer and the reader of a crowd. If messages are `franked`, they go through a provider.
    #[must_use]
    pub fn new(crowd: &Rc<RefCell<Crowd>>, franked: bool) -> Self {
        let owner = *crowd.borrow().writer.identity.public();
        let members = crowd.borrow().members();
        let all = (0..members).flat_map(|member| {
            let account = account(&format!("member-{member:04}"));
            let devices = 1..=DEVICES as u32;
            devices.map(move |device| DeviceAddress::new(account.clone(), DeviceId(device)))
        });
        let mut targets: Vec<_> = all.collect();
        let writer = targets.pop().expect("at least two accounts");
        let provider = franked.then(|| {
            let mut provider = Provider::new(7);
            for device in targets.iter().chain([&writer]) {
                provider.register_device(device);
            }
            provider
        });
        let mut chains = Self {
            chain: OwnChain::start(&owner, &GROUP, 1, 0, &mut crowd.borrow_mut().rng),
            peer: PeerChains::new(&owner, &GROUP),
            crowd: crowd.clone(),
            started: None,
            accepted: None,
            is_first: false,
            provider,
            writer,
            targets,
            sequence: 0,
        };
        let sent = chains.renew(b"hello");
        let arrived = chains.relay(sent);
        assert!(chains.open(&arrived), "a genuine message opens");
        chains
    }

    /// Does all that a relay does with a franked message, apart from what it looks up: decodes it,
    /// checks its MAC, stamps it, and makes all deliveries and the receipt with their MACs. Returns
    /// the length of what it makes.
    ///
    /// # Panics
    /// If the variant is not "franked", or the message is not genuine.
    #[must_use]
    pub fn relay_to_all(&self, posted: &[u8]) -> usize {
        let provider = self.provider.as_ref().expect("a provider");
        let (stamped, slots) = self.stamp(provider, posted);
        let receipt = Receipt::new(stamped.claim(), &provider.key(&self.writer));
        let deliveries = slots.iter().map(|(device, slot)| {
            let delivery = stamped.deliver(slot, &provider.key(device));
            delivery.encode().len()
        });
        deliveries.sum::<usize>() + receipt.encode().len()
    }

    fn stamp(
        &self,
        provider: &Provider,
        posted: &[u8],
    ) -> (StampedGroup, Vec<(DeviceAddress, GroupSlot)>) {
        let posted = PostedGroup::decode(posted).expect("an envelope");
        let key = provider.key(&self.writer);
        let authentic = posted.authenticate(&key, &self.writer, NOW);
        let authentic = authentic.expect("the writer posted it");
        let targeted = authentic.for_targets(self.targets.clone(), &STAMP.targets_digest);
        let targeted = targeted.expect("its targets");
        let claim = provider.stamp_keys.stamp_group(&targeted, NOW);
        StampedGroup::fan_out(claim.expect("stamps"), targeted).expect("fans out")
    }

    fn send(&mut self, plaintext: &[u8]) -> Parts {
        let crowd = &mut *self.crowd.borrow_mut();
        let sessions = self.started.as_mut().unwrap_or(&mut crowd.sessions);
        let mut channel = Sealer {
            chain: &mut self.chain,
            identities: &crowd.identities,
            sessions,
        };
        let Some(provider) = &mut self.provider else {
            let sealed = channel.encrypt(plaintext, AD, &mut crowd.rng);
            let sealed = sealed.expect("seals");
            let mut parts = vec![sealed.body];
            parts.extend(sealed.slots.into_iter().map(|slot| match slot {
                GroupSlot::Mac(mac) => mac.to_vec(),
                GroupSlot::Key(keys) => keys,
                GroupSlot::Empty => Vec::new(),
            }));
            return parts;
        };
        self.sequence += 1;
        let header = PayloadHeader::new(self.sequence, NOW);
        let payload = Payload::text(header, text(plaintext.len())).expect("within the limit");
        let group = ConversationId::from_bytes(GROUP);
        let sent = SentMessage::commit(&self.writer, &group, &payload, &mut crowd.rng);
        let fanout = sent.seal_for_group(&mut channel, STAMP, &mut crowd.rng);
        let key = provider.key(&self.writer);
        vec![fanout.expect("seals").post(&key, &self.writer, NOW)]
    }
}

impl Circle for Chains {
    fn seal(&mut self, plaintext: &[u8]) -> Parts {
        self.send(plaintext)
    }

    fn renew(&mut self, plaintext: &[u8]) -> Parts {
        (self.started, self.is_first) = (None, false);
        let next = self.chain.next(0, &mut self.crowd.borrow_mut().rng);
        self.chain = next.expect("there are numbers left");
        self.send(plaintext)
    }

    fn can_begin(&self) -> bool {
        self.provider.is_none() || self.targets.len() <= MAX_STRANGERS
    }

    fn forget(&mut self) -> usize {
        (self.started, self.accepted, self.is_first) = (None, None, true);
        self.crowd.borrow().bundles.iter().map(bundle_len).sum()
    }

    fn begin(&mut self, plaintext: &[u8]) -> Parts {
        self.started = Some(self.crowd.borrow_mut().start_all());
        let next = self.chain.next(0, &mut self.crowd.borrow_mut().rng);
        self.chain = next.expect("there are numbers left");
        self.send(plaintext)
    }

    fn relay(&mut self, mut sent: Parts) -> Parts {
        let Some(provider) = &self.provider else {
            sent.truncate(2); // the body, and the reader's slot
            return sent;
        };
        let (stamped, slots) = self.stamp(provider, &sent[0]);
        let (reader, slot) = &slots[0];
        let delivery = stamped.deliver(slot, &provider.key(reader));
        vec![delivery.encode()]
    }

    fn open(&mut self, arrived: &[Vec<u8>]) -> bool {
        let crowd = &mut *self.crowd.borrow_mut();
        let before = self
            .is_first
            .then(|| mem::replace(&mut crowd.reader.sessions, self.accepted.take()));
        let mut channel = Opener {
            chains: &mut self.peer,
            reader: &mut crowd.reader,
        };
        let is_open = match &self.provider {
            None => {
                let (body, slot) = (&arrived[0], &arrived[1]);
                let ciphertext = match slot.as_slice().try_into() {
                    Ok(mac) => GroupCiphertext::Mac { mac, body },
                    Err(_) => GroupCiphertext::Key { keys: slot, body },
                };
                channel.decrypt(ciphertext, AD, NOW).is_ok()
            }
            Some(provider) => {
                let reader = &self.targets[0];
                let delivery = Delivery::decode(&arrived[0]).expect("a delivery");
                let delivery =
                    delivery.authenticate_in_groups(&provider.key(reader), reader, |_| true);
                delivery.is_ok_and(|delivery| open_in_group(&mut channel, &delivery).is_ok())
            }
        };
        if let Some(before) = before {
            self.accepted = mem::replace(&mut crowd.reader.sessions, before);
        }
        is_open
    }
}

/// The channel of the writer.
struct Sealer<'a> {
    chain: &'a mut OwnChain,
    identities: &'a [waxseal_core::IdentityKey],
    sessions: &'a mut [SessionSet],
}

impl SealingGroupChannel for Sealer<'_> {
    type Error = ChainSealError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, ChainSealError> {
        let sealed = self
            .chain
            .seal(&CLAIMS, plaintext, associated_data, self.identities)?;
        let keys_ad = ChainKeys::associated_data(&sealed.body, associated_data);
        let slots = sealed.slots.into_iter().zip(&mut *self.sessions);
        let slots = slots.map(|(slot, sessions)| match slot {
            ChainSlot::Mac(mac) => GroupSlot::Mac(mac),
            ChainSlot::Key(keys) => {
                let sealed = sessions.encrypt(&keys.encode(), &keys_ad, rng);
                GroupSlot::Key(sealed.expect("a session"))
            }
        });
        Ok(SealedForGroup {
            slots: slots.collect(),
            body: sealed.body,
        })
    }
}

/// The channel of the reader.
struct Opener<'a> {
    chains: &'a mut PeerChains,
    reader: &'a mut Device,
}

/// Why a message did not open.
#[derive(Debug)]
enum OpenError {
    Chain,
    Session,
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Chain => "the chain refused",
            Self::Session => "the session refused",
        })
    }
}

impl std::error::Error for OpenError {}

impl From<ChainOpenError> for OpenError {
    fn from(_: ChainOpenError) -> Self {
        Self::Chain
    }
}

impl From<DecryptError> for OpenError {
    fn from(_: DecryptError) -> Self {
        Self::Session
    }
}

impl OpeningGroupChannel for Opener<'_> {
    type Error = OpenError;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        associated_data: &[u8],
        accepted_at: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (chains, at_ms) = (&mut *self.chains, accepted_at.as_millis());
        let opened = match ciphertext {
            GroupCiphertext::Mac { mac, body } => chains.open(body, mac, associated_data, at_ms)?,
            GroupCiphertext::Key { keys, body } => {
                let keys_ad = ChainKeys::associated_data(body, associated_data);
                let Device {
                    identity,
                    prekeys,
                    memory,
                    sessions,
                    ..
                } = &mut *self.reader;
                let mut session = SessionOpener::new(identity, prekeys, memory, sessions);
                let keys = session.decrypt(keys, &keys_ad)?;
                let keys = ChainKeys::decode(&keys).map_err(ChainOpenError::from)?;
                chains.open_with_keys(body, keys, associated_data, at_ms)?
            }
            GroupCiphertext::Pairwise(_) => return Err(OpenError::Session),
        };
        Ok(opened.plaintext)
    }
}
