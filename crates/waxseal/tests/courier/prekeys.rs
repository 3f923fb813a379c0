//! Prekeys: enough of them at the relay, replaced each week, and never twice before it has them.

use waxseal::courier::{Event, Request};
use waxseal_world::{Asked, Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn uploads(town: &Town) -> usize {
    let is_upload = |asked: &&Asked| asked.is("PUT", "/v1/prekeys");
    town.relay.asked.iter().filter(is_upload).count()
}

fn base(town: &mut Town, name: &str) -> Vec<u8> {
    town.relay.provider.bundle(&account(name)).0
}

#[test]
fn prekeys_are_uploaded_once_and_topped_up_when_few_are_left() {
    let mut town = Town::of(&["alice"]);
    town.turn();
    let alice = account("alice");
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
    town.live(5 * HOUR_MS);
    assert_eq!(uploads(&town), 1);
    town.relay.use_up_prekeys(&alice, 25);
    town.live(2 * HOUR_MS);
    assert_eq!(uploads(&town), 1);
    town.relay.use_up_prekeys(&alice, 24);
    town.live(2 * HOUR_MS);
    assert_eq!(uploads(&town), 2);
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
    town.relay.use_up_prekeys(&alice, 0);
    town.live(2 * HOUR_MS);
    assert_eq!(town.relay.provider.one_time_left(&alice), 100);
}

#[test]
fn a_conversation_starts_without_one_time_prekeys_and_says_so() {
    let mut town = Town::registered(&["alice", "bob"]);
    town.relay.use_up_prekeys(&account("bob"), 0);
    town.say(0, "bob", "hello");
    town.turn();
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
    let without = |event: &Event| {
        matches!(
            event,
            Event::Started {
                has_one_time: false,
                ..
            }
        )
    };
    assert_eq!(town.phones[0].count(without), 1);
}

#[test]
fn signed_prekeys_are_replaced_each_week() {
    let mut town = Town::registered(&["alice"]);
    let mut before = base(&mut town, "alice");
    for week in 0..3 {
        town.live(6 * DAY_MS);
        assert_eq!(base(&mut town, "alice"), before, "{week}");
        town.live(DAY_MS + HOUR_MS);
        let after = base(&mut town, "alice");
        assert_ne!(after, before, "{week}");
        before = after;
    }
}

#[test]
fn prekeys_are_not_replaced_again_before_the_relay_has_them() {
    let mut town = Town::registered(&["alice", "bob"]);
    let before = base(&mut town, "alice");
    // Bob starts a session with the prekeys that the relay has, and Alice is away for weeks.
    town.relay
        .fail(|asked| asked.is("PUT", "/v1/prekeys").then_some(Fault::RequestLost));
    for _ in 0..4 {
        town.wait(8 * DAY_MS);
        town.phones[0].restart();
        town.turn_of(0);
        town.wait(10 * MINUTE_MS);
        town.turn_of(0);
    }
    assert_eq!(base(&mut town, "alice"), before);
    town.relay.work();
    town.say(1, "alice", "with the earlier prekeys");
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].heard("bob"), ["with the earlier prekeys"]);
    let again = |asked: &&Asked| asked.is("POST", "/v1/reseals");
    assert_eq!(town.relay.asked.iter().filter(again).count(), 0);
}

#[test]
fn a_crash_between_noting_and_replacing_loses_nothing() {
    for commits_before in 0..3 {
        for way in 0..2 {
            let mut town = Town::registered(&["alice", "bob"]);
            town.wait(8 * DAY_MS);
            town.phones[0].stop_in(commits_before, way);
            town.say(1, "alice", "hello");
            town.live(HOUR_MS);
            assert_eq!(town.phones[0].heard("bob"), ["hello"]);
            town.live(8 * DAY_MS);
            town.phones.push(Phone::new("carol", 9));
            town.say(2, "alice", "hello");
            town.live(HOUR_MS);
            assert_eq!(town.phones[0].heard("carol"), ["hello"]);
        }
    }
}

#[test]
fn prekeys_that_are_reset_reach_the_relay_even_if_an_upload_is_on_its_way() {
    for is_on_its_way in [false, true] {
        let mut town = Town::registered(&["alice", "bob"]);
        town.wait(8 * DAY_MS);
        let now = town.now();
        let phone = &mut town.phones[0];
        let mut late = None;
        while is_on_its_way && late.is_none() {
            match phone.courier.next(now, &mut phone.rng).unwrap().unwrap() {
                Request::Call { id, http, .. } => {
                    let is_upload = http.method == "PUT";
                    let answer = town.relay.send(&http);
                    match is_upload {
                        true => late = Some((id, answer)),
                        false => {
                            phone
                                .courier
                                .answer(id, answer, now, &mut phone.rng)
                                .unwrap();
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        phone.courier.reset_prekeys(now, &mut phone.rng).unwrap();
        if let Some((id, answer)) = late {
            phone
                .courier
                .answer(id, answer, now, &mut phone.rng)
                .unwrap();
        }
        phone.courier.disconnected();
        town.turn();
        town.say(1, "alice", "hello");
        town.live(MINUTE_MS);
        assert_eq!(town.phones[0].heard("bob"), ["hello"], "{is_on_its_way}");
        // No prekey was used that the phone does not have.
        let again = |asked: &&Asked| asked.is("POST", "/v1/reseals");
        assert_eq!(town.relay.asked.iter().filter(again).count(), 0);
    }
}
