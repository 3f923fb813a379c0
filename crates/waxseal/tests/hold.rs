//! Messages to a peer without a session: held, and sealed once there is one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use waxseal::errors::SendError;
use waxseal::{Client, MemoryStore, Received, Status, WantedBundles};
use waxseal_world::{Provider, account, snapshot};

type Device = Client<MemoryStore>;

/// Relays everything in the outbox of `from`. Returns the texts that `to` shows.
fn flush(provider: &mut Provider, from: &mut Device, to: &mut Device) -> Vec<String> {
    let (mut texts, recipient) = (Vec::new(), to.me().account.clone());
    for outgoing in from.outbox(None, 100, provider.now).unwrap().items {
        let (delivery, receipt) = provider.relay(from, to, &outgoing.envelope);
        from.confirm(&recipient, &receipt).unwrap();
        if let Received::Message { message, .. } = provider.receive(to, &delivery).unwrap() {
            texts.push(message.text().unwrap().to_owned());
        }
    }
    texts
}

#[test]
fn what_is_held_is_sealed_in_order_when_a_session_starts() {
    let mut provider = Provider::new(1);
    let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
    let (bob_id, now) = (account("bob"), provider.now);
    let rng = &mut provider.fork_rng();
    let no_session = alice.send(&bob_id, "one", now, rng);
    assert!(matches!(no_session, Err(SendError::NoSession)));
    let ids = ["one", "two"].map(|text| alice.hold(&bob_id, text, now, rng).unwrap());
    assert_eq!(alice.held(&bob_id).unwrap(), ids);
    assert!(alice.outbox(None, 10, now).unwrap().items.is_empty());
    let stored = alice.message(&bob_id, &ids[0]).unwrap().unwrap();
    assert_eq!(stored.status(), Some(Status::Waiting));
    assert_eq!(stored.text(), Some("one"));

    // Each upkeep asks for the prekeys, until there is a session. A restart loses nothing.
    let wanted = WantedBundles {
        account: bob_id.clone(),
        devices: Vec::new(),
    };
    assert_eq!(alice.upkeep(now, rng).unwrap().bundles, [wanted]);
    let mut alice = Client::open(alice.into_store()).unwrap();
    let wanted = WantedBundles {
        account: bob_id.clone(),
        devices: Vec::new(),
    };
    assert_eq!(alice.upkeep(now, rng).unwrap().bundles, [wanted]);
    let bundles = provider.bundles(&bob_id);
    alice.restart(&bob_id, &bundles, now, rng).unwrap();
    // A further message goes after those that were held.
    alice.send(&bob_id, "three", now, rng).unwrap();
    assert!(alice.held(&bob_id).unwrap().is_empty());
    assert_eq!(
        flush(&mut provider, &mut alice, &mut bob),
        ["one", "two", "three"]
    );
    let stored = alice.message(&bob_id, &ids[1]).unwrap().unwrap();
    assert_eq!(stored.status(), Some(Status::Accepted));
    assert!(stored.evidence().is_some(), "it can be reported");
    assert!(alice.upkeep(now, rng).unwrap().bundles.is_empty());
    // The first session is no restart, so a refusal can have one within the hour.
    let bundles = provider.bundles(&bob_id);
    alice.restart(&bob_id, &bundles, now, rng).unwrap();
}

#[test]
fn what_is_held_is_sealed_on_a_session_that_the_peer_starts() {
    let mut provider = Provider::new(2);
    let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
    let (bob_id, now) = (account("bob"), provider.now);
    let rng = &mut provider.fork_rng();
    alice.hold(&bob_id, "are you there?", now, rng).unwrap();
    provider.start(&mut bob, &account("alice"));
    provider.exchange(&mut bob, &mut alice, "hello");
    let upkeep = alice.upkeep(now, rng).unwrap();
    assert!(upkeep.bundles.is_empty());
    assert_eq!(
        flush(&mut provider, &mut alice, &mut bob),
        ["are you there?"]
    );
}

#[test]
fn a_held_message_that_was_deleted_is_not_sent_and_others_are() {
    let mut provider = Provider::new(3);
    let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
    let (bob_id, now) = (account("bob"), provider.now);
    let rng = &mut provider.fork_rng();
    let id = alice.hold(&bob_id, "rather not", now, rng).unwrap();
    alice.hold(&bob_id, "hello", now, rng).unwrap();
    alice.delete_message(&bob_id, &id).unwrap();
    provider.start(&mut alice, &bob_id);
    alice.upkeep(now, rng).unwrap();
    assert_eq!(flush(&mut provider, &mut alice, &mut bob), ["hello"]);

    // With the conversation, everything that is held goes.
    let carol = account("carol");
    alice.hold(&carol, "secret", now, rng).unwrap();
    alice.forget_contact(&carol).unwrap();
    assert!(alice.held(&carol).unwrap().is_empty());
    assert!(alice.upkeep(now, rng).unwrap().bundles.is_empty());
}

#[test]
fn content_that_cannot_be_sent_is_not_held() {
    let mut provider = Provider::new(4);
    let mut alice = provider.register("alice");
    let (now, rng) = (provider.now, &mut provider.fork_rng());
    let before = snapshot(&alice);
    let long = "x".repeat(1 << 20);
    let error = alice
        .hold(&account("bob"), long.as_str(), now, rng)
        .unwrap_err();
    assert!(matches!(error, SendError::Content(_)));
    assert_eq!(snapshot(&alice), before);
}
