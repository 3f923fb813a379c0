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
