use super::*;
use crate::desk::tests::world::{DAY, HOUR, ORIGIN, World, refused};

#[test]
fn a_decision_says_openings_days_and_until_when_to_appeal() {
    let mut world = World::new();
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    world.open(&grant, &report).unwrap();
    world.pass(2 * HOUR);
    world.open(&grant, &report).unwrap();
    world.pass(2 * DAY);
    let leaf = world.decide(case).unwrap();
    assert_eq!(
        world.events().last(),
        Some(&Event::Decision {
            reason: ReasonCode::from_number(2).unwrap(),
            measure: Measure::Suspended,
            openings: 2,
            days: 2,
        })
    );
    let row = world.store.decision(leaf.as_bytes()).unwrap().unwrap();
    assert_eq!(row.appeal_until_ms, world.now.as_millis() + 14 * DAY);
    assert_eq!(world.decided().statement, "The messages ask for a code.");
    world.is_sound();
}

#[test]
fn chk210_a_case_is_decided_once_and_the_slower_officer_gets_a_conflict() {
    let mut world = World::new();
    let (case, _) = world.case();
    let one = world.sign(&world.decision(case), &world.officers.decide);
    let two = world.sign(&world.decision(case), &world.officers.decide_too);
    // Both read the case while it was open: in one process ..
    let mut other = world.other_desk();
    world.desk.decide(&one, world.now, &mut world.rng).unwrap();
    let slower = world.desk.decide(&two, world.now, &mut world.rng);
    assert!(slower.as_ref().is_err_and(DeskError::is_conflict));
    assert_eq!(refused(slower), Refused::AlreadyDecided);
    // .. and in another one, whose log is behind: it reads again and refuses too.
    let slower = other.decide(&two, world.now, &mut world.rng);
    assert!(slower.is_err_and(|error| error.is_conflict()));
    let slower = other.decide(&two, world.now, &mut world.rng);
    assert_eq!(refused(slower), Refused::AlreadyDecided);
    world.is_sound();
}

#[test]
fn chk210_an_act_of_a_clock_that_was_ahead_is_not_used_again_after_a_reversal() {
    let mut world = World::new();
    let (case, _) = world.case();
    let ahead = Timestamp::from_millis(world.now.as_millis() + 200_000);
    let decision = world.decision(case);
    let key = &world.officers.decide;
    let signed = Signed::sign(&decision, ORIGIN, key, ahead).unwrap();
    let (now, rng) = (world.now, &mut world.rng);
    let leaf = world.desk.decide(&signed, now, rng).unwrap();
    let appeal = world
        .desk
        .appeal(&leaf, Side::Account, "No.", now, rng)
        .unwrap();
    let act = crate::appeal::AppealDecision {
        appeal,
        outcome: waxseal_log::entry::AppealOutcome::Reversed,
        statement: "Read again.".into(),
    };
    let reversal = world.sign(&act, &world.officers.appeals);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.decide_appeal(&reversal, now, rng).unwrap();
    let replayed = world.desk.decide(&signed, now, rng);
    assert_eq!(refused(replayed), Refused::AlreadyDecided);
    // The officer signs again.
    let later = Timestamp::from_millis(ahead.as_millis() + 1);
    let key = &world.officers.decide;
    let signed = Signed::sign(&decision, ORIGIN, key, later).unwrap();
    world.desk.decide(&signed, now, &mut world.rng).unwrap();
    world.is_sound();
}

#[test]
fn another_desk_that_was_slower_at_the_log_gets_a_conflict_and_can_go_on() {
    let mut world = World::new();
    let (case, _) = world.case();
    let mut other = world.other_desk();
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    let request = crate::legal::LegalRequest {
        basis: waxseal_log::entry::LegalBasis::Warrant,
        authority: "Court".into(),
        asked: "All".into(),
    };
    world
        .desk
        .legal_request(&request, world.now, &mut world.rng)
        .unwrap();
    let late = other.decide(&signed, world.now, &mut world.rng);
    assert!(late.is_err_and(|error| error.is_conflict()));
    other.decide(&signed, world.now, &mut world.rng).unwrap();
    world.reopen();
    world.is_sound();
}

#[test]
fn chk211_a_decision_is_by_the_policy_in_force() {
    let mut world = World::new();
    let (case, _) = world.case();
    let signed = world.sign(&world.decision(case), &world.officers.decide);
    let mut terms = world.policy.terms().clone();
    terms.version = 2;
    let policy = crate::policy::Policy::new(terms).unwrap();
    world.publish(&policy).unwrap();
    let refusal = refused(world.desk.decide(&signed, world.now, &mut world.rng));
    assert_eq!(refusal, Refused::OtherPolicy);
    world.policy = policy;
    world.decide(case).unwrap();
    world.is_sound();
}

#[test]
fn a_decision_needs_a_rule_and_reasons() {
    let world = World::new();
    let decision = world.decision(CaseId::from_bytes([1; 16]));
    assert_eq!(Decision::decode(&decision.encode()), Some(decision.clone()));
    for (rule, statement) in [("", "why"), ("2.1", "")] {
        let empty = Decision {
            rule: rule.into(),
            statement: statement.into(),
            ..decision.clone()
        };
        assert_eq!(Decision::decode(&empty.encode()), None);
    }
    let longest = Decision {
        rule: "r".repeat(MAX_RULE_LEN),
        statement: "s".repeat(MAX_STATEMENT_LEN),
        ..decision.clone()
    };
    assert!(Decision::decode(&longest.encode()).is_some());
    let longer = Decision {
        statement: "s".repeat(MAX_STATEMENT_LEN + 1),
        ..longest
    };
    assert_eq!(Decision::decode(&longer.encode()), None);
}
