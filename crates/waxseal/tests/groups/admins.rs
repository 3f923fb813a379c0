//! Several admins: the key that they share, and entries that meet at the provider.

use waxseal::{GroupPolicy, GroupStanding, Notice};
use waxseal_world::{EntryRefused, account, snapshot};

use crate::support::{HOUR_MS, Net, at, first};

/// Alice and Bob are admins, Carol and Dave are members.
fn of_admins() -> (Net, waxseal::GroupId) {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol", "dave"]);
    net.promote(&group, "alice", "bob");
    for name in ["bob", "carol", "dave"] {
        net.fetch(&first(name), &group);
    }
    (net, group)
}

#[test]
fn chk440_the_other_admins_have_the_next_key_before_the_entry_is_posted() {
    let (mut net, group) = of_admins();
    net.promote(&group, "alice", "carol");
    let (alice, bob) = (first("alice"), first("bob"));
    net.fetch(&bob, &group);
    let old = net.seed(&alice, &group).unwrap().public();
    // Alice demotes Carol. Bob is told the next key first.
    let entry = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("carol"), now, rng)
    });
    assert_eq!(entry.unwrap(), None);
    let waiting = |net: &mut Net| {
        let pending = net.call(&first("alice"), |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        pending.unwrap().items.len()
    };
    assert_eq!(waiting(&mut net), 0);
    let upkeep = net
        .call(&alice, |client, now, rng| client.upkeep(now, rng))
        .unwrap();
    assert_eq!(upkeep.outgoing.len(), 1);
    assert_eq!(upkeep.outgoing[0].to, account("bob"));
    assert_eq!(waiting(&mut net), 0, "the relay has not accepted the note");
    net.post(&alice, &upkeep.outgoing[0]);
    assert_eq!(waiting(&mut net), 1);
    net.deliver(&bob);
    net.post_entries(&alice);
    // Bob has the key as soon as he has the entry.
    net.fetch(&bob, &group);
    let new = net.seed(&bob, &group).unwrap().public();
    assert_ne!(new, old);
    assert_eq!(net.seed(&alice, &group).unwrap().public(), new);
    assert!(net.seed(&first("carol"), &group).is_none());
}

#[test]
fn chk440_an_admin_who_cannot_be_told_holds_up_nothing_and_asks() {
    let (mut net, group) = of_admins();
    net.promote(&group, "alice", "carol");
    net.fetch(&first("bob"), &group);
    let (alice, bob) = (first("alice"), first("bob"));
    let entry = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("carol"), now, rng)
    });
    assert_eq!(entry.unwrap(), None);
    net.wait(10 * 60_000);
    assert_eq!(net.post_entries(&alice), 1);
    net.fetch(&bob, &group);
    assert!(net.seed(&bob, &group).is_none());
    let refused = net.call(&bob, |client, now, rng| {
        client.remove_member(&group, &account("dave"), now, rng)
    });
    assert!(matches!(
        refused,
        Err(waxseal::errors::EditGroupError::NoKey)
    ));
    // His upkeep asks Alice, and her client answers.
    net.run();
    assert!(net.seed(&bob, &group).is_some());
}

#[test]
fn chk441_of_two_entries_of_one_version_the_second_is_discarded_with_its_key() {
    let (mut net, group) = of_admins();
    let (alice, bob) = (first("alice"), first("bob"));
    // Bob removes Carol, while Alice demotes Bob: her entry has another key.
    let bobs = net.call(&bob, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    let alices = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("bob"), now, rng)
    });
    let alices = alices.unwrap().unwrap();
    net.post_entry(&bob, &bobs.unwrap().unwrap());
    let posted = net.world.post_entry(&alice, &alices.entry);
    let Err(EntryRefused::Conflict(news)) = posted else {
        panic!("{posted:?}");
    };
    let now = net.world.now;
    let before = net.seed(&alice, &group).unwrap().public();
    net.client(&alice)
        .take_group_news(&group, &news, now)
        .unwrap();
    assert_eq!(net.seed(&alice, &group).unwrap().public(), before);
    // What she signed is gone, with the seed in it, and she makes her change again.
    assert!(!holds(&net, "alice", &alices.entry));
    let pending = net.call(&alice, |client, now, rng| {
        client.pending_entries(None, 9, now, rng)
    });
    let pending = pending.unwrap().items;
    assert_eq!(pending.len(), 1);
    assert_ne!(pending[0].entry, alices.entry);
    net.post_entry(&alice, &pending[0]);
    net.fetch(&bob, &group);
    for device in [&alice, &bob] {
        let info = net.info(device, &group);
        assert!(info.member(&account("carol")).is_none());
        assert!(!info.member(&account("bob")).unwrap().is_admin);
    }
}

#[test]
fn the_key_of_an_entry_whose_receipt_was_lost_for_long_is_not_lost() {
    let (mut net, group) = of_admins();
    let (alice, carol) = (first("alice"), account("carol"));
    // Alice is the only admin then, so nobody else has the next key.
    let entry = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("bob"), now, rng)
    });
    let entry = entry.unwrap().unwrap();
    net.world.post_entry(&alice, &entry.entry).unwrap();
    // Twice it is too old to be posted again before she hears that the provider took it.
    for _ in 0..2 {
        net.wait(13 * HOUR_MS);
        let pending = net.call(&alice, |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        assert_ne!(pending.unwrap().items[0].entry, entry.entry);
    }
    net.fetch(&alice, &group);
    assert!(net.seed(&alice, &group).is_some());
    net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &carol, now, rng)
    })
    .unwrap();
    assert_eq!(net.post_entries(&alice), 1);
    assert_eq!(net.conflicts, 0);
}

#[test]
fn of_two_entries_with_another_key_each_that_come_at_once_the_last_key_is_known() {
    let (mut net, group) = of_admins();
    for name in ["carol", "dave"] {
        net.promote(&group, "alice", name);
    }
    for name in ["bob", "carol"] {
        net.fetch(&first(name), &group);
    }
    let told: [(&str, &str, &[&str]); 2] = [
        ("carol", "dave", &["alice", "bob"]),
        ("bob", "carol", &["alice"]),
    ];
    for (admin, former, others) in told {
        let admin = first(admin);
        net.fetch(&admin, &group);
        for other in others {
            net.start(&admin, other);
            net.start(&first(other), admin.account.as_str()); // it knows the device then
        }
        let entry = net.call(&admin, |client, now, rng| {
            client.demote(&group, &account(former), now, rng)
        });
        assert_eq!(entry.unwrap(), None);
        let upkeep = net.call(&admin, |client, now, rng| client.upkeep(now, rng));
        for outgoing in upkeep.unwrap().outgoing {
            net.post(&admin, &outgoing);
        }
        for other in others {
            net.deliver(&first(other));
        }
        assert_eq!(net.post_entries(&admin), 1);
    }
    // Alice fetches both only now.
    let alice = first("alice");
    net.fetch(&alice, &group);
    assert!(net.seed(&alice, &group).is_some());
}

/// Whether the store of a device contains these bytes.
fn holds(net: &Net, name: &str, bytes: &[u8]) -> bool {
    let records = snapshot(&net.clients[&first(name)]);
    let mut values = records.iter().map(|(_, value)| value);
    values.any(|value| value.windows(bytes.len()).any(|window| window == bytes))
}

#[test]
fn a_change_that_makes_no_sense_any_more_is_told_to_the_admin() {
    let (mut net, group) = of_admins();
    let (alice, bob) = (first("alice"), first("bob"));
    // Both remove Carol: that is done. Alice promotes Dave, whom Bob removes: that is lost.
    for (name, is_lost) in [("carol", false), ("dave", true)] {
        let bobs = net.call(&bob, |client, now, rng| {
            client.remove_member(&group, &account(name), now, rng)
        });
        let alices = net.call(&alice, |client, now, rng| match is_lost {
            true => client.promote(&group, &account(name), now, rng),
            false => client.remove_member(&group, &account(name), now, rng),
        });
        net.post_entry(&bob, &bobs.unwrap().unwrap());
        net.post_entry(&alice, &alices.unwrap().unwrap());
        assert_eq!(net.post_entries(&alice), 0);
        let told = net
            .notices(&alice)
            .contains(&Notice::GroupChangeLost { group });
        assert_eq!(told, is_lost);
    }
    assert_eq!(net.conflicts, 2);
    assert_eq!(net.members(&alice, &group), ["alice", "bob"]);
}

#[test]
fn an_entry_whose_answer_was_lost_counts_when_it_is_among_the_news() {
    let (mut net, group) = of_admins();
    let alice = first("alice");
    let entry = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("bob"), now, rng)
    });
    let entry = entry.unwrap().unwrap();
    net.world.post_entry(&alice, &entry.entry).unwrap();
    // The same bytes are posted again, and get the same answer.
    let again = net.call(&alice, |client, now, rng| {
        client.pending_entries(None, 9, now, rng)
    });
    assert_eq!(again.unwrap().items, [entry]);
    net.fetch(&alice, &group);
    assert!(net.seed(&alice, &group).is_some(), "the new key counts");
    assert_eq!(net.post_entries(&alice), 0);
}

#[test]
fn after_a_device_of_an_admin_was_removed_the_next_entry_has_another_key() {
    let mut net = Net::of(&["alice", "bob", "carol"]);
    let laptop = net.link("bob");
    let group = net.found(&first("alice"));
    for name in ["bob", "carol"] {
        net.join(&group, "alice", name);
    }
    net.promote(&group, "alice", "bob");
    net.fetch(&first("bob"), &group);
    net.run();
    assert!(net.seed(&laptop, &group).is_some());
    let (alice, before) = (
        first("alice"),
        net.seed(&first("alice"), &group).unwrap().public(),
    );
    // Bob's laptop was stolen.
    let now = net.world.now;
    net.client(&first("bob"))
        .remove_device(laptop.device, now)
        .unwrap();
    net.post_roster("bob");
    net.clients.remove(&laptop);
    let roster = net.world.roster(&account("bob"));
    net.client(&alice)
        .take_roster(&account("bob"), &roster, now)
        .unwrap();
    let policy = GroupPolicy { admins_write: true };
    let entry = net.call(&alice, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    assert_eq!(entry.unwrap(), None, "Bob is told first");
    net.run();
    let after = net.seed(&alice, &group).unwrap().public();
    assert_ne!(after, before);
    net.wait(HOUR_MS);
    net.fetch(&first("bob"), &group);
    assert_eq!(net.seed(&at("bob", 1), &group).unwrap().public(), after);
    assert_eq!(
        net.standing(&at("bob", 1), &group),
        Some(GroupStanding::Member)
    );
}

#[test]
fn item_08_a_new_seed_goes_to_the_admins_before_its_entry_and_a_lost_race_discards_it() {
    let (mut net, group) = of_admins();
    net.promote(&group, "alice", "carol");
    let (alice, bob) = (first("alice"), first("bob"));
    net.fetch(&bob, &group);
    let old = net.seed(&alice, &group).unwrap().public();
    let pending = |net: &mut Net| {
        let pending = net.call(&first("alice"), |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        pending.unwrap().items
    };
    let tell = |net: &mut Net| {
        assert!(pending(net).is_empty(), "the other admin is not told yet");
        let upkeep = net.call(&first("alice"), |client, now, rng| client.upkeep(now, rng));
        for outgoing in upkeep.unwrap().outgoing {
            net.post(&first("alice"), &outgoing);
        }
        net.deliver(&first("bob"));
        let entry = pending(net).remove(0).entry;
        (
            waxseal_roster::group::SignedEntry::decode(&entry).unwrap(),
            entry,
        )
    };
    let demoted = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("carol"), now, rng)
    });
    assert_eq!(demoted.unwrap(), None);
    let (lost, bytes) = tell(&mut net);
    // Bob's change is taken first.
    let policy = GroupPolicy { admins_write: true };
    let bobs = net.call(&bob, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    net.post_entry(&bob, &bobs.unwrap().unwrap());
    let posted = net.world.post_entry(&alice, &bytes);
    let Err(EntryRefused::Conflict(news)) = posted else {
        panic!("{posted:?}");
    };
    let now = net.world.now;
    let client = net.client(&alice);
    client.take_group_news(&group, &news, now).unwrap();
    assert!(!holds(&net, "alice", &bytes));
    for device in [&alice, &bob] {
        assert_eq!(net.seed(device, &group).unwrap().public(), old);
    }
    // The change is made again with another seed, which Bob has before the entry counts.
    let (next, bytes) = tell(&mut net);
    assert_ne!(next.authority(), lost.authority());
    net.world.post_entry(&alice, &bytes).unwrap();
    net.fetch(&bob, &group);
    let new = net.seed(&bob, &group).unwrap().public();
    assert_eq!(&new, next.authority());
}
