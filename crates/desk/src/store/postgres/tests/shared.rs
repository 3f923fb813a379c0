//! Several desks over one database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::PostgresStore;
use super::{acts, admin, database};
use crate::store::tests::{act, case};
use crate::store::{CaseStatus, Change, Conflict, Store as _, StoreError};

#[test]
fn two_desks_conflict_and_neither_overwrites_the_other() {
    let Some((_server, url)) = database() else {
        return;
    };
    let [mut one, mut other] = [(); 2].map(|()| PostgresStore::open(&url).unwrap());
    one.apply(&act(0)).unwrap();
    let late = other.apply(&act(0)).unwrap_err();
    let expected = Conflict::LogSize {
        expected: 0,
        found: 1,
    };
    assert_eq!(late.conflict(), Some(&expected));
    other.apply(&act(1)).unwrap();
    assert_eq!((acts(&one), acts(&other)), (2, 2));
}

#[test]
fn entries_of_many_desks_are_one_log() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (applied, overtaken) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each makes the tables, or finds them.
                let mut store = PostgresStore::open(&url).unwrap();
                let mut own = 0;
                while own < 25 {
                    let size = store.log_size().unwrap();
                    match store.apply(&act(size)) {
                        Ok(()) => {
                            own += 1;
                            applied.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(StoreError::Conflict(Conflict::LogSize { .. })) => {
                            overtaken.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(applied.into_inner(), 200);
    assert!(overtaken.into_inner() > 0);
    assert_eq!(acts(&PostgresStore::open(&url).unwrap()), 200);
}

#[test]
fn desks_that_race_decide_a_case_once() {
    let Some((_server, url)) = database() else {
        return;
    };
    let case = case("mallory");
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case.clone())]).unwrap();
    let decide = |n| {
        let decided = crate::store::CaseRow {
            status: CaseStatus::Decided,
            severity: n,
            ..case.clone()
        };
        let mut store = PostgresStore::open(&url).unwrap();
        match store.apply(&[Change::swap(case.clone(), decided)]) {
            Ok(()) => true,
            Err(StoreError::Conflict(Conflict::Changed { table: "cases" })) => false,
            Err(error) => panic!("{error:?}"),
        }
    };
    let decided = thread::scope(|scope| {
        let officers: Vec<_> = (0..8).map(|n| scope.spawn(move || decide(n))).collect();
        let decided = officers.into_iter().map(|officer| officer.join().unwrap());
        decided.filter(|decided| *decided).count()
    });
    assert_eq!(decided, 1);
}

#[test]
fn a_call_that_waits_too_long_for_another_desk_changes_nothing_and_reads_do_not_wait() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&act(0)).unwrap();
    let mut other = admin(&url);
    other
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1466005604, 0)")
        .unwrap();
    let began = Instant::now();
    let error = store.apply(&act(1)).unwrap_err();
    assert!(matches!(error, StoreError::InUse), "{error:?}");
    assert!(began.elapsed() >= Duration::from_secs(4));
    let began = Instant::now();
    assert_eq!(acts(&store), 1);
    assert!(began.elapsed() < Duration::from_secs(4));
    other.batch_execute("ROLLBACK").unwrap();
    store.apply(&act(1)).unwrap();
    assert_eq!(acts(&store), 2);
}
