//! The insider runs the desk: he writes its store, and its log with the log's key. He may have kept
//! what officers signed before.

use waxseal_log::entry::{AppealOutcome, Entry, Event, Number, Purpose, ReviewOutcome, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::reporter::Reason;

use super::everything::Everything;
use super::{Finding, findings, swap, whole};
use crate::acts::name;
use crate::appeal::AppealDecision;
use crate::desk::tests::world::{DAY, World};
use crate::emergency::EmergencyReview;
use crate::grant::Grant;
use crate::hold::Hold;
use crate::ids::{CaseId, GrantId};
use crate::policy::{Policy, Roles};
use crate::sorting::Sorting;
use crate::store::*;

const KEEP: u64 = 180 * DAY;

/// The last entry of the log, as the audit finds it.
fn last_entry(world: &World) -> Finding {
    Finding::WithoutRow {
        index: world.desk.log_size() - 1,
    }
}

fn file(world: &mut World, decision: &TreeHash, side: Side) -> TreeHash {
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.appeal(decision, side, "No.", now, rng).unwrap()
}

fn decide_appeal(world: &mut World, appeal: TreeHash, outcome: AppealOutcome) {
    let act = AppealDecision {
        appeal,
        outcome,
        statement: "Read again.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.decide_appeal(&signed, now, rng).unwrap();
}

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

#[test]
fn chk227_a_notice_that_is_gone_or_says_another_thing_is_found() {
    let (world, case) = whole();
    let decision = world.store.decisions(case.as_bytes(), 9).unwrap().remove(0);
    let list = NoticeList::OfDecision(decision.leaf_hash);
    let found = Finding::WithoutEntry {
        table: "notice",
        id: *decision.leaf_hash.first_chunk().unwrap(),
    };
    for old in world.store.notices(&list, 9).unwrap() {
        let mut milder = old.clone();
        milder.body = b"Decision: none".to_vec();
        let mut empty = old.clone();
        empty.body.clear();
        for new in [milder, empty] {
            swap(&world, old.clone(), new.clone());
            assert_eq!(findings(&world), [found]);
            swap(&world, new, old.clone());
        }
    }
    world.is_sound();
}

#[test]
fn chk226_an_emergency_that_no_one_has_to_review_is_found() {
    let mut world = World::new();
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Emergency);
    let id = world.request(&terms).unwrap();
    let index = world.desk.log_size() - 1;
    let old = world.store.grant(id.as_bytes()).unwrap().unwrap();
    for until in [None, Some(u64::from(u32::MAX))] {
        let mut new = old.clone();
        new.review_until_ms = until;
        swap(&world, old.clone(), new.clone());
        assert_eq!(findings(&world), [Finding::WithoutRow { index }]);
        swap(&world, new, old.clone());
    }
    // An expired grant keeps its review.
    world.pass(13 * 3_600_000);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.is_sound();
}

#[test]
fn chk228_a_review_by_an_officer_who_approved_the_grant_is_found() {
    let mut world = World::new();
    let mut terms = world.policy.terms().clone();
    terms.version = 2;
    for officer in &mut terms.officers {
        if officer.id == world.officers.approve.id() {
            officer.roles = officer.roles.and(Roles::REVIEW);
        }
    }
    world.policy = Policy::new(terms).unwrap();
    world.publish(&world.policy.clone()).unwrap();
    let (case, report) = world.case();
    let mut terms = world.terms(case, &report, Purpose::Emergency);
    terms.approver = Some(world.officers.approve.id());
    let id: GrantId = world.request(&terms).unwrap();
    let grant = Grant::new(terms).unwrap();
    let signature = grant.sign_as_approver(&world.officers.approve);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.approve_grant(&id, &signature, now, rng).unwrap();
    let review = EmergencyReview {
        grant: grant.digest(),
        outcome: ReviewOutcome::Justified,
        statement: "Yes.".into(),
    };
    let signed = world.sign(&review, &world.officers.review);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.review_emergency(&signed, now, rng).unwrap();
    world.is_sound();
    let old = world.store.meta(&name("review", id.as_bytes())).unwrap();
    let old = old.unwrap();
    let value = world.sign(&review, &world.officers.approve).encode();
    let new = MetaRow {
        value,
        ..old.clone()
    };
    swap(&world, old, new);
    let found = Finding::NotSigned {
        table: "grant",
        id: *id.as_bytes(),
    };
    assert_eq!(findings(&world), [found]);
}

#[test]
fn chk227_an_appeal_that_only_its_row_calls_decided_is_found() {
    let mut world = World::new();
    let (case, _) = world.case();
    let decision = world.decide(case).unwrap();
    let one = file(&mut world, &decision, Side::Account);
    let two = file(&mut world, &decision, Side::Reporter);
    decide_appeal(&mut world, one, AppealOutcome::Upheld);
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.is_sound();
    let decided = world.store.appeal(one.as_bytes()).unwrap().unwrap();
    let old = world.store.appeal(two.as_bytes()).unwrap().unwrap();
    let new = AppealRow {
        outcome: decided.outcome,
        officer: decided.officer,
        decided_at_ms: decided.decided_at_ms,
        signed: decided.signed,
        ..old.clone()
    };
    swap(&world, old, new);
    let found = Finding::WithoutEntry {
        table: "appeal",
        id: *two.as_bytes().first_chunk().unwrap(),
    };
    assert_eq!(findings(&world), [found]);
}

#[test]
fn chk226_a_decision_that_is_made_again_with_the_act_of_a_reversed_one_is_found() {
    let mut world = World::new();
    let (case, _) = world.case();
    let decision = world.decide(case).unwrap();
    let appeal = file(&mut world, &decision, Side::Account);
    world.pass(1);
    decide_appeal(&mut world, appeal, AppealOutcome::Reversed);
    world.pass(1);
    // An officer decides again.
    let again = world.decide(case).unwrap();
    let index = world.desk.log_size() - 1;
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.is_sound();
    // None did: the insider used the act of the reversed decision again.
    let first = world.store.decision(decision.as_bytes()).unwrap().unwrap();
    let old = world.store.decision(again.as_bytes()).unwrap().unwrap();
    let new = DecisionRow {
        signed: first.signed,
        ..old.clone()
    };
    swap(&world, old, new);
    assert_eq!(findings(&world), [Finding::WithoutRow { index }]);
}

#[test]
fn chk226_a_second_decision_of_a_decided_case_is_found() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    let old = world.store.case(case.as_bytes()).unwrap().unwrap();
    let open = CaseRow {
        status: CaseStatus::Open,
        ..old.clone()
    };
    swap(&world, old, open);
    world.pass(1);
    world.decide(case).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);
}

#[test]
fn chk228_an_act_that_was_signed_long_before_its_entry_is_found() {
    let mut world = World::new();
    let (case, _) = world.case();
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    world.pass(3 * DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let decision = world.decide(case).unwrap();
    world.is_sound();
    let old = world.store.decision(decision.as_bytes()).unwrap().unwrap();
    let new = DecisionRow {
        signed: signed.encode(),
        ..old.clone()
    };
    swap(&world, old, new);
    let found = Finding::NotSigned {
        table: "decision",
        id: *case.as_bytes(),
    };
    assert_eq!(findings(&world), [found]);
}

#[test]
fn chk226_a_decision_that_says_it_was_faster_is_found() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.pass(9 * DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let old = world.store.case(case.as_bytes()).unwrap().unwrap();
    let new = CaseRow {
        first_report_at_ms: world.now.as_millis(),
        last_report_at_ms: world.now.as_millis(),
        ..old.clone()
    };
    swap(&world, old, new);
    world.decide(case).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);
}

#[test]
fn chk226_an_entry_that_is_logged_twice_is_found() {
    let mut all = Everything::new();
    let world = &mut all.world;
    let rows = world.store.entries(0, 1_000).unwrap();
    let mut repeated = Vec::new();
    for row in rows {
        let entry = Entry::decode(&row.entry).unwrap();
        let detail = crate::receipts::detail_of(&row).unwrap();
        let mut batch = world.desk.begin(world.now);
        let index = batch.append(entry, detail).index;
        world.desk.commit(batch).unwrap();
        repeated.push((Finding::WithoutRow { index }, row));
    }
    let found = findings(world);
    for (finding, row) in repeated {
        assert!(found.contains(&finding), "entry of kind {}", row.kind);
    }
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
    let digest = crate::hash::digest(crate::labels::ERASED, &[&report.digest]);
    batch.swap(report, erased);
    let detail = crate::desk::detail(digest.to_vec(), &mut world.rng).unwrap();
    let number = Number::from_bytes(*case.as_bytes());
    batch.log(number, Event::ContentErased, detail);
    world.desk.commit(batch).unwrap();
}
