//! Two devices go through everything that can happen in a session, and no secret may stay in memory
//! afterwards. That covers handshakes, turns, loss, late messages, several sessions and exports.

use std::collections::{BTreeMap, VecDeque};

use waxseal_core::export::{OneTimeId, PageId};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal_leaks::secrets::{Recorder, Secrets};
use zeroize::Zeroizing;

use super::derived::NextMessage;
use super::{HEAP, add_identity, add_prekeys, add_sessions, assert_gone};

/// A device in a conversation. Its fields are boxed, so that its secrets lie on the heap, where a
/// sweep can find them.
///
/// A new device has an identity and prekeys. It gets its first session when it starts one or
/// accepts the peer's first message. After each change it stores its sessions in parts.
struct Device {
    name: &'static str,
    identity: Box<IdentityKeyPair>,
    prekeys: Box<PreKeys>,
    memory: ReplayMemory,
    one_time: Vec<Vec<u8>>,
    sessions: Option<Box<SessionSet>>,
    /// The stored sessions without their skipped keys. The skipped keys are stored in `pages`.
    state: Zeroizing<Vec<u8>>,
    pages: BTreeMap<PageId, Zeroizing<Vec<u8>>>,
    /// The stored prekeys without the one-time sets, which are stored apart.
    prekeys_state: Zeroizing<Vec<u8>>,
    one_time_sets: BTreeMap<OneTimeId, Zeroizing<Vec<u8>>>,
}

/// Both devices, and every secret that either has held.
///
/// The secrets of both devices are added to `all` before and after each message. A secret that
/// neither device holds any more must be gone from memory.
struct Pair {
    rng: Recorder,
    alice: Device,
    bob: Device,
    all: Secrets,
    from: usize,
}

impl Device {
    fn new(name: &'static str, rng: &mut Recorder) -> Self {
        rng.call(&format!("drawn by {name} at registration"));
        let identity = Box::new(IdentityKeyPair::generate(rng));
        let mut prekeys = Box::new(PreKeys::generate(&identity, rng));
        let one_time = prekeys.replenish(&identity, 4, rng).unwrap();
        Self {
            name,
            identity,
            prekeys,
            memory: ReplayMemory::new(),
            one_time,
            sessions: None,
            state: Zeroizing::default(),
            pages: BTreeMap::new(),
            prekeys_state: Zeroizing::default(),
            one_time_sets: BTreeMap::new(),
        }
    }

    fn bundle(&mut self) -> PreKeyBundle {
        let base = self.prekeys.upload(&self.identity).unwrap().base;
        let one_time = self.one_time.pop();
        PreKeyBundle::decode(&base, one_time.as_deref()).unwrap()
    }

    /// Starts a session with `peer`, in addition to any that the device has.
    fn start(&mut self, peer: &mut Self, rng: &mut Recorder) {
        rng.call(&format!("drawn by {} to start", self.name));
        let bundle = peer.bundle();
        match &mut self.sessions {
            None => {
                let sessions = SessionSet::initiate(&self.identity, bundle, rng).unwrap();
                self.sessions = Some(Box::new(sessions));
            }
            Some(sessions) => sessions.add_initiated(&self.identity, bundle, rng).unwrap(),
        }
        self.store();
    }

    fn store(&mut self) {
        let parts = self.prekeys.export_parts();
        if let Some(state) = parts.state {
            self.prekeys_state = state;
        }
        for change in parts.one_time {
            match change.bytes {
                Some(bytes) => drop(self.one_time_sets.insert(change.id, bytes)),
                None => drop(self.one_time_sets.remove(&change.id)),
            }
        }
        let parts = self.sessions.as_mut().unwrap().export_parts();
        self.state = parts.state;
        for change in parts.pages {
            match change.bytes {
                Some(bytes) => drop(self.pages.insert(change.id, bytes)),
                None => drop(self.pages.remove(&change.id)),
            }
        }
    }

    fn receive(&mut self, message: &[u8]) {
        let (prekeys, memory) = (&mut self.prekeys, &mut self.memory);
        let plaintext = match &mut self.sessions {
            Some(sessions) => sessions.decrypt(&self.identity, prekeys, memory, message, b"ad"),
            None => SessionSet::accept(&self.identity, prekeys, memory, message, b"ad").map(
                |(sessions, plaintext)| {
                    self.sessions = Some(Box::new(sessions));
                    plaintext
                },
            ),
        };
        assert_eq!(*plaintext.unwrap(), TEXT);
        self.store();
    }

    /// Adds the secrets that the device holds now to `secrets`.
    fn holds(&self, secrets: &mut Secrets) {
        add_identity(secrets, self.name, &self.identity);
        add_prekeys(secrets, self.name, &self.prekeys);
        if let Some(sessions) = &self.sessions {
            add_sessions(secrets, self.name, sessions);
        }
    }

    /// Reads everything back from storage, as after a restart.
    fn restart(&mut self) {
        let identity = self.identity.export();
        *self.identity = IdentityKeyPair::import(&identity).unwrap();
        let one_time = self.one_time_sets.values();
        let prekeys = PreKeys::import_parts(&self.prekeys_state, one_time).unwrap();
        assert!(prekeys.export() == self.prekeys.export());
        *self.prekeys = prekeys;
        let sessions = SessionSet::import_parts(&self.state, self.pages.values()).unwrap();
        assert!(sessions.export() == self.sessions.as_ref().unwrap().export());
        self.sessions = Some(Box::new(sessions));
    }
}

/// The text of every message. These tests look for keys, not for texts; those in `reporting.rs`
/// look for texts.
pub(super) const TEXT: &[u8] = b"a text";

impl Pair {
    fn new(seed: u64) -> Self {
        let from = HEAP.used();
        let mut rng = Recorder::new("", seed);
        let alice = Device::new("Alice", &mut rng);
        let bob = Device::new("Bob", &mut rng);
        Self {
            rng,
            alice,
            bob,
            all: Secrets::new(),
            from,
        }
    }

    fn start(&mut self) {
        self.alice.start(&mut self.bob, &mut self.rng);
    }

    fn note(&mut self) {
        self.alice.holds(&mut self.all);
        self.bob.holds(&mut self.all);
    }

    fn send(&mut self, from_alice: bool) -> Vec<u8> {
        self.note();
        let device = if from_alice {
            &mut self.alice
        } else {
            &mut self.bob
        };
        let sessions = device.sessions.as_mut().unwrap();
        let next = NextMessage::of(sessions);
        self.rng.call(&format!("drawn by {} to send", device.name));
        let message = sessions.encrypt(TEXT, b"ad", &mut self.rng).unwrap();
        if let Some(next) = next {
            next.add(&mut self.all, device.name, sessions, &message);
        }
        device.store();
        message
    }

    fn receive(&mut self, by_alice: bool, message: &[u8]) {
        if by_alice {
            self.alice.receive(message);
        } else {
            self.bob.receive(message);
        }
        self.note();
    }

    /// The devices take turns and send two messages per turn.
    fn talk(&mut self, turns: usize) {
        for turn in 0..turns {
            for _ in 0..2 {
                let message = self.send(turn % 2 == 0);
                self.receive(turn % 2 != 0, &message);
            }
        }
    }

    /// Asserts that the secrets that neither device holds any more are gone from memory.
    fn assert_past_is_gone(&mut self) {
        self.all.extend(&self.rng.drawn());
        let mut now = Secrets::new();
        self.alice.holds(&mut now);
        self.bob.holds(&mut now);
        assert_gone(&self.all.except(&now), self.from);
    }

    /// Drops both devices and asserts that every secret is gone from memory.
    fn drop_and_assert_gone(mut self) {
        self.assert_past_is_gone();
        drop((self.alice, self.bob));
        assert_gone(&self.all, self.from);
    }
}

#[test]
fn a_handshake_leaves_nothing_but_the_session() {
    let mut pair = Pair::new(11);
    pair.start();
    let first = pair.send(true);
    pair.receive(false, &first);
    pair.assert_past_is_gone();
    let reply = pair.send(false);
    pair.receive(true, &reply);
    pair.drop_and_assert_gone();
}

#[test]
fn keys_of_messages_and_steps_are_gone_while_the_sessions_live() {
    let mut pair = Pair::new(12);
    pair.start();
    pair.talk(30);
    pair.drop_and_assert_gone();
}

#[test]
fn keys_of_late_messages_are_gone_once_they_have_opened() {
    let mut pair = Pair::new(13);
    pair.start();
    pair.talk(4);
    let mut late = VecDeque::new();
    for _ in 0..3 {
        // Every third message arrives at once. The others arrive later, in reverse order.
        for turn in [true, false] {
            for n in 0..12 {
                let message = pair.send(turn);
                if n % 3 == 2 {
                    pair.receive(!turn, &message);
                } else {
                    late.push_front((turn, message));
                }
            }
        }
    }
    pair.assert_past_is_gone();
    for (number, (turn, message)) in late.drain(..).skip(5).enumerate() {
        pair.receive(!turn, &message);
        if number % 8 == 7 {
            pair.alice.restart();
            pair.bob.restart();
        }
    }
    pair.assert_past_is_gone();
    // Bob skips more keys than fit on a page. The late messages then use up some pages entirely,
    // and only some keys of other pages.
    let many: Vec<_> = (0..130).map(|_| pair.send(true)).collect();
    pair.receive(false, &many[129]);
    assert_eq!(pair.bob.pages.len(), 3);
    for late in (40..100).chain((100..129).step_by(2)) {
        pair.receive(false, &many[late]);
    }
    pair.assert_past_is_gone();
    pair.bob.restart();
    pair.drop_and_assert_gone();
}

#[test]
fn epochs_of_the_post_quantum_ratchet_leave_nothing_behind() {
    let mut pair = Pair::new(14);
    pair.start();
    // After every third message one device restarts. So every state of the braid (the ratchet's
    // key exchange by ML-KEM) is exported and imported too.
    for turn in 0..220 {
        let message = pair.send(turn % 2 == 0);
        pair.receive(turn % 2 != 0, &message);
        match turn % 6 {
            2 => pair.alice.restart(),
            5 => pair.bob.restart(),
            _ => {}
        }
    }
    let epochs = pair.alice.sessions.as_ref().unwrap().pq_epochs();
    assert!(epochs >= 2, "only {epochs} epochs were completed");
    pair.drop_and_assert_gone();
}

#[test]
fn epochs_without_restarts_leave_nothing_behind() {
    let mut pair = Pair::new(15);
    pair.start();
    pair.talk(110);
    let epochs = pair.bob.sessions.as_ref().unwrap().pq_epochs();
    assert!(epochs >= 2, "only {epochs} epochs were completed");
    pair.drop_and_assert_gone();
}

#[test]
fn evicted_sessions_leave_nothing_behind() {
    let mut pair = Pair::new(16);
    pair.start();
    pair.talk(3);
    for round in 0..7 {
        if round % 2 == 0 {
            pair.alice.start(&mut pair.bob, &mut pair.rng);
        } else {
            pair.bob.start(&mut pair.alice, &mut pair.rng);
        }
        let message = pair.send(round % 2 == 0);
        pair.receive(round % 2 != 0, &message);
        pair.talk(2);
    }
    pair.drop_and_assert_gone();
}

#[test]
fn failed_calls_leave_nothing_behind() {
    let mut pair = Pair::new(17);
    pair.start();
    pair.talk(3);
    for position in [40, 130] {
        let mut message = pair.send(true);
        let last = message.len() - position % message.len();
        message[last - 1] ^= 1;
        let sessions = pair.bob.sessions.as_mut().unwrap();
        let (prekeys, memory) = (&mut pair.bob.prekeys, &mut pair.bob.memory);
        let refused = sessions.decrypt(&pair.bob.identity, prekeys, memory, &message, b"ad");
        refused.unwrap_err();
    }
    // Five messages are lost, and the body of the sixth is altered. Its header still opens, so Bob
    // derives the skipped keys before the body fails. These keys must be wiped too.
    for _ in 0..5 {
        let _lost = pair.send(true);
    }
    let mut message = pair.send(true);
    let last = message.len() - 1;
    message[last - 20] ^= 1;
    let sessions = pair.bob.sessions.as_mut().unwrap();
    let (prekeys, memory) = (&mut pair.bob.prekeys, &mut pair.bob.memory);
    let refused = sessions.decrypt(&pair.bob.identity, prekeys, memory, &message, b"ad");
    refused.unwrap_err();
    pair.note();
    pair.drop_and_assert_gone();
}

#[test]
fn header_keys_and_the_key_schedule_are_kept_while_the_session_lives_and_not_after() {
    let mut pair = Pair::new(18);
    pair.start();
    pair.talk(4);
    let mut now = Secrets::new();
    pair.alice.holds(&mut now);
    let found = now.sweep(&HEAP, pair.from);
    let names = |part: &str| found.iter().filter(|(name, _)| name.contains(part)).count();
    for kept in [
        "header encryption key",
        "inner state of header MAC",
        "outer state of header MAC",
    ] {
        assert!(names(kept) > 0, "{kept}: {found:#?}");
    }
    // Only the inner and outer state of the header's MAC are kept. The MAC key itself is wiped as
    // soon as these are made.
    assert_eq!(names("header MAC key"), 0, "{found:#?}");
    pair.drop_and_assert_gone();
}
