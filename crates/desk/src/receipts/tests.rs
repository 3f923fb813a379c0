use crate::vault::digest_of;
use waxseal_log::entry::{Measure, Purpose, Side};
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Contradiction, Expected, Told};
use waxseal_reporting::reporter::Reason;

use super::*;
use crate::desk::tests::reports::Reported;
use crate::desk::tests::world::{DAY, World, refused};

/// What a reporter learns from the promise and the receipt.
fn reporter_told(world: &World, reported: &Reported) -> Told {
    let row = world
        .store
        .report(reported.accepted.id().as_bytes())
        .unwrap()
        .unwrap();
    let promise = Promise::decode(&row.promise).unwrap();
    let digest = digest_of(reported.accepted.report());
    let promise = promise
        .verify(world.keys.log(), &digest, world.now.as_millis())
        .unwrap();
    let receipt = world.desk.reporter_receipt(reported.accepted.id()).unwrap();
    let receipt = Receipt::decode(&receipt.encode().unwrap()).unwrap();
    let expected = Expected::Report { promise: &promise };
    receipt.verify(&world.keys, expected).unwrap()
}

fn account_told(world: &World, case: &CaseId, account: &[u8]) -> Told {
    let receipt = world.desk.account_receipt(case).unwrap();
    let receipt = Receipt::decode(&receipt.encode().unwrap()).unwrap();
    receipt
        .verify(&world.keys, Expected::Account { account })
        .unwrap()
}

#[test]
fn both_sides_are_told_what_happened_and_can_verify_it() {
    let mut world = World::new();
    let mut reports = Vec::new();
    let mut case = None;
    for reporter in ["bob", "carol", "dave"] {
        let reported = world.reported("mallory", reporter, Reason::Scam);
        let id = world.take_in(&reported).unwrap();
        let crate::sorting::Sorting::Case(sorted) = world.sort(&id).unwrap() else {
            panic!("not sorted");
        };
        case = Some(sorted);
        reports.push(reported);
    }
    let case = case.unwrap();
    let id = *reports[1].accepted.id();
    let terms = world.terms(case, &id, Purpose::ChildSafety);
    let grant = world.request(&terms).unwrap();
    world.open(&grant, &id).unwrap();
    let decision = world.decide(case).unwrap();
    world
        .desk
        .notice_sent(&decision, Side::Account, world.now, &mut world.rng)
        .unwrap();
    let (now, side) = (world.now, Side::Account);
    world
        .desk
        .appeal(&decision, side, "Not me.", now, &mut world.rng)
        .unwrap();
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.complete().unwrap();

    let told = reporter_told(&world, &reports[1]);
    assert_eq!(told.contradictions, []);
    assert!(told.received.is_some() && told.sorted.is_some());
    assert_eq!(
        told.openings
            .iter()
            .map(|(_, purpose)| *purpose)
            .collect::<Vec<_>>(),
        [Purpose::ChildSafety]
    );
    let decided = &told.decisions[0];
    assert_eq!(decided.measure, Measure::Suspended);
    assert_eq!(decided.openings, 1);
    assert_eq!(
        decided.statement.as_deref(),
        Some("The messages ask for a code.")
    );
    assert_eq!((told.notices.len(), told.appeals.len()), (1, 1));
    for other in [&reports[0], &reports[2]] {
        let told = reporter_told(&world, other);
        assert_eq!(told.contradictions, []);
        assert_eq!((told.openings.len(), told.decisions.len()), (0, 1));
    }

    // What is logged after the newest complete checkpoint comes with the next one.
    let (now, side) = (world.now, Side::Reporter);
    world
        .desk
        .notice_sent(&decision, side, now, &mut world.rng)
        .unwrap();
    assert_eq!(reporter_told(&world, &reports[1]).notices.len(), 1);
    let told = account_told(&world, &case, b"mallory");
    assert_eq!(told.contradictions, []);
    assert_eq!((told.received, told.openings.len()), (None, 0));
    assert_eq!(told.decisions.len(), 1);
    let told = account_told(&world, &case, b"oscar");
    assert!(matches!(
        told.contradictions[..],
        [Contradiction::NotAboutReader { .. }, ..]
    ));
}

#[test]
fn an_undecided_report_and_a_rejected_one_have_receipts_too() {
    let mut world = World::new();
    let reported = world.reported("mallory", "bob", Reason::Scam);
    world.take_in(&reported).unwrap();
    let early = reporter_told(&world, &reported);
    assert_eq!((early.received, early.contradictions.len()), (None, 0));
    // If the leaf does not come, the receipt shows that the promise is broken.
    world.pass(4 * DAY);
    world.complete().unwrap();
    let late = reporter_told(&world, &reported);
    assert_eq!(late.contradictions, [Contradiction::PromiseBroken]);
    let unknown = ReportId::from_bytes([1; 16]);
    assert_eq!(
        refused(world.desk.reporter_receipt(&unknown)),
        Refused::NoReport
    );
    let unknown = CaseId::from_bytes([1; 16]);
    assert_eq!(
        refused(world.desk.account_receipt(&unknown)),
        Refused::NoCase
    );
}

#[test]
fn a_receipt_that_would_lack_entries_is_refused() {
    let mut world = World::new();
    let (_, report) = world.case();
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let number = world.store.report(report.as_bytes()).unwrap().unwrap();
    let number = waxseal_log::entry::Number::from_bytes(number.number);
    let mut batch = world.desk.begin(world.now);
    for mark in 0..1_000u16 {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&mark.to_be_bytes());
        let event = Event::ContentOpened {
            purpose: Purpose::UserReport,
            mark: waxseal_log::entry::Mark::from_bytes(bytes),
        };
        let detail = Detail::new(Vec::new(), &mut world.rng).unwrap();
        batch.log(number, event, detail);
    }
    world.desk.commit(batch).unwrap();
    world.complete().unwrap();
    let refusal = refused(world.desk.reporter_receipt(&report));
    assert_eq!(refusal, Refused::TooLong);
}
