//! Gaps: messages that are missing before one that arrives. Keys of the last ones are kept, the
//! others are given up, and the conversation goes on.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_SKIPPED_CHAINS, MAX_SKIPPED_KEYS};

fn jump(ahead: u32) -> DecryptError {
    DecryptError::JumpTooFar {
        ahead,
        max: MAX_GAP,
    }
}

fn send(session: &mut Session) -> Vec<u8> {
    session.encrypt(b"x", b"", &mut rng(50)).unwrap()
}

/// Asserts that a message opens, and that it opens once.
fn assert_opens(session: &mut Session, message: &[u8]) {
    assert_eq!(*session.decrypt(message, b"").unwrap(), b"x");
    let before = session.export();
    assert!(session.decrypt(message, b"").is_err());
    assert_eq!(session.export(), before, "the state has changed");
}

#[test]
fn chk22_the_longest_gap_opens_and_one_more_is_rejected() {
    for (lost, opens) in [(MAX_GAP, true), (MAX_GAP + 1, false)] {
        // The gap is at the start of a new chain, and then in the middle of it.
        let (.., mut to_bob, mut to_alice) = established();
        send(&mut to_bob);
        to_bob.ratchet_mut().lose(lost - 1);
        let mut message = send(&mut to_bob);
        if opens {
            assert_opens(&mut to_alice, &message);
            to_bob.ratchet_mut().lose(lost);
            message = send(&mut to_bob);
            assert_opens(&mut to_alice, &message);
        } else {
            assert_refused(&mut to_alice, &message, jump(lost));
        }
    }
}

#[test]
fn chk22_missing_messages_of_the_chain_before_count_too() {
    for (own, opens) in [(20_000, true), (20_001, false)] {
        let (.., mut to_bob, mut to_alice) = established();
        let first = send(&mut to_bob);
        to_alice.decrypt(&first, b"").unwrap();
        let reply = send(&mut to_alice);
        to_bob.ratchet_mut().lose(30_000);
        to_bob.decrypt(&reply, b"").unwrap();
        send(&mut to_bob);
        to_bob.ratchet_mut().lose(own - 1);
        let next = send(&mut to_bob);
        if opens {
            assert_opens(&mut to_alice, &next);
        } else {
            assert_refused(&mut to_alice, &next, jump(30_000 + own));
        }
    }
}

#[test]
fn chk22_the_last_number_of_a_chain_is_refused_at_once() {
    let (.., mut to_bob, mut to_alice) = established();
    let first = send(&mut to_bob);
    to_alice.decrypt(&first, b"").unwrap();
    to_bob.ratchet_mut().sending.as_mut().unwrap().n = u32::MAX - 1;
    let far = send(&mut to_bob);
    assert_refused(&mut to_alice, &far, jump(u32::MAX - 2));
}

#[test]
fn chk21_of_a_long_gap_only_the_last_messages_of_each_chain_open_later() {
    let (.., mut to_bob, mut to_alice) = established();
    let first = send(&mut to_bob);
    to_alice.decrypt(&first, b"").unwrap();
    let reply = send(&mut to_alice);
    // In each of two chains the last 2,000 messages are kept, and the one before is given up.
    let lose = |to_bob: &mut Session| {
        to_bob.ratchet_mut().lose(5_000);
        let given_up = send(to_bob);
        let kept = send(to_bob);
        to_bob.ratchet_mut().lose(MAX_SKIPPED_AT_ONCE - 2);
        [given_up, kept, send(to_bob)]
    };
    let [given_up, kept, last] = lose(&mut to_bob);
    to_bob.decrypt(&reply, b"").unwrap();
    send(&mut to_bob);
    let [given_up_too, kept_too, last_too] = lose(&mut to_bob);
    let ahead = send(&mut to_bob);
    assert_opens(&mut to_alice, &ahead);
    let keys = usize::try_from(2 * MAX_SKIPPED_AT_ONCE).unwrap();
    assert_eq!(to_alice.ratchet_mut().skipped.len(), (keys, 1));
    for message in [given_up, given_up_too] {
        assert_refused(&mut to_alice, &message, DecryptError::AlreadyReceived);
    }
    for message in [kept, kept_too, last, last_too] {
        assert_opens(&mut to_alice, &message);
    }
}

/// Copies a session by way of its export, as after a restart.
fn restarted(session: &Session) -> Session {
    Session::import(&session.export()).unwrap()
}

/// Opens three messages, and tells which of them completes an epoch.
fn epoch_completed_by(session: &mut Session, messages: &[Vec<u8>; 3]) -> Option<usize> {
    let epochs = messages.each_ref().map(|message| {
        let before = session.pq_epochs();
        session.decrypt(message, b"").unwrap();
        session.pq_epochs() > before
    });
    epochs.iter().position(|completed| *completed)
}

#[test]
fn a_long_gap_can_reach_over_two_chains_and_two_epochs() {
    // Alice starts to send in the new epoch with a new chain, or in the middle of one.
    for in_the_middle in [0, 1] {
        let (.., mut to_bob, mut to_alice) = established();
        let replies = loop {
            let message = send(&mut to_bob);
            to_alice.decrypt(&message, b"").unwrap();
            // Five messages of Bob's complete an epoch of which Alice sent the key: the second of
            // three. Of the other epochs it is the first.
            let replies = [(); 3].map(|()| send(&mut to_alice));
            let completed = epoch_completed_by(&mut restarted(&to_bob), &replies);
            if completed == Some(in_the_middle) {
                break replies;
            }
            epoch_completed_by(&mut to_bob, &replies);
        };
        let epochs = to_bob.pq_epochs();
        to_bob.ratchet_mut().lose(9_000);
        let end = send(&mut to_bob);
        to_bob.decrypt(&replies[0], b"").unwrap();
        send(&mut to_bob);
        to_bob.ratchet_mut().lose(9_000);
        let before = send(&mut to_bob);
        to_bob.decrypt(&replies[1], b"").unwrap();
        let after = send(&mut to_bob);
        assert_eq!(to_bob.pq_epochs(), epochs + 1);
        to_bob.ratchet_mut().lose(1_000);
        let ahead = send(&mut to_bob);
        let mut to_alice = restarted(&to_alice);
        // One bit of the body is altered, after the tag's 16 bytes counted from the end.
        let mut altered = ahead.clone();
        let body = altered.len() - 17;
        altered[body] ^= 1;
        assert_refused(&mut to_alice, &altered, DecryptError::Unauthenticated);
        for message in [ahead, end, before, after] {
            assert_opens(&mut to_alice, &message);
        }
        // Both ratchets go on: another epoch completes.
        while to_alice.pq_epochs() < epochs + 2 {
            let reply = send(&mut to_alice);
            assert_opens(&mut to_bob, &reply);
            let message = send(&mut to_bob);
            assert_opens(&mut to_alice, &message);
        }
    }
}

/// One direction of a conversation: what its recipient has opened and what it must still open.
#[derive(Default)]
struct Direction {
    /// Number of messages in each chain of the sender.
    sent: Vec<u32>,
    /// Number of messages opened or passed over in the newest chain that the recipient knows.
    next: u32,
    /// Ordinal of that chain.
    chain: usize,
    /// Messages that the recipient keeps keys of: chain and number, oldest first.
    kept: Vec<(usize, u32)>,
    /// Messages on their way, with chain and number.
    late: VecDeque<(usize, u32, Vec<u8>)>,
}

impl Direction {
    /// Counts a message that is sent, and returns its chain and number.
    fn place(&mut self, begins: bool) -> (usize, u32) {
        if begins {
            self.sent.push(0);
        }
        let n = self.sent.last_mut().unwrap();
        *n += 1;
        (self.sent.len() - 1, self.sent.last().unwrap() - 1)
    }

    /// What must come of a message that arrives.
    fn arrives(&mut self, (chain, n): (usize, u32)) -> Arrival {
        let last = |from: u32, to: u32| from.max(to.saturating_sub(MAX_SKIPPED_AT_ONCE))..to;
        if chain < self.chain || chain == self.chain && n < self.next {
            let place = self.kept.iter().position(|kept| *kept == (chain, n));
            return match place {
                Some(place) => {
                    self.kept.remove(place);
                    Arrival::Opens
                }
                None => Arrival::GivenUp,
            };
        }
        let (ended, own) = if chain == self.chain {
            (0..0, self.next..n)
        } else {
            assert_eq!(chain, self.chain + 1);
            (self.next..self.sent[self.chain].max(self.next), 0..n)
        };
        let gap = ended.len() + own.len();
        if gap > usize::try_from(MAX_GAP).unwrap() {
            return Arrival::TooFar(gap.try_into().unwrap());
        }
        let ended = last(ended.start, ended.end).map(|n| (self.chain, n));
        self.kept.extend(ended);
        self.kept
            .extend(last(own.start, own.end).map(|n| (chain, n)));
        (self.chain, self.next) = (chain, n + 1);
        // The oldest chains and the oldest keys are evicted.
        let mut chains: Vec<_> = self.kept.iter().map(|(chain, _)| *chain).collect();
        chains.dedup();
        chains.retain(|earlier| *earlier != chain);
        let excess = chains.len().saturating_sub(MAX_SKIPPED_CHAINS);
        self.kept
            .retain(|(chain, _)| !chains[..excess].contains(chain));
        let excess = self.kept.len().saturating_sub(MAX_SKIPPED_KEYS);
        self.kept.drain(..excess);
        Arrival::Opens
    }
}

#[derive(Debug, PartialEq)]
enum Arrival {
    Opens,
    /// Its key was given up, or used.
    GivenUp,
    TooFar(u32),
}

#[derive(Debug, Clone)]
enum Step {
    /// Some messages of this side are lost.
    Lose(usize, u32),
    /// A message of this side arrives at once, or is late.
    Send(usize, bool),
    /// The oldest late message of this side arrives.
    Late(usize),
    /// This side exports its session and imports it again.
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = || 0..2_usize;
    let lost = prop_oneof![
        3 => 1..5_u32,
        2 => MAX_SKIPPED_AT_ONCE - 2..MAX_SKIPPED_AT_ONCE + 3,
        1 => 10_000..30_000_u32,
    ];
    prop_oneof![
        2 => (side(), lost).prop_map(|(side, lost)| Step::Lose(side, lost)),
        6 => (side(), any::<bool>()).prop_map(|(side, now)| Step::Send(side, now)),
        2 => side().prop_map(Step::Late),
        1 => side().prop_map(Step::Restart),
    ]
}

/// Gives a message to the side that it is for, and checks that what comes of it is right.
fn arrive(direction: &mut Direction, to: &mut Session, place: (usize, u32), message: &[u8]) {
    match direction.arrives(place) {
        Arrival::Opens => assert_eq!(*to.decrypt(message, b"").unwrap(), b"x", "{place:?}"),
        Arrival::TooFar(ahead) => assert_refused(to, message, jump(ahead)),
        Arrival::GivenUp => {
            let before = to.export();
            // The header key of a chain goes with its last key.
            let refused = [DecryptError::AlreadyReceived, DecryptError::Unauthenticated];
            assert!(refused.contains(&to.decrypt(message, b"").unwrap_err()));
            assert_eq!(to.export(), before, "the state has changed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 16 }))]

    #[test]
    fn chk22_messages_open_after_any_loss_within_the_limit(
        turns in 35..50_usize,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let (.., to_bob, to_alice) = established();
        let mut sides = [to_bob, to_alice];
        // Each side has sent one message, and the other has opened it.
        let mut directions = [(); 2].map(|()| Direction { sent: vec![1], next: 1, ..Direction::default() });
        // An epoch completes after some 87 messages in turn.
        let turns = (0..2 * turns).map(|turn| Step::Send(turn % 2, true));
        for step in turns.chain(steps) {
            match step {
                Step::Lose(from, count) => {
                    let ratchet = sides[from].ratchet_mut();
                    if !ratchet.begins_chain() {
                        ratchet.lose(count);
                        *directions[from].sent.last_mut().unwrap() += count;
                    }
                }
                Step::Send(from, now) => {
                    let place = directions[from].place(sides[from].ratchet_mut().begins_chain());
                    let message = send(&mut sides[from]);
                    if now {
                        arrive(&mut directions[from], &mut sides[1 - from], place, &message);
                    } else {
                        directions[from].late.push_back((place.0, place.1, message));
                    }
                }
                Step::Late(from) => {
                    if let Some((chain, n, message)) = directions[from].late.pop_front() {
                        arrive(&mut directions[from], &mut sides[1 - from], (chain, n), &message);
                    }
                }
                Step::Restart(side) => sides[side] = restarted(&sides[side]),
            }
        }
    }
}
