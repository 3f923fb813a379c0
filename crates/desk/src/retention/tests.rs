use waxseal_log::entry::{AppealOutcome, Side};

use super::*;
use crate::appeal::AppealDecision;
use crate::desk::tests::world::{DAY, World, refused};
use crate::hold::Hold;

const KEEP: u64 = 180 * DAY;

fn erase(world: &mut World, case: CaseId) -> Result<bool, DeskError> {
    world.desk.erase(&case, KEEP, world.now, &mut world.rng)
}

#[test]
fn chk224_a_hold_blocks_erasure() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    let hold = Hold {
        id: Number::from_bytes([1; 16]),
        case,
        lift: false,
        request: None,
        statement: "Keep.".into(),
    };
    let signed = world.sign(&hold, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
    world.pass(KEEP + 1);
    assert_eq!(refused(erase(&mut world, case)), Refused::Held);
    let signed = world.sign(&Hold { lift: true, ..hold }, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
    assert!(erase(&mut world, case).unwrap());
    assert_eq!(refused(erase(&mut world, case)), Refused::Erased);
}

#[test]
fn chk225_a_case_is_erased_when_nothing_more_can_happen() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.pass(2 * KEEP);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);
    let decision = world.decide(case).unwrap();
    world.pass(KEEP);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);

    // An appeal is open for longer.
    let mut world = World::new();
    let (case, _) = world.case();
    let other = world.decide(case).unwrap();
    assert_ne!(other, decision);
    let (now, side) = (world.now, Side::Account);
    let appeal = world
        .desk
        .appeal(&other, side, "No.", now, &mut world.rng)
        .unwrap();
    world.pass(KEEP + 1);
    assert_eq!(refused(erase(&mut world, case)), Refused::NotOver);
    let act = AppealDecision {
        appeal,
        outcome: AppealOutcome::Upheld,
        statement: "Yes.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    world
        .desk
        .decide_appeal(&signed, world.now, &mut world.rng)
        .unwrap();
    assert!(erase(&mut world, case).unwrap());
}

#[test]
fn erasure_removes_content_and_personal_data_and_keeps_log_and_digests() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    world.open(&grant, &report).unwrap();
    world.decide(case).unwrap();
    world.pass(KEEP + 1);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let before = world.store.entries(0, 1_000).unwrap();
    assert!(erase(&mut world, case).unwrap());

    assert_eq!(world.store.content(report.as_bytes()).unwrap(), None);
    let view = world.desk.case(&case).unwrap();
    assert_eq!(view.case.account, None);
    assert!(
        view.reports
            .iter()
            .all(|row| row.is_erased && row.reporter.is_none())
    );
    assert!(view.decisions.iter().all(|row| row.signed.is_empty()));
    let after = world.store.entries(0, 1_000).unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(old, new)| old.entry == new.entry)
    );
    assert_eq!(world.kinds().last(), Some(&Kind::ContentErased));
    let everything = format!("{after:?} {view:?}");
    assert!(!everything.contains("mallory") && !everything.contains("ask for a code"));
    // Nothing of it opens or is decided again.
    let terms = world.terms(case, &report, waxseal_log::entry::Purpose::UserReport);
    assert_eq!(refused(world.request(&terms)), Refused::Erased);
    assert_eq!(refused(world.decide(case)), Refused::AlreadyDecided);
    world.is_sound();
}
