//! The relay says that a message is for others.

use waxseal::errors::RetargetError;
use waxseal::reporting::message::Content;
use waxseal::{GroupMismatch, GroupStanding, NotDelivered, Status};
use waxseal_world::{GroupPostRefused, account};

use crate::support::{Net, at, first};
use crate::talk::{Queued, Talk};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// The bodies of what waits for a device.
fn bodies(talk: &Talk, device: &waxseal::DeviceAddress) -> Vec<Vec<u8>> {
    let queue = talk.queues.get(device).into_iter().flatten();
    let bodies = queue.map(|queued| match queued {
        Queued::Group(queued) => queued.stamped.body().to_vec(),
        Queued::Again(_) => panic!("nothing was sealed again"),
    });
    bodies.collect()
}

#[test]
fn a_new_device_gets_a_slot_and_the_body_stays() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    talk.say_all("alice", "zero");
    let one = talk.seal(&alice, "one");
    talk.net.link("bob");
    assert_eq!(talk.try_post(&alice, &one), Err(GroupPostRefused::Mismatch));
    let again = talk.retarget(&alice, &one).unwrap();
    assert_eq!(again.id, one.id);
    assert!(again.without.is_empty(), "{:?}", again.without);
    // The body is at the same place in both.
    let body_at = one.envelope.len().min(again.envelope.len()) / 4;
    let part = &one.envelope[body_at..body_at + 64];
    let is_same = again.envelope.windows(64).any(|window| window == part);
    assert!(is_same, "the body is another one");
    talk.post(&alice, &again);
    assert_eq!(bodies(&talk, &at("bob", 2)), bodies(&talk, &at("bob", 1)));
    talk.run();
    assert_eq!(talk.shown(&at("bob", 2)), ["alice: one"]);
    assert_eq!(talk.shown(&at("bob", 1)), ["alice: zero", "alice: one"]);
    talk.say_all("alice", "two");
    assert_eq!(talk.shown(&at("bob", 2)), ["alice: one", "alice: two"]);
}

#[test]
fn chk448_another_state_makes_another_body_under_the_same_tag() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let one = talk.seal(&bob, "one");
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    assert_eq!(talk.try_post(&bob, &one), Err(GroupPostRefused::Mismatch));
    let again = talk.retarget(&bob, &one).unwrap();
    assert_eq!(again.id, one.id);
    talk.post(&bob, &again);
    talk.run();
    assert_eq!(talk.shown(&alice), ["bob: one"]);
    assert!(talk.shown(&first("carol")).is_empty());
}

#[test]
fn row_50_chk320_a_relay_that_names_the_same_for_ever_is_answered_three_times() {
    let mut talk = Talk::of(&NAMES);
    let (alice, group) = (first("alice"), talk.group);
    let one = talk.seal(&alice, "one");
    let nothing = GroupMismatch::default();
    for _ in 0..3 {
        let again = talk.retarget_with(&alice, &one, &nothing).unwrap();
        assert_eq!(again.id, one.id);
    }
    let refused = talk.retarget_with(&alice, &one, &nothing);
    assert!(matches!(refused, Err(RetargetError::TooManyRounds)));
    let now = talk.net.world.now;
    assert!(
        talk.client(&alice)
            .outbox(None, 9, now)
            .unwrap()
            .items
            .is_empty()
    );
    let message = talk
        .client(&alice)
        .message(group, &one.id)
        .unwrap()
        .unwrap();
    let lost = Status::NotDelivered(NotDelivered::Targets);
    assert_eq!(message.status(), Some(lost));
    // It can be sent again. Its keys were given up, so it is on another chain.
    let id = one.id;
    let again = talk.net.call(&alice, |client, now, rng| {
        client.send_again(group, &id, now, rng)
    });
    assert_eq!(again.unwrap(), Some(one.id));
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    talk.post(&alice, &waiting[0]);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one"]);
}

#[test]
fn chk448_a_message_that_was_deleted_before_it_was_accepted_costs_nobody_the_chain() {
    let mut talk = Talk::of(&NAMES);
    let (alice, group) = (first("alice"), talk.group);
    let one = talk.seal(&alice, "one");
    talk.client(&alice).delete_message(group, &one.id).unwrap();
    talk.say_all("alice", "two");
    assert_eq!(talk.shown(&first("bob")), ["alice: two"]);
    assert_eq!(talk.shown(&first("carol")), ["alice: two"]);
}

/// Bob leaves his chain, so what waits is sealed again. What he posted before arrives after the first
/// message on the next chain, and he gets a receipt for it.
#[test]
fn a_posting_that_arrives_after_its_chain_was_left_is_asked_for() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let client = talk.net.world.register("dave");
    talk.net.clients.insert(first("dave"), client);
    talk.net.join(&group, "alice", "dave");
    talk.net.fetch(&bob, &group);
    talk.net.fetch(&first("carol"), &group);
    let now = talk.net.world.now;
    let names = [account("dave")];
    let rosters = talk.net.world.group_rosters(&bob, &group, &names);
    let taken = talk.client(&bob).take_group_rosters(&group, &rosters, now);
    taken.unwrap();
    // The third message gives the chain to Dave, and is never posted.
    let zero = talk.try_seal(&bob, "zero").unwrap();
    talk.try_seal(&bob, "one").unwrap();
    let gone = talk.seal(&bob, "gone");
    let two = talk.seal(&bob, "two");
    talk.post(&bob, &zero);
    talk.client(&bob).delete_message(group, &gone.id).unwrap();
    talk.net
        .call(&bob, |client, now, rng| client.upkeep(now, rng).unwrap());
    let now = talk.net.world.now;
    let again = talk.client(&bob).outbox(None, 9, now).unwrap().items;
    assert_eq!(again.len(), 2);
    talk.try_post(&bob, &again[0]).unwrap();
    talk.try_post(&bob, &two).unwrap();
    let waiting = talk.client(&bob).outbox(None, 9, now).unwrap().items;
    assert!(waiting.is_empty(), "it counts as accepted");
    talk.run();
    for device in [&alice, &first("carol")] {
        assert_eq!(talk.shown(device), ["bob: zero", "bob: one", "bob: two"]);
    }
}

/// Someone leaves, so what waits is sealed on the next chain: the first message gives it. Before
/// that is posted, what was posted before is accepted.
#[test]
fn chk448_the_receipt_of_an_earlier_posting_costs_nobody_the_chain() {
    let mut talk = Talk::of(&["alice", "bob", "carol", "dave"]);
    let (alice, bob, dave) = (first("alice"), first("bob"), first("dave"));
    talk.net.posts_entries = false; // nobody removes Dave yet
    let one = talk.seal(&alice, "one");
    let receipt = talk.post_only(&alice, &one).unwrap();
    let leave = talk.seal(&dave, Content::GroupLeave);
    talk.post(&dave, &leave);
    talk.net.attend(&dave);
    talk.deliver(&alice);
    let two = talk.seal(&alice, "two");
    talk.client(&alice).confirm(one.to, &receipt).unwrap();
    let now = talk.net.world.now;
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    assert!(waiting.is_empty(), "it is sealed again first");
    talk.net.attend(&alice);
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting[0].id, two.id);
    talk.post(&alice, &waiting[0]);
    for device in [&bob, &first("carol")] {
        talk.deliver(device);
        assert_eq!(talk.shown(device), ["alice: one", "alice: two"]);
    }
}

#[test]
fn chk449_after_seven_days_what_waits_is_sealed_on_another_chain() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    let one = talk.seal(&alice, "one");
    talk.net.wait(7 * 24 * 3_600_000);
    let now = talk.net.world.now;
    assert!(
        talk.client(&alice)
            .outbox(None, 9, now)
            .unwrap()
            .items
            .is_empty()
    );
    talk.net
        .call(&alice, |client, now, rng| client.upkeep(now, rng))
        .unwrap();
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting[0].id, one.id);
    talk.post(&alice, &waiting[0]);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one"]);
}

#[test]
fn the_word_that_someone_leaves_goes_to_its_own_devices_however_often_it_is_sealed() {
    let (mut net, group) = Net::of_group(&NAMES);
    net.link("bob");
    net.run();
    let mut talk = Talk::in_group(net, group);
    let (alice, bob) = (first("alice"), first("bob"));
    let leave = talk.seal(&bob, Content::GroupLeave);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.post(&bob, &leave);
    assert_eq!(talk.retargeted, 1);
    talk.net.fetch(&at("bob", 2), &group);
    talk.run();
    assert_eq!(
        talk.net.standing(&at("bob", 2), &group),
        Some(GroupStanding::Left)
    );
}
