//! Files of earlier versions get the tables and columns of this one.

use std::path::Path;

use rusqlite::Connection;

use super::super::SqliteStore;
use super::super::schema::{APPLICATION_ID, TABLES, VERSION};
use super::{folder, refused};
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
        INSERT INTO openings VALUES (zeroblob(32), 1, zeroblob(32), zeroblob(16), zeroblob(16),
            zeroblob(32), 7, 8, 9)",
    )
    .unwrap();
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
