//! A store in memory that stops, and calls with a stop at each of their commits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, MemoryStore, Store};
use waxseal_world::Records;
use zeroize::Zeroizing;

/// A store in memory whose commits fail once `left` were made. Clones share it.
#[derive(Clone)]
pub(crate) struct Stops {
    inner: Rc<RefCell<MemoryStore>>,
    left: Rc<Cell<usize>>,
    /// Whether the first commit that fails is applied nevertheless.
    applies: Rc<Cell<bool>>,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

impl Stops {
    pub(crate) fn new(records: Records) -> Self {
        Self {
            inner: Rc::new(RefCell::new(MemoryStore::from_records(records))),
            left: Rc::new(Cell::new(usize::MAX)),
            applies: Rc::default(),
        }
    }

    pub(crate) fn stop_after(&self, left: usize, applies: bool) {
        self.left.set(left);
        self.applies.set(applies);
    }

    pub(crate) fn go_on(&self) {
        self.stop_after(usize::MAX, false);
    }

    /// How many commits it still makes.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    pub(crate) fn records(&self) -> Records {
        let store = self.inner.borrow();
        let records = store.records();
        records
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect()
    }
}

impl Store for Stops {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stopped> {
        Ok(self.inner.borrow().get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Stopped> {
        Ok(self.inner.borrow().list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        let Some(left) = self.left.get().checked_sub(1) else {
            if self.applies.take() {
                self.inner.borrow_mut().commit(transaction).unwrap();
            }
            return Err(Stopped);
        };
        self.left.set(left);
        self.inner.borrow_mut().commit(transaction).unwrap();
        Ok(())
    }

    fn is_damage(_: &Stopped) -> bool {
        false
    }
}

/// Runs `call` on a copy of a store with a stop at each commit, before and after it, until one run
/// is not stopped. Returns the records after each stop, and how many commits there were.
pub(crate) fn stopped(
    records: &Records,
    mut call: impl FnMut(&mut Client<Stops>) -> bool,
) -> (Vec<Records>, usize) {
    let mut after = Vec::new();
    for left in 0..99 {
        for applies in [false, true] {
            let store = Stops::new(records.clone());
            store.stop_after(left, applies);
            let mut client = Client::open(store.clone()).unwrap();
            if call(&mut client) {
                return (after, left);
            }
            after.push(store.records());
        }
    }
    unreachable!("some run has enough commits")
}
