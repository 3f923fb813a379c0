//! State: how a call reads records, and how it writes them, in one commit.

use waxseal_reporting::{AccountId, FrankingTag};
use zeroize::Zeroizing;

use super::Client;
use crate::error::StateError;
use crate::records::{self, CountersRecord, IndexRecord, MessageRecord};
use crate::store::{Key, Store, Table, Transaction};

impl<S: Store> Client<S> {
    pub(super) fn get(
        &self,
        key: &Key,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
        self.store.get(key).map_err(StateError::Store)
    }

    pub(super) fn get_record<R: prost::Message + Default>(
        &self,
        key: &Key,
    ) -> Result<Option<R>, StateError<S::Error>> {
        let bytes = self.get(key)?;
        let record = bytes.map(|bytes| records::decode(&bytes).ok_or(StateError::Damaged));
        record.transpose()
    }

    /// Reads the counters from the store each time, because after a failed commit only the store
    /// knows whether a number is taken.
    pub(super) fn counters(&self) -> Result<CountersRecord, StateError<S::Error>> {
        Ok(self.get_record(&Key::Counters)?.unwrap_or_default())
    }

    /// Lists the values of a table, each decoded by `read`. If `read` returns `None` for a value,
    /// the store is [damaged](StateError::Damaged).
    pub(super) fn list<T>(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StateError<S::Error>> {
        let values = self.store.list(table, after, limit);
        let values = values.map_err(StateError::Store)?;
        let records = values.iter().map(|bytes| read(bytes));
        records
            .map(|record| record.ok_or(StateError::Damaged))
            .collect()
    }

    pub(super) fn commit(&mut self, transaction: Transaction) -> Result<(), StateError<S::Error>> {
        self.store.commit(transaction).map_err(StateError::Store)
    }
}

impl Transaction {
    pub(super) fn put_record(&mut self, key: Key, record: &impl prost::Message) {
        self.put(key, records::encode(record));
    }

    pub(super) fn put_message(&mut self, peer: &AccountId, message: &MessageRecord) {
        self.put_record(message_key(peer, message.ordinal), message);
    }

    pub(super) fn put_index(&mut self, peer: &AccountId, tag: FrankingTag, index: &IndexRecord) {
        self.put_record(index_key(peer, tag), index);
    }
}

pub(super) fn message_key(peer: &AccountId, ordinal: u64) -> Key {
    let peer = peer.clone();
    Key::Message { peer, ordinal }
}

pub(super) fn index_key(peer: &AccountId, tag: FrankingTag) -> Key {
    let peer = peer.clone();
    Key::MessageIndex { peer, tag }
}
