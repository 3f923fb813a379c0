//! The relay's intake when its database fails: an error that passes, and never an answer.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use rusqlite::Connection;
use waxseal_interface::ErrorCode;
use world::World;

#[test]
fn a_report_is_neither_taken_nor_refused_while_the_database_fails() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "spam").unwrap();
    let (_, evidence) = bob.receive().remove(0);
    let report = bob.report(world.vault.moderation.public_key(), &[&evidence]);
    let submit = || bob.client.report(bob.session(), &report);
    let queued = || {
        world
            .client()
            .reports(&world.reviewer(), 0)
            .unwrap()
            .reports
    };

    let db = Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    // The look-up fails, then storing the report, then storing what it used up.
    for (fail, restore) in [
        (
            "ALTER TABLE nullifier RENAME TO gone",
            "ALTER TABLE gone RENAME TO nullifier",
        ),
        (
            "CREATE TRIGGER fails BEFORE INSERT ON report BEGIN SELECT RAISE(ABORT, 'no'); END",
            "DROP TRIGGER fails",
        ),
        (
            "CREATE TRIGGER fails BEFORE INSERT ON nullifier BEGIN SELECT RAISE(ABORT, 'no'); END",
            "DROP TRIGGER fails",
        ),
    ] {
        db.execute_batch(fail).unwrap();
        let failed = submit().unwrap_err();
        assert_eq!(failed.code(), Some(ErrorCode::Internal), "{fail}");
        assert!(failed.is_transient(), "the client sends it again");
        db.execute_batch(restore).unwrap();
        assert!(queued().is_empty(), "{fail}");
    }
    assert!(!submit().unwrap().duplicate, "nothing of it was used up");
    assert!(submit().unwrap().duplicate);
    assert_eq!(queued().len(), 1);
}
