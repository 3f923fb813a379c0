use crate::desk::MAX_AHEAD;
use crate::desk::tests::fill;
use crate::desk::tests::world::{DAY, HOUR, World};

#[test]
fn upkeep_does_what_is_due_and_then_has_nothing_to_do() {
    let mut world = World::new();
    let (case, report) = world.case();
    world.grant(case, &report);
    world.pass(DAY);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!((upkeep.appended, upkeep.expired), (1, 1));
    assert!(upkeep.to_cosign.is_some() && !upkeep.leaves_wait);
    assert_eq!(upkeep.not_shown, []);
    world.complete().unwrap();
    world.pass(HOUR);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!((upkeep.appended, upkeep.expired, upkeep.overdue), (0, 0, 0));
    assert!(upkeep.to_cosign.is_none());
    world.is_sound();
}

#[test]
fn upkeep_shows_what_was_logged_and_not_shown() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    let (now, desk) = (world.now, &mut world.desk);
    let opening = desk.begin_opening(&grant, &report, &mut world.vault, now, &mut world.rng);
    let row = opening.unwrap().row().clone();
    world.reopen();
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!(upkeep.not_shown, [row]);
    // The officer begins another opening.
    world.witness().unwrap();
    world.open(&grant, &report).unwrap();
    world.is_sound();
}

#[test]
fn upkeep_signs_a_checkpoint_although_the_vault_has_to_follow_before_grants_expire() {
    let mut world = World::new();
    let (case, report) = world.case();
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.grant(case, &report);
    let size = world.desk.log_size();
    fill(&mut world, MAX_AHEAD + 1 - size);
    world.pass(13 * HOUR);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.to_cosign.is_some());
    assert_eq!((upkeep.expired, upkeep.leaves_wait), (0, false));
    world.complete().unwrap();
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!(upkeep.expired, 1);
}
