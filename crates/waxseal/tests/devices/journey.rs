//! What several devices do for their users, without anyone in between.

use waxseal::store::{Key, Row};
use waxseal::{Disclosure, Notice, Reason, Status};
use waxseal_world::account;

use crate::support::{MINUTE_MS, Net, at, ids};

#[test]
fn a_message_reaches_every_device_of_both_accounts_and_each_can_report_it() {
    let mut net = Net::of_four();
    let expected = [
        (
            at("alice", 1),
            ["bob: two", ">bob: three", "bob: four"].as_slice(),
        ),
        (at("alice", 2), &["bob: two", "bob: four"]),
        (
            at("bob", 1),
            &["alice: one", "alice: three", ">alice: four"],
        ),
        (at("bob", 2), &["alice: one", ">alice: two", "alice: three"]),
    ];
    for (device, texts) in expected {
        let shown: Vec<_> = net.shown(&device).into_iter().map(str::to_owned).collect();
        for text in texts {
            assert!(
                shown.iter().any(|one| one == text),
                "{device:?} {text} {shown:?}"
            );
        }
    }
    let id = net.send(&at("alice", 2), "bob", "I know where you live.");
    net.run();
    // Any device of either account can report it.
    for device in net.clients.keys().cloned().collect::<Vec<_>>() {
        let peer = if device.account == account("bob") {
            "alice"
        } else {
            "bob"
        };
        let key = net.world.moderation.public_key().clone();
        let client = net.clients.get_mut(&device).unwrap();
        let message = client.message(&account(peer), &id).unwrap().unwrap();
        assert_eq!(*message.sender(), at("alice", 2));
        let shown = [(id, Disclosure::Whole)];
        let draft = client.draft_report(&account(peer), Reason::Threat, shown);
        let report = client
            .report(&draft.unwrap(), &key, &mut net.world.rng)
            .unwrap();
        let verified = net.world.verify(&report.report).unwrap();
        assert_eq!(verified.messages().len(), 1, "{device:?}");
    }
}

#[test]
fn each_device_numbers_its_messages_for_itself() {
    let mut net = Net::of_four();
    for device in [1, 2] {
        net.send(&at("alice", device), "bob", "next");
        net.run();
    }
    let messages = net.client(&at("bob", 1));
    let messages = messages
        .messages(&account("alice"), None, 20)
        .unwrap()
        .items;
    for device in [1, 2] {
        let own = messages
            .iter()
            .filter(|one| *one.sender() == at("alice", device));
        let numbers: Vec<_> = own.map(|one| one.header().sequence).collect();
        assert_eq!(numbers, [0, 1]);
    }
}

#[test]
fn what_any_device_of_the_peer_receives_counts_as_delivered_on_each_device_of_the_sender() {
    let mut net = Net::of_four();
    let id = net.send(&at("alice", 1), "bob", "did it arrive?");
    net.run();
    for device in [1, 2] {
        let client = net.client(&at("alice", device));
        let message = client.message(&account("bob"), &id).unwrap().unwrap();
        let status = message.status().unwrap();
        assert!(
            matches!(status, Status::Delivered { .. }),
            "{device} {status:?}"
        );
    }
}

#[test]
fn peers_learn_of_a_new_device_by_the_next_message_and_are_told() {
    let mut net = Net::of(&["alice", "bob"]);
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    net.send(&at("bob", 1), "alice", "hello yourself");
    net.run();
    net.link("alice");
    // The relay does not take Bob's message for the devices of before.
    let id = net.send(&at("bob", 1), "alice", "both of you");
    assert_eq!(net.retargeted, 1);
    net.run();
    for device in [1, 2] {
        assert!(
            net.shown(&at("alice", device))
                .contains(&"bob: both of you")
        );
    }
    let changed = Notice::DevicesChanged {
        account: account("alice"),
        added: vec![at("alice", 2).device],
        removed: Vec::new(),
    };
    assert_eq!(net.notices(&at("bob", 1)), std::slice::from_ref(&changed));
    net.client(&at("bob", 1)).dismiss(&changed).unwrap();
    assert!(net.notices(&at("bob", 1)).is_empty());
    let message = net.client(&at("bob", 1));
    let message = message.message(&account("alice"), &id).unwrap().unwrap();
    assert!(message.evidence().is_some());

    // The new device writes, and the safety number is the same.
    let before = net.client(&at("bob", 1)).safety_number(&account("alice"));
    net.send(&at("alice", 2), "bob", "from the laptop");
    net.run();
    assert!(net.shown(&at("bob", 1)).contains(&"alice: from the laptop"));
    assert!(
        net.shown(&at("alice", 1))
            .contains(&">bob: from the laptop")
    );
    for device in [at("alice", 1), at("alice", 2)] {
        let theirs = net.client(&device).safety_number(&account("bob")).unwrap();
        assert_eq!(theirs.digits(), before.as_ref().unwrap().digits());
    }
}

#[test]
fn chk321_a_device_that_got_no_key_asks_for_the_message_and_gets_it() {
    let mut net = Net::of(&["alice", "bob"]);
    net.link("bob");
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    for device in [1, 2] {
        net.send(&at("bob", device), "alice", "hello yourself");
        net.run();
    }
    // Alice accepts Bob's key again, so that she has no sessions, and starts one with one device.
    let peer = account("bob");
    let key = net.world.account_key(&peer);
    let other = net.world.account_key(&account("alice"));
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.accept_identity(&peer, &other).unwrap();
    alice.accept_identity(&peer, &key).unwrap();
    let bundles = net.world.bundles_for(None, &peer, &[at("bob", 1).device]);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    alice.start(&peer, &bundles, now, rng).unwrap();
    let sent = alice.send(&peer, "who gets this?", now, rng).unwrap();
    assert_eq!(sent.without, [at("bob", 2)]);
    let waiting = alice.outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting[0].without, sent.without);
    net.post(&at("alice", 1), &sent);
    net.run();
    for device in [1, 2] {
        assert!(
            net.shown(&at("bob", device))
                .contains(&"alice: who gets this?")
        );
    }
}

#[test]
fn what_was_sealed_again_for_one_device_is_sealed_again_for_another_that_asks_later() {
    let mut net = Net::of(&["alice", "bob"]);
    for _ in 0..2 {
        net.link("bob");
    }
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    for device in [1, 2, 3] {
        net.send(&at("bob", device), "alice", "hello yourself");
        net.run();
    }
    // Alice loses her sessions with two of the three.
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let mut records = waxseal_world::snapshot(alice);
    let sessions = |key: &Key| key.table.as_bytes() == b"d\x03bob";
    records.retain(|(key, _)| !sessions(key) || key.row == Row::Number(1));
    *alice = waxseal::Client::open(waxseal::MemoryStore::from_records(records)).unwrap();
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let sent = alice.send(&account("bob"), "who gets this?", now, rng);
    let sent = sent.unwrap();
    assert_eq!(sent.without, [at("bob", 2), at("bob", 3)]);
    net.post(&at("alice", 1), &sent);
    for device in [1, 2, 3] {
        // The next one asks after the last one was answered.
        for _ in 0..4 {
            for device in [at("bob", device), at("alice", 1)] {
                net.deliver(&device);
                net.attend(&device);
            }
        }
        let shown = net.shown(&at("bob", device));
        let count = shown
            .iter()
            .filter(|text| **text == "alice: who gets this?");
        assert_eq!(count.count(), 1, "{device}: {shown:?}");
    }
}

#[test]
fn an_own_device_that_got_no_key_asks_the_own_device_and_the_peer_learns_nothing() {
    let mut net = Net::of(&["alice", "bob"]);
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    net.link("alice");
    // Alice's first device has a session with the second since they were linked. It loses it.
    let me = account("alice");
    let roster = net.world.roster(&me);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let mut records = waxseal_world::snapshot(alice);
    records.retain(|(key, _)| key.table.as_bytes() != b"d\x05alice");
    *alice = waxseal::Client::open(waxseal::MemoryStore::from_records(records)).unwrap();
    assert_eq!(ids(alice, &me), [1, 2]);
    alice.take_roster(&me, &roster, now).unwrap();
    let sent = alice.send(&account("bob"), "for all", now, rng).unwrap();
    assert_eq!(sent.without, [at("alice", 2)]);
    net.post(&at("alice", 1), &sent);
    net.run();
    assert!(net.shown(&at("alice", 2)).contains(&">bob: for all"));
    let asked = net.clients.values().map(|client| {
        let peers = client.peers(None, 9).unwrap().items;
        peers.len()
    });
    assert!(asked.max().unwrap() <= 1, "the own account is no peer");
    net.wait(MINUTE_MS);
    net.run();
}

#[test]
fn the_own_devices_are_told_at_once_that_the_account_has_another_one() {
    let mut net = Net::of(&["alice"]);
    net.link("alice");
    net.run();
    net.link("alice");
    net.attend(&at("alice", 1));
    net.deliver(&at("alice", 2));
    assert_eq!(
        ids(&net.clients[&at("alice", 2)], &account("alice")),
        [1, 2, 3]
    );
    let told = net.notices(&at("alice", 2));
    let added = |notice: &Notice| matches!(notice, Notice::DevicesChanged { added, .. } if added.iter().any(|one| one.0 == 3));
    assert!(told.iter().any(added), "{told:?}");
    // And that it has it no more.
    net.run();
    net.remove("alice", 3);
    net.attend(&at("alice", 1));
    net.deliver(&at("alice", 2));
    assert_eq!(
        ids(&net.clients[&at("alice", 2)], &account("alice")),
        [1, 2]
    );
}
