//! The insider runs the desk: he writes its store, and its log with the log's key. He may have kept
//! what officers signed before.

use waxseal_log::entry::{AppealOutcome, Entry, Purpose, ReviewOutcome, Side};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use super::everything::Everything;
use super::{Finding, findings, swap, whole};
use crate::acts::name;
use crate::appeal::AppealDecision;
use crate::desk::tests::world::{DAY, ORIGIN, World};
use crate::emergency::EmergencyReview;
use crate::grant::Grant;
use crate::ids::GrantId;
use crate::officer::Signed;
use crate::policy::{Policy, Roles};
use crate::store::*;

/// The last entry of the log, as the audit finds it.
pub(super) fn last_entry(world: &World) -> Finding {
    Finding::WithoutRow {
        index: world.desk.log_size() - 1,
    }
}

pub(super) fn file(world: &mut World, decision: &TreeHash, side: Side) -> TreeHash {
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
    // The officer's clock is right, or four minutes ahead.
    for ahead in [0, 240_000] {
        decide_again_with_the_first_act(ahead);
    }
}

fn decide_again_with_the_first_act(ahead: u64) {
    let mut world = World::new();
    let (case, _) = world.case();
    let at = Timestamp::from_millis(world.now.as_millis() + ahead);
    let key = &world.officers.decide;
    let signed = Signed::sign(&world.decision(case), ORIGIN, key, at).unwrap();
    let (now, rng) = (world.now, &mut world.rng);
    let decision = world.desk.decide(&signed, now, rng).unwrap();
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

#[test]
fn chk227_a_row_that_borrows_the_entry_of_another_one_is_found() {
    // An opening that never was, to blame an officer.
    let (world, case) = whole();
    let list = OpeningList::OfCase(*case.as_bytes());
    let opening = world.store.openings(&list, None, 9).unwrap().remove(0);
    let forged = OpeningRow {
        ordinal: 2,
        ..opening.clone()
    };
    let grant = world.store.grant_with_digest(&opening.grant_digest);
    let grant = grant.unwrap().unwrap();
    let counted = GrantRow {
        openings: 2,
        ..grant.clone()
    };
    world.store.tamper(&[Change::add(forged)]);
    swap(&world, grant, counted);
    let found = Finding::WithoutEntry {
        table: "opening",
        id: *opening.grant_digest.first_chunk().unwrap(),
    };
    assert!(findings(&world).contains(&found));

    // A notice that was never sent.
    let (world, case) = whole();
    let decision = world.store.decisions(case.as_bytes(), 9).unwrap().remove(0);
    let list = NoticeList::OfDecision(decision.leaf_hash);
    let notices = world.store.notices(&list, 9).unwrap();
    let sent = notices.iter().find(|one| one.log_index.is_some()).unwrap();
    let unsent = notices.iter().find(|one| one.log_index.is_none()).unwrap();
    let new = NoticeRow {
        sent_at_ms: sent.sent_at_ms,
        log_index: sent.log_index,
        ..unsent.clone()
    };
    swap(&world, unsent.clone(), new);
    let found = Finding::WithoutEntry {
        table: "notice",
        id: *decision.leaf_hash.first_chunk().unwrap(),
    };
    assert_eq!(findings(&world), [found]);
}

#[test]
fn chk227_a_grant_that_only_its_row_calls_approved_or_waiting_is_found() {
    let all = Everything::new();
    let list = GrantList::OfCase(*all.case.as_bytes());
    for old in all.world.store.grants(&list, 9).unwrap() {
        for state in [GrantState::Approved, GrantState::Requested] {
            let mut new = old.clone();
            new.state = state;
            if new == old {
                continue;
            }
            swap(&all.world, old.clone(), new.clone());
            let found = Finding::WithoutEntry {
                table: "grant",
                id: old.id,
            };
            assert!(findings(&all.world).contains(&found), "{:?}", old.state);
            swap(&all.world, new, old.clone());
        }
    }
    all.world.is_sound();
}

#[test]
fn chk226_a_report_that_only_its_row_calls_rejected_is_found() {
    let all = Everything::new();
    let world = &all.world;
    let old = world.desk.case(&all.case).unwrap().reports.remove(0);
    let mut rejected = old.clone();
    rejected.rejected = Some(90);
    swap(world, old.clone(), rejected.clone());
    assert!(matches!(findings(world)[..], [Finding::WithoutRow { .. }]));
    swap(world, rejected, old);

    // One that the intake rejected, for another reason.
    let mut world = World::new();
    let digest = waxseal_log::report::ReportDigest::of(b"sealed");
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.refuse(&digest, 74, now, rng).unwrap();
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.is_sound();
    let row = world.store.report_with_digest(digest.as_bytes()).unwrap();
    let old = row.unwrap();
    let mut new = old.clone();
    new.rejected = Some(75);
    swap(&world, old, new);
    assert_eq!(findings(&world), [last_entry(&world)]);
}
