//! What members say of the group, when it comes late, twice, or at the same time.

use waxseal::errors::ReceiveError;
use waxseal::reporting::message::Content;
use waxseal::reporting::relay::GroupSlot;
use waxseal::store::{Key, Row, Table};
use waxseal::{Client, DeviceAddress, FrankingTag, GroupStanding, MemoryStore, Timestamp};
use waxseal_world::{account, snapshot};

use crate::support::{HOUR_MS, at, first};
use crate::talk::{Queued, Talk};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn profile(title: &str) -> Content {
    Content::GroupProfile {
        title: title.to_owned(),
        picture: Vec::new(),
    }
}

/// Removes a member, who joins again.
fn remove_and_join(talk: &mut Talk, name: &str) {
    let (alice, group) = (first("alice"), talk.group);
    talk.net.run();
    if talk.net.members(&alice, &group).contains(&name.to_owned()) {
        let entry = talk.net.call(&alice, |client, now, rng| {
            client.remove_member(&group, &account(name), now, rng)
        });
        talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    }
    talk.net.fetch(&first(name), &group);
    talk.net.wait(1_000); // an invitation counts after the removal
    talk.net.join(&group, "alice", name);
}

fn receive(talk: &mut Talk, device: &DeviceAddress, queued: &Queued) {
    let delivery = talk.hand_out(device, queued);
    talk.client(device).receive(&delivery).unwrap();
}

fn title(talk: &mut Talk, device: &DeviceAddress) -> String {
    let group = talk.group;
    talk.net.info(device, &group).title
}

/// The relay keeps back that Bob leaves, until he is a member again.
#[test]
fn row_27_the_word_that_a_member_left_counts_for_the_membership_of_that_time_alone() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob);
    let late = talk.queues.remove(&carol).unwrap();
    remove_and_join(&mut talk, "bob");
    talk.net.fetch(&carol, &group);
    receive(&mut talk, &carol, &late[0]);
    let info = talk.net.info(&carol, &group);
    assert!(!info.member(&account("bob")).unwrap().has_left);
    talk.say_all("carol", "hello again");
    assert_eq!(talk.shown(&bob), ["carol: hello again"]);
}

/// The same, if the message that was kept back is sealed again.
#[test]
fn row_27_a_word_that_is_sealed_again_counts_as_of_its_time() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob);
    if let Some(Queued::Group(queued)) = talk.queues.get_mut(&carol).unwrap().front_mut() {
        queued.slot = GroupSlot::Empty;
    }
    talk.deliver(&carol);
    remove_and_join(&mut talk, "bob");
    talk.net.fetch(&carol, &group);
    // Her device asked once already, while Bob was no member.
    talk.run();
    talk.net.wait(HOUR_MS);
    talk.run();
    let tag = leave.id;
    let message = talk.client(&carol).message(group, &tag).unwrap();
    assert!(message.is_some(), "it was sealed again");
    let info = talk.net.info(&carol, &group);
    assert!(!info.member(&account("bob")).unwrap().has_left);
}

/// The relay keeps back the copy of a device's own account.
#[test]
fn row_27_an_account_does_not_leave_by_a_copy_of_before() {
    let mut net = crate::support::Net::of(&NAMES);
    net.link("bob");
    let group = net.found(&first("alice"));
    for name in ["bob", "carol"] {
        net.join(&group, "alice", name);
    }
    let mut talk = Talk::in_group(net, group);
    let (alice, bob, laptop) = (first("alice"), first("bob"), at("bob", 2));
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob);
    let late = talk.queues.remove(&laptop).unwrap();
    remove_and_join(&mut talk, "bob");
    talk.net.run();
    let standing = |talk: &mut Talk| talk.net.standing(&laptop, &group);
    if standing(&mut talk) != Some(GroupStanding::Member) {
        talk.net.fetch(&laptop, &group);
    }
    assert_eq!(standing(&mut talk), Some(GroupStanding::Member));
    receive(&mut talk, &laptop, &late[0]);
    assert_eq!(standing(&mut talk), Some(GroupStanding::Member));
    let upkeep = talk
        .net
        .call(&laptop, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().left_groups.is_empty());
}

/// A device hears that the account came back before it hears that it left.
#[test]
fn row_27_a_device_that_hears_of_an_acceptance_before_the_leave_comes_back_too() {
    let mut net = crate::support::Net::of(&NAMES);
    net.link("bob");
    let group = net.found(&first("alice"));
    for name in ["bob", "carol"] {
        net.join(&group, "alice", name);
    }
    let mut talk = Talk::in_group(net, group);
    let (alice, bob, laptop) = (first("alice"), first("bob"), at("bob", 2));
    let leave = talk.seal(&bob, Content::GroupLeave);
    talk.post(&bob, &leave);
    talk.deliver(&alice);
    talk.net.attend(&bob);
    let late = talk.queues.remove(&laptop).unwrap();
    let away = talk.net.clients.remove(&laptop).unwrap();
    remove_and_join(&mut talk, "bob");
    talk.net.clients.insert(laptop.clone(), away);
    // The acceptance comes, then the leave, and the news at last.
    talk.net.deliver(&laptop);
    receive(&mut talk, &laptop, &late[0]);
    assert_eq!(
        talk.net.standing(&laptop, &group),
        Some(GroupStanding::Accepted)
    );
    talk.net.fetch(&laptop, &group);
    assert_eq!(
        talk.net.standing(&laptop, &group),
        Some(GroupStanding::Member)
    );
    let upkeep = talk
        .net
        .call(&laptop, |client, now, rng| client.upkeep(now, rng));
    assert!(upkeep.unwrap().left_groups.is_empty());
}

#[test]
fn a_profile_that_is_sealed_again_does_not_replace_a_newer_one() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol) = (first("alice"), first("bob"), first("carol"));
    let old = talk.seal(&bob, profile("old"));
    talk.post(&bob, &old);
    if let Some(Queued::Group(queued)) = talk.queues.get_mut(&carol).unwrap().front_mut() {
        queued.slot = GroupSlot::Empty;
    }
    talk.deliver(&carol);
    let new = talk.seal(&alice, profile("new"));
    talk.post(&alice, &new);
    talk.run();
    let group = talk.group;
    let again = talk.client(&carol).message(group, &old.id).unwrap();
    assert!(again.is_some(), "it was sealed again");
    for device in [&alice, &bob, &carol] {
        assert_eq!(title(&mut talk, device), "new");
    }
}

#[test]
fn of_two_profiles_at_one_time_all_members_take_the_same() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol) = (first("alice"), first("bob"), first("carol"));
    let one = talk.seal(&alice, profile("one"));
    let other = talk.seal(&bob, profile("two"));
    let now = talk.net.world.now;
    let ones = talk.collude(&alice, &one, &["bob", "carol"], now);
    let others = talk.collude(&bob, &other, &["alice", "carol"], now);
    // Carol gets them in one order, and her other self in the other one.
    let mut copy = talk.copy(&carol);
    for queued in [&ones[&carol], &others[&carol]] {
        receive(&mut talk, &carol, queued);
    }
    for queued in [&others[&carol], &ones[&carol]] {
        copy.receive(&talk.hand_out(&carol, queued)).unwrap();
    }
    let group = talk.group;
    let theirs = copy.group(&group).unwrap().unwrap().title;
    assert_eq!(title(&mut talk, &carol), theirs);
}

/// The rule at its edge: a message that was accepted with the entry that removed its sender still
/// counts, and one that was accepted a millisecond later does not.
#[test]
fn row_38_item_04_late_messages_are_compared_with_the_accepted_time_of_the_removal() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("bob", "one");
    let sealed: Vec<_> = ["two", "three"].map(|text| talk.seal(&bob, text)).into();
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    let entry = entry.unwrap().unwrap();
    talk.net.post_entry(&alice, &entry);
    let news = talk.net.world.group_news(&carol, &group, 3).unwrap();
    let removed_at = news.entries[0].accepted_at.as_millis();
    talk.net.fetch(&carol, &group);
    let mut stamped = |outgoing: &waxseal::Outgoing, ms: u64| {
        let at = Timestamp::from_millis(ms);
        let queued = talk.collude(&bob, outgoing, &["alice", "carol"], at);
        let delivery = talk.hand_out(&carol, &queued[&carol]);
        talk.client(&carol).receive(&delivery)
    };
    let late = stamped(&sealed[0], removed_at + 1);
    assert!(matches!(late, Err(ReceiveError::NotMember)), "{late:?}");
    stamped(&sealed[0], removed_at).unwrap();
    stamped(&sealed[1], removed_at).unwrap();
}

/// Row 29: what a member seals after its removal opens nowhere, even if the relay stamps it.
#[test]
fn row_29_a_removed_member_is_not_heard_and_its_chains_are_destroyed() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("bob", "one");
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.net.fetch(&carol, &group);
    talk.net.wait(1);
    // Bob's device does not fetch the entry, and writes on.
    let late = talk.seal(&bob, "still here");
    assert!(talk.try_post(&bob, &late).is_err());
    let now = talk.net.world.now;
    let queued = talk.collude(&bob, &late, &["alice", "carol"], now);
    let error = talk.refuses(&carol, &queued[&carol]);
    assert_eq!(error.advice(), waxseal::Advice::Drop);
    let chains =
        |talk: &Talk| super::thief::Stolen::from(&talk.net.clients[&carol], &group, &bob).is_some();
    assert!(chains(&talk));
    talk.net.wait(8 * 24 * 3_600_000);
    let upkeep = talk
        .net
        .call(&carol, |client, now, rng| client.upkeep(now, rng));
    upkeep.unwrap();
    assert!(!chains(&talk), "nothing of his is kept for ever");
}

/// An admin adds the account before it accepts, and something comes of the group.
#[test]
fn item_09_who_accepts_does_not_leave_because_something_came_before() {
    let mut talk = Talk::of(&["alice", "carol"]);
    let (bob, group) = (first("bob"), talk.group);
    let client = talk.net.world.register("bob");
    talk.net.clients.insert(bob.clone(), client);
    talk.net.invite(&group, "alice", "bob");
    let (tag, now) = (FrankingTag::from_bytes([1; 32]), talk.net.world.now);
    let of = (&first("carol"), &tag);
    let queued = super::thief::stamped(&talk, of, &[4; 300], GroupSlot::Empty, now);
    let error = talk.refuses(&bob, &Queued::Group(queued));
    assert!(matches!(error, ReceiveError::NotInGroup), "{error:?}");
    let left = |talk: &mut Talk| {
        let upkeep = talk
            .net
            .call(&bob, |client, now, rng| client.upkeep(now, rng));
        upkeep.unwrap().left_groups
    };
    assert_eq!(left(&mut talk), [group]);
    talk.net.accept(&group, "alice", "bob");
    assert!(left(&mut talk).is_empty());
    talk.net.run();
    assert_eq!(talk.net.standing(&bob, &group), Some(GroupStanding::Member));
}

#[test]
fn chk593_of_few_groups_anything_is_noted_that_nobody_accepted() {
    for (rows, notices, is_noted, is_told) in [
        (4_095, 1_023, true, true),
        (4_095, 1_024, true, false),
        (4_096, 0, false, false),
    ] {
        let mut talk = Talk::of(&["alice", "carol"]);
        let bob = first("bob");
        let mut records = snapshot(&talk.net.world.register("bob"));
        let row = |table: &[u8], number: u32| {
            let name = [&number.to_be_bytes()[..], &[0; 28]].concat();
            (Key::new(Table::new(table), Row::Name(name)), vec![1])
        };
        records.extend((0..rows).map(|number| row(b"6", number)));
        records.extend((0..notices).map(|number| row(b"4", number)));
        let client = Client::open(MemoryStore::from_records(records)).unwrap();
        talk.net.clients.insert(bob.clone(), client);
        let (tag, now) = (FrankingTag::from_bytes([1; 32]), talk.net.world.now);
        let of = (&first("carol"), &tag);
        let queued = super::thief::stamped(&talk, of, &[4; 300], GroupSlot::Empty, now);
        let error = talk.refuses(&bob, &Queued::Group(queued));
        assert!(matches!(error, ReceiveError::NotInGroup), "{error:?}");
        let records = snapshot(&talk.net.clients[&bob]);
        let count = |table: &[u8]| {
            let rows = records
                .iter()
                .filter(|(key, _)| key.table.as_bytes() == table);
            u32::try_from(rows.count()).unwrap()
        };
        assert_eq!(count(b"6"), rows + u32::from(is_noted));
        assert_eq!(count(b"4"), notices + u32::from(is_told));
    }
}
