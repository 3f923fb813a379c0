//! Rosters: what devices learn from each other, and what a relay or a manager's thief shows.

use waxseal::errors::{SendError, TakeRosterError};
use waxseal::reporting::Audience;
use waxseal::reporting::message::{Payload, PayloadHeader};
use waxseal::reporting::sender::{Control, seal, seal_control};
use waxseal::{Client, MemoryStore, Notice, RosterChange, Timestamp};
use waxseal_roster::{Roster, SignedRoster};
use waxseal_world::{BareDevice, Provider, account, fanout_of, snapshot};

use crate::support::{DAY_MS, Device, MINUTE_MS, Net, at, ids};

/// A copy of a device, with the same keys: what a thief has.
pub(crate) fn copy_of(client: &Device) -> Device {
    Client::open(MemoryStore::from_records(snapshot(client))).unwrap()
}

/// The next roster of an account, signed by its first device, which only adds nothing.
pub(crate) fn next_of(manager: &mut Device, now: Timestamp) -> Vec<u8> {
    let own = manager.me().device;
    let devices = ids(manager, &manager.me().account.clone());
    let other = devices.into_iter().find(|id| *id != own.0).unwrap();
    manager
        .remove_device(waxseal::DeviceId(other), now)
        .unwrap()
}

#[test]
fn row_5_a_frozen_roster_is_found_out_by_the_next_message_of_any_other_device() {
    let mut net = Net::of_four();
    // The relay shows Alice the roster of before, and takes her messages for the removed device.
    net.world.freeze(Some(&account("alice")), &account("bob"));
    net.remove("bob", 2);
    net.clients.remove(&at("bob", 2));
    net.world.register_device(&at("bob", 2));
    assert_eq!(ids(net.client(&at("alice", 1)), &account("bob")), [1, 2]);
    net.send(&at("bob", 1), "alice", "I lost my laptop");
    net.deliver(&at("alice", 1));
    // His claim is newer than what she knows. The relay does not give her the roster.
    assert!(net.attend(&at("alice", 1)));
    assert_eq!(ids(net.client(&at("alice", 1)), &account("bob")), [1, 2]);
    // Her next message says which roster she goes by, and his device tells her the newer one.
    net.send(&at("alice", 1), "bob", "which laptop?");
    net.run();
    assert_eq!(ids(net.client(&at("alice", 1)), &account("bob")), [1]);
    let notices = net.notices(&at("alice", 1));
    let is_removed = |notice: &Notice| matches!(notice, Notice::DevicesChanged { removed, .. } if *removed == [at("bob", 2).device]);
    assert!(notices.iter().any(is_removed), "{notices:?}");
    let sent = net.seal(&at("alice", 1), "bob", "I see");
    let slots = fanout_of(&sent.envelope);
    assert!(
        slots
            .slots()
            .iter()
            .all(|slot| slot.own || slot.device == at("bob", 1).device)
    );
}

#[test]
fn row_5_after_60_days_without_news_only_managers_count() {
    let mut net = Net::of_four();
    net.world.freeze(Some(&account("alice")), &account("bob"));
    let peer = account("bob");
    for (days, expected) in [(59, vec![1, 2]), (61, vec![1])] {
        let now = Timestamp::from_millis(waxseal_world::NOW.as_millis() + days * DAY_MS);
        let rng = &mut net.world.rng;
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        let sent = alice.send(&peer, "still there?", now, rng).unwrap();
        let fanout = fanout_of(&sent.envelope);
        let theirs = fanout.slots().iter().filter(|slot| !slot.own);
        let theirs: Vec<_> = theirs.map(|slot| slot.device.0).collect();
        assert_eq!(theirs, expected, "{days}");
    }
    // Her own manager is told to sign again.
    let now = Timestamp::from_millis(waxseal_world::NOW.as_millis() + 31 * DAY_MS);
    let rng = &mut net.world.rng;
    let alice = net.clients.get_mut(&at("alice", 2)).unwrap();
    alice.upkeep(now, rng).unwrap();
    let notices = alice.notices(None, 9).unwrap().items;
    assert!(notices.contains(&Notice::RosterOld));
}

#[test]
fn a_clock_a_year_off_makes_no_roster_old_and_no_thief_heard() {
    for is_ahead in [true, false] {
        let mut net = Net::of_four();
        let (peer, true_now) = (account("bob"), net.world.now);
        let year = 365 * DAY_MS;
        let own_now = Timestamp::from_millis(match is_ahead {
            true => true_now.as_millis() + year,
            false => true_now.as_millis() - year,
        });
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        alice.check_clock(true_now, own_now).unwrap();
        let rng = &mut net.world.rng;
        let sent = alice.send(&peer, "what year is it?", own_now, rng).unwrap();
        let fanout = fanout_of(&sent.envelope);
        assert_eq!(fanout.slots().len(), 3, "all devices count");
        assert!(sent.without.is_empty());
        let waiting = alice.outbox(None, 9, true_now).unwrap().items;
        net.post(&at("alice", 1), waiting.last().unwrap());
        net.run();

        // A removal that is learnt by this clock ends what the removed device can say.
        net.remove("bob", 2);
        let roster = net.world.roster(&peer);
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        alice.take_roster(&peer, &roster, own_now).unwrap();
        net.world.be_honest();
        net.wait(60 * MINUTE_MS);
        let rng = &mut net.world.rng;
        let thief = net.clients.get_mut(&at("bob", 2)).unwrap();
        let sent = thief
            .send(&account("alice"), "still me", net.world.now, rng)
            .unwrap();
        let envelope = waxseal_world::envelope_of(&sent.envelope);
        net.world.register_device(&at("bob", 2));
        let (delivery, _) = net
            .world
            .stamp_as(&at("bob", 2), &at("alice", 1), &envelope);
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        let refused = alice.receive(&delivery).unwrap_err();
        assert_eq!(refused.advice(), waxseal::Advice::Drop, "{is_ahead}");
        // In time again, the own clock counts.
        alice.check_clock(true_now, true_now).unwrap();
    }
}

#[test]
fn chk312_a_roster_under_another_account_key_is_refused_before_and_after_the_warning() {
    let mut net = Net::of_four();
    let mut elsewhere = Provider::new(9);
    elsewhere.register("bob");
    let other = elsewhere.roster(&account("bob"));
    let (peer, now) = (account("bob"), net.world.now);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let known = alice.roster_of(&peer).unwrap();
    let refused = alice.take_roster(&peer, &other, now);
    let new = elsewhere.account_key(&peer);
    assert!(matches!(refused, Err(TakeRosterError::IdentityChanged { new: key }) if key == new));
    assert_eq!(alice.roster_of(&peer).unwrap(), known);
    let warned = Notice::IdentityChanged {
        account: peer.clone(),
        new,
    };
    assert!(alice.notices(None, 9).unwrap().items.contains(&warned));
    // The messages go on under the key that is pinned.
    let rng = &mut net.world.rng;
    alice.send(&peer, "who is that?", now, rng).unwrap();
    // The own account has no other key either.
    let mut elsewhere = Provider::new(9);
    elsewhere.register("alice");
    let other = elsewhere.roster(&account("alice"));
    let refused = alice.take_roster(&account("alice"), &other, now);
    assert!(matches!(
        refused,
        Err(TakeRosterError::IdentityChanged { .. })
    ));
    // A verified mark belongs to the key.
    alice.mark_verified(&peer, true).unwrap();
    assert!(alice.peer_state(&peer).unwrap().is_verified);
    alice.accept_identity(&peer, &new).unwrap();
    assert!(!alice.peer_state(&peer).unwrap().is_verified);
}

#[test]
fn chk317_row_4_nothing_is_sent_while_there_are_two_rosters_of_one_version() {
    let mut net = Net::of_four();
    let (peer, now) = (account("bob"), net.world.now);
    // A thief with a copy of Bob's manager signs another roster of the same version.
    let phone = net.clients.get_mut(&at("bob", 1)).unwrap();
    let mut thief = copy_of(phone);
    let genuine = next_of(phone, now);
    let later = Timestamp::from_millis(now.as_millis() + 5);
    let forged = next_of(&mut thief, later);
    let stamps = [&genuine, &forged].map(|bytes| {
        let roster = SignedRoster::decode(bytes).unwrap().verify("bob").unwrap();
        (roster.stamp(), roster.hash())
    });
    assert_eq!(stamps[0].0, stamps[1].0);
    assert_ne!(stamps[0].1, stamps[1].1);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&peer, &genuine, now).unwrap();
    let refused = alice.take_roster(&peer, &forged, now);
    assert!(matches!(refused, Err(TakeRosterError::Conflict)));
    let conflict = Notice::RosterConflict {
        account: peer.clone(),
        known: genuine.clone(),
        other: forged,
    };
    assert!(alice.notices(None, 9).unwrap().items.contains(&conflict));
    let mut alice = Client::open(MemoryStore::from_records(snapshot(alice))).unwrap();
    let rng = &mut net.world.rng;
    let refused = alice.send(&peer, "to which of you?", now, rng);
    assert!(matches!(refused, Err(SendError::RosterConflict)));
    // A newer one ends it.
    net.clients.insert(at("alice", 1), alice);
    net.post_roster("bob");
    let laptop = net.link("bob");
    assert_eq!(laptop, at("bob", 3));
    let roster = net.world.roster(&peer);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    let change = alice.take_roster(&peer, &roster, now).unwrap();
    assert!(matches!(change, RosterChange::Changed { .. }));
    alice.send(&peer, "there you are", now, rng).unwrap();
}

#[test]
fn chk329_row_3_two_devices_with_other_rosters_of_one_version_notice_by_the_first_message() {
    let mut net = Net::of_four();
    let now = net.world.now;
    // Bob's stolen manager signs a roster for Alice alone, with the laptop gone.
    let phone = net.clients.get_mut(&at("bob", 1)).unwrap();
    let mut thief = copy_of(phone);
    let genuine = next_of(phone, now);
    let forged = next_of(&mut thief, Timestamp::from_millis(now.as_millis() + 5));
    net.post_roster("bob");
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&account("bob"), &forged, now).unwrap();
    // The relay takes what she sends by that roster.
    net.world
        .lie(Some(&account("alice")), &account("bob"), forged.clone());
    net.send(&at("alice", 1), "bob", "are you there?");
    net.deliver(&at("bob", 1));
    let split = Notice::SplitView {
        account: account("bob"),
        known: genuine,
        other: half_of(&forged),
    };
    assert!(net.notices(&at("bob", 1)).contains(&split));
    net.send(&at("bob", 1), "alice", "yes");
    net.deliver(&at("alice", 1));
    let notices = net.notices(&at("alice", 1));
    assert!(
        notices
            .iter()
            .any(|one| matches!(one, Notice::SplitView { known, .. } if *known == forged))
    );
}

/// The first half of a roster's hash.
pub(crate) fn half_of(signed: &[u8]) -> Vec<u8> {
    let roster: Roster = SignedRoster::decode(signed).unwrap().verify("bob").unwrap();
    roster.short_hash().to_vec()
}

#[test]
fn chk319_row_46_ten_thousand_false_claims_cost_one_fetch_an_hour() {
    let mut net = Net::of_four();
    // Bob's phone goes by a roster that nobody hands out.
    let now = net.world.now;
    let phone = net.clients.get_mut(&at("bob", 1)).unwrap();
    let hidden = next_of(phone, now);
    let mut hiding = copy_of(phone);
    hiding.take_roster(&account("bob"), &hidden, now).unwrap();
    net.clients.insert(at("bob", 1), hiding);
    let mut fetches = 0;
    for _ in 0..100 {
        net.wait(1);
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
        let sent = bob.send(&account("alice"), "believe me", now, rng).unwrap();
        let envelope = waxseal_world::envelope_of(&sent.envelope);
        let (delivery, _) = net
            .world
            .stamp_as(&at("bob", 1), &at("alice", 1), &envelope);
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        alice.receive(&delivery).unwrap();
        let upkeep = alice.upkeep(now, &mut net.world.rng).unwrap();
        fetches += upkeep.rosters.len();
        if !upkeep.rosters.is_empty() {
            let roster = net.world.roster(&account("bob"));
            let change = alice.take_roster(&account("bob"), &roster, now).unwrap();
            assert_eq!(change, RosterChange::Unchanged);
        }
    }
    assert_eq!(fetches, 1);
    net.wait(61 * MINUTE_MS);
    let (now, rng) = (net.world.now, &mut net.world.rng);
    let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
    let sent = bob.send(&account("alice"), "believe me", now, rng).unwrap();
    let envelope = waxseal_world::envelope_of(&sent.envelope);
    let (delivery, _) = net
        .world
        .stamp_as(&at("bob", 1), &at("alice", 1), &envelope);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.receive(&delivery).unwrap();
    let upkeep = alice.upkeep(now, &mut net.world.rng).unwrap();
    assert_eq!(upkeep.rosters, [account("bob")]);
}

#[test]
fn chk326_the_own_roster_is_told_once_an_hour_to_a_peer_that_knows_an_older_one() {
    let mut net = Net::of(&["alice", "bob"]);
    net.send(&at("alice", 1), "bob", "hello");
    net.run();
    net.send(&at("bob", 1), "alice", "hello");
    net.run();
    net.world.freeze(Some(&account("alice")), &account("bob"));
    net.link("bob");
    let mut told = 0;
    for _ in 0..5 {
        net.wait(1);
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
        let sent = alice
            .send(&account("bob"), "which of you?", now, rng)
            .unwrap();
        net.post(&at("alice", 1), &sent);
        net.deliver(&at("bob", 1));
        // Nothing of it arrives.
        let (now, rng) = (net.world.now, &mut net.world.rng);
        let bob = net.clients.get_mut(&at("bob", 1)).unwrap();
        let upkeep = bob.upkeep(now, rng).unwrap();
        told += upkeep
            .outgoing
            .iter()
            .filter(|one| one.envelope.len() > 900)
            .count();
    }
    assert_eq!(told, 1);
}

#[test]
fn chk322_a_told_roster_counts_only_for_the_account_that_tells_it_and_if_it_verifies() {
    let mut net = Net::of_four();
    let mallory = BareDevice::new(&mut net.world, "mallory");
    let mut sessions = mallory.initiate(&mut net.world, "bob");
    let (peer, me) = (account("mallory"), account("bob"));
    let known = net.world.newest_roster(&peer).unwrap().clone();
    let draft = known.next(known.at_ms() + 1, 1).unwrap();
    let signature = mallory.identity.sign_roster(&draft.to_sign());
    let next = draft.sign(signature).encode();
    let mut unsigned = next.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    let phone = net.clients.get_mut(&at("alice", 1)).unwrap();
    let alices = next_of(&mut copy_of(phone), net.world.now);
    let before = net
        .client(&at("bob", 1))
        .roster_of(&account("alice"))
        .unwrap();
    net.world
        .show_roster(net.clients.get_mut(&at("bob", 1)).unwrap(), &peer);
    // Of a stranger that says nothing to the user, nothing is kept.
    let conversation = Audience::Direct(me.clone()).conversation(&peer);
    let payload = Payload::text(PayloadHeader::new(0, net.world.now), "hello").unwrap();
    let channel = &mut mallory.channel(&mut sessions);
    let sealed = seal(
        channel,
        &mallory.me,
        &conversation,
        &payload,
        &mut net.world.rng,
    );
    let hello = net
        .world
        .stamp_as(&mallory.me, &at("bob", 1), &sealed.unwrap().envelope);
    net.client(&at("bob", 1)).receive(&hello.0).unwrap();
    for (roster, version) in [(alices, 1), (unsigned, 1), (b"none".to_vec(), 1), (next, 2)] {
        let control = Control {
            roster: Some(roster),
            ..Control::default()
        };
        let conversation = Audience::Direct(me.clone()).conversation(&peer);
        let channel = &mut mallory.channel(&mut sessions);
        let rng = &mut net.world.rng;
        let sealed = seal_control(channel, &mallory.me, &conversation, &control, rng);
        let (delivery, _) = net
            .world
            .stamp_as(&mallory.me, &at("bob", 1), &sealed.unwrap());
        let bob = net.client(&at("bob", 1));
        bob.receive(&delivery).unwrap();
        let taken = bob.roster_of(&peer).unwrap().unwrap();
        assert_eq!(taken.version(), version);
        assert_eq!(bob.roster_of(&account("alice")).unwrap(), before);
    }
}

#[test]
fn a_bricked_version_is_mended_by_the_next_epoch() {
    let mut net = Net::of_four();
    let (peer, now) = (account("bob"), net.world.now);
    let secret = net.client(&at("bob", 1)).account_secret().unwrap().unwrap();
    // A thief of the manager signs another version, and removes everyone else. (Versions that no
    // client signs are in the tests of waxseal-roster.)
    let thief = net.clients.get_mut(&at("bob", 1)).unwrap();
    let old = next_of(&mut copy_of(thief), now);
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&peer, &old, now).unwrap();
    assert_eq!(ids(alice, &peer), [1]);
    let phone = net.clients.get_mut(&at("bob", 1)).unwrap();
    phone.take_over(&secret, &[], now).unwrap();
    let next = phone.pending_roster().unwrap().unwrap();
    let alice = net.clients.get_mut(&at("alice", 1)).unwrap();
    alice.take_roster(&peer, &next, now).unwrap();
    let roster = alice.roster_of(&peer).unwrap().unwrap();
    assert_eq!((roster.epoch(), roster.version()), (2, 1));
    // What the thief signs of the old epoch is older, whatever its version.
    let change = alice.take_roster(&peer, &old, now).unwrap();
    assert_eq!(change, RosterChange::Unchanged);
}
