//! A device that comes back with an older store notices it by the mark that the provider keeps, and
//! starts over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "support/network.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod network;

use std::collections::BTreeSet;

use network::{HOUR_MS, Network};
use waxseal::core::IdentityKeyPair;
use waxseal::errors::SendError;
use waxseal::store::{Key, Row, Table};
use waxseal::{Client, Direction, Disclosure, MemoryStore, Message, SetBack, Status, Store};
use waxseal_world::{NOW, Records, account, rng, snapshot};

const ALICE: usize = 0;
const BOB: usize = 1;

/// What one restart adds to the numbers.
const NUMBERS: u64 = 1 << 32;

/// Restores a backup of Alice's store, and signs her in.
fn restore(net: &mut Network, backup: &Records) -> Option<SetBack> {
    net.clients[ALICE] = open(backup);
    net.world.sign_in(&mut net.clients[ALICE])
}

fn open(records: &Records) -> Client<MemoryStore> {
    Client::open(MemoryStore::from_records(records.clone())).unwrap()
}

/// The identity in a store, with which a thief could make marks.
fn identity_in(store: &impl Store) -> IdentityKeyPair {
    let account = store.get(&Key::new(Table::new(b"a"), Row::Only)).unwrap();
    let account = account.unwrap();
    // The identity is field 3 of the record, with 65 bytes.
    let at = account.windows(2).position(|field| field == [0x1a, 65]);
    let identity = &account[at.unwrap() + 2..][..65];
    IdentityKeyPair::import(identity).unwrap()
}

/// Alice and Bob write to each other `times` times.
fn talk(net: &mut Network, word: &str, times: usize) -> Vec<String> {
    let texts: Vec<_> = (0..times).map(|i| format!("{word} {i}")).collect();
    for text in &texts {
        net.send(ALICE, BOB, &format!("a {text}"));
        net.send(BOB, ALICE, &format!("b {text}"));
        net.run();
    }
    texts
}

/// Asserts that each of these texts was shown once on both sides.
fn assert_shown(net: &Network, texts: &[String]) {
    for (who, by) in [(BOB, "a"), (ALICE, "b")] {
        let shown = net.shown(who);
        for text in texts {
            let text = format!("{by} {text}");
            let times = shown.iter().filter(|shown| **shown == text).count();
            assert_eq!(times, 1, "{text}");
        }
    }
}

/// The sequence numbers of all messages from Alice that Bob has.
fn numbers_of_alice(net: &Network) -> Vec<u64> {
    let page = net.clients[BOB].messages(&account("alice"), None, 1_000);
    let of_alice = |message: &&Message| message.direction() == Direction::Received;
    let items = page.unwrap().items;
    let numbers = items.iter().filter(of_alice);
    numbers.map(|message| message.header().sequence).collect()
}

/// Asserts that all of Alice's messages opened as they were first sealed. Of two messages under one
/// key, only one opens. So no key of hers was used twice.
fn assert_none_of_alice_again(net: &Network) {
    for id in net.sealed_again.keys() {
        let message = net.clients[BOB].message(&account("alice"), id).unwrap();
        assert_eq!(message.unwrap().direction(), Direction::Sent);
    }
}

fn assert_numbered_once(net: &Network) {
    let numbers = numbers_of_alice(net);
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len(), "{numbers:?}");
}

#[test]
fn after_a_restored_backup_all_arrives_once_with_new_numbers_and_is_reportable() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let before = talk(&mut net, "before", 3);
    let backup = snapshot(&net.clients[ALICE]);
    let between = talk(&mut net, "between", 5);
    assert_eq!(net.world.sign_in(&mut net.clients[ALICE]), None);
    // Bob's messages are on their way while Alice restores the backup.
    let on_the_way: Vec<_> = (0..3)
        .map(|i| net.send(BOB, ALICE, &format!("on the way {i}")))
        .collect();

    let noticed = restore(&mut net, &backup).unwrap();
    assert_eq!((noticed.times, noticed.noticed_at), (1, net.world.now));
    assert!(!net.clients[ALICE].has_session(&account("bob")).unwrap());
    assert_eq!(net.world.sign_in(&mut net.clients[ALICE]), None);
    let after = talk(&mut net, "after", 5);
    net.wait(HOUR_MS);
    net.run();

    for texts in [&before, &between, &after] {
        assert_shown(&net, texts);
    }
    let shown = net.shown(ALICE);
    for (i, id) in on_the_way.iter().enumerate() {
        let text = format!("on the way {i}");
        assert_eq!(shown.iter().filter(|shown| **shown == text).count(), 1);
        let status = net.status(BOB, ALICE, id);
        assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
    }
    assert_none_of_alice_again(&net);
    assert_numbered_once(&net);
    assert!(
        numbers_of_alice(&net)
            .iter()
            .filter(|n| **n >= NUMBERS)
            .count()
            == 5
    );
    for (who, peer) in [(ALICE, BOB), (BOB, ALICE)] {
        let page = net.clients[who].messages(&account(["alice", "bob"][peer]), None, 1_000);
        let ids = page.unwrap().items;
        let shown = ids
            .iter()
            .rev()
            .take(8)
            .map(|message| (*message.id(), Disclosure::Whole));
        net.assert_report_verifies(who, peer, shown.collect());
    }
}

#[test]
fn what_is_on_its_way_opens_on_the_session_that_was_left_and_nothing_is_sealed_on_it() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let backup = snapshot(&net.clients[ALICE]);
    net.hold(BOB); // Bob does not read what Alice sends, so both stay in step
    let sent = net.send(BOB, ALICE, "on the way");
    net.send(ALICE, BOB, "lost with the store");
    restore(&mut net, &backup).unwrap();
    let rows = |client| snapshot(client).into_iter();
    let devices = |records: &mut dyn Iterator<Item = (Key, Vec<u8>)>| {
        let of_device = |(key, _): &(Key, Vec<u8>)| key.table.as_bytes()[0] == b'd';
        records.filter(of_device).collect::<Vec<_>>()
    };
    // The peers follow later, one by one, so a restart takes no longer with many of them.
    let before = devices(&mut backup.clone().into_iter());
    assert_eq!(devices(&mut rows(&net.clients[ALICE])), before);

    net.release(BOB);
    net.deliver_all();
    assert_eq!(net.shown(ALICE).last().unwrap(), "on the way");
    let bob = account("bob");
    for _ in 0..2 {
        assert!(!net.clients[ALICE].has_session(&bob).unwrap());
        let now = net.world.now;
        let refused = net.clients[ALICE].send(&bob, "hello", now, &mut net.world.rng);
        assert!(matches!(refused, Err(SendError::NoSession)));
        // No receipt either: Bob learns of it with what Alice sends next.
        let upkeep = net.clients[ALICE].upkeep(now, &mut net.world.rng).unwrap();
        assert!(upkeep.outgoing.is_empty() && upkeep.bundles.is_empty());
        net.clients[ALICE] = open(&snapshot(&net.clients[ALICE]));
    }
    assert_eq!(net.status(BOB, ALICE, &sent), Status::Accepted);
    net.send(ALICE, BOB, "here I am");
    net.send(BOB, ALICE, "there you are");
    net.run();
    assert_eq!(net.shown(BOB).last().unwrap(), "here I am");
    assert!(matches!(
        net.status(BOB, ALICE, &sent),
        Status::Delivered { .. }
    ));
}

#[test]
fn an_answer_that_makes_a_session_of_the_backup_the_chosen_one_again_does_not_make_it_send() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    (0..3).for_each(|_| net.start(BOB, ALICE)); // so Bob's choices count from a higher number
    net.start(ALICE, BOB);
    net.send(ALICE, BOB, "first");
    let backup = snapshot(&net.clients[ALICE]);
    net.send(ALICE, BOB, "lost with the store");
    net.deliver_all();
    net.send(BOB, ALICE, "answer");

    restore(&mut net, &backup).unwrap();
    let bob = account("bob");
    net.start(ALICE, BOB);
    assert!(net.clients[ALICE].has_session(&bob).unwrap());
    net.deliver_all();
    assert_eq!(net.shown(ALICE).last().unwrap(), "answer");
    for _ in 0..2 {
        assert!(!net.clients[ALICE].has_session(&bob).unwrap());
        net.clients[ALICE] = open(&snapshot(&net.clients[ALICE]));
    }
    let texts = talk(&mut net, "after", 2);
    assert_shown(&net, &texts);
    assert_none_of_alice_again(&net);
}

#[test]
fn unconfirmed_messages_of_the_backup_are_posted_as_they_are_and_shown_once() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    net.hold(ALICE);
    let (one, two) = (net.send(ALICE, BOB, "one"), net.send(ALICE, BOB, "two"));
    let backup = snapshot(&net.clients[ALICE]);
    // Before the loss, the first was posted and the second was not.
    let waiting = net.clients[ALICE].outbox(None, 1, net.world.now).unwrap();
    net.post(ALICE, &waiting.items[0]);
    let later = net.send(ALICE, BOB, "later");
    let waiting = net.clients[ALICE].outbox(None, 9, net.world.now).unwrap();
    net.post(ALICE, &waiting.items[1]);
    assert_eq!(waiting.items[1].id, later);
    net.deliver_all();

    restore(&mut net, &backup).unwrap();
    net.release(ALICE);
    net.run();
    net.send(ALICE, BOB, "after");
    net.run();
    let mut shown = net.shown(BOB);
    assert_eq!(shown.remove(0), "hello");
    assert_eq!(shown, ["one", "later", "two", "after"]);
    for id in [&one, &two] {
        let status = net.status(ALICE, BOB, id);
        assert!(matches!(status, Status::Delivered { .. }), "{status:?}");
    }
    assert!(net.sealed_again.is_empty());
    assert_numbered_once(&net);
}

#[test]
fn a_message_that_bob_asks_for_is_sealed_again_on_a_new_session_only() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    net.hold(ALICE);
    let id = net.send(ALICE, BOB, "asked for");
    net.release(ALICE);
    net.lose_sessions(BOB, ALICE);
    let backup = snapshot(&net.clients[ALICE]);
    net.send(ALICE, BOB, "lost with the store");
    restore(&mut net, &backup).unwrap();
    net.run();
    assert_eq!(net.shown(BOB)[1..], ["asked for"]);
    assert!(matches!(
        net.status(ALICE, BOB, &id),
        Status::Delivered { .. }
    ));
    assert_eq!(net.restarts, [1, 0]);
}

#[test]
fn a_forged_a_foreign_an_equal_and_a_lower_mark_change_nothing() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let own = net.clients[ALICE].mark().unwrap();
    let counter = u64::from_be_bytes(*own.first_chunk().unwrap());
    assert!(counter > 0);
    let alice = identity_in(net.clients[ALICE].store());
    let bob = identity_in(net.clients[BOB].store());
    assert_eq!(alice.mark(counter), own);
    let mut raised = own;
    raised[7] += 1;
    let mut forged = alice.mark(counter + 1);
    forged[39] ^= 1;
    let bad = [
        own,
        alice.mark(counter - 1),
        alice.mark(0),
        raised,
        forged,
        bob.mark(counter + 1),
        [0; 40],
        [0xff; 40],
        // After these, no numbers would be left.
        alice.mark(u64::MAX),
        alice.mark(u64::MAX << 32),
    ];
    let before = snapshot(&net.clients[ALICE]);
    for (case, mark) in bad.iter().enumerate() {
        let noticed = net.clients[ALICE].check_mark(mark, NOW, &mut net.world.rng);
        assert_eq!(noticed.unwrap(), None, "case {case}");
        assert!(snapshot(&net.clients[ALICE]) == before, "case {case}");
    }
    // The highest one with which numbers are left.
    let mark = alice.mark((u64::MAX << 32) - 1);
    let noticed = net.clients[ALICE].check_mark(&mark, NOW, &mut net.world.rng);
    assert_eq!(noticed.unwrap().unwrap().times, NUMBERS - 1);
}

#[test]
fn set_back_twice_to_the_first_and_to_a_later_backup_no_number_comes_twice() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let first = snapshot(&net.clients[ALICE]);
    let mut all = talk(&mut net, "one", 2);
    let second = snapshot(&net.clients[ALICE]);
    all.extend(talk(&mut net, "two", 2));
    assert_eq!(restore(&mut net, &first).unwrap().times, 1);
    all.extend(talk(&mut net, "three", 2));
    let third = snapshot(&net.clients[ALICE]);
    all.extend(talk(&mut net, "four", 2));
    for (times, backup) in [(2, &first), (3, &second), (4, &third), (5, &first)] {
        assert_eq!(restore(&mut net, backup).unwrap().times, times);
        let texts = talk(&mut net, &format!("back {times}"), 2);
        assert!(*numbers_of_alice(&net).last().unwrap() >= times * NUMBERS);
        all.extend(texts);
    }
    assert_shown(&net, &all);
    assert_numbered_once(&net);
    assert_none_of_alice_again(&net);
}

#[test]
fn prekeys_of_the_backup_open_nothing_any_more() {
    let mut net = Network::of(&["alice", "bob", "carol"]);
    net.converse(ALICE, BOB);
    let bundles = net.world.bundles(&account("alice"));
    let backup = snapshot(&net.clients[ALICE]);
    net.send(ALICE, BOB, "lost with the store");
    restore(&mut net, &backup).unwrap();
    // Carol has a bundle of before: her message is asked for, on prekeys that are there.
    let (now, rng) = (net.world.now, &mut net.world.rng);
    net.clients[2]
        .start(&account("alice"), &bundles, now, rng)
        .unwrap();
    net.send(2, ALICE, "to the old prekeys");
    net.run();
    assert_eq!(net.shown(ALICE).last().unwrap(), "hello yourself");
    net.wait(HOUR_MS);
    net.run();
    assert_eq!(net.shown(ALICE).last().unwrap(), "to the old prekeys");
    assert_eq!(net.restarts, [0, 0, 1]);
}

#[test]
fn the_set_back_is_told_until_the_provider_has_the_new_prekeys() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let alice = &mut net.clients[ALICE];
    let stale = alice.publish_prekeys(90, &mut net.world.rng).unwrap();
    let identity = identity_in(alice.store());
    let counter = u64::from_be_bytes(*alice.mark().unwrap().first_chunk().unwrap());
    let mark = identity.mark(counter + 1);
    let rng = &mut rng(1);
    let noticed = alice.check_mark(&mark, NOW, rng).unwrap().unwrap();
    let after = snapshot(alice);
    let mut alice = open(&after);
    for mark in [mark, [0; 40]] {
        assert_eq!(alice.check_mark(&mark, NOW, rng).unwrap(), Some(noticed));
        assert!(snapshot(&alice) == after);
    }
    alice.confirm_prekeys(&stale).unwrap();
    assert_eq!(alice.check_mark(&mark, NOW, rng).unwrap(), Some(noticed));
    let upload = alice.publish_prekeys(97, rng).unwrap();
    assert_ne!(upload.base, stale.base);
    alice.confirm_prekeys(&upload).unwrap();
    assert_eq!(alice.check_mark(&mark, NOW, rng).unwrap(), None);
    assert_eq!(alice.mark().unwrap(), identity.mark(NUMBERS));
}

#[test]
fn damaged_counters_forget_no_restart_and_count_as_a_set_back_at_most() {
    let mut net = Network::of(&["alice", "bob"]);
    net.converse(ALICE, BOB);
    let backup = snapshot(&net.clients[ALICE]);
    talk(&mut net, "between", 1);
    restore(&mut net, &backup).unwrap();
    // Nothing was sent since: only the account still says that there was a restart.
    let mut records = snapshot(&net.clients[ALICE]);
    let counters = records
        .iter_mut()
        .find(|(key, _)| key.table.as_bytes() == b"c");
    counters.unwrap().1 = vec![9];
    net.clients[ALICE] = open(&records);
    let bob = account("bob");
    assert!(!net.clients[ALICE].has_session(&bob).unwrap());
    let mut texts = talk(&mut net, "after", 1);
    assert_numbered_once(&net);

    // If the counter is damaged after a post, it may fall below that of the mark.
    let mut records = snapshot(&net.clients[ALICE]);
    let counters = records
        .iter_mut()
        .find(|(key, _)| key.table.as_bytes() == b"c");
    counters.unwrap().1 = vec![9];
    assert_eq!(restore(&mut net, &records).unwrap().times, 2);
    texts.extend(talk(&mut net, "again", 1));
    assert_shown(&net, &texts);
    assert_numbered_once(&net);
}
