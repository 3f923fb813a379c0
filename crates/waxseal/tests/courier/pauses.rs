//! Pauses after failures, and clocks that are wrong.

use waxseal::Timestamp;
use waxseal::courier::Trouble;
use waxseal_interface::{ErrorBody, ErrorCode};
use waxseal_world::{Fault, NOW};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

const YEAR_MS: i64 = 365 * DAY_MS as i64;

/// How long the courier waits after each of the next failures.
fn pauses(town: &mut Town, count: usize) -> Vec<u64> {
    let mut pauses = Vec::new();
    for _ in 0..count {
        town.turn();
        let (now, phone) = (town.now(), &town.phones[0]);
        let until = phone.courier.wake_at(now).unwrap();
        pauses.push(until.as_millis() - now.as_millis());
        town.relay.set_now(until);
    }
    pauses
}

fn refusal(code: ErrorCode, retry_after_secs: u64) -> Fault {
    Fault::Refused(ErrorBody {
        retry_after_secs: Some(retry_after_secs),
        ..ErrorBody::of_code(code)
    })
}

fn assert_growing(pauses: &[u64]) {
    assert!((250..=500).contains(&pauses[0]), "{pauses:?}");
    for (step, pause) in pauses.iter().enumerate() {
        let most = (500_u64 << step.min(20)).min(300_000);
        assert!((most / 2..=most).contains(pause), "{pauses:?}");
    }
    assert!(pauses.last().unwrap() >= &150_000, "{pauses:?}");
}

#[test]
fn pauses_grow_while_nothing_answers_and_end_when_something_does() {
    let mut town = Town::quick(&["alice"]);
    town.relay.fail(|_| Some(Fault::RequestLost));
    assert_growing(&pauses(&mut town, 15));
    assert_eq!(town.phones[0].troubles(), [Trouble::Unreachable]);
    town.relay.work();
    town.turn();
    assert!(town.phones[0].connection.is_some());
    town.relay.fail(|_| Some(Fault::RequestLost));
    let connection = town.phones[0].connection.unwrap();
    town.relay.disconnect(connection);
    let first = pauses(&mut town, 1);
    assert!(first[0] <= 500, "{first:?}");
}

#[test]
fn pauses_grow_whatever_fails_and_although_the_card_and_challenges_come() {
    for (path, code) in [
        ("/v1/challenges", ErrorCode::Busy),
        ("/v1/accounts", ErrorCode::AccountTaken),
        ("/v1/accounts", ErrorCode::ChallengeRefused),
        ("/v1/accounts", ErrorCode::BadDeliveryKey),
        ("/v1/accounts", ErrorCode::ProofRefused),
        ("/v1/prekeys", ErrorCode::Unauthorized),
        ("/v1/prekeys", ErrorCode::NotFromDevice),
        ("/v1/deliveries", ErrorCode::Busy),
    ] {
        let mut town = Town::quick(&["alice"]);
        town.relay
            .fail(move |asked| asked.path.starts_with(path).then(|| code.into()));
        assert_growing(&pauses(&mut town, 12));
        let troubles = town.phones[0].troubles().len();
        assert!(troubles <= 1, "{path} {code:?}: told {troubles} times");
        town.relay.work();
        town.live(10 * MINUTE_MS);
        assert!(town.phones[0].connection.is_some(), "{path} {code:?}");
    }
}

#[test]
fn a_pause_is_as_long_as_the_relay_asks_for_and_never_longer_than_an_hour() {
    for (asked, least, most) in [
        (0, 0, 500),
        (90, 90_000, 90_000),
        (99_999_999, 0, 3_600_000),
    ] {
        let mut town = Town::quick(&["alice"]);
        town.relay.fail(move |call| {
            let is_it = call.is("GET", "/v1/prekeys");
            is_it.then(|| refusal(ErrorCode::TooManyRequests, asked))
        });
        let pause = pauses(&mut town, 1)[0];
        assert!((least..=most).contains(&pause), "{asked}: {pause}");
    }
}

#[test]
fn messages_are_not_stopped_by_an_upload_that_is_refused_for_good() {
    let mut town = Town::quick(&["alice", "bob"]);
    town.turn_of(1);
    town.relay.fail(|asked| {
        let code = ErrorCode::TooManyPreKeys;
        asked.is("PUT", "/v1/prekeys").then(|| code.into())
    });
    town.say(0, "bob", "hello");
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
    let uploads = town.relay.asked.iter();
    let uploads = uploads
        .filter(|asked| asked.is("PUT", "/v1/prekeys"))
        .count();
    assert!(uploads < 10, "{uploads}");
}

#[test]
fn a_clock_that_is_wrong_by_a_year_stops_nothing() {
    for ahead_ms in [-YEAR_MS, YEAR_MS] {
        let mut town = Town::quick(&["alice", "bob"]);
        town.phones[0].ahead_ms = ahead_ms;
        town.turn_of(1);
        town.say(0, "bob", "hello");
        town.live(10 * MINUTE_MS);
        assert_eq!(town.phones[1].heard("alice"), ["hello"], "{ahead_ms}");
        town.say(1, "alice", "hello yourself");
        town.live(2 * HOUR_MS);
        assert_eq!(town.phones[0].heard("bob"), ["hello yourself"]);
        assert_eq!(town.phones[0].troubles(), [Trouble::ClockDiffers]);
        let requests = town.relay.asked.len();
        assert!(requests < 100, "{requests}");
    }
}

#[test]
fn a_clock_that_is_set_while_the_courier_runs_stops_nothing() {
    for (before, after) in [(0, -YEAR_MS), (0, YEAR_MS), (YEAR_MS, 0), (-YEAR_MS, 0)] {
        let mut town = Town::quick(&["alice", "bob"]);
        town.phones[0].ahead_ms = before;
        town.turn_of(1);
        town.say(0, "bob", "one");
        town.live(10 * MINUTE_MS);
        town.say(1, "alice", "two");
        town.live(MINUTE_MS);
        // It waits for a time, and the clock is set.
        let connection = town.phones[0].connection.unwrap();
        town.relay.fail(|asked| {
            asked
                .is("GET", "/v1/deliveries")
                .then_some(Fault::RequestLost)
        });
        town.relay.disconnect(connection);
        town.turn();
        town.relay.work();
        town.phones[0].ahead_ms = after;
        town.say(0, "bob", "three");
        town.say(1, "alice", "four");
        town.live(20 * MINUTE_MS);
        let [alice, bob] = &town.phones[..] else {
            panic!()
        };
        assert_eq!(bob.heard("alice"), ["one", "three"], "{before} {after}");
        assert_eq!(alice.heard("bob"), ["two", "four"], "{before} {after}");
        // The prekeys are looked after, too.
        town.relay.asked.clear();
        town.phones.truncate(1);
        town.live(2 * HOUR_MS);
        let is_prekeys = |asked: &&waxseal_world::Asked| asked.is("GET", "/v1/prekeys");
        let checked = town.relay.asked.iter().filter(is_prekeys).count();
        assert!(checked >= 2, "{before} {after}: {checked}");
    }
}

#[test]
fn a_pause_does_not_outlive_a_clock_that_is_set_back() {
    let mut town = Town::quick(&["alice"]);
    town.relay.fail(|_| Some(Fault::RequestLost));
    pauses(&mut town, 12);
    town.relay.work();
    town.turn();
    town.phones[0].ahead_ms = -YEAR_MS;
    town.turn();
    // The relay says that the clock is off, after which there is a short pause.
    town.wait(1_000);
    town.turn();
    assert!(town.phones[0].connection.is_some());
    let now = Timestamp::from_millis(NOW.as_millis() - YEAR_MS as u64);
    let wake = town.phones[0].courier.wake_at(now).unwrap();
    assert!(wake.as_millis() < NOW.as_millis() - YEAR_MS as u64 + 2 * HOUR_MS);
}
