//! Deletions that are interrupted, that two processes see, and that meet damaged records.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/stops.rs"]
mod stops;

use waxseal::errors::{Damage, StateError};
use waxseal::store::{Key, Row, Table};
use waxseal::{
    Client, Draft, FrankingTag, MemoryStore, Received, SqliteStore, Store, StoreKey, Timestamp,
};
use waxseal_world::{Provider, Records, account, snapshot, text_of};

use stops::{Stopped, Stops};

fn of_peer(family: u8, peer: &str) -> Table {
    let len = u8::try_from(peer.len()).unwrap();
    Table::new([&[family, len], peer.as_bytes()].concat())
}

fn is_history(key: &Key) -> bool {
    let tables = [b'm', b'i', b'q', b't', b'w', b'y'].map(|family| of_peer(family, "alice"));
    let shared = [b"o", b"e", b"x", b"z"].map(Table::new);
    tables.contains(&key.table) || shared.contains(&key.table)
}

/// Bob's store after a long conversation with Alice, with every kind of record.
struct Prepared {
    world: Provider,
    alice: Client<MemoryStore>,
    bob: Records,
    first: FrankingTag,
    /// A delivery that Bob has received, and one that he has not.
    known: Vec<u8>,
    new: Vec<u8>,
}

fn prepared() -> Prepared {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let draft = || Draft::from("expires").expires_after_secs(60);
    let first = world.exchange(&mut alice, &mut bob, draft());
    bob.opened(&account("alice"), &first, world.now).unwrap();
    for _ in 0..3 {
        world.exchange(&mut bob, &mut alice, draft());
    }
    let mut known = Vec::new();
    for _ in 0..290 {
        let sent = alice
            .send(&account("bob"), "text", world.now, &mut world.rng)
            .unwrap();
        known = world.relay(&alice, &bob, &sent.envelope).0;
        bob.receive(&known).unwrap();
    }
    for _ in 0..3 {
        bob.send(&account("alice"), "waits", world.now, &mut world.rng)
            .unwrap();
    }
    world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let sent = alice
        .send(&account("bob"), "new", world.now, &mut world.rng)
        .unwrap();
    let new = world.relay(&alice, &bob, &sent.envelope).0;
    // The records of where two messages are were damaged: one expires, one waits in the outbox.
    let mut bob = snapshot(&bob);
    let tag = first.as_bytes().to_vec();
    let is_first = |key: &Key| key.row == Row::Name(tag.clone());
    let (_, value) = bob.iter_mut().find(|(key, _)| is_first(key)).unwrap();
    *value = vec![0xff];
    Prepared {
        world,
        alice,
        bob,
        first,
        known,
        new,
    }
}

fn assert_hidden<S: Store>(prepared: &Prepared, bob: &Client<S>) {
    let alice = account("alice");
    let later = Timestamp::from_millis(prepared.world.now.as_millis() + 1_000_000);
    assert!(bob.messages(&alice, None, 9).unwrap().items.is_empty());
    assert!(bob.message(&alice, &prepared.first).unwrap().is_none());
    assert!(bob.outbox(None, 9, later).unwrap().items.is_empty());
    let due = bob.due(None, 9, later).unwrap();
    assert!(due.items.is_empty() && due.damaged.is_empty());
}

type Delete = fn(&mut Client<Stops>) -> Result<(), StateError<Stopped>>;

/// Commits of each deletion: the mark, two turns of up to 256 messages, the message whose place was
/// damaged and then when it is due, two turns of up to 256 receipts, and the end. None for the
/// outbox, whose entries go with the messages.
const COMMITS: usize = 8;

#[test]
fn an_interrupted_deletion_shows_nothing_and_goes_on_whatever_comes_next() {
    let deletions: [Delete; 2] = [
        |bob| bob.delete_conversation(&account("alice")),
        |bob| bob.forget_contact(&account("alice")),
    ];
    let mut prepared = prepared();
    for (which, delete) in deletions.into_iter().enumerate() {
        for (left, applies) in (0..COMMITS).flat_map(|left| [(left, false), (left, true)]) {
            let store = Stops::new(prepared.bob.clone());
            let mut bob = Client::open(store.clone()).unwrap();
            bob.has_session(&account("alice")).unwrap();
            store.stop_after(left, applies);
            delete(&mut bob).unwrap_err();
            let is_marked = left > 0 || applies;
            if is_marked {
                assert_hidden(&prepared, &bob);
            } else {
                assert!(
                    bob.message(&account("alice"), &prepared.first)
                        .unwrap()
                        .is_some()
                );
                assert!(store.records() == prepared.bob);
                continue;
            }
            let stopped = store.records();
            store.go_on();

            // What comes next may be the same call, a start of the application, or a message.
            delete(&mut bob).unwrap();
            assert!(!store.records().iter().any(|(key, _)| is_history(key)));
            let store = Stops::new(stopped.clone());
            let bob = Client::open(store.clone()).unwrap();
            assert_hidden(&prepared, &bob);
            assert!(!store.records().iter().any(|(key, _)| is_history(key)));

            let store = Stops::new(prepared.bob.clone());
            let mut bob = Client::open(store.clone()).unwrap();
            store.stop_after(left, applies);
            delete(&mut bob).unwrap_err();
            store.go_on();
            let known = prepared.world.receive(&mut bob, &prepared.known);
            assert!(matches!(known, Ok(Received::Duplicate { .. })));
            // The roster of a stranger is kept for its first message.
            let is_offered = |key: &Key| which == 1 && key.table.as_bytes() == b"z";
            let records = store.records();
            let mut left = records.iter().filter(|(key, _)| !is_offered(key));
            assert!(!left.any(|(key, _)| is_history(key)));
            if which == 0 {
                assert_eq!(text_of(bob.receive(&prepared.new).unwrap()), "new");
            } else {
                prepared.world.start(&mut bob, &account("alice"));
            }
            let (world, alice) = (&mut prepared.world, &mut prepared.alice);
            let sent = bob.send(&account("alice"), "and on", world.now, &mut world.rng);
            let (delivery, _) = world.relay(&bob, alice, &sent.unwrap().envelope);
            let before = snapshot(alice);
            assert_eq!(text_of(alice.receive(&delivery).unwrap()), "and on");
            *alice = Client::open(MemoryStore::from_records(before)).unwrap();
        }
    }
    // One commit more than these, and nothing is interrupted.
    for delete in deletions {
        let store = Stops::new(prepared.bob.clone());
        let mut bob = Client::open(store.clone()).unwrap();
        store.stop_after(COMMITS, false);
        delete(&mut bob).unwrap();
        assert_eq!(store.left(), 0);
    }
}

#[test]
fn a_message_that_comes_after_an_interrupted_deletion_is_not_deleted_by_it() {
    let prepared = prepared();
    let store = Stops::new(prepared.bob.clone());
    let mut bob = Client::open(store.clone()).unwrap();
    store.stop_after(1, false);
    bob.delete_conversation(&account("alice")).unwrap_err();
    store.go_on();
    bob.receive(&prepared.new).unwrap();
    let messages = bob.messages(&account("alice"), None, 9).unwrap().items;
    assert_eq!(messages[0].text(), Some("new"));
    let bob = Client::open(store).unwrap();
    assert_eq!(
        bob.messages(&account("alice"), None, 9)
            .unwrap()
            .items
            .len(),
        1
    );
}

#[test]
fn a_damaged_mark_still_hides_and_its_deletion_goes_on_with_the_peer() {
    let prepared = prepared();
    let store = Stops::new(prepared.bob.clone());
    let mut bob = Client::open(store.clone()).unwrap();
    store.stop_after(1, false);
    bob.delete_conversation(&account("alice")).unwrap_err();
    let mut records = store.records();
    let mark = records
        .iter_mut()
        .find(|(key, _)| key.table.as_bytes() == b"x");
    mark.unwrap().1.clear();
    let store = Stops::new(records);
    let mut bob = Client::open(store.clone()).unwrap();
    assert_hidden(&prepared, &bob);
    assert!(store.records().iter().any(|(key, _)| is_history(key)));
    bob.delete_conversation(&account("alice")).unwrap();
    assert!(!store.records().iter().any(|(key, _)| is_history(key)));
}

#[test]
fn a_damaged_contact_can_be_forgotten_and_a_damaged_numbering_is_reset_before_the_deletion() {
    let mut prepared = prepared();
    for table in [Table::new(b"n"), Table::new(b"v"), of_peer(b'd', "alice")] {
        let mut records = prepared.bob.clone();
        let is_alices = |key: &Key| {
            let mut names = key.to_bytes();
            names.retain(u8::is_ascii_alphabetic);
            key.table == table && names.ends_with(b"alice")
        };
        let damaged = records.iter_mut().find(|(key, _)| is_alices(key));
        damaged.unwrap().1.clear();
        let store = Stops::new(records.clone());
        let mut bob = Client::open(store.clone()).unwrap();
        bob.forget_contact(&account("alice")).unwrap();
        assert!(!store.records().iter().any(|(key, _)| is_history(key)));
        assert!(!bob.has_session(&account("alice")).unwrap());
        assert!(bob.damaged_peers().unwrap().is_empty());

        let store = Stops::new(records.clone());
        let mut bob = Client::open(store.clone()).unwrap();
        let deleted = bob.delete_conversation(&account("alice"));
        if table.as_bytes() == b"v" {
            let damage = Damage::Peer(account("alice"));
            assert!(matches!(deleted, Err(StateError::Damaged(what)) if what == damage));
            assert!(store.records() == records, "nothing was deleted");
            bob.reset_peer(&account("alice")).unwrap();
            bob.delete_conversation(&account("alice")).unwrap();
        } else {
            deleted.unwrap();
        }
        assert!(!store.records().iter().any(|(key, _)| is_history(key)));
        let mut bob = Client::open(store).unwrap();
        bob.reset_peer(&account("alice")).unwrap();
        assert_eq!(bob.next_ordinal(&account("alice")).unwrap(), 297);
        let known = prepared.world.receive(&mut bob, &prepared.known);
        assert!(matches!(known, Ok(Received::Duplicate { .. })));
    }
}

#[test]
fn another_process_sees_a_deletion_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bob");
    let open = || SqliteStore::open_shared(&path, &StoreKey::from_bytes([7; 32])).unwrap();
    let mut world = Provider::new(7);
    let mut alice = world.register("alice");
    let mut application = world.register_in(open(), "bob");
    world.start(&mut alice, &account("bob"));
    world.exchange(&mut alice, &mut application, "hello");
    let mut extension = Client::open(open()).unwrap();
    let sent = alice
        .send(&account("bob"), "again", world.now, &mut world.rng)
        .unwrap();
    let (delivery, _) = world.relay(&alice, &application, &sent.envelope);
    extension.receive(&delivery).unwrap();

    application.delete_conversation(&account("alice")).unwrap();
    let left = extension.messages(&account("alice"), None, 9).unwrap();
    assert!(left.items.is_empty());
    let repeated = extension.receive(&delivery).unwrap();
    assert!(matches!(repeated, Received::Duplicate { .. }));
    world.exchange(&mut alice, &mut extension, "and on");

    extension.forget_contact(&account("alice")).unwrap();
    assert!(!application.has_session(&account("alice")).unwrap());
    let next = application.next_ordinal(&account("alice")).unwrap();
    assert_eq!(next, 0);
    let repeated = world.receive(&mut application, &delivery).unwrap();
    assert!(matches!(repeated, Received::Duplicate { .. }));
    world.start(&mut alice, &account("bob"));
    world.exchange(&mut alice, &mut application, "a first contact");
    assert!(extension.has_session(&account("alice")).unwrap());
}
