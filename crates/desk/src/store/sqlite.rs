//! A store in one SQLite file.

mod database;
mod schema;

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};

use self::database::Sqlite;
use super::calls::reads;
use super::sql::{Database, in_sql, write};
use super::*;

/// A [`Store`](super::Store) in one SQLite file, with a table for each kind of row.
///
/// Auditors can read the file with any SQLite tool, also while the desk has it open. The tables and
/// columns are documented in `schema.sql` and in `schema_2.sql` to `schema_4.sql` of this crate.
///
/// # Durability
/// [`apply`](super::Store::apply) is one transaction, and on the disk when it returns: write-ahead
/// log, `synchronous = FULL`, and `fullfsync` where the system supports it. Several processes may
/// have the store open. A call waits up to five seconds while another one writes.
///
/// The write-ahead log is a file next to the store, with the store's name and `-wal`. The two files
/// belong together.
///
/// # Security
/// The file is readable for its owner only. It holds accounts, statements of reasons and salts in
/// the clear, and the content of reports as the intake sealed it for the vault. Keep it on an
/// encrypted disk. Deleted rows are overwritten; call [`compact`](super::Store::compact) after an
/// erasure, so that the write-ahead log does not keep them.
pub struct SqliteStore {
    db: Connection,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store at `path`, or makes an empty one if there is no file or an empty file.
    ///
    /// The folder must exist. On Unix, only its owner can read or write a new file.
    ///
    /// # Errors
    /// [`StoreError`]. An existing file was not changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let db = schema::open(path.as_ref())?;
        Ok(Self { db })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&dyn Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&Sqlite(&self.db))
    }

    fn apply_all(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        bounds::check(changes)?;
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.db.transaction_with_behavior(behavior)?;
        for change in changes {
            write::apply(&Sqlite(&transaction), change)?;
        }
        Ok(transaction.commit()?)
    }

    /// Copies the write-ahead log into the file, and empties the log.
    fn erase_traces(&self) -> Result<(), StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        if is_busy == 0 {
            Ok(())
        } else {
            Err(StoreError::InUse)
        }
    }
}

reads!(in_sql SqliteStore);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => Self::InUse,
            (_, Some(ErrorCode::NotADatabase)) => Self::NotAStore,
            // The SQL of this crate is fixed. If it does not fit the tables in the file, this crate
            // did not make them.
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::TooBig | ErrorCode::Unknown))
            | (rusqlite::Error::SqlInputError { .. }, _)
            | (rusqlite::Error::InvalidColumnType(..), _) => Self::Damaged,
            // The file was cut off: it ends before its tables do.
            _ if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHORT_READ) => {
                Self::Damaged
            }
            _ => Self::Failed(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests;
