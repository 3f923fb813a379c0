//! Notices of decisions.

use waxseal_interface::{DecisionNotice, DecisionNotices, MAX_NOTICES};

use super::*;

#[test]
fn chk676_notices_are_read_from_the_first_one_on_each_day() {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    // After this number, there is no other.
    town.relay.fail(|asked| {
        let body = br#"{"notices":[{"number":18446744073709551615,"decision":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","side":2}]}"#;
        asked.is("GET", "/v1/notices").then(|| Fault::Answered {
            status: 200,
            body: body.to_vec(),
            headers: Vec::new(),
        })
    });
    town.live(2 * HOUR_MS);
    assert!(asked(&town, "GET", "/v1/decisions") > 0);
    town.relay.work();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.decide(0, &account("alice"), 7);
    town.phones[ALICE].restart();
    town.live(DAY_MS + 2 * HOUR_MS);
    assert_eq!(receipts(&town, ALICE).len(), 1);
    // Later ones come within the hour.
    town.relay.decide(0, &account("alice"), 8);
    town.live(HOUR_MS + MINUTE_MS);
    assert_eq!(receipts(&town, ALICE).len(), 2);
}

/// The relay tells Alice of decisions that were never made: those with the numbers after `after`,
/// up to `last`, at most 100.
fn made_up(path: &str, last: u64, report_id: Option<&str>) -> Fault {
    let after: u64 = path.rsplit('=').next().unwrap().parse().unwrap();
    let notice = |number: u64| {
        let mut decision = [9; 32];
        decision[..8].copy_from_slice(&number.to_be_bytes());
        DecisionNotice {
            number,
            decision,
            side: if report_id.is_some() { 1 } else { 2 },
            report_id: report_id.map(str::to_owned),
        }
    };
    let numbers = after.saturating_add(1)..=last;
    let notices = numbers.take(MAX_NOTICES).map(notice).collect();
    Fault::Answered {
        status: 200,
        body: serde_json::to_vec(&DecisionNotices { notices }).unwrap(),
        headers: Vec::new(),
    }
}

#[test]
fn made_up_notices_take_no_more_than_their_room_and_give_it_back() {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.asked.clear();
    town.relay.fail(|asked| {
        let is_notices = asked.is("GET", "/v1/notices");
        is_notices.then(|| made_up(&asked.path, 1_100, None))
    });
    let leave = town.phones.remove(BOB); // he is told nothing
    town.live(2 * HOUR_MS);
    assert_eq!(asked(&town, "GET", "/v1/decisions/"), 1_000);
    // There is no room for what the desk decided, and the phone comes to rest.
    town.relay.work();
    town.relay.decide(0, &account("alice"), 7);
    town.live(DAY_MS + 2 * HOUR_MS);
    assert!(receipts(&town, ALICE).is_empty());
    // The room comes back once the made-up ones are too old.
    town.wait(401 * DAY_MS);
    town.live(2 * HOUR_MS);
    assert_eq!(receipts(&town, ALICE).len(), 1);
    drop(leave);
}

#[test]
fn a_relay_with_any_number_of_notices_is_asked_for_them_sixteen_times_an_hour() {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    town.relay.fail(|asked| {
        let is_notices = asked.is("GET", "/v1/notices");
        is_notices.then(|| made_up(&asked.path, u64::MAX, Some(&"0".repeat(32))))
    });
    town.live(HOUR_MS);
    town.phones.remove(BOB);
    town.relay.asked.clear();
    town.live(3 * HOUR_MS + MINUTE_MS);
    let times = asked(&town, "GET", "/v1/notices");
    assert!((48..=64).contains(&times), "{times}");
}
