//! A stop before or after each commit of sending to many, retargeting and receiving.

use waxseal::{Client, MemoryStore, Mismatch, Received};
use waxseal_world::{account, fanout_of, snapshot};

use crate::stops::stopped;
use crate::support::{Net, at};

#[test]
fn a_stop_in_sending_to_many_leaves_nothing_or_the_whole_message_in_the_outbox() {
    let mut net = Net::of_four();
    let (from, peer) = (at("alice", 1), account("bob"));
    let before = snapshot(&net.clients[&from]);
    let now = net.world.now;
    let mut rng = net.world.fork_rng();
    let (after, commits) = stopped(&before, |client| {
        client.send(&peer, "to all of you", now, &mut rng).is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    // After the second stop, the same bytes are sent from the outbox.
    let alice = Client::open(MemoryStore::from_records(after[1].clone())).unwrap();
    let waiting = alice.outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting.len(), 1);
    assert_eq!(fanout_of(&waiting[0].envelope).slots().len(), 3);
    net.clients.insert(from.clone(), alice);
    net.post(&from, &waiting[0]);
    net.run();
    for (device, text) in [
        (at("bob", 1), "alice: to all of you"),
        (at("bob", 2), "alice: to all of you"),
        (at("alice", 2), ">bob: to all of you"),
    ] {
        assert!(net.shown(&device).contains(&text));
    }
    // The next message uses other keys on every session.
    let next = net.seal(&from, "bob", "and on");
    net.post(&from, &next);
    net.run();
    assert!(net.shown(&at("bob", 2)).contains(&"alice: and on"));
}

#[test]
fn a_stop_in_retargeting_leaves_the_message_as_it_was_or_as_it_is() {
    let mut net = Net::of_four();
    let (from, peer) = (at("alice", 1), account("bob"));
    let sent = net.seal(&from, "bob", "to whom it may concern");
    net.remove("bob", 2);
    let laptop = net.link("bob");
    assert_eq!(laptop, at("bob", 3));
    let mismatch: Mismatch = net.world.mismatch(&from, &peer, &sent.envelope);
    assert_eq!((mismatch.rosters.len(), mismatch.bundles.len()), (1, 1));
    let before = snapshot(&net.clients[&from]);
    let now = net.world.now;
    let mut rng = net.world.fork_rng();
    let (after, commits) = stopped(&before, |client| {
        client
            .retarget(&peer, &sent.id, &mismatch, now, &mut rng)
            .is_ok()
    });
    assert_eq!(commits, 1, "one call, one transaction");
    assert!(after[0] == before);
    for (stop, records) in after.into_iter().enumerate() {
        let alice = Client::open(MemoryStore::from_records(records)).unwrap();
        let waiting = alice.outbox(None, 9, now).unwrap().items;
        assert_eq!((waiting.len(), waiting[0].id), (1, sent.id));
        let slots = fanout_of(&waiting[0].envelope);
        let devices: Vec<_> = slots.slots().iter().map(|slot| slot.device.0).collect();
        assert_eq!(devices, [[1, 2, 2], [1, 3, 2]][stop]);
        if stop == 1 {
            net.clients.insert(from.clone(), alice);
            net.post(&from, &waiting[0]);
        }
    }
    net.run();
    for device in [at("bob", 1), at("bob", 3)] {
        assert!(
            net.shown(&device)
                .contains(&"alice: to whom it may concern")
        );
    }
}

#[test]
fn a_stop_in_receiving_loses_no_message_of_any_device() {
    let mut net = Net::of_four();
    // A first message of a new device, a copy of an own message, a roster that changes.
    net.link("bob");
    net.send(&at("bob", 3), "alice", "from the new one");
    net.send(&at("alice", 2), "bob", "from the laptop");
    net.send(&at("bob", 1), "alice", "from the phone");
    let phone = at("alice", 1);
    let deliveries = net.take_queue(&phone);
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    net.client(&phone)
        .take_roster(&account("bob"), &roster, now)
        .unwrap();
    let before = snapshot(&net.clients[&phone]);
    let (after, commits) = stopped(&before, |client| {
        deliveries
            .iter()
            .all(|delivery| client.receive(delivery).is_ok())
    });
    assert_eq!(commits, deliveries.len());
    for records in after {
        let mut alice = Client::open(MemoryStore::from_records(records)).unwrap();
        for delivery in &deliveries {
            let received = alice.receive(delivery).unwrap();
            let is_known = matches!(received, Received::Duplicate { .. });
            assert!(is_known || !matches!(received, Received::Skipped { .. }));
        }
        let messages = alice.messages(&account("bob"), None, 99).unwrap().items;
        for text in ["from the new one", "from the laptop", "from the phone"] {
            let shown = messages.iter().filter(|one| one.text() == Some(text));
            assert_eq!(shown.count(), 1, "{text}");
        }
    }
}
