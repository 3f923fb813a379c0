//! A store that stops once, in the middle of a commit.

use std::cell::RefCell;
use std::rc::Rc;

use waxseal::{Client, Key, MemoryStore, Store, Table, Transaction};
use zeroize::Zeroizing;

type Value = Zeroizing<Vec<u8>>;

/// What survives when the machine stops.
pub(crate) trait Medium {
    fn get(&self, key: &Key) -> Option<Value>;
    fn list(&self, table: &Table, after: Option<&Key>, limit: usize) -> Vec<Value>;
    fn commit(&mut self, transaction: Transaction);
    /// Leaves what one of the ways to stop leaves of a commit.
    fn stop_in(&mut self, transaction: Transaction, way: u32);
}

impl Medium for MemoryStore {
    fn get(&self, key: &Key) -> Option<Value> {
        Store::get(self, key).unwrap()
    }

    fn list(&self, table: &Table, after: Option<&Key>, limit: usize) -> Vec<Value> {
        Store::list(self, table, after, limit).unwrap()
    }

    fn commit(&mut self, transaction: Transaction) {
        Store::commit(self, transaction).unwrap();
    }

    fn stop_in(&mut self, transaction: Transaction, way: u32) {
        // Before it was written, or after it and before the call returned.
        if way == 1 {
            Medium::commit(self, transaction);
        }
    }
}

/// The commit in which a disk stops, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) commits_before: u32,
    pub(crate) way: u32,
}

/// One device's disk. Shared by its copies, as processes share a disk.
#[derive(Clone)]
pub(crate) struct Disk {
    medium: Rc<RefCell<dyn Medium>>,
    pub(crate) stop: Rc<RefCell<Option<Stop>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the machine stopped")]
pub(crate) struct Stopped;

impl Disk {
    pub(crate) fn new(medium: impl Medium + 'static) -> Self {
        Self {
            medium: Rc::new(RefCell::new(medium)),
            stop: Rc::default(),
        }
    }

    /// The application is started.
    pub(crate) fn client(&self) -> Client<Disk> {
        Client::open(self.clone()).unwrap()
    }

    /// Repeats an operation, on a client that was started anew each time, until it is not interrupted.
    pub(crate) fn until_done<T>(
        &self,
        mut operation: impl FnMut(&mut Client<Disk>) -> Option<T>,
    ) -> T {
        until_done(|| operation(&mut self.client()))
    }
}

pub(crate) fn until_done<T>(mut operation: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3 {
        if let Some(done) = operation() {
            return done;
        }
    }
    panic!("it was interrupted once only");
}

impl Store for Disk {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Value>, Stopped> {
        Ok(self.medium.borrow().get(key))
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Value>, Stopped> {
        Ok(self.medium.borrow().list(table, after, limit))
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        let mut medium = self.medium.borrow_mut();
        match &mut *self.stop.borrow_mut() {
            Some(Stop {
                commits_before: more @ 1..,
                ..
            }) => *more -= 1,
            None => (),
            stop => {
                let way = stop.take().map_or(0, |stop| stop.way);
                medium.stop_in(transaction, way);
                return Err(Stopped);
            }
        }
        medium.commit(transaction);
        Ok(())
    }
}
