//! The insider deletes reports, alters them, or erases them against the rules.

use waxseal_log::entry::{Event, Number, Side};
use waxseal_reporting::reporter::Reason;

use super::everything::Everything;
use super::insider::{file, last_entry};
use super::{Finding, findings, swap};
use crate::desk::tests::world::{DAY, World};
use crate::hold::Hold;
use crate::ids::CaseId;
use crate::sorting::Sorting;
use crate::store::*;

const KEEP: u64 = 180 * DAY;

#[test]
fn chk227_content_that_was_deleted_altered_or_given_to_another_case_is_found() {
    let all = Everything::new();
    let (world, store) = (&all.world, &all.world.store);
    let report = world.desk.case(&all.case).unwrap().reports.remove(0);
    let found = |table, id| Finding::WithoutEntry { table, id };
    let old = store.content(&report.id).unwrap().unwrap();
    let mut new = old.clone();
    new.accepted[200] ^= 1;
    swap(world, old.clone(), new.clone());
    assert_eq!(findings(world), [found("content", report.id)]);
    swap(world, new, old.clone());
    store.tamper(&[Change::Remove(Key::Content(report.id))]);
    assert_eq!(findings(world), [found("content", report.id)]);
    // The row is unaltered but for who made the report: another account would be told.
    store.tamper(&[Change::add(old.clone())]);
    let mut other = report.clone();
    other.reporter_account = Some("eve".into());
    swap(world, report.clone(), other.clone());
    assert_eq!(findings(world), [found("content", report.id)]);
    swap(world, other, report.clone());
    store.tamper(&[Change::Remove(Key::Content(report.id))]);
    // The row says that it was erased by the rules.
    let mut erased = report.clone();
    erased.is_erased = true;
    swap(world, report.clone(), erased.clone());
    assert_eq!(findings(world), [found("report", report.id)]);
    swap(world, erased, report);
    store.tamper(&[Change::add(old)]);
    world.is_sound();

    // A report about another account, to add weight to a case.
    let mut world = World::new();
    let (case, _) = world.case();
    let other = world.reported("oscar", "bob", Reason::Spam);
    let id = world.take_in(&other).unwrap();
    let Sorting::Case(from) = world.sort(&id).unwrap() else {
        panic!("not sorted");
    };
    let old = world.store.report(id.as_bytes()).unwrap().unwrap();
    let mut new = old.clone();
    new.case_id = Some(*case.as_bytes());
    swap(&world, old, new);
    for (case, reports) in [(case, 2), (from, 0)] {
        let old = world.store.case(case.as_bytes()).unwrap().unwrap();
        let mut new = old.clone();
        new.reports = reports;
        swap(&world, old, new);
    }
    world.decide(case).unwrap();
    assert!(findings(&world).contains(&found("content", *id.as_bytes())));
}

fn hold(world: &mut World, case: CaseId) {
    let act = Hold {
        id: Number::from_bytes([5; 16]),
        case,
        lift: false,
        request: None,
        statement: "Keep.".into(),
    };
    let signed = world.sign(&act, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
}

/// Sets the mark of a hold in the row of a case.
fn set_held(world: &World, case: &CaseId, is_held: bool) {
    let old = world.store.case(case.as_bytes()).unwrap().unwrap();
    let new = CaseRow {
        is_held,
        ..old.clone()
    };
    swap(world, old, new);
}

#[test]
fn chk226_an_erasure_against_the_rules_is_found() {
    // Under a hold.
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    hold(&mut world, case);
    world.pass(KEEP + 1);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    set_held(&world, &case, false);
    let (now, rng) = (world.now, &mut world.rng);
    assert!(world.desk.erase(&case, KEEP, now, rng).unwrap());
    set_held(&world, &case, true);
    assert_eq!(findings(&world), [last_entry(&world)]);

    // Before the time to appeal is over, and with an open appeal.
    for appeals in [false, true] {
        let mut world = World::new();
        let (case, _) = world.case();
        let decision = world.decide(case).unwrap();
        if appeals {
            file(&mut world, &decision, Side::Account);
            world.pass(KEEP);
        }
        erase_as_insider(&mut world, case);
        assert!(findings(&world).contains(&last_entry(&world)));
    }

    // Before any decision.
    let mut world = World::new();
    let (case, _) = world.case();
    erase_as_insider(&mut world, case);
    assert!(findings(&world).contains(&last_entry(&world)));

    // Of nothing, after all was erased.
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    world.pass(KEEP + 1);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let (now, rng) = (world.now, &mut world.rng);
    assert!(world.desk.erase(&case, KEEP, now, rng).unwrap());
    world.is_sound();
    log_erasure(&mut world, case, &[]);
    assert_eq!(findings(&world), [last_entry(&world)]);
}

/// Erases what the desk erases, without its checks.
fn erase_as_insider(world: &mut World, case: CaseId) {
    let report = world.desk.case(&case).unwrap().reports.remove(0);
    let mut batch = world.desk.begin(world.now);
    batch.change(Change::Remove(Key::Content(report.id)));
    let erased = ReportRow {
        is_erased: true,
        ..report.clone()
    };
    let digest = report.digest;
    batch.swap(report, erased);
    world.desk.commit(batch).unwrap();
    log_erasure(world, case, &digest);
}

/// Logs that the reports with these digests were erased.
fn log_erasure(world: &mut World, case: CaseId, digests: &[u8]) {
    let digest = crate::hash::digest(crate::labels::ERASED, &[digests]);
    let detail = crate::desk::detail(digest.to_vec(), &mut world.rng).unwrap();
    let number = Number::from_bytes(*case.as_bytes());
    let mut batch = world.desk.begin(world.now);
    batch.log(number, Event::ContentErased, detail);
    world.desk.commit(batch).unwrap();
}
