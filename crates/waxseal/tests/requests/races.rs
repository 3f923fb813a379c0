//! Two processes on one store, one of which decides about a request while the other one does.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use waxseal::errors::{ReportError, StateError};
use waxseal::store::{Change, Cursor, Key, Listed, Table, Transaction};
use waxseal::{
    Client, Disclosure, Reason, Received, ReportDraft, SqliteError, SqliteStore, Store, StoreKey,
    Timestamp,
};
use waxseal_world::{Provider, account};
use zeroize::Zeroizing;

use crate::support::{DAY_MS, Stranger};

type Then = Box<dyn FnOnce()>;

/// The table of the marks of deletions that are under way.
const DELETIONS: &[u8] = b"x";

/// A store that two processes share. Before it begins a deletion, the other process does something.
/// The commits fail once `left` were made.
#[derive(Clone)]
struct Shared {
    inner: Rc<RefCell<SqliteStore>>,
    then: Rc<RefCell<Option<Then>>>,
    left: Rc<Cell<usize>>,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] SqliteError),
}

impl Shared {
    fn open(folder: &Path) -> Self {
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

/// Bob after messages of Mallory, whose safety number he compared or not.
fn prepared(folder: &Path, is_verified: bool) -> (Provider, Client<Shared>, ReportDraft) {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Shared::open(folder), "bob");
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let received = mallory.write(&mut world, &mut bob, "are you there?");
    let Received::Message { message, .. } = received else {
        panic!("{received:?}");
    };
    if is_verified {
        bob.mark_verified(&account("mallory"), true).unwrap();
    }
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob.draft_report(&account("mallory"), Reason::Threat, shown);
    (world, bob, draft.unwrap())
}

/// What the other process does.
fn other(folder: &Path, does: impl FnOnce(&mut Client<Shared>) + 'static) -> Option<Then> {
    let folder = folder.to_owned();
    Some(Box::new(move || {
        does(&mut Client::open(Shared::open(&folder)).unwrap());
    }))
}

type Drop = fn(&mut Client<Shared>, &mut Provider) -> Result<(), StateError<Failed>>;

#[test]
fn chk597_a_request_that_another_process_accepts_meanwhile_is_not_dropped() {
    let drops: [Drop; 3] = [
        |bob, world| bob.decline(&account("mallory"), world.now),
        |bob, _| bob.block(&account("mallory"), true),
        |bob, world| {
            let after = Timestamp::from_millis(world.now.as_millis() + 31 * DAY_MS);
            bob.upkeep(after, &mut world.rng).map(|_| ())
        },
    ];
    let mallory = &account("mallory");
    for is_verified in [false, true] {
        for (which, drop) in drops.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (mut world, mut bob, _) = prepared(folder.path(), is_verified);
            let accepts = |bob: &mut Client<Shared>| {
                bob.accept_contact(&account("mallory")).unwrap();
            };
            *bob.store().then.borrow_mut() = other(folder.path(), accepts);
            drop(&mut bob, &mut world).unwrap();
            assert!(bob.store().then.borrow().is_none(), "{which}");
            let state = bob.peer_state(mallory).unwrap();
            assert!(state.is_accepted);
            assert_eq!(state.is_blocked, which == 1);
            let messages = bob.messages(mallory, None, 9).unwrap();
            assert_eq!(messages.items.len(), 2, "{which}");
            assert!(bob.requests(None, 9).unwrap().items.is_empty());
            assert!(bob.has_session(mallory).unwrap());
            assert!(
                !bob.nudges(mallory)
                    .unwrap()
                    .contains(&waxseal::Nudge::DeclinedBefore)
            );
        }
    }
}

#[test]
fn chk597_a_deletion_of_another_process_does_not_take_the_place_of_a_decision() {
    let mallory = &account("mallory");
    for is_verified in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (mut world, mut bob, draft) = prepared(folder.path(), is_verified);
        let deletes = |bob: &mut Client<Shared>| {
            bob.store().left.set(1);
            let deleted = bob.delete_conversation(&account("mallory"));
            assert!(matches!(deleted, Err(StateError::Store(Failed::Stopped))));
        };
        *bob.store().then.borrow_mut() = other(folder.path(), deletes);
        let key = world.moderation.public_key().clone();
        let reported = bob.block_and_report(&draft, &key, &mut world.rng);
        match reported {
            // What the draft shows may be gone by then. Then neither is stored.
            Err(ReportError::State(error)) => panic!("{error}"),
            Err(_) => assert!(!bob.peer_state(mallory).unwrap().is_blocked),
            Ok(sealed) => {
                assert!(bob.peer_state(mallory).unwrap().is_blocked);
                let kept = bob.pending_reports(None, 9).unwrap().items;
                assert_eq!(kept.len(), 1);
                world.verify(&sealed.report).unwrap();
            }
        }
        assert!(bob.messages(mallory, None, 9).unwrap().items.is_empty());
        assert!(bob.store().then.borrow().is_none());
    }
}
