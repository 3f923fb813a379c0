use std::time::Duration;

use waxseal_reporting::relay::{DeliveryKey, Envelope, PostedFanout};
use waxseal_reporting::sender::{Fanout, RosterStamp};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId};

use super::*;
use crate::keys::Keys;
use crate::limits::{MAX_QUEUED_BYTES, MAX_QUEUED_IN_ALL};
use crate::store::accounts;
use crate::store::options::StoreOptions;
use crate::store::values::values;

const CLOCK: u64 = 1_800_000_000_000;

fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(&dir.path().join("db"), &StoreOptions::default()).unwrap()
}

fn insert(db: &Connection, name: &str) -> i64 {
    let account = accounts::add(db, name, None).unwrap().unwrap();
    let device = "INSERT INTO device (account, number, identity) VALUES (?1, 1, ?2) RETURNING id";
    let device: i64 = db.only(device, values![account, [0; 1]]).unwrap();
    assert_eq!(device, account);
    device
}

fn take(db: &Connection, account: i64, clock: u64) -> u64 {
    let taken = next_accepted_at(db, account, Timestamp::from_millis(clock)).unwrap();
    keep_accepted_at(db, account, taken).unwrap();
    taken.as_millis()
}

#[tokio::test]
async fn eight_messages_within_one_millisecond_get_rising_times() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let times = store.run(|db| {
        let (alice, bob) = (insert(db, "alice"), insert(db, "bob"));
        let times: Vec<u64> = (0..8).map(|_| take(db, alice, CLOCK)).collect();
        assert_eq!(take(db, bob, CLOCK), CLOCK, "each device has its own time");
        Ok(times)
    });
    let expected: Vec<u64> = (CLOCK..CLOCK + 8).collect();
    assert_eq!(times.await.unwrap(), expected);
}

#[tokio::test]
async fn a_clock_that_was_ahead_holds_a_device_ahead_for_five_minutes_at_most() {
    const AHEAD: u64 = 300_000;
    let dir = tempfile::tempdir().unwrap();
    store(&dir)
        .run(|db| {
            let alice = insert(db, "alice");
            take(db, alice, CLOCK + AHEAD);
            assert_eq!(take(db, alice, CLOCK), CLOCK + AHEAD + 1);
            assert_eq!(take(db, alice, CLOCK), CLOCK, "reset");
            assert_eq!(take(db, alice, CLOCK), CLOCK + 1);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_fails_takes_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let alice = store.run(|db| Ok(insert(db, "alice"))).await.unwrap();
    let failed = store.run(move |db| {
        take(db, alice, CLOCK);
        Err::<(), Refusal>(ErrorCode::QueueFull.into())
    });
    assert!(failed.await.is_err());
    let next = store.run(move |db| Ok(take(db, alice, CLOCK))).await;
    assert_eq!(next.unwrap(), CLOCK);
}

/// A message that is ready for the queue.
pub fn stamped() -> StampedEnvelope {
    let dir = tempfile::tempdir().unwrap();
    let now = Timestamp::from_millis(CLOCK);
    let keys = Keys::open(dir.path(), now).unwrap();
    let account = |name| AccountId::new(name).unwrap();
    let alice = DeviceAddress::new(account("alice"), DeviceId(1));
    let (to, key) = (
        Audience::Direct(account("bob")),
        DeliveryKey::from_bytes([3; 32]),
    );
    let none = RosterStamp::default();
    let envelope = Envelope::decode(&[&[2], [1; 40].as_slice()].concat()).unwrap();
    let mut fanout = Fanout::new(*envelope.tag(), none, none);
    fanout.insert(false, DeviceId(1), Some(envelope)).unwrap();
    let posted = PostedFanout::decode(&fanout.post(&key, &alice, &to, now)).unwrap();
    let authentic = posted.authenticate(&key, &alice, &to, now).unwrap();
    let claim = keys.stamp().stamp(&authentic, now).unwrap();
    let mut queues = StampedEnvelope::fan_out(claim, authentic).unwrap();
    queues.pop().unwrap().1
}

async fn numbers(store: &Store, recipient: i64, after: i64) -> Vec<i64> {
    let queued = read_after(store, recipient, after, 1_000).await.unwrap();
    queued
        .messages
        .into_iter()
        .map(|(number, _)| number)
        .collect()
}

#[tokio::test]
async fn deliveries_are_numbered_per_recipient_without_gaps_and_no_number_comes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let message = stamped();
    let queue = |to: Vec<i64>, fails: bool| {
        let (message, store) = (message.clone(), &store);
        async move {
            let job = store.run(move |db| {
                for to in &to {
                    push(db, 1, *to, &message)?;
                }
                match fails {
                    true => Err(ErrorCode::QueueFull.into()),
                    false => Ok(()),
                }
            });
            assert_eq!(job.await.is_err(), fails);
        }
    };
    let insert_both = |db: &Connection| Ok((insert(db, "alice"), insert(db, "bob")));
    let (alice, bob) = store.run(insert_both).await.unwrap();
    queue(vec![alice, bob, bob, alice, bob], false).await;
    queue(vec![bob, alice], true).await;
    queue(vec![bob], false).await;
    // A recipient learns nothing of how much the relay carries for others.
    assert_eq!(numbers(&store, alice, 0).await, [1, 2]);
    assert_eq!(numbers(&store, bob, 0).await, [1, 2, 3, 4]);
    assert_eq!(numbers(&store, bob, 2).await, [3, 4]);
    acknowledge(&store, bob, vec![1, 2, 3, 4, 99], None)
        .await
        .unwrap();
    assert_eq!(numbers(&store, alice, 0).await, [1, 2]);
    queue(vec![bob], false).await;
    assert_eq!(numbers(&store, bob, 0).await, [5]);
}

/// A connection of another process to the same store.
fn connect(dir: &tempfile::TempDir, patience: Duration) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(dir.path().join("db")).unwrap();
    db.busy_timeout(patience).unwrap();
    db
}

#[tokio::test]
async fn a_number_is_taken_in_the_order_of_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let insert_both = |db: &Connection| Ok((insert(db, "alice"), insert(db, "bob")));
    let (alice, bob) = store.run(insert_both).await.unwrap();
    let message = stamped();
    let (first, second) = (connect(&dir, Duration::ZERO), connect(&dir, Duration::ZERO));
    let [first, second] = [&first, &second].map(Connection::of_sqlite);
    for (end, expected) in [("COMMIT", vec![1, 2]), ("ROLLBACK", vec![1, 2, 3])] {
        first.batch("BEGIN").unwrap();
        push(&first, alice, bob, &message).unwrap();
        // Another process gets no number before the first transaction has ended, so no lower number
        // can become visible later.
        second.batch("BEGIN").unwrap();
        assert!(push(&second, alice, bob, &message).is_err());
        second.batch("ROLLBACK").unwrap();
        first.batch(end).unwrap();
        push(&second, alice, bob, &message).unwrap();
        assert_eq!(numbers(&store, bob, 0).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_pages_by_number_misses_nothing_of_several_writers() {
    const EACH: usize = 150;
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let insert_both = |db: &Connection| Ok((insert(db, "alice"), insert(db, "bob")));
    let (alice, bob) = store.run(insert_both).await.unwrap();
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (db, message) = (connect(&dir, Duration::from_secs(30)), stamped());
            db.execute_batch("PRAGMA synchronous = OFF").unwrap();
            std::thread::spawn(move || {
                let db = Connection::of_sqlite(&db);
                for n in 0..EACH {
                    db.batch("BEGIN IMMEDIATE").unwrap();
                    // In turns, so that the transactions of all writers are of several lengths.
                    for _ in 0..=(n + writer) % 3 {
                        push(&db, alice, bob, &message).unwrap();
                        push(&db, bob, alice, &message).unwrap();
                    }
                    let fails = (n + writer) % 5 == 0;
                    let end = if fails { "ROLLBACK" } else { "COMMIT" };
                    db.batch(end).unwrap();
                }
            })
        })
        .collect();
    let (mut last, mut seen) = (0, 0);
    loop {
        let done = writers.iter().all(std::thread::JoinHandle::is_finished);
        for number in numbers(&store, bob, last).await {
            assert_eq!(number, last + 1, "a message was missed");
            (last, seen) = (number, seen + 1);
        }
        if done {
            break;
        }
    }
    for writer in writers {
        writer.join().unwrap();
    }
    let all = numbers(&store, bob, 0).await;
    assert_eq!(all.len(), seen);
    assert!(seen > EACH);
}

#[tokio::test]
async fn while_the_relay_fills_each_queue_gets_less_and_none_gets_all_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let checked = store.run(|db| {
        let (alice, bob) = (insert(db, "alice"), insert(db, "bob"));
        let set = |of: i64, bytes: i64| {
            let set = "INSERT INTO share (recipient, sender, messages, bytes) VALUES (?1, 0, 1, ?2)
                 ON CONFLICT (recipient, sender) DO UPDATE SET bytes = excluded.bytes";
            db.execute(set, values![of, bytes]).unwrap();
        };
        let room = |len: usize| {
            let room = room::check(db, alice, bob, len);
            room.map_err(|refusal| refusal.code)
        };
        // An empty relay has room for the longest queue.
        set(bob, MAX_QUEUED_BYTES - 100);
        assert_eq!(room(100), Ok(()));
        assert_eq!(room(101), Err(ErrorCode::QueueFull));
        let left = 64_000;
        set(0, MAX_QUEUED_IN_ALL - left);
        assert_eq!(room(1), Err(ErrorCode::QueueFull));
        set(bob, 400);
        assert_eq!(room(600), Ok(()));
        assert_eq!(room(601), Err(ErrorCode::QueueFull));
        set(0, MAX_QUEUED_IN_ALL);
        assert_eq!(room(1), Err(ErrorCode::RelayFull));
        Ok(())
    });
    checked.await.unwrap();
}

mod throughput;
