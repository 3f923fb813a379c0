//! The calls that bring a store of an earlier version up to date: each can be stopped in any of its
//! commits, and goes on after that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/stops.rs"]
mod stops;

use waxseal::errors::{SendError, StateError};
use waxseal::store::{Key, Row};
use waxseal::{Client, Content, Draft, MemoryStore, Outgoing};
use waxseal_world::{NOW, Provider, Records, account, find, snapshot};

use stops::{Stopped, Stops};

/// The store, as if the version before had left these messages in the outbox: its envelopes are for
/// one device, and begin with another version byte.
fn as_left_by_an_earlier_version(client: &Client<MemoryStore>, sent: &[Outgoing]) -> Records {
    let mut records = snapshot(client);
    for (key, value) in &mut records {
        for sent in sent {
            let stored = [&[3], &sent.id.as_bytes()[..]].concat();
            let is_entry = key.table.as_bytes() == b"o";
            if is_entry && value.windows(33).any(|bytes| bytes == stored) {
                let place = find(value, &stored);
                value[place] = 2;
            }
        }
    }
    records
}

#[test]
fn messages_are_sealed_again_once_whichever_commit_fails() {
    let texts = ["first", "reply", "First."];
    for (commits_left, applies) in [(0, false), (0, true), (1, false), (1, true), (2, true)] {
        let (mut provider, mut alice, mut bob) = Provider::of_two();
        let bob_id = account("bob");
        let rng = &mut provider.rng;
        let first = alice.send(&bob_id, "first", NOW, rng).unwrap();
        let reply = Draft::from("reply").reply_to(first.id);
        let reply = alice.send(&bob_id, reply, NOW, rng).unwrap();
        let (of, text) = (first.id, "First.".to_owned());
        let edit = alice.send(&bob_id, Content::Edit { of, text }, NOW, rng);
        let sent = [first, reply, edit.unwrap()];
        let records = as_left_by_an_earlier_version(&alice, &sent);
        let store = Stops::new(records);
        store.stop_after(commits_left, applies);
        let mut stopped = Client::open(store.clone()).unwrap();
        let error = stopped.seal_waiting(&bob_id, NOW, rng).unwrap_err();
        assert!(matches!(
            error,
            SendError::State(StateError::Store(Stopped))
        ));

        let mut alice = Client::open(MemoryStore::from_records(store.records())).unwrap();
        let done = commits_left + usize::from(applies);
        assert_eq!(alice.outbox(None, 10, NOW).unwrap().items.len(), done);
        assert_eq!(alice.waiting(None, 10).unwrap().items.len(), 3 - done);
        assert_eq!(alice.seal_waiting(&bob_id, NOW, rng).unwrap(), 3 - done);
        assert!(alice.waiting(None, 10).unwrap().items.is_empty());
        let outbox = alice.outbox(None, 10, NOW).unwrap().items;
        assert_eq!(outbox.len(), 3);
        for sent in &outbox {
            let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
            bob.receive(&delivery).unwrap();
            alice.confirm(&bob_id, &receipt).unwrap();
        }
        let messages = bob.messages(&account("alice"), None, 10).unwrap().items;
        assert_eq!(messages.len(), 3);
        for (sequence, message) in messages.iter().enumerate() {
            assert_eq!(message.header().sequence, sequence as u64);
            let text = match message.content() {
                Content::Edit { text, .. } | Content::Text(text) => text.as_str(),
                other => panic!("{other:?}"),
            };
            assert_eq!(text, texts[sequence]);
        }
        // They keep their tags, so that their references hold.
        assert!(
            outbox
                .iter()
                .zip(&sent)
                .all(|(now, before)| now.id == before.id)
        );
        assert_eq!(messages[1].header().reply_to, Some(outbox[0].id));
        assert_eq!(messages[2].content().refers_to(), Some(&outbox[0].id));
    }
}

#[test]
fn a_message_that_is_sealed_again_keeps_its_tag_and_is_sent_once() {
    let (mut provider, mut alice, _bob) = Provider::of_two();
    let (bob_id, rng) = (account("bob"), &mut provider.rng);
    let sent = alice.send(&bob_id, "oh no", NOW, rng).unwrap();
    let again = alice.send_again(&bob_id, &sent.id, NOW, rng).unwrap();
    assert_eq!(again, Some(sent.id));
    let outbox = alice.outbox(None, 10, NOW).unwrap().items;
    assert_eq!((outbox.len(), outbox[0].id), (1, sent.id));
    alice.delete_message(&bob_id, &sent.id).unwrap();
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
    assert!(alice.message(&bob_id, &sent.id).unwrap().is_none());
}

#[test]
fn a_damaged_message_does_not_keep_others_from_being_sealed_again() {
    let (mut provider, mut alice, _bob) = Provider::of_two();
    let bob_id = account("bob");
    let sent: Vec<_> = ["damaged", "indexed badly", "whole"]
        .into_iter()
        .map(|text| alice.send(&bob_id, text, NOW, &mut provider.rng).unwrap())
        .collect();
    let mut records = as_left_by_an_earlier_version(&alice, &sent);
    let is_of = |key: &Key, family| key.table.as_bytes().first() == Some(&family);
    let index_1 = Row::Name(sent[1].id.as_bytes().to_vec());
    for (key, value) in &mut records {
        let is_message_0 = is_of(key, b'm') && key.row == Row::Number(0);
        if is_message_0 || is_of(key, b'i') && key.row == index_1 {
            value[0] = 9;
        }
    }
    let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
    // A message whose place is damaged is found by looking through the history.
    assert_eq!(
        alice.seal_waiting(&bob_id, NOW, &mut provider.rng).unwrap(),
        2
    );
    let outbox = alice.outbox(None, 10, NOW).unwrap().items;
    assert_eq!(outbox.len(), 2);
    for (sent, text) in outbox.iter().zip(["indexed badly", "whole"]) {
        let message = alice.message(&bob_id, &sent.id).unwrap().unwrap();
        assert_eq!(message.text(), Some(text));
    }
    // The damaged one goes on waiting, and nothing is sealed twice.
    assert_eq!(alice.waiting(None, 10).unwrap().items.len(), 1);
    assert_eq!(
        alice.seal_waiting(&bob_id, NOW, &mut provider.rng).unwrap(),
        0
    );
}
