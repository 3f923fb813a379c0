//! Tests what a store leaves on the disk, and how it treats a damaged or foreign file.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use zeroize::Zeroizing;

use super::seal::Location;
use super::*;
use crate::store::{Cursor, Key, Listed, MAX_VALUE_LEN, Row, Store, Table, Transaction};

fn messages(peer: &str) -> Table {
    Table::new([&[b'm', u8::try_from(peer.len()).unwrap()], peer.as_bytes()].concat())
}

fn message(peer: &str, ordinal: u64) -> Key {
    Key::new(messages(peer), Row::Number(ordinal))
}

/// The only record of a table.
fn single(table: &str) -> Key {
    Key::new(Table::new(table), Row::Only)
}

fn values(listed: &[Listed]) -> Vec<Option<&[u8]>> {
    let values = listed.iter().map(|row| row.value.as_ref());
    values
        .map(|value| value.map(|value| value.as_slice()))
        .collect()
}

fn key() -> StoreKey {
    StoreKey::from_bytes([7; 32])
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), &key()).unwrap()
    }

    fn fails(&self, key: &StoreKey) -> SqliteError {
        SqliteStore::open(self.path(), key).unwrap_err()
    }

    /// Returns every file of the folder with its bytes.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// Makes a store with a few records, and closes it.
    fn filled() -> Self {
        let folder = Self::new();
        fill(&mut folder.open());
        folder
    }

    /// Makes the same store, as it is after its process was killed: all records are still in the
    /// log.
    fn filled_and_killed() -> Self {
        let folder = Self::new();
        let living = Self::new();
        let mut store = living.open();
        fill(&mut store);
        for (path, bytes) in living.files() {
            let copy = folder.0.path().join(path.file_name().unwrap());
            fs::write(copy, bytes).unwrap();
        }
        assert_eq!(folder.files().len(), 2, "the file and its log");
        folder
    }

    /// Runs SQL on the file without the store.
    fn tamper(&self, sql: &str) {
        let db = Connection::open(self.path()).unwrap();
        assert!(db.execute_batch(sql).is_ok(), "{sql}");
    }
}

fn put(store: &mut SqliteStore, key: Key, value: &[u8]) {
    let mut transaction = Transaction::default();
    transaction.put(key, Zeroizing::new(value.to_vec()));
    store.commit(transaction).unwrap();
}

fn fill(store: &mut SqliteStore) {
    put(store, single("a"), b"the account and its secret");
    put(
        store,
        Key::new(Table::new("p"), Row::Name(b"\x0cpeer-by-name".into())),
        b"the sessions",
    );
    for ordinal in 0..3 {
        put(store, message("peer-by-name", ordinal), b"what was said");
    }
}

fn is_filled(store: &SqliteStore) -> bool {
    let listed = store.list(&messages("peer-by-name"), None, 9).unwrap();
    values(&listed) == [Some(b"what was said".as_slice()); 3]
}

#[test]
fn nothing_in_the_files_is_readable() {
    for folder in [Folder::filled(), Folder::filled_and_killed()] {
        for (path, bytes) in folder.files() {
            for secret in ["secret", "peer-by-name", "sessions", "said"] {
                let found = bytes
                    .windows(secret.len())
                    .any(|at| at == secret.as_bytes());
                assert!(!found, "{secret} is in {}", path.display());
            }
            assert!(!bytes.windows(32).any(|at| at == *key().to_bytes()));
        }
        assert!(is_filled(&folder.open()));
    }
}

#[test]
fn equal_values_are_sealed_differently_and_equal_names_of_two_stores_differ() {
    let rows = |folder: &Folder| -> Vec<(Vec<u8>, Vec<u8>)> {
        let db = Connection::open(folder.path()).unwrap();
        let mut select = db
            .prepare("SELECT scope, value FROM records WHERE length(place) <> 8")
            .unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let mut rows = [rows(&Folder::filled()), rows(&Folder::filled())].concat();
    let count = rows.len();
    assert_eq!(count, 4);
    rows.sort();
    rows.dedup_by(|a, b| a.0 == b.0 || a.1 == b.1);
    assert_eq!(rows.len(), count);
}

#[test]
fn a_wrong_key_is_detected_and_changes_nothing() {
    for folder in [Folder::filled(), Folder::filled_and_killed()] {
        let before = folder.files();
        for wrong in [[8; 32], [0; 32]] {
            let error = folder.fails(&StoreKey::from_bytes(wrong));
            assert!(matches!(error, SqliteError::WrongKey), "{error:?}");
            assert!(folder.files() == before);
        }
        assert!(is_filled(&folder.open()), "the right key still opens it");
    }
}

#[test]
fn opening_a_store_changes_nothing() {
    let folder = Folder::filled();
    let before = folder.files();
    assert!(is_filled(&folder.open()));
    assert!(folder.files() == before);
}

#[test]
fn a_store_of_a_newer_version_is_refused_unchanged() {
    let folder = Folder::filled();
    folder.tamper("PRAGMA user_version = 3");
    let before = folder.files();
    let error = folder.fails(&key());
    assert!(matches!(error, SqliteError::Newer { version: 3 }));
    assert!(folder.files() == before);

    // To the version before, this one is newer.
    let folder = Folder::new();
    let open = |steps| SqliteStore::open_with(&folder.path(), &key(), steps, Use::Alone);
    fill(&mut open(&schema::MIGRATIONS[..1]).unwrap());
    assert!(is_filled(&open(schema::MIGRATIONS).unwrap()));
    let earlier = open(&schema::MIGRATIONS[..1]);
    assert!(matches!(earlier, Err(SqliteError::Newer { version: 2 })));
}

#[test]
fn a_file_that_is_not_a_store_is_refused_unchanged() {
    let folder = Folder::new();
    let refused = |what: &str| {
        let before = folder.files();
        let error = SqliteStore::open(folder.path(), &key()).map(drop);
        assert!(
            matches!(error, Err(SqliteError::NotAStore)),
            "{what}: {error:?}"
        );
        assert!(folder.files() == before, "{what}");
        fs::remove_file(folder.path()).unwrap();
    };
    for bytes in [b"no".as_slice(), &[0; 4_096], &[b'x'; 10_000]] {
        fs::write(folder.path(), bytes).unwrap();
        refused(&format!("{} bytes", bytes.len()));
    }
    for sql in [
        "CREATE TABLE notes (text)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode = WAL; CREATE TABLE notes (text)",
    ] {
        folder.tamper(sql);
        refused(sql);
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    fs::write(folder.path(), b"").unwrap();
    fill(&mut folder.open());
    assert!(is_filled(&folder.open()));
}

#[test]
fn a_store_is_in_use_by_one_at_a_time() {
    let folder = Folder::filled();
    let first = folder.open();
    assert!(matches!(folder.fails(&key()), SqliteError::InUse));
    assert!(matches!(
        folder.fails(&StoreKey::from_bytes([8; 32])),
        SqliteError::InUse
    ));
    assert!(is_filled(&first));
    drop(first);
    assert!(is_filled(&folder.open()));
}

#[test]
fn a_store_that_another_process_has_open_is_in_use() {
    const PATH: &str = "WAXSEAL_TEST_STORE_IN_USE";
    // The test starts itself as another process. To that process, the store must be in use.
    if let Some(path) = std::env::var_os(PATH) {
        let error = SqliteStore::open(path, &key()).unwrap_err();
        assert!(matches!(error, SqliteError::InUse), "{error:?}");
        return;
    }
    let folder = Folder::filled();
    let mut store = folder.open();
    put(&mut store, single("c"), b"1");
    let this_test = std::thread::current().name().map(str::to_owned).unwrap();
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &this_test])
        .env(PATH, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(
        other.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert!(is_filled(&store));
}

#[test]
fn the_log_is_folded_in_when_the_store_is_dropped() {
    let folder = Folder::new();
    let mut store = folder.open();
    fill(&mut store);
    assert_eq!(folder.files().len(), 2);
    drop(store);
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn the_settings_are_as_documented() {
    let folder = Folder::filled();
    let store = folder.open();
    for (pragma, expected) in [
        ("synchronous", 2),
        ("fullfsync", 1),
        ("wal_autocheckpoint", 256),
        ("secure_delete", 1),
        ("temp_store", 2),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("application_id", i64::from(schema::APPLICATION_ID)),
        ("user_version", schema::MIGRATIONS.len() as i64),
    ] {
        let value: i64 = store
            .db
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
            .unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
    let text = |pragma: &str| -> String {
        let sql = format!("PRAGMA {pragma}");
        store.db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!(text("locking_mode"), "exclusive");
}

#[test]
fn migrations_are_applied_together_and_keep_what_is_there() {
    let folder = Folder::filled();
    let open = |more: &[&'static str]| {
        let steps = [schema::MIGRATIONS, more].concat();
        SqliteStore::open_with(&folder.path(), &key(), &steps, Use::Alone)
    };
    let before = folder.files();
    let (good, bad) = ("CREATE TABLE more (x)", "INSERT INTO nowhere VALUES (1)");
    assert!(open(&[good, bad]).is_err());
    assert!(
        folder.files() == before,
        "a step that fails undoes all steps"
    );
    let wrong = StoreKey::from_bytes([8; 32]);
    let steps = [schema::MIGRATIONS, &[good]].concat();
    let error = SqliteStore::open_with(&folder.path(), &wrong, &steps, Use::Alone).unwrap_err();
    assert!(matches!(error, SqliteError::WrongKey));
    assert!(
        folder.files() == before,
        "nothing is migrated under a wrong key"
    );

    let store = open(&[good, "INSERT INTO more VALUES (5)"]).unwrap();
    assert!(is_filled(&store));
    let x: i32 = store
        .db
        .query_row("SELECT x FROM more", [], |row| row.get(0))
        .unwrap();
    assert_eq!(x, 5);
    drop(store);
    assert!(matches!(
        folder.fails(&key()),
        SqliteError::Newer { version: 4 }
    ));
    let store = open(&[good, "INSERT INTO more VALUES (5)"]).unwrap();
    let rows: i32 = store
        .db
        .query_row("SELECT count(*) FROM more", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1, "a step runs once");
}

#[test]
fn a_client_on_a_store_can_move_to_a_thread_of_its_own() {
    fn is_send<T: Send>() {}
    is_send::<crate::Client<SqliteStore>>();
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key()), "StoreKey { .. }");
    let folder = Folder::new();
    assert_eq!(format!("{:?}", folder.open()), "SqliteStore { .. }");
}

#[test]
fn names_and_values_are_as_specified() {
    let seal = Seal::new(&key(), &[9; 32]);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let at = |key: &Key| {
        let Location { scope, place } = seal.locate(key);
        (hex(&scope), hex(&place))
    };
    let name = |bytes: &[u8]| hex(&seal.mac(bytes));

    let number = "0000000000000102".to_owned();
    assert_eq!(at(&message("bob", 258)), (name(b"m\x03bob"), number));
    let peer = Key::new(Table::new("p"), Row::Name(b"\x03bob".into()));
    assert_eq!(at(&peer), (name(b"p"), name(b"p\x03bob")));
    assert_eq!(at(&single("a")), (name(b"a"), String::new()));

    // These known answers ensure that a value that was once written can always be opened.
    assert_eq!(hex(seal.key_check()), "9ef58993b35f1be29870c542b700d7cc");
    assert_eq!(name(b"a"), "ef0ed53f7fb2fd76a878cc5fa148f9b5");
    let sealed = "d64c042b49d807657aac0b0c23a737ce6b6cf7198ba24abb256215e4c8431993dfe70d0f42102bdd59c8b6bfbe808cc2ac70044e";
    let sealed: Vec<u8> = (0..sealed.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap())
        .collect();
    let value = seal
        .open(&seal.locate(&message("bob", 258)), &sealed)
        .unwrap();
    assert_eq!(value.as_slice(), b"known answer");
}

mod damage;
mod paths;
mod shared;
