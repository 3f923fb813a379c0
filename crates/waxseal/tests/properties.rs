//! Properties of clients and their provider that hold whatever the network and the devices do.
//!
//! `waxseal_world::World` asserts after each step: each message is shown once, in the place that
//! its evidence names; a refused delivery changes nothing; the store stays bounded; whatever was
//! shown can be reported, and the report says what was sent. The environment variable
//! `PROPTEST_CASES` sets the number of cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use proptest::prelude::*;
use waxseal::store::Key;
use waxseal::{Client, MemoryStore, Received};
use waxseal_world::{Action, Script, SignIn, World, snapshot, targets};

/// Configures this many cases, or as many as the variable `PROPTEST_CASES` says.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|asked| asked.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn actions(keep: fn(&Action) -> bool) -> impl Strategy<Value = Vec<Action>> {
    let action = any::<[u8; 3]>().prop_map(Action::from);
    prop::collection::vec(action.prop_filter("one of these", keep), 1..60)
}

/// Whether an action is one of the network alone. Such actions neither set back nor lose a store,
/// and they rarely let two devices start sessions at once.
fn of_the_network(action: &Action) -> bool {
    !matches!(
        action,
        Action::RollBack { .. }
            | Action::StartOver { .. }
            | Action::Start { .. }
            | Action::Burst { .. }
            | Action::Publish { rotate: true, .. }
    )
}

/// Actions of devices whose stores are set back often, and which sign in at once or later.
fn set_backs() -> impl Strategy<Value = Vec<Action>> {
    const SENDS: [u8; 5] = [0; 5];
    const ARRIVALS: [u8; 10] = [20; 10];
    const OTHERS: [u8; 10] = [44, 47, 53, 54, 56, 56, 57, 57, 60, 60];
    let kinds = [&SENDS[..], &ARRIVALS, &OTHERS].concat();
    let action = (prop::sample::select(kinds), 0_u8..3, any::<u8>());
    let action = action.prop_map(|(kind, who, other)| Action::from([kind, who, other]));
    let signs_in = |action: &Action| {
        let sign_in = match action {
            Action::RollBack { sign_in, .. } => *sign_in,
            _ => SignIn::AtOnce,
        };
        sign_in != SignIn::Never
    };
    prop::collection::vec(action.prop_filter("signs in", signs_in), 1..100)
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn devices_that_are_set_back_and_sign_in_all_converse_in_the_end(seed: u64, script in set_backs()) {
        let mut world = World::new(seed, 3);
        for action in script {
            world.step(action);
        }
        world.settle();
    }

    #[test]
    fn over_any_network_each_message_is_shown_once_and_can_be_reported(seed: u64, script in actions(of_the_network)) {
        let mut world = World::new(seed, 2);
        for action in script {
            world.step(action);
        }
        world.settle();
        let mut sent = world.sent.iter();
        let all = sent.all(|sent| sent.shown == 1 || sent.given_up);
        prop_assert!(all || !world.is_undisturbed());
    }

    #[test]
    fn whatever_happens_all_converse_in_the_end(seed: u64, script in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new(seed, 3);
        for action in Script::new(&script) {
            world.step(action);
        }
        world.settle();
    }

    /// A thief of a store cannot open a message that was opened before. This holds even without the
    /// index by which the client recognises repeated deliveries.
    #[test]
    fn a_store_that_leaks_opens_no_earlier_message(seed: u64, script in actions(of_the_network)) {
        let mut world = World::new(seed, 2);
        let mut deliveries = Vec::new();
        for action in script {
            let shown: Vec<u32> = world.sent.iter().map(|sent| sent.shown).collect();
            world.step(action);
            for number in 0..world.sent.len() {
                let (to, now) = (world.sent[number].to, world.sent[number].shown);
                if now > shown.get(number).copied().unwrap_or(0) {
                    deliveries.push((to, world.delivery_of(number)));
                }
            }
        }
        for (to, delivery) in deliveries {
            let is_index = |key: &Key| key.table.as_bytes().first() == Some(&b'i');
            let records = snapshot(&world.clients[to]);
            let kept = records.into_iter().filter(|(key, _)| !is_index(key));
            let mut thief = Client::open(MemoryStore::from_records(kept)).unwrap();
            let received = thief.receive(&delivery);
            prop_assert!(!matches!(received, Ok(Received::Message { .. })), "the message opens again");
        }
    }

    /// A report of something that was not sent does not verify, whatever a reporter with all its
    /// keys forges.
    #[test]
    fn no_report_verifies_that_was_not_sent(
        chosen: u8, by: u8,
        changes in prop::collection::vec(any::<[u8; 6]>(), 0..4),
        cut in prop::option::weighted(0.2, any::<[u8; 5]>()),
    ) {
        let changes = changes.concat();
        targets::report(&[&[chosen, by][..], &changes, &cut.unwrap_or_default()[..if cut.is_some() { 5 } else { 0 }]].concat());
    }

    /// No damage to a store makes a client panic, or show a message that was not sent.
    #[test]
    fn no_damaged_store_makes_a_client_panic_or_lie(damages in prop::collection::vec(any::<[u8; 6]>(), 0..4)) {
        targets::store(&damages.concat());
    }
}

/// A store restored from a backup does what SECURITY.md says, and no more. Messages sent from it
/// may not open. Messages received since the backup are shown again if they are delivered again. A
/// new session repairs the conversation.
#[test]
fn a_restored_store_loses_messages_and_lies_about_none() {
    let mut world = World::new(1, 2);
    let send = |world: &mut World, from: usize| {
        world.step(Action::Send { from, to: 0 });
        // The envelope arrives, then the delivery and the receipt.
        (0..3).for_each(|_| world.step(Action::Arrive { packet: 0 }));
        world.sent.last().unwrap().shown
    };
    for from in [0, 1, 0, 1] {
        assert_eq!(send(&mut world, from), 1);
    }
    world.step(Action::Save { who: 0 });
    assert_eq!(send(&mut world, 0), 1);
    assert_eq!(send(&mut world, 0), 1);
    world.step(Action::RollBack {
        who: 0,
        sign_in: SignIn::Never,
    });
    // The restored store seals these two messages under keys that the peer has already spent, so
    // they are not shown.
    assert_eq!(send(&mut world, 0), 0);
    assert_eq!(send(&mut world, 0), 0);
    // The peer's next message opens, because it was sealed to a ratchet step that the restored
    // state still has. After a new session, everything opens.
    world.settle();
    assert!(!world.is_undisturbed());
    assert_eq!(send(&mut world, 0), 1);
    assert_eq!(send(&mut world, 1), 1);
}
