//! The [`Store`] trait, in which a client keeps what must survive a restart, and a store in memory.
//!
//! A [`Client`](crate::Client) reads what a call needs, computes in memory, and passes the store
//! one [`Transaction`] with everything the call changed. Only after [`Store::commit`] has returned
//! `Ok` does the call return anything that depends on the change. So with a store that commits
//! durably and atomically, no message key is used twice and no acknowledged message is lost.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;

use waxseal_core::IdentityKey;
use waxseal_core::export::{OneTimeId, PageId};
use waxseal_reporting::limits::MAX_REPORT_LEN;
use waxseal_reporting::{AccountId, FrankingTag};
use zeroize::Zeroizing;

/// Maximum length of a value. The longest one is a report of 30 messages of maximum length.
///
/// Under attack a peer's sessions can reach 21 kB. Most values have a few hundred bytes.
pub const MAX_VALUE_LEN: usize = MAX_REPORT_LEN + 64;

/// Keeps the records of one client: values under keys, changed by atomic and durable transactions.
///
/// A store belongs to one [`Client`](crate::Client). The client reads single records and lists of
/// them, and changes them only by [`commit`](Self::commit), once per call. The store does not
/// interpret the values.
///
/// # Contract
/// * `commit` applies all changes of a transaction or none, and returns `Ok` only when they are
///   durable.
/// * After an `Err` from `commit`, either all changes are there or none. A read shows which is the
///   case.
/// * Reads see every committed change. One client owns one store: nothing else writes to it
///   meanwhile.
///
/// [`conformance::check`](crate::conformance::check) tests a store.
///
/// # Size
///
/// | what | bytes |
/// |---|---|
/// | key, as [`Key::to_bytes`] gives it | at most 174 |
/// | value | at most [`MAX_VALUE_LEN`] |
///
/// Keys compare byte by byte. A key that is a prefix of a longer key sorts before it.
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

    /// Returns up to `limit` values of `table`: the first ones, or those after the key `after`.
    ///
    /// Messages and envelopes are sorted by ascending ordinal. Other tables may have any order, as
    /// long as it stays the same. `after` is a key of this table, whether or not there is a value
    /// under it.
    fn list(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Self::Error>;

    /// Applies all changes of `transaction`, in their order, or none of them.
    fn commit(&mut self, transaction: Transaction) -> Result<(), Self::Error>;
}

/// A family of records that [`Store::list`] lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// The peers, in any order.
    Peers,
    /// One-time prekeys with their private halves, in any order.
    OneTimePreKeys,
    /// What is remembered of the first messages of each sender, in any order.
    ReplayMemories,
    /// Pages of message keys for messages of one peer that have not arrived yet, in any order.
    SkippedKeys(AccountId),
    /// Messages exchanged with one peer, oldest first.
    Messages(AccountId),
    /// Envelopes that the relay has not confirmed yet, oldest first.
    Outbox,
    /// Reports that the intake has not confirmed yet, in any order.
    Reports,
}

impl Table {
    /// The bytes with which the keys of this table begin.
    pub fn prefix(&self) -> Vec<u8> {
        match self {
            Table::Peers => vec![b'p'],
            Table::OneTimePreKeys => vec![b'1'],
            Table::ReplayMemories => vec![b'h'],
            Table::SkippedKeys(peer) => with_account(b's', peer),
            Table::Messages(peer) => with_account(b'm', peer),
            Table::Outbox => vec![b'o'],
            Table::Reports => vec![b'r'],
        }
    }
}

/// The key under which one record is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The account of this device: identity, address, delivery key.
    Account,
    /// This device's prekeys with their private halves, except the one-time prekeys.
    PreKeys,
    /// A one-time prekey with its private half.
    OneTimePreKey(OneTimeId),
    /// What is remembered of one sender's first messages, so that none is accepted twice.
    ReplayMemory(IdentityKey),
    /// One-time prekeys that the provider has not confirmed yet.
    PreKeyUpload,
    /// The counter of all conversations: the number of the next envelope in the outbox.
    Counters,
    /// One peer: pinned identity, sessions, sequence numbers.
    Peer(AccountId),
    /// A page of message keys for up to 64 messages of a peer that have not arrived yet.
    ///
    /// The keys are stored apart from the sessions, so that the amount that each message writes
    /// does not grow with the number of missing messages.
    SkippedKeys {
        /// The account of the peer that sent the messages.
        peer: AccountId,
        /// The identifier of the page.
        page: PageId,
    },
    /// One message exchanged with a peer, by its ordinal in that conversation.
    Message {
        /// The account of the peer.
        peer: AccountId,
        /// The message's number in the order in which this device sent or received messages.
        ordinal: u64,
    },
    /// Where the message with this tag is stored. The client uses it to recognise repeated
    /// deliveries.
    MessageIndex {
        /// The account of the peer. It is part of the key, so that a third party cannot occupy
        /// another sender's tag.
        peer: AccountId,
        /// The message's tag, which identifies it.
        tag: FrankingTag,
    },
    /// An envelope that the relay has not confirmed yet.
    Outbox {
        /// The envelope's number in the order of sending.
        ordinal: u64,
    },
    /// A report that the intake has not confirmed yet.
    Report {
        /// The report's random identifier.
        id: [u8; 16],
    },
}

impl Key {
    /// Encodes the key: one byte for the family, then its fields. At most 174 bytes.
    ///
    /// Account names are preceded by their length, one byte. Ordinals take eight big-endian bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Key::Account => vec![b'a'],
            Key::PreKeys => vec![b'k'],
            Key::OneTimePreKey(id) => [&[b'1'][..], &id.to_bytes()].concat(),
            Key::ReplayMemory(sender) => [&[b'h'][..], &sender.to_bytes()].concat(),
            Key::PreKeyUpload => vec![b'u'],
            Key::Counters => vec![b'c'],
            Key::Peer(peer) => with_account(b'p', peer),
            Key::SkippedKeys { peer, page } => {
                let mut bytes = with_account(b's', peer);
                bytes.extend_from_slice(page.as_bytes());
                bytes
            }
            Key::Message { peer, ordinal } => {
                let mut bytes = with_account(b'm', peer);
                bytes.extend_from_slice(&ordinal.to_be_bytes());
                bytes
            }
            Key::MessageIndex { peer, tag } => {
                let mut bytes = with_account(b'i', peer);
                bytes.extend_from_slice(tag.as_bytes());
                bytes
            }
            Key::Outbox { ordinal } => {
                let mut bytes = vec![b'o'];
                bytes.extend_from_slice(&ordinal.to_be_bytes());
                bytes
            }
            Key::Report { id } => {
                let mut bytes = vec![b'r'];
                bytes.extend_from_slice(id);
                bytes
            }
        }
    }
}

fn with_account(family: u8, account: &AccountId) -> Vec<u8> {
    let name = account.as_str().as_bytes();
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX); // an AccountId has at most 128 bytes
    let mut bytes = vec![family, len];
    bytes.extend_from_slice(name);
    bytes
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

/// A store in memory, for tests and experiments. Nothing survives the process.
#[derive(Default)]
pub struct MemoryStore {
    records: BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a store with these records, as [`MemoryStore::records`] lists them.
    pub fn from_records(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self {
            records: records
                .into_iter()
                .map(|(key, value)| (key, Zeroizing::new(value)))
                .collect(),
        }
    }

    /// Lists every record by ascending key, for tests that compare states.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(self.records.get(&key.to_bytes()).cloned())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Infallible> {
        let prefix = table.prefix();
        let start = after.map_or(Bound::Included(prefix.clone()), |key| {
            Bound::Excluded(key.to_bytes())
        });
        let rows = self.records.range((start, Bound::Unbounded));
        let rows = rows
            .skip_while(|(key, _)| **key < prefix)
            .take_while(|(key, _)| key.starts_with(&prefix));
        Ok(rows.take(limit).map(|(_, value)| value.clone()).collect())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Infallible> {
        for change in transaction.into_changes() {
            match change {
                Change::Put(key, value) => drop(self.records.insert(key.to_bytes(), value)),
                Change::Delete(key) => drop(self.records.remove(&key.to_bytes())),
            }
        }
        Ok(())
    }
}
