//! What the user decides, and what is left then.

use waxseal::store::Key;
use waxseal::{Client, MemoryStore};
use waxseal::{Content, Disclosure, Nudge, Reason, Received, Timestamp};
use waxseal_world::{Provider, account, snapshot};

use crate::support::{DAY_MS, Device, Stranger, hear, is_skipped, naming, wait, world};

/// The tables that may still name a declined account: what the user decided.
const DECIDED: [u8; 1] = [b'B'];

#[test]
fn chk586_what_a_declined_account_sends_is_dropped_for_30_days() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    bob.decline(&account("mallory"), world.now).unwrap();
    let left = naming(&bob, "mallory");
    assert!(left.iter().all(|table| DECIDED.contains(table)), "{left:?}");
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    let before = snapshot(&bob);
    mallory.start_over(&mut world);
    for day in [0, 10, 19] {
        wait(&mut world, day * DAY_MS);
        let envelope = mallory.seal(Content::Text("please".to_owned()), &mut world);
        let received = mallory.deliver(&mut world, &mut bob, &envelope);
        assert!(is_skipped(&received), "{received:?}");
    }
    assert_eq!(snapshot(&bob), before);
    // It survives a restart, and ends.
    let mut bob = Client::open(bob.into_store()).unwrap();
    wait(&mut world, DAY_MS);
    mallory.start_over(&mut world);
    let received = mallory.write(&mut world, &mut bob, "once more");
    assert!(matches!(received, Received::Message { .. }), "{received:?}");
    let nudges = bob.nudges(&account("mallory")).unwrap();
    assert!(nudges.contains(&Nudge::DeclinedBefore));
}

#[test]
fn a_declined_account_that_is_accepted_after_all_is_heard() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    bob.decline(&account("mallory"), world.now).unwrap();
    bob.accept_contact(&account("mallory")).unwrap();
    mallory.start_over(&mut world);
    let received = mallory.write(&mut world, &mut bob, "thank you");
    assert!(matches!(received, Received::Message { message, .. } if !message.is_request()));
    assert!(bob.peer_state(&account("mallory")).unwrap().is_accepted);
}

#[test]
fn chk587_a_request_that_nobody_decides_about_is_dropped_after_30_days() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    let first = bob.requests(None, 9).unwrap().items.remove(0).first;
    let last = Timestamp::from_millis(first.as_millis() + 30 * DAY_MS - 1);
    world.now = last;
    hear(&mut world, &mut bob);
    bob.upkeep(last, &mut world.rng).unwrap();
    assert_eq!(bob.requests(None, 9).unwrap().items.len(), 1);
    let after = Timestamp::from_millis(last.as_millis() + 1);
    bob.upkeep(after, &mut world.rng).unwrap();
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    assert!(naming(&bob, "mallory").is_empty());
    assert!(bob.peer_account_key(&account("mallory")).is_err());
    // It is a stranger again, whom nobody declined.
    world.now = after;
    mallory.start_over(&mut world);
    let received = mallory.write(&mut world, &mut bob, "hello again");
    assert!(matches!(received, Received::Message { .. }), "{received:?}");
}

#[test]
fn chk587_a_clock_that_is_ahead_drops_no_request_before_30_days_of_deliveries() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    // The clock is wrong, or the device was off for a month and nothing was delivered yet.
    let ahead = Timestamp::from_millis(world.now.as_millis() + 31 * DAY_MS);
    bob.upkeep(ahead, &mut world.rng).unwrap();
    wait(&mut world, 29 * DAY_MS);
    hear(&mut world, &mut bob);
    bob.upkeep(ahead, &mut world.rng).unwrap();
    assert_eq!(bob.requests(None, 9).unwrap().items.len(), 1);
    assert!(bob.has_session(&account("mallory")).unwrap());
    wait(&mut world, DAY_MS);
    hear(&mut world, &mut bob);
    bob.upkeep(ahead, &mut world.rng).unwrap();
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
}

fn invite(mallory: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    let invitation = Content::Invitation {
        group: waxseal::reporting::ConversationId::from_bytes([7; 32]),
        title: "join".to_owned(),
    };
    let envelope = mallory.seal(invitation, world);
    mallory.deliver(world, bob, &envelope);
}

#[test]
fn what_a_blocked_stranger_sent_is_gone_and_it_stays_blocked() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    invite(&mut mallory, &mut world, &mut bob);
    assert_eq!(bob.groups(None, 9).unwrap().items.len(), 1);
    bob.block(&account("mallory"), true).unwrap();
    assert!(bob.groups(None, 9).unwrap().items.is_empty());
    let messages = bob.messages(&account("mallory"), None, 9).unwrap();
    assert!(messages.items.is_empty());
    assert!(bob.requests(None, 9).unwrap().items.is_empty());
    assert!(bob.peer_account_key(&account("mallory")).is_err());
    let mut bob = Client::open(bob.into_store()).unwrap();
    assert!(bob.peer_state(&account("mallory")).unwrap().is_blocked);
    let before = snapshot(&bob);
    for _ in 0..3 {
        mallory.start_over(&mut world);
        let received = mallory.write(&mut world, &mut bob, "unblock me");
        assert!(is_skipped(&received), "{received:?}");
    }
    assert_eq!(snapshot(&bob), before);
    bob.block(&account("mallory"), false).unwrap();
    mallory.start_over(&mut world);
    let received = mallory.write(&mut world, &mut bob, "thank you");
    assert!(matches!(received, Received::Message { .. }), "{received:?}");
}

#[test]
fn chk588_a_report_of_a_blocked_request_outlives_its_messages() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let received = mallory.write(&mut world, &mut bob, "I know where you live");
    let Received::Message { message, .. } = received else {
        panic!("{received:?}");
    };
    let key = world.moderation.public_key().clone();
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob
        .draft_report(&account("mallory"), Reason::Threat, shown)
        .unwrap();
    let sealed = bob.block_and_report(&draft, &key, &mut world.rng).unwrap();
    assert!(bob.peer_state(&account("mallory")).unwrap().is_blocked);
    let messages = bob.messages(&account("mallory"), None, 9).unwrap();
    assert!(messages.items.is_empty());
    world.verify(&sealed.report).unwrap();
    // The provider has another key by then.
    let again = bob.reseal_report(sealed.id, &key, &mut world.rng).unwrap();
    let verified = world.verify(&again.report).unwrap();
    let content = verified.messages()[0].content().unwrap();
    assert_eq!(content.as_text(), Some("I know where you live"));
    bob.confirm_report(sealed.id).unwrap();
    assert!(snapshot(&bob).iter().all(|(key, value)| {
        let text = b"I know where";
        key.table.as_bytes()[0] != b'X' && !value.windows(text.len()).any(|part| part == text)
    }));
}

#[test]
fn a_report_of_a_blocked_request_is_kept_until_there_is_a_key() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    let received = mallory.write(&mut world, &mut bob, "I know where you live");
    let Received::Message { message, .. } = received else {
        panic!("{received:?}");
    };
    let shown = [(*message.id(), Disclosure::Whole)];
    let draft = bob
        .draft_report(&account("mallory"), Reason::Threat, shown)
        .unwrap();
    let kept = bob.block_and_keep_report(&draft, &mut world.rng).unwrap();
    let key = world.moderation.public_key().clone();
    let sealed = bob.reseal_report(kept.id, &key, &mut world.rng).unwrap();
    world.verify(&sealed.report).unwrap();
}

/// Bob after he declined the request of Mallory, who has a client.
fn declined() -> (Provider, Device, Device) {
    let (mut world, mut bob) = world();
    let mut mallory = world.register("mallory");
    world.start(&mut mallory, &account("bob"));
    world.exchange(&mut mallory, &mut bob, "hello");
    bob.decline(&account("mallory"), world.now).unwrap();
    let nudges = bob.nudges(&account("mallory")).unwrap();
    assert!(nudges.contains(&Nudge::DeclinedBefore));
    (world, bob, mallory)
}

#[test]
fn writing_to_a_declined_account_replaces_the_decision() {
    for holds in [false, true] {
        let (mut world, mut bob, _) = declined();
        let id = account("mallory");
        let held = bob.hold(&id, "sorry", world.now, &mut world.rng);
        if !holds {
            held.unwrap();
            let (fresh, fresh_bob, _) = declined();
            (world, bob) = (fresh, fresh_bob);
            world.start(&mut bob, &id);
            bob.send(&id, "sorry", world.now, &mut world.rng).unwrap();
        }
        assert!(bob.peer_state(&id).unwrap().is_accepted);
        let nudges = bob.nudges(&id).unwrap();
        assert!(!nudges.contains(&Nudge::DeclinedBefore), "{holds}");
    }
}

/// A store of an earlier version, in which the decision stayed.
#[test]
fn accepting_repairs_a_decision_that_stayed() {
    let (mut world, mut bob, _) = declined();
    let id = account("mallory");
    let is_item = |(key, _): &(Key, Vec<u8>)| key.table.as_bytes()[0] == b'B';
    let rows = |bob: &Client<MemoryStore>| snapshot(bob).into_iter().collect::<Vec<_>>();
    let items: Vec<_> = rows(&bob).into_iter().filter(is_item).collect();
    world.start(&mut bob, &id);
    bob.send(&id, "sorry", world.now, &mut world.rng).unwrap();
    let mut records = rows(&bob);
    records.retain(|row| !is_item(row));
    records.extend(items);
    let store = MemoryStore::from_records(records.into_iter().collect::<waxseal_world::Records>());
    let mut bob = Client::open(store).unwrap();
    assert!(bob.nudges(&id).unwrap().contains(&Nudge::DeclinedBefore));
    bob.accept_contact(&id).unwrap();
    assert!(!bob.nudges(&id).unwrap().contains(&Nudge::DeclinedBefore));
}

#[test]
fn a_wrong_clock_makes_a_decision_neither_void_nor_last_for_years() {
    for (clock_ms, hears) in [(0, 30), (1 << 60, 60)] {
        let (mut world, mut bob) = world();
        let mut mallory = Stranger::new(&mut world, "mallory");
        mallory.write(&mut world, &mut bob, "hello");
        let first_ms = world.now.as_millis();
        let clock = Timestamp::from_millis(clock_ms);
        bob.decline(&account("mallory"), clock).unwrap();
        for (days, is_heard) in [(29, false), (hears + 1, true)] {
            world.now = Timestamp::from_millis(first_ms + days * DAY_MS);
            mallory.start_over(&mut world);
            let received = mallory.write(&mut world, &mut bob, "please");
            assert_eq!(!is_skipped(&received), is_heard, "{clock_ms} {days}");
        }
    }
}

#[test]
fn chk587_the_second_request_of_a_contact_that_stays_is_dropped_too() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    bob.mark_verified(&account("mallory"), true).unwrap();
    for _ in 0..2 {
        wait(&mut world, 31 * DAY_MS);
        hear(&mut world, &mut bob);
        bob.upkeep(world.now, &mut world.rng).unwrap();
        assert!(bob.requests(None, 9).unwrap().items.is_empty());
        let messages = bob.messages(&account("mallory"), None, 9).unwrap();
        assert!(messages.items.is_empty());
        mallory.write(&mut world, &mut bob, "hello again");
        assert_eq!(bob.requests(None, 9).unwrap().items.len(), 1);
    }
}

#[test]
fn a_damaged_group_stops_neither_the_upkeep_nor_a_decision() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    invite(&mut mallory, &mut world, &mut bob);
    let mut records = snapshot(&bob);
    let groups = records
        .iter_mut()
        .filter(|(key, _)| key.table.as_bytes() == b"6");
    // The record decodes, and the log in it, which was empty, does not.
    let damaged = groups.map(|(_, value)| value.extend([0x1a, 1, 0xff]));
    assert_eq!(damaged.count(), 1);
    for declines in [true, false] {
        let store = MemoryStore::from_records(records.clone());
        let mut bob = Client::open(store).unwrap();
        wait(&mut world, 31 * DAY_MS);
        hear(&mut world, &mut bob);
        match declines {
            true => bob.decline(&account("mallory"), world.now).unwrap(),
            false => drop(bob.upkeep(world.now, &mut world.rng).unwrap()),
        }
        assert!(bob.requests(None, 9).unwrap().items.is_empty());
    }
}
