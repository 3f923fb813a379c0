//! A store that fails once, in the middle of a commit. After that, its application is restarted, or
//! goes on with the same client.

use std::cell::RefCell;
use std::rc::Rc;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, MemoryStore, Store};
use waxseal_world::NOW;
use zeroize::Zeroizing;

type Value = Zeroizing<Vec<u8>>;

/// What a disk keeps when the machine stops: the records in memory, or the files of a SQLite store.
pub(crate) trait Medium {
    fn get(&self, key: &Key) -> Option<Value>;
    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> Vec<Listed>;
    fn commit(&mut self, transaction: Transaction);
    /// Applies the part of a commit that is left when the machine stops in this `way`.
    fn stop_in(&mut self, transaction: Transaction, way: u32);
}

impl Medium for MemoryStore {
    fn get(&self, key: &Key) -> Option<Value> {
        Store::get(self, key).unwrap()
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> Vec<Listed> {
        Store::list(self, table, after, limit).unwrap()
    }

    fn commit(&mut self, transaction: Transaction) {
        Store::commit(self, transaction).unwrap();
    }

    fn stop_in(&mut self, transaction: Transaction, way: u32) {
        // In way 1 the machine stops after the commit is written and before the call returns. In
        // any other way it stops before the commit is written.
        if way == 1 {
            Medium::commit(self, transaction);
        }
    }
}

/// In which commit a disk stops, and in which way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) commits_before: u32,
    pub(crate) way: u32,
}

/// One device's disk. Clones share it, as processes share a disk.
#[derive(Clone)]
pub(crate) struct Disk {
    medium: Rc<RefCell<dyn Medium>>,
    pub(crate) stop: Rc<RefCell<Option<Stop>>>,
    /// The client, if the application goes on with the same client after a commit failed.
    running: Option<Rc<RefCell<Option<Client<Disk>>>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the machine stopped")]
pub(crate) struct Stopped;

impl Disk {
    pub(crate) fn new(medium: impl Medium + 'static) -> Self {
        Self {
            medium: Rc::new(RefCell::new(medium)),
            stop: Rc::default(),
            running: None,
        }
    }

    /// Makes a disk whose application goes on after a failed commit.
    pub(crate) fn outlived(medium: impl Medium + 'static) -> Self {
        Self {
            running: Some(Rc::default()),
            ..Self::new(medium)
        }
    }

    /// Opens a client, as the application does at each start.
    pub(crate) fn client(&self) -> Client<Disk> {
        let disk = Self {
            running: None,
            ..self.clone()
        };
        Client::open(disk).unwrap()
    }

    /// Counts the pages of skipped keys that are stored for a peer.
    pub(crate) fn pages_of(&self, peer: &str) -> usize {
        let len = u8::try_from(peer.len()).unwrap();
        let device = [0, 0, 0, 1];
        let table = Table::new([&[b's', len], peer.as_bytes(), &device].concat());
        self.medium.borrow().list(&table, None, 10).len()
    }

    /// Repeats an operation until it is not interrupted, on a client that is restarted each time,
    /// or always on the same client.
    pub(crate) fn until_done<T>(
        &self,
        mut operation: impl FnMut(&mut Client<Disk>) -> Option<T>,
    ) -> T {
        let Some(running) = &self.running else {
            return until_done(|| operation(&mut self.client()));
        };
        let mut running = running.borrow_mut();
        let client = running.get_or_insert_with(|| self.client());
        until_done(|| {
            let done = operation(client);
            assert_eq!(memory_of(client), memory_of(&mut self.client()));
            done
        })
    }
}

/// Collects everything that a client may keep in memory, by calling its methods that read.
fn memory_of(client: &mut Client<Disk>) -> impl PartialEq + std::fmt::Debug + use<> {
    let peers = client.peers(None, 10).unwrap().items;
    let peers: Vec<_> = peers
        .iter()
        .map(|peer| {
            (
                client.peer_account_key(peer).unwrap(),
                client.devices(peer).unwrap(),
                client.has_session(peer).unwrap(),
                client.next_ordinal(peer).unwrap(),
                client.conversation_health(peer).unwrap(),
            )
        })
        .collect();
    (
        client.one_time_prekeys_left().unwrap(),
        *client.delivery_key().to_bytes(),
        client.is_delivery_key_due(NOW),
        peers,
    )
}

pub(crate) fn until_done<T>(mut operation: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3 {
        if let Some(done) = operation() {
            return done;
        }
    }
    panic!("the operation fails without an interruption");
}

impl Store for Disk {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Value>, Stopped> {
        Ok(self.medium.borrow().get(key))
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Stopped> {
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

    fn is_damage(_: &Stopped) -> bool {
        false
    }
}
