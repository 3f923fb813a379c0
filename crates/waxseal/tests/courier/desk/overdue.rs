//! Promises that no receipt shows in time.

use waxseal::courier::Request;
use waxseal_interface::Request as Call;

use super::*;

fn overdue(town: &Town) -> usize {
    let is = |event: &Event| match event {
        Event::PromiseOverdue(kept) => kept.evidence().is_some(),
        _ => false,
    };
    town.phones[BOB].count(is)
}

/// Bob's report of Alice has a promise, which the desk does not keep. His clock is ahead by this.
fn promised(ahead_ms: u64) -> Town {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    town.phones[BOB].ahead_ms = ahead_ms as i64;
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    assert_eq!(promises(&town).len(), 1);
    town
}

/// The application starts again, and asks for receipts at once, some times.
fn ask_often(town: &mut Town) {
    for _ in 0..5 {
        town.phones[BOB].restart();
        let now = town.phones[BOB].now(&town.relay);
        town.phones[BOB].courier.ask_receipts(now);
        town.live(MINUTE_MS);
    }
}

#[test]
fn a_promise_that_no_receipt_shows_in_time_is_told_once_a_day() {
    for is_away in [false, true] {
        let mut town = promised(0);
        town.relay.desk().is_away = is_away;
        let started = town.now().as_millis();
        town.live(2 * DAY_MS);
        assert_eq!(overdue(&town), 0);
        // Two days after the day of the promise.
        let due = (started / DAY_MS + 3) * DAY_MS;
        town.live(due + HOUR_MS + MINUTE_MS - town.now().as_millis());
        if is_away {
            assert_eq!(overdue(&town), 1);
        }
        town.live(DAY_MS);
        let told = overdue(&town);
        ask_often(&mut town);
        assert_eq!((overdue(&town), told > 0), (told, true));
        town.live(3 * DAY_MS);
        assert!((3..=4).contains(&(overdue(&town) - told)), "{told}");
        town.relay.desk().is_away = false;
        town.relay.log_report(0);
        town.live(DAY_MS + HOUR_MS);
        let told = overdue(&town);
        town.live(3 * DAY_MS);
        assert_eq!(overdue(&town), told);
        assert_eq!(promises(&town)[0].state(), PromiseState::Included);
    }
}

#[test]
fn chk677_a_clock_that_is_days_ahead_accuses_nobody() {
    for is_away in [false, true] {
        // Always ahead, or only after the report. No message tells the relay's time.
        for later in [false, true] {
            let mut town = promised(if later { 0 } else { 3 * DAY_MS });
            town.relay.desk().is_away = is_away;
            town.phones[BOB].ahead_ms = 3 * DAY_MS as i64;
            ask_often(&mut town);
            town.live(DAY_MS);
            assert!(asked(&town, "GET", "/v1/reports/") > 5);
            assert_eq!(overdue(&town), 0, "{is_away} {later}");
            // For the user, it is overdue by the clock of the phone alone.
            let state = promises(&town)[0].state();
            assert!(matches!(state, PromiseState::Overdue { .. }));
            // Once it is overdue by the provider's clock too, it is told.
            town.live(3 * DAY_MS);
            assert!(overdue(&town) > 0, "{is_away} {later}");
        }
    }
}

#[test]
fn a_clock_that_is_behind_hides_no_promise_that_a_verified_checkpoint_shows_as_broken() {
    let mut town = promised(0);
    town.phones[BOB].ahead_ms = -(2 * DAY_MS as i64);
    town.live(4 * DAY_MS);
    assert!(overdue(&town) > 0);
    // What nobody signed shows nothing.
    let mut town = promised(0);
    town.phones[BOB].ahead_ms = -(9 * DAY_MS as i64);
    let now = Timestamp::from_millis(town.now().as_millis() + 9 * DAY_MS);
    let log = waxseal_world::Log::new("mallory.example/log");
    let receipt = log.receipt(waxseal::log::receipt::Role::Reporter, &[], now);
    let taken = waxseal_interface::report_id_text(&town.relay.reports()[0].id);
    let path = format!("/v1/reports/{taken}/receipt");
    town.relay.fail(move |asked| {
        asked.is("GET", &path).then(|| Fault::Answered {
            status: 200,
            body: receipt.clone(),
            headers: Vec::new(),
        })
    });
    town.live(4 * DAY_MS);
    assert_eq!(overdue(&town), 0);
    assert!(!refused(&town, BOB).is_empty());
}

#[test]
fn chk677_a_clock_that_jumps_while_an_answer_is_on_its_way_accuses_nobody() {
    let mut town = promised(0);
    let (mut now, relay) = (town.now(), &mut town.relay);
    let phone = &mut town.phones[BOB];
    phone.courier.ask_receipts(now);
    let mut is_asked = false;
    while let Some(request) = phone.courier.next(now, &mut phone.rng).unwrap() {
        let Request::Call { id, call, http } = request else {
            panic!("{request:?}")
        };
        let answer = relay.send(&http);
        if matches!(call, Call::ReportReceipt(_)) {
            now = Timestamp::from_millis(now.as_millis() + 9 * DAY_MS);
            is_asked = true;
        }
        phone
            .courier
            .answer(id, answer, now, &mut phone.rng)
            .unwrap();
        if is_asked {
            break;
        }
    }
    phone.take_events();
    assert!(is_asked);
    assert_eq!(overdue(&town), 0);
}
