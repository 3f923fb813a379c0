//! Delivery keys: when they are due, and what waits while one is renewed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::errors::{ConfirmError, ReceiveError};
use waxseal::reporting::recipient::DeliveryError;
use waxseal::{Client, DeliveryKey, Disclosure, MemoryStore, Reason, Timestamp};
use waxseal_world::{NOW, Provider, account, snapshot, text_of};

const DAY_MS: u64 = 24 * 3_600_000;

fn opened_again(client: &Client<MemoryStore>) -> Client<MemoryStore> {
    Client::open(MemoryStore::from_records(snapshot(client))).unwrap()
}

#[test]
fn a_delivery_key_is_due_after_thirty_days_and_whenever_its_age_is_not_known() {
    let (mut world, mut alice, _) = Provider::of_two();
    let after = |ms: u64| Timestamp::from_millis(NOW.as_millis() + ms);
    assert!(alice.is_delivery_key_due(NOW), "never confirmed");
    let first = alice.delivery_key().clone();
    alice.confirm_delivery_key(&first, NOW).unwrap();
    for alice in [&alice, &opened_again(&alice)] {
        assert!(alice.delivery_key().is_same(&first));
        assert!(!alice.is_delivery_key_due(NOW));
        assert!(!alice.is_delivery_key_due(after(30 * DAY_MS - 1)));
        assert!(alice.is_delivery_key_due(after(30 * DAY_MS)));
        assert!(alice.is_delivery_key_due(Timestamp::from_millis(NOW.as_millis() - 1)));
    }

    // An unfinished renewal is due at once, survives a restart, and goes on with the same key.
    let next = alice.renew_delivery_key(&mut world.rng).unwrap();
    assert!(!next.is_same(&first));
    let mut alice = opened_again(&alice);
    assert!(alice.is_delivery_key_due(NOW));
    assert!(alice.delivery_key().is_same(&first), "not confirmed yet");
    assert!(
        alice
            .renew_delivery_key(&mut world.rng)
            .unwrap()
            .is_same(&next)
    );
    // Registering the key of before again does not finish it.
    alice.confirm_delivery_key(&first, NOW).unwrap();
    assert!(alice.is_delivery_key_due(NOW));
    assert!(
        alice
            .renew_delivery_key(&mut world.rng)
            .unwrap()
            .is_same(&next)
    );
    alice.confirm_delivery_key(&next, after(5)).unwrap();
    let mut alice = opened_again(&alice);
    assert!(alice.delivery_key().is_same(&next));
    assert!(!alice.is_delivery_key_due(after(5)));
    assert!(alice.is_delivery_key_due(after(4)));
    let third = alice.renew_delivery_key(&mut world.rng).unwrap();
    assert!(!third.is_same(&next) && !third.is_same(&first));
}

#[test]
fn what_waits_while_a_delivery_key_is_renewed_goes_under_the_new_key() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    let id = world.exchange(&mut alice, &mut bob, "Pay me.");
    let draft = bob.draft_report(&alice_id, Reason::Scam, [(id, Disclosure::Whole)]);
    let report = bob
        .report(
            &draft.unwrap(),
            world.moderation.public_key(),
            &mut world.rng,
        )
        .unwrap();
    bob.send(&alice_id, "Never.", world.now, &mut world.rng)
        .unwrap();
    // A delivery and a receipt that were handed out under the keys of before.
    let sent = alice
        .send(&bob_id, "Now.", world.now, &mut world.rng)
        .unwrap();
    let (old_delivery, old_receipt) = world.relay(&alice, &bob, &sent.envelope);

    for client in [&mut alice, &mut bob] {
        let key = client.renew_delivery_key(&mut world.rng).unwrap();
        world.register_key(client.me(), key.clone());
        client.confirm_delivery_key(&key, world.now).unwrap();
    }
    // The provider refuses what was made under the key of before.
    assert!(world.verify(&report.report).is_err());
    assert!(world.post(alice.me(), bob.me(), &sent.envelope).is_err());
    // What the outboxes hand out now is under the new key.
    let waiting = bob.pending_reports(None, 10).unwrap().items;
    assert_eq!(waiting[0].id, report.id);
    world.verify(&waiting[0].report).unwrap();
    let waiting = bob.outbox(None, 10, world.now).unwrap().items;
    let (delivery, receipt) = world.relay(&bob, &alice, &waiting[0].envelope);
    assert_eq!(text_of(alice.receive(&delivery).unwrap()), "Never.");
    bob.confirm(&alice_id, &receipt).unwrap();

    // So is what the relay hands out. What it handed out before is asked for again.
    let refused = bob.receive(&old_delivery).unwrap_err();
    assert!(matches!(
        refused,
        ReceiveError::Delivery(DeliveryError::NotAuthentic)
    ));
    let refused = alice.confirm(&bob_id, &old_receipt).unwrap_err();
    assert!(matches!(
        refused,
        ConfirmError::Receipt(DeliveryError::NotAuthentic)
    ));
    let again = alice.outbox(None, 10, world.now).unwrap().items;
    let (delivery, receipt) = world.relay(&alice, &bob, &again[0].envelope);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "Now.");
    alice.confirm(&bob_id, &receipt).unwrap();
    assert!(alice.outbox(None, 10, world.now).unwrap().items.is_empty());
}

#[test]
fn a_device_that_was_stopped_before_it_confirmed_can_talk_whichever_key_the_provider_has() {
    for provider_has_next in [false, true] {
        let (mut world, mut alice, mut bob) = Provider::of_two();
        let next = alice.renew_delivery_key(&mut world.rng).unwrap();
        if provider_has_next {
            world.register_key(alice.me(), next);
        }
        // The answer was lost, and the device starts again.
        let mut alice = opened_again(&alice);
        assert!(alice.is_delivery_key_due(NOW));
        let next: DeliveryKey = alice.renew_delivery_key(&mut world.rng).unwrap();
        world.register_key(alice.me(), next.clone());
        alice.confirm_delivery_key(&next, NOW).unwrap();
        world.exchange(&mut alice, &mut bob, "still here");
        world.exchange(&mut bob, &mut alice, "so am I");
    }
}
