use std::sync::atomic::Ordering;

use waxseal_interface::{ContactHeaders, ErrorCode};

use super::*;
use crate::fixture::{World, device, send_with};
use crate::state::{Device, Relay};
use crate::store::connection::Work;
use crate::store::groups::Group;
use crate::store::queue::{self, bodies};
use crate::store::values::values;

const NOW: u64 = 1_790_000_000_000;

/// The header with the token that the recipient gave the sender.
fn with_token(relay: &Relay, from: &Device, to: &Device) -> ContactHeaders {
    let day = u32::try_from(relay.time.proven().at_ms / 86_400_000).unwrap();
    let token = relay.contacts.token(day, &from.me.account, &to.me.account);
    ContactHeaders {
        token,
        ..ContactHeaders::default()
    }
}

/// Whether what is counted of the queues is what is in them.
pub async fn counts_are_right(relay: &Relay) -> bool {
    let wrong = |db: &Connection| {
        let inboxes: i64 = db.only(
            "SELECT count(*) FROM inbox i
             LEFT JOIN LATERAL (
                 SELECT count(*) AS n, coalesce(sum(length(stamped) + body_len), 0) AS len,
                     coalesce(sum(body_len), 0) AS body_len
                 FROM queue q WHERE q.recipient = i.recipient
             ) q ON true
             WHERE i.messages <> q.n OR i.bytes <> q.len OR i.body_bytes <> q.body_len",
            &[],
        )?;
        let shares: i64 = db.only(
            "SELECT count(*) FROM (
                 SELECT recipient, sender, messages, bytes FROM share
             ) s FULL JOIN (
                 SELECT q.recipient, sender, count(*) AS n, sum(length(stamped) + body_len) AS len
                 FROM queue q JOIN inbox i ON i.recipient = q.recipient
                 WHERE is_long = 1 GROUP BY q.recipient, sender
             ) q USING (recipient, sender)
             WHERE s.messages IS DISTINCT FROM q.n OR s.bytes IS DISTINCT FROM q.len",
            &[],
        )?;
        Ok((inboxes, shares))
    };
    relay.store.run(wrong).await.unwrap() == (0, 0)
}

/// How often the lanes had to send a request the slow way.
fn slow(relay: &Relay) -> u64 {
    let postgres = relay.store.as_postgres().unwrap();
    postgres.shared.slow.load(Ordering::Relaxed)
}

/// How many jobs the metrics have the times of.
fn timed(relay: &Relay) -> u64 {
    let mut text = String::new();
    relay.store.times.write("job", &mut text);
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("job_count "));
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn bodies_that_nobody_gets_are_found_between_those_that_wait() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return;
    }
    let fill = |db: &Connection| {
        db.execute(
            "INSERT INTO body (stamped) SELECT CAST('' AS BYTEA) FROM generate_series(1, 2500)",
            &[],
        )?;
        let waits = "INSERT INTO queue (recipient, number, sender, epoch, stamped, body)
             SELECT 1, id, 1, 1, CAST('' AS BYTEA), id FROM body WHERE id % 500 <> 0";
        db.execute(waits, &[])
    };
    assert_eq!(relay.store.run(fill).await.unwrap(), 2_495);
    // Each looks at the next thousand.
    for expected in [Some(2), Some(2), Some(1), None, Some(0)] {
        let swept = relay.store.run_under_locks(bodies::sweep, |_| ());
        assert_eq!(swept.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_relay_that_could_not_connect_is_not_ready_until_it_can() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let Some(postgres) = relay.store.as_postgres() else {
        return; // there is no PostgreSQL on this machine
    };
    assert!(!relay.store.lacks_connections());
    postgres
        .shared
        .lacks_connections
        .store(true, Ordering::Relaxed);
    assert!(relay.store.lacks_connections());
    let began = Instant::now();
    while relay.store.lacks_connections() {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_says_that_a_relay_is_there_waits_for_no_other_job() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return; // there is no PostgreSQL on this machine
    }
    let slow = |db: &Connection| db.exists("SELECT pg_sleep(2)", &[]);
    let jobs: Vec<_> = (0..8)
        .map(|_| {
            let relay = relay.clone();
            tokio::spawn(async move { relay.store.run(slow).await.is_ok() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    relay.beat().await.unwrap();
    relay.keep_time().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    for job in jobs {
        assert!(job.await.unwrap());
    }
}

#[tokio::test]
async fn groups_are_counted_and_not_their_numbers() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let last = |db: &Connection| {
        db.skip_rows(1 << 32)?;
        let found = "INSERT INTO group_log (id, public_id, log) VALUES (?1, ?2, ?2)";
        db.execute(found, values![1_i64 << 40, [0; 32]])?;
        Group::are_full(db)
    };
    assert!(!relay.store.run(last).await.unwrap());
}

#[tokio::test]
async fn plain_messages_go_through_the_lanes_and_what_is_counted_is_right() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return; // there is no PostgreSQL on this machine
    }
    let mut devices = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        devices.push(device(&relay, name).await);
    }
    for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
        let (from, to) = (&devices[from], &devices[to]);
        let contact = with_token(&relay, from, to);
        send_with(&relay, from, to, "first", contact).await.unwrap();
    }
    assert_eq!(slow(&relay), 0);
    let at_once = tokio::task::LocalSet::new();
    let sending = (0..60).map(|n: usize| {
        let from = devices[n % 4].clone();
        let to = devices[(n + 1 + n / 4 % 3) % 4].clone();
        let relay = relay.clone();
        at_once.spawn_local(async move {
            let contact = with_token(&relay, &from, &to);
            send_with(&relay, &from, &to, "more", contact)
                .await
                .map(drop)
        })
    });
    let sending: Vec<_> = sending.collect();
    at_once.await;
    let mut sent = Vec::new();
    for one in sending {
        sent.push(one.await.unwrap());
    }
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(slow(&relay), 0, "plain messages went the slow way");
    assert!(counts_are_right(&relay).await);

    let mut read = 0;
    for device in &devices {
        let before = timed(&relay);
        let queued = queue::read_after(&relay.store, device.id, 0, 64)
            .await
            .unwrap();
        assert_eq!(timed(&relay), before + 1);
        assert!(queued.all);
        let numbers: Vec<i64> = queued.messages.iter().map(|(number, _)| *number).collect();
        let expected: Vec<i64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected);
        read += numbers.len();
        let (some, rest) = numbers.split_at(numbers.len() / 2);
        for numbers in [some, rest] {
            let done = queue::acknowledge(&relay.store, device.id, numbers.to_vec(), None);
            assert!(!done.await.unwrap());
            assert!(counts_are_right(&relay).await);
        }
        let queued = queue::read_after(&relay.store, device.id, 0, 64)
            .await
            .unwrap();
        assert!(queued.messages.is_empty() && queued.all);
    }
    assert_eq!(read, 64);
    assert_eq!(slow(&relay), 0);
}

#[tokio::test]
async fn a_full_queue_is_answered_by_the_lane_and_a_removed_device_is_refused() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return;
    }
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let contact = with_token(&relay, &alice, &bob);
    send_with(&relay, &alice, &bob, "first", contact)
        .await
        .unwrap();
    // The queue of bob is full of what alice sent.
    let row = (bob.id, alice.account);
    let fill = relay.store.run(move |db| {
        let long = "UPDATE inbox SET is_long = 1 WHERE recipient = ?1";
        db.execute(long, values![row.0])?;
        let fill = "INSERT INTO share (recipient, sender, messages, bytes) VALUES (?1, ?2, ?3, 1)";
        let max = crate::limits::MAX_QUEUED_OF_ONE;
        db.execute(fill, values![row.0, row.1, max])
    });
    assert_eq!(fill.await.unwrap(), 1);
    let full = send_with(&relay, &alice, &bob, "more", contact).await;
    assert_eq!(full.unwrap_err().code, ErrorCode::QueueFull);
    assert_eq!(slow(&relay), 0);
    // Alice is removed: what she asks is refused, whatever was known of her.
    let removed = relay.store.run({
        let alice = alice.id;
        move |db| {
            db.execute(
                "UPDATE device SET has_left = 1 WHERE id = ?1",
                values![alice],
            )
        }
    });
    assert_eq!(removed.await.unwrap(), 1);
    let refused = send_with(&relay, &alice, &bob, "more", contact).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::Removed);
}

#[tokio::test]
async fn two_relays_drop_what_is_old_while_devices_send_and_what_is_counted_is_right() {
    let first = World::at(NOW);
    let one = first.open().await;
    let Some(second) = first.beside("second") else {
        return;
    };
    let other = second.open().await;
    let mut devices = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        devices.push(device(&one, name).await);
    }
    let send = async |n: usize| {
        let (from, to) = (&devices[n % 4], &devices[(n + 1 + n / 4 % 3) % 4]);
        let relay = [&one, &other][n % 2];
        let contact = with_token(relay, from, to);
        send_with(relay, from, to, "more", contact).await.map(drop)
    };
    for n in 0..24 {
        send(n).await.unwrap();
    }
    let grow_old = |db: &Connection| db.execute("UPDATE queue SET epoch = 7", &[]);
    assert_eq!(one.store.run(grow_old).await.unwrap(), 24);
    let sending = async {
        let mut failed = 0;
        for n in 24..60 {
            failed += usize::from(send(n).await.is_err());
        }
        failed
    };
    for relay in [&one, &other] {
        relay.process.drop_before(8);
    }
    let (cleaned, also, failed) = tokio::join!(one.clean_up(), other.clean_up(), sending);
    assert_eq!((cleaned.is_ok(), also.is_ok(), failed), (true, true, 0));
    one.clean_up().await.unwrap();
    let left = |db: &Connection| {
        let old: i64 = db.only("SELECT count(*) FROM queue WHERE epoch = 7", &[])?;
        let all: i64 = db.only("SELECT count(*) FROM queue", &[])?;
        Ok((old, all))
    };
    assert_eq!(one.store.run(left).await.unwrap(), (0, 36));
    assert!(counts_are_right(&one).await);
    for device in &devices {
        let queued = queue::read_after(&other.store, device.id, 0, 64).await;
        let days = (7 * 86_400_000, 8 * 86_400_000 - 1);
        assert_eq!(queued.unwrap().lost, Some(days));
    }
    // While another relay drops, this one does not.
    let alone = |db: &Connection| {
        assert!(db.works_alone(Work::Dropping)?);
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    };
    let not_alone = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let asked = |db: &Connection| {
            let of = |work| db.works_alone(work);
            Ok((of(Work::Dropping)?, of(Work::Sweeping)?))
        };
        other.store.run(asked).await.unwrap()
    };
    let (held, is_alone) = tokio::join!(one.store.run(alone), not_alone);
    held.unwrap();
    assert_eq!(is_alone, (false, true));
}
mod sending;
mod totals;
