//! Accounts that begin anew under another key, and come back into a group.

use waxseal::courier::Event;
use waxseal::{GroupId, GroupStanding, Notice};
use waxseal_world::account;

use super::text;
use crate::phone::{HOUR_MS, MINUTE_MS, Phone, Town};

/// Carol's phone is lost, and the provider lets her register again. Alice accepts her new key, and
/// brings her back.
fn with_carol_anew() -> (Town, GroupId) {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    town.relay.forget(&account("carol"));
    town.phones[2] = Phone::new("carol", 99);
    town.turn_of(2);
    town.phones[0].courier.ask_roster(&account("carol"));
    town.live(MINUTE_MS);
    let changed = town.phones[0].events.iter().find_map(|event| match event {
        Event::Notice(Notice::IdentityChanged { new, .. }) => Some(*new),
        _ => None,
    });
    let changed = changed.unwrap();
    let alice = &mut town.phones[0].courier;
    alice.accept_identity(&account("carol"), &changed).unwrap();
    town.live(MINUTE_MS);
    town.bring_in(0, &group, "carol", 2);
    (town, group)
}

#[test]
fn who_began_anew_comes_back_by_an_invitation() {
    let (mut town, group) = with_carol_anew();
    town.say_in(0, &group, text("welcome back"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[2].heard_in(&group).len(), 1);
    town.say_in(2, &group, text("thank you"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].heard_in(&group).len(), 1);
}

/// Bob never accepts Carol's new key. His good-bye would wait for it.
#[test]
fn a_member_leaves_although_another_key_is_pinned_than_the_group_names() {
    let (mut town, group) = with_carol_anew();
    town.phones[1].courier.ask_group(&group);
    town.live(HOUR_MS);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[1];
    let waits = courier.client().members_without_roster(&group).unwrap();
    assert_eq!(waits, [account("carol")]);
    courier.leave_group(&group, now, rng).unwrap();
    assert_eq!(town.phones[1].standing(&group), Some(GroupStanding::Left));
}
