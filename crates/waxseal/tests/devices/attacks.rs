//! What a relay tries that hands out, swaps and withholds: prekeys, copies, answers.

use waxseal::errors::{BundleProblem, ReceiveError, RetargetError, SendError, StartError};
use waxseal::{
    Bundles, Client, DeviceBundle, MemoryStore, Mismatch, NotDelivered, Notice, Received, Status,
};
use waxseal_world::{Provider, account, envelope_in, fanout_of, snapshot, without_unopened};

use crate::rosters::{copy_of, half_of, next_of};
use crate::support::{MINUTE_MS, Net, at, shown_of};

#[test]
fn chk314_row_8_prekeys_of_another_device_of_the_account_are_refused() {
    let mut net = Net::of(&["alice", "bob"]);
    net.link("bob");
    let peer = account("bob");
    let mut bundles = net.world.bundles(&peer);
    // The relay hands out those of the first device as those of the second.
    let first = bundles.devices[0].clone();
    bundles.devices[1] = DeviceBundle {
        device: at("bob", 2).device,
        ..first
    };
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let started = alice.start(&peer, &bundles, now, rng).unwrap();
    assert_eq!(started.devices, [at("bob", 1).device]);
    assert_eq!(started.unusable, [at("bob", 2).device]);
    let sent = alice.send(&peer, "not to the wrong one", now, rng).unwrap();
    assert_eq!(sent.without, [at("bob", 2)]);
    let slots = fanout_of(&sent.envelope);
    assert!(slots.slots()[1].is_empty());

    // If no bundle is usable, nothing is pinned and nothing is stored.
    let mut carol = net.world.register("carol");
    bundles.devices.remove(0);
    let before = snapshot(&carol);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let started = carol.start(&peer, &bundles, now, rng);
    assert!(matches!(
        started,
        Err(StartError::Bundle(BundleProblem::OtherDevice))
    ));
    // So is one of a device that the roster does not list.
    bundles.devices[0].device = at("bob", 3).device;
    let started = carol.start(&peer, &bundles, now, rng);
    assert!(matches!(
        started,
        Err(StartError::Bundle(BundleProblem::OtherDevice))
    ));
    assert!(snapshot(&carol) == before);
}

#[test]
fn a_device_with_an_unusable_bundle_stops_nobody() {
    let mut net = Net::of(&["alice", "bob"]);
    net.link("bob");
    let peer = account("bob");
    let mut bundles = net.world.bundles(&peer);
    bundles.devices[0].base.truncate(99);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let started = alice.start(&peer, &bundles, now, rng).unwrap();
    assert_eq!(started.unusable, [at("bob", 1).device]);
    // For an hour, no other bundle of it is fetched before each message.
    assert!(alice.missing(&peer, now).unwrap().is_empty());
    let sent = alice.send(&peer, "to whom it opens", now, rng).unwrap();
    assert_eq!(sent.without, [at("bob", 1)]);
    net.post(&at("alice", 1), &sent);
    net.deliver(&at("bob", 2));
    assert!(net.attend(&at("bob", 2)), "he fetches her roster");
    net.deliver(&at("bob", 2));
    assert_eq!(net.shown(&at("bob", 2)), ["alice: to whom it opens"]);
    // It asks, as soon as it knows Alice, and gets a key on prekeys that are usable.
    net.send(&at("bob", 2), "alice", "hello");
    net.run();
    net.wait(11 * 60_000);
    net.run();
    assert!(
        net.shown(&at("bob", 1))
            .contains(&"alice: to whom it opens")
    );
}

#[test]
fn row_9_a_copy_under_a_stamp_of_another_device_of_the_sender_does_not_open() {
    let mut net = Net::of_four();
    let sent = net.seal(&at("alice", 1), "bob", "from the phone");
    let envelope = envelope_in(&fanout_of(&sent.envelope), 0);
    // The relay holds the key with which alice/2 makes its MACs.
    let (forged, _) = net
        .world
        .stamp_as(&at("alice", 2), &at("bob", 1), &envelope);
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    let before = without_unopened(snapshot(bob));
    let refused = bob.receive(&forged).unwrap_err();
    assert!(matches!(refused, ReceiveError::Session(_)), "{refused}");
    assert!(without_unopened(snapshot(bob)) == before);
    net.post(&at("alice", 1), &sent);
    net.run();
    assert!(net.shown(&at("bob", 1)).contains(&"alice: from the phone"));
}

#[test]
fn chk311_a_preamble_that_was_altered_does_not_open() {
    let mut net = Net::of_four();
    let sent = net.seal(&at("alice", 1), "bob", "by this roster");
    let mut bytes = envelope_in(&fanout_of(&sent.envelope), 0).encode();
    for place in [1 + 32 + 1, 1 + 32 + 20, 1 + 32 + 48] {
        bytes[place] ^= 1;
        let envelope = waxseal::reporting::relay::Envelope::decode(&bytes).unwrap();
        bytes[place] ^= 1;
        let (forged, _) = net
            .world
            .stamp_as(&at("alice", 1), &at("bob", 1), &envelope);
        let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
        let before = without_unopened(snapshot(bob));
        assert!(matches!(
            bob.receive(&forged),
            Err(ReceiveError::Session(_))
        ));
        assert!(
            without_unopened(snapshot(bob)) == before,
            "no claim was taken"
        );
    }
}

#[test]
fn chk324_a_first_message_of_another_identity_than_the_rosters_is_not_opened() {
    let mut net = Net::of(&["alice", "bob", "mallory"]);
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    net.world.start(
        net.clients.get_mut(&at("mallory", 1)).unwrap(),
        &account("bob"),
    );
    let sent = net.seal(&at("mallory", 1), "bob", "I am Alice");
    let envelope = envelope_in(&fanout_of(&sent.envelope), 0);
    let (forged, _) = net
        .world
        .stamp_as(&at("alice", 1), &at("bob", 1), &envelope);
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    let before = without_unopened(snapshot(bob));
    let refused = bob.receive(&forged).unwrap_err();
    assert!(matches!(refused, ReceiveError::UnknownDevice { .. }));
    assert!(without_unopened(snapshot(bob)) == before);
}

#[test]
fn chk318_a_message_is_for_exactly_the_devices_of_both_rosters() {
    let mut net = Net::of_four();
    let sent = net.seal(&at("bob", 2), "alice", "exactly");
    let fanout = fanout_of(&sent.envelope);
    let slots: Vec<_> = fanout
        .slots()
        .iter()
        .map(|slot| (slot.own, slot.device.0))
        .collect();
    assert_eq!(slots, [(false, 1), (false, 2), (true, 1)]);
    assert_eq!(
        (fanout.own_version().version, fanout.peer_version().version),
        (2, 2)
    );
    // A device that is gone has no slot, though there is a session with it.
    net.remove("alice", 2);
    let roster = net.world.roster(&account("alice"));
    let now = net.world.now;
    let bob = net.client(&at("bob", 2));
    bob.take_roster(&account("alice"), &roster, now).unwrap();
    let sent = net.seal(&at("bob", 2), "alice", "without it");
    let fanout = fanout_of(&sent.envelope);
    let slots: Vec<_> = fanout
        .slots()
        .iter()
        .map(|slot| (slot.own, slot.device.0))
        .collect();
    assert_eq!(slots, [(false, 1), (true, 1)]);
    assert_eq!(fanout.peer_version().version, 3);
}

/// What the relay says of a message to Alice whenever it is asked.
fn same_answer(net: &mut Net) -> Mismatch {
    Mismatch {
        rosters: vec![net.world.roster(&account("alice"))],
        bundles: Vec::new(),
    }
}

#[test]
fn chk320_row_50_a_relay_that_names_the_same_rosters_for_ever_is_answered_three_times() {
    let mut net = Net::of_four();
    let (peer, from) = (account("alice"), at("bob", 1));
    let sent = net.seal(&from, "alice", "never taken");
    let mismatch = same_answer(&mut net);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let bob = net.clients.get_mut(&from).unwrap();
    for _ in 0..3 {
        let again = bob.retarget(&peer, &sent.id, &mismatch, now, rng).unwrap();
        assert_eq!((again.id, again.without.len()), (sent.id, 0));
        // A restart does not begin again.
        *bob = Client::open(MemoryStore::from_records(snapshot(bob))).unwrap();
    }
    let stopped = bob
        .retarget(&peer, &sent.id, &mismatch, now, rng)
        .unwrap_err();
    assert!(matches!(stopped, RetargetError::TooManyRounds));
    assert!(bob.outbox(None, 9, now).unwrap().items.is_empty());
    let message = bob.message(&peer, &sent.id).unwrap().unwrap();
    let expected = Status::NotDelivered(NotDelivered::Targets);
    assert_eq!(message.status(), Some(expected));
    let gone = bob.retarget(&peer, &sent.id, &mismatch, now, rng);
    assert!(matches!(gone, Err(RetargetError::NotSent)));
    // The user tries again once the relay is honest.
    bob.send_again(&peer, &sent.id, now, rng).unwrap().unwrap();
    let again = bob.outbox(None, 9, now).unwrap().items.remove(0);
    net.post(&from, &again);
    net.run();
    assert!(net.shown(&at("alice", 2)).contains(&"bob: never taken"));
}

#[test]
fn an_answer_about_other_accounts_or_of_any_bytes_changes_no_roster() {
    let mut net = Net::of_four();
    net.world.register("mallory");
    let (peer, from) = (account("alice"), at("bob", 1));
    let sent = net.seal(&from, "alice", "whatever you say");
    let mallory = net.world.bundles(&account("mallory"));
    let mismatch = Mismatch {
        rosters: vec![mallory.roster, b"no roster".to_vec(), Vec::new()],
        bundles: mallory
            .devices
            .iter()
            .flat_map(|bundle| {
                let of = ["mallory", "alice", "bob"].map(account);
                of.map(|account| (account, bundle.clone()))
            })
            .collect(),
    };
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let bob = net.clients.get_mut(&from).unwrap();
    let before = bob.roster_of(&peer).unwrap();
    let again = bob.retarget(&peer, &sent.id, &mismatch, now, rng).unwrap();
    assert_eq!(fanout_of(&again.envelope), fanout_of(&sent.envelope));
    assert_eq!(bob.roster_of(&peer).unwrap(), before);
    assert!(bob.roster_of(&account("mallory")).unwrap().is_none());
}

#[test]
fn nothing_goes_to_a_ghost_that_the_relay_adds() {
    let mut net = Net::of_four();
    let ghost = net.world.add_ghost(None, &account("alice"));
    let sent = net.seal(&at("bob", 1), "alice", "to you");
    let from = at("bob", 1);
    let refused = net.world.fan_out(&from, &account("alice"), &sent.envelope);
    assert!(refused.is_err(), "the relay wants a slot for the ghost");
    for _ in 0..3 {
        let again = net.retarget(&from, &sent).unwrap();
        let slots = fanout_of(&again.envelope);
        let to_ghost = slots
            .slots()
            .iter()
            .any(|slot| slot.device == ghost.device && !slot.own);
        assert!(!to_ghost);
    }
    let stopped = net.retarget(&from, &sent).unwrap_err();
    assert!(matches!(stopped, RetargetError::TooManyRounds));
    // Nor is it started with when its prekeys are handed out.
    let bundles = Bundles {
        roster: net.world.roster(&account("alice")),
        devices: Vec::new(),
    };
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let bob = net.clients.get_mut(&from).unwrap();
    let started = bob.start(&account("alice"), &bundles, now, rng);
    assert!(matches!(started, Err(StartError::Roster(_))));
}

#[test]
fn chk320_a_round_in_which_nothing_can_be_sealed_counts() {
    let mut net = Net::of(&["alice", "bob"]);
    let (peer, from) = (account("bob"), at("alice", 1));
    let sent = net.seal(&from, "bob", "to whom?");
    // Bob has another device, whose prekeys nobody can use, and no other.
    let secret = net.client(&at("bob", 1)).account_secret().unwrap().unwrap();
    let other = net.link("bob");
    let now = net.world.now;
    let laptop = net.client(&other);
    let lost = [at("bob", 1).device];
    let roster = laptop.take_over(&secret, &lost, now).unwrap();
    let mut bundle = net.world.bundles(&peer).devices.remove(1);
    assert_eq!(bundle.device, other.device);
    bundle.base.truncate(99);
    let mismatch = Mismatch {
        rosters: vec![roster],
        bundles: vec![(peer.clone(), bundle)],
    };
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&from).unwrap();
    for _ in 0..3 {
        let refused = alice.retarget(&peer, &sent.id, &mismatch, now, rng);
        assert!(matches!(refused, Err(RetargetError::Send(_))));
    }
    // The roster was taken, and the bundle is not fetched again and again.
    let devices = alice.devices(&peer).unwrap();
    assert_eq!(devices[0].0, other.device);
    assert!(alice.missing(&peer, now).unwrap().is_empty());
    let stopped = alice.retarget(&peer, &sent.id, &mismatch, now, rng);
    assert!(matches!(stopped, Err(RetargetError::TooManyRounds)));
}

#[test]
fn chk344_a_key_that_an_own_device_told_is_not_replaced_by_a_roster_that_was_only_named() {
    let mut net = Net::of(&["alice", "bob"]);
    let laptop = net.link("alice");
    // The relay names another Bob to the laptop, which has no contact with him.
    let mut elsewhere = Provider::new(9);
    let mut ghost = elsewhere.register("bob");
    let (peer, forged) = (account("bob"), elsewhere.roster(&account("bob")));
    let now = net.world.now;
    net.client(&laptop)
        .take_roster(&peer, &forged, now)
        .unwrap();
    // The phone knows the right one, and tells it.
    net.world
        .start(net.clients.get_mut(&at("alice", 1)).unwrap(), &peer);
    net.client(&at("alice", 1))
        .mark_verified(&peer, true)
        .unwrap();
    net.run();
    let genuine = net.world.account_key(&peer);
    let pinned = net.client(&laptop).peer_account_key(&peer);
    assert_eq!(pinned.unwrap(), genuine);
    // The other Bob writes.
    let bundles = net.world.bundles(&account("alice"));
    let (now, rng) = (net.world.now, &mut net.world.rng);
    ghost.start(&account("alice"), &bundles, now, rng).unwrap();
    let sent = ghost.send(&account("alice"), "it is me", now, rng).unwrap();
    let envelope = envelope_in(&fanout_of(&sent.envelope), 1);
    let (delivery, _) = net.world.stamp_as(&at("bob", 1), &laptop, &envelope);
    let laptop = net.client(&laptop);
    let refused = laptop.receive(&delivery);
    assert!(matches!(refused, Err(ReceiveError::UnknownDevice { .. })));
    assert_eq!(laptop.peer_account_key(&peer).unwrap(), genuine);
}

#[test]
fn chk330_row_3_a_newer_roster_that_only_peers_see_is_told_when_the_provider_does_not_have_it() {
    let mut net = Net::of_four();
    net.clients.remove(&at("bob", 2)); // it is not in what Alice sees
    let now = net.world.now;
    // Bob's stolen manager signs a next roster for Alice alone. It could list one more device.
    let mut thief = copy_of(net.client(&at("bob", 1)));
    let forged = next_of(&mut thief, now);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&account("bob"), &forged, now).unwrap();
    let lie = (Some(&account("alice")), &account("bob"), forged.clone());
    net.world.lie(lie.0, lie.1, lie.2);
    net.send(&at("alice", 1), "bob", "all of you?");
    net.run();
    let is_split = |notice: &Notice| matches!(notice, Notice::SplitView { .. });
    assert!(!net.notices(&at("bob", 1)).iter().any(is_split), "not yet");
    // The provider shows him the roster of before, an hour later too.
    net.wait(61 * MINUTE_MS);
    net.run();
    let split = Notice::SplitView {
        account: account("bob"),
        known: net.world.roster(&account("bob")),
        other: half_of(&forged),
    };
    assert!(net.notices(&at("bob", 1)).contains(&split));
    // That is all: nothing is fetched for it any more.
    net.wait(61 * MINUTE_MS);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    assert!(bob.upkeep(now, rng).unwrap().rosters.is_empty());
}

#[test]
fn a_message_to_the_own_account_is_not_sent() {
    let mut net = Net::of_four();
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let refused = alice.send(&account("alice"), "note to self", now, rng);
    assert!(matches!(refused, Err(SendError::OwnAccount)));
    assert!(
        shown_of(Received::Duplicate {
            conversation: account("alice").into(),
            id: waxseal::FrankingTag::from_bytes([1; 32]),
        })
        .is_none()
    );
}
