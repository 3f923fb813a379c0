use super::*;
use crate::desk::tests::world::{DAY, HOUR, World, refused};
use crate::ids::CaseId;
use crate::officer::OfficerKey;
use waxseal_log::entry::Purpose;

fn file(world: &mut World, decision: &TreeHash, side: Side) -> Result<TreeHash, DeskError> {
    let text = "It was not me.";
    world
        .desk
        .appeal(decision, side, text, world.now, &mut world.rng)
}

fn decide(
    world: &mut World,
    appeal: TreeHash,
    outcome: AppealOutcome,
    by: impl Fn(&World) -> &OfficerKey,
) -> Result<(), DeskError> {
    let act = AppealDecision {
        appeal,
        outcome,
        statement: "Read again.".into(),
    };
    let signed = world.sign(&act, by(world));
    world.desk.decide_appeal(&signed, world.now, &mut world.rng)
}

fn decided(world: &mut World) -> (CaseId, TreeHash) {
    let (case, _) = world.case();
    let decision = world.decide(case).unwrap();
    (case, decision)
}

#[test]
fn chk219_each_side_appeals_once_and_in_time() {
    let mut world = World::new();
    let (_, decision) = decided(&mut world);
    let other = TreeHash::from_bytes([1; 32]);
    assert_eq!(
        refused(file(&mut world, &other, Side::Account)),
        Refused::NoDecision
    );
    world.pass(14 * DAY);
    file(&mut world, &decision, Side::Account).unwrap();
    let side = Side::Account;
    let another = world
        .desk
        .appeal(&decision, side, "Another.", world.now, &mut world.rng);
    assert_eq!(refused(another), Refused::AlreadyAppealed);
    world.pass(1);
    assert_eq!(
        refused(file(&mut world, &decision, Side::Reporter)),
        Refused::AppealTooLate
    );
    let empty = world
        .desk
        .appeal(&decision, Side::Reporter, "", world.now, &mut world.rng);
    assert_eq!(refused(empty), Refused::TooLong);
    world.is_sound();
}

#[test]
fn an_appeal_whose_answer_was_lost_is_filed_once_and_has_the_same_name() {
    let mut world = World::new();
    let (_, decision) = decided(&mut world);
    let filed = file(&mut world, &decision, Side::Account).unwrap();
    let entries = world.events().len();
    world.pass(15 * DAY); // when no other appeal is taken
    assert_eq!(file(&mut world, &decision, Side::Account).unwrap(), filed);
    assert_eq!(world.events().len(), entries);
    world.is_sound();
}

#[test]
fn chk220_another_officer_decides_the_appeal() {
    let mut world = World::new();
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Identify);
    let id = world.request(&terms).unwrap();
    let grant = crate::grant::Grant::new(terms).unwrap();
    let signature = grant.sign_as_approver(&world.officers.approve);
    world
        .desk
        .approve_grant(&id, &signature, world.now, &mut world.rng)
        .unwrap();
    let decision = world.decide(case).unwrap();
    let appeal = file(&mut world, &decision, Side::Account).unwrap();
    // Both have the role for appeals as well.
    let decider = decide(&mut world, appeal, AppealOutcome::Upheld, |w| {
        &w.officers.decide
    });
    assert_eq!(refused(decider), Refused::SameOfficer);
    let approver = decide(&mut world, appeal, AppealOutcome::Upheld, |w| {
        &w.officers.approve
    });
    assert_eq!(refused(approver), Refused::SameOfficer);
    decide(&mut world, appeal, AppealOutcome::Upheld, |w| {
        &w.officers.appeals
    })
    .unwrap();
    world.is_sound();
}

#[test]
fn chk221_an_appeal_is_decided_once() {
    let mut world = World::new();
    let (_, decision) = decided(&mut world);
    let appeal = file(&mut world, &decision, Side::Reporter).unwrap();
    let unknown = TreeHash::from_bytes([1; 32]);
    let refusal = decide(&mut world, unknown, AppealOutcome::Upheld, |w| {
        &w.officers.appeals
    });
    assert_eq!(refused(refusal), Refused::NoAppeal);
    world.pass(3 * DAY);
    decide(&mut world, appeal, AppealOutcome::Upheld, |w| {
        &w.officers.appeals
    })
    .unwrap();
    let last = Event::AppealDecided {
        outcome: AppealOutcome::Upheld,
        days: 3,
    };
    assert_eq!(world.events().last(), Some(&last));
    let again = decide(&mut world, appeal, AppealOutcome::Reversed, |w| {
        &w.officers.appeals
    });
    assert_eq!(refused(again), Refused::AppealDecided);
    world.is_sound();
}

#[test]
fn a_reversed_decision_can_be_replaced_but_its_act_is_not_used_again() {
    let mut world = World::new();
    let (case, _) = world.case();
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    let decision = world
        .desk
        .decide(&signed, world.now, &mut world.rng)
        .unwrap();
    let appeal = file(&mut world, &decision, Side::Account).unwrap();
    world.pass(HOUR);
    decide(&mut world, appeal, AppealOutcome::Reversed, |w| {
        &w.officers.appeals
    })
    .unwrap();
    assert_eq!(
        refused(file(&mut world, &decision, Side::Reporter)),
        Refused::AlreadyAppealed
    );
    // The same act, replayed.
    let replayed = world.desk.decide(&signed, world.now, &mut world.rng);
    assert_eq!(refused(replayed), Refused::AlreadyDecided);
    world.pass(1);
    let second = world.decide(case).unwrap();
    assert_ne!(second, decision);
    assert_eq!(refused(world.decide(case)), Refused::AlreadyDecided);
    file(&mut world, &second, Side::Account).unwrap();
    world.is_sound();
}
