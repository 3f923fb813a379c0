#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::tests::support::rng;

// This file has one test vector per line.
#[rustfmt::skip]
pub(crate) mod vectors;

/// The two ratchets of a session, with the numbers of messages sent and received.
struct World {
    sides: [PostQuantum; 2],
    sent: [u64; 2],
    received: [u64; 2],
    rng: ChaCha20Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        let secret = PqSeed::from_bytes(&[1; 32]);
        Self {
            sides: [
                PostQuantum::new_initiator(&secret),
                PostQuantum::new_recipient(&secret),
            ],
            sent: [0; 2],
            received: [0; 2],
            rng: rng(seed),
        }
    }

    fn send(&mut self, from: usize) -> (u64, HeaderPart, PqMessageKey) {
        let (part, key, outgoing, chain) =
            self.sides[from].next_to_send(&mut self.rng).into_parts();
        self.sides[from].commit_sent(outgoing, chain);
        self.sent[from] += 1;
        (self.sent[from], part, key)
    }

    /// Delivers a message that is ahead of all received messages, as the Double Ratchet would.
    /// Messages before it that have not arrived count as missing.
    fn deliver(&mut self, from: usize, (number, part, key): &(u64, HeaderPart, PqMessageKey)) {
        let to = &mut self.sides[1 - from];
        let gap = usize::try_from(number - self.received[from] - 1).unwrap();
        let mut missing = vec![[0; 32]; gap];
        let places = missing.iter_mut().map(Some);
        let ahead = to.next_to_receive(part, gap.try_into().unwrap(), places);
        let ahead = ahead.unwrap();
        assert!(!missing.contains(&[0; 32]));
        assert_eq!(ahead.key.as_bytes(), key.as_bytes());
        to.commit_received(ahead.chain);
        to.take_in(part);
        self.received[from] = *number;
    }

    fn epochs(&self) -> [u64; 2] {
        [0, 1].map(|side| self.sides[side].epochs())
    }

    /// Runs until both sides have completed `epochs` epochs, and returns the number of messages
    /// sent. `turns` says how many messages each side sends in a row, and `arrives` which messages
    /// arrive.
    fn run(&mut self, epochs: u64, turns: [u64; 2], mut arrives: impl FnMut(u64) -> bool) -> u64 {
        let (mut count, mut arrived) = (0, [0; 2]);
        while self.epochs().iter().any(|done| *done < epochs) {
            for (from, turn) in turns.into_iter().enumerate() {
                for _ in 0..turn {
                    let message = self.send(from);
                    count += 1;
                    if arrives(count) {
                        self.deliver(from, &message);
                        arrived[from] += 1;
                    }
                }
            }
            // An epoch needs some 45 messages from each side.
            let is_stuck = arrived.iter().all(|arrived| *arrived > 100 * epochs);
            assert!(count < 100_000 && !is_stuck, "stuck at {:?}", self.epochs());
        }
        count
    }
}

#[test]
fn part_round_trips_and_kinds_that_do_not_exist_are_refused() {
    for kind in 0..=255 {
        let mut bytes = [7; PART_LEN];
        bytes[4] = kind;
        let part = HeaderPart::from_bytes(&bytes);
        assert_eq!(part.map(HeaderPart::to_bytes), (kind <= 6).then_some(bytes));
    }
}

#[test]
fn a_late_message_cannot_claim_an_epoch_that_has_not_begun() {
    let mut world = World::new(1);
    world.run(1, [1, 1], |_| true);
    let side = &mut world.sides[1];
    let (epoch, receiving) = (side.braid.epoch(), side.chains.receiving_epoch());
    let part = HeaderPart {
        epoch: on_wire(receiving + 2),
        counter: 0,
        piece: Piece {
            kind: Kind::Nothing,
            index: 0,
            chunk: [0; CHUNK_LEN],
        },
    };
    side.take_in(&part);
    assert_eq!((side.braid.epoch(), side.stopped()), (epoch, None));
}

#[test]
fn pace_of_the_epochs() {
    // `pace` counts the messages that both sides send in ten epochs. SPEC.md states these numbers.
    let pace = |turns, arrives: fn(u64) -> bool| World::new(1).run(10, turns, arrives);
    let all = |_| true;
    let found = [
        pace([1, 1], all),
        pace([10, 10], all),
        pace([10, 1], all),
        pace([1, 1], |count| count % 3 != 0),
        pace([10, 10], |count| count % 3 != 0),
    ];
    assert_eq!(found, [870, 1_100, 4_125, 1_346, 1_500]);
}

#[test]
fn one_side_alone_for_longer_than_there_are_indices_does_not_stick() {
    let mut world = World::new(1);
    for _ in 0..66_000 {
        let message = world.send(0);
        // The first two chunks are not enough for the header. The next ones arrive after the
        // indices have started again at 0.
        if world.sent[0] <= 2 || world.sent[0] > 65_990 {
            world.sides[1].take_in(&message.1);
        }
    }
    world.received[0] = world.sent[0];
    let (_, part, _) = world.send(1);
    assert_eq!(part.piece.kind, Kind::First);
}

#[test]
fn epochs_are_told_from_their_low_bits() {
    let mut world = World::new(1);
    let mut part = world.send(0).1;
    let side = &world.sides[1];
    assert_eq!(side.epoch_of(&part), Some(1));
    part.epoch = 0;
    assert_eq!(side.epoch_of(&part), Some(0));
    part.epoch = u16::MAX;
    assert_eq!(side.epoch_of(&part), None, "before the first");
    part.epoch = 0x8001;
    assert_eq!(side.epoch_of(&part), Some(0x8001));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn epochs_advance_whatever_is_lost_and_both_sides_have_the_same_keys(
        seed: u64,
        turns in (1..30_u64, 1..30_u64),
        lost in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        prop_assume!(lost.iter().any(|lost| !lost));
        let len = lost.len() as u64 * 2 + 1;
        // In addition to the pattern, every 41st message of each side arrives, so that no side is
        // silent forever.
        let arrives = |count: u64| count % 41 < 2 || !lost[usize::try_from(count % len).unwrap() / 2 % lost.len()];
        World::new(seed).run(4, [turns.0, turns.1], arrives);
    }

    #[test]
    fn export_round_trips_in_every_state(seed: u64, stops in prop::collection::vec(1..60_u64, 1..12)) {
        let mut world = World::new(seed);
        for stop in stops {
            for count in 0..stop {
                let from = usize::from(count % 2 == 1);
                let message = world.send(from);
                world.deliver(from, &message);
                for side in &mut world.sides {
                    let mut writer = Writer::new(crate::codec::SESSION_VERSION, MAX_POST_QUANTUM_EXPORT_LEN);
                    side.write(&mut writer);
                    let bytes = writer.finish();
                    prop_assert!(bytes.len() <= MAX_POST_QUANTUM_EXPORT_LEN + 1);
                    let mut reader = Reader::new(crate::codec::SESSION_VERSION, &bytes, bytes.len()).unwrap();
                    *side = PostQuantum::read(&mut reader).unwrap();
                    prop_assert_eq!(reader.finish(), Ok(()));
                }
            }
        }
    }
}

impl PostQuantum {
    /// Takes the sending step of a message that is not made. The braid takes none.
    pub(crate) fn lose_one(&mut self) {
        self.chains.lose_one();
    }

    /// Replaces all secrets from which message keys are derived. Counters and braid stay.
    pub(crate) fn forget_secrets(&mut self) {
        self.chains.forget_secrets();
    }
}

/// A thief copies the whole state of `victim` after `messages` messages of ping-pong, and reads
/// every header from then on. Returns the number of messages until the thief lacks a message key.
fn messages_until_healed(victim: usize, messages: u64) -> u64 {
    let mut world = World::new(1);
    let mut thief_rng = rng(99);
    let mut thief: Option<PostQuantum> = None;
    for count in 0..2 * messages {
        if count == messages {
            let mut writer =
                Writer::new(crate::codec::SESSION_VERSION, MAX_POST_QUANTUM_EXPORT_LEN);
            world.sides[victim].write(&mut writer);
            let bytes = writer.finish();
            let mut reader =
                Reader::new(crate::codec::SESSION_VERSION, &bytes, bytes.len()).unwrap();
            thief = Some(PostQuantum::read(&mut reader).unwrap());
        }
        let from = usize::from(count % 2 == 1);
        let message = world.send(from);
        if let Some(thief) = &mut thief {
            // The copy follows the victim, but has its own randomness where the victim samples.
            let known = if from == victim {
                let next = thief.next_to_send(&mut thief_rng);
                let (_, key, outgoing, chain) = next.into_parts();
                thief.commit_sent(outgoing, chain);
                *key.as_bytes() == *message.2.as_bytes()
            } else {
                let ahead = thief.next_to_receive(&message.1, 0, [].into_iter());
                let known = ahead
                    .as_ref()
                    .is_ok_and(|ahead| ahead.key.as_bytes() == message.2.as_bytes());
                if let Ok(ahead) = ahead {
                    thief.commit_received(ahead.chain);
                    thief.take_in(&message.1);
                }
                known
            };
            if !known {
                return count - messages;
            }
        }
        world.deliver(from, &message);
    }
    panic!("the thief can still derive every message key");
}

#[test]
fn a_stolen_state_is_worthless_after_two_epochs_at_most() {
    // The state is stolen at every moment of two epochs of ping-pong. SPEC.md states these numbers.
    for (victim, expected) in [(0, (81, 172)), (1, (81, 172))] {
        let found: Vec<_> = (174..348)
            .map(|messages| messages_until_healed(victim, messages))
            .collect();
        let range = (
            found.iter().min().copied().unwrap(),
            found.iter().max().copied().unwrap(),
        );
        assert_eq!(range, expected, "victim {victim}");
    }
}
