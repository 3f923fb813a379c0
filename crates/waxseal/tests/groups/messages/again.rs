//! Messages that did not open, and are sealed again.

use waxseal::errors::ReceiveError;
use waxseal::reporting::message::Content;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{Advice, Draft, GroupStanding, NotDelivered, Received, Status};
use waxseal_world::{QueuedGroup, account};

use crate::support::first;
use crate::talk::{Queued, Talk};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const DAY_MS: u64 = 24 * 3_600_000;

/// A member joins a group that has written before.
fn with_newcomer(name: &str) -> (Talk, Vec<QueuedGroup>) {
    let mut talk = Talk::of(&["alice", "bob"]);
    talk.say(&first("alice"), "before");
    let queued = talk.queues[&first("bob")]
        .iter()
        .map(|queued| match queued {
            Queued::Group(queued) => queued.clone(),
            Queued::Again(_) => panic!("nothing was sealed again"),
        });
    let queued = queued.collect();
    talk.run();
    let client = talk.net.world.register(name);
    talk.net.clients.insert(first(name), client);
    let group = talk.group;
    talk.net.join(&group, "alice", name);
    talk.run();
    (talk, queued)
}

#[test]
fn row_43_a_device_that_got_a_wrong_slot_asks_and_gets_the_message() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob) = (first("alice"), first("bob"));
    talk.say(&alice, "one");
    let queue = talk.queues.get_mut(&bob).unwrap();
    let Some(Queued::Group(queued)) = queue.front_mut() else {
        panic!("nothing waits");
    };
    queued.slot = GroupSlot::Mac([7; 16]);
    talk.run();
    assert_eq!(talk.shown(&bob), ["alice: one"]);
    assert_eq!(talk.shown(&first("carol")), ["alice: one"]);
    talk.say_all("alice", "two");
    assert_eq!(talk.shown(&bob), ["alice: one", "alice: two"]);
    assert!(talk.dropped.is_empty(), "{:?}", talk.dropped);
}

#[test]
fn a_device_without_a_session_gets_an_empty_slot_and_the_message_later() {
    let mut talk = Talk::of(&NAMES);
    let (bob, carol, group) = (first("bob"), first("dave"), talk.group);
    // Bob knows Dave's roster, and fetches no prekeys.
    let client = talk.net.world.register("dave");
    talk.net.clients.insert(carol.clone(), client);
    talk.net.join(&group, "alice", "dave");
    talk.net.fetch(&bob, &group);
    let now = talk.net.world.now;
    let unknown = talk.client(&bob).members_without_roster(&group).unwrap();
    let rosters = talk.net.world.group_rosters(&bob, &group, &unknown);
    talk.client(&bob)
        .take_group_rosters(&group, &rosters, now)
        .unwrap();
    let sealed = talk.try_seal(&bob, "one").unwrap();
    assert_eq!(sealed.without, std::slice::from_ref(&carol));
    talk.post(&bob, &sealed);
    talk.run();
    assert_eq!(talk.shown(&carol), ["bob: one"]);
    talk.say_all("bob", "two");
    assert_eq!(talk.shown(&carol), ["bob: one", "bob: two"]);
}

#[test]
fn row_44_chk457_a_device_that_joined_later_gets_nothing_again() {
    let (mut talk, before) = with_newcomer("carol");
    let (alice, carol) = (first("alice"), first("carol"));
    // The relay tells Carol of a message from before her time, so that she asks for it.
    let told = QueuedGroup {
        stamped: before[0].stamped.clone(),
        slot: GroupSlot::Empty,
    };
    let error = talk.refuses(&carol, &Queued::Group(told));
    assert_eq!(error.advice(), Advice::AskAgain);
    talk.run();
    assert!(talk.shown(&carol).is_empty());
    let now = talk.net.world.now;
    let outbox = talk.client(&alice).outbox(None, 9, now).unwrap();
    assert!(outbox.items.is_empty(), "nothing is sealed again");
}

#[test]
fn row_44_chk457_a_member_that_was_removed_gets_nothing_again() {
    let mut talk = Talk::of(&NAMES);
    let (alice, carol, group) = (first("alice"), first("carol"), talk.group);
    talk.say(&alice, "one");
    talk.queues
        .get_mut(&carol)
        .unwrap()
        .iter_mut()
        .for_each(|queued| {
            if let Queued::Group(queued) = queued {
                queued.slot = GroupSlot::Empty;
            }
        });
    talk.deliver(&carol);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("carol"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.run();
    assert!(talk.shown(&carol).is_empty());
}

#[test]
fn chk457_who_left_seals_the_good_bye_again_for_an_admin_that_could_not_open_it() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    let left = talk.seal(&carol, Draft::new(Content::GroupLeave));
    talk.post(&carol, &left);
    for queued in talk.queues.get_mut(&alice).unwrap() {
        if let Queued::Group(queued) = queued {
            queued.slot = GroupSlot::Empty;
        }
    }
    // The provider hears that she left before anybody asks.
    assert!(talk.net.attend(&carol));
    assert_eq!(talk.net.standing(&carol, &group), Some(GroupStanding::Left));
    talk.run();
    assert!(talk.dropped.is_empty(), "{:?}", talk.dropped);
    talk.net.fetch(&bob, &group);
    assert_eq!(talk.net.members(&bob, &group), ["alice", "bob"]);
}

#[test]
fn row_45_chk459_what_nobody_asked_for_is_not_taken() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob) = (first("alice"), first("bob"));
    talk.say_all("alice", "zero");
    let before = talk.copy(&bob);
    talk.say(&alice, "one");
    if let Some(Queued::Group(queued)) = talk.queues.get_mut(&bob).unwrap().front_mut() {
        queued.slot = GroupSlot::Empty;
    }
    talk.deliver(&bob);
    talk.net.attend(&bob);
    talk.net.deliver(&alice);
    talk.net.attend(&alice);
    for (from, outgoing) in std::mem::take(&mut talk.net.to_groups) {
        talk.post(&from, &outgoing);
    }
    let queued = talk.queues[&bob].front().unwrap().clone();
    assert!(matches!(queued, Queued::Again(_)));
    // A device that noted nothing does not take it.
    let asked = talk.net.clients.insert(bob.clone(), before).unwrap();
    let error = talk.refuses(&bob, &queued);
    assert!(matches!(error, ReceiveError::NotAsked), "{error:?}");
    talk.net.clients.insert(bob.clone(), asked);
    let delivery = talk.hand_out(&bob, &queued);
    let received = talk.client(&bob).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
    let again = talk.client(&bob).receive(&delivery).unwrap();
    assert!(matches!(again, Received::Duplicate { .. }));
}

#[test]
fn chk458_a_device_that_only_reads_answers_after_seven_days() {
    let mut talk = Talk::of(&NAMES);
    let bob = first("bob");
    talk.say_all("alice", "one");
    let upkeep = |talk: &mut Talk| {
        let upkeep = talk
            .net
            .call(&first("bob"), |client, now, rng| client.upkeep(now, rng));
        upkeep.unwrap()
    };
    // What was told at the invitation counts as an answer: the next chain needs another one.
    talk.net.wait(DAY_MS);
    talk.say_all("alice", "two");
    talk.net.wait(6 * DAY_MS);
    assert!(upkeep(&mut talk).outgoing.is_empty());
    talk.net.wait(DAY_MS + 1);
    let first_call = upkeep(&mut talk);
    let second_call = upkeep(&mut talk);
    let told = first_call.outgoing.len() + second_call.outgoing.len();
    assert_eq!(told, 1, "one control message to alice");
    assert!(upkeep(&mut talk).outgoing.is_empty());
    assert_eq!(talk.shown(&bob), ["alice: one", "alice: two"]);
}

#[test]
fn chk458_a_device_that_only_reads_much_answers_once_a_day() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob) = (first("alice"), first("bob"));
    talk.say_all("bob", "zero");
    let mut told = 0;
    for number in 0..4 {
        for text in 0..49 + u32::from(number > 0) {
            talk.say(&alice, &format!("{number} {text}"));
            talk.deliver(&bob);
        }
        talk.net.wait(DAY_MS);
        for _ in 0..3 {
            let upkeep = talk
                .net
                .call(&bob, |client, now, rng| client.upkeep(now, rng));
            let outgoing = upkeep.unwrap().outgoing;
            let to_alice = outgoing.iter().filter(|one| one.to == account("alice"));
            told += to_alice.count();
            assert!(told <= 1 + number as usize);
            for outgoing in &outgoing {
                talk.net.post(&bob, outgoing);
            }
        }
        // One key short of fifty waits for the seventh day, or for one more.
        assert_eq!(told, number as usize, "after {number} days");
    }
}

/// Alice's message opens neither at Bob's nor at Carol's device. Both ask, Carol after Alice sealed
/// it again for Bob, and before that was posted.
fn asked_by_two() -> Talk {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol) = (first("alice"), first("bob"), first("carol"));
    talk.say(&alice, "one");
    for name in [&bob, &carol] {
        let queue = talk.queues.get_mut(name).unwrap();
        let Some(Queued::Group(queued)) = queue.front_mut() else {
            panic!("nothing waits");
        };
        queued.slot = GroupSlot::Empty;
        talk.deliver(name);
    }
    for name in [&bob, &carol] {
        talk.net.attend(name);
        talk.net.deliver(&alice);
        talk.net.attend(&alice);
    }
    talk
}

#[test]
fn two_devices_of_one_number_ask_for_a_message_and_both_get_it() {
    let mut talk = asked_by_two();
    let waiting = std::mem::take(&mut talk.net.to_groups);
    assert_eq!(waiting.len(), 1, "one after the other");
    for (from, outgoing) in waiting {
        talk.post(&from, &outgoing);
    }
    talk.run();
    for name in ["bob", "carol"] {
        assert_eq!(talk.shown(&first(name)), ["alice: one"]);
    }
}

/// By that time the provider knows who was a member.
#[test]
fn row_44_a_message_is_sealed_again_as_of_when_it_was_accepted_first() {
    let mut talk = asked_by_two();
    let (alice, group) = (first("alice"), talk.group);
    let accepted = |talk: &mut Talk, id| {
        let message = talk.client(&alice).message(group, id).unwrap().unwrap();
        message.evidence().unwrap().accepted_at()
    };
    let (from, again) = talk.net.to_groups.remove(0);
    let first_at = accepted(&mut talk, &again.id);
    talk.net.wait(60_000);
    let receipt = talk.post_only(&from, &again).unwrap();
    talk.client(&alice).confirm(group, &receipt).unwrap();
    assert_eq!(accepted(&mut talk, &again.id), first_at);
    // The receipt comes once more, while the message waits for the other device.
    talk.net.attend(&alice);
    assert_eq!(talk.net.to_groups.len(), 1);
    talk.client(&alice).confirm(group, &receipt).unwrap();
    let now = talk.net.world.now;
    let outbox = talk.client(&alice).outbox(None, 9, now).unwrap();
    assert_eq!(outbox.items.len(), 1, "that one has no receipt yet");
}

#[test]
fn what_the_provider_refuses_for_one_device_of_a_group_holds_up_no_other() {
    let mut talk = asked_by_two();
    let (alice, group) = (first("alice"), talk.group);
    let (_, refused) = talk.net.to_groups.remove(0);
    let client = talk.client(&alice);
    let given_up = client.give_up(group, &refused.id, NotDelivered::Refused);
    given_up.unwrap();
    let message = client.message(group, &refused.id).unwrap().unwrap();
    assert_eq!(message.status(), Some(Status::Accepted));
    talk.run();
    let target = refused.again_for.unwrap();
    for name in ["bob", "carol"] {
        let shown = talk.shown(&first(name)).len();
        assert_eq!(shown, usize::from(target != first(name)), "{name}");
    }
}

#[test]
fn chk457_what_was_sealed_again_for_a_removed_member_holds_up_nobody() {
    let mut talk = asked_by_two();
    let (alice, group) = (first("alice"), talk.group);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    // The provider takes nothing for Bob any more.
    talk.net.to_groups.clear();
    talk.net.attend(&alice);
    talk.run();
    assert_eq!(talk.shown(&first("carol")), ["alice: one"]);
    assert!(talk.shown(&first("bob")).is_empty());
    let now = talk.net.world.now;
    let outbox = talk.client(&alice).outbox(None, 9, now).unwrap();
    assert!(outbox.items.is_empty());
}
