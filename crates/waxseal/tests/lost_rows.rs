//! A store in which a row is gone, as when a byte of its key was damaged: the rest is still used.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::errors::{ConfirmError, OpenAccountError, ReportError};
use waxseal::store::Key;
use waxseal::{Advice, Client, DeliveryKey, Disclosure, FrankingTag, MemoryStore, Message, Reason};
use waxseal_world::{NOW, Provider, account, snapshot};

/// The client, after the rows of these tables were lost.
fn without(client: &Client<MemoryStore>, family: u8) -> MemoryStore {
    let mut records = snapshot(client);
    let count = records.len();
    records.retain(|(key, _)| key.table.as_bytes()[0] != family);
    assert!(records.len() < count);
    MemoryStore::from_records(records)
}

/// The client, after the records of where its messages are were lost.
fn without_places(client: &Client<MemoryStore>) -> Client<MemoryStore> {
    Client::open(without(client, b'i')).unwrap()
}

#[test]
fn a_message_whose_place_was_lost_is_confirmed_deleted_and_reported() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    world.exchange(&mut alice, &mut bob, "hello");
    let received = world.exchange(&mut bob, &mut alice, "received");
    let sent = alice.send(&bob_id, "sent", NOW, &mut world.rng).unwrap();
    let (_, receipt) = world.relay(&alice, &bob, &sent.envelope);

    let mut lost = without_places(&alice);
    assert_eq!(lost.confirm(&bob_id, &receipt).unwrap(), sent.id);
    assert!(lost.outbox(None, 9, NOW).unwrap().items.is_empty());
    let shown = [received, sent.id].map(|id| (id, Disclosure::Whole));
    let draft = lost
        .draft_report(&bob_id, Reason::Spam, shown.clone())
        .unwrap();
    let key = world.moderation.public_key();
    let report = lost.report(&draft, key, &mut world.rng).unwrap();
    world.verify(&report.report).unwrap();

    let mut lost = without_places(&lost);
    for id in [received, sent.id] {
        lost.delete_message(&bob_id, &id).unwrap();
    }
    assert_eq!(lost.messages(&bob_id, None, 9).unwrap().items.len(), 1);
    let drafted = lost.draft_report(&bob_id, Reason::Spam, shown);
    assert!(matches!(drafted, Err(ReportError::NoSuchMessage)));

    // A message that still waits is given up, or sealed again.
    let mut lost = without_places(&alice);
    lost.delete_message(&bob_id, &sent.id).unwrap();
    assert!(lost.outbox(None, 9, NOW).unwrap().items.is_empty());
    assert_eq!(lost.messages(&bob_id, None, 9).unwrap().items.len(), 2);
    let confirmed = lost.confirm(&bob_id, &receipt);
    assert!(matches!(confirmed, Err(ConfirmError::NotSent)));
    let mut lost = without_places(&alice);
    let again = lost
        .send_again(&bob_id, &sent.id, NOW, &mut world.rng)
        .unwrap();
    let outbox = lost.outbox(None, 9, NOW).unwrap().items;
    assert_eq!((outbox.len(), Some(outbox[0].id)), (1, again));

    // Nothing is found that was never there.
    let mut lost = without_places(&alice);
    let before = snapshot(&lost);
    let unknown = FrankingTag::from_bytes([9; 32]);
    lost.delete_message(&bob_id, &unknown).unwrap();
    assert!(
        lost.send_again(&bob_id, &unknown, NOW, &mut world.rng)
            .unwrap()
            .is_none()
    );
    assert!(snapshot(&lost) == before);
}

#[test]
fn a_peer_of_which_only_the_history_is_left_is_no_stranger() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    for text in ["one", "two"] {
        world.exchange(&mut alice, &mut bob, text);
        world.exchange(&mut bob, &mut alice, text);
    }
    let is_gone = |key: &Key| {
        let is_bobs = key.to_bytes().windows(3).any(|part| part == b"bob");
        is_bobs && matches!(key.table.as_bytes()[0], b'n' | b'v' | b'd' | b's')
    };
    let mut records = snapshot(&alice);
    records.retain(|(key, _)| !is_gone(key));
    let mut lost = Client::open(MemoryStore::from_records(records)).unwrap();

    // Another account key is not pinned without a warning, and no message is written over.
    let bundles = world.bundles(&bob_id);
    let started = lost.start(&bob_id, &bundles, NOW, &mut world.rng);
    assert_eq!(started.unwrap_err().advice(), Advice::ResetPeer);
    let sent = bob.send(&account("alice"), "three", NOW, &mut world.rng);
    let (delivery, _) = world.relay(&bob, &lost, &sent.unwrap().envelope);
    assert_eq!(
        lost.receive(&delivery).unwrap_err().advice(),
        Advice::ResetPeer
    );
    assert_eq!(lost.reset_peer(&bob_id).unwrap(), None);
    world.start(&mut lost, &bob_id);
    world.exchange(&mut lost, &mut bob, "three");
    let messages = lost.messages(&bob_id, None, 9).unwrap().items;
    let texts: Vec<_> = messages.iter().filter_map(Message::text).collect();
    assert_eq!(texts, ["one", "one", "two", "two", "three"]);
}

#[test]
fn a_peer_of_which_any_rows_are_left_is_forgotten() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    for text in ["one", "two"] {
        world.exchange(&mut alice, &mut bob, text);
        world.exchange(&mut bob, &mut alice, text);
    }
    // Of the history `m` and its places `i`, either can be what is left.
    for left in [b"mi".as_slice(), b"m", b"i"] {
        let of_peer = |key: &Key| b"nvdsmi".contains(&key.table.as_bytes()[0]);
        let mut records = snapshot(&alice);
        records.retain(|(key, _)| !of_peer(key) || left.contains(&key.table.as_bytes()[0]));
        let mut lost = Client::open(MemoryStore::from_records(records)).unwrap();
        lost.forget_contact(&bob_id).unwrap();
        assert!(!snapshot(&lost).iter().any(|(key, _)| of_peer(key)));
        world.start(&mut lost, &bob_id); // a first contact, and no damage
    }
}

#[test]
fn no_message_gets_the_number_of_one_whose_damaged_row_was_deleted() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let alice_id = account("alice");
    for text in ["one", "two", "three"] {
        world.exchange(&mut alice, &mut bob, text);
    }
    bob.delete_conversation(&alice_id).unwrap();
    world.exchange(&mut alice, &mut bob, "four");
    let five = world.exchange(&mut alice, &mut bob, "five");
    let mut records = snapshot(&bob);
    let last = records
        .iter_mut()
        .filter(|(key, _)| key.table.as_bytes()[0] == b'm');
    last.last().unwrap().1.clear();
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    let damaged = bob.messages(&alice_id, None, 9).unwrap().damaged;
    bob.delete_damaged(&damaged[0]).unwrap();

    let mut records = snapshot(&bob);
    records.retain(|(key, _)| !matches!(key.table.as_bytes()[0], b'v' | b'd'));
    let mut bob = Client::open(MemoryStore::from_records(records)).unwrap();
    bob.reset_peer(&alice_id).unwrap();
    world.start(&mut bob, &alice_id);
    world.exchange(&mut bob, &mut alice, "six");
    assert!(
        bob.message(&alice_id, &five).is_err(),
        "it is damaged, and not another one"
    );
    bob.delete_message(&alice_id, &five).unwrap();
    let messages = bob.messages(&alice_id, None, 9).unwrap().items;
    let texts: Vec<_> = messages.iter().filter_map(Message::text).collect();
    assert_eq!(texts, ["four", "six"]);
}

#[test]
fn a_store_whose_account_was_lost_is_not_taken_for_an_empty_one() {
    let (mut world, alice, _) = Provider::of_two();
    let me = alice.me().clone();
    assert!(Client::has_account(&without(&alice, b'a')).unwrap());
    let opened = Client::open(without(&alice, b'a')).unwrap_err();
    assert_eq!(opened.advice(), Advice::Damaged);
    let key = DeliveryKey::generate(&mut world.rng);
    let created = Client::create(without(&alice, b'a'), me, key, NOW, &mut world.rng);
    assert!(matches!(created, Err(OpenAccountError::AlreadyExists)));
    assert!(!Client::has_account(&MemoryStore::new()).unwrap());
}
