//! A table in memory whose last changes can be undone.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Rows by key, with what the changes of the running call replaced.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    replaced: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            replaced: Vec::new(),
        }
    }
}

impl<K: Clone + Ord, V> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows in the order of their keys.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    pub(super) fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range)
    }

    pub(super) fn put(&mut self, key: K, row: V) {
        let old = self.rows.insert(key.clone(), row);
        self.replaced.push((key, old));
    }

    /// Whether there was a row to remove.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let old = self.rows.remove(key);
        let was_there = old.is_some();
        self.replaced.push((key.clone(), old));
        was_there
    }

    /// Makes the changes final.
    pub(super) fn keep(&mut self) {
        self.replaced.clear();
    }

    /// Takes the changes back, the last one first.
    pub(super) fn undo(&mut self) {
        while let Some((key, old)) = self.replaced.pop() {
            match old {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}
