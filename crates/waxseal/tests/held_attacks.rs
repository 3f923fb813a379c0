//! What damage, interrupted deletions, blocked peers and set-backs try against messages that are
//! held, and against what is told of those that arrived.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/network.rs"]
mod network;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use network::{HOUR_MS, Network};
use waxseal::reporting::relay::Envelope;
use waxseal::store::{Cursor, Key, Listed, Row, Table, Transaction};
use waxseal::{Client, FrankingTag, MemoryStore, Received, Status, Store};
use waxseal_world::{Provider, Records, account, address, envelope_of, snapshot};
use zeroize::Zeroizing;

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];

/// A store in memory that clones share. A call that never ends fails in it.
#[derive(Clone)]
struct Shared {
    inner: Rc<RefCell<MemoryStore>>,
    commits: Rc<Cell<usize>>,
}

impl Shared {
    fn of(records: Records) -> Self {
        Self {
            inner: Rc::new(RefCell::new(MemoryStore::from_records(records))),
            commits: Rc::default(),
        }
    }
}

impl Store for Shared {
    type Error = <MemoryStore as Store>::Error;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error> {
        self.inner.borrow().get(key)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Self::Error> {
        self.inner.borrow().list(table, after, limit)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Self::Error> {
        self.commits.set(self.commits.get() + 1);
        assert!(self.commits.get() < 200, "the call does not end");
        self.inner.borrow_mut().commit(transaction)
    }

    fn is_damage(error: &Self::Error) -> bool {
        MemoryStore::is_damage(error)
    }
}

fn is_in(key: &Key, family: u8) -> bool {
    key.table.as_bytes().first() == Some(&family)
}

/// Alice holds three messages for Bob, with whom she has no session. Returns her store.
fn holding(world: &mut Provider) -> (Records, Client<MemoryStore>) {
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    for text in ["one", "two", "three"] {
        let (now, rng) = (world.now, &mut world.rng);
        alice.hold(&account("bob"), text, now, rng).unwrap();
    }
    (snapshot(&alice), bob)
}

/// Alice starts a session with Bob, and posts what her upkeep names. Returns what Bob shows.
fn start_and_post<S: Store>(
    world: &mut Provider,
    alice: &mut Client<S>,
    bob: &mut Client<MemoryStore>,
) -> Vec<String> {
    let (bob_id, now) = (account("bob"), world.now);
    let upkeep = alice.upkeep(now, &mut world.rng).unwrap();
    assert_eq!(upkeep.bundles.len(), 1);
    let bundles = world.bundles(&upkeep.bundles[0].account);
    let rng = &mut world.rng;
    alice.restart(&bob_id, &bundles, now, rng).unwrap();
    let mut shown = Vec::new();
    for outgoing in alice.upkeep(now, &mut world.rng).unwrap().outgoing {
        let (from, to) = (address("alice"), address("bob"));
        let (delivery, receipt) = world.relay_as(&from, &to, &outgoing.envelope);
        assert_eq!(alice.confirm(&bob_id, &receipt).unwrap(), outgoing.id);
        match world.receive(bob, &delivery).unwrap() {
            Received::Message { message, .. } => shown.push(message.text().unwrap().to_owned()),
            other => panic!("{other:?}"),
        }
    }
    assert!(alice.outbox(None, 9, now).unwrap().items.is_empty());
    assert!(alice.held(&bob_id).unwrap().is_empty());
    shown
}

#[test]
fn damage_to_the_list_of_held_messages_costs_no_message_and_seals_none_twice() {
    for case in 0..3 {
        let mut world = Provider::new(1);
        let (mut records, mut bob) = holding(&mut world);
        let held: Vec<_> = (0..records.len())
            .filter(|i| is_in(&records[*i].0, b'g'))
            .collect();
        assert_eq!(held.len(), 3);
        match case {
            0 => records[held[1]].1 = vec![9],
            // The value of another row.
            1 => records[held[1]].1 = records[held[0]].1.clone(),
            // A row that no message has: the last byte is the ordinal.
            _ => *records[held[1]].1.last_mut().unwrap() = 77,
        }
        let mut alice = Client::open(Shared::of(records)).unwrap();
        let shown = start_and_post(&mut world, &mut alice, &mut bob);
        assert_eq!(shown, ["one", "two", "three"], "case {case}");
    }
}

#[test]
fn what_is_held_is_still_sent_after_the_numbering_of_the_conversation_was_damaged() {
    let mut world = Provider::new(2);
    let (mut records, mut bob) = holding(&mut world);
    let mut of_bob = records.iter_mut().filter(|(key, _)| is_in(key, b'v'));
    of_bob.next().unwrap().1 = vec![9];
    let mut alice = Client::open(Shared::of(records)).unwrap();
    let upkeep = alice.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.bundles.is_empty());
    alice.reset_peer(&account("bob")).unwrap();
    let shown = start_and_post(&mut world, &mut alice, &mut bob);
    assert_eq!(shown, ["one", "two", "three"]);
}

#[test]
fn a_held_message_of_a_conversation_that_another_process_is_deleting_is_not_sent() {
    let (mut world, mut alice, _) = Provider::of_two();
    let (bob, now) = (account("bob"), world.now);
    let rng = &mut world.rng;
    alice.hold(&bob, "deleted", now, rng).unwrap();
    let mut store = Shared::of(snapshot(&alice));
    let mut alice = Client::open(store.clone()).unwrap();
    // The first transaction of the other process.
    let mut transaction = Transaction::default();
    let row = Row::Name(b"\x03bob".to_vec());
    let mark = Zeroizing::new(b"\x01\x0a\x03bob".to_vec());
    transaction.put(Key::new(Table::new(b"x"), row), mark);
    store.commit(transaction).unwrap();
    let sent = alice.send(&bob, "after", now, rng).unwrap();
    let waiting = alice.outbox(None, 9, now).unwrap().items;
    let ids: Vec<_> = waiting.iter().map(|outgoing| outgoing.id).collect();
    assert_eq!(ids, [sent.id]);
}

#[test]
fn more_held_messages_than_an_upkeep_seals_keep_their_order() {
    for is_upkeep in [false, true] {
        let (mut world, mut alice, _) = Provider::of_two();
        let (bob, now) = (account("bob"), world.now);
        let rng = &mut world.rng;
        let mut ids: Vec<_> = (0..70)
            .map(|i| alice.hold(&bob, format!("{i}").as_str(), now, rng).unwrap())
            .collect();
        if is_upkeep {
            let first = alice.upkeep(now, rng).unwrap();
            assert_eq!((first.outgoing.len(), first.again_at), (64, Some(now)));
            assert_eq!(alice.upkeep(now, rng).unwrap().outgoing.len(), 6);
        }
        ids.push(alice.send(&bob, "last", now, rng).unwrap().id);
        let waiting = alice.outbox(None, 100, now).unwrap().items;
        let order: Vec<_> = waiting.iter().map(|outgoing| outgoing.id).collect();
        assert_eq!(order, ids, "{is_upkeep}");
    }
}

/// Alice's message has arrived, and Bob's receipt of it is garbage when it reaches her.
fn receipt_that_does_not_open(net: &mut Network) -> (FrankingTag, Vec<u8>) {
    net.converse(ALICE, BOB);
    net.send(ALICE, BOB, "good");
    net.run();
    net.wait(HOUR_MS);
    let id = net.send(ALICE, BOB, "arrives");
    net.deliver_all();
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let told = net.clients[BOB].upkeep(now, rng).unwrap().outgoing;
    let mut bytes = envelope_of(&told[0].envelope).encode();
    *bytes.last_mut().unwrap() ^= 1;
    let garbage = Envelope::decode(&bytes).unwrap();
    net.wait(1);
    let (bob, alice) = (address("bob"), address("alice"));
    let (delivery, receipt) = net.world.stamp_as(&bob, &alice, &garbage);
    let alice = account("alice");
    net.clients[BOB].confirm(&alice, &receipt).unwrap();
    (id, delivery)
}

#[test]
fn what_arrived_does_not_count_as_lost_because_a_blocked_peers_receipt_did_not_open() {
    for is_skipped in [false, true] {
        let mut net = Network::of(&NAMES);
        let (id, delivery) = receipt_that_does_not_open(&mut net);
        let (alice, bob) = (&mut net.clients[ALICE], account("bob"));
        let received = if is_skipped {
            alice.skip(&delivery).unwrap()
        } else {
            alice.block(&bob, true).unwrap();
            alice.receive(&delivery).unwrap()
        };
        assert!(matches!(received, Received::Skipped { .. }), "{received:?}");
        alice.block(&bob, false).unwrap();
        net.wait(1);
        let next = net.send(ALICE, BOB, "next");
        net.run();
        net.wait(9 * 24 * HOUR_MS);
        net.run();
        let status = net.status(ALICE, BOB, &next);
        assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
        assert_eq!(net.status(ALICE, BOB, &id), Status::Accepted);
    }
}

#[test]
fn what_was_held_before_and_after_a_set_back_arrives_once_and_in_order() {
    let mut net = Network::of(&NAMES);
    net.converse(ALICE, BOB);
    let hold = |net: &mut Network, text: &str| {
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let alice = &mut net.clients[ALICE];
        alice.hold(&account("bob"), text, now, rng).unwrap()
    };
    hold(&mut net, "held, and sent by the earlier line");
    let backup = snapshot(&net.clients[ALICE]);
    net.run();
    net.send(ALICE, BOB, "of the earlier line");
    net.run();
    net.clients[ALICE] = Client::open(MemoryStore::from_records(backup)).unwrap();
    assert!(net.world.sign_in(&mut net.clients[ALICE]).is_some());
    hold(&mut net, "held after it");
    net.run();
    net.send(BOB, ALICE, "there you are");
    net.send(ALICE, BOB, "last");
    net.run();
    assert_eq!(
        net.shown(BOB)[1..],
        [
            "held, and sent by the earlier line",
            "of the earlier line",
            "held after it",
            "last"
        ]
    );
    assert_eq!(net.restarts, [1, 0]);
    let history = net.clients[BOB].messages(&account("alice"), None, 100);
    let items = history.unwrap().items;
    let of_alice = items.iter().filter(|message| message.status().is_none());
    let numbers: Vec<_> = of_alice.map(|one| one.header().sequence).collect();
    assert_eq!(numbers.len(), 5);
    assert_eq!(
        numbers.iter().collect::<BTreeSet<_>>().len(),
        5,
        "{numbers:?}"
    );
}
