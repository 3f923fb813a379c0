//! What a device writes when messages begin sessions: in proportion to what they change, and
//! bounded for each sender.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "support/lose.rs"]
mod lose;

use std::cell::RefCell;
use std::convert::Infallible;

use lose::lose_sessions;
use waxseal::core::errors::DecryptError;
use waxseal::core::limits::MAX_REMEMBERED_BASE_KEYS;
use waxseal::core::{PreKeys, ReplayMemory};
use waxseal::errors::ReceiveError;
use waxseal::store::{Change, Cursor, Key, Listed, Row, Table, Transaction};
use waxseal::{Advice, Bundles, Client, DeviceBundle, DeviceId, MemoryStore, Received, Store};
use waxseal_world::{NOW, Provider, account};
use zeroize::Zeroizing;

/// Everything of the prekeys except the one-time ones.
fn state_key() -> Key {
    Key::new(Table::new(b"k"), Row::Only)
}

fn one_time_table() -> Table {
    Table::new(b"1")
}

fn memories_table() -> Table {
    Table::new(b"h")
}

/// A store that counts what each commit writes.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    /// Whether the first one-time prekey that is listed cannot be read.
    is_damaged: bool,
    written: RefCell<Written>,
}

/// What was written since the last look: bytes of values in all, and those of prekeys and replay
/// memories.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    all: usize,
    prekeys: usize,
    memory: usize,
    prekeys_deleted: usize,
    memories_deleted: usize,
}

impl Store for Counting {
    type Error = Infallible;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        self.store.get(key)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Infallible> {
        let mut rows = self.store.list(table, after, limit)?;
        if self.is_damaged && *table == one_time_table() && after.is_none() {
            rows[0].value = None;
        }
        Ok(rows)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Infallible> {
        let written = self.written.get_mut();
        for change in transaction.changes() {
            match change {
                Change::Put(key, value) => {
                    written.all += value.len();
                    match key.table.as_bytes() {
                        b"k" | b"1" => written.prekeys += value.len(),
                        b"h" => written.memory += value.len(),
                        _ => {}
                    }
                }
                Change::Delete(Key { table, .. }) | Change::DeleteAt(table, _) => {
                    written.prekeys_deleted += usize::from(table.as_bytes() == b"1");
                    written.memories_deleted += usize::from(table.as_bytes() == b"h");
                }
            }
        }
        self.store.commit(transaction)
    }

    fn is_damage(error: &Infallible) -> bool {
        MemoryStore::is_damage(error)
    }
}

fn written(client: &Client<Counting>) -> Written {
    client.store().written.take()
}

/// Sends a text from `from` to Bob, and lets him receive it.
fn deliver<S: Store>(
    world: &mut Provider,
    from: &mut Client<MemoryStore>,
    bob: &mut Client<S>,
) -> Result<Received, ReceiveError<S::Error>> {
    let sent = from.send(&account("bob"), "hello", NOW, &mut world.rng);
    let delivery = world.relay(from, bob, &sent.unwrap().envelope).0;
    world.receive(bob, &delivery)
}

/// Starts a session with Bob on his last-resort prekeys.
fn start_on_last_resort(world: &mut Provider, from: &mut Client<MemoryStore>, base: &[u8]) {
    let bundles = Bundles {
        roster: world.roster(&account("bob")),
        devices: vec![DeviceBundle {
            device: DeviceId(1),
            base: base.to_vec(),
            one_time: None,
        }],
    };
    from.start(&account("bob"), &bundles, NOW, &mut world.rng)
        .unwrap();
}

#[test]
fn a_stranger_who_repeats_handshakes_writes_little_and_fills_its_own_memory_only() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let (mut mallory, mut alice) = (world.register("mallory"), world.register("alice"));
    let (base, _) = world.bundle(&account("bob"));
    written(&bob);
    let mut most = Written::default();
    for number in 1..=MAX_REMEMBERED_BASE_KEYS {
        start_on_last_resort(&mut world, &mut mallory, &base);
        deliver(&mut world, &mut mallory, &mut bob).unwrap();
        let now = written(&bob);
        assert_eq!((now.prekeys, now.prekeys_deleted), (0, 0));
        assert_eq!(now.memory, 69 + 8 + 32 * number);
        most.all = most.all.max(now.all);
        if number == 1 {
            // A stranger begins fewer sessions: see the tests of requests.
            bob.accept_contact(&account("mallory")).unwrap();
            written(&bob);
        }
    }
    println!("at most {} bytes per repeated handshake", most.all);
    assert!(most.all < 6_500, "{most:?}");

    // The sender has reached its limit. Only that its message did not open is written, and nothing
    // is to be rotated.
    start_on_last_resort(&mut world, &mut mallory, &base);
    let refused = deliver(&mut world, &mut mallory, &mut bob).unwrap_err();
    let full = DecryptError::ReplayMemoryFull;
    assert!(matches!(&refused, ReceiveError::Session(error) if *error == full));
    assert_eq!(refused.advice(), Advice::AskAgain);
    let noted = written(&bob);
    assert_eq!((noted.prekeys, noted.memory), (0, 0));
    assert!(noted.all < 400, "{noted:?}");

    // It is that sender's limit. Others begin sessions as before, after a restart too.
    let mut bob = Client::open(bob.into_store()).unwrap();
    start_on_last_resort(&mut world, &mut alice, &base);
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    assert_eq!(written(&bob).memory, 69 + 8 + 32);
    let refused = deliver(&mut world, &mut mallory, &mut bob).unwrap_err();
    assert!(matches!(&refused, ReceiveError::Session(error) if *error == full));

    // The next signed prekeys have a memory of their own.
    let upload = bob.rotate_prekeys(&mut world.rng).unwrap();
    start_on_last_resort(&mut world, &mut mallory, &upload.base);
    deliver(&mut world, &mut mallory, &mut bob).unwrap();
}

#[test]
fn prekeys_published_in_place_of_others_are_those_of_the_store() {
    let mut world = Provider::new(7);
    let mut gone = world.register("bob");
    let mut bob = world.register("bob");
    // The provider has prekeys of a store that is gone.
    let lost = gone.publish_prekeys(0, &mut world.rng).unwrap();
    world.forget_one_time(&account("bob"));
    world.publish(&account("bob"), &lost);

    let upload = bob.republish_prekeys(&mut world.rng).unwrap();
    assert_eq!(upload.one_time.len(), 100);
    world.forget_one_time(&account("bob"));
    world.publish(&account("bob"), &upload);
    // Until it is confirmed, the upload may have been lost.
    let again = bob.publish_prekeys(100, &mut world.rng).unwrap();
    assert_eq!(again, upload);
    bob.confirm_prekeys(&upload).unwrap();
    let after = bob.publish_prekeys(100, &mut world.rng).unwrap();
    assert!(after.one_time.is_empty());

    let mut alice = world.register("alice");
    world.start(&mut alice, &account("bob"));
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    // The one that Alice used is not published again, and another one takes its place.
    let next = bob.republish_prekeys(&mut world.rng).unwrap();
    let kept = |part: &&Vec<u8>| upload.one_time.contains(part);
    assert_eq!(next.one_time.len(), 100);
    assert_eq!(next.one_time.iter().filter(kept).count(), 99);
}

#[test]
fn prekeys_are_written_only_when_one_was_spent() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let mut alice = world.register("alice");
    world.start(&mut alice, &account("bob"));
    written(&bob);
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    let first = written(&bob);
    assert_eq!((first.prekeys, first.prekeys_deleted), (0, 1));
    assert_eq!(first.memory, 0);
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 99);
    // Until Bob answers, Alice's messages repeat the handshake.
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    let second = written(&bob);
    assert_eq!((second.prekeys, second.prekeys_deleted), (0, 0));
    assert_eq!(second.memory, 0);
    // So do the messages of a session on last-resort prekeys. Its base key is written once.
    let (base, _) = world.bundle(&account("bob"));
    let mut carol = world.register("carol");
    start_on_last_resort(&mut world, &mut carol, &base);
    for memory in [69 + 8 + 32, 0] {
        deliver(&mut world, &mut carol, &mut bob).unwrap();
        let now = written(&bob);
        assert_eq!((now.prekeys, now.prekeys_deleted), (0, 0));
        assert_eq!(now.memory, memory);
    }
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 99);
    bob.rotate_prekeys(&mut world.rng).unwrap();
    assert_eq!(written(&bob).prekeys, 342);
}

#[test]
fn rotation_deletes_the_memories_that_are_not_needed() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let (base, _) = world.bundle(&account("bob"));
    // More senders than one call to the store lists.
    for number in 0..70 {
        let mut sender = world.register_with(&format!("sender {number}"), 0);
        start_on_last_resort(&mut world, &mut sender, &base);
        deliver(&mut world, &mut sender, &mut bob).unwrap();
    }
    let memories = |bob: &Client<Counting>| {
        let rows = bob.store().list(&memories_table(), None, 100).unwrap();
        rows.len()
    };
    let upload = bob.rotate_prekeys(&mut world.rng).unwrap();
    assert_eq!(memories(&bob), 70);
    // One sender uses the new set as well.
    let mut late = world.register_with("late", 0);
    start_on_last_resort(&mut world, &mut late, &upload.base);
    deliver(&mut world, &mut late, &mut bob).unwrap();
    written(&bob);
    bob.rotate_prekeys(&mut world.rng).unwrap();
    assert_eq!(written(&bob).memories_deleted, 70);
    assert_eq!(memories(&bob), 1);
    bob.rotate_prekeys(&mut world.rng).unwrap();
    assert_eq!(memories(&bob), 0);
}

#[test]
fn a_memory_outlives_the_sessions_with_its_sender() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let mut mallory = world.register("mallory");
    let (base, _) = world.bundle(&account("bob"));
    start_on_last_resort(&mut world, &mut mallory, &base);
    deliver(&mut world, &mut mallory, &mut bob).unwrap();
    // Bob accepts another identity, and then the first one again. His sessions are gone.
    lose_sessions(&mut world, &mut bob, &account("mallory"));
    assert!(!bob.has_session(&account("mallory")).unwrap());
    let mut bob = Client::open(bob.into_store()).unwrap();
    let refused = deliver(&mut world, &mut mallory, &mut bob).unwrap_err();
    let replayed = DecryptError::ReplayedInitialMessage;
    assert!(matches!(&refused, ReceiveError::Session(error) if *error == replayed));
}

#[test]
fn prekeys_stored_in_one_piece_are_stored_in_parts_with_the_next_change() {
    let mut world = Provider::new(7);
    let (bob, mut alice) = (world.register("bob"), world.register("alice"));
    world.start(&mut alice, &account("bob"));
    // What an earlier version stored.
    let mut store = bob.into_store();
    let state = store.get(&state_key()).unwrap().unwrap();
    let one_time = store.list(&one_time_table(), None, 200).unwrap();
    assert_eq!(one_time.len(), 100);
    let parts = one_time.iter().map(|row| row.value.as_ref().unwrap());
    let whole = PreKeys::import_parts(&state, parts).unwrap().export();
    let mut transaction = Transaction::default();
    transaction.put(state_key(), whole);
    for part in one_time {
        transaction.delete_at(one_time_table(), part.cursor);
    }
    store.commit(transaction).unwrap();

    let mut bob = Client::open(store).unwrap();
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 100);
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    let stored = bob.store().get(&state_key()).unwrap().unwrap();
    assert_eq!(stored.len(), 206);
    let one_time = bob.store().list(&one_time_table(), None, 200).unwrap();
    assert_eq!(one_time.len(), 99);
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 99);
    deliver(&mut world, &mut alice, &mut bob).unwrap();
}

#[test]
fn a_memory_that_cannot_be_read_stops_its_sender_only() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let (mut mallory, mut alice) = (world.register("mallory"), world.register("alice"));
    let (base, _) = world.bundle(&account("bob"));
    for sender in [&mut mallory, &mut alice] {
        start_on_last_resort(&mut world, sender, &base);
        deliver(&mut world, sender, &mut bob).unwrap();
    }
    let mut store = bob.into_store();
    let of = |sender: &Client<MemoryStore>| {
        let name = sender.identity().to_bytes().to_vec();
        Key::new(memories_table(), Row::Name(name))
    };
    let alices = store.get(&of(&alice)).unwrap().unwrap();
    assert!(ReplayMemory::import(&alices).is_ok());
    for damaged in [Zeroizing::new(vec![1, 2]), alices] {
        let mut transaction = Transaction::default();
        transaction.put(of(&mallory), damaged);
        store.commit(transaction).unwrap();
        let mut bob = Client::open(store).unwrap();
        for sender in [&mut mallory, &mut alice] {
            start_on_last_resort(&mut world, sender, &base);
        }
        let refused = deliver(&mut world, &mut mallory, &mut bob).unwrap_err();
        assert_eq!(refused.advice(), Advice::ResetPreKeys);
        deliver(&mut world, &mut alice, &mut bob).unwrap();
        bob.rotate_prekeys(&mut world.rng).unwrap();
        store = bob.into_store();
    }

    // New prekeys need none of the memories.
    let mut bob = Client::open(store).unwrap();
    bob.reset_prekeys(&mut world.rng).unwrap();
    let rows = |bob: &Client<Counting>, table| bob.store().list(&table, None, 200).unwrap().len();
    assert_eq!(rows(&bob, memories_table()), 0);
    assert_eq!(rows(&bob, one_time_table()), 0);
    let mut bob = Client::open(bob.into_store()).unwrap();
    let upload = bob.publish_prekeys(0, &mut world.rng).unwrap();
    for sender in [&mut mallory, &mut alice] {
        start_on_last_resort(&mut world, sender, &upload.base);
        deliver(&mut world, sender, &mut bob).unwrap();
    }
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 100);
}

#[test]
fn a_conversation_goes_on_while_the_memory_of_its_sender_cannot_be_read() {
    let mut world = Provider::new(7);
    let (mut bob, mut alice) = (world.register("bob"), world.register("alice"));
    let (base, _) = world.bundle(&account("bob"));
    start_on_last_resort(&mut world, &mut alice, &base);
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    let mut store = bob.into_store();
    let mut transaction = Transaction::default();
    let memory = Row::Name(alice.identity().to_bytes().to_vec());
    let damaged = Zeroizing::new(vec![1, 2]);
    transaction.put(Key::new(memories_table(), memory), damaged);
    store.commit(transaction).unwrap();
    let mut bob = Client::open(store).unwrap();
    // Until Bob answers, Alice's messages repeat the handshake.
    deliver(&mut world, &mut alice, &mut bob).unwrap();
    world.exchange(&mut bob, &mut alice, "answer");
    deliver(&mut world, &mut alice, &mut bob).unwrap();
}

#[test]
fn a_one_time_prekey_that_cannot_be_read_counts_as_spent() {
    let mut world = Provider::new(7);
    let mut bob = world.register_in(Counting::default(), "bob");
    let mut alice = world.register("alice");
    world.start(&mut alice, &account("bob"));
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 100);
    let mut store = bob.into_store();
    store.is_damaged = true;
    let mut bob = Client::open(store).unwrap();
    assert_eq!(bob.one_time_prekeys_left().unwrap(), 99);
    bob.rotate_prekeys(&mut world.rng).unwrap();
    bob.publish_prekeys(0, &mut world.rng).unwrap();
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert!(bob.one_time_prekeys_left().unwrap() >= 99);
}
