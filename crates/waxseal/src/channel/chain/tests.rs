use rand::rngs::StdRng;
use rand_core::SeedableRng;
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};

use super::*;
use crate::channel::{Preamble, SessionSealer};
use waxseal_reporting::sender::SealingChannel;

const GROUP: [u8; 32] = [7; 32];
const AD: &[u8] = b"tag and sender";

/// A sender with a session with one recipient.
struct Two {
    rng: StdRng,
    chain: OwnChain,
    sessions: SessionSet,
    bob: IdentityKeyPair,
    prekeys: PreKeys,
    memory: ReplayMemory,
    opened: Option<SessionSet>,
    chains: PeerChains,
    can_seal: bool,
}

impl KeySlots for (&mut SessionSet, bool) {
    fn seal_keys(
        &mut self,
        _: usize,
        keys: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let preamble = Preamble {
            sender: None,
            recipient: None,
            roster: None,
        };
        let mut channel = SessionSealer::with_preamble(self.0, &preamble);
        let sealed = channel.encrypt(keys, associated_data, rng).ok();
        sealed.filter(|_| self.1)
    }
}

impl Two {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let alice = IdentityKeyPair::generate(&mut rng);
        let bob = IdentityKeyPair::generate(&mut rng);
        let prekeys = PreKeys::generate(&bob, &mut rng);
        let upload = prekeys.upload(&bob).unwrap();
        let bundle = PreKeyBundle::decode(&upload.base, None).unwrap();
        let sessions = SessionSet::initiate(&alice, bundle, &mut rng).unwrap();
        Self {
            chain: OwnChain::start(alice.public(), &GROUP, 1, 0, &mut rng),
            chains: PeerChains::new(alice.public(), &GROUP),
            rng,
            sessions,
            bob,
            prekeys,
            memory: ReplayMemory::new(),
            opened: None,
            can_seal: true,
        }
    }

    fn seal(&mut self, text: &[u8]) -> (SealedForGroup, bool) {
        let claims = ChainClaims {
            version: 1,
            state_hash: [1; 32],
            roster: [2; 24],
        };
        let targets = [ChainTarget {
            identity: Some(*self.bob.public()),
            is_blank: false,
        }];
        let mut slots = (&mut self.sessions, self.can_seal);
        let mut channel = ChainSealer::new(&mut self.chain, claims, &targets, &mut slots);
        let sealed = channel.encrypt(text, AD, &mut self.rng).unwrap();
        (sealed, channel.is_incomplete)
    }

    fn open(&mut self, slot: &GroupSlot, body: &[u8]) -> (Option<Vec<u8>>, bool) {
        let session = SessionOpener::new(
            &self.bob,
            &mut self.prekeys,
            &mut self.memory,
            &mut self.opened,
        );
        let mut channel = ChainOpener::new(&mut self.chains, session);
        let ciphertext = match slot {
            GroupSlot::Mac(mac) => GroupCiphertext::Mac { mac, body },
            GroupSlot::Key(keys) => GroupCiphertext::Key { keys, body },
            GroupSlot::Empty => panic!("an empty slot opens nothing"),
        };
        let opened = channel.decrypt(ciphertext, AD, Timestamp::from_millis(5));
        let text = opened.ok().map(|text| text.to_vec());
        assert_eq!(channel.claims.is_some(), text.is_some());
        (text, channel.is_changed)
    }
}

#[test]
fn the_first_message_brings_the_chain_in_the_session_and_the_next_a_mac() {
    let mut two = Two::new();
    let (one, is_incomplete) = two.seal(b"one");
    assert!(!is_incomplete);
    let [GroupSlot::Key(keys)] = one.slots.as_slice() else {
        panic!("no keys");
    };
    let rest = Preamble::split(keys).unwrap().2;
    assert!(rest.len() > 105);
    assert_eq!(two.open(&one.slots[0], &one.body).0.unwrap(), b"one");
    let (two_, _) = two.seal(b"two");
    assert!(matches!(two_.slots[0], GroupSlot::Mac(_)));
    assert_eq!(two.open(&two_.slots[0], &two_.body).0.unwrap(), b"two");
}

#[test]
fn the_preamble_of_a_key_slot_is_authenticated() {
    let mut two = Two::new();
    let (one, _) = two.seal(b"one");
    let GroupSlot::Key(keys) = &one.slots[0] else {
        panic!("no keys");
    };
    for at in [1, 30] {
        let mut altered = keys.clone();
        altered[at] ^= 1;
        let (text, is_changed) = two.open(&GroupSlot::Key(altered), &one.body);
        assert!(text.is_none() && !is_changed);
    }
    assert!(two.open(&one.slots[0], &one.body).0.is_some());
}

#[test]
fn a_session_that_cannot_seal_leaves_the_slot_empty() {
    let mut two = Two::new();
    two.can_seal = false;
    let (one, is_incomplete) = two.seal(b"one");
    assert!(is_incomplete && one.slots[0].is_empty());
}

#[test]
fn a_first_message_with_the_longest_roster_fits_a_key_slot() {
    let mut two = Two::new();
    let preamble = Preamble {
        sender: None,
        recipient: None,
        roster: Some(vec![1; waxseal_roster::limits::MAX_SIGNED_ROSTER_LEN]),
    };
    let mut channel = SessionSealer::with_preamble(&mut two.sessions, &preamble);
    let slot = channel.encrypt(&[0; 105], AD, &mut two.rng).unwrap();
    assert!(slot.len() <= MAX_KEY_SLOT_LEN, "{}", slot.len());
}
