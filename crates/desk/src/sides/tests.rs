use super::*;
use crate::desk::tests::world::{World, refused};
use crate::ids::CaseId;

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn told(world: &World, decision: &TreeHash, side: Side) -> Vec<(String, Option<ReportId>)> {
    let told = world.desk.told_of(decision, side).unwrap();
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
        refused(world.desk.told_of(&unknown, Side::Account)),
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
