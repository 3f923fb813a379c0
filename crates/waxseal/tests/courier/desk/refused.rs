//! Reports that the provider refused: the log shows that too.

use waxseal::log::entry::{Day, Event as LogEvent, Mark};

use super::*;

/// The number of the check that refuses a message whose keys are gone.
const CHECK: u8 = 69;

/// Bob reported a message that nobody can verify any more, and has the promise that the log will
/// say so.
fn refused_report() -> Town {
    let mut town = with_desk();
    let id = town.say(ALICE, "bob", "bad");
    town.live(MINUTE_MS);
    town.wait(40 * DAY_MS);
    let phone = &mut town.phones[BOB];
    let client = phone.courier.client();
    let shown = [(id, waxseal::Disclosure::Whole)];
    let draft = client.draft_report(&account("alice"), Reason::Spam, shown);
    phone
        .courier
        .report(&draft.unwrap(), &mut phone.rng)
        .unwrap();
    town.live(HOUR_MS);
    let kept = promises(&town);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].promised().rejected(), Some(CHECK));
    assert!(town.relay.reports().is_empty());
    town
}

fn overdue(town: &Town) -> usize {
    let is =
        |event: &Event| matches!(event, Event::PromiseOverdue(kept) if kept.evidence().is_some());
    town.phones[BOB].count(is)
}

/// The log has an entry of this kind about the refused report, and the receipts show it.
fn log_and_show(town: &mut Town, event: LogEvent) {
    let number = promises(town)[0].number();
    let day = Day::of_ms(town.now().as_millis());
    let index = town.relay.desk().log.append(day, number, event);
    town.relay.show_of_refused(index);
}

#[test]
fn a_receipt_shows_that_a_report_was_refused_and_by_which_check() {
    let mut town = refused_report();
    assert!(receipts(&town, BOB).is_empty());
    town.relay.log_refused();
    town.live(DAY_MS + HOUR_MS);
    let kept = promises(&town).remove(0);
    assert_eq!(kept.state(), PromiseState::Included);
    let news = receipts(&town, BOB);
    assert_eq!(news.len(), 1);
    let told = &news[0].told;
    assert_eq!(told.rejected.map(|(_, check)| check), Some(CHECK));
    assert_eq!((told.received, &told.contradictions[..]), (None, &[][..]));
    let about = ReceiptAbout::Report {
        id: kept.report(),
        number: kept.number(),
    };
    assert_eq!(news[0].about, about);
    // Nothing follows a refusal. The user can have it asked for again.
    let before = asked(&town, "GET", "/v1/refused/");
    town.live(5 * DAY_MS);
    assert_eq!(asked(&town, "GET", "/v1/refused/"), before);
    let now = town.now();
    town.phones[BOB].courier.ask_receipts(now);
    town.live(MINUTE_MS);
    assert_eq!(asked(&town, "GET", "/v1/refused/"), before + 1);
    assert_eq!((receipts(&town, BOB).len(), overdue(&town)), (1, 0));
    assert_eq!(refused(&town, BOB), Vec::<String>::new());
}

#[test]
fn a_refusal_that_the_desk_never_logs_is_overdue() {
    let mut town = refused_report();
    town.live(DAY_MS);
    assert_eq!(overdue(&town), 0);
    town.live(4 * DAY_MS);
    assert!(overdue(&town) > 0);
    let state = promises(&town)[0].state();
    assert!(matches!(state, PromiseState::Overdue { .. }));
}

#[test]
fn a_desk_that_logs_something_else_than_the_refusal_contradicts_its_promise() {
    for event in [
        LogEvent::ReportReceived,
        LogEvent::ReportRejected { check: CHECK - 1 },
    ] {
        let mut town = refused_report();
        log_and_show(&mut town, event);
        town.live(4 * DAY_MS);
        let told = &receipts(&town, BOB)[0].told;
        let found = told.contradictions[0];
        assert_eq!(found, Contradiction::NotAsPromised { index: 0 });
        assert_eq!((told.received, told.rejected), (None, None));
        assert!(overdue(&town) > 0);
    }
    // It opens what it said that it refused.
    let mut town = refused_report();
    town.relay.log_refused();
    let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([1; 16]));
    log_and_show(&mut town, LogEvent::ContentOpened { purpose, mark });
    town.live(DAY_MS + HOUR_MS);
    let told = &receipts(&town, BOB)[0].told;
    let found = told.contradictions[0];
    assert_eq!(found, Contradiction::RejectedYetUsed { index: 1 });
}

#[test]
fn chk671_a_receipt_about_another_report_is_none_about_a_refused_one() {
    let mut town = refused_report();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.log_refused();
    // The relay answers with a receipt that is right for another report of Bob.
    let now = town.now();
    let log = &town.relay.desk().log;
    let receipt = log.receipt(waxseal::log::receipt::Role::Reporter, &[0], now);
    town.relay.fail(move |asked| {
        asked.is("GET", "/v1/refused/").then(|| Fault::Answered {
            status: 200,
            body: receipt.clone(),
            headers: Vec::new(),
        })
    });
    town.live(DAY_MS + HOUR_MS);
    let kept = promises(&town);
    let is_refused = |kept: &&KeptPromise| kept.promised().rejected().is_some();
    let of_refused = kept.iter().find(is_refused).unwrap();
    assert!(of_refused.receipt().is_none());
    assert!(!refused(&town, BOB).is_empty());
    // A relay that withholds it breaks the promise.
    town.relay.fail(|asked| {
        let is_receipt = asked.is("GET", "/v1/refused/");
        is_receipt.then(|| Fault::from(ErrorCode::NoSuchReport))
    });
    town.live(4 * DAY_MS);
    assert!(overdue(&town) > 0);
}
