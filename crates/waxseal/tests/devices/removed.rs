//! Devices that were removed from their accounts.

use waxseal::errors::{ReceiveError, SendError};
use waxseal::{Advice, Client, FrankingTag, MemoryStore, Notice, Received, Timestamp};
use waxseal_world::{PostRefused, account, envelope_of, fanout_of, snapshot};

use crate::support::{DAY_MS, MINUTE_MS, Net, at, ids};

/// Bob loses his laptop and removes it. The thief has what it held. Returns a message that the
/// relay had accepted before, and one of the thief's.
fn stolen(net: &mut Net) -> (Vec<u8>, waxseal::reporting::relay::Envelope) {
    net.send(&at("bob", 2), "alice", "on its way");
    let waiting = net.queues.get_mut(&at("alice", 1)).unwrap();
    let before = waiting.pop_back().unwrap();
    let before = net.world.deliver(&at("alice", 1), &before);
    net.wait(MINUTE_MS);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let laptop = net.clients.get_mut(&at("bob", 2)).unwrap();
    let forged = laptop.send(&account("alice"), "send money", now, rng);
    let forged = envelope_of(&forged.unwrap().envelope);
    net.remove("bob", 2);
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    let alice = net.client(&at("alice", 1));
    alice.take_roster(&account("bob"), &roster, now).unwrap();
    assert_eq!(ids(alice, &account("bob")), [1]);
    (before, forged)
}

#[test]
fn chk325_row_14_what_a_removed_device_wrote_before_opens_and_is_marked() {
    let mut net = Net::of_four();
    let (before, forged) = stolen(&mut net);
    let (phone, laptop) = (at("alice", 1), at("bob", 2));
    let received = net.client(&phone).receive(&before).unwrap();
    let Received::Message {
        message,
        from_removed_device,
        ..
    } = received
    else {
        panic!("a message")
    };
    assert!(from_removed_device && message.is_from_removed_device());
    let id = *message.id();
    let stored = net
        .client(&phone)
        .message(&account("bob"), &id)
        .unwrap()
        .unwrap();
    assert!(stored.is_from_removed_device());

    // With an honest relay, the thief cannot post. With a colluding one, it is too late.
    net.world.register_device(&laptop);
    net.wait(11 * MINUTE_MS);
    let (late, _) = net.world.stamp_as(&laptop, &phone, &forged);
    let alice = net.clients.get_mut(&phone).unwrap();
    let kept = snapshot(alice);
    let refused = alice.receive(&late).unwrap_err();
    assert!(matches!(refused, ReceiveError::RemovedDevice));
    assert_eq!(refused.advice(), Advice::Drop);
    assert!(snapshot(alice) == kept);
}

#[test]
fn chk325_another_device_can_have_the_number_of_a_removed_one_after_a_new_epoch() {
    let mut net = Net::of_four();
    let (_, forged) = stolen(&mut net);
    let (phone, laptop) = (at("alice", 1), at("bob", 2));
    // Bob's account takes over from a stolen manager, and knows nothing of the number any more.
    net.wait(11 * MINUTE_MS);
    let now = net.world.now;
    let client = net.client(&at("bob", 1));
    let secret = client.account_secret().unwrap().unwrap();
    client.take_over(&secret, &[], now).unwrap();
    net.post_roster("bob");
    let take_roster = |net: &mut Net| {
        let roster = net.world.roster(&account("bob"));
        let (now, alice) = (net.world.now, net.clients.get_mut(&phone).unwrap());
        alice.take_roster(&account("bob"), &roster, now).unwrap();
    };
    take_roster(&mut net);
    let old = net.clients.remove(&laptop).unwrap();
    assert_eq!(net.link("bob"), laptop);
    net.queues.clear();
    net.fetch(&laptop, "alice");
    net.send(&laptop, "alice", "From my new laptop.");
    let first = net.take_queue(&phone).pop().unwrap();
    net.send(&laptop, "alice", "It is faster.");
    let second = net.take_queue(&phone).pop().unwrap();
    for delivery in [&first, &second] {
        let refused = net.client(&phone).receive(delivery).unwrap_err();
        assert!(matches!(refused, ReceiveError::UnknownDevice { .. }));
    }
    take_roster(&mut net);
    for delivery in [&first, &second] {
        let received = net.client(&phone).receive(delivery).unwrap();
        assert!(matches!(
            received,
            Received::Message {
                from_removed_device: false,
                ..
            }
        ));
    }
    // The one that was removed is heard no more.
    assert_ne!(old.identity(), net.clients[&laptop].identity());
    let (late, _) = net.world.stamp_as(&laptop, &phone, &forged);
    let refused = net.client(&phone).receive(&late).unwrap_err();
    assert!(matches!(refused, ReceiveError::Session(_)), "{refused:?}");
}

#[test]
fn row_14_the_sessions_of_a_removed_device_are_destroyed_after_seven_days() {
    let mut net = Net::of_four();
    let (before, _) = stolen(&mut net);
    let has_sessions = |net: &Net| {
        let client = &net.clients[&at("alice", 1)];
        let records = client.store().records();
        let mut devices = records.filter(|(key, _)| key.table.as_bytes() == b"d\x03bob");
        devices.any(|(key, _)| key.row == waxseal::store::Row::Number(2))
    };
    for (days, is_kept) in [(6, true), (8, false)] {
        let now = net.world.now.as_millis() + days * DAY_MS;
        let (now, rng) = (Timestamp::from_millis(now), &mut net.world.rng);
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        let upkeep = alice.upkeep(now, rng).unwrap();
        assert_eq!(has_sessions(&net), is_kept, "{days}");
        assert!(!is_kept || upkeep.again_at.is_some());
    }
    let refused = net.client(&at("alice", 1)).receive(&before).unwrap_err();
    assert!(matches!(refused, ReceiveError::UnknownDevice { .. }));
}

#[test]
fn row_14_a_removed_device_is_turned_away_by_the_relay_and_learns_it() {
    let mut net = Net::of_four();
    net.remove("bob", 2);
    net.world.register_device(&at("bob", 2));
    let laptop = net.clients.get_mut(&at("bob", 2)).unwrap();
    let key = net.world.key(&at("bob", 2));
    laptop.confirm_delivery_key(&key, net.world.now).unwrap();
    let sent = net.seal(&at("bob", 2), "alice", "hello?");
    net.post(&at("bob", 2), &sent);
    assert_eq!(net.removed, [at("bob", 2)]);
    // It fetches its own roster then.
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    let laptop = net.client(&at("bob", 2));
    laptop.take_roster(&account("bob"), &roster, now).unwrap();
    let notices = laptop.notices(None, 9).unwrap().items;
    assert!(notices.contains(&Notice::Removed), "{notices:?}");
    let _ = PostRefused::Removed;
}

#[test]
fn chk316_a_device_that_knows_that_it_was_removed_sends_nothing() {
    let mut net = Net::of_four();
    net.remove("bob", 2);
    let roster = net.world.roster(&account("bob"));
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let laptop = net.clients.get_mut(&at("bob", 2)).unwrap();
    laptop.take_roster(&account("bob"), &roster, now).unwrap();
    let refused = laptop.send(&account("alice"), "hello?", now, rng);
    let Err(SendError::Removed) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        SendError::<std::convert::Infallible>::Removed.advice(),
        Advice::ShowRemoved
    );
    let upkeep = laptop.upkeep(now, rng).unwrap();
    assert!(upkeep.outgoing.is_empty());
    assert!(
        !laptop
            .messages(&account("alice"), None, 9)
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn row_15_a_message_sealed_before_a_removal_has_no_slot_for_the_device_after_it() {
    let mut net = Net::of_four();
    let sent = net.seal(&at("alice", 1), "bob", "to both of you");
    assert_eq!(fanout_of(&sent.envelope).slots().len(), 3);
    net.remove("bob", 2);
    // The relay does not take it as it is.
    let refused = net
        .world
        .fan_out(&at("alice", 1), &account("bob"), &sent.envelope);
    assert_eq!(refused.unwrap_err(), PostRefused::Mismatch);
    let again = net.retarget(&at("alice", 1), &sent).unwrap();
    assert_eq!(again.id, sent.id, "the same message");
    let (old, new) = (fanout_of(&sent.envelope), fanout_of(&again.envelope));
    let slots: Vec<_> = new
        .slots()
        .iter()
        .map(|slot| (slot.own, slot.device.0))
        .collect();
    assert_eq!(slots, [(false, 1), (true, 2)]);
    // What was sealed for those that stay is the same.
    assert_eq!(new.slots()[0], old.slots()[0]);
    assert_eq!(new.slots()[1], old.slots()[2]);
    net.post(&at("alice", 1), &again);
    net.run();
    assert!(net.shown(&at("bob", 1)).contains(&"alice: to both of you"));
    assert!(!net.shown(&at("bob", 2)).contains(&"alice: to both of you"));
}

/// Bob's laptop cannot open a message of Alice's phone, and asks for it.
fn asked(net: &mut Net) -> FrankingTag {
    let id = net.send(&at("alice", 1), "bob", "a secret");
    net.queues.remove(&at("bob", 1));
    let laptop = net.clients.get_mut(&at("bob", 2)).unwrap();
    let mut records = snapshot(laptop);
    records.retain(|(key, _)| key.table.as_bytes() != b"d\x05alice");
    *laptop = Client::open(MemoryStore::from_records(records)).unwrap();
    net.deliver(&at("bob", 2));
    assert!(net.attend(&at("bob", 2)), "it asks");
    id
}

/// Whether Alice's phone seals a message again now.
fn seals(net: &mut Net, id: FrankingTag) -> bool {
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let upkeep = alice.upkeep(now, rng).unwrap();
    upkeep.outgoing.iter().any(|one| one.id == id)
}

/// A message that was asked for, with a session on which it can be sealed again.
fn asked_with_session(net: &mut Net) -> FrankingTag {
    let id = asked(net);
    net.deliver(&at("alice", 1));
    assert!(net.attend(&at("alice", 1)), "she starts a session");
    id
}

#[test]
fn chk317_nothing_is_sealed_again_while_there_are_two_rosters_of_one_version() {
    let mut net = Net::of_four();
    net.wait(31 * DAY_MS);
    let id = asked_with_session(&mut net);
    // A thief with a copy of Bob's manager signs another roster of the same version.
    let (peer, now) = (account("bob"), net.world.now);
    let phone = net.client(&at("bob", 1));
    let mut thief = Client::open(MemoryStore::from_records(snapshot(phone))).unwrap();
    let genuine = phone.renew_roster(now).unwrap().unwrap();
    let later = Timestamp::from_millis(now.as_millis() + 1);
    let forged = thief.renew_roster(later).unwrap().unwrap();
    let alice = net.client(&at("alice", 1));
    alice.take_roster(&peer, &genuine, now).unwrap();
    alice.take_roster(&peer, &forged, now).unwrap_err();
    assert!(!seals(&mut net, id));
    net.post_roster("bob");
    net.link("bob");
    let roster = net.world.roster(&peer);
    let alice = net.client(&at("alice", 1));
    alice.take_roster(&peer, &roster, now).unwrap();
    assert!(seals(&mut net, id));
}

#[test]
fn chk327_row_5_a_device_that_counts_no_more_after_60_days_gets_nothing_again() {
    let mut net = Net::of_four();
    net.wait(55 * DAY_MS);
    let id = asked_with_session(&mut net);
    net.wait(6 * DAY_MS);
    assert!(!seals(&mut net, id));
    // The manager signs again.
    let now = net.world.now;
    let phone = net.client(&at("bob", 1));
    let roster = phone.renew_roster(now).unwrap().unwrap();
    let alice = net.client(&at("alice", 1));
    alice.take_roster(&account("bob"), &roster, now).unwrap();
    assert!(seals(&mut net, id));
}

#[test]
fn chk325_the_refusal_of_a_removed_device_is_ignored_and_what_its_preamble_claims() {
    let mut net = Net::of_four();
    let id = asked(&mut net);
    net.remove("bob", 2);
    let roster = net.world.roster(&account("bob"));
    let now = net.world.now;
    let alice = net.client(&at("alice", 1));
    alice.take_roster(&account("bob"), &roster, now).unwrap();
    for delivery in net.take_queue(&at("alice", 1)) {
        let received = net.client(&at("alice", 1)).receive(&delivery).unwrap();
        assert!(matches!(received, Received::Refused { again, .. } if again.is_empty()));
    }
    assert!(!seals(&mut net, id));
}

#[test]
fn chk325_the_copy_of_a_removed_own_device_is_marked_and_accepts_nobody() {
    let mut net = Net::of(&["alice", "carol"]);
    let laptop = net.link("alice");
    net.fetch(&at("alice", 1), "alice");
    net.send(&laptop, "carol", "hello, stranger");
    let copies = net.take_queue(&at("alice", 1));
    net.remove("alice", 2);
    for (number, copy) in copies.iter().enumerate() {
        let phone = net.client(&at("alice", 1));
        let Received::Sent { to, message } = phone.receive(copy).unwrap() else {
            panic!("a copy, {number}")
        };
        assert!(message.is_from_removed_device());
        let stored = phone.message(&to, message.id()).unwrap().unwrap();
        assert!(stored.is_from_removed_device());
        assert!(!phone.peer_state(to.account().unwrap()).unwrap().is_accepted);
    }
    assert_eq!(copies.len(), 1);
}

#[test]
fn chk327_a_removed_device_gets_nothing_again() {
    let mut net = Net::of_four();
    // The laptop asks for a message that did not open, and is removed before it gets it.
    let id = asked(&mut net);
    net.deliver(&at("alice", 1));
    net.remove("bob", 2);
    let roster = net.world.roster(&account("bob"));
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&account("bob"), &roster, now).unwrap();
    let upkeep = alice.upkeep(now, rng).unwrap();
    assert!(
        upkeep.outgoing.iter().all(|one| one.id != id),
        "not sealed again"
    );
    let wanted = upkeep.bundles.iter().flat_map(|one| &one.devices);
    assert!(
        wanted
            .into_iter()
            .all(|device| *device != at("bob", 2).device)
    );
}

#[test]
fn chk323_a_device_that_no_roster_lists_is_not_heard_and_its_message_waits() {
    let mut net = Net::of(&["alice", "bob"]);
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    net.send(&at("bob", 1), "alice", "hello");
    net.run();
    let laptop = net.link("bob");
    net.send(&laptop, "alice", "from my laptop");
    let delivery = net.take_queue(&at("alice", 1)).remove(0);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let waits = alice.receive(&delivery).unwrap_err();
    let ReceiveError::UnknownDevice { device } = &waits else {
        panic!("{waits}")
    };
    assert_eq!((device, waits.advice()), (&laptop, Advice::FetchRoster));
    assert_eq!(alice.upkeep(now, rng).unwrap().rosters, [account("bob")]);
    let roster = net.world.roster(&account("bob"));
    alice.take_roster(&account("bob"), &roster, now).unwrap();
    let received = alice.receive(&delivery).unwrap();
    assert!(matches!(
        received,
        Received::Message {
            from_removed_device: false,
            ..
        }
    ));
}
