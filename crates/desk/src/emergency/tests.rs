use waxseal_log::entry::{Kind, Purpose};

use super::*;
use crate::desk::tests::world::{HOUR, World, refused};
use crate::officer::OfficerKey;
use crate::policy::{Policy, Roles};

fn review(world: &mut World, grant: [u8; 32], key: &OfficerKey) -> Result<(), DeskError> {
    let review = EmergencyReview {
        grant: GrantDigest::from_bytes(grant),
        outcome: ReviewOutcome::Justified,
        statement: "A life was in danger.".into(),
    };
    let signed = world.sign(&review, key);
    world
        .desk
        .review_emergency(&signed, world.now, &mut world.rng)
}

#[test]
fn chk217_an_emergency_is_reviewed_once_by_another_officer() {
    let mut world = World::new();
    // The officer who asks may review too, but not the own grant.
    let mut terms = world.policy.terms().clone();
    terms.version = 2;
    for officer in &mut terms.officers {
        if officer.id == world.officers.ask.id() {
            officer.roles = officer.roles.and(Roles::REVIEW);
        }
    }
    world.policy = Policy::new(terms).unwrap();
    world.publish(&world.policy.clone()).unwrap();
    world.complete().unwrap();

    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Emergency);
    let id = world.request(&terms).unwrap();
    world.open(&id, &report).unwrap();
    let digest = world.store.grant(id.as_bytes()).unwrap().unwrap().digest;
    let (ask, other) = (world.officers.ask.clone(), world.officers.review.clone());
    assert_eq!(
        refused(review(&mut world, digest, &ask)),
        Refused::SameOfficer
    );
    review(&mut world, digest, &other).unwrap();
    assert_eq!(world.kinds().last(), Some(&Kind::EmergencyReviewed));
    assert_eq!(refused(review(&mut world, digest, &other)), Refused::Review);
    assert_eq!(
        refused(review(&mut world, [1; 32], &other)),
        Refused::NoGrant
    );

    let ordinary = world.grant(case, &report);
    let ordinary = world.store.grant(ordinary.as_bytes()).unwrap().unwrap();
    assert_eq!(
        refused(review(&mut world, ordinary.digest, &other)),
        Refused::Review
    );
    world.is_sound();
}

#[test]
fn an_overdue_review_is_logged_once_and_can_still_be_made() {
    let mut world = World::new();
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Emergency);
    let id = world.request(&terms).unwrap();
    world.pass(23 * HOUR);
    assert_eq!(
        world
            .desk
            .upkeep(world.now, &mut world.rng)
            .unwrap()
            .overdue,
        0
    );
    world.pass(HOUR);
    assert_eq!(
        world
            .desk
            .upkeep(world.now, &mut world.rng)
            .unwrap()
            .overdue,
        1
    );
    assert_eq!(world.kinds().last(), Some(&Kind::EmergencyOverdue));
    assert_eq!(
        world
            .desk
            .upkeep(world.now, &mut world.rng)
            .unwrap()
            .overdue,
        0
    );
    let digest = world.store.grant(id.as_bytes()).unwrap().unwrap().digest;
    let key = world.officers.review.clone();
    review(&mut world, digest, &key).unwrap();
    world.is_sound();
}

#[test]
fn an_emergency_grant_that_was_never_in_force_needs_no_review() {
    let mut world = World::new();
    let (case, report) = world.case();
    let mut terms = world.terms(case, &report, Purpose::Emergency);
    terms.approver = Some(world.officers.approve.id());
    world.request(&terms).unwrap();
    let denied = terms.clone();
    terms.id = crate::ids::GrantId::from_bytes([2; 16]);
    world.request(&terms).unwrap();
    let denial = crate::grant::GrantDenial {
        grant: crate::grant::Grant::new(denied).unwrap().digest(),
        reason: "No emergency.".into(),
    };
    let signed = world.sign(&denial, &world.officers.approve);
    world
        .desk
        .deny_grant(&signed, world.now, &mut world.rng)
        .unwrap();
    world.pass(25 * HOUR);
    let upkeep = world.desk.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!((upkeep.expired, upkeep.overdue), (1, 0));
    world.is_sound();
}
