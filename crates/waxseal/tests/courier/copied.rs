//! A disk whose records a test can copy and damage.

use std::cell::RefCell;
use std::rc::Rc;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{MemoryStore, Store};
use zeroize::Zeroizing;

use crate::disk::Medium;

/// A store in memory. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Copied(pub(crate) Rc<RefCell<MemoryStore>>);

impl Copied {
    pub(crate) fn of(store: MemoryStore) -> Self {
        Self(Rc::new(RefCell::new(store)))
    }

    /// A copy that later changes do not reach.
    pub(crate) fn backup(&self) -> Self {
        let store = self.0.borrow();
        let records = store.records();
        let records = records.map(|(key, value)| (key.clone(), value.to_vec()));
        Self::of(MemoryStore::from_records(records))
    }
}

impl Medium for Copied {
    fn get(&self, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
        Store::get(&*self.0.borrow(), key).unwrap()
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> Vec<Listed> {
        Store::list(&*self.0.borrow(), table, after, limit).unwrap()
    }

    fn commit(&mut self, transaction: Transaction) {
        Store::commit(&mut *self.0.borrow_mut(), transaction).unwrap();
    }

    fn stop_in(&mut self, _: Transaction, _: u32) {}
}
