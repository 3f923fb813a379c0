//! Accounts that begin anew, and invitations of before.

use waxseal::reporting::ConversationId;
use waxseal::reporting::message::Content;
use waxseal_world::account;

use crate::insider::Insider;
use crate::support::{Net, first};

/// Alice invited Bob, and another admin added him. Whoever has his account now was not invited.
#[test]
fn chk444_an_old_invitation_brings_no_member_back_under_another_key() {
    let (mut net, group) = Net::of_group(&["alice", "carol"]);
    let (alice, carol) = (first("alice"), first("carol"));
    let bob = net.world.register("bob");
    net.clients.insert(first("bob"), bob);
    net.promote(&group, "alice", "carol");
    net.fetch(&carol, &group);
    net.run();
    net.invite(&group, "alice", "bob");
    net.join(&group, "carol", "bob");
    net.fetch(&alice, &group);
    net.clients.remove(&first("bob"));
    let mut other = Insider::unknown(&mut net, "bob", "alice");
    let new = net.key("bob");
    let (roster, now) = (net.world.roster(&account("bob")), net.world.now);
    let client = net.client(&alice);
    client.accept_identity(&account("bob"), &new).unwrap();
    client.take_roster(&account("bob"), &roster, now).unwrap();
    let acceptance = || Content::Acceptance {
        group: ConversationId::from_bytes(group.to_bytes()),
    };
    other.send(&mut net, "alice", acceptance());
    assert_eq!(net.post_entries(&alice), 0);
    // Once she invites him again, he comes back.
    let taken = net
        .client(&alice)
        .take_group_rosters(&group, &[roster], now);
    taken.unwrap();
    let bundles = net.world.bundles_for(Some(&alice), &account("bob"), &[]);
    let sent = net.call(&alice, |client, now, rng| {
        client.restart(&account("bob"), &bundles, now, rng).unwrap();
        client.invite(&group, &account("bob"), now, rng)
    });
    sent.unwrap();
    other.send(&mut net, "alice", acceptance());
    assert_eq!(net.post_entries(&alice), 1);
    let info = net.info(&alice, &group);
    assert_eq!(info.member(&account("bob")).unwrap().since, info.version);
}

#[test]
fn chk444_who_was_removed_is_not_added_by_an_acceptance_of_before() {
    let (mut net, group) = Net::of_group(&["alice", "carol"]);
    let (alice, carol) = (first("alice"), first("carol"));
    let bob = net.world.register("bob");
    net.clients.insert(first("bob"), bob);
    net.promote(&group, "alice", "carol");
    net.fetch(&carol, &group);
    net.run();
    net.posts_entries = false;
    for admin in ["alice", "carol"] {
        net.invite(&group, admin, "bob");
        net.accept(&group, admin, "bob");
    }
    net.run();
    assert_eq!(net.post_entries(&carol), 1);
    net.remove(&group, "carol", "bob");
    net.fetch(&alice, &group);
    assert_eq!(net.post_entries(&alice), 0);
    assert_eq!(net.members(&alice, &group), ["alice", "carol"]);
}

#[test]
fn chk444_a_member_that_began_anew_twice_can_be_invited() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let alice = first("alice");
    for _ in 0..2 {
        let bob = net.world.register("bob");
        net.clients.insert(first("bob"), bob);
        let (new, now) = (net.key("bob"), net.world.now);
        let roster = net.world.roster(&account("bob"));
        let client = net.client(&alice);
        client.accept_identity(&account("bob"), &new).unwrap();
        client.take_roster(&account("bob"), &roster, now).unwrap();
        let unknown = client.members_without_roster(&group).unwrap();
        assert_eq!(unknown, [account("bob")]);
        client.take_group_rosters(&group, &[roster], now).unwrap();
        assert!(client.members_without_roster(&group).unwrap().is_empty());
    }
    net.join(&group, "alice", "bob");
}
