//! A device whose state is set back to an older one sends another message: no two different
//! messages share a key stream.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::support::{Device, rng};
use crate::SessionSet;
use crate::message::Message;
use crate::message_key::TAG_LEN;
use crate::message_key::tests::take_used;

/// Length of the plaintexts, which are all zeros: a body shows its key stream.
const LEN: usize = 96;

/// Keys, nonces and key-stream blocks of all messages sent so far. None may occur twice.
#[derive(Default)]
struct Seen {
    sent: u32,
    keys: BTreeMap<[u8; 32], [u8; 32]>,
    nonces: BTreeSet<[u8; 12]>,
    blocks: BTreeSet<(usize, [u8; 16])>,
}

impl Seen {
    /// Associated data that no message had before, as a tag that commits to the message would be.
    fn next_ad(&mut self) -> Vec<u8> {
        self.sent += 1;
        [self.sent.to_be_bytes().as_slice(), &[7; 28]].concat()
    }

    /// Notes a message that was just sealed, and the key that sealed it.
    fn note(&mut self, message: &[u8]) {
        let used = take_used();
        let [(key, nonce, ad)] = used[..] else {
            panic!("one message takes one key")
        };
        assert_eq!(self.keys.insert(key, ad), None, "a key twice");
        assert!(self.nonces.insert(nonce), "a nonce twice");
        let body = Message::decode(message).unwrap().body;
        let (stream, tag) = body.split_at(body.len() - TAG_LEN);
        assert_eq!((stream.len(), tag.len()), (LEN, TAG_LEN));
        for (at, block) in stream.as_chunks().0.iter().enumerate() {
            assert!(self.blocks.insert((at, *block)), "key stream twice at {at}");
        }
    }
}

/// A device that keeps every state it ever stored.
struct Side {
    seed: u64,
    device: Device,
    sessions: Option<SessionSet>,
    states: Vec<Vec<u8>>,
}

impl Side {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            device: Device::new(seed),
            sessions: None,
            states: Vec::new(),
        }
    }

    /// Starts a session with the peer, with other random values each time.
    fn start(&mut self, peer: &Self) {
        let seed = self.seed * 1_000_000 + self.states.len() as u64;
        let (identity, rng) = (&self.device.identity, &mut rng(seed));
        match &mut self.sessions {
            Some(sessions) => {
                let added = sessions.add_initiated(identity, peer.device.bundle(Some(1)), rng);
                added.unwrap();
            }
            none => {
                let first = SessionSet::initiate(identity, peer.device.bundle(Some(0)), rng);
                *none = Some(first.unwrap());
            }
        }
        self.store();
    }

    fn store(&mut self) {
        let sessions = self.sessions.as_ref();
        self.states.extend(sessions.map(|s| s.export().to_vec()));
    }

    /// Seals zeros. A state that was set back takes the same random values again, as on a device
    /// whose generator was set back too.
    fn send(&mut self, seen: &mut Seen, store: bool) -> (Vec<u8>, Vec<u8>) {
        let ad = seen.next_ad();
        let sessions = self.sessions.as_mut().unwrap();
        let rng = &mut rng(self.seed * 1_000 + sessions.dh_ratchet_steps());
        let message = sessions.encrypt(&[0; LEN], &ad, rng).unwrap();
        seen.note(&message);
        if store {
            self.store();
        }
        (message, ad)
    }

    /// Opens a message. Returns whether it opened.
    fn receive(&mut self, (message, ad): &(Vec<u8>, Vec<u8>)) -> bool {
        let Device {
            identity,
            prekeys,
            memory,
            ..
        } = &mut self.device;
        let opened = match &mut self.sessions {
            Some(sessions) => {
                let opened = sessions.decrypt(identity, prekeys, memory, message, ad);
                opened.is_ok()
            }
            none => match SessionSet::accept(identity, prekeys, memory, message, ad) {
                Ok((sessions, _)) => {
                    *none = Some(sessions);
                    true
                }
                Err(_) => false,
            },
        };
        self.store();
        opened
    }
}

/// Talks for a while: turns of one to three messages, lost and late ones, and a second session.
fn conversation(seen: &mut Seen) -> [Side; 2] {
    let mut sides = [Side::new(1), Side::new(2)];
    let [a, b] = &mut sides;
    a.start(b);
    let mut late = Vec::new();
    for turn in 0..240 {
        if turn == 200 {
            let [a, b] = &mut sides;
            b.start(a);
        }
        let from = turn % 2;
        for n in 0..=turn % 3 {
            let sent = sides[from].send(seen, true);
            if turn % 7 == 3 && n == 0 {
                late.push((1 - from, sent));
            } else {
                assert!(sides[1 - from].receive(&sent));
            }
        }
        if turn % 20 == 19 {
            let (to, sent) = late.remove(0);
            assert!(sides[to].receive(&sent), "a late message opens");
        }
    }
    for side in &sides {
        let sessions = side.sessions.as_ref().unwrap();
        assert!(sessions.pq_epochs() >= 2 && sessions.dh_ratchet_steps() > 100);
        assert!(sessions.count() == 2 && sessions.pages_len() > 0);
    }
    sides
}

#[test]
fn chk48_every_older_state_sends_another_message_under_another_key_stream() {
    let mut seen = Seen::default();
    let sides = conversation(&mut seen);
    let mut restored = 0;
    for mut side in sides {
        for state in core::mem::take(&mut side.states) {
            // The older state is restored from its whole export, and again from its parts, which
            // are the state and the pages of skipped keys.
            let parts = SessionSet::import(&state).unwrap().export_parts();
            let pages = parts.pages.iter().filter_map(|page| page.bytes.as_deref());
            let of_parts = SessionSet::import_parts(&parts.state, pages);
            for sessions in [SessionSet::import(&state), of_parts] {
                side.sessions = Some(sessions.unwrap());
                for _ in 0..2 {
                    side.send(&mut seen, false);
                }
                restored += 1;
            }
        }
    }
    assert!(restored > 1_500, "only {restored} states were set back");
}

#[test]
fn a_state_set_back_repeats_the_key_stream_of_the_same_associated_data() {
    // This is why associated data must commit to the plaintext.
    let mut side = Side::new(1);
    side.start(&Side::new(2));
    let body = |plaintext: &[u8; LEN]| {
        let mut sessions = SessionSet::import(&side.states[0]).unwrap();
        let message = sessions.encrypt(plaintext, b"same", &mut rng(2)).unwrap();
        let body = Message::decode(&message).unwrap().body;
        <[u8; LEN]>::try_from(&body[..LEN]).unwrap()
    };
    let (zeros, ones) = (body(&[0; LEN]), body(&[0xff; LEN]));
    assert_eq!(zeros.map(|byte| !byte), ones);
}

/// What happens next in a random script.
#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    /// Delivers a message of the other side, counted from the newest; again, if it was before.
    Deliver(usize, usize),
    /// Sets a side back to an older state, counted from the newest.
    SetBack(usize, usize),
    Start(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    prop_oneof![
        8 => side.clone().prop_map(Step::Send),
        8 => (side.clone(), 0..4_usize).prop_map(|(side, back)| Step::Deliver(side, back)),
        2 => (side.clone(), 0..20_usize).prop_map(|(side, back)| Step::SetBack(side, back)),
        1 => side.prop_map(Step::Start),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn chk48_no_script_of_set_backs_repeats_a_key_stream(steps in proptest::collection::vec(step(), 0..120)) {
        let mut seen = Seen::default();
        take_used();
        let mut sides = [Side::new(1), Side::new(2)];
        let [a, b] = &mut sides;
        a.start(b);
        let first = a.send(&mut seen, true);
        prop_assert!(b.receive(&first));
        let mut sent = [vec![first], Vec::new()];
        for step in steps {
            match step {
                Step::Send(from) => sent[from].push(sides[from].send(&mut seen, true)),
                Step::Deliver(to, back) => {
                    if let Some(message) = sent[1 - to].iter().rev().nth(back) {
                        // After a set-back, some messages do not open, so the result is ignored.
                        sides[to].receive(message);
                    }
                }
                Step::SetBack(side, back) => {
                    if let Some(state) = sides[side].states.iter().rev().nth(back) {
                        sides[side].sessions = Some(SessionSet::import(state).unwrap());
                    }
                }
                Step::Start(side) => {
                    let [a, b] = &mut sides;
                    if side == 0 { a.start(b) } else { b.start(a) }
                }
            }
        }
    }
}
