//! A device that stops in any commit of a decision, and is started again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waxseal::errors::StateError;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, Disclosure, MemoryStore, Reason, Received, ReportDraft, Store};
use waxseal_world::{Provider, Records, account, snapshot};
use zeroize::Zeroizing;

use crate::support::{Stranger, world};

/// A store in memory whose commits fail once `left` were made. Clones share it.
#[derive(Clone)]
struct Limited {
    inner: Rc<RefCell<MemoryStore>>,
    left: Rc<Cell<usize>>,
    /// Whether the first commit that fails is applied nevertheless.
    applies: Rc<Cell<bool>>,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

impl Limited {
    fn new(records: Records) -> Self {
        Self {
            inner: Rc::new(RefCell::new(MemoryStore::from_records(records))),
            left: Rc::new(Cell::new(usize::MAX)),
            applies: Rc::default(),
        }
    }

    fn records(&self) -> Records {
        let store = self.inner.borrow();
        let records = store.records();
        records
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect()
    }
}

impl Store for Limited {
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

struct Prepared {
    world: Provider,
    bob: Records,
    draft: ReportDraft,
}

/// Bob after 20 messages of a stranger.
fn prepared() -> Prepared {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let mut last = None;
    for number in 0..20 {
        last = Some(mallory.write(&mut world, &mut bob, &format!("message {number}")));
    }
    let Some(Received::Message { message, .. }) = last else {
        panic!("{last:?}");
    };
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob
        .draft_report(&account("mallory"), Reason::Threat, shown)
        .unwrap();
    Prepared {
        world,
        bob: snapshot(&bob),
        draft,
    }
}

type Decide = fn(&mut Client<Limited>, &mut Prepared) -> Result<(), StateError<Stopped>>;

#[test]
fn chk588_a_stop_in_any_commit_of_a_decision_loses_none_of_it() {
    let decisions: [Decide; 4] = [
        |bob, prepared| bob.decline(&account("mallory"), prepared.world.now),
        |bob, _| bob.block(&account("mallory"), true),
        |bob, prepared| {
            let (key, rng) = (prepared.world.moderation.public_key(), &mut rand::rng());
            match bob.block_and_report(&prepared.draft, key, rng) {
                Err(waxseal::errors::ReportError::State(error)) => Err(error),
                reported => {
                    reported.unwrap();
                    Ok(())
                }
            }
        },
        |bob, _| match bob.accept_contact(&account("mallory")) {
            Err(waxseal::errors::PeerError::State(error)) => Err(error),
            accepted => {
                accepted.unwrap();
                Ok(())
            }
        },
    ];
    let mut prepared = prepared();
    for (which, decide) in decisions.into_iter().enumerate() {
        let mut stops = 0;
        for (left, applies) in (0..20).flat_map(|left| [(left, false), (left, true)]) {
            let store = Limited::new(prepared.bob.clone());
            let mut bob = Client::open(store.clone()).unwrap();
            store.left.set(left);
            store.applies.set(applies);
            let is_stopped = decide(&mut bob, &mut prepared).is_err();
            store.left.set(usize::MAX);
            let mut bob = Client::open(store.clone()).unwrap();
            if is_stopped && left == 0 && !applies {
                assert!(store.records() == prepared.bob, "nothing was decided");
                decide(&mut bob, &mut prepared).unwrap();
            }
            stops += usize::from(is_stopped);
            assert_decided(&bob, which);
            if !is_stopped {
                break;
            }
        }
        assert!(stops >= 2, "{which}");
    }
}

/// That a decision was made, all of it.
fn assert_decided(bob: &Client<Limited>, which: usize) {
    let mallory = account("mallory");
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    let messages = bob.messages(&mallory, None, 99).unwrap().items;
    if which == 3 {
        assert_eq!(messages.len(), 20);
        assert!(bob.peer_state(&mallory).unwrap().is_accepted);
        return;
    }
    assert!(messages.is_empty());
    let text = b"message 1";
    for (key, value) in bob.store().records() {
        // The report keeps what it shows.
        let is_reported = which == 2 && key.table.as_bytes()[0] == b'X';
        assert!(is_reported || !value.windows(text.len()).any(|part| part == text));
    }
    let reports = bob.pending_reports(None, 9).unwrap().items;
    assert_eq!(reports.len(), usize::from(which == 2));
    match which {
        0 => assert!(bob.peer_state(&mallory).is_err()),
        _ => assert!(bob.peer_state(&mallory).unwrap().is_blocked),
    }
}
