//! A store in which some records are damaged: the chat says so, goes on, and repairs it.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal::store::{Key, Row, Table, Transaction};
use waxseal::transport::{now, system_rng};
use waxseal::{AccountId, Client, Store};
use world::World;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAVE: usize = 3;

/// A table of the records that Bob keeps of Alice.
fn of_alice(family: u8) -> Table {
    Table::new([&[family, 5], b"alice".as_slice()].concat())
}

/// Damages records of Bob's store.
fn damage(world: &World, keys: impl IntoIterator<Item = Key>) {
    let mut store = world.store(BOB);
    let mut transaction = Transaction::default();
    for key in keys {
        assert!(store.get(&key).unwrap().is_some());
        transaction.put(key, vec![9].into());
    }
    store.commit(transaction).unwrap();
}

/// Seals the message that Bob wrote to Alice last, as a process does that stops before it posts.
/// Returns its number in the outbox.
fn sealed(world: &World) -> u64 {
    let mut client = Client::open(world.store(BOB)).unwrap();
    client.upkeep(now(), &mut system_rng()).unwrap();
    let alice = AccountId::new("alice").unwrap();
    let messages = client.messages(&alice, None, 100).unwrap().items;
    let last = messages.iter().max_by_key(|one| one.ordinal()).unwrap();
    let mut after = None;
    loop {
        let page = client.outbox(after, 1, now()).unwrap();
        after = page.next;
        if page.items[0].id == *last.id() {
            return after.unwrap();
        }
    }
}

#[test]
fn a_damaged_store_is_repaired_and_everything_else_goes_on() {
    let world = World::new("repair", &["alice", "bob", "carol", "dave"]);
    world.make_keys();
    world.start_relay();
    for (who, name) in ["alice", "bob", "carol", "dave"].into_iter().enumerate() {
        world.chat(who, &["register", name]).output();
    }
    world.chat(ALICE, &["send", "bob", "lost"]).output();
    world.chat(ALICE, &["send", "bob", "kept"]).output();
    world.chat(BOB, &["receive"]).output();
    world.chat(BOB, &["send", "alice", "answer"]).output();
    world.chat(ALICE, &["receive"]).output();
    world.kill_relay();
    let waits = world.chat(BOB, &["send", "alice", "waits"]);
    assert_eq!(waits.code(), Some(3));
    let nothing = world.chat(BOB, &["repair"]);
    assert_eq!(nothing.output(), "nothing is damaged\n");
    let number = sealed(&world);
    world.start_relay();

    let device = Key::new(of_alice(b'd'), Row::Number(1));
    let message = Key::new(of_alice(b'm'), Row::Number(0));
    let envelope = Key::new(Table::new(b"o"), Row::Number(number));
    let prekeys = Key::new(Table::new(b"k"), Row::Only);
    damage(&world, [device, message, envelope, prekeys]);
    // Carol is a stranger, so her first message needs the prekeys. It waits too.
    world
        .chat(ALICE, &["send", "bob", "on the lost session"])
        .output();
    world.chat(CAROL, &["send", "bob", "hello"]).output();
    let received = world.chat(BOB, &["receive"]);
    for waits in [
        "the session with alice is damaged, so messages from alice wait",
        "the prekeys are damaged, so first messages wait",
        "1 records cannot be read",
    ] {
        assert!(received.stderr.contains(waits), "{}", received.stderr);
    }
    let listed = world.chat(BOB, &["messages"]);
    assert!(listed.stdout.contains("kept") && listed.stdout.contains("answer"));
    let told = listed
        .stderr
        .matches("1 messages with alice cannot be read")
        .count();
    assert_eq!(told, 1, "{}", listed.stderr);
    let refused = world.chat(BOB, &["send", "alice", "no"]);
    assert!(
        refused.stderr.contains("run `repair`"),
        "{}",
        refused.stderr
    );

    let repaired = world.chat(BOB, &["repair", "--yes"]);
    for line in [
        "2 records cannot be read",
        "the session with alice is lost",
        "the prekeys are lost",
        "1 messages were not sent",
        "repaired",
    ] {
        assert!(
            repaired.stdout.contains(line),
            "{line}: {}",
            repaired.stdout
        );
    }
    assert_eq!(
        world.chat(BOB, &["repair"]).output(),
        "nothing is damaged\n"
    );
    let texts = |who, command: &str| -> Vec<String> {
        let objects = world.chat(who, &[command, "--json"]).objects();
        let texts = objects.iter().map(|one| one["text"].as_str().unwrap());
        texts.map(str::to_owned).collect()
    };
    assert_eq!(texts(ALICE, "receive"), ["waits"]);
    world.chat(ALICE, &["send", "bob", "again"]).output();
    // What was sealed for the lost session did not open. Bob asked for it with the repair, and
    // Alice sealed it again.
    assert_eq!(texts(BOB, "receive"), ["on the lost session", "again"]);
    world.chat(ALICE, &["send", "bob", "and again"]).output();
    assert_eq!(texts(BOB, "receive"), ["and again"]);
    // A stranger gets none of the lost one-time prekeys.
    world.chat(DAVE, &["send", "bob", "hello"]).output();
    assert_eq!(texts(BOB, "receive"), ["hello"]);
}
