//! Accounts with several devices: whatever the order in which devices write, post, receive, crash,
//! are linked and removed, each message is shown once on every device that it was accepted for, and
//! on no other.
//!
//! `waxseal_world::Household` makes the assertions. The environment variable `PROPTEST_CASES` sets
//! the number of cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use proptest::prelude::*;
use waxseal_world::{Fate, Household, Step};

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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<[u8; 3]>().prop_map(Step::from), 0..60)
}

/// Steps of devices that only write, post, receive and restart.
fn of_messages() -> impl Strategy<Value = Vec<Step>> {
    let step = any::<[u8; 3]>().prop_map(Step::from);
    let step = step.prop_filter("no roster changes", |step| {
        !matches!(
            step,
            Step::Link { .. } | Step::Remove { .. } | Step::TakeOver { .. }
        )
    });
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn whatever_happens_each_message_is_on_its_devices_and_on_no_other(seed: u64, script in steps()) {
        let mut household = Household::new(seed);
        for step in script {
            household.step(step);
        }
        household.settle();
    }

    #[test]
    fn accounts_that_have_several_devices_already_gain_and_lose_some(seed: u64, script in steps()) {
        let mut household = Household::of(seed, [2, 3]);
        for step in script {
            household.step(step);
        }
        household.settle();
    }

    #[test]
    fn without_changes_of_rosters_nothing_is_given_up(seed: u64, script in of_messages()) {
        let mut household = Household::of(seed, [3, 2]);
        for step in script {
            household.step(step);
        }
        household.settle();
        prop_assert!(household.written.iter().all(|written| !written.given_up));
        let accepted = household.written.iter().filter(|written| !written.accepted.is_empty());
        for written in accepted {
            prop_assert_eq!(&written.shown, &written.targets);
        }
    }
}

/// All orders of the steps of several devices, each of which takes its own steps in order.
fn interleavings(sequences: &[&[Step]]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    for (index, sequence) in sequences.iter().enumerate() {
        let Some((first, rest)) = sequence.split_first() else {
            continue;
        };
        let mut left = sequences.to_vec();
        left[index] = rest;
        for mut order in interleavings(&left) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    match all.is_empty() {
        true => vec![Vec::new()],
        false => all,
    }
}

/// Runs all orders of these steps, in households with these numbers of devices that have written to
/// each other before.
fn assert_in_any_order(devices: [usize; 2], sequences: &[&[Step]]) {
    for (seed, order) in (0..).zip(interleavings(sequences)) {
        let mut household = Household::of(seed, devices);
        household.settle();
        for step in order {
            household.step(step);
        }
        household.settle();
    }
}

const fn post(who: usize, which: usize) -> Step {
    let fate = Fate::Delivered;
    Step::Post { who, which, fate }
}

const fn arrive(who: usize) -> Step {
    Step::Arrive {
        who,
        which: 0,
        is_acknowledged: true,
    }
}

const fn write(who: usize) -> Step {
    Step::Write { who, fetches: true }
}

const fn post_roster(who: usize, is_answered: bool) -> Step {
    Step::PostRoster { who, is_answered }
}

// In a household of two and two, device 0 is Alice's first, 1 is Bob's first, 2 is Alice's second
// and 3 is Bob's second.

#[test]
fn row_15_a_message_and_a_removal_in_any_order() {
    let writes = [write(3), post(3, 0), arrive(2)];
    let removes = [
        Step::Remove {
            account: 0,
            which: 0,
        },
        post_roster(0, false),
        post_roster(0, true),
    ];
    assert_in_any_order([2, 2], &[&writes, &removes]);
}

#[test]
fn a_message_and_a_link_in_any_order() {
    let writes = [write(1), post(1, 0), arrive(0)];
    let links = [
        Step::Link { account: 0 },
        post_roster(0, true),
        Step::Publish { who: 3 },
    ];
    assert_in_any_order([2, 1], &[&writes, &links]);
}

#[test]
fn two_messages_that_cross_and_a_removal_of_one_author_in_any_order() {
    let one = [write(2), post(2, 0)];
    let other = [write(3), post(3, 0)];
    let removes = [
        Step::Remove {
            account: 1,
            which: 0,
        },
        post_roster(1, true),
    ];
    assert_in_any_order([2, 2], &[&one, &other, &removes]);
}

#[test]
fn a_removal_and_a_take_over_race() {
    let removes = [
        Step::Remove {
            account: 0,
            which: 0,
        },
        post_roster(0, true),
    ];
    let takes_over = [Step::TakeOver { who: 2 }, post_roster(2, true)];
    let writes = [write(1), post(1, 0)];
    assert_in_any_order([2, 1], &[&removes, &takes_over, &writes]);
}
