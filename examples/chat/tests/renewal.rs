//! The chat renews its delivery key after 30 days, before it hands out what the key authenticates.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use waxseal::{DeliveryKey, Timestamp};
use world::World;

const DAY_MS: i64 = 24 * 3_600_000;

fn key(world: &World, account: usize) -> DeliveryKey {
    world.client(account).delivery_key().clone()
}

/// The present time, moved by this many days.
fn in_days(days: i64) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    Timestamp::from_millis(now.checked_add_signed(days * DAY_MS).unwrap())
}

/// Makes it look as if the account had confirmed its delivery key on another day.
fn confirmed_in_days(world: &World, account: usize, days: i64) {
    let mut client = world.client(account);
    let key = client.delivery_key().clone();
    client.confirm_delivery_key(&key, in_days(days)).unwrap();
}

#[test]
fn a_delivery_key_is_renewed_when_it_is_due_and_nothing_that_waits_is_lost() {
    let world = World::new("renewal", &["alice", "bob"]);
    let (alice, bob) = (0, 1);
    world.make_keys();
    world.start_relay();
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    world.chat(alice, &["send", "bob", "Pay first."]).output();
    world.chat(bob, &["receive"]).output();
    world.chat(bob, &["send", "alice", "Never."]).output();
    world.chat(alice, &["receive"]).output();

    // Not due: the key stays.
    for days in [0, -29] {
        confirmed_in_days(&world, bob, days);
        let before = key(&world, bob);
        world.chat(bob, &["receive"]).output();
        assert!(key(&world, bob).is_same(&before), "{days}");
    }
    // Due, also if the device's clock was ahead when it was confirmed.
    for days in [-31, 1] {
        let before = key(&world, bob);
        // A message to Bob waits at the relay, and a message of his waits in his home.
        world
            .chat(alice, &["send", "bob", "Last warning."])
            .output();
        assert!(world.kill_relay());
        confirmed_in_days(&world, bob, days);
        assert_eq!(world.chat(bob, &["send", "alice", "No."]).code(), Some(3));
        world.start_relay();
        let received = world.chat(bob, &["receive"]).output();
        assert!(received.contains("Last warning."), "{received}");
        assert!(!key(&world, bob).is_same(&before), "{days}");
        assert!(!world.client(bob).is_delivery_key_due(in_days(0)));
        let received = world.chat(alice, &["receive"]).output();
        assert!(received.contains("No."), "{received}");
    }
    // A renewal that was interrupted after the relay had the key, or before, is finished.
    let mut interrupted = world.client(bob);
    let next = interrupted.renew_delivery_key(&mut rand::rng()).unwrap();
    drop(interrupted);
    let messages = world.chat(bob, &["messages", "--json"]).objects();
    let id = messages[0]["id"].as_str().unwrap();
    confirmed_in_days(&world, bob, 0);
    let report = ["report", id, "--reason", "threat", "--yes"];
    world.chat(bob, &report).output();
    assert!(key(&world, bob).is_same(&next));
    assert_eq!(world.review_objects(&["list", "--json"]).len(), 1);

    // Registering again renews the key too, which takes the name back from a thief of the identity.
    world.chat(bob, &["register", "bob"]).output();
    assert!(!key(&world, bob).is_same(&next));
    world.chat(alice, &["send", "bob", "Bye."]).output();
    assert!(world.chat(bob, &["receive"]).output().contains("Bye."));
}
