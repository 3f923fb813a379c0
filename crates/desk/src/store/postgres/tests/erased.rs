//! What is left of erased rows.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::Rng as _;
use waxseal_postgres::Server;

use super::super::PostgresStore;
use super::{admin, database};
use crate::store::tests::{act, case};
use crate::store::{Change, ContentRow, Key, Store as _, StoreError};

/// Whether a file of the tables has these bytes.
fn is_found(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            is_found(&path, bytes)
        } else {
            let file = fs::read(path).unwrap_or_default();
            file.windows(bytes.len()).any(|window| window == bytes)
        }
    })
}

#[test]
fn erased_content_can_be_read_by_no_statement_after_compacting_and_its_space_is_given_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let mut store = PostgresStore::open(&url).unwrap();
    let mut accepted = vec![0; 100_000];
    rand::rng().fill_bytes(&mut accepted);
    let marker = accepted[..64].to_vec();
    let report_id = [1; 16];
    store
        .apply(&[Change::add(ContentRow {
            report_id,
            accepted,
        })])
        .unwrap();
    let mut admin = admin(&url);
    let mut on_disk = || {
        admin.batch_execute("CHECKPOINT").unwrap();
        let size = "SELECT pg_table_size('contents') - pg_table_size('outbox')";
        let size: i64 = admin.query_one(size, &[]).unwrap().get(0);
        (
            is_found(&server.socket_folder().join("data/base"), &marker),
            size > 100_000,
        )
    };
    assert_eq!(on_disk(), (true, true));
    store
        .apply(&[Change::Remove(Key::Content(report_id))])
        .unwrap();
    assert_eq!(
        on_disk(),
        (true, true),
        "the old version is there until it is compacted"
    );
    store.compact().unwrap();
    assert_eq!(on_disk(), (false, false));
}

#[test]
fn what_an_older_transaction_still_sees_is_not_said_to_be_gone() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM cases";
    let mut dump = admin(&url);
    dump.batch_execute(sql).unwrap();
    let erased = crate::store::CaseRow {
        account: None,
        ..case("mallory")
    };
    store
        .apply(&[Change::swap(case("mallory"), erased)])
        .unwrap();
    assert!(matches!(store.compact(), Err(StoreError::InUse)));
    let row = dump.query_one("SELECT account FROM cases", &[]).unwrap();
    assert_eq!(row.get::<_, Option<&str>>(0), Some("mallory"));
    dump.batch_execute("COMMIT").unwrap();
    store.compact().unwrap();
}

#[test]
fn a_page_that_someone_reads_is_waited_for() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    let erased = crate::store::CaseRow {
        account: None,
        ..case("mallory")
    };
    let swap = Change::swap(case("mallory"), erased);
    store.apply(&[swap]).unwrap();
    // The cursor sees the new version, and keeps the page with the old one.
    let mut reader = admin(&url);
    let sql = "SET enable_indexscan = off; SET enable_bitmapscan = off; BEGIN;
        DECLARE cases CURSOR FOR SELECT id FROM cases; FETCH 1 FROM cases";
    reader.batch_execute(sql).unwrap();
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(1));
            reader.batch_execute("COMMIT").unwrap();
        });
        store.compact().unwrap();
    });
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn erasing_ends_while_others_write_all_the_time() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&act(0)).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut other = admin(&url);
                let sql = "BEGIN; SELECT txid_current(); SELECT pg_sleep(0.05); COMMIT";
                while !stop.load(Ordering::Relaxed) {
                    other.batch_execute(sql).unwrap();
                }
            });
        }
        let done = store.compact();
        stop.store(true, Ordering::Relaxed);
        done.unwrap();
    });
}

#[test]
fn the_server_keeps_no_copies_of_values_as_statistics() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    store.apply(&act(0)).unwrap();
    let mut admin = admin(&url);
    admin.batch_execute("ANALYZE").unwrap();
    let sql = "SELECT count(*) FROM pg_stats WHERE schemaname = 'waxseal_desk'";
    let found: i64 = admin.query_one(sql, &[]).unwrap().get(0);
    assert_eq!(found, 0);
    // Of another table of the database there are some.
    let sql = "CREATE TABLE public.other AS SELECT * FROM cases; ANALYZE public.other";
    admin.batch_execute(sql).unwrap();
    let sql = "SELECT count(*) FROM pg_stats WHERE tablename = 'other'";
    let found: i64 = admin.query_one(sql, &[]).unwrap().get(0);
    assert!(found > 0);
}
