//! Tests of `accepted_time.rs`.

use proptest::prelude::*;

use super::*;

fn next(clock: u64, last: u64) -> u64 {
    let last = Some(Timestamp::from_millis(last));
    next_accepted_at(Timestamp::from_millis(clock), last).as_millis()
}

#[test]
fn times_of_one_device_rise_by_a_millisecond_if_the_clock_does_not() {
    let clock = Timestamp::from_millis(1_000_000);
    assert_eq!(next_accepted_at(clock, None), clock);
    assert_eq!(next(1_000_000, 0), 1_000_000);
    assert_eq!(next(1_000_000, 999_998), 1_000_000);
    assert_eq!(next(1_000_000, 999_999), 1_000_000);
    assert_eq!(next(1_000_000, 1_000_000), 1_000_001);
    assert_eq!(next(1_000_000, 1_000_007), 1_000_008);
}

#[test]
fn a_last_time_more_than_five_minutes_ahead_is_left_behind() {
    assert_eq!(next(1_000_000, 1_000_000 + MAX_LAST_AHEAD_MS), 1_300_001);
    assert_eq!(next(1_000_000, 1_000_001 + MAX_LAST_AHEAD_MS), 1_000_000);
    assert_eq!(next(1_000_000, u64::MAX), 1_000_000);
    assert_eq!(next(u64::MAX, u64::MAX), u64::MAX);
    // A clock that was 40 days ahead for one message.
    let ahead = 1_000_000 + 40 * 86_400_000;
    let mut last = next(ahead, 999_999);
    assert_eq!(last, ahead);
    for clock in [1_000_005, 1_000_005, 1_000_009] {
        last = next(clock, last);
    }
    assert_eq!(last, 1_000_009);
}

proptest! {
    /// Whatever the clock does, a time is above the one before, or the step back is longer than
    /// five minutes and ends at the clock.
    #[test]
    fn accepted_times_rise_except_after_a_break_of_the_clock(
        clocks in prop::collection::vec(0u64..2_000_000, 1..40),
    ) {
        let mut last: Option<Timestamp> = None;
        for clock in clocks {
            let clock = Timestamp::from_millis(clock);
            let next = next_accepted_at(clock, last);
            prop_assert!(next >= clock);
            if let Some(last) = last {
                let ahead = last.as_millis().saturating_sub(clock.as_millis());
                prop_assert_eq!(next > last, ahead <= MAX_LAST_AHEAD_MS);
                prop_assert!(next > last || next == clock);
            }
            last = Some(next);
        }
    }
}
