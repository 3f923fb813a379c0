//! Files of earlier versions get the tables and columns of this one.

use std::path::Path;

use rusqlite::Connection;
use waxseal_reporting::reporter::Reason;

use super::super::SqliteStore;
use super::super::schema::{APPLICATION_ID, TABLES, VERSION, WITH_ACCOUNTS};
use super::{folder, refused};
use crate::desk::tests::world::World;
use crate::store::{Store as _, StoreError};

/// A file as a desk with the tables of an earlier version left it.
fn store_of(path: &Path, version: i32) {
    let db = Connection::open(path).unwrap();
    for tables in &TABLES[..usize::try_from(version).unwrap()] {
        db.execute_batch(tables).unwrap();
    }
    db.pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", version).unwrap();
    db.execute_batch(
        "INSERT INTO meta (name, value) VALUES ('counter', x'01');
        INSERT INTO openings (grant_digest, ordinal, report_digest, report_id, case_id, officer,
            log_index, logged_at_ms, shown_at_ms)
        VALUES (zeroblob(32), 1, zeroblob(32), zeroblob(16), zeroblob(16), zeroblob(32), 7, 8, 9)",
    )
    .unwrap();
    if version >= WITH_ACCOUNTS {
        return;
    }
    // A report with its content, one whose content cannot be read, and an erased one.
    let reported = World::new().reported("mallory", "bob", Reason::Scam);
    for (n, accepted) in [
        (1, Some(reported.encoded)),
        (2, Some(vec![2; 40])),
        (3, None),
    ] {
        let (id, digest) = ([n; 16], [n; 32]);
        db.execute(
            "INSERT INTO reports VALUES (?1, ?2, ?2, ?1, x'', 2, NULL, 9, 9, NULL, ?2, ?3)",
            (id, digest, accepted.is_none()),
        )
        .unwrap();
        let add = "INSERT INTO contents SELECT ?, ? WHERE ?2 IS NOT NULL";
        db.execute(add, (id, accepted)).unwrap();
    }
}

#[test]
fn reports_of_an_earlier_version_get_the_account_of_their_reporter_from_their_content() {
    for version in 1..WITH_ACCOUNTS {
        let (_folder, path) = folder();
        store_of(&path, version);
        let accounts = || {
            let store = SqliteStore::open(&path).unwrap();
            let account = |n| store.report(&[n; 16]).unwrap().unwrap().reporter_account;
            [1, 2, 3].map(account)
        };
        assert_eq!(accounts(), [Some("bob".into()), None, None]);
        // The content is read once.
        let db = Connection::open(&path).unwrap();
        let erase = "UPDATE reports SET reporter_account = NULL";
        assert_eq!(db.execute(erase, []).unwrap(), 3);
        assert_eq!(accounts(), [None, None, None]);
    }
}

#[test]
fn a_store_of_an_earlier_version_is_upgraded_and_keeps_its_rows() {
    for version in 1..VERSION {
        let (_folder, path) = folder();
        store_of(&path, version);
        for _ in 0..2 {
            let store = SqliteStore::open(&path).unwrap();
            let counter = store.meta("counter").unwrap().unwrap();
            assert_eq!(counter.value, [1]);
            let opening = store.opening(&[0; 32], 1).unwrap().unwrap();
            assert_eq!((opening.shown_at_ms, opening.view_digest), (Some(9), None));
            assert!(store.export(&[1; 16]).unwrap().is_none());
            let version = "PRAGMA user_version";
            let version: i32 = store.db.query_row(version, [], |row| row.get(0)).unwrap();
            assert_eq!(version, VERSION);
        }
    }
}

#[test]
fn a_store_of_an_earlier_version_with_foreign_tables_is_not_upgraded() {
    let (_folder, path) = folder();
    store_of(&path, 1);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE exports (text TEXT)")
        .unwrap();
    drop(db);
    assert!(matches!(refused(&path), StoreError::Damaged));
}
