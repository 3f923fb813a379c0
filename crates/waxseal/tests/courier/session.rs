//! Tokens, challenges, delivery keys, and accounts that the relay lost.

use waxseal::DeliveryKey;
use waxseal::courier::{Event, Trouble};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account, address, rng};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn asked(town: &Town, method: &str, path: &str) -> usize {
    let is_it = |asked: &&Asked| asked.is(method, path);
    town.relay.asked.iter().filter(is_it).count()
}

fn registered(town: &Town, who: usize) -> usize {
    town.phones[who].count(|event| matches!(event, Event::Registered))
}

#[test]
fn a_token_that_expires_is_replaced_and_nothing_is_told() {
    let mut town = Town::of_two();
    town.relay.asked.clear();
    for hour in 0..5 {
        town.live(HOUR_MS);
        town.say(0, "bob", &format!("hour {hour}"));
    }
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice").len(), 6);
    assert!(town.phones[0].troubles().is_empty());
    assert!(asked(&town, "POST", "/v1/sessions") <= 12);
    assert_eq!(registered(&town, 0), 0);
}

#[test]
fn a_token_that_the_relay_does_not_take_any_more_is_replaced_at_once() {
    for code in [ErrorCode::TokenExpired, ErrorCode::Unauthorized] {
        let mut town = Town::of_two();
        let mut left = 1;
        town.relay.fail(move |asked| {
            let is_it = asked.is("POST", "/v1/messages") && left > 0;
            left -= i32::from(is_it);
            is_it.then(|| code.into())
        });
        town.say(0, "bob", "hello");
        town.turn();
        assert_eq!(town.phones[1].heard("alice")[1..], ["hello"]);
        assert!(town.phones[0].troubles().is_empty());
    }
}

#[test]
fn a_challenge_that_is_refused_is_replaced() {
    let mut town = Town::quick(&["alice"]);
    let mut left = 3;
    town.relay.fail(move |asked| {
        let is_it = asked.is("POST", "/v1/accounts") && left > 0;
        left -= i32::from(is_it);
        is_it.then(|| ErrorCode::ChallengeRefused.into())
    });
    town.live(MINUTE_MS);
    assert!(town.phones[0].connection.is_some());
    assert_eq!(asked(&town, "POST", "/v1/challenges"), 4);
}

#[test]
fn a_delivery_key_is_replaced_after_thirty_days_and_nothing_is_lost() {
    let mut town = Town::of_two();
    let before = town.relay.provider.key(&address("alice"));
    town.say(1, "alice", "waits");
    town.turn_of(1);
    town.wait(29 * DAY_MS);
    town.live(HOUR_MS);
    assert_eq!(registered(&town, 0), 0);
    town.wait(DAY_MS);
    town.live(2 * HOUR_MS);
    assert_eq!(registered(&town, 0), 1);
    assert!(!town.relay.provider.key(&address("alice")).is_same(&before));
    town.say(0, "bob", "and on");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["and on"]);
    assert_eq!(town.phones[0].heard("bob")[1..], ["waits"]);
}

#[test]
fn a_delivery_key_that_someone_else_registered_is_replaced() {
    let mut town = Town::of_two();
    let stolen = DeliveryKey::generate(&mut rng(5));
    town.relay.provider.register_key(&address("alice"), stolen);
    town.relay.disconnect(town.phones[0].connection.unwrap());
    town.say(0, "bob", "after the theft");
    town.live(10 * MINUTE_MS);
    assert_eq!(registered(&town, 0), 1);
    assert_eq!(town.phones[1].heard("alice")[1..], ["after the theft"]);
    town.say(1, "alice", "welcome back");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].heard("bob")[1..], ["welcome back"]);
}

#[test]
fn an_account_that_the_relay_lost_is_registered_again_with_its_prekeys() {
    let mut town = Town::of_two();
    for name in ["alice", "bob"] {
        town.relay.forget(&account(name));
    }
    for phone in &mut town.phones {
        phone.courier.disconnected();
    }
    town.say(0, "bob", "still here");
    // The message is refused while Bob's account is gone, so he comes first.
    town.turn_of(1);
    town.live(10 * MINUTE_MS);
    assert_eq!([registered(&town, 0), registered(&town, 1)], [1, 1]);
    assert_eq!(town.phones[1].heard("alice")[1..], ["still here"]);
    town.phones.push(Phone::new("carol", 12));
    town.say(2, "bob", "I am new");
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("carol"), ["I am new"]);
}

#[test]
fn a_name_that_another_device_has_is_told_once() {
    let mut town = Town::registered(&["alice"]);
    town.phones.push(Phone::new("alice", 12));
    town.phones.remove(0);
    town.live(HOUR_MS);
    let troubles = town.phones[0].troubles();
    assert_eq!(troubles.len(), 1);
    let is_it = matches!(
        troubles[0],
        Trouble::Refused {
            code: ErrorCode::AccountTaken,
            ..
        }
    );
    assert!(is_it, "{troubles:?}");
    assert!(asked(&town, "POST", "/v1/accounts") < 40);
}

#[test]
fn a_registration_whose_answer_is_lost_ends_with_the_same_key_on_both_sides() {
    let mut town = Town::quick(&["alice"]);
    let mut left = 2;
    town.relay.fail(move |asked| {
        let is_it = asked.is("POST", "/v1/accounts") && left > 0;
        left -= i32::from(is_it);
        is_it.then_some(Fault::AnswerLost)
    });
    town.live(MINUTE_MS);
    let key = town.relay.provider.key(&address("alice"));
    assert!(town.phones[0].courier.client().delivery_key().is_same(&key));
    assert_eq!(registered(&town, 0), 1);
}
