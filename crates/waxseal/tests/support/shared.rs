//! A store that two processes share.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use waxseal::store::{Change, Cursor, Key, Listed, Table, Transaction};
use waxseal::{SqliteError, SqliteStore, Store, StoreKey};
use zeroize::Zeroizing;

pub(crate) type Then = Box<dyn FnOnce()>;

/// The table of the marks of deletions that are under way.
const DELETIONS: &[u8] = b"x";

/// A store that two processes share. Before it begins a deletion, the other process does something.
/// The commits fail once `left` were made.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Rc<RefCell<SqliteStore>>,
    pub(crate) then: Rc<RefCell<Option<Then>>>,
    pub(crate) left: Rc<Cell<usize>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] SqliteError),
}

impl Shared {
    pub(crate) fn open(folder: &Path) -> Self {
        let key = StoreKey::from_bytes([7; 32]);
        let inner = SqliteStore::open_shared(folder.join("store"), &key).unwrap();
        Self {
            inner: Rc::new(RefCell::new(inner)),
            then: Rc::default(),
            left: Rc::new(Cell::new(usize::MAX)),
        }
    }
}

impl Store for Shared {
    type Error = Failed;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Failed> {
        Ok(self.inner.borrow().get(key)?)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Failed> {
        Ok(self.inner.borrow().list(table, after, limit)?)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Failed> {
        let is_deletion = |change: &Change| matches!(change, Change::Put(key, _) if key.table.as_bytes() == DELETIONS);
        let begins = transaction.changes().iter().any(is_deletion);
        let then = self.then.borrow_mut().take_if(|_| begins);
        if let Some(then) = then {
            then();
        }
        let left = self.left.get().checked_sub(1).ok_or(Failed::Stopped)?;
        self.left.set(left);
        Ok(self.inner.borrow_mut().commit(transaction)?)
    }

    fn is_damage(error: &Failed) -> bool {
        matches!(error, Failed::Store(error) if SqliteStore::is_damage(error))
    }

    fn is_stale(error: &Failed) -> bool {
        matches!(error, Failed::Store(error) if SqliteStore::is_stale(error))
    }

    fn refresh(&self) -> Result<u64, Failed> {
        Ok(self.inner.borrow().refresh()?)
    }
}
