//! A durable store: one SQLite file, every value sealed, every name hidden.

mod schema;
mod seal;

use std::error::Error;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi};
use zeroize::Zeroizing;

pub use self::seal::StoreKey;
use self::seal::{Location, Seal, SealError};
use crate::store::{Change, Key, MAX_VALUE_LEN, Store, Table, Transaction};

/// A [`Store`] in one SQLite file, sealed under a key that the application keeps.
///
/// ```rust
/// use waxseal::{AccountId, Client, DeliveryKey, DeviceId, DeviceAddress, SqliteStore, StoreKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("alice.waxseal");
/// let rng = &mut rand::rng();
/// let key = StoreKey::generate(rng); // once; then kept by the platform's key store
/// let alice = DeviceAddress::new(AccountId::new("alice")?, DeviceId(1));
/// Client::create(SqliteStore::open(&path, &key)?, alice, DeliveryKey::generate(rng), rng)?;
///
/// let alice = Client::open(SqliteStore::open(&path, &key)?)?; // the next start
/// assert_eq!(alice.me().account.as_str(), "alice");
/// # Ok(())
/// # }
/// ```
///
/// # Durability
/// Each [`commit`](Store::commit) is one SQLite transaction, on the disk when it returns (write-ahead log, `synchronous =
/// FULL`, and `fullfsync` where the system knows it). A call blocks while the disk writes: asynchronous applications
/// call the client on a thread of its own. While a store is open, nobody else can open its file: [`SqliteError::InUse`].
/// Beside the file there is `-wal`, the log, until the store is dropped, and after a crash: they belong together, and
/// moving one without the other loses what was committed.
///
/// # Format
/// One row a record: scope 16 bytes, place, value. With `K(x) = HKDF-SHA-256(salt 32, StoreKey, "waxseal/1/store/x")`
/// over the file's own random salt, and `name(k)` the first 16 bytes of `HMAC-SHA-256(K("names"), k)`:
///
/// | record | scope | place |
/// |---|---|---|
/// | [`Key::Message`], [`Key::Outbox`] | `name` of its [`Table::prefix`] | ordinal, 8 bytes, big-endian |
/// | [`Key::Peer`], [`Key::SkippedKeys`], [`Key::Report`] | `name` of its [`Table::prefix`] | `name` of [`Key::to_bytes`] |
/// | others | `name` of [`Key::to_bytes`] | empty |
///
/// The value is `nonce 24 || XChaCha20-Poly1305(K("values"), nonce, scope || place, value)`, the nonce random each
/// time: a value that is put under another name or into another store does not open. `K("key-check")`, 16 bytes, is kept
/// beside the salt to tell a wrong key.
///
/// # Security
/// * Who holds the file and not the key learns how many conversations and messages there are and were, how many messages
///   of a conversation did not arrive, how long each value is, which rows a commit wrote, and, from the file's pages and the log, in what order.
/// * Forward secrecy ends at the disk. What is replaced or deleted is overwritten in the file, but its sealed bytes stay in the
///   log until that was folded into the file (after about a megabyte, or when the store is dropped) and written over, and in
///   flash memory and backups for as long as those keep them. Who gets the key and such old bytes has the old sessions. To
///   make all copies worthless, destroy the key.
/// * Who can write the file can put back an older copy of it, of its log or of single rows, or delete rows: that is not
///   noticed, or found damaged where rows no longer fit each other, and a client that goes on from old sessions repeats
///   message keys. Leave the file out of backups.
pub struct SqliteStore {
    db: Connection,
    seal: Seal,
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
    /// The store was made with another key. It is as it was.
    #[error("the store was made with another key")]
    WrongKey,
    /// Another process, or another part of this one, has the store open.
    #[error("the store is in use")]
    InUse,
    /// The file is something else than a Waxseal store. It is as it was.
    #[error("the file is not a Waxseal store")]
    NotAStore,
    /// A newer version of Waxseal wrote the store. It is as it was.
    #[error("the store is of version {version}, which is newer than this program")]
    Newer {
        /// The version of its tables.
        version: i32,
    },
    /// The file was altered: a value does not open under its name, SQLite finds its tables broken, or they are not those that
    /// Waxseal makes. Trying again cannot help.
    #[error("the store is damaged")]
    Damaged,
    /// A value is longer than [`MAX_VALUE_LEN`]. No client writes one.
    #[error("a value of {len} bytes is too long")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// The file system or SQLite failed: no space, no permission, a broken disk.
    #[error("the file could not be read or written")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => Self::InUse,
            (_, Some(ErrorCode::NotADatabase)) => Self::NotAStore,
            // The statements are ours: what they do not fit is not what we made.
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::TooBig | ErrorCode::Unknown)) => {
                Self::Damaged
            }
            (rusqlite::Error::SqlInputError { .. }, _)
            | (rusqlite::Error::QueryReturnedNoRows, _)
            | (rusqlite::Error::InvalidColumnType(..), _) => Self::Damaged,
            // The file ends before its tables do.
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
    /// Opens the store at `path`, or makes an empty one where there is no file, or an empty file. Its folder must be there.
    ///
    /// On Unix, a new file is for its owner alone.
    ///
    /// # Errors
    /// [`SqliteError`]. What was there is as it was.
    pub fn open(path: impl AsRef<Path>, key: &StoreKey) -> Result<Self, SqliteError> {
        Self::open_with(path.as_ref(), key, schema::MIGRATIONS)
    }

    fn open_with(path: &Path, key: &StoreKey, migrations: &[&str]) -> Result<Self, SqliteError> {
        let path = std::path::absolute(path)?; // so that SQLite sees no special name in it
        create_for_owner(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags)?;
        let (db, seal) = schema::open(db, &path, key, migrations)?;
        Ok(Self { db, seal })
    }

    fn open_value(
        &self,
        location: &Location,
        row: &rusqlite::Row<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SqliteError> {
        let sealed = row.get_ref("value")?.as_blob();
        let sealed = sealed.map_err(|_| SqliteError::Damaged)?;
        self.seal.open(location, sealed).ok_or(SqliteError::Damaged)
    }
}

/// SQLite gives its other files the permissions of this one.
fn create_for_owner(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // Not opened if it is there: closing it would free the locks that this process may have on it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

impl Store for SqliteStore {
    type Error = SqliteError;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, SqliteError> {
        let location = self.seal.locate(key);
        let mut select = self
            .db
            .prepare("SELECT value FROM records WHERE scope = ?1 AND place = ?2")?;
        let mut rows = select.query((&location.scope, &location.place))?;
        rows.next()?
            .map(|row| self.open_value(&location, row))
            .transpose()
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, SqliteError> {
        let scope = self.seal.scope(table);
        let after = match after.map(|key| self.seal.locate(key)) {
            Some(location) if location.scope != scope => return Ok(Vec::new()),
            after => after.map(|location| location.place).unwrap_or_default(), // no place is empty
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut select = self.db.prepare(
            "SELECT place, value FROM records WHERE scope = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
        )?;
        let mut rows = select.query((&scope, &after, limit))?;
        let mut values = Vec::new();
        while let Some(row) = rows.next()? {
            let place = row.get("place")?;
            values.push(self.open_value(&Location { scope, place }, row)?);
        }
        Ok(values)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), SqliteError> {
        let commit = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut upsert = commit.prepare(
            "INSERT INTO records (scope, place, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        let mut delete = commit.prepare("DELETE FROM records WHERE scope = ?1 AND place = ?2")?;
        for change in transaction.changes() {
            match change {
                Change::Put(_, value) if value.len() > MAX_VALUE_LEN => {
                    return Err(SqliteError::TooLong { len: value.len() });
                }
                Change::Put(key, value) => {
                    let to = self.seal.locate(key);
                    let sealed = self.seal.seal(&to, value)?;
                    upsert.execute((&to.scope, &to.place, &sealed))?;
                }
                Change::Delete(key) => {
                    let from = self.seal.locate(key);
                    delete.execute((&from.scope, &from.place))?;
                }
            }
        }
        drop((upsert, delete));
        Ok(commit.commit()?)
    }
}

#[cfg(test)]
mod tests;
