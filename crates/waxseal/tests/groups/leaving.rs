//! Leaving, and groups that take the place of others.

use waxseal::errors::EditGroupError;
use waxseal::reporting::message::Content;
use waxseal::{Draft, GroupStanding};
use waxseal_world::{account, snapshot};

use crate::support::{HOUR_MS, Net, accounts, first};
use crate::talk::Talk;

#[test]
fn chk442_the_last_admin_does_not_leave() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    let before = snapshot(&net.clients[&alice]);
    let refused = net.client(&alice).leave_group(&group);
    assert!(matches!(refused, Err(EditGroupError::LastAdmin)));
    assert!(snapshot(&net.clients[&alice]) == before);
    net.promote(&group, "alice", "bob");
    net.client(&alice).leave_group(&group).unwrap();
    assert_eq!(net.standing(&alice, &group), Some(GroupStanding::Left));
    assert!(net.seed(&alice, &group).is_none(), "the key is destroyed");
    let again = net.client(&alice).leave_group(&group);
    assert!(matches!(again, Err(EditGroupError::NotMember)));
    let upkeep = net.call(&alice, |client, now, rng| client.upkeep(now, rng));
    assert_eq!(upkeep.unwrap().left_groups, [group]);
    net.run();
    // An admin removes her, who is no member then.
    let entry = net.call(&bob, |client, now, rng| {
        client.remove_member(&group, &account("alice"), now, rng)
    });
    net.post_entry(&bob, &entry.unwrap().unwrap());
    let update = net.fetch(&alice, &group);
    assert_eq!(update.standing, GroupStanding::Removed);
    assert!(net.notices(&alice).is_empty(), "she knows");
}

/// Another member came before the provider took the good-bye.
#[test]
fn who_leaves_learns_of_the_members_whom_it_tells() {
    let mut talk = Talk::of(&["alice", "bob"]);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let leave = talk.seal(&bob, Content::GroupLeave);
    let dave = talk.net.world.register("dave");
    talk.net.clients.insert(first("dave"), dave);
    talk.net.join(&group, "alice", "dave");
    talk.net.fetch(&bob, &group);
    let client = talk.client(&bob);
    let unknown = client.members_without_roster(&group).unwrap();
    assert_eq!(unknown, accounts(&["dave"]));
    talk.prepare(&bob);
    let sent = talk.net.call(&bob, |client, now, rng| {
        client.send_again(group, &leave.id, now, rng)
    });
    assert_eq!(sent.unwrap(), Some(leave.id));
    let now = talk.net.world.now;
    let sealed = talk.client(&bob).outbox(None, 9, now).unwrap().items;
    talk.try_post(&bob, &sealed[0]).unwrap();
    assert_eq!(talk.queues.len(), 2, "for Alice and for Dave");
    talk.run();
    assert_eq!(talk.net.members(&alice, &group), ["alice", "dave"]);
}

#[test]
fn who_left_and_is_invited_again_comes_back() {
    let (mut net, group) = Net::of_group(&["alice", "bob"]);
    let (alice, bob) = (first("alice"), first("bob"));
    net.client(&bob).leave_group(&group).unwrap();
    net.run();
    let entry = net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    net.post_entry(&alice, &entry.unwrap().unwrap());
    // Bob does not know yet that he was removed.
    assert_eq!(net.standing(&bob, &group), Some(GroupStanding::Left));
    net.join(&group, "alice", "bob");
    assert_eq!(net.info(&bob, &group).version, 4);
}

#[test]
fn who_is_alone_in_a_group_leaves_it() {
    let mut net = Net::of(&["alice"]);
    let alice = first("alice");
    let group = net.found(&alice);
    net.client(&alice).leave_group(&group).unwrap();
    assert_eq!(net.standing(&alice, &group), Some(GroupStanding::Left));
}

#[test]
fn another_group_takes_the_place_of_one() {
    let (mut net, group) = Net::of_group(&["alice", "bob", "carol"]);
    let bob = first("bob");
    net.fetch(&bob, &group);
    let made = net.call(&bob, |client, now, rng| {
        client.recreate_group(&group, now, rng)
    });
    let made = made.unwrap();
    assert_ne!(made.group, group);
    assert_eq!(made.invite, accounts(&["alice", "carol"]));
    net.post_entry(&bob, &made.entry);
    for name in ["alice", "carol"] {
        net.join(&made.group, "bob", name);
    }
    assert_eq!(
        net.members(&first("carol"), &made.group),
        ["alice", "bob", "carol"]
    );
    assert!(
        net.info(&bob, &made.group)
            .member(&account("bob"))
            .unwrap()
            .is_admin
    );
}

#[test]
fn the_next_admin_removes_who_left_an_hour_later() {
    let mut talk = Talk::of(&["alice", "bob", "carol"]);
    let (bob, carol, group) = (first("bob"), first("carol"), talk.group);
    talk.net.promote(&group, "alice", "bob");
    talk.net.fetch(&carol, &group);
    talk.run();
    let left = talk.seal(&carol, Draft::new(Content::GroupLeave));
    talk.post(&carol, &left);
    talk.deliver(&bob);
    let left_at = talk.net.world.now.as_millis();
    let pending = |talk: &mut Talk| {
        let upkeep = talk
            .net
            .call(&bob, |client, now, rng| client.upkeep(now, rng));
        let entries = talk.net.call(&bob, |client, now, rng| {
            client.pending_entries(None, 9, now, rng)
        });
        (upkeep.unwrap().again_at, entries.unwrap().items.len())
    };
    let (again_at, entries) = pending(&mut talk);
    assert_eq!(entries, 0, "it is the turn of Alice");
    let again_ms = again_at.unwrap().as_millis();
    assert!(again_ms > left_at && again_ms <= left_at + HOUR_MS);
    talk.net.wait(HOUR_MS);
    let (_, entries) = pending(&mut talk);
    assert_eq!(entries, 1);
}
