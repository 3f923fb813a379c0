//! A durable store: one SQLite file. Every value is sealed, and every name but the ordinals is
//! hidden.

mod rows;
mod schema;
mod seal;

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use self::schema::Use;
pub use self::seal::StoreKey;
use self::seal::{Seal, SealError};

/// A [`Store`](crate::Store) in one SQLite file, sealed under a key that the application keeps.
///
/// The first [`open`](Self::open) makes the file. Each commit of the client is one SQLite
/// transaction. The process may stop at any time: a commit that it did not finish leaves no trace.
/// Dropping the store folds SQLite's write-ahead log into the file and lets another process open
/// the file.
///
/// ```rust
/// use waxseal::{AccountId, Client, DeliveryKey, DeviceAddress, DeviceId, SqliteStore, StoreKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let (path, now) = (home.path().join("alice.waxseal"), waxseal_world::NOW);
/// let rng = &mut rand::rng();
/// let key = StoreKey::generate(rng); // once; the platform's key store keeps it
/// let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
/// let store = SqliteStore::open(&path, &key)?;
/// Client::create(store, alice, DeliveryKey::generate(rng), now, rng)?;
///
/// let alice = Client::open(SqliteStore::open(&path, &key)?)?; // the next start
/// assert_eq!(alice.me().account.as_str(), "alice");
/// # Ok(())
/// # }
/// ```
///
/// # Durability
/// A commit is on the disk when [`commit`](crate::Store::commit) returns. The settings for this are
/// write-ahead log, `synchronous = FULL`, and `fullfsync` where the system supports it. The call
/// blocks while the disk writes, so an asynchronous application calls the client on a dedicated
/// thread. While a store is open, nothing else can open its file: [`SqliteError::InUse`].
///
/// The log is a file next to the store, with the store's name and `-wal`. It exists while the store
/// is open, and remains after a crash. The two files belong together: moving one without the other
/// loses what was committed.
///
/// # Format
/// Each record is one row with three columns: the scope (16 bytes), the place, and the value. The
/// table below uses
///
/// * `K(x) = HKDF-SHA-256(salt 32, StoreKey, "waxseal/1/store/x")`, with the file's random salt,
/// * `name(k)`, the first 16 bytes of `HMAC-SHA-256(K("names"), k)`.
///
/// | row | scope | place |
/// |---|---|---|
/// | [`Row::Only`](crate::store::Row::Only) | `name(table)` | empty |
/// | [`Row::Number`](crate::store::Row::Number) | `name(table)` | number be64 |
/// | [`Row::Name`](crate::store::Row::Name) | `name(table)` | `name(table \|\| name)` |
///
/// The value is `nonce 24 || XChaCha20-Poly1305(K("values"), nonce, scope || place, value)`, with a
/// random nonce each time. A value that is moved to another name or to another store does not open.
/// `K("key-check")`, 16 bytes, is stored next to the salt, to detect a wrong key.
///
/// # Security
/// Someone with the file but not the key learns:
///
/// * how many conversations and messages there are and were,
/// * how many messages of a conversation have not arrived,
/// * how many one-time prekeys are left, and how many senders began without one,
/// * how long each value is,
/// * which rows a commit wrote,
/// * in what order the rows were written, from the file's pages and the log.
///
/// On the disk, forward secrecy is limited. A replaced or deleted value is overwritten in the file,
/// but its sealed bytes stay in the log until the log is folded into the file (after about a
/// megabyte, or when the store is dropped) and written over. Flash memory and backups keep such
/// bytes longer. Anyone who gets the key and such old bytes has the old sessions. To make all
/// copies worthless, destroy the key.
///
/// Anyone who can write the file can put back an older copy of it, of its log or of single rows, or
/// delete rows. The store detects this only where rows no longer fit each other, and then reports
/// damage. A client that goes on from old sessions repeats message keys. Leave the file out of
/// backups.
///
/// # Several processes
/// [`open`](Self::open) is for one process. It relies on the locks of the file system, and on POSIX
/// systems a process loses these when it opens and closes the file itself, to back it up or to hash
/// it. [`open_shared`](Self::open_shared) is for several processes, and does not rely on locks
/// between calls.
///
/// A store that is shared has a third file, with the store's name and `-shm`. Do not open this file
/// yourself. The log is folded into the file when it has grown, and by
/// [`compact`](crate::Store::compact); it stays when the store is dropped.
pub struct SqliteStore {
    db: Connection,
    seal: Seal,
    /// Which commit of others this store has seen, if it is shared.
    seen: Option<Cell<i64>>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// Why a [`SqliteStore`] could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The store was made with another key. Nothing was changed. Open it with that key.
    #[error("the store was made with another key")]
    WrongKey,
    /// Another process committed since this store was [refreshed](crate::Store::refresh). Nothing
    /// was changed. The client starts the call over by itself, up to 16 times.
    #[error("another process has changed the store")]
    Stale,
    /// Another process, or another part of this process, has the store open. Close it there first.
    #[error("the store is in use")]
    InUse,
    /// The file is not a Waxseal store. Nothing was changed. Use another path.
    #[error("the file is not a Waxseal store")]
    NotAStore,
    /// A newer version of Waxseal wrote the store. Nothing was changed. Update this program.
    #[error("the store has version {version}, which is newer than this program")]
    Newer {
        /// The version of the tables in the file.
        version: i32,
    },
    /// The file was altered: a value does not open under its name, SQLite finds the tables broken,
    /// or they are not the tables that Waxseal makes. Trying again cannot help. Restore the file
    /// or start over.
    #[error("the store is damaged")]
    Damaged,
    /// A value is longer than [`MAX_VALUE_LEN`](crate::store::MAX_VALUE_LEN). Nothing of its
    /// transaction was written. No client writes such a value.
    #[error("a value of {len} bytes is too long")]
    TooLong {
        /// The value's length in bytes.
        len: usize,
    },
    /// The file system or SQLite failed: no space, no permission, a broken disk. Remove the cause
    /// and try again.
    #[error("the file could not be read or written")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => Self::InUse,
            (_, Some(ErrorCode::NotADatabase)) => Self::NotAStore,
            // The SQL statements of this crate are fixed. If they do not fit the tables in the
            // file, this crate did not make those tables.
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::TooBig | ErrorCode::Unknown)) => {
                Self::Damaged
            }
            (rusqlite::Error::SqlInputError { .. }, _)
            | (rusqlite::Error::QueryReturnedNoRows, _)
            | (rusqlite::Error::InvalidColumnType(..), _) => Self::Damaged,
            // The file was cut off: it ends before its tables do.
            _ if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHORT_READ) => {
                Self::Damaged
            }
            _ => Self::Failed(Box::new(error)),
        }
    }
}

impl From<io::Error> for SqliteError {
    fn from(error: io::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<SealError> for SqliteError {
    fn from(error: SealError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl SqliteStore {
    /// Opens the store at `path`, or makes an empty one if there is no file or an empty file.
    ///
    /// The folder must exist. On Unix, only its owner can read or write a new file.
    ///
    /// # Errors
    /// [`SqliteError`]. An existing file was not changed.
    pub fn open(path: impl AsRef<Path>, key: &StoreKey) -> Result<Self, SqliteError> {
        Self::open_with(path.as_ref(), key, schema::MIGRATIONS, Use::Alone)
    }

    /// Opens the store at `path` like [`open`](Self::open), together with other processes that open
    /// it with this call. An application and its notification extension do this.
    ///
    /// Each process has its own client on its own `SqliteStore`. Between calls, none holds a lock
    /// that keeps another from reading or writing. SQLite keeps a shared lock on a file with a log,
    /// which only says that the file is open. A commit compares, under SQLite's write lock, whether
    /// another process has committed since the client last read. If so, it writes nothing, and the
    /// client starts its call over. So no two processes use one message key, whichever of them is
    /// suspended or killed, and when.
    ///
    /// A call waits up to five seconds while another process commits. What the application must do:
    ///
    /// * On iOS, make each call within `performExpiringActivity` or a background task, so that the
    ///   process is not suspended in the middle of a commit: the system ends a suspended process
    ///   that holds a file lock. Give the folder the protection
    ///   `completeUntilFirstUserAuthentication`.
    /// * When the application goes to the background, call
    ///   [`Client::compact`](crate::Client::compact) now and then, so that the log does not keep
    ///   deleted values.
    ///
    /// # Errors
    /// [`SqliteError`]. [`SqliteError::InUse`] if a process has opened the store with `open`.
    pub fn open_shared(path: impl AsRef<Path>, key: &StoreKey) -> Result<Self, SqliteError> {
        Self::open_with(path.as_ref(), key, schema::MIGRATIONS, Use::Shared)
    }

    fn open_with(
        path: &Path,
        key: &StoreKey,
        migrations: &[&str],
        is_used: Use,
    ) -> Result<Self, SqliteError> {
        let path = std::path::absolute(path)?; // SQLite's special names are not absolute
        create_for_owner(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags)?;
        let (db, seal) = schema::open(db, &path, key, migrations, is_used)?;
        let mut store = Self {
            db,
            seal,
            seen: None,
        };
        if is_used == Use::Shared {
            store.seen = Some(Cell::new(data_version(&store.db)?));
        }
        Ok(store)
    }

    /// Asked *after* each read: then the read saw nothing newer than what was seen.
    fn check_seen(&self) -> Result<(), SqliteError> {
        match &self.seen {
            Some(seen) if seen.get() != data_version(&self.db)? => Err(SqliteError::Stale),
            _ => Ok(()),
        }
    }
}

/// A number that changes when another connection has committed.
fn data_version(db: &Connection) -> Result<i64, SqliteError> {
    Ok(db.query_row("PRAGMA data_version", [], |row| row.get(0))?)
}

/// Creates the file, if there is none, with permissions for its owner alone. SQLite gives the log
/// the same permissions.
fn create_for_owner(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // An existing file is not opened here: closing it would release the locks that this process
        // may hold on it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

#[cfg(test)]
mod tests;
