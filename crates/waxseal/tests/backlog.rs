//! What waited while a device was offline is received in few transactions, with the same results as
//! one by one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::cell::Cell;
use std::rc::Rc;

use waxseal::errors::StateError;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, MAX_RECEIVED_AT_ONCE, MemoryStore, Received, Store};
use waxseal_world::{Liar, NOW, Provider, account, address, snapshot};
use zeroize::Zeroizing;

/// A store that counts its commits and reads, and fails the next commit if it is told so.
struct Counting {
    store: MemoryStore,
    commits: Rc<Cell<usize>>,
    reads: Rc<Cell<usize>>,
    fails: Rc<Cell<bool>>,
}

#[derive(Debug, thiserror::Error)]
#[error("full")]
struct Full;

impl Store for Counting {
    type Error = Full;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Full> {
        self.reads.set(self.reads.get() + 1);
        self.store.get(key).map_err(|_| Full)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Full> {
        self.reads.set(self.reads.get() + 1);
        self.store.list(table, after, limit).map_err(|_| Full)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Full> {
        self.commits.set(self.commits.get() + 1);
        if self.fails.take() {
            return Err(Full);
        }
        self.store.commit(transaction).map_err(|_| Full)
    }

    fn is_damage(_: &Full) -> bool {
        false
    }
}

/// Deliveries of every kind for Bob: from strangers and friends, late, repeated, forged, withheld.
fn backlog() -> (Client<MemoryStore>, Vec<Vec<u8>>) {
    let mut world = Provider::new(7);
    let mut bob = world.register_with("bob", 3);
    let mut friend = world.register("friend");
    world.start(&mut friend, &account("bob"));
    world.exchange(&mut friend, &mut bob, "hello");
    world.exchange(&mut bob, &mut friend, "hello");
    let mut deliveries = Vec::new();
    let mut strangers = ["one", "two", "three", "four", "five"].map(|name| {
        let mut stranger = world.register(name);
        world.start(&mut stranger, &account("bob"));
        stranger
    });
    for turn in 0..6 {
        for sender in strangers.iter_mut().chain([&mut friend]) {
            let text = format!("{turn}");
            let sent = sender.send(&account("bob"), text.as_str(), NOW, &mut world.rng);
            deliveries.push(world.relay(sender, &bob, &sent.unwrap().envelope).0);
        }
    }
    let mut liar = Liar::new(&mut world);
    let withheld = liar.seal("lies", 40, &mut world.rng);
    let liar = world.register_only("liar");
    deliveries.insert(9, world.stamp_as(&liar, &address("bob"), &withheld).0);
    let late = deliveries.remove(11); // the second message of its sender
    deliveries.insert(25, late);
    deliveries.insert(20, deliveries[3].clone());
    let mut forged = deliveries[15].clone();
    *forged.last_mut().unwrap() ^= 1;
    deliveries.insert(14, forged);
    deliveries.insert(17, b"not a delivery".to_vec());
    for name in ["one", "two", "three", "four", "five", "liar"] {
        world.show_roster(&mut bob, &account(name));
    }
    (bob, deliveries)
}

fn describe<E: std::error::Error>(result: &Result<Received, E>) -> String {
    match result {
        Ok(Received::Message { from, message, .. }) => {
            let text = message.text().unwrap_or_default();
            format!("{} {} {text}", from.as_str(), message.ordinal())
        }
        Ok(Received::Duplicate { conversation, .. }) => {
            let from = conversation.account().unwrap();
            format!("again from {}", from.as_str())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn many_deliveries_have_the_results_and_leave_the_records_of_one_by_one() {
    let (bob, deliveries) = backlog();
    let records = snapshot(&bob);
    let mut alone = Client::open(MemoryStore::from_records(records.clone())).unwrap();
    let expected: Vec<_> = deliveries
        .iter()
        .map(|delivery| describe(&alone.receive(delivery)))
        .collect();
    for what in [
        "again from",
        "Withheld",
        "Malformed",
        "Delivery",
        "five 5 5",
    ] {
        assert!(expected.iter().any(|line| line.contains(what)), "{what}");
    }
    for size in [1, 7, 64] {
        let mut bob = Client::open(MemoryStore::from_records(records.clone())).unwrap();
        let mut results = Vec::new();
        for part in deliveries.chunks(size) {
            let part = part.iter().map(Vec::as_slice);
            results.extend(bob.receive_many(part).unwrap());
        }
        let results: Vec<_> = results.iter().map(describe).collect();
        assert_eq!(results, expected, "{size} at once");
        assert!(snapshot(&bob) == snapshot(&alone), "{size} at once");
    }
}

#[test]
fn up_to_64_deliveries_take_one_commit_and_a_failed_one_receives_nothing() {
    let (bob, deliveries) = backlog();
    let before = snapshot(&bob);
    let (commits, fails) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(true)));
    let store = Counting {
        store: bob.into_store(),
        commits: Rc::clone(&commits),
        reads: Rc::default(),
        fails,
    };
    let mut bob = Client::open(store).unwrap();
    let many = || deliveries.iter().map(Vec::as_slice).cycle();
    let failed = bob.receive_many(many());
    assert!(matches!(failed, Err(StateError::Store(Full))));
    let stored = bob.store().store.records();
    let stored: Vec<_> = stored
        .map(|(key, value)| (key.clone(), value.to_vec()))
        .collect();
    assert!(stored == before);

    // The same client goes on. It takes 64 of the endless deliveries.
    let results = bob.receive_many(many()).unwrap();
    assert_eq!(results.len(), MAX_RECEIVED_AT_ONCE);
    assert_eq!(commits.get(), 2);
    let shown = results
        .iter()
        .filter(|one| matches!(one, Ok(Received::Message { .. })));
    assert_eq!(shown.count(), 36);
    assert!(
        bob.receive_many(many())
            .unwrap()
            .iter()
            .all(|one| { !matches!(one, Ok(Received::Message { .. })) })
    );
    assert_eq!(commits.get(), 2, "repeats write nothing");
    assert!(bob.receive_many([]).unwrap().is_empty());
}

#[test]
fn a_device_that_only_receives_reads_its_own_account_once() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello");
    let reads = Rc::<Cell<usize>>::default();
    let store = Counting {
        store: bob.into_store(),
        commits: Rc::default(),
        reads: Rc::clone(&reads),
        fails: Rc::default(),
    };
    let mut bob = Client::open(store).unwrap();
    let mut receive = |bob: &mut Client<Counting>| {
        let sent = alice.send(&account("bob"), "news", NOW, &mut world.rng);
        let (delivery, _) = world.relay(&alice, bob, &sent.unwrap().envelope);
        let before = reads.get();
        assert!(matches!(
            bob.receive(&delivery),
            Ok(Received::Message { .. })
        ));
        reads.get() - before
    };
    let first = receive(&mut bob);
    let later = receive(&mut bob);
    assert!(later < first);
    // A device that sends has its own account in memory anyway.
    let rng = &mut rand::rng();
    bob.send(&account("alice"), "an answer", NOW, rng).unwrap();
    receive(&mut bob);
    assert_eq!(receive(&mut bob), later);
}
