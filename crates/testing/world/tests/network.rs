//! Two devices talk over a network that repeats, delays and reorders messages, and in some tests
//! loses them. Sessions start at any time, and state is stored and read back at any point. The
//! tests assert that each message that is not lost opens exactly once, and that in the end both
//! devices send on the same session.
//!
//! `waxseal_world::Pair` makes the assertions at each step. The environment variable
//! `PROPTEST_CASES` sets the number of cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use proptest::prelude::*;
use waxseal_core::limits::{MAX_SKIPPED_AT_ONCE, MAX_SKIPPED_KEYS};
use waxseal_core::{PreKeyBundle, PreKeys, SessionSet};
use waxseal_world::{AD, Action, Device, Pair, Script, rng};

/// A configuration that runs `cases` cases, or the number that `PROPTEST_CASES` asks for.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|asked| asked.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Generates actions of an honest network and honest devices: no state is rolled back or lost, no
/// message is lost for good, and no signed prekeys are replaced.
fn fair() -> impl Strategy<Value = Vec<Action>> {
    let action = any::<[u8; 3]>().prop_map(Action::from);
    let action = action.prop_filter("fair", |action| {
        !matches!(
            action,
            Action::RollBack { .. }
                | Action::StartOver { .. }
                | Action::Lose { .. }
                | Action::Burst { .. }
                | Action::Publish { rotate: true, .. }
        )
    });
    prop::collection::vec(action, 1..60)
}

/// Generates the bytes of a script with any actions.
fn any_script() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..240)
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn each_message_opens_once_and_both_end_on_one_session(seed: u64, script in fair()) {
        let mut pair = Pair::new(seed);
        for action in script {
            pair.step(action);
        }
        pair.settle();
        let lost = pair.messages.iter().filter(|message| message.opened == 0).count();
        prop_assert!(lost == 0 || pair.may_refuse(0) || pair.may_refuse(1));
    }

    #[test]
    fn both_starting_at_once_converge(seed: u64, script in fair()) {
        let mut pair = Pair::new(seed);
        for from in [0, 1, 1, 0] {
            pair.start(from);
            pair.step(Action::Send { from, to: 0 });
        }
        for action in script {
            pair.step(action);
        }
        pair.settle();
    }

    #[test]
    fn whatever_happens_they_converse_in_the_end_and_no_old_message_opens(seed: u64, script in any_script()) {
        let mut pair = Pair::new(seed);
        for action in Script::new(&script) {
            pair.step(action);
        }
        pair.assert_forward_secret();
        pair.settle();
        pair.assert_forward_secret();
    }

    /// A thief copies everything that both devices store, at any moment. The copies open the next
    /// message, but none that follows once each device has answered the other.
    #[test]
    fn a_copied_state_is_worthless_after_a_round_trip_each(seed: u64, script in fair(), rounds in 1_usize..4) {
        let mut pair = Pair::new(seed);
        for action in script {
            pair.step(action);
        }
        pair.settle();
        let mut thief = Thief::copy(&pair);
        // The copied state still opens the next message.
        let first = pair.send(0);
        prop_assert!(thief.opens(&pair, first));
        pair.receive(first).unwrap();
        let answer = pair.send(1);
        thief.opens(&pair, answer);
        pair.receive(answer).unwrap();
        // By now both devices have taken a ratchet step since the copy was made.
        for turn in 0..rounds * 2 {
            for _ in 0..3 {
                let number = pair.send(turn % 2);
                prop_assert!(!thief.opens(&pair, number), "turn {turn} opens with the copied state");
                pair.receive(number).unwrap();
            }
        }
    }

    /// A device whose state is rolled back uses message keys twice. Anyone who sees two ciphertexts
    /// under one key learns the XOR of the two texts. After the next ratchet step, no key repeats.
    #[test]
    fn a_state_set_back_repeats_the_keys_of_its_chain_and_no_others(seed: u64, script in fair(), lost in 0_usize..4) {
        let mut pair = Pair::new(seed);
        for action in script {
            pair.step(action);
        }
        pair.settle();
        // Device 0 has begun its sending chain. Further messages on the chain draw no random
        // numbers, so the device and its twin (a copy of its sessions) would send the same bytes.
        let begun = pair.send(0);
        pair.receive(begun).unwrap();
        let Device { sessions, .. } = &pair.devices[0];
        let mut twin = SessionSet::import(&sessions.as_ref().unwrap().export()).unwrap();
        for number in 0..=lost {
            let texts = [b"attack at dawn", b"attack at dusk"];
            let one = pair.devices[0].encrypt(texts[0], &mut pair.rng);
            let same = SessionSet::import(&twin.export()).unwrap().encrypt(texts[0], AD, &mut pair.rng).unwrap();
            prop_assert_eq!(&one, &same, "the same text gives the same message");
            let other = twin.encrypt(texts[1], AD, &mut pair.rng).unwrap();
            let body = one.len() - 14 - 16..one.len() - 16;
            let difference = body.clone().map(|place| one[place] ^ other[place]);
            let texts = texts[0].iter().zip(texts[1]).map(|(a, b)| a ^ b);
            prop_assert!(difference.eq(texts), "both texts were encrypted with one key, as documented");
            // The peer opens the message that arrives first and refuses the second.
            let (first, second) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
            pair.devices[1].decrypt(first).unwrap();
            prop_assert!(pair.devices[1].decrypt(second).is_err());
        }
        // After the next ratchet step, the device and its rolled-back twin have no key in common.
        // The peer follows the device and refuses messages of the twin.
        pair.talk(2);
        let number = pair.send(0);
        pair.receive(number).unwrap();
        let stale = twin.encrypt(b"stale", AD, &mut pair.rng).unwrap();
        pair.refuse(1, &stale);
        pair.talk(1);
    }

    #[test]
    fn no_input_makes_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let versioned = [&[1], bytes.as_slice()].concat();
        for input in [&bytes, &versioned] {
            prop_assert!(waxseal_core::Message::peek(input).is_err());
            prop_assert!(PreKeyBundle::decode(input, None).is_err());
            prop_assert!(SessionSet::import(input).is_err());
            prop_assert!(waxseal_core::Session::import(input).is_err());
            prop_assert!(PreKeys::import(input).is_err());
        }
    }
}

/// A thief has two copies of both devices. The first copy stays as it was. The second follows the
/// conversation as far as its keys allow.
struct Thief {
    copied: [Device; 2],
    following: [Device; 2],
}

impl Thief {
    fn copy(pair: &Pair) -> Self {
        let copy = || [0, 1].map(|who: usize| pair.devices[who].copy());
        Self {
            copied: copy(),
            following: copy(),
        }
    }

    /// Whether any copied device opens the message.
    fn opens(&mut self, pair: &Pair, number: usize) -> bool {
        let message = &pair.messages[number];
        // The copy of the sender also sends a message. So it takes the same steps as the sender,
        // but where the sender makes a new key pair, the copy makes a different one.
        self.following[message.from].encrypt(b"", &mut rng(2));
        let mut opened = false;
        for devices in [&mut self.copied, &mut self.following] {
            for device in devices {
                opened |= device.decrypt(&message.bytes).is_ok();
            }
        }
        opened
    }
}

/// However many messages are lost, and for however long, the skipped keys that a device stores stay
/// within the limits.
#[test]
fn state_stays_bounded_however_many_messages_are_missing() {
    let mut pair = Pair::talking(1);
    let jump = usize::try_from(MAX_SKIPPED_AT_ONCE).unwrap();
    let mut largest = 0;
    for round in 0..5 {
        for from in [0, 1] {
            // One device sends many messages that are lost, up to the maximum that may be skipped
            // at once. Its next message arrives.
            for _ in 0..jump.min(1_000 + 300 * round) {
                pair.devices[from].encrypt(b"lost", &mut pair.rng);
            }
            let number = pair.send(from);
            let bytes = pair.messages[number].bytes.clone();
            pair.devices[1 - from].decrypt(&bytes).unwrap();
            largest = largest.max(pair.devices[1 - from].sessions().export().len());
        }
    }
    assert!(
        largest > 84 * MAX_SKIPPED_KEYS,
        "the limit was not reached: {largest} bytes"
    );
    assert!(
        largest <= 29 + 2_085 + 400 + 84 * MAX_SKIPPED_KEYS,
        "the state grew beyond its limit: {largest} bytes"
    );
}
