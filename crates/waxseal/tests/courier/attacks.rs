//! What a hostile relay with all its keys, a hostile proxy without keys, damage, and a clock that
//! is wrong may try.

use rand_core::Rng;
use waxseal::courier::{Event, Request, Trouble};
use waxseal::{Disclosure, MemoryStore, Reason, Status};
use waxseal_interface::{
    ErrorBody, ErrorCode, HttpAnswer, HttpRequest, MARK_HEADER, Request as Call,
};
use waxseal_world::{Fault, NOW, account, rng};

use crate::copied::Copied;
use crate::disk::Disk;
use crate::newcomer::Newcomer;
use crate::phone::{HOUR_MS, MINUTE_MS, Phone, Town};

const YEAR_MS: i64 = 365 * 24 * HOUR_MS as i64;

/// Lets a courier send what it has to send now, through a proxy. Returns the number of requests.
fn turn_through(
    town: &mut Town,
    who: usize,
    mut proxy: impl FnMut(&mut Town, &mut HttpRequest) -> Option<HttpAnswer>,
) -> usize {
    let now = town.now();
    for requests in 0..300 {
        let phone = &mut town.phones[who];
        let Some(request) = phone.courier.next(now, &mut phone.rng).unwrap() else {
            phone.take_events();
            return requests;
        };
        let (id, answer) = match request {
            Request::Call { id, mut http, .. } => (id, proxy(town, &mut http)),
            Request::Connect { id, .. } => (id, None),
            _ => continue,
        };
        let phone = &mut town.phones[who];
        let answered = phone.courier.answer(id, answer, now, &mut phone.rng);
        answered.unwrap();
    }
    panic!("the courier does not come to rest");
}

#[test]
fn a_proxy_that_alters_the_mark_has_no_message_deleted() {
    let mut town = Town::of_two();
    let id = town.say(0, "bob", "still here");
    turn_through(&mut town, 0, |town, http| {
        for (name, value) in &mut http.headers {
            if *name == MARK_HEADER {
                "no mark".clone_into(value);
            }
        }
        town.relay.send(http)
    });
    let given_up = |event: &Event| matches!(event, Event::GivenUp { .. });
    assert_eq!(town.phones[0].count(given_up), 0);
    town.live(2 * HOUR_MS);
    assert!(
        town.phones[1]
            .heard("alice")
            .contains(&"still here".to_owned())
    );
    assert_ne!(town.phones[0].status("bob", &id), Status::Waiting);
}

#[test]
fn a_card_of_before_that_a_proxy_kept_brings_no_earlier_moderation_key_back() {
    let mut town = Town::of_two();
    let (http, _) = Call::Card.ask(None, &mut rng(1)).unwrap();
    let earlier = town.relay.call(&http).body;
    town.relay.rotate_moderation_key();
    town.wait(25 * HOUR_MS);
    town.turn();
    let pinned = town.phones[0].courier.pinned().unwrap();
    let fingerprint = town.relay.card().moderation_fingerprint();
    assert_eq!(pinned.moderation_fingerprint, fingerprint);
    town.phones[0].events.clear();

    town.wait(25 * HOUR_MS);
    turn_through(&mut town, 0, |town, http| {
        let mut answer = town.relay.send(http)?;
        if http.path == "/v1/relay" {
            answer.body.clone_from(&earlier);
        }
        Some(answer)
    });
    assert_eq!(town.phones[0].courier.pinned().unwrap(), pinned);
    assert_eq!(town.phones[0].troubles(), [Trouble::Unreachable]);
    town.live(10 * MINUTE_MS);
    assert!(town.phones[0].courier.is_connected());
    let changed = |event: &Event| matches!(event, Event::ModerationKeyChanged(_));
    assert_eq!(town.phones[0].count(changed), 0);
}

#[test]
fn the_receipt_of_another_message_is_no_answer_and_makes_no_loop() {
    let mut town = Town::of_two();
    let first = town.say(0, "bob", "first");
    let mut receipt = None;
    turn_through(&mut town, 0, |town, http| {
        let answer = town.relay.send(http)?;
        receipt = Some(answer.body.clone());
        Some(answer)
    });
    assert_eq!(town.phones[0].status("bob", &first), Status::Accepted);
    let second = town.say(0, "bob", "second");
    let body = receipt.unwrap();
    town.relay.fail(move |asked| {
        let answered = Fault::Answered {
            status: 200,
            body: body.clone(),
            headers: Vec::new(),
        };
        asked.is("POST", "/v1/messages/").then_some(answered)
    });
    let requests = town.turn_of(0);
    assert!(requests < 5, "{requests}");
    assert_eq!(town.phones[0].status("bob", &second), Status::Waiting);
    let accepted = |event: &Event| matches!(event, Event::Accepted { id, .. } if *id == first);
    assert_eq!(town.phones[0].count(accepted), 1);
    town.relay.work();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "second");
}

#[test]
fn a_clock_that_shows_the_first_moment_of_1970_makes_no_loop() {
    let mut town = Town::quick(&["alice", "bob"]);
    town.phones[0].ahead_ms = i64::MIN / 2; // the clock shows 0, and stands still
    town.turn_of(1);
    town.say(0, "bob", "hello");
    let requests = town.turn_of(0);
    assert!(requests < 20, "{requests}");
    town.phones[0].ahead_ms = 0;
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice"), ["hello"]);
}

#[test]
fn a_report_is_submitted_although_the_clock_is_wrong_by_a_year() {
    for ahead_ms in [-YEAR_MS, YEAR_MS] {
        let mut town = Town::of_two();
        town.phones[0].ahead_ms = ahead_ms;
        let phone = &mut town.phones[0];
        let bob = account("bob");
        let messages = phone.messages(&bob);
        let chosen = messages.iter().map(|one| (*one.id(), Disclosure::Whole));
        let client = phone.courier.client();
        let draft = client.draft_report(&bob, Reason::Spam, chosen).unwrap();
        phone.courier.report(&draft, &mut phone.rng).unwrap();
        town.live(10 * MINUTE_MS);
        assert_eq!(town.relay.reports().len(), 1, "{ahead_ms}");
        let verified = &town.relay.reports()[0].verified;
        assert_eq!(verified.messages().len(), messages.len());
    }
}

#[test]
fn a_relay_that_says_something_else_each_time_fills_no_memory() {
    let mut town = Town::quick(&["alice"]);
    town.turn();
    let mut number = 0;
    town.relay.fail(move |_| {
        number += 1;
        Some(Fault::Refused(ErrorBody {
            message: number.to_string(),
            ..ErrorBody::of_code(ErrorCode::Busy)
        }))
    });
    town.live(3 * HOUR_MS);
    assert!(
        number_of_refusals(&town) <= 1,
        "{}",
        number_of_refusals(&town)
    );
}

fn number_of_refusals(town: &Town) -> usize {
    let troubles = town.phones[0].troubles();
    let refused = troubles.iter();
    refused
        .filter(|one| matches!(one, Trouble::Refused { .. }))
        .count()
}

#[test]
fn a_device_that_is_to_register_again_says_that_it_is_due() {
    let mut town = Town::of_two();
    town.phones[0].courier.register_again();
    let now = town.now();
    assert_eq!(town.phones[0].courier.wake_at(now), Some(now));
    town.turn();
    assert_ne!(town.phones[0].courier.wake_at(now), Some(now));
}

const CODES: &[ErrorCode] = &[
    ErrorCode::Malformed,
    ErrorCode::BodyAltered,
    ErrorCode::BadName,
    ErrorCode::Unauthorized,
    ErrorCode::TokenExpired,
    ErrorCode::ChallengeRefused,
    ErrorCode::ProofRefused,
    ErrorCode::Removed,
    ErrorCode::AccountTaken,
    ErrorCode::BadRoster,
    ErrorCode::RosterConflict,
    ErrorCode::NoRoster,
    ErrorCode::Mismatch,
    ErrorCode::BadDeliveryKey,
    ErrorCode::NoSuchAccount,
    ErrorCode::NoPreKeys,
    ErrorCode::TooManyPreKeys,
    ErrorCode::OtherIdentity,
    ErrorCode::NotFound,
    ErrorCode::TooLarge,
    ErrorCode::TooManyRequests,
    ErrorCode::QueueFull,
    ErrorCode::RelayFull,
    ErrorCode::NotFromDevice,
    ErrorCode::ClockDiffers,
    ErrorCode::NotStamped,
    ErrorCode::TooOldToReseal,
    ErrorCode::OtherTarget,
    ErrorCode::NotYourReport,
    ErrorCode::OtherModerationKey,
    ErrorCode::ReportRefused,
    ErrorCode::ReportTooEarly,
    ErrorCode::NoSuchReport,
    ErrorCode::NoSuchMailbox,
    ErrorCode::SlotTaken,
    ErrorCode::MailboxFull,
    ErrorCode::Internal,
    ErrorCode::Other,
];

#[test]
fn whatever_a_hostile_relay_answers_the_courier_comes_to_rest_and_goes_on_later() {
    for seed in 0..12 {
        let mut town = Town::of_two();
        let bodies: Vec<Vec<u8>> = [
            r#"{"challenge":"AAAA"}"#,
            r#"{"token":"t t","expires_at_ms":0}"#,
            r#"{"token":"t","expires_at_ms":18446744073709551615}"#,
            r#"{"one_time_left":0}"#,
            r#"{"base":"AAAA","one_time":null}"#,
            r#""unreadable""#,
            r#""ended""#,
            r#"{"report_id":"00000000000000000000000000000000","duplicate":true}"#,
            "",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into();
        let mut random = rng(1_000 + seed);
        // One code or body for each route, for a while: that is where a loop would be.
        let mut chosen = std::collections::BTreeMap::new();
        town.relay.fail(move |asked| {
            if random.next_u32().is_multiple_of(16) {
                chosen.clear();
            }
            let route = (asked.method, asked.path.clone());
            let choice = *chosen.entry(route).or_insert_with(|| random.next_u32());
            let at = choice as usize / 4;
            match choice % 4 {
                0 => Some(Fault::Refused(ErrorBody {
                    relay_time_ms: Some(random.next_u64()),
                    claim: Some(0),
                    ..ErrorBody::of_code(CODES[at % CODES.len()])
                })),
                1 => Some(Fault::Answered {
                    status: [200, 101, 204, 500][at % 4],
                    body: bodies[at / 4 % bodies.len()].clone(),
                    headers: Vec::new(),
                }),
                2 => Some(Fault::AnswerAltered),
                _ => None,
            }
        });
        for round in 0..40 {
            town.say(0, "bob", &format!("message {round}"));
            if round % 8 == 0 {
                let phone = &mut town.phones[0];
                let carol = account("carol");
                let client = phone.courier.client();
                let draft = client.draft_account_report(&carol, Reason::Spam).unwrap();
                phone.courier.report(&draft, &mut phone.rng).unwrap();
                phone.courier.ask_roster(&account("bob"));
                let now = phone.now(&town.relay);
                let code = Newcomer::new(round, now).linking.code();
                phone.courier.link_device(&code, now).unwrap();
            }
            if round % 5 == 0 {
                // A hostile relay can say this once for each attempt of the user.
                town.phones[0].courier.try_now();
            }
            let requests = town.turn_of(0);
            assert!(requests < 60, "{seed} {round}: {requests}");
            town.turn_of(1);
            town.wait(HOUR_MS / 3);
        }
        town.relay.work();
        town.wait(2 * HOUR_MS);
        for phone in &mut town.phones {
            phone.courier.try_now(); // the relay may have said that it is removed
        }
        town.live(3 * HOUR_MS);
        town.say(0, "bob", "at last");
        town.live(2 * HOUR_MS);
        let heard = town.phones[1].heard("alice");
        assert_eq!(heard.last().map(String::as_str), Some("at last"), "{seed}");
    }
}

#[test]
fn one_damaged_record_stops_no_one_elses_messages() {
    // Bob and Carol have written, and messages to both wait.
    let mut town = Town::registered(&["bob", "carol"]);
    let store = Copied::default();
    town.phones
        .push(Phone::on(Disk::new(store.clone()), "alice", 9));
    town.turn();
    for who in [0, 1] {
        town.say(who, "alice", "hello");
    }
    town.turn();
    town.accept(2, "bob");
    town.accept(2, "carol");
    for name in ["bob", "carol"] {
        town.say(2, name, "sent");
    }
    town.turn();
    for name in ["bob", "carol", "dave"] {
        town.say(2, name, "waits");
    }
    let records: Vec<_> = {
        let store = store.0.borrow();
        let records = store.records();
        records
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect()
    };
    let mut failed = Vec::new();
    for at in 0..records.len() {
        for damage in [&b"\xff\xff"[..], b""] {
            let mut damaged = records.clone();
            damaged[at].1 = damage.to_vec();
            let disk = Disk::new(Copied::of(MemoryStore::from_records(damaged)));
            let Ok(mut courier) = waxseal::courier::Courier::open(disk) else {
                continue; // the account
            };
            // What it asks and does without an answer, and what it does after one hour.
            let rng = &mut rng(3);
            let now = waxseal::Timestamp::from_millis(NOW.as_millis() + HOUR_MS);
            let mut done = || -> Result<(), String> {
                for _ in 0..200 {
                    let next = courier.next(now, rng).map_err(|error| error.to_string())?;
                    let Some(request) = next else { return Ok(()) };
                    let (id, answer) = match &request {
                        Request::Call { id, http, .. } => (*id, town.relay.send(http)),
                        Request::Connect { id, http } => (*id, town.relay.open(http).0),
                        _ => continue,
                    };
                    courier
                        .answer(id, answer, now, rng)
                        .map_err(|error| error.to_string())?;
                }
                Err("does not come to rest".to_owned())
            };
            if let Err(error) = done() {
                failed.push(format!("{:?}: {error}", records[at].0));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
