//! Messages that are due: which are listed, in which order, and what deletes their rows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::cell::Cell;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use waxseal::store::{Cursor, Key, Listed, Row, Table, Transaction};
use waxseal::{Client, Draft, FrankingTag, MemoryStore, SqliteStore, Store, StoreKey, Timestamp};
use waxseal_world::{Provider, account, golden::STORE_KEY, snapshot};
use zeroize::Zeroizing;

const FAR: Timestamp = Timestamp::from_millis(u64::MAX);

fn expiring(secs: u32) -> Draft {
    Draft::from("expires").expires_after_secs(secs)
}

/// Opens a message at the time at which it was accepted.
fn read(client: &mut Client<MemoryStore>, peer: &str, id: &FrankingTag) {
    let message = client.message(&account(peer), id).unwrap().unwrap();
    let at = message.accepted_at().unwrap();
    client.opened(&account(peer), id, at).unwrap();
}

fn ids<S: Store>(client: &Client<S>, until: Timestamp) -> Vec<FrankingTag> {
    let page = client.due(None, 100, until).unwrap();
    assert!(page.damaged.is_empty() && page.next.is_none());
    page.items.iter().map(|due| due.id).collect()
}

#[test]
fn messages_are_due_from_their_expiry_on_in_its_order_and_on_both_sides() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mut carol = world.register("carol");
    world.start(&mut carol, &account("bob"));
    world.exchange(&mut alice, &mut bob, "stays");
    let last = world.exchange(&mut alice, &mut bob, expiring(60));
    let second = world.exchange(&mut bob, &mut alice, expiring(30));
    let third = world.exchange(&mut carol, &mut bob, expiring(40));
    let first = world.exchange(&mut alice, &mut bob, expiring(1));
    let order = [first, second, third, last];
    assert_eq!(
        ids(&bob, FAR),
        [second],
        "what he has not read does not expire"
    );
    assert_eq!(ids(&alice, FAR), [first, last]);
    for (peer, id) in [("alice", first), ("carol", third), ("alice", last)] {
        read(&mut bob, peer, &id);
    }
    read(&mut alice, "bob", &second);
    assert_eq!(ids(&bob, FAR), order);
    assert_eq!(ids(&alice, FAR), [first, second, last]);

    // At the very millisecond, and not before.
    for (which, id) in order.iter().enumerate() {
        let peer = [account("alice"), account("carol")][usize::from(which == 2)].clone();
        let message = bob.message(&peer, id).unwrap().unwrap();
        let secs = u64::from(message.header().expires_after_secs);
        let at = message.accepted_at().unwrap().as_millis() + 1_000 * secs;
        let due = bob
            .due(None, 100, Timestamp::from_millis(at))
            .unwrap()
            .items;
        let found = due.last().unwrap();
        assert_eq!(found.id, *id);
        assert_eq!(found.conversation, peer);
        assert_eq!((found.at, found.wipes), (Timestamp::from_millis(at), false));
        assert_eq!(due.len(), which + 1);
        assert_eq!(ids(&bob, Timestamp::from_millis(at - 1)), order[..which]);
    }
    // Page by page, also after a restart.
    let bob = Client::open(bob.into_store()).unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = bob.due(after, 1, FAR).unwrap();
        found.extend(page.items.iter().map(|due| due.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, order);
}

#[test]
fn a_sent_message_is_due_only_after_its_receipt() {
    let (mut world, mut alice, bob) = Provider::of_two();
    let sent = alice
        .send(&account("bob"), expiring(1), world.now, &mut world.rng)
        .unwrap();
    assert!(ids(&alice, FAR).is_empty());
    let (_, receipt) = world.relay(&alice, &bob, &sent.envelope);
    alice.confirm(&account("bob"), &receipt).unwrap();
    alice.confirm(&account("bob"), &receipt).unwrap();
    assert_eq!(ids(&alice, FAR), [sent.id]);
}

#[test]
fn deleting_a_message_its_conversation_or_its_contact_deletes_its_row() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let rows = |client: &Client<MemoryStore>| {
        client
            .store()
            .list(&Table::new(b"e"), None, 9)
            .unwrap()
            .len()
    };
    for delete in [
        |bob: &mut Client<_>, id: &_| bob.delete_message(&account("alice"), id).unwrap(),
        |bob: &mut Client<_>, _: &_| bob.delete_conversation(&account("alice")).unwrap(),
        |bob: &mut Client<_>, _: &_| bob.forget_contact(&account("alice")).unwrap(),
    ] {
        let id = world.exchange(&mut alice, &mut bob, expiring(1));
        read(&mut bob, "alice", &id);
        assert_eq!(rows(&bob), 1);
        delete(&mut bob, &id);
        assert_eq!(rows(&bob), 0);
        assert!(ids(&bob, FAR).is_empty());
    }
}

#[test]
fn deliveries_of_one_transaction_get_rows_of_their_own() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    bob.accept_contact(&account("alice")).unwrap();
    let deliveries: Vec<_> = (0..40)
        .map(|number| {
            let sent = alice.send(
                &account("bob"),
                expiring(40 - number),
                world.now,
                &mut world.rng,
            );
            world.relay(&alice, &bob, &sent.unwrap().envelope).0
        })
        .collect();
    bob.receive_many(deliveries.iter().map(Vec::as_slice))
        .unwrap();
    let messages = bob.messages(&account("alice"), None, 100).unwrap().items;
    let last = messages.iter().max_by_key(|one| one.accepted_at()).unwrap();
    bob.mark_read(&account("alice"), last.id(), world.now)
        .unwrap();
    let due = bob.due(None, 100, FAR).unwrap().items;
    assert_eq!(due.len(), 40);
    assert!(due.is_sorted_by_key(|due| due.at));
}

/// Where Bob's due messages are.
fn places(bob: &Client<MemoryStore>) -> Vec<(Key, Vec<u8>)> {
    let mut records = snapshot(bob);
    records.retain(|(key, _)| key.table.as_bytes() == b"e");
    records
}

#[test]
fn a_message_whose_row_is_taken_gets_another_one() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let other = world.exchange(&mut alice, &mut bob, expiring(500));
    read(&mut bob, "alice", &other);
    let sent = alice
        .send(&account("bob"), expiring(60), world.now, &mut world.rng)
        .unwrap();
    let delivery = world.relay(&alice, &bob, &sent.envelope).0;
    bob.receive(&delivery).unwrap();
    let before = snapshot(&bob);
    let other = places(&bob).remove(0);
    read(&mut bob, "alice", &sent.id);
    let place = places(&bob).remove(0).0;
    assert!(place.row < other.0.row, "it expires first");
    // A damaged row is there, or that of another message.
    for value in [vec![0xff], other.1] {
        let mut records = before.clone();
        records.push((place.clone(), value.clone()));
        let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
        read(&mut bob, "alice", &sent.id);
        let found = places(&bob);
        assert_eq!(found.len(), 3);
        assert!(found.contains(&(place.clone(), value)));
        let page = bob.due(None, 9, FAR).unwrap();
        assert_eq!(page.damaged.len(), 1, "a row says its number");
        assert_eq!((page.items.len(), page.items[0].id), (2, sent.id));
        bob.delete_message(&account("alice"), &sent.id).unwrap();
        assert_eq!(places(&bob).len(), 2);
    }
}

#[test]
fn a_damaged_row_costs_only_itself() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let sent = [10, 20, 30].map(|secs| world.exchange(&mut alice, &mut bob, expiring(secs)));
    for id in &sent {
        read(&mut bob, "alice", id);
    }
    let before = snapshot(&bob);
    let which = places(&bob).remove(1).0;
    let index = Row::Name(sent[1].as_bytes().to_vec());
    // The row itself, or the record of where its message is together with the message.
    for damaged in [vec![&which.row], vec![&index, &Row::Number(1)]] {
        let mut records = before.clone();
        for (key, value) in &mut records {
            let family = key.table.as_bytes()[0];
            if damaged.contains(&&key.row) && b"eim".contains(&family) {
                value.clear();
            }
        }
        let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
        let page = bob.due(None, 9, FAR).unwrap();
        let found: Vec<_> = page.items.iter().map(|due| due.id).collect();
        assert_eq!(found, [sent[0], sent[2]]);
        assert_eq!(page.damaged.len(), 1);
        // It is listed no earlier than its message would be.
        assert!(
            bob.due(None, 9, page.items[0].at)
                .unwrap()
                .damaged
                .is_empty()
        );
        bob.delete_damaged(&page.damaged[0]).unwrap();
        assert_eq!(ids(&bob, FAR), [sent[0], sent[2]]);
        for id in sent {
            bob.delete_message(&account("alice"), &id).unwrap();
        }
        assert!(places(&bob).is_empty());
    }
}

/// A store that counts what is read.
struct Counting(MemoryStore, Cell<usize>);

impl Store for Counting {
    type Error = Infallible;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        self.1.set(self.1.get() + 1);
        self.0.get(key)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Infallible> {
        let listed = self.0.list(table, after, limit)?;
        self.1.set(self.1.get() + 1 + listed.len());
        Ok(listed)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Infallible> {
        self.0.commit(transaction)
    }

    fn is_damage(error: &Infallible) -> bool {
        match *error {}
    }
}

#[test]
fn the_list_reads_the_same_however_long_the_history_is() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    bob.accept_contact(&account("alice")).unwrap();
    let mut reads = Vec::new();
    for _ in 0..2 {
        let id = world.exchange(&mut alice, &mut bob, expiring(1));
        read(&mut bob, "alice", &id);
        let until = Timestamp::from_millis(world.now.as_millis() + 10_000);
        for number in 0..100 {
            let draft = expiring(1_000 * (number % 2)); // the others never expire, or later
            let id = world.exchange(&mut alice, &mut bob, draft);
            read(&mut bob, "alice", &id);
        }
        let store = MemoryStore::from_records(snapshot(&bob));
        let counting = Client::open(Counting(store, Cell::new(0))).unwrap();
        counting.store().1.set(0);
        assert!(!counting.due(None, 10, until).unwrap().items.is_empty());
        reads.push(counting.store().1.get());
    }
    let [short, long] = reads[..] else { panic!() };
    assert!(long <= short + 3, "{reads:?}"); // for the second message that is due
}

#[test]
fn messages_of_earlier_stores_are_due_after_the_conversion() {
    for format in ["01", "02"] {
        for name in ["alice", "bob"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/world/golden");
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join(name);
            fs::copy(folder.join(format).join(format!("{name}.sqlite")), &path).unwrap();
            let open = || SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
            let mut client = Client::open(open()).unwrap();
            let peer = account(["alice", "bob"][usize::from(name == "alice")]);
            let messages = client.messages(&peer, None, 100).unwrap().items;
            let expires = messages
                .iter()
                .filter(|one| one.header().expires_after_secs > 0);
            let expires: Vec<_> = expires.map(|one| *one.id()).collect();
            assert_eq!(expires.len(), 1);
            // Those that their authors deleted are wiped.
            let due = client.due(None, 100, FAR).unwrap().items;
            let due = due.iter().filter(|due| !due.wipes);
            let due: Vec<_> = due.map(|due| due.id).collect();
            assert_eq!(due, expires, "{format} {name}");
            // The rest of the earlier records go with the conversation.
            client.delete_conversation(&peer).unwrap();
            assert!(ids(&client, FAR).is_empty());
            drop(client);
            let client = Client::open(open()).unwrap();
            assert!(client.messages(&peer, None, 100).unwrap().items.is_empty());
            for id in &expires {
                assert!(client.message(&peer, id).unwrap().is_none());
            }
        }
    }
}
