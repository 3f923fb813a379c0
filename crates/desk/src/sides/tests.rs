use super::*;
use crate::desk::tests::world::{World, refused};
use crate::ids::CaseId;
use crate::sorting::Sorting;
use crate::store::{Change, Key};

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn told(world: &World, decision: &TreeHash, side: Side) -> Vec<(String, Option<ReportId>)> {
    let (told, next) = world.desk.told_of(decision, side, None, 9).unwrap();
    assert_eq!(next, None);
    let told = told.into_iter();
    told.map(|told| (told.account, told.report)).collect()
}

/// A decided case with its report, the reporter and the reported account.
fn decided(world: &mut World) -> (CaseId, ReportId, TreeHash) {
    let (case, report) = world.case();
    let decision = world.decide(case).unwrap();
    (case, report, decision)
}

#[test]
fn chk627_a_party_is_on_the_side_that_it_says() {
    let mut world = World::new();
    let (_, report, decision) = decided(&mut world);
    let other = world.reported("mallory", "eve", waxseal_reporting::reporter::Reason::Spam);
    let other = world.take_in(&other).unwrap();
    world.sort(&other).unwrap();
    let [(reported, None)] = &told(&world, &decision, Side::Account)[..] else {
        panic!("one account is told")
    };
    let [(reporter, Some(of))] = &told(&world, &decision, Side::Reporter)[..] else {
        panic!("one reporter is told")
    };
    assert_eq!(*of, report);
    let (reported, reporter) = (account(reported), account(reporter));
    let is = |party: Party<'_>| world.desk.is_party(&decision, &party).unwrap();
    assert!(is(Party::Account(&reported)));
    assert!(is(Party::Reporter(&report, &reporter)));
    assert!(!is(Party::Account(&reporter)));
    assert!(!is(Party::Account(&account("eve"))));
    assert!(!is(Party::Reporter(&report, &reported)));
    assert!(!is(Party::Reporter(&report, &account("eve"))));
    // A report of another case, by the account that made it.
    assert!(!is(Party::Reporter(&other, &account("eve"))));
    assert!(!is(Party::Reporter(
        &ReportId::from_bytes([9; 16]),
        &reporter
    )));
    let unknown = TreeHash::from_bytes([1; 32]);
    let party = Party::Account(&reported);
    assert_eq!(
        refused(world.desk.is_party(&unknown, &party)),
        Refused::NoDecision
    );
    assert_eq!(
        refused(world.desk.told_of(&unknown, Side::Account, None, 9)),
        Refused::NoDecision
    );
}

#[test]
fn once_a_case_is_erased_no_one_is_a_party() {
    let mut world = World::new();
    let (case, report, decision) = decided(&mut world);
    let reported = account(&told(&world, &decision, Side::Account)[0].0);
    let reporter = account(&told(&world, &decision, Side::Reporter)[0].0);
    world.pass(1_000 * 86_400_000);
    assert!(
        world
            .desk
            .erase(&case, 0, world.now, &mut world.rng)
            .unwrap()
    );
    let is = |party: Party<'_>| world.desk.is_party(&decision, &party).unwrap();
    assert!(!is(Party::Account(&reported)));
    assert!(!is(Party::Reporter(&report, &reporter)));
    assert_eq!(told(&world, &decision, Side::Account), []);
    assert_eq!(told(&world, &decision, Side::Reporter), []);
}

#[test]
fn the_reporters_of_a_case_are_told_in_parts() {
    let mut world = World::new();
    let reason = waxseal_reporting::reporter::Reason::Spam;
    let mut cases = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let report = world.reported("mallory", name, reason);
        let report = world.take_in(&report).unwrap();
        let Sorting::Case(case) = world.sort(&report).unwrap() else {
            panic!("not sorted");
        };
        cases.push(case);
        world.pass(1);
    }
    let decision = world.decide(cases[0]).unwrap();
    let part = |after: Option<&ReportId>| {
        let part = world.desk.told_of(&decision, Side::Reporter, after, 2);
        let (told, next) = part.unwrap();
        let names: Vec<_> = told.into_iter().map(|told| told.account).collect();
        (names.concat(), next)
    };
    // The content of reports is not read for it.
    for name in ["a", "b"] {
        let told = world
            .desk
            .told_of(&decision, Side::Reporter, None, 9)
            .unwrap()
            .0;
        let report = told.into_iter().find(|told| told.account == name).unwrap();
        let id = *report.report.unwrap().as_bytes();
        world.store.tamper(&[Change::Remove(Key::Content(id))]);
    }
    let (names, next) = part(None);
    assert_eq!(names, "ab");
    let (names, next) = part(next.as_ref());
    assert_eq!(names, "cd");
    assert_eq!(part(next.as_ref()), ("e".to_owned(), None));
    let unknown = ReportId::from_bytes([9; 16]);
    let unknown = world
        .desk
        .told_of(&decision, Side::Reporter, Some(&unknown), 2);
    assert_eq!(refused(unknown), Refused::NoReport);
}
