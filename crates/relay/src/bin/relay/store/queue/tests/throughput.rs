//! Measures the store alone. `cargo run --release -p waxseal-benches -- relay --store` runs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::fixture;

/// How many jobs wait at a time.
const JOBS: usize = 512;
/// How many devices get messages.
const RECIPIENTS: usize = 1_000;

/// Measures how many messages a second are durable: each in a job of its own, with what the job of
/// a message changes. It takes the time for the message, queues it under the recipient's next
/// number, and keeps the time with the sender. Nothing is stamped, looked up or delivered.
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
    options.database_connections = 16;
    let store = Store::open(&dir.path().join("db"), &options).unwrap();
    let add = |db: &Connection| {
        let names = (0..JOBS + RECIPIENTS).map(|number| format!("device{number}"));
        Ok(names.map(|name| insert(db, &name)).collect::<Vec<i64>>())
    };
    let devices = Arc::new(store.run(add).await.unwrap());
    let (store, stamped) = (Arc::new(store), stamped());

    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let tasks: Vec<_> = (0..JOBS)
        .map(|sender| {
            let (store, devices, stamped) = (store.clone(), devices.clone(), stamped.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < length {
                    let to = devices[JOBS + rand::random_range(0..RECIPIENTS)];
                    let (from, stamped, posted) =
                        (devices[sender], stamped.clone(), Instant::now());
                    let job = move |db: &Connection| {
                        let at = next_accepted_at(db, from, Timestamp::from_millis(CLOCK))?;
                        let message = Message {
                            recipient: to,
                            stamped: stamped.clone(),
                            accepts: false,
                        };
                        push_each(db, from, &[message], at.as_millis())?;
                        keep_accepted_at(db, from, at)
                    };
                    store.run(job).await.unwrap();
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
        "measured: {{\"engine\": \"{engine}\", \"jobs\": {JOBS}, \"seconds\": {seconds}, \
         \"messages_per_s\": {a_second:.0}, \"p50_ms\": {p50:.1}, \"p99_ms\": {p99:.1}}}"
    );
    let count = "SELECT count(*) FROM queue";
    let queued = store.run(move |db| db.only::<i64>(count, values![]));
    assert_eq!(queued.await.unwrap(), took.len() as i64, "all are there");
}
