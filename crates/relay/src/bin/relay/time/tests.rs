use super::*;
use crate::fixture::Clocks;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = EPOCH_MS;
const TODAY: u64 = 21_000;
/// Noon of that day.
const NOON: u64 = TODAY * DAY + 12 * HOUR;

fn settled(at_ms: u64) -> Proven {
    Proven {
        began_ms: at_ms - 100 * DAY,
        settled: true,
        ..Proven::starting_at(at_ms)
    }
}

/// Lets a relay run, and returns proven time at the end.
fn run(time: &Time, clocks: &Clocks, ms: u64) -> Proven {
    let mut proven = None;
    for _ in 0..ms / (10 * MINUTE) {
        clocks.pass(10 * MINUTE);
        proven = Some(time.advance(0, Others::Alone));
    }
    proven.unwrap_or_else(|| time.advance(0, Others::Alone))
}

#[test]
fn proven_time_moves_with_both_clocks_and_never_with_a_clock_that_jumps() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(settled(NOON), clocks.reader());
    assert_eq!(run(&time, &clocks, HOUR).at_ms, NOON + HOUR);
    // 40 days ahead for a second.
    clocks.set(NOON + 40 * DAY);
    assert_eq!(time.now().as_millis(), NOON + 40 * DAY);
    assert_eq!(time.advance(0, Others::Alone).at_ms, NOON + HOUR);
    clocks.set(NOON + HOUR);
    clocks.pass(1_000);
    time.advance(0, Others::Alone);
    let after = run(&time, &clocks, HOUR).at_ms;
    assert!((NOON + 2 * HOUR..=NOON + 2 * HOUR + 1_000).contains(&after));
    // A clock that runs ten times too fast, or stands still.
    for (wall, expected) in [(10 * MINUTE, MINUTE), (0, 0)] {
        let before = time.advance(0, Others::Alone).at_ms;
        let read = clocks.read();
        clocks.pass(MINUTE);
        clocks.set(read.wall_ms + wall);
        assert_eq!(time.advance(0, Others::Alone).at_ms, before + expected);
    }
}

#[test]
fn a_gap_of_seven_days_is_credited_after_a_steady_day_and_a_larger_one_is_not() {
    for (gap, credited) in [(7 * DAY, true), (7 * DAY + 1, false), (40 * DAY, false)] {
        let clocks = Clocks::at(NOON + gap);
        let time = Time::start(settled(NOON), clocks.reader());
        let nearly = run(&time, &clocks, DAY - 10 * MINUTE);
        assert_eq!(nearly.at_ms, NOON + DAY - 10 * MINUTE);
        let expected = if credited { gap } else { 0 };
        assert_eq!(
            run(&time, &clocks, 10 * MINUTE).at_ms,
            NOON + DAY + expected
        );
    }
}

#[test]
fn a_jump_makes_the_steady_day_begin_again() {
    let clocks = Clocks::at(NOON + 3 * DAY);
    let time = Time::start(settled(NOON), clocks.reader());
    run(&time, &clocks, 23 * HOUR);
    clocks.set(clocks.read().wall_ms + HOUR);
    assert_eq!(run(&time, &clocks, 23 * HOUR).at_ms, NOON + 46 * HOUR);
    let proven = run(&time, &clocks, 2 * HOUR);
    assert_eq!(proven.at_ms, clocks.read().wall_ms);
}

#[test]
fn the_time_is_never_before_proven_time() {
    for back in [HOUR, DAY, 365 * DAY, NOON] {
        let clocks = Clocks::at(NOON);
        let time = Time::start(settled(NOON), clocks.reader());
        run(&time, &clocks, HOUR);
        clocks.set(NOON - back);
        assert_eq!(time.now().as_millis(), NOON + HOUR);
        let proven = run(&time, &clocks, HOUR);
        let now = time.now().as_millis();
        assert!((NOON + 2 * HOUR - 10 * MINUTE..=NOON + 2 * HOUR).contains(&now));
        // After a restart too.
        let again = Time::start(proven, clocks.reader());
        assert_eq!(again.now().as_millis(), proven.at_ms);
        assert!(again.advance(0, Others::Alone).settled);
    }
}

#[test]
fn a_relay_first_started_with_a_clock_ahead_follows_the_clock_when_it_is_set_right() {
    for ahead in [HOUR, DAY, 365 * DAY, 370 * DAY] {
        let clocks = Clocks::at(NOON + ahead);
        let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
        let proven = run(&time, &clocks, 2 * DAY);
        // These are the keys that exist then.
        let oldest = proven.oldest_epoch();
        clocks.set(NOON + 2 * DAY);
        let corrected = time.advance(oldest, Others::Alone);
        assert_eq!(corrected, Proven::starting_at(NOON + 2 * DAY), "{ahead}");
        assert_eq!(time.now().as_millis(), NOON + 2 * DAY);
        assert!(u64::from(oldest) <= TODAY + 2);
    }
}

#[test]
fn a_new_relay_does_not_follow_a_clock_to_a_day_without_keys() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
    let oldest = time.advance(0, Others::Alone).oldest_epoch();
    clocks.set(0); // The clock of a machine whose battery is empty.
    clocks.pass(HOUR);
    let proven = time.advance(oldest, Others::Alone);
    assert_eq!((proven.at_ms, proven.began_ms), (NOON, NOON));
    assert_eq!(time.now().as_millis(), NOON);
}

#[test]
fn a_relay_is_new_for_thirty_days_of_proven_time_and_destroys_nothing_recent_until_then() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
    let nearly = run(&time, &clocks, 30 * DAY - 10 * MINUTE);
    assert!(!nearly.settled);
    assert_eq!(u64::from(nearly.oldest_epoch()), TODAY + 30 - 370);
    let settled = run(&time, &clocks, 10 * MINUTE);
    assert!(settled.settled);
    assert_eq!(u64::from(settled.oldest_epoch()), TODAY);
    // Once settled, it stays so.
    let again = Time::start(settled, clocks.reader());
    assert!(again.advance(0, Others::Alone).settled);
}

#[test]
fn the_operators_word_moves_proven_time_at_once() {
    for wall in [NOON + 40 * DAY, NOON - 40 * DAY] {
        let clocks = Clocks::at(wall);
        let time = Time::start(settled(NOON), clocks.reader());
        assert_eq!(time.trust_clock().at_ms, wall);
        assert_eq!(time.advance(0, Others::Alone).at_ms, wall);
        assert_eq!(time.now().as_millis(), wall);
    }
}

#[test]
fn a_jump_is_logged_once_between_two_records_and_only_a_jump() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(settled(NOON), clocks.reader());
    clocks.pass(MINUTE);
    clocks.set(clocks.read().wall_ms + MAX_DRIFT_MS);
    time.now();
    assert!(!time.state().jump_logged);
    clocks.set(clocks.read().wall_ms + 1);
    time.now();
    assert!(time.state().jump_logged);
    time.advance(0, Others::Alone);
    assert!(!time.state().jump_logged);
}

#[test]
fn a_relay_that_is_restarted_every_day_proves_a_steady_day_too() {
    for (down, steady) in [(MAX_RESTART_MS, true), (MAX_RESTART_MS + 1, false)] {
        let clocks = Clocks::at(NOON + 3 * DAY);
        let time = Time::start(settled(NOON), clocks.reader());
        let proven = run(&time, &clocks, 20 * HOUR);
        clocks.pass(down);
        let time = Time::start(proven, clocks.reader());
        let nearly = run(&time, &clocks, 4 * HOUR - 10 * MINUTE);
        assert!(nearly.at_ms < NOON + DAY);
        let caught_up = run(&time, &clocks, 10 * MINUTE).at_ms == clocks.read().wall_ms;
        assert_eq!(caught_up, steady);
    }
    // A clock that was set between two runs is not steady, in whatever direction.
    for set in [NOON - HOUR, NOON + 3 * DAY] {
        let clocks = Clocks::at(NOON);
        let proven = run(&Time::start(settled(NOON), clocks.reader()), &clocks, DAY);
        assert_eq!(proven.steady_ms, DAY);
        clocks.set(set + DAY);
        assert_eq!(
            Time::start(proven, clocks.reader())
                .advance(0, Others::Alone)
                .steady_ms,
            0
        );
    }
}

#[test]
fn a_relay_is_new_for_longer_if_its_clock_jumps_on_the_thirtieth_day() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
    run(&time, &clocks, 29 * DAY + 12 * HOUR);
    clocks.set(clocks.read().wall_ms + HOUR);
    assert!(!run(&time, &clocks, DAY).settled);
    assert!(run(&time, &clocks, HOUR).settled);
}

#[test]
fn a_new_relay_does_not_begin_again_for_a_clock_that_is_set_back_a_little() {
    for (back, begins_again) in [(MAX_BEHIND_MS, false), (MAX_BEHIND_MS + 1, true)] {
        let clocks = Clocks::at(NOON);
        let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
        run(&time, &clocks, HOUR);
        clocks.set(NOON + HOUR - back);
        assert_eq!(
            time.advance(0, Others::Alone).began_ms != NOON,
            begins_again
        );
    }
}

#[test]
fn a_new_relay_whose_operator_set_its_time_back_is_new_for_thirty_days() {
    let clocks = Clocks::at(NOON + 3_650 * DAY);
    let time = Time::start(Proven::starting_at(clocks.read().wall_ms), clocks.reader());
    clocks.set(NOON);
    time.trust_clock();
    assert!(!run(&time, &clocks, 29 * DAY).settled);
    assert!(run(&time, &clocks, DAY).settled);
}

#[test]
fn chk710_a_gap_is_not_credited_while_other_clocks_do_not_agree() {
    let differ = Others::Differ {
        median_ms: Some(NOON + 5 * DAY),
    };
    let clocks = Clocks::at(NOON + 6 * DAY);
    let time = Time::start(settled(NOON), clocks.reader());
    for _ in 0..48 * 6 {
        clocks.pass(10 * MINUTE);
        time.advance(0, differ);
    }
    assert_eq!(time.proven().at_ms, NOON + 2 * DAY);
    assert!(time.proven().settled);
    // It was said within the last hour.
    let since = time.reading().monotonic_ms - time.state().disagreed_ms.unwrap();
    assert!(since < DISAGREED_MS, "{since}");
    // A clock that is slewed gains nothing either.
    clocks.set(NOON + 2 * DAY);
    let before = run(&time, &clocks, 2 * DAY).at_ms;
    assert_eq!(before, clocks.read().wall_ms);
    for _ in 0..60 {
        clocks.pass(MINUTE);
        clocks.set(clocks.read().wall_ms + MAX_DRIFT_MS);
        time.advance(0, differ);
    }
    assert_eq!(time.proven().at_ms, before + HOUR);
    assert_eq!(time.advance(0, Others::Alone).at_ms, clocks.read().wall_ms);
}

#[test]
fn chk710_beside_others_time_moves_no_further_than_their_clocks() {
    let clocks = Clocks::at(NOON);
    let time = Time::start(settled(NOON), clocks.reader());
    let advance = |others| {
        clocks.pass(MINUTE);
        time.advance(0, others).at_ms
    };
    let differ = |median_ms| Others::Differ {
        median_ms: Some(median_ms),
    };
    assert_eq!(advance(differ(NOON + HOUR)), NOON + MINUTE);
    assert_eq!(advance(differ(NOON + MINUTE + 1)), NOON + MINUTE + 1);
    assert_eq!(advance(differ(0)), NOON + MINUTE + 1, "it does not go back");
    assert_eq!(advance(differ(u64::MAX)), NOON + 2 * MINUTE + 1);
    // Of two clocks, nobody knows which one is right.
    let unknown = Others::Differ { median_ms: None };
    assert_eq!(advance(unknown), NOON + 3 * MINUTE + 1);

    // A clock that is set back leaves no lead for good.
    assert_eq!(advance(Others::Agree), NOON + 4 * MINUTE + 1);
    clocks.set(NOON);
    for minute in 1..5 {
        assert_eq!(advance(Others::Agree), NOON + 4 * MINUTE + 1, "{minute}");
    }
    assert_eq!(advance(Others::Agree), NOON + 5 * MINUTE);
}
