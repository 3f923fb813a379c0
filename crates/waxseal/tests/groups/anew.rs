//! Accounts that begin anew under another key, and invitations from before that.

use waxseal::reporting::ConversationId;
use waxseal::reporting::message::Content;
use waxseal::{Client, GroupId, GroupStanding, MemoryStore};
use waxseal_world::{account, snapshot};

use crate::insider::Insider;
use crate::support::{Net, first};

/// A group with the admins Alice and Carol, and Bob, who is in no group.
fn with_two_admins() -> (Net, GroupId) {
    let (mut net, group) = Net::of_group(&["alice", "carol"]);
    let bob = net.world.register("bob");
    net.clients.insert(first("bob"), bob);
    net.promote(&group, "alice", "carol");
    net.fetch(&first("carol"), &group);
    net.run();
    (net, group)
}

/// Bob begins anew, and Alice's user accepts his new key.
fn begin_anew(net: &mut Net, group: &GroupId) {
    let bob = net.world.register("bob");
    net.clients.insert(first("bob"), bob);
    let (new, now) = (net.key("bob"), net.world.now);
    let roster = net.world.roster(&account("bob"));
    let client = net.client(&first("alice"));
    client.accept_identity(&account("bob"), &new).unwrap();
    client.take_roster(&account("bob"), &roster, now).unwrap();
    let unknown = client.members_without_roster(group).unwrap();
    assert_eq!(unknown, [account("bob")]);
    client.take_group_rosters(group, &[roster], now).unwrap();
    assert!(client.members_without_roster(group).unwrap().is_empty());
}

/// Alice invited Bob, but Carol added him. Someone else has his account now, whom nobody invited.
#[test]
fn chk444_an_old_invitation_brings_no_member_back_under_another_key() {
    let (mut net, group) = with_two_admins();
    let alice = first("alice");
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
    let (mut net, group) = with_two_admins();
    let (alice, carol) = (first("alice"), first("carol"));
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
    begin_anew(&mut net, &group);
    begin_anew(&mut net, &group);
    net.join(&group, "alice", "bob");
}

#[test]
fn chk444_an_invitation_to_come_back_counts_if_the_old_member_is_removed_first() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    begin_anew(&mut net, &group);
    net.invite(&group, "alice", "bob");
    net.remove(&group, "alice", "bob");
    net.accept(&group, "alice", "bob");
    net.run();
    assert_eq!(
        net.standing(&first("bob"), &group),
        Some(GroupStanding::Member)
    );
}

#[test]
fn a_damaged_contact_of_a_suspended_member_keeps_no_roster_of_others_away() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    begin_anew(&mut net, &group);
    let alice = first("alice");
    let mut records = snapshot(&net.clients[&alice]);
    let contacts = records
        .iter_mut()
        .filter(|(key, _)| key.table.as_bytes() == b"n");
    let damaged = contacts.map(|(_, value)| *value = vec![0xff]);
    assert_eq!(damaged.count(), 2, "Bob's, and her own account's");
    let client = Client::open(MemoryStore::from_records(records)).unwrap();
    assert!(client.members_without_roster(&group).is_ok());
}
