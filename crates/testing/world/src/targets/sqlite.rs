//! Opens a store's SQLite file that a disk has damaged, or that someone without the store's key has
//! altered.
//!
//! Asserts that each value that is read is one that its record has had, that a wrong key reads no
//! value, and that a refused file is not changed. The client refuses the damaged store or works
//! with it, but never panics.

mod damage;
mod file;
mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use waxseal::store::{Key, Row, Table};
use waxseal::{Client, SqliteError, SqliteStore, Store, StoreKey};

use self::damage::{Files, Versions, damaged};
use self::file::Sealer;
use super::store::{PREPARED, use_client};
use crate::Records;

struct Prepared {
    versions: Versions,
    /// All values that each record has had, by the record's key.
    values: BTreeMap<Key, Vec<Vec<u8>>>,
}

static FILES: LazyLock<Prepared> = LazyLock::new(|| {
    let mut sealer = Sealer::new();
    let (older, newer): (&Records, &Records) = (&PREPARED.older, &PREPARED.store);
    let older_rows = sealer.rows(older, (&Vec::new(), &[]));
    let newer_rows = sealer.rows(newer, (older, &older_rows));
    let mut values = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in older.iter().chain(newer) {
        values.entry(key.clone()).or_default().push(value.clone());
    }
    let versions = Versions {
        older: (sealer.file(&older_rows), older_rows),
        newer: (sealer.file(&newer_rows), newer_rows),
    };
    let prepared = Prepared { versions, values };
    // An undamaged store opens and holds all its newer records, with a log and without.
    for (has_log, records) in [(0, newer), (1, newer)] {
        let folder = file::folder();
        let files = damaged(&prepared.versions, &[has_log]);
        let store = open(folder.path(), &files, &file::key()).unwrap();
        for (key, value) in records {
            let found = store.get(key).unwrap().unwrap();
            assert!(
                *found == *value,
                "the file does not follow the description of its format"
            );
        }
    }
    prepared
});

/// Runs the target on an input. The first byte says whether the newer records are in a write-ahead
/// log. Each damage after it takes eight bytes.
pub fn sqlite(input: &[u8]) {
    let prepared = &*FILES;
    let files = damaged(&prepared.versions, input);

    // If the damage removed all tables, any key opens the file as a new store. That store must show
    // no value of the old one.
    let folder = file::folder();
    if let Some(store) = open(folder.path(), &files, &StoreKey::from_bytes([8; 32])) {
        for key in prepared.values.keys() {
            assert!(
                !matches!(store.get(key), Ok(Some(_))),
                "a value was read with a wrong key"
            );
        }
    }
    let folder = file::folder();
    let Some(store) = open(folder.path(), &files, &file::key()) else {
        return;
    };
    for (key, values) in &prepared.values {
        match store.get(key) {
            Ok(Some(value)) => assert!(values.contains(&value), "another record's value was read"),
            Ok(None) => {}
            Err(error) => assert_damaged(&error),
        }
    }
    let keys = prepared.values.keys();
    let tables: BTreeSet<&Table> = keys
        .filter(|key| key.row != Row::Only)
        .map(|key| &key.table)
        .collect();
    for table in tables {
        match store.list(table, None, 100) {
            Ok(listed) => {
                assert!(listed.len() <= 100);
                for value in listed.into_iter().filter_map(|row| row.value) {
                    let those = prepared.values.iter();
                    let mut those = those.filter(|(key, _)| key.table == *table);
                    let is_one = those.any(|(_, values)| values.contains(&value));
                    assert!(is_one, "a value of another table was listed");
                }
            }
            Err(error) => assert_damaged(&error),
        }
    }
    if let Ok(client) = Client::open(store) {
        use_client(client, &PREPARED);
    }
}

/// Writes the files and opens them as a store. Asserts that they are unchanged if the store is
/// refused.
fn open(folder: &Path, files: &Files, key: &StoreKey) -> Option<SqliteStore> {
    let (database, log) = (folder.join("store"), folder.join("store-wal"));
    fs::write(&database, &files.database).unwrap();
    fs::write(&log, &files.log).unwrap();
    let error = match SqliteStore::open(&database, key) {
        Ok(store) => return Some(store),
        Err(error) => error,
    };
    // The file system works and no other process has the files open, so these two errors must not
    // occur.
    assert!(
        !matches!(error, SqliteError::Failed(_) | SqliteError::InUse),
        "{error:?}"
    );
    let after = Files {
        database: fs::read(database).unwrap(),
        log: fs::read(log).unwrap_or_default(),
    };
    assert!(after == *files, "opening changed what it refused: {error}");
    let left = fs::read_dir(folder).unwrap().count();
    assert!(left <= 2, "a refusal left another file in the folder");
    None
}

fn assert_damaged(error: &SqliteError) {
    assert!(matches!(error, SqliteError::Damaged), "{error:?}");
}
