use waxseal_log::entry::Kind;

use super::*;
use crate::desk::tests::world::{World, refused};

fn hold(world: &mut World, id: u8, case: CaseId, lift: bool) -> Result<(), DeskError> {
    let act = Hold {
        id: Number::from_bytes([id; 16]),
        case,
        lift,
        request: None,
        statement: "Preservation for one year.".into(),
    };
    let signed = world.sign(&act, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng)
}

#[test]
fn chk223_a_hold_is_placed_once_and_lifted_once() {
    let mut world = World::new();
    let (case, _) = world.case();
    let held = |world: &World| world.store.case(case.as_bytes()).unwrap().unwrap().is_held;
    assert_eq!(refused(hold(&mut world, 1, case, true)), Refused::Hold);
    hold(&mut world, 1, case, false).unwrap();
    assert_eq!(refused(hold(&mut world, 1, case, false)), Refused::Hold);
    hold(&mut world, 2, case, false).unwrap();
    hold(&mut world, 1, case, true).unwrap();
    assert_eq!(refused(hold(&mut world, 1, case, true)), Refused::Hold);
    assert!(held(&world));
    // A hold is lifted on its own case only.
    let other = world.reported("oscar", "bob", waxseal_reporting::reporter::Reason::Spam);
    let other = world.take_in(&other).unwrap();
    let crate::sorting::Sorting::Case(other) = world.sort(&other).unwrap() else {
        panic!("not sorted");
    };
    assert_eq!(refused(hold(&mut world, 2, other, true)), Refused::Hold);
    hold(&mut world, 2, case, true).unwrap();
    assert!(!held(&world));
    let lifted = world
        .kinds()
        .into_iter()
        .filter(|kind| *kind == Kind::HoldLifted)
        .count();
    assert_eq!(lifted, 2);
    world.is_sound();
}

#[test]
fn chk223_a_hold_has_no_number_of_a_case_or_of_a_report_whose_leaf_waits() {
    let mut world = World::new();
    let (case, report) = world.case();
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    assert!(world.store.entries_with(&row.number, 1).unwrap().is_empty());
    for number in [*case.as_bytes(), row.number] {
        let act = Hold {
            id: Number::from_bytes(number),
            case,
            lift: false,
            request: None,
            statement: "Keep.".into(),
        };
        let signed = world.sign(&act, &world.officers.decide);
        let (now, rng) = (world.now, &mut world.rng);
        assert_eq!(refused(world.desk.hold(&signed, now, rng)), Refused::Hold);
    }
}

#[test]
fn a_hold_names_a_case_and_a_request_that_are_there() {
    let mut world = World::new();
    let unknown = CaseId::from_bytes([1; 16]);
    assert_eq!(
        refused(hold(&mut world, 1, unknown, false)),
        Refused::NoCase
    );
    let (case, _) = world.case();
    let act = Hold {
        id: Number::from_bytes([1; 16]),
        case,
        lift: false,
        request: Some(Number::from_bytes([2; 16])),
        statement: String::new(),
    };
    assert_eq!(Hold::decode(&act.encode()), Some(act.clone()));
    let signed = world.sign(&act, &world.officers.decide);
    let refusal = world.desk.hold(&signed, world.now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::NoRequest);
}
