//! A device without a client, which has sessions with devices of a group and sends on a chain what
//! no client would.

use std::collections::BTreeMap;

use waxseal::core::{ChainKeys, ChainSlot, OwnChain, SessionSet};
use waxseal::reporting::relay::GroupSlot;
use waxseal::reporting::sender::SealingChannel as _;
use waxseal::{DeviceAddress, FrankingTag};
use waxseal_roster::group::{GroupOp, Role};
use waxseal_world::{BareDevice, QueuedGroup, account};

use super::thief::{Committed, claims, identity, stamped};
use crate::support::first;
use crate::talk::Talk;

/// Mallory's device.
pub(super) struct Fellow {
    pub(super) device: BareDevice,
    sessions: BTreeMap<String, SessionSet>,
    pub(super) chain: OwnChain,
}

/// A message of hers before it is stamped.
pub(super) struct Made {
    pub(super) tag: FrankingTag,
    pub(super) body: Vec<u8>,
    pub(super) slot: GroupSlot,
    /// The keys in the slot, if it is a key slot.
    pub(super) keys: Option<Vec<u8>>,
}

impl Fellow {
    /// Mallory is no member. All others have her roster.
    pub(super) fn stranger(talk: &mut Talk) -> Self {
        let device = BareDevice::new(&mut talk.net.world, "mallory");
        let names: Vec<_> = talk.net.clients.keys().cloned().collect();
        let mut sessions = BTreeMap::new();
        for other in names {
            let name = other.account.as_str();
            sessions.insert(name.to_owned(), device.initiate(&mut talk.net.world, name));
            let client = talk.net.clients.get_mut(&other).unwrap();
            talk.net.world.show_roster(client, &account("mallory"));
        }
        let (owner, group, now) = (device.identity.public(), talk.group, talk.net.world.now);
        let rng = &mut talk.net.world.rng;
        let chain = OwnChain::start(owner, &group.to_bytes(), 1, now.as_millis(), rng);
        Self {
            device,
            sessions,
            chain,
        }
    }

    /// Mallory is a member, whom Alice added.
    pub(super) fn member(talk: &mut Talk) -> Self {
        let mallory = Self::stranger(talk);
        let (group, alice) = (talk.group, first("alice"));
        let seed = talk.net.seed(&alice, &group).unwrap();
        let key = mallory.device.account_key.public();
        let add = [GroupOp::add("mallory", Role::Member, key)];
        let entry = talk.net.forge(&seed, &group, "alice", &add);
        talk.net.world.post_entry(&alice, &entry.encode()).unwrap();
        let devices: Vec<_> = talk.net.clients.keys().cloned().collect();
        for device in devices {
            talk.net.fetch(&device, &group);
            talk.prepare(&device);
        }
        mallory
    }

    pub(super) fn me(&self) -> &DeviceAddress {
        &self.device.me
    }

    /// A slot that carries these bytes to a device, as the keys of a body.
    pub(super) fn key_slot(
        &mut self,
        talk: &mut Talk,
        to: &str,
        keys: &[u8],
        (body, associated_data): (&[u8], &[u8]),
    ) -> GroupSlot {
        let sessions = self.sessions.get_mut(to).unwrap();
        let data = ChainKeys::associated_data(body, associated_data);
        let mut channel = self.device.channel(sessions);
        let sealed = channel.encrypt(keys, &data, &mut talk.net.world.rng);
        GroupSlot::Key(sealed.unwrap())
    }

    /// A message of the session with a device, under any associated data, in the place of a slot.
    pub(super) fn direct(
        &mut self,
        talk: &mut Talk,
        to: &str,
        plaintext: &[u8],
        associated_data: &[u8],
    ) -> GroupSlot {
        let sessions = self.sessions.get_mut(to).unwrap();
        let mut channel = self.device.channel(sessions);
        let sealed = channel.encrypt(plaintext, associated_data, &mut talk.net.world.rng);
        GroupSlot::Key(sealed.unwrap())
    }

    /// Seals a text on the chain for a device, which gets the chain with the first one.
    pub(super) fn seal(&mut self, talk: &mut Talk, to: &str, text: &str) -> Made {
        let committed = Committed::new(talk, &self.device.me, text);
        self.seal_committed(talk, to, &committed)
    }

    pub(super) fn seal_committed(
        &mut self,
        talk: &mut Talk,
        to: &str,
        committed: &Committed,
    ) -> Made {
        let (claims, of) = (claims(talk), identity(talk, &first(to)));
        let (plaintext, data) = (&committed.plaintext, &committed.associated_data);
        let sealed = self.chain.seal(&claims, plaintext, data, [&of]).unwrap();
        let mut keys = None;
        let slot = match sealed.slots.into_iter().next().unwrap() {
            ChainSlot::Mac(mac) => GroupSlot::Mac(mac),
            ChainSlot::Key(given) => {
                let given = given.encode().to_vec();
                let slot = self.key_slot(talk, to, &given, (&sealed.body, data));
                keys = Some(given);
                slot
            }
        };
        Made {
            tag: committed.tag,
            body: sealed.body,
            slot,
            keys,
        }
    }

    /// Begins the next chain.
    pub(super) fn renew(&mut self, talk: &mut Talk) {
        let now = talk.net.world.now.as_millis();
        self.chain = self.chain.next(now, &mut talk.net.world.rng).unwrap();
    }

    /// What the relay makes of a message, now.
    pub(super) fn post(&self, talk: &Talk, made: &Made) -> QueuedGroup {
        let (of, at) = ((self.me(), &made.tag), talk.net.world.now);
        stamped(talk, of, &made.body, made.slot.clone(), at)
    }

    /// The chain at message `n`, as if nothing had been sealed since.
    pub(super) fn chain_at(&mut self, talk: &Talk, n: u32, key: &[u8; 32], to: &str) -> OwnChain {
        let mut state = self.chain.export().state.to_vec();
        state[109..141].copy_from_slice(key);
        state[205..209].copy_from_slice(&n.to_be_bytes());
        // At its start, nobody has it.
        let count = u32::from(n != 0).to_be_bytes();
        state[209..213].copy_from_slice(&count);
        let number = self.chain.number().to_be_bytes();
        let mut list = [&[1], &number[..], &count].concat();
        if n != 0 {
            list.extend(identity(talk, &first(to)).to_bytes());
            list.extend([0; 4]);
        }
        OwnChain::import(&state, &list).unwrap()
    }

    /// The key of the next message, and its number.
    pub(super) fn next_key(&mut self) -> ([u8; 32], u32) {
        let state = self.chain.export().state;
        let n = u32::from_be_bytes(*state[205..209].first_chunk().unwrap());
        (*state[109..141].first_chunk().unwrap(), n)
    }
}
