//! The [`Store`] trait, in which a client keeps what must survive a restart, and a store in memory.
//!
//! A [`Client`](crate::Client) reads what a call needs, computes in memory, and passes the store
//! one [`Transaction`] with everything the call changed. Only after [`Store::commit`] has returned
//! `Ok` does the call return anything that depends on the change. So with a store that commits
//! durably and atomically, no message key is used twice and no acknowledged message is lost.

mod memory;

use waxseal_reporting::limits::{MAX_GROUP_FANOUT_LEN, MAX_GROUP_SLOTS};
use zeroize::Zeroizing;

pub use self::memory::MemoryStore;

/// Maximum length of a value. The longest one is a message to a group that waits in the outbox,
/// with the devices that get no key of it.
///
/// A report can have 2.1 MB. Under attack a peer's sessions can reach 21 kB. Most values have a few
/// hundred bytes.
pub const MAX_VALUE_LEN: usize =
    MAX_GROUP_FANOUT_LEN + MAX_GROUP_SLOTS * MAX_WITHOUT_LEN + MAX_OUTBOX_LEN;

/// Maximum length of a report with what is stored alongside it.
#[cfg(test)]
pub(crate) const MAX_REPORT_VALUE_LEN: usize = waxseal_reporting::limits::MAX_REPORT_LEN + 9_856;

/// Maximum length of the name of a device that gets no key of a message to a group.
const MAX_WITHOUT_LEN: usize = 140;

/// Maximum length of the other fields of a message to a group in the outbox.
const MAX_OUTBOX_LEN: usize = 192;

/// Maximum length of a [`Table`]'s bytes.
pub const MAX_TABLE_LEN: usize = 192;
/// Maximum length of the bytes in a [`Row::Name`].
pub const MAX_NAME_LEN: usize = 192;

/// Keeps the records of one client: values under keys, changed by atomic and durable transactions.
///
/// A store belongs to one [`Client`](crate::Client). The client reads single records and lists of
/// them, and changes them only by [`commit`](Self::commit), once per call. The store interprets
/// neither the keys nor the values: a later version of this crate stores new kinds of records in
/// the same store.
///
/// # Contract
/// * `commit` applies all changes of a transaction or none, and returns `Ok` only when they are
///   durable.
/// * After an `Err` from `commit`, either all changes are there or none. A read shows which is the
///   case.
/// * Reads see every committed change.
/// * A record that cannot be read costs that record only. `get` of it fails with an error that
///   [`is_damage`](Self::is_damage) recognises, and `list` goes on after it.
///
/// [`conformance::check`](crate::conformance::check) tests a store.
///
/// # Several processes
/// Only one client may use a store at a time, unless the store implements
/// [`is_stale`](Self::is_stale) and [`refresh`](Self::refresh). Such a store remembers which commit
/// of others it has seen, at the last `refresh` or own `commit`. If there is a newer one, every
/// `get`, `list` and `commit` fails with a stale error, and a `commit` changes nothing. So what a
/// client computes and commits fits what it read.
///
/// # Size
///
/// | what | bytes |
/// |---|---|
/// | [`Table`] | 1 to [`MAX_TABLE_LEN`] |
/// | [`Row::Name`] | 0 to [`MAX_NAME_LEN`] |
/// | value | at most [`MAX_VALUE_LEN`] |
///
/// # Security
/// Values hold secrets. A store on disk seals them at rest, each with its key as associated data,
/// so that no value can be moved to another key. Keys name peers and messages: hide them as well.
/// `SqliteStore`, with the feature `sqlite`, does both.
pub trait Store {
    /// The error of a store that could not read or write.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Returns the value under `key`, or `None`.
    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error>;

    /// Returns up to `limit` rows of `table`: the first ones, or those after `after`.
    ///
    /// Rows by number are sorted by ascending number. Rows by name may have any order, as long as
    /// it stays the same. A row [`Row::Only`] is not listed. `after` is a cursor of this table,
    /// whether or not its row is still there.
    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Self::Error>;

    /// Applies all changes of `transaction`, in their order, or none of them.
    fn commit(&mut self, transaction: Transaction) -> Result<(), Self::Error>;

    /// Whether the error says that the value is there but cannot be read, now or later.
    fn is_damage(error: &Self::Error) -> bool;

    /// Whether the error says that another process committed since the last
    /// [`refresh`](Self::refresh). The client then starts the call over.
    fn is_stale(_error: &Self::Error) -> bool {
        false
    }

    /// Takes notice of what other processes committed. Returns a number that is another one after
    /// each commit of others.
    ///
    /// The client remembers the number that fits what it has cached. So it also notices a commit
    /// after which someone else called this.
    fn refresh(&self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    /// Returns the space of deleted values to the system, and erases them from the disk as far as
    /// the store can. This may rewrite the whole store.
    fn compact(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A family of records, named by bytes that only the client interprets.
///
/// All rows of a table are of one kind: a single one, by number, or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(Vec<u8>);

impl Table {
    /// Makes a table from its bytes. The client makes its own; this is public for tests of stores.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes that name the table.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes with which [`Key::to_bytes`] begins for each row of the table, and for no other.
    pub fn prefix(&self) -> Vec<u8> {
        let len = u16::try_from(self.0.len()).unwrap_or(u16::MAX); // at most MAX_TABLE_LEN
        [&len.to_be_bytes(), self.as_bytes()].concat()
    }
}

/// Which record of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// The only one.
    Only,
    /// The one with this number. Such rows are listed by ascending number.
    Number(u64),
    /// The one with this name.
    Name(Vec<u8>),
}

/// The key under which one record is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The family of records.
    pub table: Table,
    /// The record.
    pub row: Row,
}

impl Key {
    /// Makes a key.
    pub fn new(table: Table, row: Row) -> Self {
        Self { table, row }
    }

    /// Encodes the key as bytes that sort as the store must list them.
    ///
    /// The encoding is `len be16 || table`, then nothing for [`Row::Only`], `01 || number be64`, or
    /// `02 || name`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.table.prefix();
        match &self.row {
            Row::Only => {}
            Row::Number(number) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Row::Name(name) => {
                bytes.push(2);
                bytes.extend_from_slice(name);
            }
        }
        bytes
    }

    /// Reads what [`Key::to_bytes`] wrote. `None` for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk()?;
        let (table, row) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        let row = match row.split_first() {
            None => Row::Only,
            Some((1, number)) => Row::Number(u64::from_be_bytes(number.try_into().ok()?)),
            Some((2, name)) => Row::Name(name.to_vec()),
            Some(_) => return None,
        };
        Some(Self::new(Table::new(table), row))
    }
}

/// A position in the list of a [`Table`]: that of a row which was listed.
///
/// Keep it to read the next page, also across restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cursor {
    /// The position of a row by number.
    Number(u64),
    /// The position of a row by name, in bytes that the store chose.
    Name(Vec<u8>),
}

/// A row as [`Store::list`] found it.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where the row is.
    pub cursor: Cursor,
    /// Its value. `None` if the row is damaged.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// Everything that one client call changes. A store applies all of it or nothing.
///
/// A call fills the transaction while it computes, and passes it to [`Store::commit`] once, at its
/// end. A call that fails earlier drops it, and the store stays as it was.
#[derive(Default)]
pub struct Transaction {
    changes: Vec<Change>,
}

/// One change of a [`Transaction`].
pub enum Change {
    /// Writes a value under a key. A value that was there before is replaced.
    Put(Key, Zeroizing<Vec<u8>>),
    /// Removes the value under a key. If there is none, that is no error.
    Delete(Key),
    /// Removes the row at a position of a table, damaged or not. If there is none, that is no
    /// error.
    DeleteAt(Table, Cursor),
}

impl Transaction {
    /// Adds a value to write. The client makes its own transactions; this is public for tests of
    /// stores.
    pub fn put(&mut self, key: Key, value: Zeroizing<Vec<u8>>) {
        self.changes.push(Change::Put(key, value));
    }

    /// Adds a key whose value to delete.
    pub fn delete(&mut self, key: Key) {
        self.changes.push(Change::Delete(key));
    }

    /// Adds a row to delete, by its position in a list.
    pub fn delete_at(&mut self, table: Table, cursor: Cursor) {
        self.changes.push(Change::DeleteAt(table, cursor));
    }

    /// The changes, in the order in which they are to be applied.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Takes the changes out of the transaction, in the same order.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}
