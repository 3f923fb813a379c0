//! Leaving: by the user, and by a device that finds itself in a group that nobody accepted.

use waxseal::courier::Event;
use waxseal::errors::EditGroupError;
use waxseal::{Content, GroupStanding, Notice};
use waxseal_interface::ErrorCode;
use waxseal_world::{Fault, account};

use super::text;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn leave(town: &mut Town, who: usize, group: &waxseal::GroupId) {
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[who];
    courier.leave_group(group, now, rng).unwrap();
}

#[test]
fn a_member_that_leaves_says_so_and_an_admins_device_removes_it() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    leave(&mut town, 2, &group);
    assert_eq!(town.phones[2].standing(&group), Some(GroupStanding::Left));
    town.live(MINUTE_MS);
    let says_so = |event: &Event| {
        let Event::Message { message, from, .. } = event else {
            return false;
        };
        matches!(message.content(), Content::GroupLeave) && *from == account("carol")
    };
    for who in [0, 1] {
        let phone = &town.phones[who];
        assert_eq!(
            phone.count(says_so),
            1,
            "{} {:?} {:?}",
            phone.name(),
            phone.events,
            town.phones[2].events
        );
    }
    assert_eq!(town.phones[0].members(&group), ["alice", "bob"]);
    assert!(!town.relay.is_member(&group, &account("carol")));
    town.say_in(1, &group, text("without her"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].members(&group), ["alice", "bob"]);
    assert_eq!(town.phones[0].heard_in(&group).len(), 1);
    assert!(town.phones[2].heard_in(&group).is_empty());
    assert_eq!(town.relay.queued(&account("carol")), 0);
    // She can be invited again.
    town.bring_in(0, &group, "carol", 2);
    town.say_in(0, &group, text("welcome back"));
    town.live(MINUTE_MS);
    assert_eq!(town.phones[2].heard_in(&group).len(), 1);
}

#[test]
fn a_member_whom_the_only_admin_blocked_leaves_nevertheless() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let alice = town.phones[0].courier.client_mut();
    alice.block(&account("carol"), true).unwrap();
    town.say_in(2, &group, text("is anybody there?"));
    town.live(MINUTE_MS);
    leave(&mut town, 2, &group);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].members(&group), ["alice", "bob"]);
    // Nothing else of her is shown.
    assert!(town.phones[0].in_group(&group).is_empty());
    assert_eq!(town.phones[1].heard_in(&group).len(), 1);
}

#[test]
fn the_relay_is_told_after_a_restart_too() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    town.relay.fail(|asked| {
        let is_leave = asked.path.ends_with("/leave");
        is_leave.then(|| Fault::from(ErrorCode::Busy))
    });
    leave(&mut town, 2, &group);
    let alice = town.phones.remove(0);
    town.live(MINUTE_MS);
    town.phones[1].restart();
    town.relay.work();
    town.live(HOUR_MS);
    let is_leave = |asked: &&waxseal_world::Asked| asked.path.ends_with("/leave");
    let asked = town.relay.asked.iter().filter(is_leave).count();
    assert!(asked >= 2, "{asked}");
    town.say_in(0, &group, text("without her"));
    town.live(MINUTE_MS);
    assert_eq!(town.relay.queued(&account("carol")), 0);
    town.phones.insert(0, alice);
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].members(&group), ["alice", "bob"]);
}

#[test]
fn the_last_admin_names_another_one_first() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[0];
    let refused = courier.leave_group(&group, now, rng);
    assert!(matches!(refused, Err(EditGroupError::LastAdmin)));
    courier.promote(&group, &account("bob"), now, rng).unwrap();
    town.live(MINUTE_MS);
    leave(&mut town, 0, &group);
    town.live(DAY_MS);
    assert_eq!(town.phones[1].members(&group), ["bob"]);
}

#[test]
fn who_is_added_after_all_leaves_by_itself() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    town.phones.push(Phone::new("carol", 3));
    town.turn();
    town.invite(0, &group, "carol");
    town.live(MINUTE_MS);
    // Alice's device adds her as soon as the acceptance is there, and Carol changes her mind.
    town.come_in(2, &group, "alice");
    town.turn_of(2);
    town.phones[2].courier.decline_invitation(&group).unwrap();
    let mut carol = town.phones.remove(2);
    carol.courier.disconnected();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].members(&group), ["alice", "bob", "carol"]);
    town.say_in(0, &group, text("hello carol"));
    town.live(MINUTE_MS);
    town.phones.push(carol);
    town.live(HOUR_MS);
    let carol = &town.phones[2];
    assert!(carol.heard_in(&group).is_empty());
    assert!(carol.notices().contains(&Notice::GroupUninvited { group }));
    assert_ne!(carol.standing(&group), Some(GroupStanding::Member));
    town.say_in(1, &group, text("is she there?"));
    town.live(HOUR_MS);
    assert_eq!(town.relay.queued(&account("carol")), 0);
    let now = town.now();
    let Phone { courier, rng, .. } = &mut town.phones[2];
    let upkeep = courier.client_mut().upkeep(now, rng).unwrap();
    assert!(upkeep.left_groups.is_empty());
}
