//! Admins: what several change at once, and what members learn of it.

use waxseal::courier::Event;
use waxseal::errors::SendError;
use waxseal::{GroupPolicy, GroupStanding, Notice};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, account};

use super::text;
use crate::phone::{HOUR_MS, MINUTE_MS, Phone, Town};

fn entries(town: &Town) -> usize {
    let is_entry = |asked: &&Asked| asked.is("PUT", "/v1/groups");
    town.relay.asked.iter().filter(is_entry).count()
}

#[test]
fn of_two_admins_who_change_the_group_at_once_both_get_what_they_want() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol", "dave"]);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier.promote(&group, &account("bob"), now, rng).unwrap();
    town.live(MINUTE_MS);
    assert!(town.phones[1].info(&group).members[1].is_admin);
    let version = town.phones[0].info(&group).version;
    town.relay.asked.clear();
    town.phones
        .iter_mut()
        .for_each(|phone| phone.events.clear());
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier
        .promote(&group, &account("carol"), now, rng)
        .unwrap();
    let Phone { courier, rng, .. } = &mut town.phones[1];
    courier
        .remove_member(&group, &account("dave"), now, rng)
        .unwrap();
    town.live(MINUTE_MS);
    assert_eq!(entries(&town), 3);
    for who in 0..3 {
        town.say_in(who, &group, text("still here"));
        town.live(MINUTE_MS);
    }
    for phone in &town.phones[..3] {
        let info = phone.info(&group);
        assert_eq!(phone.members(&group), ["alice", "bob", "carol"]);
        assert!(info.members.iter().all(|member| member.is_admin));
        let updates = phone.updates();
        let steps = updates.iter().flat_map(|update| &update.steps);
        let steps: Vec<_> = steps.filter(|step| step.version > version).collect();
        assert_eq!(steps.len(), 2, "{updates:?}");
        assert_eq!(steps[0].by, Some(account("alice")));
        assert_eq!(steps[0].roles, [account("carol")]);
        assert_eq!(steps[1].by, Some(account("bob")));
        assert_eq!(steps[1].removed, [account("dave")]);
        assert!(steps[1].accepted_at > steps[0].accepted_at);
        assert_eq!(phone.heard_in(&group).len(), 2);
    }
}

#[test]
fn a_removed_member_is_told_and_its_message_is_given_up() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let early = town.say_in(2, &group, text("early"));
    town.live(MINUTE_MS);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier
        .remove_member(&group, &account("carol"), now, rng)
        .unwrap();
    town.live(MINUTE_MS);
    town.say_in(2, &group, text("late"));
    town.say_in(0, &group, text("she is gone"));
    town.live(HOUR_MS);
    let carol = &town.phones[2];
    assert_eq!(carol.standing(&group), Some(GroupStanding::Removed));
    assert!(carol.notices().contains(&Notice::GroupRemoved { group }));
    assert!(carol.heard_in(&group).is_empty());
    let given_up = |event: &Event| {
        matches!(
            event,
            Event::GivenUp {
                code: ErrorCode::NotMember,
                ..
            }
        )
    };
    assert_eq!(carol.count(given_up), 1, "{:?}", carol.events);
    assert_eq!(carol.outbox(), 0);
    assert_eq!(carol.updates()[0].steps[0].by, Some(account("alice")));
    assert_eq!(town.phones[1].heard_in(&group).len(), 2);
    // What she wrote as a member can still be reported, and she reports what she got.
    town.report(1, &group, &[early]);
    assert_eq!(town.relay.queued(&account("carol")), 0);
}

#[test]
fn where_only_admins_write_a_members_message_is_refused_and_given_up() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    let now = town.now();
    let policy = GroupPolicy { admins_write: true };
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier.set_group_policy(&group, policy, now, rng).unwrap();
    town.live(MINUTE_MS);
    // Bob does not know of it, and learns it from the relay.
    town.say_in(1, &group, text("may I?"));
    town.live(HOUR_MS);
    let given_up = |event: &Event| {
        matches!(
            event,
            Event::GivenUp {
                code: ErrorCode::MayNotWrite,
                ..
            }
        )
    };
    assert_eq!(
        town.phones[1].count(given_up),
        1,
        "{:?}",
        town.phones[1].events
    );
    assert!(town.phones[1].updates()[0].policy);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[1];
    assert!(courier.send(&group, "please", now, rng).is_err());
    town.say_in(0, &group, text("no"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard_in(&group).len(), 1);
}

#[test]
fn a_member_with_another_account_key_is_suspended_and_added_again() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    // Carol loses her phone, and the relay lets her register again.
    town.relay.forget(&account("carol"));
    town.phones[2] = Phone::new("carol", 99);
    town.live(MINUTE_MS);
    town.say_in(1, &group, text("to whom?"));
    town.live(HOUR_MS);
    let bob = &town.phones[1];
    let is_told = |notice: &Notice| {
        matches!(notice, Notice::GroupMemberSuspended { account: one, .. }
            if *one == account("carol"))
    };
    assert!(bob.notices().iter().any(is_told), "{:?}", bob.events);
    let carol = bob.info(&group).members.pop().unwrap();
    assert!(carol.is_suspended);
    assert_eq!(town.phones[0].heard_in(&group).len(), 1);
    assert!(town.phones[2].heard_in(&group).is_empty());
}

#[test]
fn two_groups_of_one_key_are_told_and_nothing_is_sent_any_more() {
    // The provider shows two lines of one group, with the help of an admin.
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let (mut other, same) = Town::with_group(&["alice", "bob", "carol"]);
    assert_eq!(group, same);
    let mut carol = town.phones.remove(2);
    carol.courier.disconnected();
    other.phones.truncate(2);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    courier.promote(&group, &account("bob"), now, rng).unwrap();
    town.live(MINUTE_MS);
    let Phone { courier, rng, .. } = &mut other.phones[0];
    let bob = account("bob");
    courier.remove_member(&group, &bob, now, rng).unwrap();
    other.live(MINUTE_MS);
    // Carol is shown the one line, and then the other one.
    other.phones.push(carol);
    other.say_in(2, &group, text("who is here?"));
    other.live(MINUTE_MS);
    let mut carol = other.phones.remove(2);
    assert_eq!(carol.members(&group), ["alice", "carol"]);
    carol.courier.disconnected();
    town.phones.push(carol);
    town.say_in(2, &group, text("and now?"));
    town.live(MINUTE_MS);
    let carol = &mut town.phones[2];
    assert_eq!(carol.standing(&group), Some(GroupStanding::Forked));
    let forks = carol.notices();
    let forks = forks
        .iter()
        .filter(|notice| matches!(notice, Notice::GroupForked { .. }));
    assert_eq!(forks.count(), 1);
    // The user founds another group, with those whom the user saw in it.
    let refused = carol.courier.send(group, text("no"), now, &mut carol.rng);
    assert!(matches!(refused, Err(SendError::GroupForked)));
    let founded = carol.courier.recreate_group(&group, now, &mut carol.rng);
    assert_eq!(founded.unwrap().invite, [account("alice")]);
    town.live(HOUR_MS);
    assert!(town.phones[0].heard_in(&group).is_empty());
}
