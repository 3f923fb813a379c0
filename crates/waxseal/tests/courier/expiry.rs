//! Messages that expire are deleted, by the relay's clock.

use waxseal::Draft;
use waxseal::courier::Event;
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

fn expired(town: &Town, who: usize) -> usize {
    town.phones[who].count(|event| matches!(event, Event::Expired { .. }))
}

#[test]
fn messages_are_deleted_on_both_sides_when_their_time_has_come() {
    let mut town = Town::of_two();
    say(&mut town, "short", 600);
    say(&mut town, "long", 7_200);
    town.live(9 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["short", "long"]);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [0, 0]);
    town.live(2 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["long"]);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
    town.live(3 * HOUR_MS);
    assert!(town.phones[1].heard("alice")[1..].is_empty());
    assert_eq!([expired(&town, 0), expired(&town, 1)], [2, 2]);
}

#[test]
fn many_messages_are_deleted_and_each_is_told_once() {
    let mut town = Town::of_two();
    for number in 0..150 {
        say(&mut town, &number.to_string(), 600);
    }
    town.live(5 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice").len(), 151);
    town.live(6 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [150, 150]);
    assert_eq!(town.phones[1].heard("alice").len(), 1);
}

#[test]
fn messages_are_deleted_without_a_network_too() {
    let mut town = Town::of_two();
    say(&mut town, "short", 600);
    town.live(MINUTE_MS);
    town.relay.fail(|_| Some(Fault::RequestLost));
    for who in 0..2 {
        town.relay.disconnect(town.phones[who].connection.unwrap());
        town.phones[who].restart();
    }
    town.live(10 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
}

#[test]
fn a_wrong_clock_deletes_at_the_time_of_the_relay() {
    let mut town = Town::of_two();
    town.phones[0].ahead_ms = DAY_MS as i64;
    // The receipt for this one teaches the phone the relay's time.
    town.say(0, "bob", "what time is it?");
    town.live(MINUTE_MS);
    say(&mut town, "short", 600);
    town.live(9 * MINUTE_MS);
    assert_eq!(expired(&town, 0), 0);
    town.live(3 * MINUTE_MS);
    assert_eq!([expired(&town, 0), expired(&town, 1)], [1, 1]);
}
