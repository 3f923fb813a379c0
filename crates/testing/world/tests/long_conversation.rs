//! Sends tens of thousands of messages over a network that loses, repeats, delays, reorders and
//! alters them. Asserts that epochs of the post-quantum ratchet keep completing, that each message
//! that arrives opens exactly once, and that the state stays bounded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use waxseal_core::SessionSet;
use waxseal_world::{Device, rng};

/// A message on its way.
struct InTransit {
    /// The time after which the message arrives.
    due: u32,
    from: usize,
    text: u32,
    bytes: Vec<u8>,
}

/// A conversation between two devices.
///
/// The clock moves on by one with each message that is sent. A message that is not lost arrives
/// once the clock has passed the time at which the message is due, and must open exactly once.
struct Conversation {
    devices: [Device; 2],
    in_transit: Vec<InTransit>,
    sent: u32,
    opened: u32,
    lost: u32,
    now: u32,
    largest: usize,
    rng: ChaCha20Rng,
}

/// How faulty the network is. Chances are in percent.
struct Faults {
    lost: u32,
    delayed: u32,
    repeated: u32,
    /// Longest delay, counted in messages. A device keeps keys for ten chains with missing
    /// messages. If the devices take short turns, chains are short, so delays must be short too.
    longest: u32,
}

impl Conversation {
    /// Both devices start a session at the same time, so each device comes to hold two sessions.
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let mut devices = [0, 1].map(|_| Device::new(0, &mut rng));
        let bundles = devices.each_mut().map(Device::bundle);
        for (device, bundle) in devices.iter_mut().rev().zip(bundles) {
            device.start(bundle, &mut rng);
        }
        Self {
            devices,
            in_transit: Vec::new(),
            sent: 0,
            opened: 0,
            lost: 0,
            now: 0,
            largest: 0,
            rng,
        }
    }

    fn session(&mut self, side: usize) -> &mut SessionSet {
        self.devices[side].sessions()
    }

    fn send(&mut self, from: usize, faults: &Faults) {
        let text = self.sent;
        self.sent += 1;
        let bytes = self.devices[from].encrypt(&text.to_be_bytes(), &mut self.rng);
        if self.rng.random_range(0..100) < faults.lost {
            self.lost += 1;
            return;
        }
        let delay = if self.rng.random_range(0..100) < faults.delayed {
            self.rng.random_range(1..=faults.longest)
        } else {
            0
        };
        let due = self.now + delay;
        self.in_transit.push(InTransit {
            due,
            from,
            text,
            bytes,
        });
    }

    /// Asserts that an altered or repeated message is refused and changes nothing.
    fn refuse(&mut self, to: usize, bytes: &[u8]) {
        let before = self.session(to).export();
        assert!(self.devices[to].decrypt(bytes).is_err());
        assert!(self.session(to).export() == before);
    }

    /// Moves the clock on by one and delivers the messages that are due. At random, some also
    /// arrive altered or a second time, and the recipient restarts.
    fn tick(&mut self, faults: &Faults) {
        self.now += 1;
        let now = self.now;
        let mut due: Vec<_> = self
            .in_transit
            .extract_if(.., |flight| flight.due < now)
            .collect();
        if due.len() > 1 && self.rng.random_bool(0.5) {
            due.reverse();
        }
        for flight in due {
            let to = 1 - flight.from;
            if self.rng.random_range(0..100) < faults.repeated {
                let mut altered = flight.bytes.clone();
                let bit = self.rng.random_range(0..altered.len() * 8);
                altered[bit / 8] ^= 1 << (bit % 8);
                self.refuse(to, &altered);
            }
            let text = self.devices[to].decrypt(&flight.bytes);
            assert_eq!(*text.unwrap(), flight.text.to_be_bytes());
            self.opened += 1;
            if self.rng.random_range(0..100) < faults.repeated {
                self.refuse(to, &flight.bytes);
            }
            if self.rng.random_range(0..100) < 5 {
                // The recipient restarts: its sessions are exported and imported again.
                let export = self.session(to).export();
                self.largest = self.largest.max(export.len());
                *self.session(to) = SessionSet::import(&export).unwrap();
            }
        }
    }

    /// Lets the devices take turns until `count` more messages are sent. `turns` says how many
    /// messages each device sends per turn.
    fn talk(&mut self, count: u32, turns: [u32; 2], faults: &Faults) {
        let end = self.sent + count;
        while self.sent < end {
            for (from, turn) in turns.into_iter().enumerate() {
                for _ in 0..turn {
                    self.send(from, faults);
                    self.tick(faults);
                }
            }
        }
    }

    fn epochs(&mut self) -> u64 {
        let [a, b] = [0, 1].map(|side| self.session(side).pq_epochs());
        a.min(b)
    }
}

const GOOD: Faults = Faults {
    lost: 0,
    delayed: 0,
    repeated: 0,
    longest: 0,
};
const BAD: Faults = Faults {
    lost: 20,
    delayed: 10,
    repeated: 5,
    longest: 16,
};
const SLOW: Faults = Faults {
    longest: 400,
    ..BAD
};

#[test]
fn epochs_complete_and_every_message_opens_once_over_a_faulty_network() {
    let mut conversation = Conversation::new(1);
    // Each device sends its first messages before it has received any.
    conversation.talk(20, [1, 1], &GOOD);
    let mut epochs = conversation.epochs();
    for turns in [[1, 1], [10, 10], [10, 1], [1, 10], [3, 2], [80, 70]] {
        let faults = if turns[1] > 50 { &SLOW } else { &BAD };
        conversation.talk(4_000, turns, faults);
        let now = conversation.epochs();
        assert!(now >= epochs + 6, "{turns:?}: {epochs} to {now} epochs");
        epochs = now;
    }
    // One side writes thousands of messages without an answer; then the other side does.
    for turns in [[1, 0], [0, 1]] {
        conversation.talk(2_500, turns, &SLOW);
    }
    epochs = conversation.epochs();
    conversation.talk(1_000, [1, 1], &GOOD);
    assert!(conversation.epochs() >= epochs + 8);
    while !conversation.in_transit.is_empty() {
        conversation.tick(&GOOD);
    }
    assert_eq!(conversation.opened + conversation.lost, conversation.sent);
    for side in [0, 1] {
        assert_eq!(conversation.session(side).pq_stopped(), None);
    }
    // The state has two sessions, each of less than 2,500 bytes without skipped keys. Each skipped
    // key adds 84 bytes, and the session in use keeps at most 4,000.
    assert!(
        conversation.largest < 2 * 2_500 + 4_000 * 84,
        "the state grew to {} bytes",
        conversation.largest
    );
}
