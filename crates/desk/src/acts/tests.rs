use crate::case::Assignment;
use crate::desk::tests::world::{DAY, HOUR, ORIGIN, World, refused};
use crate::error::Refused;
use crate::officer::{ActError, OfficerKey, Signed};
use crate::store::Store;

use super::*;

#[test]
fn chk206_an_act_needs_an_officer_of_the_policy_with_the_role() {
    let mut world = World::new();
    let (case, _) = world.case();
    let assignment = Assignment {
        case,
        officer: world.officers.decide.id(),
        until: Timestamp::from_millis(world.now.as_millis() + HOUR),
    };
    let outsider = OfficerKey::generate(&mut world.rng);
    // The officer who decides may not ask.
    for key in [&outsider, &world.officers.decide] {
        let signed = Signed::sign(&assignment, ORIGIN, key, world.now).unwrap();
        let refusal = refused(world.desk.assign(&signed, world.now));
        assert_eq!(refusal, Refused::Act(ActError::OtherOfficer));
    }
    // Signed for another log.
    let key = &world.officers.ask;
    let signed = Signed::sign(&assignment, "other.example/log", key, world.now).unwrap();
    let refusal = refused(world.desk.assign(&signed, world.now));
    assert_eq!(refusal, Refused::Act(ActError::NotSigned));
    assert_eq!(
        world.store.case(case.as_bytes()).unwrap().unwrap().officer,
        None
    );

    let signed = world.sign(&assignment, &world.officers.ask);
    world.desk.assign(&signed, world.now).unwrap();
    world.is_sound();
}

#[test]
fn chk207_an_act_is_at_most_a_day_old_and_five_minutes_ahead() {
    let mut world = World::new();
    let (case, _) = world.case();
    let now = world.now.as_millis();
    let until = Timestamp::from_millis(now + HOUR);
    let assign = |world: &mut World, at: u64| {
        let officer = world.officers.decide.id();
        let assignment = Assignment {
            case,
            officer,
            until,
        };
        let at = Timestamp::from_millis(at);
        let signed = Signed::sign(&assignment, ORIGIN, &world.officers.ask, at).unwrap();
        world.desk.assign(&signed, world.now)
    };
    for at in [now + MAX_ACT_AHEAD_MS + 1, now - DAY - 1] {
        assert_eq!(refused(assign(&mut world, at)), Refused::ActTime);
    }
    assign(&mut world, now + MAX_ACT_AHEAD_MS).unwrap();
}

#[test]
fn without_a_policy_no_one_acts() {
    let mut world = World::new();
    let (case, _) = world.case();
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    world.desk.policy = None;
    let refusal = refused(world.desk.decide(&signed, world.now, &mut world.rng));
    assert_eq!(refusal, Refused::NoPolicy);
}
