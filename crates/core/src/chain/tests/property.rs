//! Messages to many recipients in any order, lost and repeated, with restarts anywhere.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::message_key::tests::take_used;

const RECIPIENTS: usize = 4;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// Alice seals a message for the recipients whose bit is set, on a new chain if she has to.
    Seal { targets: u8, renew: bool },
    /// A message reaches a recipient, for the first time or again.
    Deliver { to: usize, message: usize },
    /// Alice's device starts again.
    RestartSender,
    /// A recipient's device starts again.
    Restart { of: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..16_u8, prop::bool::weighted(0.1))
            .prop_map(|(targets, renew)| Event::Seal { targets, renew }),
        8 => (0..RECIPIENTS, 0..64_usize)
            .prop_map(|(to, message)| Event::Deliver { to, message }),
        1 => Just(Event::RestartSender),
        1 => (0..RECIPIENTS).prop_map(|of| Event::Restart { of }),
    ]
}

/// A sealed message, with the place of each recipient's slot.
struct Sent {
    number: u32,
    message: ChainMessage,
    places: [Option<usize>; RECIPIENTS],
    opened: [bool; RECIPIENTS],
}

struct World {
    chain: OwnChain,
    recipients_stored: Vec<u8>,
    devices: Vec<IdentityKey>,
    peers: Vec<PeerChains>,
    /// The chains that each recipient should have.
    held: Vec<BTreeSet<u32>>,
    sent: Vec<Sent>,
    keys: BTreeSet<[u8; 32]>,
}

impl World {
    fn new() -> Self {
        let alice = identity(1);
        let mut chain = OwnChain::start(&alice, &CONTEXT, 1, 0, &mut rng(10));
        let recipients_stored = chain.export().recipients.unwrap();
        take_used();
        Self {
            chain,
            recipients_stored,
            devices: (2..).take(RECIPIENTS).map(identity).collect(),
            peers: (0..RECIPIENTS)
                .map(|_| PeerChains::new(&alice, &CONTEXT))
                .collect(),
            held: vec![BTreeSet::new(); RECIPIENTS],
            sent: Vec::new(),
            keys: BTreeSet::new(),
        }
    }

    fn seal(&mut self, targets: u8, renew: bool) {
        let mut places = [None; RECIPIENTS];
        let mut list = Vec::new();
        for (of, device) in self.devices.iter().enumerate() {
            if targets >> of & 1 == 1 {
                places[of] = Some(list.len());
                list.push(*device);
            }
        }
        if renew {
            self.renew();
        }
        let text = self.sent.len().to_be_bytes();
        let mut sealed = self.chain.seal(&CLAIMS, &text, b"ad", &list);
        if sealed.is_err() {
            assert_eq!(sealed.err(), Some(ChainSealError::RecipientLeft));
            self.renew();
            sealed = self.chain.seal(&CLAIMS, &text, b"ad", &list);
        }
        let [(key, ..)] = take_used()[..] else {
            panic!("one message takes one key")
        };
        assert!(self.keys.insert(key), "a key twice");
        self.store();
        self.sent.push(Sent {
            number: self.chain.number(),
            message: sealed.unwrap(),
            places,
            opened: [false; RECIPIENTS],
        });
    }

    fn renew(&mut self) {
        let seed = 100 + u64::from(self.chain.number());
        self.chain = self.chain.next(0, &mut rng(seed)).unwrap();
        self.store();
    }

    fn store(&mut self) -> Vec<u8> {
        let parts = self.chain.export();
        if let Some(recipients) = parts.recipients {
            self.recipients_stored = recipients;
        }
        parts.state.to_vec()
    }

    /// Delivers a message. It opens if it is new and the recipient has the chain, or gets it.
    fn deliver(&mut self, to: usize, at: usize) {
        let Some(sent) = self.sent.get_mut(at) else {
            return;
        };
        let Some(place) = sent.places[to] else {
            return;
        };
        let held = &mut self.held[to];
        let is_key = matches!(sent.message.slots[place], ChainSlot::Key(_));
        let has_chain = held.contains(&sent.number);
        if is_key && sent.opened[to] && !has_chain {
            // A session opens a key slot once.
            return;
        }
        let accepted_at_ms = u64::try_from(at).unwrap();
        let opened = open(&mut self.peers[to], &sent.message, place, accepted_at_ms);
        match (sent.opened[to], is_key || has_chain) {
            (true, true) => assert_eq!(opened.err(), Some(ChainOpenError::AlreadyReceived)),
            (_, false) => assert_eq!(opened.err(), Some(ChainOpenError::UnknownChain)),
            (false, true) => {
                let opened = opened.unwrap();
                assert_eq!(*opened.plaintext, at.to_be_bytes());
                assert_eq!((opened.number, opened.n), (sent.number, sent.message.n));
                sent.opened[to] = true;
                held.insert(sent.number);
                if held.len() > MAX_PEER_CHAINS {
                    held.pop_first();
                }
            }
        }
        assert!(self.peers[to].numbers().eq(held.iter().copied()));
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Seal { targets, renew } => self.seal(targets, renew),
            Event::Deliver { to, message } => self.deliver(to, message),
            Event::RestartSender => {
                let state = self.store();
                self.chain = OwnChain::import(&state, &self.recipients_stored).unwrap();
            }
            Event::Restart { of } => {
                self.peers[of] = PeerChains::import(&self.peers[of].export()).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn messages_open_once_for_each_recipient_in_any_order(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new();
        for event in events {
            world.play(event);
        }
        // In the end everything is delivered in order, except to those whose chain was given up.
        for at in 0..world.sent.len() {
            for to in 0..RECIPIENTS {
                world.deliver(to, at);
            }
        }
    }
}
