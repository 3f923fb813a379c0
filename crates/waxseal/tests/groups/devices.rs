//! The other devices of an account learn of its groups.

use waxseal::GroupStanding;
use waxseal_world::account;

use crate::support::{Net, first};

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
