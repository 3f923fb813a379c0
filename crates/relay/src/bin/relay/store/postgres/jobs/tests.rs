use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::fixture::database;
use crate::store::postgres::Postgres;

/// A database of its own, on one connection for jobs.
fn open() -> Option<(Postgres, Arc<waxseal_postgres::Server>)> {
    let (options, server) = database();
    Some((Postgres::open(&options.database?, 1).unwrap(), server?))
}

/// What a statement does that others have overtaken.
const OVERTAKEN: &str = "DO $$ BEGIN RAISE EXCEPTION 'overtaken' USING ERRCODE = '40001'; END $$";

#[tokio::test]
async fn a_job_is_serializable_whatever_the_connection_was_set_to() {
    let Some((postgres, _server)) = open() else {
        return;
    };
    for _ in 0..2 {
        let job = |db: &Connection| {
            let is: String = db.only("SHOW transaction_isolation", &[])?;
            // As a pooler does that gives the connection to others in between.
            db.batch("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
            Ok(is)
        };
        assert_eq!(
            postgres.run_then(job, |_| ()).await.unwrap(),
            "serializable"
        );
    }
}

#[tokio::test]
async fn a_job_that_swallows_a_failure_runs_again_because_of_the_first_one() {
    let Some((postgres, _server)) = open() else {
        return;
    };
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    let job = move |db: &Connection| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            assert!(db.execute(OVERTAKEN, &[]).is_err());
            assert!(
                db.execute("SELECT 1", &[]).is_err(),
                "the transaction has failed"
            );
        }
        Ok(())
    };
    postgres.run_then(job, |()| ()).await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_job_whose_client_has_left_does_not_begin() {
    let Some((postgres, _server)) = open() else {
        return;
    };
    let began = Arc::new(AtomicU32::new(0));
    let slow = postgres.run_then(
        |db| db.execute("SELECT pg_sleep(1)", &[]).map(drop),
        |()| (),
    );
    let counted = began.clone();
    let left = postgres.run_then(move |_| Ok(counted.fetch_add(1, Ordering::SeqCst)), |_| ());
    let left = async {
        sleep(Duration::from_millis(100)).await;
        timeout(Duration::from_millis(100), left).await
    };
    let (slow, left) = tokio::join!(slow, left);
    slow.unwrap();
    assert!(left.is_err());
    postgres.run_then(|_| Ok(()), |()| ()).await.unwrap();
    assert_eq!(began.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_job_that_is_overtaken_stops_once_its_client_has_left() {
    let Some((postgres, _server)) = open() else {
        return;
    };
    let runs = Arc::new(AtomicU32::new(0));
    let overtaken = |runs: Arc<AtomicU32>| {
        move |db: &Connection| {
            runs.fetch_add(1, Ordering::SeqCst);
            db.execute(OVERTAKEN, &[]).map(drop)
        }
    };
    let left = postgres.run_then(overtaken(runs.clone()), |()| ());
    let left = timeout(Duration::from_millis(150), left).await;
    assert!(left.is_err());
    let began = Instant::now();
    postgres.run_then(|_| Ok(()), |()| ()).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500));
    assert!((1..MAX_RUNS).contains(&runs.load(Ordering::SeqCst)));
    // One that stays is refused in the end.
    let stays = postgres.run_then(overtaken(Arc::default()), |()| ());
    assert_eq!(stays.await.unwrap_err().code, ErrorCode::Busy);
}

#[tokio::test]
async fn connections_of_before_a_new_listener_are_used_no_more() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let postgres = Postgres::open(&url, 1).unwrap();
    while postgres.shared.listeners.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let session = async || {
        let pid = |db: &Connection| db.only::<i64>("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]);
        postgres.run_then(pid, |_| ()).await.unwrap()
    };
    let first = session().await;
    assert_eq!(session().await, first);
    postgres.shared.listeners.fetch_add(1, Ordering::Relaxed);
    let second = session().await;
    assert_ne!(second, first);
    assert_eq!(session().await, second);
}

#[tokio::test]
async fn jobs_that_wait_for_locks_leave_half_of_the_threads_to_others_also_if_their_clients_left() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let postgres = Arc::new(Postgres::open(&url, 4).unwrap());
    let other = || postgres.run_then(|_| Ok(()), |()| ());
    other().await.unwrap();
    let mut waiting = JoinSet::new();
    for number in 0..8 {
        let postgres = postgres.clone();
        let wait = |db: &Connection| db.execute("SELECT pg_sleep(2)", &[]).map(drop);
        waiting.spawn(async move {
            let until = Duration::from_millis(if number < 4 { 100 } else { 9_000 });
            timeout(until, postgres.run_under_locks(wait, |()| ())).await
        });
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(500)).await;
    assert!(timeout(Duration::from_secs(1), other()).await.is_ok());
    let ended = waiting.join_all().await.into_iter();
    let ended = ended.filter(|ended| matches!(ended, Ok(Ok(()))));
    assert_eq!(ended.count(), 4);
}
