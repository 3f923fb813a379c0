//! Links that fail, are attacked, or break off at any step.

use waxseal::courier::{Event, LinkFailure, LinkingState};
use waxseal::linking::{LinkDigits, LinkSlot, LinkingError};
use waxseal_roster::LinkCode;
use waxseal_world::{Fault, account};

use crate::devices::said;
use crate::newcomer::Newcomer;
use crate::phone::{HOUR_MS, MINUTE_MS, Town};

const FAILED: fn(&Event) -> bool = |event| matches!(event, Event::LinkFailed(_));

fn failure(town: &Town, who: usize) -> LinkFailure {
    let mut events = town.phones[who].events.iter();
    let failure = events.find_map(|event| match event {
        Event::LinkFailed(failure) => Some(failure.clone()),
        _ => None,
    });
    failure.unwrap()
}

fn code_of(newcomer: &Newcomer) -> LinkCode {
    LinkCode::from_text(&newcomer.linking.code()).unwrap()
}

/// Alice and Bob, a new device of Alice that shows its code, and Alice's phone that scanned it.
fn scanned() -> (Town, Newcomer) {
    let mut town = Town::of_two();
    let newcomer = Newcomer::new(50, town.now());
    town.scan(0, &newcomer);
    (town, newcomer)
}

/// Until the digits are shown.
fn shown() -> (Town, Newcomer, LinkDigits) {
    let (mut town, mut newcomer) = scanned();
    town.until(&mut newcomer, &LinkingState::Digits);
    for _ in 0..20 {
        if let Some(digits) = town.digits(0) {
            return (town, newcomer, digits);
        }
        town.step(&mut newcomer);
    }
    panic!("no digits");
}

fn changed(digits: &LinkDigits, at: usize) -> LinkDigits {
    let mut shown: Vec<u8> = digits.shown().bytes().filter(u8::is_ascii_digit).collect();
    shown[at] = b'0' + (shown[at] - b'0' + 1) % 10;
    LinkDigits::parse(std::str::from_utf8(&shown).unwrap()).unwrap()
}

fn devices(town: &Town) -> usize {
    town.relay.provider.devices(&account("alice")).len()
}

/// The script of a link. Then everyone hears everyone.
fn script(town: &mut Town, newcomer: Newcomer) {
    town.live(MINUTE_MS);
    town.say(0, "bob", "before");
    town.live(MINUTE_MS);
    let laptop = town.link(0, newcomer);
    town.live(HOUR_MS);
    town.say(1, "alice", "to both");
    town.live(HOUR_MS);
    town.say(laptop, "bob", "from the laptop");
    town.live(2 * HOUR_MS);
}

fn check(town: &mut Town) {
    let [phone, bob, laptop] = &town.phones[..] else {
        panic!()
    };
    assert_eq!(bob.heard("alice"), ["before", "from the laptop"]);
    assert_eq!(phone.heard("bob"), ["to both"]);
    assert_eq!(laptop.heard("bob"), ["to both"]);
    assert_eq!(said(phone, "bob"), ["before", "from the laptop"]);
    for phone in &town.phones {
        let bad = |event: &Event| {
            matches!(
                event,
                Event::Dropped { .. }
                    | Event::GivenUp { .. }
                    | Event::NotDelivered { .. }
                    | Event::Damaged(_)
                    | Event::LinkFailed(_)
                    | Event::NotChanged(_)
                    | Event::RosterRefused(_)
                    | Event::Removed
            )
        };
        assert_eq!(phone.count(bad), 0, "{:?}", phone.events);
        assert_eq!(phone.outbox(), 0);
    }
    assert_eq!(town.relay.queued(&account("alice")), 0);
    assert_eq!(town.relay.queued(&account("bob")), 0);
    assert_eq!(devices(town), 2);
}

fn every_request_fails(fault: &Fault, step: usize) -> usize {
    for number in (0..).step_by(step) {
        let mut town = Town::quick(&["alice", "bob"]);
        let fault = fault.clone();
        town.relay
            .fail(move |asked| (asked.number == number).then(|| fault.clone()));
        let newcomer = Newcomer::new(50, town.now());
        script(&mut town, newcomer);
        check(&mut town);
        if town.relay.asked.len() <= number {
            return number;
        }
    }
    unreachable!()
}

#[test]
fn any_lost_request_of_a_link_changes_nothing() {
    assert!(every_request_fails(&Fault::RequestLost, 2) > 40);
}

#[test]
fn any_lost_answer_of_a_link_changes_nothing() {
    assert!(every_request_fails(&Fault::AnswerLost, 2) > 40);
}

#[test]
fn a_manager_that_stops_in_any_commit_of_a_link_links_nevertheless() {
    for commits_before in 0.. {
        let mut town = Town::quick(&["alice", "bob"]);
        town.live(MINUTE_MS);
        let newcomer = Newcomer::new(50, town.now());
        town.phones[0].stop_in(commits_before, commits_before % 2);
        script(&mut town, newcomer);
        check(&mut town);
        if town.phones[0].disk.stop.borrow().is_some() {
            assert!(commits_before > 10);
            return;
        }
    }
}

#[test]
fn a_new_device_that_stops_in_any_commit_links_nevertheless() {
    for commits_before in 0.. {
        let mut town = Town::quick(&["alice", "bob"]);
        let mut newcomer = Newcomer::new(50, town.now());
        newcomer.stop_in(commits_before, commits_before % 2);
        let disk = newcomer.disk.clone();
        script(&mut town, newcomer);
        check(&mut town);
        if disk.stop.borrow().is_some() {
            assert!(commits_before > 5);
            return;
        }
    }
}

#[test]
fn processes_that_end_between_a_request_and_its_answer_link_nevertheless() {
    for asked in 0.. {
        let mut town = Town::quick(&["alice", "bob"]);
        town.live(MINUTE_MS);
        let mut newcomer = Newcomer::new(50, town.now());
        newcomer.ends_after = Some(asked);
        town.phones[0].ends_after = Some(asked);
        script(&mut town, newcomer);
        check(&mut town);
        if town.phones[0].ends_after.is_some() {
            assert!(asked > 10);
            return;
        }
    }
}

#[test]
fn digits_that_are_wrong_end_the_link_on_the_side_that_sees_it() {
    // The first half is wrong.
    let (mut town, mut newcomer, digits) = shown();
    let wrong = changed(&digits, 0);
    newcomer.type_digits(&wrong, town.now());
    let wrong_digits = LinkFailure::Step(LinkingError::WrongDigits);
    let failed = LinkingState::Failed(wrong_digits.clone());
    assert_eq!(newcomer.linking.state(), failed);
    // The right ones come too late.
    newcomer.type_digits(&digits, town.now());
    assert_eq!(newcomer.linking.state(), failed);
    assert_eq!(newcomer.turn(&mut town.relay), 0);
    town.live(20 * MINUTE_MS);
    assert_eq!(failure(&town, 0), LinkFailure::Step(LinkingError::Expired));
    assert_eq!(devices(&town), 1);

    // The second half is wrong.
    let (mut town, mut newcomer, digits) = shown();
    let wrong = changed(&digits, 7);
    newcomer.type_digits(&wrong, town.now());
    for _ in 0..10 {
        town.step(&mut newcomer);
    }
    assert_eq!(failure(&town, 0), wrong_digits);
    for _ in 0..50 {
        town.wait(MINUTE_MS);
        newcomer.turn(&mut town.relay);
    }
    let expired = LinkFailure::Step(LinkingError::Expired);
    assert_eq!(newcomer.linking.state(), LinkingState::Failed(expired));
    assert_eq!(devices(&town), 1);
}

#[test]
fn nobody_who_types_nothing_links_anything() {
    let (mut town, mut newcomer, _) = shown();
    for _ in 0..25 {
        town.wait(MINUTE_MS);
        town.turn();
        newcomer.turn(&mut town.relay);
    }
    let expired = LinkFailure::Step(LinkingError::Expired);
    assert_eq!(failure(&town, 0), expired);
    assert_eq!(newcomer.linking.state(), LinkingState::Failed(expired));
    assert_eq!(devices(&town), 1);
    // Nobody asks for anything any more.
    town.relay.asked.clear();
    town.live(10 * MINUTE_MS);
    newcomer.turn(&mut town.relay);
    let mails = town.relay.asked.iter();
    assert_eq!(
        mails.filter(|asked| asked.path.contains("mailbox")).count(),
        0
    );
}

#[test]
fn prekeys_that_the_relay_exchanged_end_the_link() {
    let (mut town, mut newcomer) = scanned();
    newcomer.turn(&mut town.relay);
    let other = Newcomer::new(51, town.now());
    let mut other_town = Town::of(&[]);
    let mut other = other;
    other.turn(&mut other_town.relay);
    let theirs = code_of(&other).mailbox();
    let content = other_town.relay.in_mailbox(&theirs, 0).unwrap().to_vec();
    let mailbox = code_of(&newcomer).mailbox();
    town.relay
        .swap_mailbox(&mailbox, LinkSlot::Bundle.number(), content);
    town.turn();
    let other_bundle = LinkFailure::Step(LinkingError::OtherBundle);
    assert_eq!(failure(&town, 0), other_bundle);
    assert_eq!(devices(&town), 1);
}

#[test]
fn a_second_manager_that_photographed_the_code_is_seen() {
    // Mallory is faster than Alice.
    let mut town = Town::of_two();
    town.phones.push(crate::phone::Phone::new("mallory", 77));
    town.turn();
    let mut newcomer = Newcomer::new(50, town.now());
    newcomer.turn(&mut town.relay);
    town.scan(2, &newcomer);
    town.turn();
    town.scan(0, &newcomer);
    town.until(&mut newcomer, &LinkingState::Digits);
    assert_eq!(failure(&town, 0), LinkFailure::SlotTaken);
    // The device shows another account than Alice's.
    let offered = newcomer.linking.account().unwrap();
    assert_eq!(offered.me.account, account("mallory"));
}

#[test]
fn something_else_in_a_slot_ends_the_link_and_makes_no_loop() {
    for (slot, at_manager) in [(0, true), (1, false), (2, true), (3, true), (4, false)] {
        let (mut town, mut newcomer) = scanned();
        let body = vec![7; 300];
        town.relay.fail(move |asked| {
            let number: u8 = asked.path.rsplit('/').next()?.parse().ok()?;
            let is_it = asked.is("GET", "/v1/mailboxes") && number == slot;
            is_it.then(|| Fault::Answered {
                status: 200,
                body: body.clone(),
                headers: Vec::new(),
            })
        });
        for _ in 0..60 {
            town.step(&mut newcomer);
            if let Some(digits) = town.digits(0)
                && newcomer.linking.state() == LinkingState::Digits
            {
                newcomer.type_digits(&digits, town.now());
            }
        }
        assert_eq!(town.phones[0].count(FAILED) == 1, at_manager, "{slot}");
        let failed = matches!(newcomer.linking.state(), LinkingState::Failed(_));
        assert_eq!(failed, !at_manager, "{slot}");
        let mails = town.relay.asked.iter();
        let mails = mails.filter(|asked| asked.path.contains("mailbox")).count();
        assert!(mails < 60, "{slot}: {mails}");
    }
}

#[test]
fn a_link_that_is_cancelled_links_nothing_and_another_one_begins() {
    let (mut town, mut newcomer, digits) = shown();
    town.phones[0].courier.cancel_link().unwrap();
    newcomer.type_digits(&digits, town.now());
    for _ in 0..20 {
        town.step(&mut newcomer);
    }
    assert_eq!(failure(&town, 0), LinkFailure::Cancelled);
    assert_eq!(devices(&town), 1);
    town.phones[0].events.clear();
    let laptop = town.link_new(0, 51);
    assert_eq!(town.phones[0].count(FAILED), 0);
    assert_eq!(town.device(laptop).0, 2);
}

#[test]
fn a_device_that_manages_nothing_cannot_link() {
    let mut town = crate::devices::of_three();
    let newcomer = Newcomer::new(60, town.now());
    let (code, now) = (newcomer.linking.code(), town.now());
    assert!(town.phones[2].courier.link_device(&code, now).is_err());
    assert!(town.phones[0].courier.link_device("no code", now).is_err());
    town.live(MINUTE_MS);
    assert_eq!(town.phones[2].count(FAILED), 0);
}

#[test]
fn a_full_relay_delays_a_link_and_stops_no_message() {
    let (mut town, mut newcomer) = scanned();
    town.relay.max_slots = 1;
    for _ in 0..20 {
        town.step(&mut newcomer);
    }
    town.say(0, "bob", "while it waits");
    town.turn();
    assert_eq!(
        town.phones[1].heard("alice").last().unwrap(),
        "while it waits"
    );
    town.relay.max_slots = 100;
    town.until(&mut newcomer, &LinkingState::Digits);
    assert!(newcomer.linking.trouble().is_none());
    assert_eq!(town.phones[0].count(FAILED), 0);
}

#[test]
fn a_new_device_goes_on_with_another_relay_key_only_if_none_was_pinned() {
    let mut town = Town::of_two();
    let mut newcomer = Newcomer::new(50, town.now());
    let other = Town::of(&[]).relay.card();
    let mut keys = waxseal_interface::PinnedKeys::of(&other);
    keys.relay_key[0] ^= 1;
    newcomer.linking.pin(&keys);
    town.scan(0, &newcomer);
    for _ in 0..20 {
        town.step(&mut newcomer);
    }
    assert_eq!(newcomer.linking.state(), LinkingState::Code);
    let trouble = newcomer.linking.trouble().unwrap();
    let is_it = matches!(trouble, waxseal::courier::Trouble::OtherRelay { .. });
    assert!(is_it, "{trouble:?}");
    assert_eq!(devices(&town), 1);
}

#[test]
fn what_a_device_asks_of_a_mailbox_is_authenticated() {
    // Someone in the network answers in place of the relay.
    let (mut town, mut newcomer) = scanned();
    town.relay.fail(|asked| {
        asked
            .path
            .contains("mailbox")
            .then_some(Fault::AnswerAltered)
    });
    for _ in 0..30 {
        town.step(&mut newcomer);
    }
    assert_eq!(newcomer.linking.state(), LinkingState::Code);
    assert_eq!(town.phones[0].count(FAILED), 0);
    town.relay.work();
    town.until(&mut newcomer, &LinkingState::Digits);
}

#[test]
fn polling_is_bounded() {
    let (mut town, mut newcomer, _) = shown();
    town.relay.asked.clear();
    for _ in 0..120 {
        town.step(&mut newcomer);
    }
    let mails = town.relay.asked.iter();
    let mails = mails.filter(|asked| asked.path.contains("mailbox")).count();
    assert!((20..=45).contains(&mails), "once in 1.5 seconds: {mails}");
}
