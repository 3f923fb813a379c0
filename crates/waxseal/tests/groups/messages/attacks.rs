//! What insiders, a relay and thieves try with messages to a group.

use waxseal::errors::{ReceiveError, SendError};
use waxseal::reporting::relay::{GroupSlot, StampedGroup};
use waxseal::{Advice, GroupPolicy, MemoryStore, Notice, Received};
use waxseal_world::{QueuedGroup, account, snapshot};

use crate::support::{Device, HOUR_MS, first};
use crate::talk::{Queued, Talk};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// What waits for a device first.
fn taken(talk: &mut Talk, name: &str) -> QueuedGroup {
    match talk.queues.get_mut(&first(name)).unwrap().pop_front() {
        Some(Queued::Group(queued)) => queued,
        _ => panic!("nothing waits"),
    }
}

/// Checks that a delivery is refused, and that nothing but a note of it is left in the store.
fn assert_not_opened(talk: &mut Talk, name: &str, queued: QueuedGroup, advice: Advice) {
    let device = first(name);
    let chains = |talk: &mut Talk| -> Vec<_> {
        let records = snapshot(talk.client(&device));
        let kept = records
            .into_iter()
            .filter(|(key, _)| matches!(key.table.as_bytes()[0], b'N' | b'd' | b'm' | b'i'));
        kept.collect()
    };
    let before = chains(talk);
    let error = talk.refuses(&device, &Queued::Group(queued));
    assert_eq!(error.advice(), advice, "{error:?}");
    assert_eq!(chains(talk), before);
}

/// The same message with another body.
fn with_body(queued: &QueuedGroup, change: impl FnOnce(&mut Vec<u8>)) -> QueuedGroup {
    let mut bytes = queued.stamped.encode();
    change(&mut bytes);
    QueuedGroup {
        stamped: StampedGroup::decode(&bytes).unwrap(),
        slot: queued.slot.clone(),
    }
}

#[test]
fn row_30_31_a_body_that_someone_altered_opens_for_nobody() {
    let mut talk = Talk::of(&NAMES);
    talk.seal(&first("alice"), "one");
    let sealed = talk.seal(&first("alice"), "two");
    let now = talk.net.world.now;
    for outgoing in talk
        .client(&first("alice"))
        .outbox(None, 9, now)
        .unwrap()
        .items
    {
        talk.post(&first("alice"), &outgoing);
    }
    assert_eq!(talk.queues[&first("bob")].len(), 2);
    let (with_keys, with_mac) = (taken(&mut talk, "bob"), taken(&mut talk, "bob"));
    assert!(matches!(with_mac.slot, GroupSlot::Mac(_)));
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let altered = with_body(&with_keys, flip);
    assert_not_opened(&mut talk, "bob", altered, Advice::AskAgain);
    let delivery = talk.net.world.deliver_group(&first("bob"), &with_keys);
    talk.client(&first("bob")).receive(&delivery).unwrap();
    let altered = with_body(&with_mac, flip);
    assert_not_opened(&mut talk, "bob", altered, Advice::AskAgain);
    let delivery = talk.net.world.deliver_group(&first("bob"), &with_mac);
    let received = talk.client(&first("bob")).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { message, .. } if message.id() == &sealed.id));
}

#[test]
fn row_36_slots_of_other_devices_and_of_other_messages_do_not_open() {
    let mut talk = Talk::of(&NAMES);
    talk.say(&first("alice"), "one");
    talk.say(&first("carol"), "two");
    let (of_alice, of_carol) = (taken(&mut talk, "bob"), taken(&mut talk, "bob"));
    let of_other = taken(&mut talk, "carol");
    let swapped = QueuedGroup {
        stamped: of_alice.stamped.clone(),
        slot: of_other.slot,
    };
    assert_not_opened(&mut talk, "bob", swapped, Advice::AskAgain);
    // The slot of a message of another sender.
    let swapped = QueuedGroup {
        stamped: of_alice.stamped.clone(),
        slot: of_carol.slot.clone(),
    };
    // It begins a session of another identity than that of Alice's device.
    assert_not_opened(&mut talk, "bob", swapped, Advice::FetchRoster);
}

#[test]
fn row_37_chk455_a_message_that_comes_again_is_shown_once() {
    let mut talk = Talk::of(&NAMES);
    talk.say(&first("alice"), "one");
    let queued = taken(&mut talk, "bob");
    let delivery = talk.net.world.deliver_group(&first("bob"), &queued);
    let received = talk.client(&first("bob")).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
    let before = snapshot(talk.client(&first("bob")));
    for deliveries in [vec![&delivery], vec![&delivery, &delivery]] {
        let deliveries = deliveries.into_iter().map(Vec::as_slice);
        let all = talk.client(&first("bob")).receive_many(deliveries).unwrap();
        for received in all {
            assert!(matches!(received, Ok(Received::Duplicate { .. })));
        }
    }
    assert_eq!(snapshot(talk.client(&first("bob"))), before);
}

#[test]
fn chk455_a_message_that_was_sealed_again_for_all_still_brings_the_chain() {
    let mut talk = Talk::of(&NAMES);
    let alice = first("alice");
    let one = talk.seal(&alice, "one");
    // The provider takes it, and the answer is lost.
    talk.post_only(&alice, &one).unwrap();
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one"]);
    // Another member comes, so it is sealed again, on another chain.
    let dave = talk.net.world.register("dave");
    talk.net.clients.insert(first("dave"), dave);
    let group = talk.group;
    talk.net.join(&group, "alice", "dave");
    let mismatch = talk.mismatch(&alice, &one);
    let again = talk.retarget_with(&alice, &one, &mismatch).unwrap();
    talk.post(&alice, &again);
    let two = talk.seal(&alice, "two");
    talk.post(&alice, &two);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: two"]);
    assert_eq!(talk.shown(&first("dave")), ["alice: one", "alice: two"]);
}

#[test]
fn chk456_a_tag_that_someone_else_used_first_is_free_for_its_author() {
    let mut talk = Talk::of(&NAMES);
    let one = talk.seal(&first("alice"), "one");
    talk.post(&first("alice"), &one);
    let of_alice = taken(&mut talk, "bob");
    // Carol's message with Alice's tag does not open, whoever helps her.
    let two = talk.seal(&first("carol"), "two");
    talk.post(&first("carol"), &two);
    let of_carol = taken(&mut talk, "bob");
    let (mut bytes, tag) = (of_carol.stamped.encode(), two.id);
    let at = bytes
        .windows(32)
        .position(|window| window == tag.as_bytes())
        .unwrap();
    bytes[at..at + 32].copy_from_slice(one.id.as_bytes());
    let forged = QueuedGroup {
        stamped: StampedGroup::decode(&bytes).unwrap(),
        slot: of_carol.slot.clone(),
    };
    assert_not_opened(&mut talk, "bob", forged, Advice::AskAgain);
    for queued in [of_alice, of_carol] {
        let delivery = talk.net.world.deliver_group(&first("bob"), &queued);
        let received = talk.client(&first("bob")).receive(&delivery).unwrap();
        assert!(matches!(received, Received::Message { .. }));
    }
}

#[test]
fn row_39_a_thief_of_the_chain_is_not_heard_after_the_owner_renewed_it() {
    let mut talk = Talk::of(&NAMES);
    talk.say_all("alice", "one");
    let mut thief = talk.copy(&first("alice"));
    talk.net.wait(1);
    talk.say_all("alice", "two");
    // The stolen store seals on the chain of that time or on its next one, which has a number that
    // the owner used.
    let (group, now) = (talk.group, talk.net.world.now);
    let stolen = thief
        .send(group, "stolen", now, &mut talk.net.world.rng)
        .unwrap();
    talk.net.wait(1);
    let now = talk.net.world.now;
    let queued = talk.collude(&first("alice"), &stolen, &["bob", "carol"], now);
    let error = talk.refuses(&first("bob"), &queued[&first("bob")]);
    assert!(
        matches!(error, ReceiveError::Chain(_) | ReceiveError::Session(_)),
        "{error:?}"
    );
}

#[test]
fn chk445_nobody_writes_who_may_not() {
    let mut talk = Talk::of(&["alice", "bob"]);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    talk.prepare(&bob);
    let policy = GroupPolicy { admins_write: true };
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.set_group_policy(&group, policy, now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.net.fetch(&bob, &group);
    let refused = talk.try_seal(&bob, "no");
    assert!(matches!(refused, Err(SendError::MayNotWrite)));
    talk.say_all("alice", "yes");
    assert_eq!(talk.shown(&bob), ["alice: yes"]);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.net.fetch(&bob, &group);
    let refused = talk.try_seal(&bob, "no");
    assert!(matches!(refused, Err(SendError::NotMember)));
}

#[test]
fn chk446_nobody_is_left_out_because_its_devices_are_not_known() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, group) = (first("alice"), first("bob"), talk.group);
    let dave = talk.net.world.register("dave");
    talk.net.clients.insert(first("dave"), dave);
    talk.net.join(&group, "alice", "dave");
    talk.net.fetch(&bob, &group);
    let unknown = talk.client(&bob).members_without_roster(&group).unwrap();
    assert_eq!(unknown, [account("dave")]);
    let refused = talk.try_seal(&bob, "to some");
    assert!(matches!(refused, Err(SendError::UnknownMembers)));
    talk.say_all("bob", "to all");
    assert_eq!(talk.shown(&first("dave")), ["bob: to all"]);
    assert_eq!(talk.shown(&alice), ["bob: to all"]);
}

#[test]
fn row_27_chk450_that_a_member_left_counts_by_its_own_word() {
    let mut talk = Talk::of(&NAMES);
    let (alice, carol, group) = (first("alice"), first("carol"), talk.group);
    talk.say_all("alice", "one");
    // The relay says that Carol left, and delivers nothing to her.
    talk.net.world.leave_group(&account("carol"), &group);
    let two = talk.seal(&alice, "two");
    let mut mismatch = talk.mismatch(&alice, &two);
    assert_eq!(mismatch.left, [account("carol")]);
    mismatch.news = waxseal::GroupNews::default();
    let again = talk.retarget_with(&alice, &two, &mismatch).unwrap();
    let notices = talk.net.notices(&alice);
    let told = |notice: &Notice| matches!(notice, Notice::GroupNotDelivered { account: of, .. } if *of == account("carol"));
    assert!(notices.iter().any(told), "{notices:?}");
    // Her device goes on getting a slot, which the relay drops.
    let posted = waxseal::reporting::relay::PostedGroup::decode(&again.envelope).unwrap();
    let key = talk.net.world.key(&alice);
    let posted = posted
        .authenticate(&key, &alice, talk.net.world.now)
        .unwrap();
    assert_eq!(posted.slots(), 2);
    talk.post(&alice, &again);
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: two"]);
    assert_eq!(talk.shown(&carol), ["alice: one"]);
}

#[test]
fn row_29_38_chk453_a_message_counts_if_it_was_accepted_before_its_sender_was_removed() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("bob", "one");
    let late = talk.seal(&bob, "two");
    let before = talk.net.world.now;
    talk.net.wait(1_000);
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("bob"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    talk.net.fetch(&carol, &group);
    assert!(
        talk.try_post(&bob, &late).is_err(),
        "an honest relay refuses it"
    );
    let after = talk.net.world.now;
    let queued = talk.collude(&bob, &late, &["alice", "carol"], after);
    let error = talk.refuses(&carol, &queued[&carol]);
    assert!(matches!(error, ReceiveError::NotMember), "{error:?}");
    let queued = talk.collude(&bob, &late, &["alice", "carol"], before);
    let delivery = talk.hand_out(&carol, &queued[&carol]);
    let received = talk.client(&carol).receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
}

#[test]
fn row_26_chk451_a_member_under_another_account_key_gets_nothing_and_is_not_heard() {
    let mut talk = Talk::of(&NAMES);
    let (alice, group) = (first("alice"), talk.group);
    talk.say_all("alice", "one");
    // The relay resets Carol's account.
    let carol = talk.net.world.register("carol");
    talk.net.clients.insert(first("carol"), carol);
    let rosters = talk
        .net
        .world
        .group_rosters(&alice, &group, &[account("carol")]);
    let now = talk.net.world.now;
    talk.client(&alice)
        .take_group_rosters(&group, &rosters, now)
        .unwrap();
    assert!(
        talk.net
            .info(&alice, &group)
            .member(&account("carol"))
            .unwrap()
            .is_suspended
    );
    talk.say(&alice, "two");
    assert!(!talk.queues.contains_key(&first("carol")));
}

/// Carol began anew, and Alice brought her back under her new key. Bob has not heard of it when
/// Carol's message comes.
#[test]
fn chk451_a_member_that_came_back_under_another_key_is_heard_by_who_is_behind() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob, carol, group) = (first("alice"), first("bob"), first("carol"), talk.group);
    talk.say_all("carol", "one");
    let anew = talk.net.world.register("carol");
    talk.net.clients.insert(carol.clone(), anew);
    let (new, now) = (talk.net.key("carol"), talk.net.world.now);
    for device in [&alice, &bob] {
        let rosters = talk
            .net
            .world
            .group_rosters(device, &group, &[account("carol")]);
        let taken = talk
            .client(device)
            .take_group_rosters(&group, &rosters, now);
        taken.unwrap();
    }
    let roster = talk.net.world.roster(&account("carol"));
    let client = talk.client(&alice);
    client.accept_identity(&account("carol"), &new).unwrap();
    client.take_roster(&account("carol"), &roster, now).unwrap();
    talk.net.join(&group, "alice", "carol");
    let two = talk.say(&carol, "two");
    let queued = talk.queues[&bob].front().unwrap().clone();
    // Bob takes her for suspended.
    let error = talk.refuses(&bob, &queued);
    assert!(
        matches!(error, ReceiveError::GroupNews { group: of } if of == group),
        "{error:?}"
    );
    talk.net.fetch(&bob, &group);
    // He had another key of hers pinned. His user is told, and what he writes waits, too.
    let error = talk.refuses(&bob, &queued);
    assert!(
        matches!(error, ReceiveError::UnknownDevice { .. }),
        "{error:?}"
    );
    talk.net.attend(&bob);
    let told = |notice: &Notice| matches!(notice, Notice::IdentityChanged { account: of, .. } if *of == account("carol"));
    assert!(talk.net.notices(&bob).iter().any(told));
    let unknown = talk.client(&bob).members_without_roster(&group).unwrap();
    assert_eq!(unknown, [account("carol")]);
    let refused = talk.try_seal(&bob, "three");
    assert!(
        matches!(refused, Err(SendError::UnknownMembers)),
        "{refused:?}"
    );
    let client = talk.client(&bob);
    client.accept_identity(&account("carol"), &new).unwrap();
    client.take_roster(&account("carol"), &roster, now).unwrap();
    talk.run();
    assert_eq!(talk.shown(&bob), ["carol: one", "carol: two"]);
    talk.say_all("bob", "three");
    assert_eq!(talk.shown(&carol), ["bob: three"]);
    assert!(talk.client(&carol).message(group, &two).unwrap().is_some());
}

#[test]
fn chk447_448_a_chain_ends_when_a_device_that_has_it_is_no_target_any_more() {
    let mut talk = Talk::of(&["alice", "bob", "carol", "dave"]);
    let (alice, group) = (first("alice"), talk.group);
    let one = talk.seal(&alice, "one"); // its keys are for all, and it is not posted
    let entry = talk.net.call(&alice, |client, now, rng| {
        client.remove_member(&group, &account("dave"), now, rng)
    });
    talk.net.post_entry(&alice, &entry.unwrap().unwrap());
    let two = talk.seal(&alice, "two");
    // What waited on the chain that was left was sealed again first.
    let now = talk.net.world.now;
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    assert_eq!(waiting.len(), 2);
    assert_ne!(waiting[0].envelope, one.envelope);
    assert_eq!((waiting[0].id, waiting[1].id), (one.id, two.id));
    for outgoing in &waiting {
        talk.post(&alice, outgoing);
    }
    assert!(!talk.queues.contains_key(&first("dave")));
    talk.run();
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: two"]);
}

#[test]
fn row_46_refusals_renew_the_chain_once_an_hour() {
    let mut talk = Talk::of(&NAMES);
    let (alice, bob) = (first("alice"), first("bob"));
    talk.say_all("alice", "zero");
    for round in 0..3 {
        talk.say(&alice, "spoilt");
        let mut queued = taken(&mut talk, "bob");
        queued.slot = GroupSlot::Mac([7; 16]);
        let error = talk.refuses(&bob, &Queued::Group(queued));
        assert_eq!(error.advice(), Advice::AskAgain, "{error:?}");
        talk.run();
        assert_eq!(talk.shown(&bob).len(), 2 + round);
        talk.net.wait(HOUR_MS / 4);
    }
}

#[test]
fn a_store_that_was_copied_opens_again() {
    let mut talk = Talk::of(&NAMES);
    talk.say_all("alice", "one");
    let records = snapshot(talk.client(&first("alice")));
    let again = Device::open(MemoryStore::from_records(records)).unwrap();
    talk.net.clients.insert(first("alice"), again);
    talk.say_all("alice", "two");
    assert_eq!(talk.shown(&first("bob")), ["alice: one", "alice: two"]);
}
