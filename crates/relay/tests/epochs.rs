//! Tests what happens to old epochs (days). Messages stamped more than 30 days ago can no longer be
//! delivered or reported, and their stamp keys are destroyed.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::fs;

use rusqlite::Connection;
use waxseal_reporting::relay::EPOCH_MS;
use world::{RelayProcess, World};

/// Place of the oldest epoch in the root key file. The file is `02 || five keys || 00`, followed by
/// the stamp keys: `01 || oldest epoch be32 || root ..`.
const OLDEST_EPOCH: std::ops::Range<usize> = 163..167;

#[test]
fn after_40_days_of_downtime_the_operator_decides_whether_keys_are_destroyed() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    for n in 0..3 {
        alice.send(&bob.me, &format!("{n}")).unwrap();
    }
    assert!(world.relay.take().unwrap().stop());

    // Makes it look as if the relay had been old already, and had not run for 40 days, and as if
    // two of the messages were 40 and 30 days old.
    let today = u32::try_from(world::now().as_millis() / EPOCH_MS).unwrap();
    let (path, data) = (
        world.dir.path().join("data/root.key"),
        world.dir.path().join("data"),
    );
    let mut root = fs::read(&path).unwrap();
    assert_eq!(root[OLDEST_EPOCH], (today - 370).to_be_bytes());
    root[OLDEST_EPOCH].copy_from_slice(&(today - 70).to_be_bytes());
    fs::write(&path, &root).unwrap();
    let db = Connection::open(data.join("relay.sqlite")).unwrap();
    for (id, days) in [(1, 40), (2, 30)] {
        db.execute(
            "UPDATE queue SET epoch = ? WHERE number = ?",
            (today - days, id),
        )
        .unwrap();
    }
    db.execute(
        "UPDATE proven SET settled = 1, at_ms = at_ms - ?",
        [40 * EPOCH_MS],
    )
    .unwrap();
    drop(db);
    fs::remove_file(data.join("recorded")).unwrap(); // or the database seems to have gone back

    world.start();
    assert!(world.relay.take().unwrap().stop());
    assert_eq!(fs::read(&path).unwrap(), root, "no key was destroyed");
    world.relay = Some(RelayProcess::start_trusting_its_clock(world.dir.path()));
    bob.use_relay_of(&world);
    let received: Vec<String> = bob.receive().into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        received,
        ["0", "1", "2"],
        "messages are dropped a day later"
    );
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
