//! Two devices over a network that loses and sends again, duplicates, delays and reorders, with starts at any time and storage
//! round trips at any point: each message opens exactly once, and in the end both send on the same session.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use waxseal_core::{DecryptError, IdentityKeyPair, PreKeyBundle, PreKeys, Sessions};

struct Device {
    identity: IdentityKeyPair,
    prekeys: PreKeys,
    one_time: Vec<Vec<u8>>,
    sessions: Option<Sessions>,
    /// How often each text was opened.
    opened: BTreeMap<u32, u32>,
    starts: usize,
}

struct World {
    devices: [Device; 2],
    /// On their way: recipient, text, bytes.
    flying: Vec<(usize, u32, Vec<u8>)>,
    /// Delivered before, and may come again.
    delivered: Vec<(usize, u32, Vec<u8>)>,
    sent: [u32; 2],
    rng: ChaCha20Rng,
}

#[derive(Debug, Clone)]
enum Step {
    /// Starts a session, again if there is one.
    Start(usize),
    Send(usize),
    /// Delivers any message that is on its way: this delays, reorders, and stands for sending again after a loss.
    Deliver(usize),
    Duplicate(usize),
    /// Stores and loads everything.
    Restart(usize),
    /// Delivers an altered message.
    Corrupt(usize, usize),
}

/// Fewer than the sessions that are held, so that none that is still needed gives way.
const MAX_STARTS: usize = 2;

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let devices = [0, 1].map(|_| {
            let identity = IdentityKeyPair::generate(&mut rng);
            let mut prekeys = PreKeys::generate(&identity, &mut rng);
            let one_time = prekeys.replenish(&identity, 1, &mut rng).unwrap();
            Device {
                identity,
                prekeys,
                one_time,
                sessions: None,
                opened: BTreeMap::new(),
                starts: 0,
            }
        });
        Self {
            devices,
            flying: Vec::new(),
            delivered: Vec::new(),
            sent: [0; 2],
            rng,
        }
    }

    fn start(&mut self, who: usize) {
        if self.devices[who].starts == MAX_STARTS {
            return;
        }
        let peer = &mut self.devices[1 - who];
        // The first start takes the one-time set, the second one the last-resort key.
        let one_time = peer.one_time.pop();
        let base = peer.prekeys.upload(&peer.identity).unwrap().base;
        let bundle = PreKeyBundle::decode(&base, one_time.as_deref()).unwrap();
        let device = &mut self.devices[who];
        device.starts += 1;
        match &mut device.sessions {
            Some(sessions) => sessions
                .add_initiated(&device.identity, bundle, &mut self.rng)
                .unwrap(),
            None => {
                device.sessions =
                    Some(Sessions::initiate(&device.identity, bundle, &mut self.rng).unwrap())
            }
        }
    }

    fn send(&mut self, who: usize) {
        if self.devices[who].sessions.is_none() {
            self.start(who);
        }
        let text = self.sent[who];
        self.sent[who] += 1;
        if let Some(sessions) = &mut self.devices[who].sessions {
            let bytes = sessions
                .encrypt(&text.to_be_bytes(), b"ad", &mut self.rng)
                .unwrap();
            self.flying.push((1 - who, text, bytes));
        }
    }

    fn receive(&mut self, who: usize, bytes: &[u8]) -> Result<Vec<u8>, DecryptError> {
        let device = &mut self.devices[who];
        match &mut device.sessions {
            Some(sessions) => sessions
                .decrypt(&device.identity, &mut device.prekeys, bytes, b"ad")
                .map(|text| text.to_vec()),
            None => {
                let (sessions, text) =
                    Sessions::accept(&device.identity, &mut device.prekeys, bytes, b"ad")?;
                device.sessions = Some(sessions);
                Ok(text.to_vec())
            }
        }
    }

    fn state(&self, who: usize) -> (Option<Vec<u8>>, Vec<u8>) {
        let device = &self.devices[who];
        (
            device
                .sessions
                .as_ref()
                .map(|sessions| sessions.export().to_vec()),
            device.prekeys.export().to_vec(),
        )
    }

    fn deliver(&mut self, index: usize) {
        if self.flying.is_empty() {
            return;
        }
        let message = self.flying.remove(index % self.flying.len());
        let (who, text, bytes) = &message;
        let opened = self.receive(*who, bytes).expect("each message opens");
        assert_eq!(opened, text.to_be_bytes());
        *self.devices[*who].opened.entry(*text).or_default() += 1;
        self.delivered.push(message);
    }

    fn refuse(&mut self, who: usize, bytes: &[u8]) {
        let before = self.state(who);
        assert!(self.receive(who, bytes).is_err());
        assert_eq!(self.state(who), before, "a failed call changes nothing");
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Start(who) => self.start(who),
            Step::Send(who) => self.send(who),
            Step::Deliver(index) => self.deliver(index),
            Step::Duplicate(index) => {
                if !self.delivered.is_empty() {
                    let (who, _, bytes) = self.delivered[index % self.delivered.len()].clone();
                    self.refuse(who, &bytes);
                }
            }
            Step::Restart(who) => {
                let device = &mut self.devices[who];
                device.identity = IdentityKeyPair::import(&device.identity.export()).unwrap();
                device.prekeys = PreKeys::import(&device.prekeys.export()).unwrap();
                device.sessions = device
                    .sessions
                    .as_ref()
                    .map(|sessions| Sessions::import(&sessions.export()).unwrap());
            }
            Step::Corrupt(index, bit) => {
                if !self.flying.is_empty() {
                    let (who, _, mut bytes) = self.flying[index % self.flying.len()].clone();
                    let bit = bit % (bytes.len() * 8);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    self.refuse(who, &bytes);
                }
            }
        }
    }

    /// Delivers everything, then lets both talk a little, as people do.
    fn settle(&mut self) {
        while !self.flying.is_empty() {
            self.deliver(0);
        }
        for who in [0, 1, 0, 1] {
            self.send(who);
            self.deliver(0);
        }
        for who in [0, 1] {
            let opened = &self.devices[1 - who].opened;
            assert_eq!(opened.len(), self.sent[who] as usize, "nothing was lost");
            assert!(
                opened.values().all(|times| *times == 1),
                "nothing opened twice"
            );
        }
        // Both send on one session: each turn of the conversation then steps that one's ratchet, on both sides.
        let steps = |world: &Self| {
            let count = |device: &Device| device.sessions.as_ref().unwrap().dh_ratchet_steps();
            world.devices.iter().map(count).collect::<Vec<_>>()
        };
        let before = steps(self);
        for who in [0, 1] {
            self.send(who);
            self.deliver(0);
        }
        let after = steps(self);
        assert_eq!(
            (after[0] - before[0], after[1] - before[1]),
            (2, 2),
            "one session for both"
        );
        assert!(
            self.devices
                .iter()
                .all(|device| device.sessions.as_ref().unwrap().is_established())
        );
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..2_usize).prop_map(Step::Start),
        6 => (0..2_usize).prop_map(Step::Send),
        6 => any::<usize>().prop_map(Step::Deliver),
        1 => any::<usize>().prop_map(Step::Duplicate),
        1 => (0..2_usize).prop_map(Step::Restart),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(index, bit)| Step::Corrupt(index, bit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_message_opens_once_and_both_end_on_one_session(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(seed);
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }

    #[test]
    fn both_starting_at_once_converge(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let mut world = World::new(seed);
        for who in [0, 1, 1, 0] {
            world.start(who);
            world.send(who);
        }
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }

    #[test]
    fn no_input_makes_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let versioned = [&[1], bytes.as_slice()].concat();
        for input in [&bytes, &versioned] {
            prop_assert!(waxseal_core::Message::peek(input).is_err());
            prop_assert!(PreKeyBundle::decode(input, None).is_err());
            prop_assert!(Sessions::import(input).is_err());
            prop_assert!(waxseal_core::Session::import(input).is_err());
            prop_assert!(PreKeys::import(input).is_err());
        }
    }
}
