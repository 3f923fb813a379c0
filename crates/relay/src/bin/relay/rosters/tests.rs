use ed25519_dalek::SigningKey;
use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::owner::Owner;
use crate::fixture::{World, caller, device, send};

const NOW: u64 = 21_000 * EPOCH_MS;
const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_roster_may_be_a_day_off_and_no_more() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let key = SigningKey::from_bytes(&[1; 32]);
    let signed_at = |at_ms| Owner::new("alice").first(1, &key, at_ms);
    for (off, is_taken) in [
        (NOW - DAY_MS - 1, false),
        (NOW - DAY_MS, true),
        (NOW + DAY_MS, true),
        (NOW + DAY_MS + 1, false),
    ] {
        let checked = check_signed_at(&signed_at(off), relay.now());
        assert_eq!(checked.is_ok(), is_taken, "{off}");
    }
}

#[tokio::test]
async fn a_device_that_is_removed_after_its_token_was_looked_at_sends_nothing() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "before").await.unwrap();
    // The request of the device has passed the extractor when the roster changes.
    let (account, owner) = (alice.account, Owner::new("alice"));
    let other = SigningKey::from_bytes(&[7; 32]);
    let without = Pinned::first(owner.first(2, &other, NOW));
    let store = relay
        .store
        .run(move |db| devices::keep_roster(db, account, &without));
    store.await.unwrap();
    let refused = send(&relay, &alice, &bob, "after").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Removed);
    let left = crate::prekeys::publish(
        State(relay.clone()),
        caller(&alice),
        crate::extract::JsonBody(waxseal_interface::PreKeys {
            base: [&[1, 0x0a, 0x40], alice.identity.as_slice()].concat(),
            one_time: Vec::new(),
            replace: false,
        }),
    );
    assert_eq!(left.await.unwrap_err().code, ErrorCode::Removed);
}

#[tokio::test]
async fn dropped_messages_are_told_by_the_days_in_which_they_were_accepted() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    world.run(&relay, 40 * EPOCH_MS).await;
    let first = send(&relay, &alice, &bob, "first").await.unwrap();
    world.run(&relay, EPOCH_MS).await;
    let second = send(&relay, &alice, &bob, "second").await.unwrap();
    world.run(&relay, 40 * EPOCH_MS).await;
    let bob = bob.id;
    let queued = crate::store::queue::read_after(&relay.store, bob, 0, 9).await;
    let queued = queued.unwrap();
    assert!(queued.messages.is_empty() && queued.all);
    let (from_ms, to_ms) = queued.lost.unwrap();
    let day = |at: Timestamp| at.as_millis() / EPOCH_MS;
    assert_eq!(from_ms, day(first.accepted_at()) * EPOCH_MS);
    assert_eq!(to_ms, (day(second.accepted_at()) + 1) * EPOCH_MS - 1);
    // What the device knows is forgotten, unless there is more to tell.
    for (known, more) in [((from_ms, to_ms + 1), true), ((from_ms, to_ms), false)] {
        let told = crate::store::queue::acknowledge(&relay.store, bob, Vec::new(), Some(known));
        assert_eq!(told.await.unwrap(), more);
    }
    let queued = crate::store::queue::read_after(&relay.store, bob, 0, 9).await;
    assert_eq!(queued.unwrap().lost, None);
}
