//! The other devices of an account learn of its groups.

use waxseal::errors::ReceiveError;
use waxseal::{Client, DeviceAddress, GroupStanding, MemoryStore, Notice};
use waxseal_world::{account, snapshot};

use crate::support::{HOUR_MS, Net, first};
use crate::talk::Talk;

#[test]
fn the_other_devices_of_who_founds_a_group_learn_of_it_with_its_key() {
    let mut net = Net::of(&["alice", "bob"]);
    let laptop = net.link("alice");
    let group = net.found(&first("alice"));
    net.run();
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
    assert!(net.seed(&laptop, &group).is_some());
    // The laptop changes the group, too.
    net.join(&group, "alice", "bob");
    net.run();
    net.fetch(&laptop, &group);
    let entry = net.call(&laptop, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    net.post_entry(&laptop, &entry.unwrap().unwrap());
    net.fetch(&first("alice"), &group);
    assert_eq!(net.members(&first("alice"), &group), ["alice"]);
}

#[test]
fn all_devices_of_who_accepts_come_into_the_group() {
    let mut net = Net::of(&["alice", "bob"]);
    let laptop = net.link("bob");
    let group = net.found(&first("alice"));
    net.join(&group, "alice", "bob");
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
    assert_eq!(net.members(&laptop, &group), ["alice", "bob"]);
}

#[test]
fn a_device_that_is_linked_later_learns_of_the_groups() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    for name in ["alice", "bob"] {
        let laptop = net.link(name);
        net.run();
        assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
        assert_eq!(net.seed(&laptop, &group).is_some(), name == "alice");
    }
}

#[test]
fn a_device_that_could_not_open_the_word_of_a_group_is_told_again() {
    let mut net = Net::of(&["alice", "bob"]);
    let (phone, laptop) = (first("alice"), net.link("alice"));
    net.run();
    let before = snapshot(&net.clients[&laptop]);
    net.start(&phone, "bob");
    net.start(&laptop, "bob");
    for device in [&phone, &laptop, &phone, &laptop, &phone] {
        let sent = net.call(device, |client, now, rng| {
            client.send(&account("bob"), "hello", now, rng)
        });
        net.post(device, &sent.unwrap());
        net.run();
    }
    // Its store is set back, so what the phone says now does not open.
    let set_back = Client::open(MemoryStore::from_records(before)).unwrap();
    net.clients.insert(laptop.clone(), set_back);
    let group = net.found(&phone);
    for _ in 0..4 {
        net.run();
        net.wait(HOUR_MS);
    }
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
}

/// The manager has a session with the other devices, and none with the new one yet.
#[test]
fn a_device_that_is_linked_later_beside_others_learns_of_the_groups() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    for name in ["alice", "bob", "bob", "alice"] {
        let linked = net.link(name);
        net.run();
        assert_eq!(net.standing(&linked, &group), Some(GroupStanding::Member));
    }
}

#[test]
fn a_device_is_told_of_a_group_by_one_that_asks_for_its_key_at_once() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let (phone, laptop) = (first("bob"), net.link("bob"));
    let bob = account("bob");
    let bundles = net.world.bundles_for(Some(&phone), &bob, &[laptop.device]);
    let started = net.call(&phone, |client, now, rng| {
        client.start(&bob, &bundles, now, rng)
    });
    started.unwrap();
    // Bob hears that he is an admin now before Alice tells him the key.
    let entry = net.call(&first("alice"), |client, now, rng| {
        client.promote(&group, &bob, now, rng)
    });
    net.post_entry(&first("alice"), &entry.unwrap().unwrap());
    net.fetch(&phone, &group);
    net.attend(&phone);
    net.run();
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
}

/// The account was removed and came back before the device was linked.
#[test]
fn chk438_a_device_that_is_linked_later_reads_of_an_earlier_removal_and_stays() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    net.remove(&group, "alice", "bob");
    net.fetch(&first("bob"), &group);
    net.wait(1_000); // an invitation counts after the removal
    net.join(&group, "alice", "bob");
    let laptop = net.link("bob");
    net.run();
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
    assert!(net.notices(&laptop).is_empty());
    net.wait(HOUR_MS);
    let upkeep = net.call(&laptop, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().left_groups.is_empty());
    // The next removal counts.
    net.remove(&group, "alice", "bob");
    net.fetch(&laptop, &group);
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Removed));
}

/// The device was away while the account was removed, came back, was removed and came back.
#[test]
fn chk438_a_device_that_was_away_comes_back_with_the_last_invitation() {
    let mut net = Net::of(&["alice", "bob"]);
    let laptop = net.link("bob");
    let group = net.found(&first("alice"));
    net.join(&group, "alice", "bob");
    let away = net.clients.remove(&laptop).unwrap();
    for _ in 0..2 {
        net.queues.remove(&laptop); // of the acceptances, only the last one arrives
        net.remove(&group, "alice", "bob");
        net.fetch(&first("bob"), &group);
        net.wait(1_000); // an invitation counts after the removal
        net.join(&group, "alice", "bob");
    }
    net.clients.insert(laptop.clone(), away);
    net.run();
    net.fetch(&laptop, &group);
    assert_eq!(net.standing(&laptop, &group), Some(GroupStanding::Member));
    net.wait(HOUR_MS);
    let upkeep = net.call(&laptop, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().left_groups.is_empty());
}

/// Bob accepts on his laptop, and Alice adds him. What his laptop tells his phone is on its way.
fn with_slow_phone() -> (Talk, DeviceAddress) {
    let mut net = Net::of(&["alice", "bob"]);
    let laptop = net.link("bob");
    let alice = first("alice");
    let group = net.found(&alice);
    net.invite(&group, "alice", "bob");
    let sent = net.call(&laptop, |client, now, rng| {
        client.accept_invitation(&account("alice"), &group, now, rng)
    });
    net.post(&laptop, &sent.unwrap());
    net.deliver(&alice);
    net.attend(&alice);
    assert_eq!(
        net.members(&alice, &group),
        ["alice", "bob"],
        "Alice added him"
    );
    (Talk::in_group(net, group), laptop)
}

#[test]
fn chk438_a_device_waits_for_word_of_the_others_that_the_user_accepted() {
    let (mut talk, laptop) = with_slow_phone();
    let (alice, phone, group) = (first("alice"), first("bob"), talk.group);
    talk.say(&alice, "one");
    let queued = talk.queues[&phone].front().unwrap().clone();
    let error = talk.refuses(&phone, &queued);
    assert!(matches!(error, ReceiveError::GroupNews { group: of } if of == group));
    let upkeep = |talk: &mut Talk| {
        let upkeep = talk
            .net
            .call(&first("bob"), |client, now, rng| client.upkeep(now, rng));
        upkeep.unwrap()
    };
    assert!(upkeep(&mut talk).left_groups.is_empty());
    talk.run();
    for device in [&phone, &laptop] {
        assert_eq!(
            talk.net.standing(device, &group),
            Some(GroupStanding::Member)
        );
        assert_eq!(talk.shown(device), ["alice: one"]);
    }
    assert!(talk.net.notices(&phone).is_empty());
    assert!(upkeep(&mut talk).left_groups.is_empty());
}

#[test]
fn chk438_a_device_that_hears_nothing_of_the_others_leaves_after_an_hour() {
    let (mut talk, _) = with_slow_phone();
    let (alice, phone, group) = (first("alice"), first("bob"), talk.group);
    talk.say(&alice, "one");
    let queued = talk.queues[&phone].front().unwrap().clone();
    talk.refuses(&phone, &queued);
    talk.net.wait(HOUR_MS);
    let upkeep = talk
        .net
        .call(&phone, |client, now, rng| client.upkeep(now, rng));
    assert_eq!(upkeep.unwrap().left_groups, [group]);
    talk.client(&phone).confirm_group_leave(&group).unwrap();
    let told = Notice::GroupUninvited { group };
    assert!(talk.net.notices(&phone).contains(&told));
}
