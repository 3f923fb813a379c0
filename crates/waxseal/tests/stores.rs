//! Stores that fail in ways of their own: one that another process changes in the middle of a call,
//! and one of which a whole table cannot be listed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::cell::Cell;
use std::rc::Rc;

use waxseal::store::{Cursor, Key, Listed, Row, Table, Transaction};
use waxseal::{Advice, Client, MemoryStore, Store};
use waxseal_world::{NOW, Provider, account, snapshot, text_of};
use zeroize::Zeroizing;

/// A store in memory with these faults.
struct Faulty {
    store: MemoryStore,
    faults: Rc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// Commits until one is stale, if any is to be.
    stale_after: Cell<Option<usize>>,
    /// The table that cannot be listed.
    unlisted: Cell<u8>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("stale")]
    Stale,
    #[error("damaged")]
    Damaged,
}

impl Store for Faulty {
    type Error = Fault;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        Ok(self.store.get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Fault> {
        if table.as_bytes()[0] == self.faults.unlisted.get() {
            return Err(Fault::Damaged);
        }
        Ok(self.store.list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Fault> {
        match self.faults.stale_after.get() {
            Some(0) => {
                self.faults.stale_after.set(None);
                return Err(Fault::Stale);
            }
            left => self.faults.stale_after.set(left.map(|left| left - 1)),
        }
        self.store.commit(transaction).unwrap();
        Ok(())
    }

    fn is_damage(error: &Fault) -> bool {
        matches!(error, Fault::Damaged)
    }

    fn is_stale(error: &Fault) -> bool {
        matches!(error, Fault::Stale)
    }
}

/// Bob after a first message of Alice on his last-resort prekeys.
fn prepared() -> (Provider, Client<MemoryStore>, Client<Faulty>, Rc<Faults>) {
    let mut world = Provider::new(7);
    let mut alice = world.register_with("alice", 0);
    let mut bob = world.register_with("bob", 0);
    world.start(&mut alice, &account("bob"));
    world.exchange(&mut alice, &mut bob, "hello");
    let faults = Rc::new(Faults::default());
    let store = Faulty {
        store: MemoryStore::from_records(snapshot(&bob)),
        faults: Rc::clone(&faults),
    };
    (world, alice, Client::open(store).unwrap(), faults)
}

#[test]
fn a_reset_that_starts_over_keeps_the_prekeys_that_it_has_made() {
    let prekeys = Key::new(Table::new(b"k"), Row::Only);
    let memories = Table::new(b"h");
    for stale_after in [0, 1, 2] {
        let (mut world, _, mut bob, faults) = prepared();
        assert_eq!(bob.store().list(&memories, None, 9).unwrap().len(), 1);
        faults.stale_after.set(Some(stale_after));
        // The number of bytes that were drawn shows how often prekeys were made.
        let mut drawn = world.rng.clone();
        bob.reset_prekeys(&mut world.rng).unwrap();
        let kept = bob.store().get(&prekeys).unwrap().unwrap();
        assert!(bob.store().list(&memories, None, 9).unwrap().is_empty());
        faults.stale_after.set(None);
        if stale_after > 0 {
            bob.reset_prekeys(&mut drawn).unwrap();
            let once = bob.store().get(&prekeys).unwrap().unwrap();
            assert!(kept == once, "prekeys were made once");
        }
    }
}

#[test]
fn a_table_that_cannot_be_listed_costs_what_it_holds() {
    // Of the one-time prekeys, conversations go on. Of the skipped keys, the peer is reset.
    let (mut world, mut alice, mut bob, faults) = prepared();
    let mut send = |alice: &mut Client<MemoryStore>, bob: &Client<Faulty>| {
        let sent = alice.send(&account("bob"), "text", NOW, &mut world.rng);
        world.relay(alice, bob, &sent.unwrap().envelope).0
    };
    faults.unlisted.set(b'1');
    let received = bob.receive(&send(&mut alice, &bob)).unwrap();
    assert_eq!(text_of(received), "text");

    faults.unlisted.set(0);
    send(&mut alice, &bob);
    let late = send(&mut alice, &bob);
    bob.receive(&late).unwrap();
    let mut bob = Client::open(bob.into_store()).unwrap();
    faults.unlisted.set(b's');
    let refused = bob.receive(&send(&mut alice, &bob)).unwrap_err();
    assert_eq!(refused.advice(), Advice::ResetPeer);
}
