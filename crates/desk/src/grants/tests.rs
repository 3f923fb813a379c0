use waxseal_log::entry::Kind;

use super::*;
use crate::desk::tests::world::{HOUR, World, refused};
use crate::grant::GrantTerms;
use crate::officer::OfficerKey;

fn deny(world: &mut World, terms: &GrantTerms, key: &OfficerKey) -> Result<(), DeskError> {
    let denial = GrantDenial {
        grant: Grant::new(terms.clone()).unwrap().digest(),
        reason: "Not needed.".into(),
    };
    let signed = world.sign(&denial, key);
    world.desk.deny_grant(&signed, world.now, &mut world.rng)
}

fn approve(world: &mut World, terms: &GrantTerms, key: &OfficerKey) -> Result<(), DeskError> {
    let signature = Grant::new(terms.clone()).unwrap().sign_as_approver(key);
    world
        .desk
        .approve_grant(&terms.id, &signature, world.now, &mut world.rng)
}

#[test]
fn chk212_a_grant_is_within_the_policy_and_signed_by_its_requester() {
    let mut world = World::new();
    let (case, report) = world.case();
    let purposes = [Purpose::UserReport, Purpose::Identify];
    for purpose in purposes {
        let terms = world.terms(case, &report, purpose);
        let grant = Grant::new(terms.clone()).unwrap();
        let signature = grant.sign_as_requester(&world.officers.decide);
        let refusal = world
            .desk
            .request_grant(&grant, &signature, world.now, &mut world.rng);
        assert_eq!(refused(refusal), Refused::Grant(GrantError::NotSigned));

        let expired = GrantTerms {
            requested: Timestamp::from_millis(world.now.as_millis() - 2),
            expires: world.now,
            ..terms.clone()
        };
        let refusal = refused(world.request(&expired));
        assert_eq!(refusal, Refused::Grant(GrantError::Expired));
        let ahead = GrantTerms {
            requested: Timestamp::from_millis(world.now.as_millis() + MAX_ACT_AHEAD_MS + 1),
            ..terms.clone()
        };
        assert_eq!(
            refused(world.request(&ahead)),
            Refused::Grant(GrantError::NotYet)
        );
        let longer = GrantTerms {
            expires: Timestamp::from_millis(world.now.as_millis() + 48 * HOUR + 1),
            ..terms
        };
        let refusal = refused(world.request(&longer));
        assert_eq!(refusal, Refused::Grant(GrantError::BeyondPolicy));
    }
    let mut alone = world.terms(case, &report, Purpose::Identify);
    alone.approver = None;
    let refusal = refused(world.request(&alone));
    assert_eq!(refusal, Refused::Grant(GrantError::ApproverMissing));
    assert!(!world.kinds().contains(&Kind::GrantRequested));
}

#[test]
fn chk213_a_grant_is_new_and_for_reports_of_its_case() {
    let mut world = World::new();
    let (case, report) = world.case();
    let other = world.reported("oscar", "bob", waxseal_reporting::reporter::Reason::Spam);
    let other = world.take_in(&other).unwrap();
    world.sort(&other).unwrap();
    let foreign = world.terms(case, &other, Purpose::UserReport);
    assert_eq!(refused(world.request(&foreign)), Refused::NotOfCase);
    let unknown = world.terms(
        crate::ids::CaseId::from_bytes([1; 16]),
        &report,
        Purpose::Appeal,
    );
    assert_eq!(refused(world.request(&unknown)), Refused::NoCase);
    let terms = world.terms(case, &report, Purpose::UserReport);
    world.request(&terms).unwrap();
    assert_eq!(refused(world.request(&terms)), Refused::GrantState);
    // The number of its report or its case joins no entries of a grant.
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    for number in [row.number, *case.as_bytes()] {
        let mut terms = world.terms(case, &report, Purpose::UserReport);
        terms.id = GrantId::from_bytes(number);
        assert_eq!(refused(world.request(&terms)), Refused::GrantState);
    }
    world.is_sound();
}

#[test]
fn chk214_the_officer_that_the_grant_names_approves_it() {
    let mut world = World::new();
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Identify);
    world.request(&terms).unwrap();
    let row = world.store.grant(terms.id.as_bytes()).unwrap().unwrap();
    assert_eq!(row.state, GrantState::Requested);
    let other = OfficerKey::generate(&mut world.rng);
    let refusal = refused(approve(&mut world, &terms, &other));
    assert_eq!(refusal, Refused::Grant(GrantError::NotSigned));
    let key = world.officers.approve.clone();
    approve(&mut world, &terms, &key).unwrap();
    assert_eq!(world.kinds().last(), Some(&Kind::GrantApproved));
    world.open(&terms.id, &report).unwrap();
    world.is_sound();

    let late = world.terms(case, &report, Purpose::Identify);
    world.request(&late).unwrap();
    world.pass(12 * HOUR);
    let refusal = refused(approve(&mut world, &late, &key));
    assert_eq!(refusal, Refused::Grant(GrantError::Expired));
}

#[test]
fn chk215_a_grant_is_approved_or_denied_once() {
    let mut world = World::new();
    let (case, report) = world.case();
    let key = world.officers.approve.clone();
    let terms = world.terms(case, &report, Purpose::LegalRequest);
    world.request(&terms).unwrap();
    deny(&mut world, &terms, &key).unwrap();
    assert_eq!(world.kinds().last(), Some(&Kind::GrantDenied));
    assert_eq!(
        refused(deny(&mut world, &terms, &key)),
        Refused::GrantDecided
    );
    let refusal = approve(&mut world, &terms, &key);
    assert!(refusal.as_ref().is_err_and(DeskError::is_conflict));
    assert_eq!(refused(refusal), Refused::GrantDecided);
    let unknown = world.terms(case, &report, Purpose::LegalRequest);
    assert_eq!(refused(deny(&mut world, &unknown, &key)), Refused::NoGrant);
    assert_eq!(
        refused(approve(&mut world, &unknown, &key)),
        Refused::NoGrant
    );
    // One that needs no approval is in force already.
    let alone = world.terms(case, &report, Purpose::UserReport);
    world.request(&alone).unwrap();
    assert_eq!(
        refused(deny(&mut world, &alone, &key)),
        Refused::GrantDecided
    );
    world.is_sound();
}
