//! A store in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;

use zeroize::Zeroizing;

use super::{Change, Cursor, Key, Listed, Row, Store, Table, Transaction};

/// A store in memory, for tests and experiments. Nothing survives the process.
#[derive(Default)]
pub struct MemoryStore {
    records: BTreeMap<Key, Zeroizing<Vec<u8>>>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a store with these records, as [`MemoryStore::records`] lists them.
    pub fn from_records(records: impl IntoIterator<Item = (Key, Vec<u8>)>) -> Self {
        Self {
            records: records
                .into_iter()
                .map(|(key, value)| (key, Zeroizing::new(value)))
                .collect(),
        }
    }

    /// Lists every record by ascending key, for tests that compare states.
    pub fn records(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.records
            .iter()
            .map(|(key, value)| (key, value.as_slice()))
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
        Ok(self.records.get(key).cloned())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Infallible> {
        let only = Key::new(table.clone(), Row::Only); // sorts before all other rows
        let start = after.map_or(only, |cursor| key_at(table, cursor));
        let rows = self
            .records
            .range((Bound::Excluded(start), Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.table == *table);
        let listed = rows.filter_map(|(key, value)| {
            let cursor = match &key.row {
                Row::Only => return None,
                Row::Number(number) => Cursor::Number(*number),
                Row::Name(name) => Cursor::Name(name.clone()),
            };
            let value = Some(value.clone());
            Some(Listed { cursor, value })
        });
        Ok(listed.take(limit).collect())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Infallible> {
        for change in transaction.into_changes() {
            match change {
                Change::Put(key, value) => drop(self.records.insert(key, value)),
                Change::Delete(key) => drop(self.records.remove(&key)),
                Change::DeleteAt(table, cursor) => {
                    drop(self.records.remove(&key_at(&table, &cursor)));
                }
            }
        }
        Ok(())
    }

    fn is_damage(error: &Infallible) -> bool {
        match *error {}
    }
}

/// The key of a row, whose name is its cursor.
fn key_at(table: &Table, cursor: &Cursor) -> Key {
    let row = match cursor {
        Cursor::Number(number) => Row::Number(*number),
        Cursor::Name(name) => Row::Name(name.clone()),
    };
    Key::new(table.clone(), row)
}
