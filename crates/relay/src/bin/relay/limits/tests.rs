use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use waxseal_interface::ErrorCode;
use waxseal_reporting::AccountId;

use super::buckets::MAX_BUCKETS;
use super::once::Once;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_bucket_gives_a_burst_and_then_its_rate() {
    let (buckets, start) = (Buckets::new(3.0, 2.0), Instant::now());
    for _ in 0..3 {
        buckets.take(&"al", 1.0, start).unwrap();
    }
    let refusal = buckets.take(&"al", 1.0, start).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TooManyRequests);
    assert_eq!(refusal.retry_after_secs, Some(1));
    buckets.take(&"bo", 1.0, start).unwrap();

    for _ in 0..2 {
        buckets.take(&"al", 1.0, start + SECOND).unwrap();
    }
    buckets.take(&"al", 1.0, start + SECOND).unwrap_err();
    // A bucket never holds more than the burst of three, however long it was left alone.
    for _ in 0..3 {
        buckets.take(&"al", 1.0, start + 100 * SECOND).unwrap();
    }
    buckets.take(&"al", 1.0, start + 100 * SECOND).unwrap_err();
}

#[test]
fn a_refused_request_costs_nothing_and_an_unaffordable_one_waits_for_a_whole_bucket() {
    let (buckets, start) = (Buckets::new(10.0, 1.0), Instant::now());
    buckets.take(&"al", 4.0, start).unwrap();
    let refusal = buckets.take(&"al", 500.0, start).unwrap_err();
    assert_eq!(refusal.retry_after_secs, Some(4));
    buckets.take(&"al", 6.0, start).unwrap();
    buckets.take(&"bo", 500.0, start).unwrap();
}

#[test]
fn a_message_for_4096_devices_is_let_in_by_one_relay_and_by_ten() {
    let account = AccountId::new("alice").unwrap();
    for relays in [1, 10] {
        let limits = Limits::new();
        limits.divide(relays);
        let post = |body_len: usize, devices: usize| {
            limits.account(&account, body_len)?;
            limits.targets(&account, devices)
        };
        post(2 << 20, 4_096).unwrap();
        // The next one waits until what is owed has come back.
        let refusal = post(100, 1).unwrap_err();
        let wait = refusal.retry_after_secs.unwrap();
        assert!((1..=6 * u64::from(relays)).contains(&wait), "{wait}");
    }
    // Those that were let in at once cannot owe without end.
    let buckets = Buckets::divided(1_000.0, 200.0, &Arc::new(AtomicU32::new(10)));
    let start = Instant::now();
    buckets.owe(&"al", 4_095.0, start).unwrap();
    buckets.owe(&"al", 4_095.0, start).unwrap();
    let refusal = buckets.owe(&"al", 1.0, start).unwrap_err();
    assert_eq!(refusal.retry_after_secs, Some(45));
    buckets.owe(&"al", 1.0, start + 45 * SECOND).unwrap();
}

#[test]
fn what_is_divided_among_relays_costs_as_much_at_each_of_them() {
    let relays = Arc::new(AtomicU32::new(10));
    let (buckets, start) = (Buckets::divided(1_000.0, 200.0, &relays), Instant::now());
    buckets.take(&"al", 900.0, start).unwrap();
    // 800 are owed, and 20 come back in a second.
    let refusal = buckets.take(&"al", 900.0, start).unwrap_err();
    assert_eq!(refusal.retry_after_secs, Some(45));
    buckets.take(&"al", 1.0, start + 40 * SECOND).unwrap_err();
    buckets.take(&"al", 900.0, start + 45 * SECOND).unwrap();
    // One that is alone again gives more at once.
    relays.store(1, Ordering::Relaxed);
    buckets.take(&"bo", 1_000.0, start).unwrap();
    buckets.take(&"bo", 1.0, start).unwrap_err();
}

#[test]
fn the_table_is_bounded_and_forgets_full_buckets_first() {
    let (buckets, start) = (Buckets::new(2.0, 1.0), Instant::now());
    for key in 0..MAX_BUCKETS {
        buckets.take(&key, 1.0, start).unwrap();
    }
    buckets.take(&MAX_BUCKETS, 1.0, start).unwrap_err();
    buckets.take(&7, 1.0, start).unwrap(); // A key that has a bucket can still use it.
    buckets.take(&MAX_BUCKETS, 1.0, start + SECOND).unwrap();
    let table = buckets.table.lock().unwrap();
    assert_eq!(
        table.buckets.len(),
        2,
        "only the new key's bucket and the one that is not full again remain"
    );
}

#[test]
fn an_ipv6_subscriber_counts_once() {
    let network = |peer: &str| network(peer.parse().unwrap());
    assert_eq!(network("2001:db8::1"), network("2001:db8::2:3:4"));
    assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
}

#[test]
fn twenty_accounts_cannot_drain_the_one_time_parts_of_one_at_once() {
    let (limits, start) = (Limits::new(), Instant::now());
    let (bob, mut left) = (1, 100);
    let mut take = |takers: std::ops::Range<i64>, now| {
        let before = left;
        for taker in takers.clone().cycle().take(5 * takers.count()) {
            if limits.one_time(bob, taker, left, now) {
                left -= 1;
            }
        }
        before - left
    };
    assert_eq!(take(100..120, start), 20);
    assert_eq!(take(200..220, start + 59 * SECOND), 0);
    assert_eq!(take(300..320, start + 61 * SECOND), 1);
    // It takes two hours to get to the last twenty, and hours more to get them.
    let mut now = start + 61 * SECOND;
    let mut takers = 1_000;
    let mut minutes = 0;
    while take(takers..takers + 20, now) > 0 || minutes < 80 {
        now += 60 * SECOND;
        (takers, minutes) = (takers + 20, minutes + 1);
    }
    assert!((5..=20).contains(&left), "{left}");
}

#[test]
fn accounts_are_limited_one_by_one_and_only_where_parts_are_left() {
    let (limits, now) = (Limits::new(), Instant::now());
    for owner in 0..1_000 {
        assert!(limits.one_time(owner, 5_000, 100, now));
        assert!(!limits.one_time(owner, 5_001, 0, now));
    }
    // What a taker is refused costs the owner nothing.
    let given = (0..100)
        .filter(|_| limits.one_time(0, 6_000, 100, now))
        .count();
    assert_eq!(given, 5);
    let given = (0..100)
        .filter(|n| limits.one_time(0, 7_000 + n, 100, now))
        .count();
    assert_eq!(given, 20 - 5 - 1);
}

#[test]
fn relays_divide_what_an_account_may_ask_for_and_not_what_is_counted_for_all() {
    let limits = Limits::new();
    let alice = AccountId::new("alice").unwrap();
    let asked = || {
        let asks = 0..2_000;
        asks.take_while(|_| limits.account(&alice, 0).is_ok())
            .count()
    };
    limits.divide(4);
    assert!((250..400).contains(&asked()));
    // The bucket has room for the whole burst again, and fills at the whole rate.
    limits.divide(1);
    assert!(asked() < 200);
    limits.divide(4);
    let registered = (0..2_000).take_while(|_| limits.registration([192, 0, 2, 1].into()).is_ok());
    assert_eq!(registered.count(), 300);
}

#[test]
fn a_job_that_runs_again_takes_once() {
    let (limits, account) = (Limits::new(), AccountId::new("alice").unwrap());
    let left = || {
        let left = (0..1_000).take_while(|_| limits.group_news(&account).is_ok());
        left.count()
    };
    let once = Once::default();
    for _ in 0..32 {
        once.take(|| limits.group_news(&account)).unwrap();
    }
    assert_eq!(left(), 499);
    let refused = Once::default();
    for _ in 0..2 {
        let refusal = refused.take(|| limits.group_news(&account)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::TooManyRequests);
    }
}
