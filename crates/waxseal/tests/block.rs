//! Accounts that the user blocked: what they send is dropped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use waxseal::{Client, Received};
use waxseal_world::{Provider, account, text_of};

#[test]
fn a_blocked_account_is_skipped_until_it_is_unblocked_and_its_session_goes_on() {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    provider.exchange(&mut alice, &mut bob, "hello");
    bob.accept_contact(&alice_id).unwrap();
    bob.block(&alice_id, true).unwrap();
    // The block survives a restart.
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert!(bob.peer_state(&alice_id).unwrap().is_blocked);
    let (now, rng) = (provider.now, &mut provider.fork_rng());
    let mut send = |alice: &mut Client<_>, text| alice.send(&bob_id, text, now, rng).unwrap();
    let unwanted = send(&mut alice, "unwanted");
    let (delivery, _) = provider.relay(&alice, &bob, &unwanted.envelope);
    let received = bob.receive(&delivery).unwrap();
    assert!(matches!(received, Received::Skipped { .. }), "{received:?}");
    assert!(bob.message(&alice_id, &unwanted.id).unwrap().is_none());
    // Nothing tells her.
    let upkeep = bob.upkeep(now, &mut provider.fork_rng()).unwrap();
    assert!(upkeep.outgoing.is_empty());

    bob.block(&alice_id, false).unwrap();
    let wanted = send(&mut alice, "wanted");
    let (delivery, _) = provider.relay(&alice, &bob, &wanted.envelope);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "wanted");
}

#[test]
fn a_stranger_can_be_blocked_before_it_writes_and_its_new_identity_warns_nobody() {
    let mut provider = Provider::new(3);
    let (mut alice, mut bob) = (provider.register("alice"), provider.register("bob"));
    let alice_id = account("alice");
    bob.block(&alice_id, true).unwrap();
    provider.start(&mut alice, &account("bob"));
    for identity in 0..2 {
        let (now, rng) = (provider.now, &mut provider.fork_rng());
        let sent = alice.send(&account("bob"), "hi", now, rng).unwrap();
        let (delivery, _) = provider.relay(&alice, &bob, &sent.envelope);
        let received = bob.receive(&delivery).unwrap();
        assert!(matches!(received, Received::Skipped { .. }), "{received:?}");
        if identity == 0 {
            // Then she has another phone, which Bob's first contact did not pin.
            alice = provider.register("alice");
            provider.start(&mut alice, &account("bob"));
        }
    }
    assert!(bob.messages(&alice_id, None, 9).unwrap().items.is_empty());
    // Without a contact, nothing was pinned.
    bob.block(&alice_id, false).unwrap();
    assert!(bob.peer_account_key(&alice_id).is_err());
}
