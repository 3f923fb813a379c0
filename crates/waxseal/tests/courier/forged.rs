//! Answers that the relay did not make change nothing, whatever they say.

use waxseal::Status;
use waxseal::courier::{Event, Trouble};
use waxseal_interface::{ErrorBody, ErrorCode, HttpAnswer, PinnedKeys};
use waxseal_world::{Fault, Relay, account};

use crate::phone::{HOUR_MS, MINUTE_MS, Town};

fn forged() -> [Fault; 3] {
    [Fault::WrongMac, Fault::AnswerAltered, Fault::OtherAnswer]
}

#[test]
fn forged_answers_count_as_broken_connections_and_are_asked_for_again() {
    for fault in forged() {
        let mut town = Town::of_two();
        let again = fault.clone();
        town.relay
            .fail(move |asked| asked.is("POST", "/v1/messages").then(|| again.clone()));
        let id = town.say(0, "bob", "hello");
        town.turn();
        let (now, phone) = (town.now(), &town.phones[0]);
        let wake = phone.courier.wake_at(now).unwrap();
        assert!(wake > now, "{fault:?}");
        assert_eq!(phone.troubles(), [Trouble::Unreachable], "{fault:?}");
        assert_eq!(phone.outbox(), 1);
        // Bob may have told that it arrived.
        let status = phone.status("bob", &id);
        assert!(
            matches!(status, Status::Waiting | Status::Delivered { .. }),
            "{status:?}"
        );
        town.relay.work();
        town.live(HOUR_MS);
        assert_eq!(town.phones[0].outbox(), 0);
        assert_eq!(town.phones[1].heard("alice")[1..], ["hello"], "{fault:?}");
    }
}

#[test]
fn a_forged_refusal_gives_up_and_deletes_nothing() {
    let mut town = Town::of_two();
    let (now, phone) = (town.now(), &mut town.phones[0]);
    phone.say("bob", "hello", &town.relay);
    // Someone without the relay's keys answers each request with a refusal for good.
    for code in [
        ErrorCode::NoSuchAccount,
        ErrorCode::Malformed,
        ErrorCode::AccountTaken,
        ErrorCode::TokenExpired,
    ] {
        let request = phone.courier.next(now, &mut phone.rng).unwrap();
        let Some(waxseal::courier::Request::Call { id, http, .. }) = request else {
            continue; // it waits after the first
        };
        let body = serde_json::to_vec(&ErrorBody::of_code(code)).unwrap();
        let mut answer = Relay::new(8).call(&http);
        answer = HttpAnswer {
            status: code.status(),
            body,
            ..answer
        };
        phone
            .courier
            .answer(id, Some(answer), now, &mut phone.rng)
            .unwrap();
    }
    town.live(HOUR_MS);
    let bad = |event: &Event| matches!(event, Event::GivenUp { .. } | Event::Registered);
    assert_eq!(town.phones[0].count(bad), 0);
    assert_eq!(town.phones[1].heard("alice")[1..], ["hello"]);
}

#[test]
fn a_forged_card_is_not_pinned_and_an_error_in_its_place_says_nothing() {
    for fault in [
        Fault::AnswerAltered,
        Fault::Answered {
            status: 404,
            body: b"{}".to_vec(),
            headers: Vec::new(),
        },
        Fault::Answered {
            status: 200,
            body: b"<html>log in to this network</html>".to_vec(),
            headers: Vec::new(),
        },
    ] {
        let mut town = Town::quick(&["alice"]);
        town.relay
            .fail(move |asked| asked.is("GET", "/v1/relay").then(|| fault.clone()));
        town.live(MINUTE_MS);
        assert!(town.phones[0].courier.pinned().is_none());
        assert!(
            town.relay
                .asked
                .iter()
                .all(|asked| asked.is("GET", "/v1/relay"))
        );
        assert!(town.relay.asked.len() < 12, "{}", town.relay.asked.len());
        town.relay.work();
        town.live(2 * MINUTE_MS);
        assert!(town.phones[0].connection.is_some());
    }
}

#[test]
fn another_relay_gets_nothing_and_is_told_once() {
    let mut town = Town::of_two();
    town.say(0, "bob", "waits");
    let real = std::mem::replace(&mut town.relay, Relay::new(8));
    town.relay.set_now(real.provider.now);
    town.phones[0].restart();
    town.phones[0].events.clear();
    for _ in 0..30 {
        town.turn_of(0);
        town.wait(20_000);
    }
    let other = town.relay.card().relay_fingerprint();
    let expected = Trouble::OtherRelay { fingerprint: other };
    assert_eq!(town.phones[0].troubles(), [expected]);
    assert!(
        town.relay
            .asked
            .iter()
            .all(|asked| asked.is("GET", "/v1/relay"))
    );
    let now = town.now();
    town.relay = real;
    town.relay.set_now(now);
    town.live(HOUR_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["waits"]);
}

#[test]
fn another_relay_with_the_same_connection_changes_nothing_while_the_card_is_fresh() {
    let mut town = Town::of_two();
    town.say(0, "bob", "waits");
    let real = std::mem::replace(&mut town.relay, Relay::new(8));
    town.relay.set_now(real.provider.now);
    town.phones[0].courier.disconnected();
    for _ in 0..10 {
        town.turn_of(0);
        town.wait(20_000);
    }
    assert_eq!(town.phones[0].outbox(), 1);
    let now = town.now();
    town.relay = real;
    town.relay.set_now(now);
    town.live(HOUR_MS);
    assert_eq!(town.phones[1].heard("alice")[1..], ["waits"]);
}

#[test]
fn keys_that_the_application_pins_are_the_only_ones() {
    let mut town = Town::quick(&["alice"]);
    let keys = PinnedKeys::of(&Relay::new(8).card());
    town.phones[0].courier.pin(&keys).unwrap();
    town.live(MINUTE_MS);
    assert!(town.phones[0].connection.is_none());
    let keys = PinnedKeys::of(&town.relay.card());
    town.phones[0].courier.pin(&keys).unwrap();
    town.live(HOUR_MS);
    assert!(town.phones[0].connection.is_some());
    assert_eq!(
        town.phones[0].count(|event| matches!(event, Event::Pinned { .. })),
        0
    );
}

#[test]
fn a_new_moderation_key_is_told_once() {
    let mut town = Town::of_two();
    let before = town.phones[0]
        .courier
        .pinned()
        .unwrap()
        .moderation_fingerprint;
    town.relay.rotate_moderation_key();
    town.live(25 * HOUR_MS);
    let changed: Vec<_> = town.phones[0]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ModerationKeyChanged(change) => Some(change.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].before, before);
    assert_eq!(changed[0].now, town.relay.card().moderation_fingerprint());
    assert_eq!(town.relay.queued(&account("alice")), 0);
}
