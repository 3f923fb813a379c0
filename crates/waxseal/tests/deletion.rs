//! Deleting a message, a conversation and a contact: what is gone, what stays, what the relay's
//! repeated deliveries do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "support/lose.rs"]
mod lose;

use lose::lose_sessions;
use waxseal::errors::{ConfirmError, PeerError, ReceiveError, ReportError};
use waxseal::store::Table;
use waxseal::{Advice, Client, Disclosure, Draft, MemoryStore, Reason, Received, Store, Timestamp};
use waxseal_world::{Liar, Provider, account, address, snapshot, text_of};

/// The table of one family of records that a peer has for itself.
fn of_peer(family: u8, peer: &str) -> Table {
    let len = u8::try_from(peer.len()).unwrap();
    Table::new([&[family, len], peer.as_bytes()].concat())
}

/// A table of the first device of a peer.
fn of_device(family: u8, peer: &str) -> Table {
    Table::new([of_peer(family, peer).as_bytes(), &[0, 0, 0, 1]].concat())
}

fn rows(client: &Client<MemoryStore>, table: &Table) -> usize {
    client.store().list(table, None, usize::MAX).unwrap().len()
}

/// How many messages, places of messages, envelopes, due messages and deletions the store has.
fn history(client: &Client<MemoryStore>, peer: &str) -> [usize; 5] {
    let tables = [of_peer(b'm', peer), of_peer(b'i', peer)];
    let [messages, indices] = tables.map(|table| rows(client, &table));
    let [outbox, due, marks] = [b"o", b"e", b"x"].map(|table| rows(client, &Table::new(table)));
    [messages, indices, outbox, due, marks]
}

fn is_duplicate<E>(received: &Result<Received, E>) -> bool {
    matches!(received, Ok(Received::Duplicate { .. }))
}

#[test]
fn a_deleted_conversation_is_gone_and_the_next_messages_go_both_ways() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let mut carol = world.register("carol");
    world.start(&mut carol, &account("bob"));
    world.exchange(&mut carol, &mut bob, "stays");
    let hello = world.exchange(
        &mut alice,
        &mut bob,
        Draft::from("hello").expires_after_secs(60),
    );
    bob.opened(&account("alice"), &hello, world.now).unwrap();
    world.exchange(&mut bob, &mut alice, "hello yourself");
    let gone = world.exchange(&mut alice, &mut bob, "deleted");
    bob.delete_message(&account("alice"), &gone).unwrap();
    for peer in ["alice", "carol"] {
        let sent = bob.send(&account(peer), "waits", world.now, &mut world.rng);
        sent.unwrap();
    }
    assert_eq!(history(&bob, "alice"), [3, 4, 2, 1, 0]);
    let (pinned, next) = (
        bob.peer_account_key(&account("alice")).unwrap(),
        bob.next_ordinal(&account("alice")).unwrap(),
    );

    bob.delete_conversation(&account("alice")).unwrap();

    let left = history(&bob, "alice");
    assert_eq!(left, [0, 0, 1, 0, 0], "carol's envelope");
    let waiting = bob.outbox(None, 10, world.now).unwrap().items;
    assert_eq!(waiting[0].to, account("carol"));
    assert_eq!(
        bob.messages(&account("carol"), None, 9)
            .unwrap()
            .items
            .len(),
        2
    );
    assert_eq!(bob.peer_account_key(&account("alice")).unwrap(), pinned);
    let mut bob = Client::open(bob.into_store()).unwrap();
    world.exchange(&mut alice, &mut bob, "and on");
    world.exchange(&mut bob, &mut alice, "and back");
    let messages = bob.messages(&account("alice"), None, 9).unwrap().items;
    let ordinals: Vec<_> = messages.iter().map(|message| message.ordinal()).collect();
    assert_eq!(ordinals, [next, next + 1], "no number is used twice");
    assert_eq!(messages[1].header().sequence, 2);
    assert_eq!(
        messages[1].header().last_seen.as_ref(),
        Some(messages[0].id())
    );
}

#[test]
fn a_forgotten_contact_is_unknown_and_its_next_first_message_is_a_first_contact() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello yourself");
    // A late message leaves a page of skipped keys.
    alice
        .send(&account("bob"), "lost", world.now, &mut world.rng)
        .unwrap();
    world.exchange(&mut alice, &mut bob, "after");
    assert_eq!(rows(&bob, &of_device(b's', "alice")), 1);

    bob.forget_contact(&account("alice")).unwrap();

    for (key, value) in snapshot(&bob) {
        let names = |bytes: &[u8]| bytes.windows(5).any(|part| part == b"alice");
        assert!(!names(&key.to_bytes()) && !names(&value), "{key:?}");
    }
    let unknown = bob.peer_account_key(&account("alice"));
    assert!(matches!(unknown, Err(PeerError::UnknownPeer)));
    assert!(!bob.has_session(&account("alice")).unwrap());
    assert!(bob.peers(None, 9).unwrap().items.is_empty());
    assert_eq!(bob.next_ordinal(&account("alice")).unwrap(), 0);
    // What she sends on the forgotten session does not open, as from any stranger.
    let sent = alice
        .send(&account("bob"), "on", world.now, &mut world.rng)
        .unwrap();
    world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    assert_eq!(
        bob.receive(&delivery).unwrap_err().advice(),
        Advice::FetchRoster
    );
    world.show_roster(&mut bob, &account("alice"));
    assert_eq!(
        bob.receive(&delivery).unwrap_err().advice(),
        Advice::AskAgain
    );

    // She has another account key by now, which is pinned without a warning.
    let mut alice = world.register("alice");
    world.start(&mut alice, &account("bob"));
    world.exchange(&mut alice, &mut bob, "a first contact");
    world.exchange(&mut bob, &mut alice, "welcome");
    assert_eq!(
        bob.peer_account_key(&account("alice")).unwrap(),
        world.account_key(&account("alice"))
    );
    let messages = bob.messages(&account("alice"), None, 9).unwrap().items;
    assert_eq!((messages.len(), messages[0].ordinal()), (2, 0));
}

/// Whatever is deleted, the relay may deliver again what was not acknowledged. With no one-time
/// prekeys, only the replay memory recognises a first message whose session was forgotten.
#[test]
fn a_delivery_that_comes_again_after_any_deletion_is_a_duplicate_and_changes_nothing() {
    for one_time in [0, 1] {
        let mut world = Provider::new(7);
        let mut alice = world.register_with("alice", 1);
        let mut bob = world.register_with("bob", one_time);
        world.start(&mut alice, &account("bob"));
        let mut deliveries = Vec::new();
        for text in ["first", "second", "third", "fourth"] {
            let sent = alice
                .send(&account("bob"), text, world.now, &mut world.rng)
                .unwrap();
            deliveries.push((sent.id, world.relay(&alice, &bob, &sent.envelope).0));
            if deliveries.len() == 2 {
                for (_, delivery) in &deliveries {
                    world.receive(&mut bob, delivery).unwrap();
                }
                world.exchange(&mut bob, &mut alice, "answer");
            }
        }
        // The third message overtakes nothing: it is still at the relay when the fourth arrives.
        let late = deliveries.remove(2).1;
        bob.receive(&deliveries[2].1).unwrap();

        let all_are_duplicates = |bob: &mut Client<MemoryStore>| {
            let before = snapshot(bob);
            for (_, delivery) in &deliveries {
                assert!(is_duplicate(&bob.receive(delivery)));
            }
            let many = bob.receive_many(deliveries.iter().map(|(_, bytes)| bytes.as_slice()));
            assert!(many.unwrap().iter().all(is_duplicate));
            assert!(snapshot(bob) == before);
        };
        bob.delete_message(&account("alice"), &deliveries[0].0)
            .unwrap();
        all_are_duplicates(&mut bob);
        bob.delete_conversation(&account("alice")).unwrap();
        all_are_duplicates(&mut bob);
        let mut bob = Client::open(bob.into_store()).unwrap();
        all_are_duplicates(&mut bob);
        // What had not arrived before the deletion is not lost.
        assert_eq!(text_of(bob.receive(&late).unwrap()), "third");
        bob.forget_contact(&account("alice")).unwrap();
        world.show_roster(&mut bob, &account("alice"));
        deliveries.push((deliveries[0].0, late));
        let all_are_duplicates = |bob: &mut Client<MemoryStore>| {
            let before = snapshot(bob);
            for (_, delivery) in &deliveries {
                assert!(is_duplicate(&bob.receive(delivery)), "{one_time}");
            }
            assert!(snapshot(bob) == before);
        };
        all_are_duplicates(&mut bob);
        world.start(&mut alice, &account("bob"));
        world.exchange(&mut alice, &mut bob, "a first contact");
        all_are_duplicates(&mut bob);
    }
}

#[test]
fn a_withheld_message_is_still_recognised_after_its_conversation_was_deleted() {
    let mut world = Provider::new(7);
    let mut bob = world.register("bob");
    let mut liar = Liar::new(&mut world);
    let envelope = liar.seal("lies", 40, &mut world.rng);
    let liar = world.register_only("liar");
    let (delivery, _) = world.stamp_as(&liar, &address("bob"), &envelope);
    let withheld = world.receive(&mut bob, &delivery);
    assert!(matches!(withheld, Err(ReceiveError::Withheld)));
    bob.delete_conversation(&account("liar")).unwrap();
    assert_eq!(rows(&bob, &of_peer(b'i', "liar")), 0);
    assert!(is_duplicate(&bob.receive(&delivery)));
}

#[test]
fn a_message_accepted_after_the_deletion_that_does_not_open_is_asked_for() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello yourself");
    bob.delete_conversation(&account("alice")).unwrap();
    lose_sessions(&mut world, &mut bob, &account("alice"));
    world.now = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let sent = alice
        .send(&account("bob"), "lost", world.now, &mut world.rng)
        .unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    assert_eq!(
        bob.receive(&delivery).unwrap_err().advice(),
        Advice::AskAgain
    );
}

/// A sender that missed the receipt posts the message again, and the relay stamps it again.
#[test]
fn a_message_that_is_posted_again_after_the_deletion_is_a_duplicate_for_30_days() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello yourself");
    alice
        .send(&account("bob"), "again", world.now, &mut world.rng)
        .unwrap();
    let posted_again = |world: &Provider| {
        let mut waiting = alice.outbox(None, 9, world.now).unwrap().items;
        let envelope = waiting.pop().unwrap().envelope;
        world
            .relay_as(&address("alice"), &address("bob"), &envelope)
            .0
    };
    bob.receive(&posted_again(&world)).unwrap();
    let last = world.now.as_millis();
    bob.delete_conversation(&account("alice")).unwrap();
    for (later, is_recognised) in [(1, true), (29 * DAY_MS, true), (31 * DAY_MS, false)] {
        world.now = Timestamp::from_millis(last + later);
        let received = bob.receive(&posted_again(&world));
        assert_eq!(is_duplicate(&received), is_recognised, "{later} ms later");
    }
}

#[test]
fn sealed_reports_and_drafts_in_memory_outlive_the_messages_and_new_drafts_do_not() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let id = world.exchange(&mut alice, &mut bob, "I know where you live.");
    let alice_id = account("alice");
    let draft = |bob: &Client<MemoryStore>| {
        bob.draft_report(&alice_id, Reason::Threat, [(id, Disclosure::Whole)])
    };
    let key = world.moderation.public_key().clone();
    let kept = draft(&bob).unwrap();
    let sealed = bob.report(&kept, &key, &mut world.rng).unwrap();
    let unconfirmed = bob
        .send(&alice_id, "waits", world.now, &mut world.rng)
        .unwrap();
    let (_, receipt) = world.relay(&bob, &alice, &unconfirmed.envelope);

    bob.forget_contact(&alice_id).unwrap();

    let pending = bob.pending_reports(None, 9).unwrap().items;
    assert_eq!((pending.len(), pending[0].id), (1, sealed.id));
    world.verify(&pending[0].report).unwrap();
    assert!(matches!(draft(&bob), Err(ReportError::NoSuchMessage)));
    let sealed = bob.report(&kept, &key, &mut world.rng).unwrap();
    world.verify(&sealed.report).unwrap();
    let confirmed = bob.confirm(&alice_id, &receipt);
    assert!(matches!(confirmed, Err(ConfirmError::NotSent)));
}

#[test]
fn deleting_what_is_unknown_writes_nothing() {
    let (_, _, mut bob) = Provider::of_two();
    let before = snapshot(&bob);
    bob.delete_conversation(&account("stranger")).unwrap();
    bob.forget_contact(&account("stranger")).unwrap();
    assert!(snapshot(&bob) == before);
}
