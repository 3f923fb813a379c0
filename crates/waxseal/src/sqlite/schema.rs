//! Opens a database file, and checks what kind of file it is, its version and its key.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::SqliteError;
use super::seal::{OVERHEAD, Seal, StoreKey};
use crate::store::MAX_VALUE_LEN;

/// `Waxs` in the header of the file, where tools look up what kind of SQLite database it is.
pub(super) const APPLICATION_ID: i32 = 0x5761_7873;

/// The steps that bring a database from each version to the next.
///
/// The number of steps is the version that this crate writes. A released step never changes, not
/// even its spaces, because each store's tables are compared with it.
pub(super) const MIGRATIONS: &[&str] = &[
    "CREATE TABLE seal (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB NOT NULL,
        key_check BLOB NOT NULL
    ) STRICT;
    CREATE TABLE records (
        scope BLOB NOT NULL,
        place BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (scope, place)
    ) STRICT, WITHOUT ROWID;",
    // The tables stay. Their records are in a layout that earlier versions take for an empty store,
    // and would write over.
    "",
];

/// Settings of the connection. The journal mode is not among them: it is a property of the file.
///
/// The write-ahead log is folded into the file after 256 pages, a fourth of SQLite's default,
/// because the log keeps replaced and deleted values. This costs some 7 disk syncs in 100 commits.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA wal_autocheckpoint = 256;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// Whether other processes may have the store open too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Alone,
    Shared,
}

/// How long a process that shares a store waits while another one commits.
const WAIT: Duration = Duration::from_secs(5);

/// Opens a store, or makes one in an empty file. Any other file is refused and not changed.
pub(super) fn open(
    mut db: Connection,
    path: &Path,
    key: &StoreKey,
    migrations: &[&str],
    is_used: Use,
) -> Result<(Connection, Seal), SqliteError> {
    if db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(SqliteError::Failed("the file is read-only".into()));
    }
    let is_shared = is_used == Use::Shared;
    // It is useless to wait for a process that uses the store alone: that process keeps the file
    // locked until it closes the store.
    db.busy_timeout(if is_shared { WAIT } else { Duration::ZERO })?;
    let locking = if is_shared { "NORMAL" } else { "EXCLUSIVE" };
    db.execute_batch(&format!("PRAGMA locking_mode = {locking}"))?;
    // Nothing may change until the key is known to be right. If opening fails, not even the log
    // that a crash left may be folded into the file.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))?;
    // Someone else may have written the file, so no SQL that is stored in the file may run.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // With this limit SQLite refuses a longer row before it allocates memory for it.
    let longest_row = MAX_VALUE_LEN.saturating_add(OVERHEAD).saturating_add(256);
    let longest_row = i32::try_from(longest_row).unwrap_or(i32::MAX);
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest_row)?;
    db.execute_batch(SETTINGS)?;

    let opening = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let seal = create_or_check(&opening, key, migrations)?;
    opening.commit()?;
    // The log is switched on only after the commit, so that the file itself identifies a store even
    // if the log is lost.
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(SqliteError::Failed(
            "the file system has no write-ahead log".into(),
        ));
    }
    // A process that shares the store never deletes the log. It cannot know whether it is the last
    // one, because another process may have lost its locks by reading the file.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_shared)?;
    Ok((db, seal))
}

/// Whether the file has a log that is not empty, as far as can be told. SQLite names the log after
/// the file itself, not after a link to it.
fn has_log(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return true;
    };
    let mut log = path.into_os_string();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn create_or_check(
    db: &Transaction<'_>,
    key: &StoreKey,
    migrations: &[&str],
) -> Result<Seal, SqliteError> {
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i32>(0));
    let newest = i32::try_from(migrations.len()).unwrap_or(i32::MAX);
    let version = number("PRAGMA user_version")?;
    let done = usize::try_from(version).unwrap_or_default();
    let (done, to_do) = migrations.split_at(done.min(migrations.len()));
    let seal = match number("PRAGMA application_id")? {
        APPLICATION_ID if version > newest => return Err(SqliteError::Newer { version }),
        APPLICATION_ID if version > 0 => {
            check_tables(db, done)?;
            Some(check_key(db, key)?)
        }
        0 if version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 => None,
        _ => return Err(SqliteError::NotAStore),
    };
    if !to_do.is_empty() {
        for migration in to_do {
            db.execute_batch(migration)?;
        }
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        db.pragma_update(None, "user_version", newest)?;
    }
    match seal {
        Some(seal) => Ok(seal),
        None => make_seal(db, key),
    }
}

/// Checks that the file has the tables that `migrations` make, and nothing else.
///
/// Otherwise an index, a check or a computed column that someone put into the file would run at
/// each read or write, for as long as it likes.
fn check_tables(db: &Connection, migrations: &[&str]) -> Result<(), SqliteError> {
    let made = Connection::open_in_memory()?;
    for migration in migrations {
        made.execute_batch(migration)?;
    }
    if tables(db)? != tables(&made)? {
        return Err(SqliteError::Damaged);
    }
    Ok(())
}

type Table = (String, String, String, Option<String>);

fn tables(db: &Connection) -> Result<Vec<Table>, SqliteError> {
    let mut select =
        db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let tables = select.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(tables.collect::<Result<_, _>>()?)
}

fn check_key(db: &Transaction<'_>, key: &StoreKey) -> Result<Seal, SqliteError> {
    let (salt, key_check): (Vec<u8>, Vec<u8>) =
        db.query_row("SELECT salt, key_check FROM seal", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let salt = salt.first_chunk().ok_or(SqliteError::Damaged)?;
    let seal = Seal::new(key, salt);
    if !seal.is_key_of(&key_check) {
        return Err(SqliteError::WrongKey);
    }
    Ok(seal)
}

fn make_seal(db: &Transaction<'_>, key: &StoreKey) -> Result<Seal, SqliteError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| SqliteError::Failed(Box::new(error)))?;
    let seal = Seal::new(key, &salt);
    db.execute(
        "INSERT INTO seal (one, salt, key_check) VALUES (1, ?1, ?2)",
        (salt, seal.key_check()),
    )?;
    Ok(seal)
}
