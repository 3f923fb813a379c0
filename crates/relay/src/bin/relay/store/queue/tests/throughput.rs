//! Measures the store alone. `cargo run --release -p waxseal-benches -- relay --store` runs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use waxseal_roster::Pinned;

use super::*;
use crate::fixture;
use crate::fixture::owner::Owner;
use crate::store::processes::By;
use crate::store::sending::{Facts, Stamped, Way};

/// How many jobs wait at a time. PostgreSQL takes as many at once as several batches have.
const JOBS: [usize; 2] = [512, 4_096];
/// The relay that stamps.
const BY: By = By {
    number: 1,
    run: 1,
    oldest: 1,
};
/// How many devices get messages.
const RECIPIENTS: usize = 1_000;

/// Sends a message from one device to another.
async fn send(
    store: &Store,
    from: i64,
    to: i64,
    message: impl Fn() -> Message + Clone + Send + 'static,
) {
    // Each account has the number of its device.
    let way = Way {
        device: from,
        account: from,
        peer: to,
        len: 100,
    };
    let in_lane = message.clone();
    let stamp = move |facts: &Facts<'_>| {
        let clock = Timestamp::from_millis(CLOCK);
        Some(Stamped {
            by: BY,
            accepted_at: waxseal_reporting::relay::next_accepted_at(clock, facts.last),
            mark: None,
            messages: vec![in_lane()],
            answer: (),
        })
    };
    if let Some(sent) = store.send(way, stamp, |()| ()).await {
        return sent.unwrap();
    }
    let job = move |db: &Connection| {
        let at = next_accepted_at(db, from, Timestamp::from_millis(CLOCK))?;
        push_each(db, from, &[message()], at.as_millis())?;
        keep_accepted_at(db, from, at)
    };
    store.run(job).await.unwrap();
}

/// Measures how many messages a second are durable: each in a job of its own, with what the job of
/// a message changes. It takes the time for the message, queues it under the recipient's next
/// number, and keeps the time with the sender. Nothing is stamped, looked up or delivered. In
/// PostgreSQL, they go through the lane.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn durable_messages_a_second() {
    let seconds = std::env::var("WAXSEAL_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let engine = std::env::var("WAXSEAL_ENGINE").unwrap_or_else(|_| "sqlite".to_owned());
    let (mut options, _server) = match engine.as_str() {
        "sqlite" => Default::default(),
        _ => fixture::database(),
    };
    assert_eq!(options.database.is_some(), engine == "postgres");
    let jobs = JOBS[usize::from(options.database.is_some())];
    options.database_connections = 16;
    let store = Store::open(&dir.path().join("db"), &options).unwrap();
    let add = move |db: &Connection| {
        let names = (0..jobs + RECIPIENTS).map(|number| format!("device{number}"));
        let devices = names.map(|name| insert(db, &name)).collect::<Vec<i64>>();
        let roster = Owner::new("alice").first(1, &SigningKey::from_bytes(&[3; 32]), CLOCK);
        let pinned = Pinned::first(roster).encode();
        db.execute("UPDATE account SET pinned = ?1", values![pinned])?;
        db.execute(
            "INSERT INTO proven (id, at_ms, began_ms, settled, drop_before, line)
                 VALUES (1, 1, 1, 1, 1, 1)",
            &[],
        )?;
        db.execute(
            "INSERT INTO process (number, run, name, version, seen_ms, said_ms, destroyed_before,
                 steady_ms, clock_ms)
             VALUES (1, 1, 'measured', 1, 1, 1, 1, 1, 1)",
            &[],
        )?;
        Ok(devices)
    };
    let devices = Arc::new(store.run(add).await.unwrap());
    let (store, stamped) = (Arc::new(store), stamped());

    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let tasks: Vec<_> = (0..jobs)
        .map(|sender| {
            let (store, devices, stamped) = (store.clone(), devices.clone(), stamped.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < length {
                    let to = devices[jobs + rand::random_range(0..RECIPIENTS)];
                    let (from, stamped, posted) =
                        (devices[sender], stamped.clone(), Instant::now());
                    let message = move || Message {
                        recipient: to,
                        stamped: stamped.clone(),
                        accepts: false,
                    };
                    send(&store, from, to, message).await;
                    took.push(posted.elapsed().as_secs_f64() * 1e3);
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let a_second = took.len() as f64 / began.elapsed().as_secs_f64();
    took.sort_unstable_by(f64::total_cmp);
    let [p50, p99] = [0.5, 0.99].map(|share| took[(took.len() as f64 * share) as usize]);
    println!(
        "measured: {{\"engine\": \"{engine}\", \"jobs\": {jobs}, \"seconds\": {seconds}, \
         \"messages_per_s\": {a_second:.0}, \"p50_ms\": {p50:.1}, \"p99_ms\": {p99:.1}}}"
    );
    let count = "SELECT count(*) FROM queue";
    let queued = store.run(move |db| db.only::<i64>(count, values![]));
    assert_eq!(queued.await.unwrap(), took.len() as i64, "all are there");
}
