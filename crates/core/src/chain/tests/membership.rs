//! Devices join and leave while all of them send, with loss, repetition, any order and restarts.
//! Everyone opens what was sealed for it, once, and nothing else, with all that it was ever given.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// One thing that happens. Devices are numbers, modulo the number of devices.
#[derive(Debug, Clone)]
enum Event {
    /// A device seals a message for its targets, on the next chain if it has to.
    Seal { by: usize },
    /// A device goes on to its next chain, though nobody left.
    Renew { by: usize },
    /// A device joins the targets of another.
    Join { of: usize, device: usize },
    /// A device is no target of another any more.
    Leave { of: usize, device: usize },
    /// A device joins while a message is not accepted, and gets a slot of it if it is the newest.
    Extend {
        of: usize,
        device: usize,
        back: usize,
    },
    /// A message reaches a device: in time, late, again, or although it is not for that device.
    /// Messages that never do are lost.
    Deliver { to: usize, message: usize },
    /// It is altered on the way: one bit of the body, or another device's slot.
    Alter {
        to: usize,
        message: usize,
        bit: usize,
    },
    /// A device starts again.
    Restart { of: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let (one, two) = (0..5_usize, (0..5_usize, 0..5_usize));
    let delivery = (0..5_usize, 0..64_usize);
    prop_oneof![
        6 => one.clone().prop_map(|by| Event::Seal { by }),
        1 => one.clone().prop_map(|by| Event::Renew { by }),
        2 => two.clone().prop_map(|(of, device)| Event::Join { of, device }),
        2 => two.clone().prop_map(|(of, device)| Event::Leave { of, device }),
        2 => (two, 0..3_usize)
            .prop_map(|((of, device), back)| Event::Extend { of, device, back }),
        12 => delivery.clone().prop_map(|(to, message)| Event::Deliver { to, message }),
        2 => (delivery, 0..2_000_usize)
            .prop_map(|((to, message), bit)| Event::Alter { to, message, bit }),
        2 => one.prop_map(|of| Event::Restart { of }),
    ]
}

/// A sealed message.
struct Sent {
    by: usize,
    number: u32,
    n: u32,
    body: Vec<u8>,
    /// The slots of the devices that it is for.
    slots: BTreeMap<usize, ChainSlot>,
    /// The MAC slot that each device would have, if the sender made one for it.
    macs: Vec<[u8; CHAIN_MAC_LEN]>,
    pending: PendingKeys,
    opened: BTreeSet<usize>,
}

/// The sending side of a device.
struct Sender {
    chain: OwnChain,
    /// Its stored recipients.
    recipients: Vec<u8>,
    targets: BTreeSet<usize>,
}

struct World {
    devices: Vec<IdentityKey>,
    senders: Vec<Sender>,
    /// What each device has of each other one's chains.
    peers: Vec<Vec<PeerChains>>,
    /// The numbers of the chains that each device should have of each other one.
    held: Vec<Vec<BTreeSet<u32>>>,
    sent: Vec<Sent>,
}

impl Sender {
    fn store(&mut self) -> Vec<u8> {
        let parts = self.chain.export();
        if let Some(recipients) = parts.recipients {
            self.recipients = recipients;
        }
        parts.state.to_vec()
    }

    fn renew(&mut self, seed: usize) {
        let seed = u64::try_from(seed).unwrap() + 100 * u64::from(self.chain.number());
        self.chain = self.chain.next(0, &mut rng(seed)).unwrap();
        self.store();
    }
}

impl World {
    fn new(count: usize) -> Self {
        let devices: Vec<_> = (1..).take(count).map(identity).collect();
        let sender = |(at, device): (usize, &IdentityKey)| Sender {
            chain: OwnChain::start(device, &CONTEXT, 1, 0, &mut rng(10 + at as u64)),
            recipients: Vec::new(),
            targets: (0..count).filter(|other| *other != at).take(2).collect(),
        };
        let peers = |_| {
            devices
                .iter()
                .map(|of| PeerChains::new(of, &CONTEXT))
                .collect()
        };
        Self {
            senders: devices.iter().enumerate().map(sender).collect(),
            peers: (0..count).map(peers).collect(),
            held: vec![vec![BTreeSet::new(); count]; count],
            sent: Vec::new(),
            devices,
        }
    }

    fn seal(&mut self, by: usize) {
        let text = self.sent.len().to_be_bytes();
        let sender = &mut self.senders[by];
        let targets: Vec<_> = sender.targets.iter().map(|at| self.devices[*at]).collect();
        let seal = |chain: &mut OwnChain| chain.seal(&CLAIMS, &text, b"ad", &targets);
        let holds = |at: &usize| sender.chain.given_at(&self.devices[*at]).is_some();
        let mut others = (0..self.devices.len()).filter(|at| !sender.targets.contains(at));
        if others.any(|at| holds(&at)) {
            let error = not_sealed(&mut sender.chain, seal);
            assert_eq!(error, ChainSealError::RecipientLeft);
            sender.renew(by);
        }
        let message = seal(&mut sender.chain).unwrap();
        sender.store();
        let root = &sender.chain.root;
        let mac = |device: &IdentityKey| slot_of(&root.key_for(&device.to_bytes()), &message.body);
        self.sent.push(Sent {
            by,
            number: sender.chain.number(),
            n: message.n,
            macs: self.devices.iter().map(mac).collect(),
            body: message.body,
            slots: sender.targets.iter().copied().zip(message.slots).collect(),
            pending: message.pending,
            opened: BTreeSet::new(),
        });
    }

    /// Gives a message to one more device, if it is the newest of its chain.
    fn extend(&mut self, of: usize, device: usize, back: usize) {
        let mut of_sender = self.sent.iter_mut().rev().filter(|sent| sent.by == of);
        let Some(message) = of_sender.nth(back) else {
            return;
        };
        let sender = &mut self.senders[of];
        let is_newest = back == 0 && message.number == sender.chain.number();
        let has_chain = sender.chain.given_at(&self.devices[device]).is_some();
        let add = |chain: &mut OwnChain| chain.add_target(&message.pending, &self.devices[device]);
        if is_newest && !has_chain {
            let keys = add(&mut sender.chain).unwrap();
            message.slots.insert(device, ChainSlot::Key(keys));
            sender.targets.insert(device);
        } else {
            let error = not_sealed(&mut sender.chain, add);
            assert_eq!(error, ChainSealError::NotExtensible);
        }
        sender.store();
    }

    fn deliver(&mut self, to: usize, at: usize) {
        let Some(sent) = self.sent.get_mut(at).filter(|sent| sent.by != to) else {
            return;
        };
        let (peer, held) = (&mut self.peers[to][sent.by], &mut self.held[to][sent.by]);
        let has_chain = held.contains(&sent.number);
        let is_key = matches!(sent.slots.get(&to), Some(ChainSlot::Key(_)));
        if is_key && sent.opened.contains(&to) && !has_chain {
            // A session opens a key slot once.
            return;
        }
        let time = u64::try_from(at).unwrap();
        let opened = unchanged_by_refusal(peer, |peer| match sent.slots.get(&to) {
            Some(ChainSlot::Key(keys)) => peer.open_with_keys(&sent.body, copy(keys), b"ad", time),
            Some(ChainSlot::Mac(mac)) => peer.open(&sent.body, mac, b"ad", time),
            // Even with a slot from the sender, it opens for nobody whom it is not for.
            None => peer.open(&sent.body, &sent.macs[to], b"ad", time),
        });
        if !sent.slots.contains_key(&to) {
            assert!(opened.is_err(), "a message for others opened");
        } else if sent.opened.contains(&to) {
            assert_eq!(opened.err(), Some(ChainOpenError::AlreadyReceived));
        } else if !is_key && !has_chain {
            assert_eq!(opened.err(), Some(ChainOpenError::UnknownChain));
        } else {
            let opened = opened.unwrap();
            assert_eq!(*opened.plaintext, at.to_be_bytes());
            assert_eq!((opened.number, opened.n), (sent.number, sent.n));
            sent.opened.insert(to);
            held.insert(sent.number);
            if held.len() > MAX_PEER_CHAINS {
                held.pop_first();
            }
        }
        assert!(peer.numbers().eq(held.iter().copied()));
    }

    fn alter(&mut self, to: usize, at: usize, bit: usize) {
        let Some(sent) = self.sent.get(at).filter(|sent| sent.by != to) else {
            return;
        };
        let mut body = sent.body.clone();
        let at = bit / 8 % body.len();
        body[at] ^= 1 << (bit % 8);
        let others = (0..self.devices.len()).filter(|of| *of != to);
        let peer = &mut self.peers[to][sent.by];
        for of in others {
            let swapped = |peer: &mut PeerChains| peer.open(&sent.body, &sent.macs[of], b"ad", 0);
            assert!(unchanged_by_refusal(peer, swapped).is_err());
        }
        let altered = unchanged_by_refusal(peer, |peer| match sent.slots.get(&to) {
            Some(ChainSlot::Key(keys)) => peer.open_with_keys(&body, copy(keys), b"ad", 0),
            _ => peer.open(&body, &sent.macs[to], b"ad", 0),
        });
        assert!(altered.is_err());
    }

    fn restart(&mut self, of: usize) {
        let sender = &mut self.senders[of];
        let state = sender.store();
        sender.chain = OwnChain::import(&state, &sender.recipients).unwrap();
        assert_eq!(sender.store(), state);
        for peer in &mut self.peers[of] {
            let export = peer.export();
            *peer = PeerChains::import(&export).unwrap();
            assert_eq!(peer.export(), export);
        }
    }

    fn play(&mut self, event: Event) {
        let count = self.devices.len();
        let two = |of: usize, device: usize| {
            let (of, device) = (of % count, device % count);
            (of != device).then_some((of, device))
        };
        match event {
            Event::Seal { by } => self.seal(by % count),
            Event::Renew { by } => self.senders[by % count].renew(by % count),
            Event::Join { of, device } => {
                if let Some((of, device)) = two(of, device) {
                    self.senders[of].targets.insert(device);
                }
            }
            Event::Leave { of, device } => {
                let (of, device) = (of % count, device % count);
                self.senders[of].targets.remove(&device);
            }
            Event::Extend { of, device, back } => {
                if let Some((of, device)) = two(of, device) {
                    self.extend(of, device, back);
                }
            }
            Event::Deliver { to, message } => self.deliver(to % count, message),
            Event::Alter { to, message, bit } => self.alter(to % count, message, bit),
            Event::Restart { of } => self.restart(of % count),
        }
    }

    /// Asserts that nobody opens a message that was not sealed for it with any key slot that it
    /// ever got, not even with a MAC slot for it: neither those who left nor those who joined.
    fn nobody_else_reads(&self) {
        for given in &self.sent {
            for (to, slot) in &given.slots {
                let ChainSlot::Key(keys) = slot else {
                    continue;
                };
                let mut peer = PeerChains::new(&self.devices[given.by], &CONTEXT);
                let opened = peer.open_with_keys(&given.body, copy(keys), b"ad", 0);
                opened.unwrap();
                let theirs = self.sent.iter().filter(|sent| sent.by == given.by);
                for sent in theirs.filter(|sent| !sent.slots.contains_key(to)) {
                    let opened = peer.open(&sent.body, &sent.macs[*to], b"ad", 0);
                    assert!(opened.is_err(), "{to} opens a message for others");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nobody_opens_what_was_sealed_before_it_joined_or_after_it_left(
        count in 2..=5_usize,
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(count);
        for event in events {
            world.play(event);
        }
        for at in 0..world.sent.len() {
            for to in 0..count {
                world.deliver(to, at);
            }
        }
        world.nobody_else_reads();
    }
}
