//! Groups: queues that are full, messages that are sealed again, devices that left their account,
//! and what insiders try at the relay. The numbers of rows are those of the design's table of
//! attacks, those of items the design's decisions on groups.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::{ErrorCode, Event, QUEUE_EXPIRED_ID};
use waxseal_relay::ClientError;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{Claim, Receipt};
use waxseal_reporting::sender::GroupSlot;
use waxseal_reporting::{Audience, DeviceAddress};
use waxseal_roster::group::{GroupOp, Role};
use world::crowd::{Crowd, accepted_ms, adding, heard, opened, removing, texts};
use world::family::Family;
use world::{Device, NoChannel, SOON, World, code, count, database, devices, now};

/// The most that a queue holds, and the most of one sender.
const QUEUE: i64 = 40_000;

/// Counts this many messages more in the queue of an account's first device.
fn fill(world: &World, name: &str, messages: i64) {
    let fill = "INSERT INTO share
             SELECT d.id, 0, ?1, 0 FROM device d JOIN account a ON a.id = d.account
                 WHERE name = ?2 AND number = 1
             ON CONFLICT DO UPDATE SET messages = messages + ?1";
    let filled = database(world).execute(fill, (messages, name));
    assert_eq!(filled.unwrap(), 1);
}

/// Between which times messages were dropped, as a device is told.
fn told(device: &Device) -> (u64, u64) {
    let mut deliveries = device.connect();
    let event = deliveries.next(SOON).unwrap().unwrap();
    let Event::QueueExpired { from_ms, to_ms } = event else {
        panic!("{event:?}")
    };
    deliveries.acknowledge(QUEUE_EXPIRED_ID).unwrap();
    deliveries.close();
    (from_ms, to_ms)
}

/// Posts what a device sent to a group again, for one device.
fn post_again(
    by: &Device,
    sent: &Evidence,
    first: &Claim,
    target: &DeviceAddress,
) -> Result<Vec<u8>, ClientError> {
    let message = sent.sent().unwrap();
    let envelope = message.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let posted = envelope.post_again(first, &by.delivery_key, &by.me, target, now());
    by.client.send_again(by.session(), &target.account, &posted)
}

#[test]
fn a_member_whose_queue_is_full_is_told_and_the_others_get_the_message() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let crowd = Crowd::found(&alice, &[&bob, &carol]);
    crowd.say(&alice, &[&bob, &carol], "first").unwrap();
    fill(&world, "carol", QUEUE);
    let second = crowd.say(&alice, &[&bob, &carol], "second").unwrap();
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 2);
    assert_eq!(texts(&bob), ["first", "second"]);
    // What all devices got is gone, and Carol's first message is not.
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 1);
    // If no device has room, nothing is stamped, and nothing is left of the body.
    fill(&world, "bob", QUEUE);
    let full = crowd.say(&alice, &[&bob, &carol], "third").unwrap_err();
    assert_eq!(full.code(), Some(ErrorCode::QueueFull));
    assert!(full.is_transient() && full.retry_after_secs().is_some());
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 1);
    fill(&world, "bob", -QUEUE);
    fill(&world, "carol", -QUEUE);
    let (from_ms, to_ms) = told(&carol);
    assert_eq!(
        (from_ms, to_ms),
        (accepted_ms(&second), accepted_ms(&second))
    );
    let third = crowd.say(&alice, &[&bob, &carol], "third").unwrap();
    assert!(accepted_ms(&third) > accepted_ms(&second));
    assert_eq!(texts(&carol), ["first", "third"]);
    assert_eq!(texts(&bob), ["third"]);
    let rest = "SELECT max(abs(messages), abs(bytes)) FROM share";
    assert_eq!(count(&world, rest), 0);
}

#[test]
fn a_message_to_a_group_is_sealed_again_for_one_device_of_a_member() {
    let world = World::new();
    let [alice, bob, carol, eve] = devices(&world, ["alice", "bob", "carol", "eve"]);
    let mut crowd = Crowd::found(&alice, &[&bob, &carol]);
    let sent = crowd.say(&alice, &[&bob, &carol], "hello").unwrap();
    assert_eq!(texts(&bob), ["hello"]);
    let receipt = post_again(&alice, &sent, sent.claim(), &bob.me).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let again = receipt.authenticate(&alice.delivery_key, &sent.sent().unwrap());
    let again = again.unwrap();
    assert_eq!(again.tag(), sent.tag());
    assert!(accepted_ms(&again) > accepted_ms(&sent));
    assert_eq!(
        count(&world, "SELECT count(*) FROM queue WHERE body IS NULL"),
        1
    );
    let received = heard(&bob);
    let [(text, evidence)] = &received[..] else {
        panic!("one message")
    };
    assert_eq!(text, "hello");
    assert_eq!(accepted_ms(evidence), accepted_ms(&again));
    // Its audience is the group, so that it is reported as what it was.
    let audience = &evidence.claim().context().audience;
    assert_eq!(audience, &Audience::Group(crowd.id));
    let key = bob.client.card().unwrap().moderation_key().unwrap();
    let report = bob.report(&key, &[evidence]);
    bob.client.report(bob.session(), &report).unwrap();
    // Not for strangers, and not by others than its author.
    let refused = post_again(&alice, &sent, sent.claim(), &eve.me);
    assert_eq!(code(refused), ErrorCode::OtherTarget);
    let refused = post_again(&carol, &sent, sent.claim(), &bob.me);
    assert_eq!(code(refused), ErrorCode::NotStamped);
    // Not for who was removed, and not for who joined later.
    crowd.change(&alice, &[removing(&bob), adding(&eve, Role::Member)]);
    for target in [&bob.me, &eve.me] {
        let refused = post_again(&alice, &sent, sent.claim(), target);
        assert_eq!(code(refused), ErrorCode::OtherTarget);
    }
    post_again(&alice, &sent, sent.claim(), &carol.me).unwrap();
}

#[test]
fn item_05_a_device_that_left_its_account_needs_no_slot_and_gets_nothing() {
    let world = World::new();
    let alice = world.device("alice");
    let mut bob = Family::new(&world, "bob", 2);
    let crowd = Crowd::found(&alice, &[&bob.devices[0]]);
    let own = alice.roster.clone().unwrap();
    let rosters = [&own, &bob.roster];
    crowd.send(&alice, &rosters, "to both").unwrap();
    let laptop = bob.devices.remove(1);
    let card = laptop.client.card().unwrap();
    let prove = |context: &[u8]| laptop.prove(context);
    laptop
        .client
        .leave(&card.relay_key, &laptop.me, prove)
        .unwrap();
    // Its slot may be there or not, and nothing is queued for it.
    let queued = "SELECT count(*) FROM queue";
    assert_eq!(count(&world, queued), 1);
    crowd.send(&alice, &rosters, "with a slot").unwrap();
    let mut targets = crowd.targets(&alice, &rosters);
    targets.retain(|target| target.device == 1);
    let (_, fanout) = crowd.seal(&alice, &targets, "without");
    crowd.post(&alice, &fanout).unwrap();
    assert_eq!(count(&world, queued), 3);
    assert_eq!(
        texts(&bob.devices[0]),
        ["to both", "with a slot", "without"]
    );
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 0);
    // It posts nothing more, and the phone may leave it out of its own messages, too.
    let posted = crowd.send(&laptop, &rosters, "by a thief");
    assert_eq!(code(posted), ErrorCode::Removed);
    let mut targets = crowd.targets(&bob.devices[0], &rosters);
    targets.retain(|target| target.account == "alice");
    let (_, fanout) = crowd.seal(&bob.devices[0], &targets, "from the phone");
    crowd.post(&bob.devices[0], &fanout).unwrap();
    assert_eq!(texts(&alice), ["from the phone"]);
    // The next roster does not list it: then it is an error to have a slot for it.
    let before = bob.roster.clone();
    bob.publish(|draft| draft.remove(2).unwrap());
    let refused = crowd.send(&alice, &[&own, &before], "to both");
    assert_eq!(code(refused), ErrorCode::GroupMismatch);
    crowd.send(&alice, &[&own, &bob.roster], "to one").unwrap();
}

#[test]
fn row_36_a_message_with_a_slot_more_or_fewer_or_in_another_order_is_refused() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let crowd = Crowd::found(&alice, &[&bob, &carol]);
    let rosters = [&alice, &bob, &carol].map(|device| device.roster.as_ref().unwrap());
    let targets = crowd.targets(&alice, &rosters);
    let (_, fanout) = crowd.seal(&alice, &targets, "hello");
    let slots = fanout.slots().to_vec();
    let more = [slots.clone(), vec![GroupSlot::Empty]].concat();
    for slots in [more, slots[..1].to_vec()] {
        let mut changed = fanout.clone();
        changed.retarget(targets.digest(), slots).unwrap();
        assert_eq!(code(crowd.post(&alice, &changed)), ErrorCode::GroupMismatch);
    }
    // The digest says in which order they are.
    let mut swapped = targets.clone();
    swapped.retain(|target| target.account == "carol");
    assert_ne!(swapped.digest(), targets.digest());
    assert!(texts(&bob).is_empty() && texts(&carol).is_empty());
    assert_eq!(count(&world, "SELECT count(*) FROM body"), 0);
    crowd.post(&alice, &fanout).unwrap();
    assert_eq!(texts(&bob), ["hello"]);
}

#[test]
fn row_51_who_was_no_member_at_the_time_reports_nothing() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob, &carol]);
    let during = crowd.say(&alice, &[&bob, &carol], "during").unwrap();
    // Carol leaves. What comes then she was not there for, and what she got she can report.
    let version = crowd.log.state().version();
    carol
        .client
        .leave_group(carol.session(), &crowd.id, version)
        .unwrap();
    let after = crowd.say(&alice, &[&bob, &carol], "after").unwrap();
    crowd.change(&alice, &[removing(&carol)]);
    crowd.change(&alice, &[adding(&carol, Role::Member)]);
    let again = crowd.say(&alice, &[&bob, &carol], "again").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let report = |by: &Device, evidence: &[&Evidence]| {
        let report = by.report(world.vault.moderation.public_key(), evidence);
        by.client.report(by.session(), &report)
    };
    assert_eq!(
        code(report(&carol, &[&after])),
        ErrorCode::ReportRefused,
        "between two memberships"
    );
    assert_eq!(
        code(report(&carol, &[&during, &after, &again])),
        ErrorCode::ReportRefused
    );
    report(&carol, &[&during, &again]).unwrap();
    report(&bob, &[&during, &after, &again]).unwrap();
}

#[test]
fn row_52_a_claim_that_is_moved_to_another_conversation_is_refused() {
    let world = World::new();
    let [mut alice, bob] = devices(&world, ["alice", "bob"]);
    let (crowd, other) = (Crowd::found(&alice, &[&bob]), Crowd::found(&alice, &[&bob]));
    crowd.say(&alice, &[&bob], "in the group").unwrap();
    alice.send(&bob.me, "to Bob alone").unwrap();
    let (in_group, direct) = {
        let mut deliveries = bob.connect();
        let mut next = || match deliveries.next(SOON).unwrap().unwrap() {
            Event::Delivery { delivery, .. } => delivery,
            event => panic!("{event:?}"),
        };
        let both = (next(), next());
        deliveries.close();
        both
    };
    let in_group = opened(&bob, &in_group).1;
    let direct = bob.open(&direct).1;
    let moved = |evidence: &Evidence, audience: Audience| {
        let mut context = evidence.claim().context().clone();
        context.audience = audience;
        let (tag, stamp) = (*evidence.tag(), *evidence.claim().stamp());
        let claim = Claim::new(tag, context, stamp);
        Evidence::unverified(claim, evidence.sent().unwrap())
    };
    let to_bob = Audience::Direct(bob.me.account.clone());
    for forged in [
        moved(&in_group, to_bob),
        moved(&in_group, Audience::Group(other.id)),
        moved(&direct, Audience::Group(crowd.id)),
    ] {
        let report = bob.report(world.vault.moderation.public_key(), &[&forged]);
        let refused = bob.client.report(bob.session(), &report);
        assert_eq!(code(refused), ErrorCode::ReportRefused);
    }
    for genuine in [&in_group, &direct] {
        let report = bob.report(world.vault.moderation.public_key(), &[genuine]);
        bob.client.report(bob.session(), &report).unwrap();
    }
}

#[test]
fn item_04_entries_and_messages_have_one_order_of_accepted_times() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    let mut last = 0;
    for at in 0..6 {
        let said = match at % 2 {
            0 => crowd.say(&alice, &[&bob, &carol], "said"),
            _ => crowd.say(&bob, &[&alice, &carol], "said"),
        };
        let said = accepted_ms(&said.unwrap());
        assert!(said > last);
        let op = match crowd.log.state().is_member("carol") {
            true => removing(&carol),
            false => adding(&carol, Role::Member),
        };
        let entry = crowd.entry(&alice, &[op]);
        let receipt = crowd.put(&alice, &entry).unwrap();
        crowd.log.take(&entry).unwrap();
        assert!(receipt.accepted_at_ms > said);
        // The time is under the key of the device that asks, and the same for all.
        let news = bob
            .client
            .group_news(bob.session(), &crowd.id, entry.version() - 1)
            .unwrap();
        let told = &news.entries[0];
        assert_eq!(told.receipt.accepted_at_ms, receipt.accepted_at_ms);
        assert!(
            told.receipt
                .is_authentic(&bob.delivery_key, &crowd.id, &told.entry)
        );
        assert!(
            !told
                .receipt
                .is_authentic(&alice.delivery_key, &crowd.id, &told.entry)
        );
        last = receipt.accepted_at_ms;
    }
    assert_eq!(heard(&bob).len(), 3);
}

#[test]
fn item_07_an_entry_comes_from_the_account_that_it_names() {
    let world = World::new();
    let [alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let mut crowd = Crowd::found(&alice, &[&bob]);
    crowd.change(&alice, &[GroupOp::role("bob", Role::Admin)]);
    // Both are admins and have the seed. Bob signs as Alice, and posts it.
    let as_alice = crowd.entry(&alice, &[adding(&carol, Role::Member)]);
    assert_eq!(code(crowd.put(&bob, &as_alice)), ErrorCode::NotActor);
    let news = bob.client.group_news(bob.session(), &crowd.id, 2).unwrap();
    assert!(news.entries.is_empty(), "nothing changed");
    let as_bob = crowd.entry(&bob, &[adding(&carol, Role::Member)]);
    crowd.put(&bob, &as_bob).unwrap();
}
