//! Messages that were read expire by the relay's clock, and are wiped after that.

use waxseal::courier::Event;
use waxseal::{Direction, Draft};
use waxseal_world::{Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

fn say(town: &mut Town, text: &str, seconds: u32) {
    let now = town.phones[0].now(&town.relay);
    let draft = Draft::from(text).expires_after_secs(seconds);
    let phone = &mut town.phones[0];
    phone
        .courier
        .send(&account("bob"), draft, now, &mut phone.rng)
        .unwrap();
}

/// Has a phone show everything that it received.
fn read(town: &mut Town, who: usize) {
    let phone = &mut town.phones[who];
    let now = phone.now(&town.relay);
    let messages = phone.messages(&account("alice"));
    let last = messages.iter().max_by_key(|message| message.accepted_at());
    let id = *last.unwrap().id();
    phone
        .courier
        .mark_read(&account("alice"), &id, now)
        .unwrap();
}

/// The texts that are shown of what Alice sent to a phone.
fn shown(town: &Town, who: usize) -> Vec<String> {
    let now = town.phones[who].now(&town.relay);
    let client = town.phones[who].courier.client();
    let page = client.views(&account("alice"), None, 1_000, now).unwrap();
    let received = page.items.iter();
    let received = received.filter(|view| view.direction() == Direction::Received);
    let texts = received.filter_map(|view| view.text());
    texts.map(str::to_owned).collect()
}

fn expired(town: &Town, who: usize) -> usize {
    town.phones[who].count(|event| matches!(event, Event::Expired { .. }))
}

#[test]
fn messages_that_were_read_expire_on_both_sides_and_are_wiped_a_week_later() {
    let mut town = Town::of_two();
    say(&mut town, "short", 600);
    say(&mut town, "long", 7_200);
    town.live(9 * MINUTE_MS);
    assert_eq!(shown(&town, 1)[1..], ["short", "long"]);
    read(&mut town, 1);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [0, 0]);
    town.live(2 * MINUTE_MS);
    assert_eq!(
        [expired(&town, 0), expired(&town, 1)],
        [1, 0],
        "counted from reading"
    );
    town.live(9 * MINUTE_MS);
    assert_eq!(shown(&town, 1)[1..], ["long"]);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
    town.live(3 * HOUR_MS);
    assert!(shown(&town, 1)[1..].is_empty());
    assert_eq!([expired(&town, 0), expired(&town, 1)], [2, 2]);
    // Until they are wiped, they can be reported.
    assert_eq!(town.phones[1].heard("alice").len(), 3);
    for _ in 0..8 {
        town.wait(DAY_MS);
        town.live(MINUTE_MS);
    }
    assert_eq!(town.phones[1].heard("alice").len(), 1);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [2, 2]);
}

#[test]
fn many_messages_expire_and_each_is_told_once() {
    let mut town = Town::of_two();
    for number in 0..150 {
        say(&mut town, &number.to_string(), 600);
    }
    town.live(5 * MINUTE_MS);
    assert_eq!(shown(&town, 1).len(), 151);
    read(&mut town, 1);
    town.live(11 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [150, 150]);
    assert_eq!(shown(&town, 1).len(), 1);
}

#[test]
fn messages_expire_without_a_network_too() {
    let mut town = Town::of_two();
    say(&mut town, "short", 600);
    town.live(MINUTE_MS);
    read(&mut town, 1);
    town.relay.fail(|_| Some(Fault::RequestLost));
    for who in 0..2 {
        town.relay.disconnect(town.phones[who].connection.unwrap());
        town.phones[who].restart();
    }
    town.live(10 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
}

#[test]
fn a_wrong_clock_does_not_change_when_messages_expire() {
    let mut town = Town::of_two();
    town.phones[0].ahead_ms = DAY_MS as i64;
    // The receipt for this one teaches the phone the relay's time.
    town.say(0, "bob", "what time is it?");
    town.live(MINUTE_MS);
    say(&mut town, "short", 600);
    town.live(1_000);
    read(&mut town, 1);
    town.live(9 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [0, 0]);
    town.live(3 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
}

#[test]
fn chk574_a_phone_whose_clock_falls_behind_counts_from_acceptance() {
    let mut town = Town::of_two();
    say(&mut town, "short", 600);
    town.live(MINUTE_MS);
    // The clock falls behind what is known of it.
    town.wait(5 * DAY_MS);
    town.phones[1].ahead_ms = -20 * DAY_MS as i64;
    read(&mut town, 1);
    town.phones[1].ahead_ms = 0;
    town.live(MINUTE_MS);
    let client = town.phones[1].courier.client();
    let views = client
        .views(&account("alice"), None, 9, town.now())
        .unwrap();
    let last = views.items.iter().max_by_key(|view| view.accepted_at());
    let (accepted, expires) = (
        last.unwrap().accepted_at().unwrap(),
        last.unwrap().expires_at().unwrap(),
    );
    assert_eq!(expires.as_millis(), accepted.as_millis() + 600_000);
    // It expired, and can be reported.
    assert_eq!(expired(&town, 1), 1);
    assert_eq!(town.phones[1].heard("alice").len(), 2);
}

#[test]
fn chk574_a_message_that_is_read_counts_by_the_later_clock() {
    let mut town = Town::of_two();
    // The receipt for this one teaches the phone that it is a day behind.
    town.phones[1].ahead_ms = -(DAY_MS as i64);
    town.say(1, "alice", "what time is it?");
    town.live(MINUTE_MS);
    say(&mut town, "short", 600);
    town.live(MINUTE_MS);
    town.wait(DAY_MS / 2);
    let read_at = town.now();
    read(&mut town, 1);
    let client = town.phones[1].courier.client();
    let views = client.views(&account("alice"), None, 9, read_at).unwrap();
    let last = views.items.iter().max_by_key(|view| view.accepted_at());
    let expires = last.unwrap().expires_at().unwrap().as_millis();
    assert!(expires + MINUTE_MS >= read_at.as_millis() + 600_000);
}

#[test]
fn chk574_a_clock_that_was_put_right_counts_by_itself() {
    let mut town = Town::of_two();
    // The receipt for this one teaches the phone that it is two days behind.
    town.phones[1].ahead_ms = -2 * DAY_MS as i64;
    town.say(1, "alice", "what time is it?");
    town.live(MINUTE_MS);
    say(&mut town, "short", 600);
    town.live(MINUTE_MS);
    let phone = &town.phones[1];
    let now = phone.now(&town.relay);
    assert!(phone.courier.relay_time(now).as_millis() > now.as_millis() + DAY_MS);
    town.phones[1].ahead_ms = 0;
    town.turn_of(1);
    read(&mut town, 1);
    let read_at = town.now();
    let client = town.phones[1].courier.client();
    let views = client.views(&account("alice"), None, 9, read_at).unwrap();
    let last = views.items.iter().max_by_key(|view| view.accepted_at());
    let expires = last.unwrap().expires_at().unwrap().as_millis();
    assert!(expires <= read_at.as_millis() + 600_000);
}
