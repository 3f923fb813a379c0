//! The provider's desk: promises, receipts, notices and appeals.

mod appeals;
mod crash;
mod keys;
mod notices;
mod overdue;
mod refused;

use waxseal::courier::{AppealState, Event, KeptAppeal, ReceiptAbout, ReceiptNews};
use waxseal::log::entry::{Purpose, Side};
use waxseal::log::receipt::Contradiction;
use waxseal::log::tree::TreeHash;
use waxseal::{KeptPromise, PromiseState, Reason, Timestamp};
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

const LOG: &str = "desk.example/log";

const ALICE: usize = 0;
const BOB: usize = 1;

/// A town whose provider has a desk, and in which Alice and Bob have an account.
fn with_desk() -> Town {
    let mut town = Town::quick(&["alice", "bob"]);
    town.relay.open_desk(LOG);
    town.turn();
    town
}

/// Bob reports an account.
fn report(town: &mut Town, about: &str) {
    let phone = &mut town.phones[BOB];
    let client = phone.courier.client();
    let draft = client.draft_account_report(&account(about), Reason::Scam);
    let draft = draft.unwrap();
    // After a stop, the application looks whether the report was kept.
    let kept = |town: &Town| {
        let client = town.phones[BOB].courier.client();
        client.pending_reports(None, 9).unwrap().items.len()
    };
    let before = kept(town);
    while kept(town) == before {
        let phone = &mut town.phones[BOB];
        if phone.courier.report(&draft, &mut phone.rng).is_err() {
            phone.failed();
        }
    }
}

fn promises(town: &Town) -> Vec<KeptPromise> {
    let phone = &town.phones[BOB];
    let client = phone.courier.client();
    client
        .promises(None, 9, phone.now(&town.relay))
        .unwrap()
        .items
}

fn receipts(town: &Town, who: usize) -> Vec<ReceiptNews> {
    let news = |event: &Event| match event {
        Event::Receipt(news) => Some((**news).clone()),
        _ => None,
    };
    town.phones[who].events.iter().filter_map(news).collect()
}

fn appeals_told(town: &Town, who: usize) -> Vec<AppealState> {
    let state = |event: &Event| match event {
        Event::Appeal(appeal) => Some(appeal.state),
        _ => None,
    };
    town.phones[who].events.iter().filter_map(state).collect()
}

fn appeals(town: &Town, who: usize) -> Vec<KeptAppeal> {
    let client = town.phones[who].courier.client();
    client.appeals(None, 9).unwrap().items
}

fn asked(town: &Town, method: &str, path: &str) -> usize {
    let is = |asked: &&Asked| asked.is(method, path);
    town.relay.asked.iter().filter(is).count()
}

fn refused(town: &Town, who: usize) -> Vec<String> {
    let why = |event: &Event| match event {
        Event::ReceiptRefused { why, .. } | Event::PromiseRefused { why, .. } => Some(why.clone()),
        _ => None,
    };
    town.phones[who].events.iter().filter_map(why).collect()
}

#[test]
fn a_reporter_is_told_of_arrival_opening_and_decision_and_each_of_them_once() {
    let mut town = with_desk();
    let pinned = |event: &Event| matches!(event, Event::LogPinned(keys) if keys.origin() == LOG);
    assert_eq!(town.phones[BOB].count(pinned), 1);
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    let promised = |event: &Event| matches!(event, Event::Promised(_));
    assert_eq!(town.phones[BOB].count(promised), 1);
    assert!(matches!(
        promises(&town)[0].state(),
        PromiseState::Waiting { .. }
    ));
    assert!(receipts(&town, BOB).is_empty());

    town.relay.log_report(0);
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(promises(&town)[0].state(), PromiseState::Included);
    assert_eq!(receipts(&town, BOB).len(), 1);
    town.relay.open_report(0, 1);
    town.relay.open_report(0, 2);
    town.live(DAY_MS + HOUR_MS);
    let news = receipts(&town, BOB);
    let purposes: Vec<_> = news[1].told.openings.iter().map(|(_, of)| *of).collect();
    assert_eq!((news.len(), purposes), (2, vec![Purpose::UserReport; 2]));

    // The notice has the receipt asked for at once.
    let leaf = town.relay.decide(0, &account("alice"), 7);
    town.live(HOUR_MS + MINUTE_MS);
    let news = receipts(&town, BOB);
    assert_eq!(news.len(), 3);
    let told = &news[2].told;
    assert_eq!(told.contradictions, []);
    let decision = &told.decisions[0];
    assert_eq!(*decision.leaf_hash.as_bytes(), leaf);
    assert_eq!(decision.statement.as_deref(), Some("It is a threat."));
    let ReceiptAbout::Report { id, number } = news[2].about else {
        panic!("{:?}", news[2].about)
    };
    assert_eq!(
        (id, number),
        (promises(&town)[0].report(), promises(&town)[0].number())
    );
    town.phones[BOB].restart();
    town.live(5 * DAY_MS);
    assert_eq!(receipts(&town, BOB).len(), 3);
    assert_eq!(
        (refused(&town, BOB), refused(&town, ALICE)),
        (vec![], vec![])
    );
}

#[test]
fn an_account_is_told_of_a_decision_against_it_by_a_receipt_alone() {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    let leaf = town.relay.decide(0, &account("alice"), 7);
    town.live(HOUR_MS + MINUTE_MS);
    let news = receipts(&town, ALICE);
    assert_eq!(news.len(), 1);
    assert_eq!(
        news[0].about,
        ReceiptAbout::Decision(TreeHash::from_bytes(leaf))
    );
    assert_eq!(news[0].told.decisions[0].rule.as_deref(), Some("2.1"));
    let client = town.phones[ALICE].courier.client();
    assert_eq!(client.account_receipts(None, 9).unwrap().items.len(), 1);

    // The relay tells of what was never decided, and of decisions against others.
    let bob = account("bob");
    town.relay.tell_of(&bob, leaf, None);
    town.relay.tell_of(&bob, [9; 32], None);
    town.relay.tell_of(&bob, [9; 32], Some("0".repeat(32)));
    let before = receipts(&town, BOB).len();
    town.live(2 * DAY_MS);
    assert_eq!(receipts(&town, BOB).len(), before);
    let client = town.phones[BOB].courier.client();
    assert_eq!(client.account_receipts(None, 9).unwrap().items.len(), 0);
    assert_eq!(refused(&town, BOB), Vec::<String>::new());
}

#[test]
fn a_report_is_taken_without_the_desk_and_its_promise_is_fetched_later() {
    let mut town = with_desk();
    town.relay.desk().is_away = true;
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    let taken = |event: &Event| matches!(event, Event::ReportTaken { .. });
    assert_eq!(town.phones[BOB].count(taken), 1);
    assert!(promises(&town).is_empty());
    // The report stays until the promise is there, although its review has ended.
    town.relay.end_review(0);
    town.live(2 * DAY_MS);
    town.phones[BOB].restart();
    town.relay.desk().is_away = false;
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(promises(&town).len(), 1);
    town.live(3 * DAY_MS);
    let client = town.phones[BOB].courier.client();
    assert_eq!(client.pending_reports(None, 9).unwrap().items.len(), 0);
    assert!(asked(&town, "GET", "/v1/reports/") < 80);
}

#[test]
fn chk675_a_receipt_about_other_decisions_is_none_about_this_one() {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    let alice = account("alice");
    let leaf = town.relay.decide(0, &alice, 7);
    // The desk signs another case each time.
    town.relay.decide(0, &alice, 8);
    let now = town.now();
    let log = &town.relay.desk().log;
    let receipt = log.receipt(waxseal::log::receipt::Role::Account, &[2], now);
    let path = waxseal_interface::leaf_text(&leaf);
    let path = format!("/v1/decisions/{path}/receipt");
    town.relay.fail(move |asked| {
        if asked.is("GET", &path) {
            return Some(Fault::Answered {
                status: 200,
                body: receipt.clone(),
                headers: Vec::new(),
            });
        }
        let is_other = asked.is("GET", "/v1/decisions/");
        is_other.then(|| Fault::from(ErrorCode::NoReceipt))
    });
    town.live(3 * HOUR_MS);
    let kept = |town: &Town| {
        let client = town.phones[ALICE].courier.client();
        client.account_receipts(None, 9).unwrap().items.len()
    };
    assert_eq!((kept(&town), receipts(&town, ALICE).len()), (0, 0));
    town.relay.work();
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(kept(&town), 2);
}

#[test]
fn chk671_a_receipt_about_another_report_is_none_about_this_one() {
    let mut town = with_desk();
    report(&mut town, "alice");
    report(&mut town, "mallory");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.log_report(1);
    // The relay answers each time with the receipt about the first report.
    let taken: Vec<_> = town.relay.reports().iter().map(|one| one.id).collect();
    let first = waxseal_interface::report_id_text(&taken[0]);
    let second = waxseal_interface::report_id_text(&taken[1]);
    let now = town.now();
    let receipt = town
        .relay
        .desk()
        .log
        .receipt(waxseal::log::receipt::Role::Reporter, &[0], now);
    town.relay.fail(move |asked| {
        let of_first = asked.is("GET", &format!("/v1/reports/{first}/receipt"));
        let of_second = asked.is("GET", &format!("/v1/reports/{second}/receipt"));
        (of_first || of_second).then(|| Fault::Answered {
            status: 200,
            body: receipt.clone(),
            headers: Vec::new(),
        })
    });
    town.live(DAY_MS + HOUR_MS);
    let kept = promises(&town);
    let included = kept
        .iter()
        .filter(|kept| kept.state() == PromiseState::Included);
    assert_eq!((kept.len(), included.count()), (2, 1));
    assert!(!refused(&town, BOB).is_empty());
}

#[test]
fn a_receipt_that_takes_something_back_is_told_with_what_contradicts() {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.open_report(0, 1);
    town.live(DAY_MS + HOUR_MS);
    let taken = waxseal_interface::report_id_text(&town.relay.reports()[0].id);
    let path = format!("/v1/reports/{taken}/receipt");
    town.relay.open_report(0, 2);
    let now = town.now();
    let log = &town.relay.desk().log;
    let receipt = log.receipt(waxseal::log::receipt::Role::Reporter, &[0, 2], now);
    town.relay.fail(move |asked| {
        asked.is("GET", &path).then(|| Fault::Answered {
            status: 200,
            body: receipt.clone(),
            headers: Vec::new(),
        })
    });
    town.live(DAY_MS + HOUR_MS);
    let news = receipts(&town, BOB);
    let found = &news.last().unwrap().told.contradictions;
    assert_eq!(found[..], [Contradiction::Dropped { index: 1 }]);
    assert!(promises(&town)[0].receipt().unwrap().is_contradicted());
}

#[test]
fn without_a_desk_the_provider_is_asked_once_a_day_whether_it_has_one() {
    let mut town = Town::registered(&["alice", "bob"]);
    town.live(HOUR_MS);
    for _ in 0..3 {
        town.phones[BOB].restart();
        town.live(MINUTE_MS);
    }
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    assert_eq!(asked(&town, "GET", "/v1/log/keys"), 2);
    assert_eq!(asked(&town, "GET", "/v1/notices"), 0);
    let taken = |event: &Event| matches!(event, Event::ReportTaken { .. });
    assert_eq!(town.phones[BOB].count(taken), 1);
    // A relay of before does not have the route.
    town.relay.fail(|asked| {
        let is_keys = asked.is("GET", "/v1/log/keys");
        is_keys.then(|| Fault::from(ErrorCode::NotFound))
    });
    town.live(3 * DAY_MS);
    let times = asked(&town, "GET", "/v1/log/keys");
    assert!((6..=10).contains(&times), "{times}");
    assert!(town.phones[BOB].troubles().is_empty());
    // Once there is a desk, it is found within a day.
    town.relay.work();
    town.relay.open_desk(LOG);
    town.live(DAY_MS + HOUR_MS);
    assert!(town.phones[BOB].courier.log_keys().is_some());
}
