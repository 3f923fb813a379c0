//! Groups in which a chain carries several messages before it is renewed.

use waxseal::errors::ReceiveError;
use waxseal::reporting::message::Content;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{Advice, Client, DeviceAddress, MemoryStore, Outgoing, Received};
use waxseal_world::{QueuedGroup, account, snapshot};

use crate::stops::stopped;
use crate::support::{HOUR_MS, first};
use crate::talk::{Queued, Talk};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// Members with eight devices each that are never on line. They make the group a large one.
const ABSENT: [&str; 6] = ["m0", "m1", "m2", "m3", "m4", "m5"];

/// A chain is renewed after this many messages: a sixteenth of the 50 targets.
const MESSAGES: usize = 3;

fn large() -> Talk {
    Talk::with_absent(&NAMES, &ABSENT)
}

/// What waits for a device last.
fn newest(talk: &Talk, name: &str) -> QueuedGroup {
    match talk.queues[&first(name)].back() {
        Some(Queued::Group(queued)) => queued.clone(),
        _ => panic!("nothing waits"),
    }
}

/// Sends a message that is not delivered yet. Returns whether it renewed the chain, that is,
/// whether Bob gets the keys.
fn renews(talk: &mut Talk, from: &str, text: &str) -> bool {
    talk.say(&first(from), text);
    has_keys(&newest(talk, "bob"))
}

fn has_keys(queued: &QueuedGroup) -> bool {
    match queued.slot {
        GroupSlot::Key(_) => true,
        GroupSlot::Mac(_) => false,
        GroupSlot::Empty => panic!("nothing in the slot"),
    }
}

/// Checks that a device opens nothing of this message, whatever slot the relay gives it.
fn assert_opens_not(talk: &mut Talk, device: &DeviceAddress, queued: &QueuedGroup) {
    let of_bob = queued.slot.clone();
    for slot in [of_bob, GroupSlot::Mac([0; 16]), GroupSlot::Empty] {
        let stamped = queued.stamped.clone();
        let delivery = talk.hand_out(device, &Queued::Group(QueuedGroup { stamped, slot }));
        let received = talk.copy(device).receive(&delivery);
        assert!(received.is_err(), "{received:?}");
    }
}

/// Alice removes a member.
fn remove(talk: &mut Talk, name: &str) {
    let (alice, group) = (first("alice"), talk.group);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account(name), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
}

#[test]
fn a_chain_carries_a_sixteenth_as_many_messages_as_it_has_targets() {
    let mut talk = large();
    let (mut renewals, mut lengths) = (Vec::new(), Vec::new());
    for number in 0..3 * MESSAGES {
        let sealed = talk.seal(&first("alice"), format!("{number}").as_str());
        talk.post(&first("alice"), &sealed);
        renewals.push(has_keys(&newest(&talk, "bob")));
        lengths.push(sealed.envelope.len());
    }
    let each = [true, false, false].repeat(3);
    assert_eq!(renewals, each);
    let targets = ABSENT.len() * 8 + NAMES.len() - 1;
    assert_eq!(targets / 16, MESSAGES);
    // Without renewal, a target costs 16 bytes and a bit.
    assert!(lengths[1] < 600 + 17 * targets, "{lengths:?}");
    assert!(lengths[3] > lengths[1] + 150 * targets, "{lengths:?}");
    talk.run();
    let all: Vec<_> = (0..3 * MESSAGES)
        .map(|number| format!("alice: {number}"))
        .collect();
    assert_eq!(talk.shown(&first("bob")), all);
    assert_eq!(talk.shown(&first("carol")), all);
    assert!(talk.dropped.is_empty(), "{:?}", talk.dropped);
    // Age renews too, and each writer has a chain of its own.
    assert!(renews(&mut talk, "carol", "mine"));
    assert!(renews(&mut talk, "alice", "ten"));
    assert!(!renews(&mut talk, "alice", "eleven"));
    talk.net.wait(7 * 24 * HOUR_MS);
    assert!(renews(&mut talk, "alice", "after a week"));
}

#[test]
fn the_sessions_for_the_chain_after_a_member_left_are_asked_for() {
    let mut talk = large();
    let (alice, bob) = (first("alice"), first("bob"));
    talk.say(&alice, "one");
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob); // the provider knows
    talk.client(&alice).leave_sessions().unwrap();
    // The chain would go on, but Bob has it and gets nothing more. So all others need sessions.
    talk.say(&alice, "two");
    assert!(has_keys(&newest(&talk, "carol")));
    talk.run();
    assert_eq!(talk.shown(&first("carol")), ["alice: one", "alice: two"]);
}

#[test]
fn who_joins_between_renewals_gets_the_chain_from_there_on() {
    let mut talk = large();
    assert!(renews(&mut talk, "alice", "before"));
    let before = newest(&talk, "bob");
    talk.run();
    let (dave, group) = (first("dave"), talk.group);
    let client = talk.net.world.register("dave");
    talk.net.clients.insert(dave.clone(), client);
    talk.net.join(&group, "alice", "dave");
    talk.run();
    // The chain goes on: keys for Dave alone.
    assert!(!renews(&mut talk, "alice", "after"));
    assert!(has_keys(&newest(&talk, "dave")));
    assert_opens_not(&mut talk, &dave, &before);
    talk.run();
    assert_opens_not(&mut talk, &dave, &before);
    assert_eq!(talk.shown(&dave), ["alice: after"]);
    assert!(!renews(&mut talk, "alice", "later"));
    assert!(!has_keys(&newest(&talk, "dave")));
    talk.run();
    assert_eq!(talk.shown(&dave), ["alice: after", "alice: later"]);
    assert_eq!(talk.shown(&first("bob")).len(), 3);
}

#[test]
fn who_is_removed_between_renewals_has_the_chain_for_nothing() {
    let mut talk = large();
    assert!(renews(&mut talk, "alice", "one"));
    talk.say_all("bob", "two");
    let carol = first("carol");
    let thief = talk.copy(&carol);
    remove(&mut talk, "carol");
    // Alice knows of it. Bob learns of it when the relay answers his next message. Both renew.
    for name in ["alice", "bob"] {
        talk.say(&first(name), "three");
        let queued = match name {
            "alice" => newest(&talk, "bob"),
            _ => newest(&talk, "alice"),
        };
        assert!(has_keys(&queued), "{name}");
        assert!(!talk.queues.contains_key(&carol));
        // Carol knows nothing of the removal, or knows it.
        assert_opens_not(&mut talk, &carol, &queued);
    }
    talk.net.clients.insert(carol.clone(), thief);
    let queued = newest(&talk, "bob");
    assert_opens_not(&mut talk, &carol, &queued);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: three"]);
    assert_eq!(talk.shown(&carol), ["alice: one", "bob: two"]);
    // The next ones go on with the new chains.
    assert!(!renews(&mut talk, "alice", "four"));
}

/// Whether each delivery that waits for a device opens.
fn opens(talk: &mut Talk, name: &str) -> Vec<bool> {
    let device = first(name);
    let queue = talk.queues.remove(&device).unwrap();
    let opened = queue.iter().map(|queued| {
        let delivery = talk.net.world.deliver_group(
            &device,
            match queued {
                Queued::Group(queued) => queued,
                Queued::Again(_) => panic!("nothing was sealed again"),
            },
        );
        let received = talk
            .net
            .clients
            .get_mut(&device)
            .unwrap()
            .receive(&delivery);
        match received {
            Ok(received) => matches!(received, Received::Message { .. }),
            Err(error) => {
                assert_eq!(error.advice(), Advice::AskAgain, "{error:?}");
                false
            }
        }
    });
    opened.collect()
}

#[test]
fn a_device_that_missed_a_renewal_asks_and_gets_the_message_and_the_next_chain() {
    let mut talk = large();
    assert!(renews(&mut talk, "alice", "one"));
    // The relay loses the only delivery with the keys.
    talk.queues.remove(&first("bob"));
    assert!(!renews(&mut talk, "alice", "two"));
    assert_eq!(opens(&mut talk, "bob"), [false]);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: two"]);
    // It asked, so the next message renews, although it is not the turn.
    assert!(renews(&mut talk, "alice", "three"));
    assert!(!renews(&mut talk, "alice", "four"));
    assert_eq!(opens(&mut talk, "bob"), [true, true]);
    talk.run();
    let all = ["one", "two", "three", "four"].map(|text| format!("alice: {text}"));
    assert_eq!(talk.shown(&first("carol")), all);
}

#[test]
fn a_device_that_lost_its_state_asks_and_costs_one_renewal_an_hour() {
    let mut talk = large();
    let bob = first("bob");
    talk.say_all("alice", "zero");
    let (mut renewals, mut expected) = (Vec::new(), Vec::new());
    for text in ["one", "two", "three"] {
        // Bob's store is set back to before the newest chain, again and again.
        let before = talk.copy(&bob);
        while !renews(&mut talk, "alice", "keys") {}
        talk.run();
        talk.net.clients.insert(bob.clone(), before);
        assert!(!renews(&mut talk, "alice", text));
        assert_eq!(opens(&mut talk, "bob"), [false]);
        talk.run();
        expected.push(format!("alice: {text}"));
        assert_eq!(
            talk.shown(&bob).last(),
            Some(&expected.last().unwrap().as_str())
        );
        // It is the turn of the message after this one.
        renewals.push(renews(&mut talk, "alice", "next"));
        talk.run();
        talk.net.wait(HOUR_MS / 4);
    }
    assert_eq!(renewals, [true, false, false]);
    let of_bob = talk.shown(&bob);
    assert!(expected.iter().all(|text| of_bob.contains(&text.as_str())));
}

#[test]
fn row_49_a_stop_in_sending_on_a_chain_or_in_renewing_it_loses_nothing() {
    let mut talk = large();
    let (alice, group) = (first("alice"), talk.group);
    let mut expected = Vec::new();
    for number in 0..2 * MESSAGES {
        talk.prepare(&alice);
        let before = snapshot(talk.client(&alice));
        let (now, mut rng) = (talk.net.world.now, talk.net.world.fork_rng());
        let text = format!("{number}");
        let (after, commits) = stopped(&before, |client| {
            client.send(group, text.as_str(), now, &mut rng).is_ok()
        });
        assert_eq!(commits, 1, "one call, one transaction");
        assert!(after[0] == before);
        // What was sealed on the chain and stopped is posted after all, once.
        restart(&mut talk, &alice, &after[1]);
        let waiting = outbox(&mut talk, &alice);
        assert_eq!(waiting.len(), 1);
        talk.post(&alice, &waiting[0]);
        assert_eq!(has_keys(&newest(&talk, "bob")), number % MESSAGES == 0);
        expected.push(format!("alice: {text}"));
    }
    talk.run();
    assert_eq!(talk.shown(&first("bob")), expected);
    assert_eq!(talk.shown(&first("carol")), expected);
}

#[test]
fn row_49_a_stop_in_receiving_on_a_chain_shows_each_message_once() {
    let mut talk = large();
    let (bob, group) = (first("bob"), talk.group);
    for number in 0..=MESSAGES {
        let is_renewed = renews(&mut talk, "alice", &format!("{number}"));
        assert_eq!(is_renewed, number % MESSAGES == 0);
    }
    let queue = talk.queues.remove(&bob).unwrap();
    let deliveries: Vec<_> = queue
        .iter()
        .map(|queued| talk.hand_out(&bob, queued))
        .collect();
    for delivery in &deliveries {
        let before = snapshot(talk.client(&bob));
        let (after, commits) = stopped(&before, |client| client.receive(delivery).is_ok());
        assert_eq!(commits, 1);
        assert!(after[0] == before);
        for (at, records) in after.iter().enumerate() {
            restart(&mut talk, &bob, records);
            let received = talk.client(&bob).receive(delivery).unwrap();
            assert_eq!(matches!(received, Received::Message { .. }), at == 0);
        }
    }
    let messages = talk.client(&bob).messages(group, None, 9).unwrap().items;
    assert_eq!(messages.len(), MESSAGES + 1);
}

#[test]
fn row_39_a_thief_of_a_chain_is_heard_until_it_is_renewed_and_no_longer() {
    let mut talk = large();
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    assert!(renews(&mut talk, "alice", "one"));
    talk.run();
    let mut thief = talk.copy(&alice);
    let mut steal = |talk: &mut Talk| {
        talk.net.wait(1);
        let stolen = thief.send(group, "stolen", talk.net.world.now, &mut talk.net.world.rng);
        talk.post_only(&alice, &stolen.unwrap()).unwrap();
        let queued = newest(talk, "bob");
        assert!(!has_keys(&queued));
        talk.queues.clear();
        Queued::Group(queued)
    };
    let heard = steal(&mut talk);
    let delivery = talk.hand_out(&bob, &heard);
    let received = talk.copy(&bob).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
    while !renews(&mut talk, "alice", "two") {}
    talk.run();
    let refused = steal(&mut talk);
    for refused in [refused, heard] {
        let error = talk.refuses(&bob, &refused);
        assert!(matches!(error, ReceiveError::Chain(_)), "{error:?}");
    }
}

fn restart(talk: &mut Talk, device: &DeviceAddress, records: &waxseal_world::Records) {
    let client = Client::open(MemoryStore::from_records(records.clone())).unwrap();
    talk.net.clients.insert(device.clone(), client);
}

fn outbox(talk: &mut Talk, device: &DeviceAddress) -> Vec<Outgoing> {
    let now = talk.net.world.now;
    talk.client(device).outbox(None, 9, now).unwrap().items
}
