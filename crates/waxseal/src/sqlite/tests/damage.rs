//! Tests how a store treats files that were altered or cut off, and disks that are full.

use super::*;

#[test]
fn a_value_that_was_moved_or_altered_does_not_open() {
    let here = message("peer-by-name", 0);
    for sql in [
        // These two statements put a value into a row that it was not sealed for: first a value of
        // the same conversation, then one of another kind of record.
        "UPDATE records SET value = (SELECT value FROM records WHERE place = x'0000000000000001')
         WHERE place = x'0000000000000000'",
        "UPDATE records SET value = (SELECT value FROM records WHERE place = x'')
         WHERE place = x'0000000000000000'",
        "UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE place = x'0000000000000000'",
        "UPDATE records SET value = substr(value, 1, length(value) - 1)
         WHERE place = x'0000000000000000'",
        "UPDATE records SET value = x'' WHERE place = x'0000000000000000'",
        "UPDATE records SET value = zeroblob(39) WHERE place = x'0000000000000000'",
    ] {
        let folder = Folder::filled();
        folder.tamper(sql);
        let store = folder.open();
        let error = store.get(&here).unwrap_err();
        assert!(matches!(error, SqliteError::Damaged), "{sql}: {error:?}");
        assert!(SqliteStore::is_damage(&error));
        // The list names the damaged row, and has the others.
        let listed = store.list(&messages("peer-by-name"), None, 9).unwrap();
        let said = Some(b"what was said".as_slice());
        assert_eq!(values(&listed), [None, said, said], "{sql}");
        assert_eq!(listed[0].cursor, Cursor::Number(0));
        assert!(store.get(&message("peer-by-name", 2)).unwrap().is_some());
    }
}

#[test]
fn a_row_that_was_moved_to_another_place_does_not_open() {
    let folder = Folder::filled();
    folder
        .tamper("UPDATE records SET place = x'0000000000000009' WHERE place = x'0000000000000000'");
    let store = folder.open();
    assert!(store.get(&message("peer-by-name", 0)).unwrap().is_none());
    let error = store.get(&message("peer-by-name", 9)).unwrap_err();
    assert!(matches!(error, SqliteError::Damaged));
}

#[test]
fn a_value_of_another_store_with_the_same_key_does_not_open() {
    let (folder, other) = (Folder::filled(), Folder::filled());
    // Each value of the other store is put in the row where this store looks for it. It must not
    // open there.
    folder.tamper(&format!(
        "ATTACH '{}' AS other;
         UPDATE records SET value = (SELECT value FROM other.records
         WHERE other.records.place = records.place) WHERE length(place) = 8",
        other.path().display()
    ));
    let error = folder.open().get(&message("peer-by-name", 0)).unwrap_err();
    assert!(matches!(error, SqliteError::Damaged));
}

#[test]
fn a_value_longer_than_the_maximum_is_refused_before_it_is_read() {
    let folder = Folder::filled();
    folder.tamper(&format!(
        "UPDATE records SET value = zeroblob({}) WHERE place = x'0000000000000000'",
        MAX_VALUE_LEN + 1_000
    ));
    let store = folder.open();
    let error = store.get(&message("peer-by-name", 0)).unwrap_err();
    assert!(matches!(error, SqliteError::Damaged), "{error:?}");
    let listed = store.list(&messages("peer-by-name"), None, 9).unwrap();
    assert!(listed[0].value.is_none() && listed[1].value.is_some());
}

#[test]
fn a_damaged_row_is_deleted_by_its_cursor_and_the_rest_stays() {
    for table in [messages("peer-by-name"), Table::new("p")] {
        let folder = Folder::filled();
        folder.tamper("UPDATE records SET value = zeroblob(60) WHERE place <> x'0000000000000001'");
        let mut store = folder.open();
        let listed = store.list(&table, None, 1).unwrap();
        assert!(listed[0].value.is_none());
        let left = store.list(&table, Some(&listed[0].cursor), 9).unwrap();
        let mut transaction = Transaction::default();
        transaction.delete_at(table.clone(), listed[0].cursor.clone());
        store.commit(transaction).unwrap();
        assert!(store.list(&table, None, 9).unwrap() == left);
        let said = store.get(&message("peer-by-name", 1)).unwrap().unwrap();
        assert_eq!(said.as_slice(), b"what was said");
    }
}

#[test]
fn the_longest_value_is_kept_and_a_longer_one_is_not() {
    let folder = Folder::new();
    let mut store = folder.open();
    put(&mut store, single("k"), &vec![1; MAX_VALUE_LEN]);
    let read = store.get(&single("k")).unwrap().unwrap();
    assert_eq!(read.len(), MAX_VALUE_LEN);
    let mut transaction = Transaction::default();
    transaction.put(single("a"), Zeroizing::new(b"same transaction".to_vec()));
    transaction.put(single("k"), Zeroizing::new(vec![2; MAX_VALUE_LEN + 1]));
    let error = store.commit(transaction).unwrap_err();
    assert!(matches!(error, SqliteError::TooLong { .. }));
    assert!(store.get(&single("a")).unwrap().is_none());
    assert_eq!(store.get(&single("k")).unwrap().unwrap()[0], 1);
}

#[test]
fn a_store_whose_tables_were_altered_is_damaged() {
    for sql in [
        "DROP TABLE records",
        "DROP TABLE seal",
        "DELETE FROM seal",
        "UPDATE seal SET salt = x'00'",
        "ALTER TABLE records RENAME COLUMN value TO other",
    ] {
        let folder = Folder::filled();
        folder.tamper(sql);
        let opened = SqliteStore::open(folder.path(), &key());
        let error = opened
            .and_then(|store| store.get(&single("a")))
            .unwrap_err();
        assert!(matches!(error, SqliteError::Damaged), "{sql}: {error:?}");
    }
}

#[test]
fn what_someone_put_into_the_file_does_not_run() {
    // Someone puts SQL into the file that would run at later reads and writes, some of it for
    // hours. The store must refuse to open the file.
    for sql in [
        "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END",
        "ALTER TABLE records RENAME TO rows; CREATE VIEW records AS SELECT * FROM rows",
        "CREATE INDEX i ON records (hex(value))",
        "ALTER TABLE records ADD COLUMN more BLOB AS (zeroblob(1000000))",
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE records (scope, place, a,
           value AS (instr(zeroblob(2000000), zeroblob(1000000) || x''01'') || a),
           PRIMARY KEY (scope, place)) WITHOUT ROWID' WHERE name = 'records'",
        "CREATE TABLE more (x)",
    ] {
        let folder = Folder::filled();
        folder.tamper(sql);
        let before = folder.files();
        let error = folder.fails(&key());
        assert!(matches!(error, SqliteError::Damaged), "{sql}: {error:?}");
        assert!(folder.files() == before, "{sql}");
    }
}

#[test]
fn the_tables_of_a_version_never_change() {
    // A store whose tables are not exactly those that this crate makes is refused. So if this crate
    // made other tables, it would refuse existing stores.
    let folder = Folder::filled();
    let db = Connection::open(folder.path()).unwrap();
    let mut select = db
        .prepare("SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .unwrap();
    let made: Vec<String> = select
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let records = "CREATE TABLE records (
        scope BLOB NOT NULL,
        place BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (scope, place)
    ) STRICT, WITHOUT ROWID";
    let seal = "CREATE TABLE seal (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB NOT NULL,
        key_check BLOB NOT NULL
    ) STRICT";
    assert_eq!(made, [records, seal]);
}

#[test]
fn a_file_cut_off_under_its_log_is_damaged() {
    // The records are in the log, which stays whole. The value that detects a wrong key is only in
    // the file, which is cut off. The store must be damaged, and opening it must change nothing.
    let folder = Folder::filled_and_killed();
    let bytes = fs::read(folder.path()).unwrap();
    fs::write(folder.path(), &bytes[..4_096]).unwrap();
    let before = folder.files();
    let error = folder.fails(&key());
    assert!(matches!(error, SqliteError::Damaged), "{error:?}");
    assert!(folder.files() == before);
}

#[test]
fn bytes_altered_anywhere_in_the_file_never_show_another_value() {
    let folder = Folder::filled();
    let bytes = fs::read(folder.path()).unwrap();
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(101) {
        let mut altered = bytes.clone();
        altered[at] ^= 0x55;
        fs::write(folder.path(), &altered).unwrap();
        let Ok(store) = SqliteStore::open(folder.path(), &key()) else {
            refused += 1;
            continue;
        };
        match store.get(&message("peer-by-name", 1)) {
            Ok(Some(value)) => assert_eq!(value.as_slice(), b"what was said"),
            Ok(None) | Err(_) => refused += 1,
        }
        let listed = store.list(&messages("peer-by-name"), None, 99);
        let listed = listed.unwrap_or_default();
        for value in values(&listed).into_iter().flatten() {
            assert_eq!(value, b"what was said");
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused_or_read_correctly() {
    let folder = Folder::filled();
    let bytes = fs::read(folder.path()).unwrap();
    for len in (1..bytes.len()).step_by(1_021) {
        fs::write(folder.path(), &bytes[..len]).unwrap();
        let Ok(store) = SqliteStore::open(folder.path(), &key()) else {
            continue;
        };
        if let Ok(Some(value)) = store.get(&message("peer-by-name", 1)) {
            assert_eq!(value.as_slice(), b"what was said");
        }
    }
}

#[test]
fn a_full_disk_fails_the_commit_and_nothing_else() {
    let folder = Folder::filled();
    let mut store = folder.open();
    let pages: i64 = store
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |store: &SqliteStore, pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        store
            .db
            .query_row(&sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    limit(&store, pages + 2);
    let mut transaction = Transaction::default();
    transaction.delete(message("peer-by-name", 0));
    transaction.put(single("k"), Zeroizing::new(vec![1; 100_000]));
    let error = store.commit(transaction).unwrap_err();
    assert!(matches!(error, SqliteError::Failed(_)), "{error:?}");
    assert!(is_filled(&store));
    assert!(store.get(&single("k")).unwrap().is_none());
    put(&mut store, single("c"), b"small");
    limit(&store, 1_000);
    put(&mut store, single("k"), &[1; 100_000]);
    drop(store);
    assert!(is_filled(&folder.open()));
}

#[test]
fn a_store_whose_creation_was_interrupted_is_created_again() {
    // After a crash in a transaction larger than its cache, SQLite leaves a partly written file and
    // a journal that undoes it.
    let (begun, left) = (Folder::new(), Folder::new());
    let db = Connection::open(begun.path()).unwrap();
    db.execute_batch("PRAGMA cache_size = 1; BEGIN EXCLUSIVE; CREATE TABLE records (x)")
        .unwrap();
    for _ in 0..50 {
        db.execute("INSERT INTO records VALUES (randomblob(5000))", [])
            .unwrap();
    }
    for (path, bytes) in begun.files() {
        fs::write(left.0.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert!(fs::metadata(left.path()).unwrap().len() > 10_000);
    assert_eq!(left.files().len(), 2);
    fill(&mut left.open());
    assert!(is_filled(&left.open()));
}

#[test]
fn a_store_without_a_log_gets_one() {
    // This is the state after a process was killed when it had made the store and not yet switched
    // on the log.
    let folder = Folder::filled();
    folder.tamper("PRAGMA journal_mode = DELETE");
    let mut store = folder.open();
    put(&mut store, single("c"), b"1");
    assert_eq!(folder.files().len(), 2);
    assert!(is_filled(&store));
}
