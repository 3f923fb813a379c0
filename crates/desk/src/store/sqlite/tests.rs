mod upgrade;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use super::schema::{APPLICATION_ID, VERSION};
use crate::store::tests::{act, case, meta};
use crate::store::{
    CaseRow, CaseStatus, Change, Conflict, ContentRow, Key, Order, Query, Store, StoreError,
};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk");
    (folder, path)
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// Number of acts in the store. Entry and row must agree.
fn acts(store: &SqliteStore) -> u64 {
    let size = store.log_size().unwrap();
    let value = store.meta("counter").unwrap();
    assert_eq!(
        value,
        (size > 0).then(|| meta(size)),
        "half of an act is in the store"
    );
    assert_eq!(store.entries(0, 1_000).unwrap().len() as u64, size);
    size
}

#[test]
fn a_crash_after_each_commit_loses_nothing() {
    let (folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    for n in 0..20 {
        store.apply(&act(n)).unwrap();
        // What the disk holds at this moment, as the next start would find it.
        let crashed = folder.path().join(format!("crashed-{n}"));
        fs::copy(&path, &crashed).unwrap();
        fs::copy(log_of(&path), log_of(&crashed)).unwrap();
        let mut found = SqliteStore::open(&crashed).unwrap();
        assert_eq!(acts(&found), n + 1);
        found.apply(&act(n + 1)).unwrap();
        assert_eq!(acts(&found), n + 2);
    }
}

#[test]
fn a_crash_within_a_commit_leaves_whole_acts() {
    let (folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    for n in 0..10 {
        store.apply(&act(n)).unwrap();
    }
    let log = fs::read(log_of(&path)).unwrap();
    let mut seen = Vec::new();
    // A frame of the log is a page of 4,096 bytes with a header of 24.
    for len in (0..log.len()).step_by(1_030) {
        let crashed = folder.path().join("crashed");
        fs::copy(&path, &crashed).unwrap();
        fs::write(log_of(&crashed), &log[..len]).unwrap();
        match SqliteStore::open(&crashed) {
            Ok(found) => seen.push(acts(&found)),
            // Not even the tables were there.
            Err(error) => assert!(matches!(error, StoreError::NotAStore), "{error:?}"),
        }
        for file in [log_of(&crashed), crashed] {
            let _ = fs::remove_file(file);
        }
    }
    seen.dedup();
    assert!(seen.len() > 5, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
}

#[test]
fn a_full_disk_changes_nothing() {
    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    store.apply(&act(0)).unwrap();
    let pages: i64 = store
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let _: i64 = store
        .db
        .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
            row.get(0)
        })
        .unwrap();
    let content = ContentRow {
        report_id: [1; 16],
        accepted: vec![1; 100_000],
    };
    let large = [act(1), vec![Change::add(content)]].concat();
    let error = store.apply(&large).unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    assert_eq!(acts(&store), 1);
    let _: i64 = store
        .db
        .query_row("PRAGMA max_page_count = 100000", [], |row| row.get(0))
        .unwrap();
    store.apply(&large).unwrap();
    assert_eq!(acts(&store), 2);
}

#[test]
fn two_processes_conflict_and_neither_overwrites_the_other() {
    let (_folder, path) = folder();
    let mut one = SqliteStore::open(&path).unwrap();
    let mut other = SqliteStore::open(&path).unwrap();
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
fn threads_that_race_decide_a_case_once() {
    let (_folder, path) = folder();
    let open = case("mallory");
    SqliteStore::open(&path)
        .unwrap()
        .apply(&[Change::add(open.clone())])
        .unwrap();
    let decided = std::thread::scope(|scope| {
        let officers: Vec<_> = (0..8_u8)
            .map(|n| {
                let (path, open) = (&path, &open);
                scope.spawn(move || {
                    let mut store = SqliteStore::open(path).unwrap();
                    let decided = CaseRow {
                        status: CaseStatus::Decided,
                        severity: n,
                        ..open.clone()
                    };
                    match store.apply(&[Change::swap(open.clone(), decided)]) {
                        Ok(()) => true,
                        Err(StoreError::Conflict(Conflict::Changed { table: "cases" })) => false,
                        Err(error) => panic!("{error:?}"),
                    }
                })
            })
            .collect();
        officers
            .into_iter()
            .filter_map(|officer| officer.join().ok())
            .collect::<Vec<_>>()
    });
    assert_eq!(decided.len(), 8);
    assert_eq!(decided.iter().filter(|decided| **decided).count(), 1);
}

/// Opens a file that must be refused, and checks that it did not change.
fn refused(path: &Path) -> StoreError {
    let before = fs::read(path).unwrap();
    let error = SqliteStore::open(path).unwrap_err();
    assert_eq!(
        fs::read(path).unwrap(),
        before,
        "a refused file was changed"
    );
    error
}

#[test]
fn another_file_is_refused_and_not_changed() {
    let (_folder, path) = folder();
    fs::write(
        &path,
        "a letter that is longer than the header of an SQLite file. ".repeat(20),
    )
    .unwrap();
    assert!(matches!(refused(&path), StoreError::NotAStore));

    for sql in [
        "CREATE TABLE letters (text TEXT)".to_owned(),
        format!("PRAGMA application_id = {}", APPLICATION_ID + 1),
        format!("PRAGMA application_id = {APPLICATION_ID}; CREATE TABLE letters (text TEXT)"),
        "PRAGMA user_version = 1".to_owned(),
    ] {
        fs::remove_file(&path).unwrap();
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&sql).unwrap();
        drop(db);
        assert!(matches!(refused(&path), StoreError::NotAStore), "{sql}");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(db);
    let error = refused(&path);
    assert!(matches!(error, StoreError::Newer { version } if version == VERSION + 1));
}

#[test]
fn tables_that_the_desk_does_not_make_are_damage() {
    for sql in [
        "CREATE TABLE more (text TEXT)",
        "CREATE TRIGGER spy AFTER INSERT ON entries BEGIN DELETE FROM meta; END",
        "CREATE VIEW shown AS SELECT * FROM cases",
        "DROP INDEX queue_by_age",
        "ALTER TABLE cases ADD COLUMN more TEXT",
    ] {
        let (_folder, path) = folder();
        drop(SqliteStore::open(&path).unwrap());
        let db = Connection::open(&path).unwrap();
        db.execute_batch(sql).unwrap();
        drop(db);
        assert!(matches!(refused(&path), StoreError::Damaged), "{sql}");
    }
}

#[test]
fn values_that_the_desk_does_not_write_are_damage() {
    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    let db = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE cases SET account = printf('%.*c', 129, 'x')",
        "UPDATE cases SET account = printf('%.*c', 9000000, 'x')", // longer than any row
        "UPDATE cases SET reason = 256",
        "UPDATE cases SET severity = -1",
        "UPDATE cases SET is_held = 2",
        "UPDATE cases SET officer = x'00'",
        "UPDATE cases SET assigned_until_ms = 9",
    ] {
        db.execute_batch(&format!("SAVEPOINT before; {sql}; RELEASE before"))
            .unwrap();
        let error = store.case(&[1; 16]).unwrap_err();
        assert!(matches!(error, StoreError::Damaged), "{sql}: {error:?}");
        db.execute_batch(
            "UPDATE cases SET account = 'mallory', reason = 3, severity = 4, is_held = 0,
                officer = NULL, assigned_until_ms = NULL",
        )
        .unwrap();
        assert_eq!(store.case(&[1; 16]).unwrap(), Some(case("mallory")));
    }
}

#[test]
fn an_auditor_reads_the_tables_while_the_desk_has_them_open() {
    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    let auditor = Connection::open(&path).unwrap();
    let sql = "SELECT account || ' ' || status FROM cases WHERE reporters > 7";
    let told: String = auditor.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(told, "mallory open");
}

#[test]
fn erased_content_is_not_in_the_files_after_compacting() {
    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    let accepted = b"what must not be found again".repeat(300);
    let report_id = [1; 16];
    store
        .apply(&[Change::add(ContentRow {
            report_id,
            accepted: accepted.clone(),
        })])
        .unwrap();
    let is_found = || {
        let files = [path.clone(), log_of(&path)].map(|file| fs::read(file).unwrap());
        files
            .iter()
            .any(|file| file.windows(28).any(|bytes| bytes == &accepted[..28]))
    };
    assert!(is_found());
    store
        .apply(&[Change::Remove(Key::Content(report_id))])
        .unwrap();
    assert!(is_found(), "the log keeps it until it is compacted");
    store.compact().unwrap();
    assert!(!is_found());
}

#[test]
fn a_rank_beyond_all_numbers_is_an_empty_page() {
    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    for order in Order::ALL {
        let first = store.queue(&Query::open(order, u64::MAX, 10)).unwrap();
        assert_eq!(first.cases, [case("mallory")]);
        let after = crate::store::Cursor::from_bytes(&[0xff; 28]);
        let query = Query {
            after,
            ..Query::open(order, u64::MAX, usize::MAX)
        };
        assert!(store.queue(&query).unwrap().cases.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = folder();
    let mut store = SqliteStore::open(&path).unwrap();
    store.apply(&act(0)).unwrap();
    for file in [path.clone(), log_of(&path)] {
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
