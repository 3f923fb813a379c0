//! Tests what happens to old epochs (days). Messages stamped more than 30 days ago can no longer be
//! delivered or reported, and their stamp keys are destroyed.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::fs;

use rusqlite::Connection;
use waxseal_reporting::relay::EPOCH_MS;
use world::World;

/// Place of the oldest epoch in the root key file. The file is `01 || five keys`, followed by the
/// stamp keys: `01 || oldest epoch be32 || root ..`.
const OLDEST_EPOCH: std::ops::Range<usize> = 162..166;

#[test]
fn undelivered_messages_are_dropped_with_the_keys_of_their_epoch() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    for n in 0..3 {
        alice.send(&bob.me, &format!("{n}")).unwrap();
    }
    assert!(world.relay.take().unwrap().stop());

    // Makes it look as if the relay had not run for 40 days, and as if two of the messages were 40
    // and 30 days old. Only the older one must be dropped.
    let today = u32::try_from(world::now().as_millis() / EPOCH_MS).unwrap();
    let (path, data) = (
        world.dir.path().join("data/root.key"),
        world.dir.path().join("data"),
    );
    let mut root = fs::read(&path).unwrap();
    assert_eq!(root[OLDEST_EPOCH], today.to_be_bytes());
    root[OLDEST_EPOCH].copy_from_slice(&(today - 40).to_be_bytes());
    fs::write(&path, &root).unwrap();
    let db = Connection::open(data.join("relay.sqlite")).unwrap();
    for (id, days) in [(1, 40), (2, 30)] {
        db.execute(
            "UPDATE queue SET epoch = ? WHERE id = ?",
            (today - days, id),
        )
        .unwrap();
    }
    drop(db);

    world.start();
    bob.use_relay_of(&world);
    let received: Vec<String> = bob.receive().into_iter().map(|(text, _)| text).collect();
    assert_eq!(received, ["1", "2"], "a message 30 days old is delivered");
    let later = fs::read(&path).unwrap();
    assert_eq!(later[OLDEST_EPOCH], (today - 30).to_be_bytes());
    assert_ne!(
        later[OLDEST_EPOCH.end..],
        root[OLDEST_EPOCH.end..],
        "the root has advanced"
    );
    assert_eq!(later[..OLDEST_EPOCH.start], root[..OLDEST_EPOCH.start]);

    // The counters in the table `share` also say that the queue is empty.
    let db = Connection::open(data.join("relay.sqlite")).unwrap();
    let queued: i64 = db
        .query_row(
            "SELECT coalesce(sum(messages), 0) + coalesce(sum(bytes), 0) FROM share",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(queued, 0);
}

#[test]
fn the_record_of_the_reviewers_looks_cannot_be_changed() {
    let world = World::new();
    let reviewer = world.reviewer();
    world.client().reports(&reviewer, 0).unwrap();
    let db = Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    let look: (String, Option<i64>) = db
        .query_row("SELECT reviewer, report FROM look", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(look, (world.reviewer.public().reviewer_fingerprint(), None));
    assert!(db.execute("DELETE FROM look", []).is_err());
    assert!(db.execute("UPDATE look SET at_ms = 0", []).is_err());
}
