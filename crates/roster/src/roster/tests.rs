//! Tests of what a roster tells.

use crate::RosterVersion;
use crate::limits::{MAX_ROSTER_AGE_MS, MAX_ROSTER_AHEAD_MS, RENEW_AFTER_MS};
use crate::tests::support::Bob;

#[test]
fn chk280_a_roster_older_than_60_days_counts_for_its_managers_alone() {
    let roster = Bob::new().three();
    let ids = |now| {
        roster
            .counting(now)
            .map(|device| device.id)
            .collect::<Vec<_>>()
    };
    let bound = roster.at_ms() + MAX_ROSTER_AGE_MS;
    assert_eq!(ids(bound), [1, 2, 3]);
    assert_eq!(ids(bound + 1), [1, 2]);
    assert_eq!(ids(u64::MAX), [1, 2]);
}

#[test]
fn chk280_a_roster_dated_more_than_a_week_ahead_counts_for_its_managers_alone() {
    let roster = Bob::new().three();
    let ids = |now| roster.counting(now).map(|one| one.id).collect::<Vec<_>>();
    // A clock that is a little ahead takes no device away.
    let bound = roster.at_ms() - MAX_ROSTER_AHEAD_MS;
    assert_eq!(ids(bound), [1, 2, 3]);
    assert_eq!(ids(bound - 1), [1, 2]);
    assert_eq!(ids(0), [1, 2]);
    // So it is signed again.
    assert!(!roster.is_due(bound) && roster.is_due(bound - 1));
}

#[test]
fn the_same_devices_count_during_the_whole_time_and_others_before_and_after() {
    let roster = Bob::new().three();
    let ids = |now| roster.counting(now).map(|one| one.id).collect::<Vec<_>>();
    let first = roster.at_ms() - MAX_ROSTER_AHEAD_MS;
    let last = roster.at_ms() + MAX_ROSTER_AGE_MS;
    let times = [
        0,
        first - 1,
        first,
        roster.at_ms(),
        last,
        last + 1,
        u64::MAX,
    ];
    for now in times {
        let during = roster.counting_during(now);
        assert!(during.contains(&now));
        for other in times {
            let is_same = ids(other) == ids(now);
            assert!(is_same || !during.contains(&other), "{now} {other}");
        }
    }
    assert_eq!(roster.counting_during(roster.at_ms()), first..=last);
}

#[test]
fn a_roster_is_signed_again_from_30_days_on() {
    let roster = Bob::new().three();
    let bound = roster.at_ms() + RENEW_AFTER_MS;
    assert!(!roster.is_due(bound - 1) && roster.is_due(bound));
    assert!(roster.is_due(u64::MAX));
}

#[test]
fn versions_compare_as_pairs() {
    let of = |epoch, version| RosterVersion { epoch, version };
    assert!(of(2, 1) > of(1, u32::MAX));
    assert!(of(1, 2) > of(1, 1));
    assert_eq!(Bob::new().three().stamp(), of(1, 2));
}

#[test]
fn the_hash_depends_on_every_byte_of_the_roster() {
    let bob = Bob::new();
    let (one, two) = (bob.first(), bob.three());
    assert_ne!(one.hash(), two.hash());
    assert_eq!(one.short_hash(), one.hash()[..16]);
    assert_eq!(one.hash(), bob.first().hash());
}

#[test]
fn debug_shows_no_name_and_no_key() {
    let shown = format!("{:?}", Bob::new().first());
    let device = "DeviceEntry { id: 1, since: 1, .. }";
    assert_eq!(
        shown,
        format!("Roster {{ epoch: 1, version: 1, devices: [{device}], .. }}")
    );
}
