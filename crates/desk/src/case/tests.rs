use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Reason;

use super::*;
use crate::desk::tests::world::{HOUR, World, refused};
use crate::sorting::Sorting;
use crate::store::{Assigned, Order, Query};

fn assign(world: &mut World, case: CaseId, to: OfficerId, hours: u64) -> Result<(), DeskError> {
    let assignment = Assignment {
        case,
        officer: to,
        until: Timestamp::from_millis(world.now.as_millis() + hours * HOUR),
    };
    let signed = world.sign(&assignment, &world.officers.ask);
    world.desk.assign(&signed, world.now)
}

#[test]
fn reports_about_one_account_are_one_case_until_it_is_decided() {
    let mut world = World::new();
    let (case, _) = world.case();
    let reports = [
        ("carol", Reason::Csam),
        ("bob", Reason::Spam),
        ("dave", Reason::Hate),
    ];
    for (reporter, reason) in reports {
        let reported = world.reported("mallory", reporter, reason);
        let id = world.take_in(&reported).unwrap();
        assert_eq!(world.sort(&id).unwrap(), Sorting::Case(case));
    }
    let other = world.reported("oscar", "bob", Reason::Spam);
    let other = world.take_in(&other).unwrap();
    assert_ne!(world.sort(&other).unwrap(), Sorting::Case(case));

    let view = world.desk.case(&case).unwrap();
    assert_eq!(view.reports.len(), 4);
    assert_eq!((view.case.reports, view.case.reporters), (4, 3));
    assert_eq!(
        (view.case.reason, view.case.severity),
        (Reason::Csam.number(), 4)
    );
    assert_eq!(view.case.account.as_deref(), Some("mallory"));
    assert_eq!(world.desk.messages_of(&other).unwrap(), 2);
    let unknown = ReportId::from_bytes([9; 16]);
    assert_eq!(refused(world.desk.messages_of(&unknown)), Refused::NoReport);

    world.decide(case).unwrap();
    let later = world.reported("mallory", "erin", Reason::Scam);
    let later = world.take_in(&later).unwrap();
    assert_ne!(world.sort(&later).unwrap(), Sorting::Case(case));
    world.is_sound();
}

#[test]
fn chk209_a_case_is_assigned_to_one_officer_at_a_time() {
    let mut world = World::new();
    let (case, _) = world.case();
    let (one, two) = (world.officers.decide.id(), world.officers.decide_too.id());
    for hours in [0, 14 * 24 + 1] {
        assert_eq!(
            refused(assign(&mut world, case, one, hours)),
            Refused::Assignment
        );
    }
    let outsider = OfficerId::from_bytes([5; 32]);
    assert_eq!(
        refused(assign(&mut world, case, outsider, 1)),
        Refused::Assignment
    );

    assign(&mut world, case, one, 2).unwrap();
    let query = Query {
        assigned: Some(Assigned::To(*one.as_bytes())),
        ..Query::open(Order::Age, world.now.as_millis(), 10)
    };
    assert_eq!(world.store.queue(&query).unwrap().cases.len(), 1);
    // Another officer neither takes it over nor decides it.
    assert_eq!(
        refused(assign(&mut world, case, two, 1)),
        Refused::AssignedToOther
    );
    let signed = world.sign(&world.decision(case), &world.officers.decide_too);
    let refusal = refused(world.desk.decide(&signed, world.now, &mut world.rng));
    assert_eq!(refusal, Refused::AssignedToOther);

    world.pass(2 * HOUR);
    assign(&mut world, case, two, 1).unwrap();
    let signed = world.sign(&world.decision(case), &world.officers.decide_too);
    world
        .desk
        .decide(&signed, world.now, &mut world.rng)
        .unwrap();
    assert_eq!(
        refused(assign(&mut world, case, two, 1)),
        Refused::AlreadyDecided
    );
    world.is_sound();
}

#[test]
fn danger_to_children_and_to_life_comes_first() {
    let severity = |reason: Reason| severity(ReasonCode::from_number(reason.number()).unwrap());
    assert_eq!(severity(Reason::Csam), 4);
    assert_eq!(severity(Reason::Threat), 3);
    assert_eq!(severity(Reason::Scam), 2);
    assert_eq!(severity(Reason::Spam), 1);
    assert_eq!(severity(Reason::Other), 1);
}

#[test]
fn an_officer_whom_a_newer_policy_removed_assigns_nothing_at_a_desk_that_is_behind() {
    let mut world = World::new();
    let (case, _) = world.case();
    let mut behind = world.other_desk();
    let mut terms = world.policy.terms().clone();
    terms.version = 2;
    terms
        .officers
        .retain(|officer| officer.id != world.officers.ask.id());
    world
        .publish(&crate::policy::Policy::new(terms).unwrap())
        .unwrap();
    let assignment = Assignment {
        case,
        officer: world.officers.decide.id(),
        until: Timestamp::from_millis(world.now.as_millis() + HOUR),
    };
    let signed = world.sign(&assignment, &world.officers.ask);
    let late = behind.assign(&signed, world.now);
    assert!(late.is_err_and(|error| error.is_conflict()));
    let refusal = refused(behind.assign(&signed, world.now));
    assert_eq!(
        refusal,
        Refused::Act(crate::officer::ActError::OtherOfficer)
    );
}

/// Adds 999 copies of a row to its case.
fn add_copies<R: Clone + Into<crate::store::Row>>(
    world: &World,
    row: &R,
    rename: impl Fn(&mut R, [u8; 4]),
) {
    let copy = |n: u32| {
        let mut row = row.clone();
        rename(&mut row, n.to_le_bytes());
        Change::add(row)
    };
    let copies: Vec<_> = (1..1_000).map(copy).collect();
    world.store.tamper(&copies);
}

#[test]
fn a_case_has_at_most_a_thousand_grants_decisions_appeals_and_holds() {
    let mut world = World::new();
    let (case, report) = world.case();
    let hold = |id: [u8; 2]| crate::hold::Hold {
        id: Number::from_bytes([&id[..], &[7; 14]].concat().try_into().unwrap()),
        case,
        lift: false,
        request: None,
        statement: "Keep.".into(),
    };
    let place = |world: &mut World, id| {
        let signed = world.sign(&hold(id), &world.officers.decide);
        world.desk.hold(&signed, world.now, &mut world.rng)
    };
    world.grant(case, &report);
    place(&mut world, [255, 255]).unwrap();
    let decision = world.decide(case).unwrap();
    let view = world.desk.case(&case).unwrap();
    add_copies(&world, &view.grants[0], |row, n| {
        row.id[..4].copy_from_slice(&n);
        row.digest[..4].copy_from_slice(&n);
    });
    add_copies(&world, &view.holds[0], |row, n| {
        row.id[..4].copy_from_slice(&n)
    });

    let terms = world.terms(case, &report, waxseal_log::entry::Purpose::UserReport);
    assert_eq!(refused(world.request(&terms)), Refused::GrantState);
    assert_eq!(refused(place(&mut world, [255, 254])), Refused::Hold);

    let (now, side) = (world.now, waxseal_log::entry::Side::Account);
    let desk = &mut world.desk;
    desk.appeal(&decision, side, "No.", now, &mut world.rng)
        .unwrap();
    let appeal = world.desk.case(&case).unwrap().appeals.remove(0);
    add_copies(&world, &appeal, |row, n| {
        row.leaf_hash[..4].copy_from_slice(&n);
        row.decision = [1; 32];
    });
    let side = waxseal_log::entry::Side::Reporter;
    let appeal = world
        .desk
        .appeal(&decision, side, "No.", now, &mut world.rng);
    assert_eq!(refused(appeal), Refused::TooLong);
    add_copies(&world, &view.decisions[0], |row, n| {
        row.leaf_hash[..4].copy_from_slice(&n)
    });
    assert_eq!(refused(world.decide(case)), Refused::TooLong);
}
