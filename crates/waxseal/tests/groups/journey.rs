//! The way of a group: founded, joined, changed.

use waxseal::errors::EditGroupError;
use waxseal::{GroupPolicy, GroupStanding, Notice};
use waxseal_world::{account, snapshot};

use crate::support::{Net, accounts, first};

#[test]
fn a_group_is_founded_and_an_account_is_invited_and_joins() {
    let mut net = Net::of(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let founded = net.call(&alice, |client, now, rng| {
        client.create_group(GroupPolicy { admins_write: true }, now, rng)
    });
    let (group, entry) = founded.unwrap();
    assert_eq!(net.standing(&alice, &group), Some(GroupStanding::New));
    net.post_entry(&alice, &entry);
    let info = net.info(&alice, &group);
    assert_eq!((info.standing, info.version), (GroupStanding::Member, 1));
    assert!(info.policy.admins_write && info.members[0].is_admin);

    net.invite(&group, "alice", "bob");
    let invited = net.client(&alice).invited(&group, None, 9).unwrap();
    assert_eq!(invited.items, accounts(&["bob"]));
    let info = net.info(&bob, &group);
    assert_eq!(info.standing, GroupStanding::Invited);
    assert_eq!((info.version, info.inviters), (0, accounts(&["alice"])));
    assert_eq!(
        net.members(&alice, &group),
        ["alice"],
        "not before he accepts"
    );

    net.accept(&group, "alice", "bob");
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Accepted));
    net.run();
    for device in [&alice, &bob] {
        let info = net.info(device, &group);
        assert_eq!((info.standing, info.version), (GroupStanding::Member, 2));
        assert_eq!(net.members(device, &group), ["alice", "bob"]);
        assert!(!info.member(&account("bob")).unwrap().is_admin);
    }
    let invited = net.client(&alice).invited(&group, None, 9).unwrap();
    assert!(invited.items.is_empty());
    assert_eq!(net.client(&bob).groups(None, 9).unwrap().items.len(), 1);
}

#[test]
fn several_acceptances_make_one_entry() {
    let mut net = Net::of(&["alice", "bob", "carol", "dave"]);
    let group = net.found(&first("alice"));
    for name in ["bob", "carol", "dave"] {
        net.invite(&group, "alice", name);
    }
    for name in ["bob", "carol", "dave"] {
        net.accept(&group, "alice", name);
    }
    net.run();
    for name in ["alice", "bob", "carol", "dave"] {
        let info = net.info(&first(name), &group);
        assert_eq!((info.version, info.members.len()), (2, 4));
    }
}

#[test]
fn an_admin_promotes_demotes_removes_and_sets_the_policy() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let (alice, bob) = (first("alice"), first("bob"));
    net.promote(&group, "alice", "bob");
    assert!(
        net.info(&bob, &group)
            .member(&account("bob"))
            .unwrap()
            .is_admin
    );
    assert!(net.seed(&bob, &group).is_some(), "all admins have the key");

    // Bob changes the group, too.
    let policy = GroupPolicy { admins_write: true };
    let entry = net.call(&bob, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    net.post_entry(&bob, &entry.unwrap().unwrap());
    net.fetch(&alice, &group);
    assert!(net.info(&alice, &group).policy.admins_write);

    // When an admin is demoted, the key becomes another one, and there is nobody to tell it.
    let before = net.seed(&alice, &group).unwrap().public();
    let entry = net.call(&alice, |client, now, rng| {
        client.demote(&group, &account("bob"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    net.fetch(&bob, &group);
    assert_ne!(net.seed(&alice, &group).unwrap().public(), before);
    assert!(net.seed(&bob, &group).is_none());
    let refused = net.call(&bob, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    assert!(matches!(refused, Err(EditGroupError::NotAdmin)));

    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    let carol = first("carol");
    let update = net.fetch(&carol, &group);
    assert_eq!(update.standing, GroupStanding::Removed);
    assert_eq!(net.notices(&carol), [Notice::GroupRemoved { group }]);
    let update = net.fetch(&bob, &group);
    assert_eq!(update.removed, accounts(&["carol"]));
    assert_eq!(net.members(&bob, &group), ["alice", "bob"]);
}

#[test]
fn an_edit_that_cannot_be_made_changes_nothing() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let alice = first("alice");
    let before = snapshot(&net.clients[&alice]);
    let mut refused = |name: &'static str, is_last: bool| {
        let error = net.call(&alice, |client, now, rng| match is_last {
            true => client.demote(&group, &account(name), now, rng),
            false => client.remove_member(&group, &account(name), now, rng),
        });
        assert!(snapshot(&net.clients[&alice]) == before);
        error.unwrap_err()
    };
    assert!(matches!(refused("alice", true), EditGroupError::LastAdmin));
    assert!(matches!(refused("bob", true), EditGroupError::NoChange));
    assert!(matches!(
        refused("alice", false),
        EditGroupError::OwnAccount
    ));
    assert!(matches!(refused("nobody", false), EditGroupError::NoMember));
    let policy = GroupPolicy::default();
    let same = net.call(&alice, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    assert!(matches!(same, Err(EditGroupError::NoChange)));
    assert!(snapshot(&net.clients[&alice]) == before);
}

#[test]
fn who_was_away_for_long_takes_the_whole_state() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    for number in 0..70 {
        let policy = GroupPolicy {
            admins_write: number % 2 == 0,
        };
        let entry = net.call(&alice, |client, now, rng| {
            client.set_group_policy(&group, policy, now, rng)
        });
        net.post_entry(&alice, &entry.unwrap().unwrap());
    }
    let news = net.world.group_news(&bob, &group, 2).unwrap();
    assert!(news.whole.is_some());
    let update = net.fetch(&bob, &group);
    assert_eq!(
        (update.version, update.standing),
        (72, GroupStanding::Member)
    );
}
