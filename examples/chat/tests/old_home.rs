//! A home of an earlier chat, which noted in `memory.json` what the courier keeps in the store.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::{Value, json};
use waxseal::store::{Key, Row, Table, Transaction};
use waxseal::{Courier, Store};
use world::World;

#[test]
fn the_relay_key_that_an_earlier_chat_pinned_stays_pinned() {
    let world = World::new("old-home", &["alice", "bob"]);
    let (alice, bob) = (0, 1);
    world.make_keys();
    world.start_relay();
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    let courier = Courier::open(world.store(bob)).unwrap();
    let pinned = courier.pinned().unwrap();
    let path = world.home(bob).join("memory.json");
    let memory = || -> Value { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
    // The store of an earlier chat has no record of a courier.
    let make_old = |mut store: waxseal::SqliteStore, key: &[u8; 32]| {
        let mut transaction = Transaction::default();
        transaction.delete(Key::new(Table::new(b"b"), Row::Only));
        store.commit(transaction).unwrap();
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut memory = memory();
        memory["relay"]["key"] = key.into();
        memory["relay"]["moderation_fingerprint"] = pinned.moderation_fingerprint.clone().into();
        memory["upload_pending"] = true.into();
        memory["submitted"] = json!({});
        std::fs::write(&path, memory.to_string()).unwrap();
    };
    make_old(courier.into_client().into_store(), &[7; 32]);
    let refused = world.chat(bob, &["send", "alice", "secret"]);
    assert_eq!(refused.code(), Some(1));
    let printed = refused.stderr;
    assert!(printed.contains("NOT THE PINNED ONE"), "{printed}");

    make_old(world.store(bob), &pinned.relay_key);
    world.chat(bob, &["send", "alice", "hello"]).output();
    let received = world.chat(alice, &["receive", "--json"]).objects();
    let texts = received.iter().map(|one| one["text"].as_str().unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), ["secret", "hello"]);
    world
        .chat(alice, &["send", "bob", "hello yourself"])
        .output();
    world.chat(bob, &["receive"]).output();
    assert!(memory()["relay"].get("key").is_none());
    let courier = Courier::open(world.store(bob)).unwrap();
    assert_eq!(courier.pinned(), Some(pinned));
}
