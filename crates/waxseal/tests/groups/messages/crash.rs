//! A stop before or after each commit of sending, posting, receiving, retargeting and asking.

use waxseal::{Client, MemoryStore, Outgoing, Received};
use waxseal_world::{Records, snapshot};

use crate::stops::{Stops, stopped};
use crate::support::first;
use crate::talk::Talk;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// Puts a device in place of a stopped one, with what its store kept.
fn restart(talk: &mut Talk, name: &str, records: &Records) {
    let client = Client::open(MemoryStore::from_records(records.clone())).unwrap();
    talk.net.clients.insert(first(name), client);
}

fn outbox(talk: &mut Talk, name: &str) -> Vec<Outgoing> {
    let now = talk.net.world.now;
    talk.client(&first(name))
        .outbox(None, 9, now)
        .unwrap()
        .items
}

#[test]
fn row_49_a_stop_in_sending_leaves_nothing_or_a_message_that_is_posted() {
    let mut talk = Talk::of(&NAMES);
    let (alice, group) = (first("alice"), talk.group);
    talk.say_all("alice", "one");
    let before = snapshot(talk.client(&alice));
    let (now, mut rng) = (talk.net.world.now, talk.net.world.fork_rng());
    let (after, commits) = stopped(&before, |client| {
        client.send(group, "two", now, &mut rng).is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    restart(&mut talk, "alice", &after[1]);
    let waiting = outbox(&mut talk, "alice");
    assert_eq!(waiting.len(), 1);
    talk.post(&alice, &waiting[0]);
    talk.say_all("alice", "three");
    let all = ["alice: one", "alice: two", "alice: three"];
    assert_eq!(talk.shown(&first("bob")), all);
    assert_eq!(talk.shown(&first("carol")), all);
}

#[test]
fn a_message_that_was_damaged_before_it_was_posted_holds_up_no_other() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    let text = "a text that nobody reads";
    talk.seal(&alice, text);
    let mut records = snapshot(talk.client(&alice));
    let holds = |value: &[u8]| {
        value
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    let messages = records.iter_mut().filter(|(_, value)| holds(value));
    let damaged = messages.map(|(_, value)| *value = vec![0xff]);
    assert_eq!(damaged.count(), 1);
    restart(&mut talk, "alice", &records);
    // Its chain is left, and it cannot be sealed on another one.
    talk.net.wait(7 * 24 * 3_600_000);
    talk.say(&alice, "two");
    talk.say(&alice, "three");
    talk.run();
    let all = ["alice: two", "alice: three"];
    assert_eq!(talk.shown(&first("bob")), all);
    assert!(outbox(&mut talk, "alice").is_empty());
}

#[test]
fn row_49_a_stop_in_confirming_costs_a_posting_more() {
    let mut talk = Talk::of(&NAMES);
    let (alice, group) = (first("alice"), talk.group);
    let one = talk.seal(&alice, "one");
    let receipt = talk.post_only(&alice, &one).unwrap();
    let before = snapshot(talk.client(&alice));
    let (after, commits) = stopped(&before, |client| client.confirm(group, &receipt).is_ok());
    assert_eq!(commits, 1);
    for records in after {
        restart(&mut talk, "alice", &records);
        for outgoing in outbox(&mut talk, "alice") {
            talk.post(&alice, &outgoing);
        }
        assert!(outbox(&mut talk, "alice").is_empty());
    }
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one"]);
}

#[test]
fn row_49_a_stop_in_receiving_loses_nothing_and_shows_nothing_twice() {
    let mut talk = Talk::of(&NAMES);
    let bob = first("bob");
    for text in ["one", "two", "three"] {
        talk.say(&first("alice"), text);
    }
    let queue = talk.queues.remove(&bob).unwrap();
    let deliveries: Vec<_> = queue
        .iter()
        .map(|queued| talk.hand_out(&bob, queued))
        .collect();
    let mut records = snapshot(talk.client(&bob));
    for delivery in &deliveries {
        let (after, commits) = stopped(&records, |client| client.receive(delivery).is_ok());
        assert_eq!(commits, 1);
        assert!(after[0] == records);
        // Before the commit, it comes again and opens; after it, it is a duplicate.
        for (at, records) in after.iter().enumerate() {
            restart(&mut talk, "bob", records);
            let received = talk.client(&bob).receive(delivery).unwrap();
            let is_new = matches!(received, Received::Message { .. });
            assert_eq!(is_new, at == 0);
        }
        records = snapshot(talk.client(&bob));
    }
    let group = talk.group;
    let messages = talk.client(&bob).messages(group, None, 9).unwrap().items;
    assert_eq!(messages.len(), 3);
}

#[test]
fn row_49_a_stop_in_retargeting_leaves_a_message_that_is_retargeted_after_all() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    talk.say_all("bob", "zero");
    let one = talk.seal(&bob, "one");
    let two = talk.seal(&bob, "two");
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &waxseal_world::account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    let mismatch = talk.mismatch(&bob, &one);
    let before = snapshot(talk.client(&bob));
    let (now, mut rng) = (talk.net.world.now, talk.net.world.fork_rng());
    let (after, commits) = stopped(&before, |client: &mut Client<Stops>| {
        client
            .retarget_in_group(&group, &one.id, &mismatch, &[], now, &mut rng)
            .is_ok()
    });
    assert!(commits > 1);
    let world = talk.net.world.now;
    for records in &after {
        talk.net.world.now = world;
        restart(&mut talk, "bob", records);
        let again = talk.retarget_with(&bob, &one, &mismatch).unwrap();
        assert_eq!(again.id, one.id);
        let ids: Vec<_> = outbox(&mut talk, "bob").iter().map(|one| one.id).collect();
        assert_eq!(ids, [one.id, two.id]);
    }
    for outgoing in outbox(&mut talk, "bob") {
        talk.post(&bob, &outgoing);
    }
    talk.run();
    assert_eq!(talk.shown(&alice), ["bob: zero", "bob: one", "bob: two"]);
    assert_eq!(talk.shown(&first("carol")), ["bob: zero"]);
}
