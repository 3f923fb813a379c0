//! Opens the SQLite file of a store: checks what kind of file it is and its version.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use waxseal_reporting::intake::AcceptedReport;

use crate::store::error::StoreError;
use crate::store::limits::{MAX_CONTENT_LEN, MAX_EXPORT_LEN};

/// `Waxd` in the header of the file, where tools look up what kind of SQLite database it is.
pub(super) const APPLICATION_ID: i32 = 0x5761_7864;

/// The tables, as each version added them.
pub(super) const TABLES: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// The version of the tables.
pub(super) const VERSION: i32 = 4;

/// The first version that has the accounts of reporters.
pub(super) const WITH_ACCOUNTS: i32 = 4;

/// Settings of the connection. The journal mode is not among them: it is a property of the file.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -65536; -- 64 MiB
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// How long a call waits while another process writes.
const WAIT: Duration = Duration::from_secs(5);

/// Length of a row's other fields, with room to spare.
const OTHER_FIELDS: usize = 4_096;

/// Opens a store, or makes one in an empty file. Any other file is refused and not changed.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    // SQLite's special names are not absolute.
    let path = std::path::absolute(path).map_err(failed)?;
    create_for_owner(&path).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(&path, flags)?;
    if db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(failed(io::Error::from(io::ErrorKind::PermissionDenied)));
    }
    db.busy_timeout(WAIT)?;
    // Someone else may have written the file. Until it is known to be a store, nothing in it
    // changes, and no SQL that is stored in it ever runs.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // With this limit SQLite refuses a longer row before it allocates memory for it.
    let longest = i32::try_from(
        MAX_CONTENT_LEN
            .max(MAX_EXPORT_LEN)
            .saturating_add(OTHER_FIELDS),
    );
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest.unwrap_or(i32::MAX))?;
    db.execute_batch(SETTINGS)?;

    let opening = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    create_or_check(&opening)?;
    opening.commit()?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed(
            "the file system has no write-ahead log".into(),
        ));
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(db)
}

fn failed(error: io::Error) -> StoreError {
    StoreError::Failed(Box::new(error))
}

/// Creates the file if there is none. On Unix, only its owner can read or write the new file.
/// SQLite gives the write-ahead log the same permissions.
fn create_for_owner(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn create_or_check(db: &Transaction<'_>) -> Result<(), StoreError> {
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i32>(0));
    match (
        number("PRAGMA application_id")?,
        number("PRAGMA user_version")?,
    ) {
        (APPLICATION_ID, version) if version > VERSION => Err(StoreError::Newer { version }),
        (APPLICATION_ID, version) if version > 0 => {
            check_tables(db, version)?;
            upgrade(db, version)
        }
        (0, 0) if number("SELECT count(*) FROM sqlite_schema")? == 0 => {
            upgrade(db, 0)?;
            db.pragma_update(None, "application_id", APPLICATION_ID)?;
            Ok(())
        }
        _ => Err(StoreError::NotAStore),
    }
}

/// Adds the tables and columns that versions after this one brought.
fn upgrade(db: &Connection, version: i32) -> Result<(), StoreError> {
    for (added, tables) in (1..).zip(TABLES) {
        if added > version {
            db.execute_batch(tables)?;
            db.pragma_update(None, "user_version", added)?;
        }
    }
    // A new store has no reports.
    if (1..WITH_ACCOUNTS).contains(&version) {
        add_accounts(db)?;
    }
    Ok(())
}

/// Reads once who made each report, from its content. Content that cannot be read names no one.
fn add_accounts(db: &Connection) -> Result<(), StoreError> {
    let mut select = db.prepare("SELECT report_id, accepted FROM contents")?;
    let mut update = db.prepare("UPDATE reports SET reporter_account = ? WHERE id = ?")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, accepted): (Vec<u8>, _) = (row.get(0)?, row.get_ref(1)?);
        let accepted = accepted.as_blob().map_err(|_| StoreError::Damaged)?;
        if let Ok(report) = AcceptedReport::report_of(accepted) {
            update.execute((report.reporter().account.as_str(), id))?;
        }
    }
    Ok(())
}

/// Checks that the file has the tables of its version and nothing else. Otherwise an index or a
/// check that someone put into the file would run at each read or write.
fn check_tables(db: &Connection, version: i32) -> Result<(), StoreError> {
    let made = Connection::open_in_memory()?;
    let known = usize::try_from(version).unwrap_or_default();
    for tables in TABLES.iter().take(known) {
        made.execute_batch(tables)?;
    }
    if tables(db)? == tables(&made)? {
        Ok(())
    } else {
        Err(StoreError::Damaged)
    }
}

type Table = (String, String, String, Option<String>);

fn tables(db: &Connection) -> Result<Vec<Table>, StoreError> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let mut select = db.prepare(sql)?;
    let tables = select.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(tables.collect::<Result<_, _>>()?)
}
