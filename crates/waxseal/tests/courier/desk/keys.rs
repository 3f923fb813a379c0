//! The keys of the log: pinned at first use, and replaced only if the user accepts others.

use waxseal::log::entry::{Day, Event as LogEvent};

use super::*;

fn changes(town: &Town) -> usize {
    town.phones[BOB].count(|event| matches!(event, Event::LogKeysChanged { .. }))
}

#[test]
fn chk670_other_keys_of_the_log_verify_nothing_until_they_are_accepted() {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.live(DAY_MS + HOUR_MS);
    let pinned = town.phones[BOB].courier.log_keys().unwrap();
    // Someone else's log, in which nothing was opened. A device that pins it believes it.
    let mut other = waxseal_world::Log::new("mallory.example/log");
    let number = promises(&town)[0].number();
    other.append(Day(20_000), number, LogEvent::ReportReceived);
    let own = std::mem::replace(&mut town.relay.desk().log, other);
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(changes(&town), 1);
    let before = (
        receipts(&town, BOB).len(),
        asked(&town, "GET", "/v1/notices"),
    );
    report(&mut town, "mallory");
    town.live(2 * DAY_MS);
    let after = (
        receipts(&town, BOB).len(),
        asked(&town, "GET", "/v1/notices"),
    );
    assert_eq!((after, promises(&town).len()), (before, 1));
    assert_eq!(town.phones[BOB].courier.log_keys(), Some(pinned.clone()));
    let shown = town.phones[BOB].courier.changed_log_keys().unwrap();
    assert_eq!(shown.origin(), "mallory.example/log");
    // Each process tells it once.
    town.phones[BOB].restart();
    town.live(2 * DAY_MS);
    assert_eq!(changes(&town), 2);
    assert!(town.phones[BOB].courier.changed_log_keys().is_some());

    // The keys of before come back by themselves.
    let others = std::mem::replace(&mut town.relay.desk().log, own);
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(town.phones[BOB].courier.changed_log_keys(), None);
    assert_eq!(promises(&town).len(), 1);

    // The others are accepted, and what was promised under the earlier ones shows nothing.
    town.relay.desk().log = others;
    town.live(DAY_MS + HOUR_MS);
    town.phones[BOB].courier.accept_log_keys(&shown).unwrap();
    town.phones[BOB].restart();
    assert_eq!(town.phones[BOB].courier.log_keys(), Some(shown));
    report(&mut town, "oscar");
    town.live(DAY_MS);
    assert!(asked(&town, "GET", "/v1/notices") > before.1);
    assert!(promises(&town).len() > 1);
}

#[test]
fn what_are_no_keys_is_an_answer_that_the_relay_should_not_give() {
    let mut town = Town::quick(&["alice", "bob"]);
    town.relay.open_desk(LOG);
    town.relay.fail(|asked| {
        asked.is("GET", "/v1/log/keys").then(|| Fault::Answered {
            status: 200,
            body: vec![0xff; 20_000],
            headers: Vec::new(),
        })
    });
    town.live(MINUTE_MS);
    assert_eq!(town.phones[BOB].courier.log_keys(), None);
    town.relay.work();
    town.live(HOUR_MS);
    assert!(town.phones[BOB].courier.log_keys().is_some());
}

#[test]
fn notices_whose_numbers_do_not_rise_are_not_taken() {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    town.relay.fail(|asked| {
        let body = br#"{"notices":[{"number":0,"decision":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","side":2}]}"#;
        asked.is("GET", "/v1/notices").then(|| Fault::Answered {
            status: 200,
            body: body.to_vec(),
            headers: Vec::new(),
        })
    });
    town.live(3 * HOUR_MS);
    assert_eq!(asked(&town, "GET", "/v1/decisions"), 0);
    town.relay.work();
    town.live(2 * HOUR_MS);
    town.relay.asked.clear();
    town.live(2 * HOUR_MS);
    assert!(asked(&town, "GET", "/v1/notices") >= 2);
}

#[test]
fn a_promise_about_another_report_is_told_and_not_kept() {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    report(&mut town, "mallory");
    town.live(MINUTE_MS);
    let taken = waxseal_interface::report_id_text(&town.relay.reports()[0].id);
    let rng = &mut waxseal_world::rng(3);
    let now = town.now();
    let promise = town
        .relay
        .desk()
        .log
        .promise(b"another report", None, now, rng);
    let body = waxseal_interface::ReportTaken {
        report_id: taken,
        duplicate: false,
        missing_blobs: Vec::new(),
        promise: Some(promise.encode()),
    };
    let body = serde_json::to_vec(&body).unwrap();
    town.relay.fail(move |asked| {
        asked.is("POST", "/v1/reports").then(|| Fault::Answered {
            status: 201,
            body: body.clone(),
            headers: Vec::new(),
        })
    });
    report(&mut town, "oscar");
    town.live(HOUR_MS);
    assert_eq!(promises(&town).len(), 1);
    assert_eq!(refused(&town, BOB).len(), 1);
}

#[test]
fn a_promise_under_keys_that_are_not_known_yet_is_asked_for_once_they_are_accepted() {
    let mut town = with_desk();
    town.live(6 * HOUR_MS);
    // The log has other keys, and no device has asked since.
    town.relay.desk().log = waxseal_world::Log::new("new.example/log");
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    assert_eq!(changes(&town), 1);
    assert_eq!(refused(&town, BOB), Vec::<String>::new());
    assert!(promises(&town).is_empty());
    let shown = town.phones[BOB].courier.changed_log_keys().unwrap();
    town.phones[BOB].courier.accept_log_keys(&shown).unwrap();
    town.live(2 * HOUR_MS);
    assert_eq!(promises(&town).len(), 1);
}

#[test]
fn a_promise_under_keys_that_nobody_shows_is_told_and_not_kept() {
    let mut town = with_desk();
    town.live(6 * HOUR_MS);
    let other = waxseal_world::Log::new("mallory.example/log");
    let own = std::mem::replace(&mut town.relay.desk().log, other);
    let keys = own.keys().to_string().into_bytes();
    town.relay.fail(move |asked| {
        asked.is("GET", "/v1/log/keys").then(|| Fault::Answered {
            status: 200,
            body: keys.clone(),
            headers: Vec::new(),
        })
    });
    report(&mut town, "alice");
    town.live(3 * HOUR_MS);
    assert_eq!(changes(&town), 0);
    assert!(!refused(&town, BOB).is_empty());
    assert!(promises(&town).is_empty());
}
