mod entries;
mod erased;
mod everything;
mod exports;
mod insider;
mod tamper;

use super::*;
use crate::acts::name;
use crate::case::Assignment;
use crate::desk::tests::world::{DAY, HOUR, World};
use crate::officer::{OfficerKey, Signed};
use crate::store::{Change, HoldRow, Key, MetaRow, Row};
use waxseal_log::entry::{LegalOutcome, Purpose, Side};
use waxseal_reporting::Timestamp;

/// A case with everything, which the audit finds sound.
fn whole() -> (World, crate::ids::CaseId) {
    let mut world = World::new();
    let (case, report) = world.case();
    let assignment = Assignment {
        case,
        officer: world.officers.decide.id(),
        until: Timestamp::from_millis(world.now.as_millis() + HOUR),
    };
    let signed = world.sign(&assignment, &world.officers.ask);
    world.desk.assign(&signed, world.now).unwrap();
    let terms = world.terms(case, &report, Purpose::UserReport);
    let grant = world.request(&terms).unwrap();
    world.open(&grant, &report).unwrap();
    let decision = world.decide(case).unwrap();
    world
        .desk
        .notice_sent(&decision, Side::Account, world.now, &mut world.rng)
        .unwrap();
    let (now, side) = (world.now, Side::Account);
    world
        .desk
        .appeal(&decision, side, "No.", now, &mut world.rng)
        .unwrap();
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.complete().unwrap();
    world.is_sound();
    (world, case)
}

fn findings(world: &World) -> Vec<Finding> {
    world.desk.audit().unwrap().findings
}

fn swap<R: Into<Row>>(world: &World, old: R, new: R) {
    world.store.tamper(&[Change::swap(old, new)]);
}

#[test]
fn chk226_an_entry_without_a_row_is_found() {
    // A thief of the log's key logs an opening that never was.
    let (mut world, _) = whole();
    let mut batch = world.desk.begin(world.now);
    let detail = waxseal_log::entry::Detail::new(vec![1; 98], &mut world.rng).unwrap();
    let event = Event::ContentOpened {
        purpose: Purpose::UserReport,
        mark: waxseal_log::entry::Mark::from_bytes([1; 16]),
    };
    batch.log(
        waxseal_log::entry::Number::from_bytes([1; 16]),
        event,
        detail,
    );
    world.desk.commit(batch).unwrap();
    let index = world.desk.log_size() - 1;
    assert_eq!(findings(&world), [Finding::WithoutRow { index }]);

    // A thief of the store changes what a row says.
    let (world, case) = whole();
    let decisions = world.store.decisions(case.as_bytes(), 9).unwrap();
    let mut milder = decisions[0].clone();
    milder.measure = 1;
    let index = milder.log_index;
    swap(&world, decisions[0].clone(), milder);
    assert!(findings(&world).contains(&Finding::WithoutRow { index }));
}

#[test]
fn chk226_a_row_that_says_another_thing_than_its_entry_is_found() {
    // The text of an appeal.
    let (world, case) = whole();
    let list = crate::store::AppealList::OfCase(*case.as_bytes());
    let old = world.store.appeals(&list, None, 9).unwrap().remove(0);
    let mut new = old.clone();
    new.text = Some("I admit it.".into());
    let index = old.log_index;
    swap(&world, old, new);
    assert_eq!(findings(&world), [Finding::WithoutRow { index }]);

    // The officer who looked, and the report that was looked at.
    let (world, case) = whole();
    let list = crate::store::OpeningList::OfCase(*case.as_bytes());
    let old = world.store.openings(&list, None, 9).unwrap().remove(0);
    let index = old.log_index;
    let mut by_other = old.clone();
    by_other.officer = *world.officers.decide.id().as_bytes();
    let mut of_other = old.clone();
    of_other.report_digest = [1; 32];
    for new in [by_other, of_other] {
        swap(&world, old.clone(), new.clone());
        assert!(findings(&world).contains(&Finding::WithoutRow { index }));
        swap(&world, new, old.clone());
    }

    // The reason of a report, and the account of a case.
    let report = world.desk.case(&case).unwrap().reports.remove(0);
    let mut new = report.clone();
    new.reason = Some(1);
    swap(&world, report.clone(), new.clone());
    assert!(matches!(findings(&world)[..], [Finding::WithoutRow { .. }]));
    swap(&world, new, report);
    let old = world.store.case(case.as_bytes()).unwrap().unwrap();
    let mut new = old.clone();
    new.account = Some("oscar".into());
    swap(&world, old, new);
    let found = Finding::NotSigned {
        table: "decision",
        id: *case.as_bytes(),
    };
    assert!(findings(&world).contains(&found));
}

#[test]
fn chk227_a_row_without_an_entry_is_found() {
    let (world, case) = whole();
    let hold = HoldRow {
        id: [3; 16],
        number: [3; 16],
        case_id: *case.as_bytes(),
        legal_id: None,
        statement: "Invented.".into(),
        officer: *world.officers.decide.id().as_bytes(),
        placed_at_ms: 1,
        lifted_at_ms: Some(2),
    };
    world.store.tamper(&[Change::add(hold)]);
    let found = Finding::WithoutEntry {
        table: "hold",
        id: [3; 16],
    };
    assert_eq!(findings(&world), [found]);

    // A report that was taken in, and whose promise was never kept.
    let mut world = World::new();
    let (_, report) = world.case();
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    let leaf = super::entries::promised(&row).unwrap();
    world
        .store
        .tamper(&[Change::Remove(Key::Pending(*leaf.as_bytes()))]);
    let found = Finding::WithoutEntry {
        table: "report",
        id: *report.as_bytes(),
    };
    assert_eq!(findings(&world), [found]);
}

#[test]
fn chk228_an_act_without_the_signature_of_an_officer_is_found() {
    let (mut world, case) = whole();
    let thief = OfficerKey::generate(&mut world.rng);
    // The thief of the store signs the decision.
    let old = world.store.decisions(case.as_bytes(), 9).unwrap().remove(0);
    let mut new = old.clone();
    new.signed = world.sign(&world.decision(case), &thief).encode();
    swap(&world, old.clone(), new.clone());
    let found = |table| Finding::NotSigned {
        table,
        id: *case.as_bytes(),
    };
    assert_eq!(findings(&world), [found("decision")]);
    swap(&world, new, old.clone());

    // The officer signed another decision.
    let mut other = world.decision(case);
    other.statement = "Another one.".into();
    let mut new = old.clone();
    new.signed = world.sign(&other, &world.officers.decide).encode();
    swap(&world, old.clone(), new.clone());
    assert!(findings(&world).contains(&found("decision")));
    swap(&world, new, old);

    // The thief gives the case to another officer.
    let old = world.store.case(case.as_bytes()).unwrap().unwrap();
    let mut new = old.clone();
    new.officer = Some(*thief.id().as_bytes());
    swap(&world, old.clone(), new.clone());
    assert_eq!(findings(&world), [found("case")]);
    let kept = world
        .store
        .meta(&name("assign", case.as_bytes()))
        .unwrap()
        .unwrap();
    let forged = Assignment {
        case,
        officer: thief.id(),
        until: Timestamp::from_millis(new.assigned_until_ms.unwrap()),
    };
    let forged = Signed::sign(&forged, world.keys.origin(), &thief, world.now).unwrap();
    let value = forged.encode();
    swap(
        &world,
        kept.clone(),
        MetaRow {
            value,
            ..kept.clone()
        },
    );
    assert_eq!(findings(&world), [found("case")]);
    swap(&world, world.store.meta(&kept.name).unwrap().unwrap(), kept);
    swap(&world, new, old);

    // The thief widens a grant.
    let grants = crate::store::GrantList::OfCase(*case.as_bytes());
    let old = world.store.grants(&grants, 9).unwrap().remove(0);
    let mut new = old.clone();
    new.signed[60] ^= 1;
    swap(&world, old.clone(), new.clone());
    let not_signed = Finding::NotSigned {
        table: "grant",
        id: old.id,
    };
    assert!(findings(&world).contains(&not_signed));
    swap(&world, new, old);
    world.is_sound();
}

#[test]
fn chk228_acts_of_every_kind_are_checked() {
    let mut world = World::new();
    let (case, _) = world.case();
    let request = crate::legal::LegalRequest {
        basis: waxseal_log::entry::LegalBasis::Warrant,
        authority: "Court".into(),
        asked: "All".into(),
    };
    let number = world
        .desk
        .legal_request(&request, world.now, &mut world.rng)
        .unwrap();
    let answer = crate::legal::LegalAnswer {
        request: number,
        outcome: LegalOutcome::NotHeld,
        items: 0,
        produced: String::new(),
        not_held: "All of it.".into(),
    };
    let signed = world.sign(&answer, &world.officers.decide);
    world
        .desk
        .answer_request(&signed, world.now, &mut world.rng)
        .unwrap();
    let hold = crate::hold::Hold {
        id: waxseal_log::entry::Number::from_bytes([5; 16]),
        case,
        lift: false,
        request: Some(number),
        statement: "Keep.".into(),
    };
    let signed = world.sign(&hold, &world.officers.decide);
    world.desk.hold(&signed, world.now, &mut world.rng).unwrap();
    world.is_sound();
    let acts = [
        ("answer", "legal", *number.as_bytes()),
        ("hold", "hold", [5; 16]),
    ];
    for (kind, table, id) in acts {
        let old = world.store.meta(&name(kind, &id)).unwrap().unwrap();
        let mut new = old.clone();
        *new.value.last_mut().unwrap() ^= 1;
        swap(&world, old.clone(), new.clone());
        assert_eq!(findings(&world), [Finding::NotSigned { table, id }]);
        swap(&world, new, old);
    }
}

#[test]
fn chk228_an_officer_with_a_part_in_the_case_does_not_decide_the_appeal() {
    let (mut world, case) = whole();
    let list = crate::store::AppealList::OfCase(*case.as_bytes());
    let appeal = world.store.appeals(&list, None, 9).unwrap().remove(0);
    let act = crate::appeal::AppealDecision {
        appeal: waxseal_log::tree::TreeHash::from_bytes(appeal.leaf_hash),
        outcome: waxseal_log::entry::AppealOutcome::Upheld,
        statement: "Read again.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    world
        .desk
        .decide_appeal(&signed, world.now, &mut world.rng)
        .unwrap();
    world.is_sound();
    let found = |table| Finding::NotSigned {
        table,
        id: *case.as_bytes(),
    };
    // If the officer of the appeal had decided the case, the appeal would be another officer's.
    let old = world.store.decisions(case.as_bytes(), 9).unwrap().remove(0);
    let mut new = old.clone();
    new.officer = *world.officers.appeals.id().as_bytes();
    swap(&world, old, new);
    assert_eq!(findings(&world), [found("decision"), found("appeal")]);
}

#[test]
fn chk229_an_altered_detail_or_log_is_found() {
    // A detail that is gone, without an erasure.
    let (world, case) = whole();
    let index = world.store.decisions(case.as_bytes(), 9).unwrap()[0].log_index;
    world.store.tamper(&[Change::Remove(Key::Detail(index))]);
    assert!(findings(&world).contains(&Finding::OtherDetail { index }));

    // A checkpoint of another tree.
    let (world, _) = whole();
    let rows = world.store.checkpoints(0, 99).unwrap();
    let mut newest = rows.last().unwrap().clone();
    newest.note.clone_from(&rows[0].note);
    let size = newest.size;
    world.store.tamper(&[Change::Checkpoint(newest)]);
    assert_eq!(findings(&world), [Finding::OtherTree { size }]);
}

#[test]
fn chk226_a_policy_that_the_policy_key_did_not_sign_is_found_and_puts_nothing_in_force() {
    let (mut world, _) = whole();
    let mut terms = world.policy.terms().clone();
    terms.version = 2;
    let policy = Policy::new(terms).unwrap();
    let thief = waxseal_log::entry::PolicyKey::generate(&mut world.rng);
    let published = thief.publish(world.keys.origin(), 2, policy.digest());
    let mut batch = world.desk.begin(world.now);
    let detail = policy.digest().as_bytes().to_vec();
    let detail = waxseal_log::entry::Detail::new(detail, &mut world.rng).unwrap();
    let number = waxseal_log::entry::Number::from_bytes([1; 16]);
    let logged = batch.log(number, Event::PolicyPublished(published), detail);
    batch.add(crate::store::PolicyRow {
        version: 2,
        document: policy.encode().to_vec(),
        signature: published.signature,
        log_index: logged.index,
        published_at_ms: 1,
    });
    world.desk.commit(batch).unwrap();
    assert_eq!(
        findings(&world),
        [Finding::WithoutRow {
            index: logged.index
        }]
    );
}
