//! The insider logs entries that the desk would not.

use sha2::Digest as _;
use waxseal_log::decision::{AppealDetail, NoticeDetail};
use waxseal_log::entry::{Event, Number, Purpose, Side};
use waxseal_log::tree::TreeHash;

use super::insider::last_entry;
use super::{Finding, findings, swap, whole};
use crate::desk::tests::world::{DAY, World};
use crate::grant::{Grant, GrantDenial};
use crate::policy::Policy;
use crate::store::*;

#[test]
fn chk226_an_entry_under_the_number_of_another_case_is_found() {
    // A notice and an appeal that the receipts of their case do not show.
    let mut world = World::new();
    let (case, _) = world.case();
    let leaf = world.decide(case).unwrap();
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.is_sound();
    let (other, side) = (Number::generate(&mut world.rng), Side::Account);
    let list = NoticeList::OfDecision(*leaf.as_bytes());
    let notices = world.store.notices(&list, 2).unwrap();
    let old = notices.into_iter().find(|one| one.side == side.number());
    let old = old.unwrap();
    let decision = leaf;
    let detail = NoticeDetail { decision, side }
        .encode(&mut world.rng)
        .unwrap();
    let mut batch = world.desk.begin(world.now);
    let logged = batch.log(other, Event::NoticeSent { side }, detail);
    let new = NoticeRow {
        sent_at_ms: Some(world.now.as_millis()),
        log_index: Some(logged.index),
        ..old.clone()
    };
    batch.swap(old, new);
    world.desk.commit(batch).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);

    let (mut world, case) = whole();
    let list = AppealList::OfCase(*case.as_bytes());
    let first = world.store.appeals(&list, None, 9).unwrap().remove(0);
    let side = Side::Reporter;
    let detail = AppealDetail {
        decision: TreeHash::from_bytes(first.decision),
        text_digest: sha2::Sha256::digest(first.text.as_ref().unwrap()).into(),
    };
    let detail = detail.encode(&mut world.rng).unwrap();
    let mut batch = world.desk.begin(world.now);
    let logged = batch.log(other, Event::AppealFiled { side }, detail);
    batch.add(AppealRow {
        leaf_hash: *logged.leaf_hash.as_bytes(),
        log_index: logged.index,
        side: side.number(),
        ..first
    });
    world.desk.commit(batch).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);
}

#[test]
fn chk226_a_reason_with_the_digest_of_another_report_is_found() {
    let mut world = World::new();
    let (_, report) = world.case();
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    let leaf = crate::audit::entries::promised(&row).unwrap();
    let pending = world.store.pending_leaf(leaf.as_bytes()).unwrap().unwrap();
    let entry = waxseal_log::entry::Entry::decode(&pending.entry).unwrap();
    let detail = waxseal_log::entry::Detail::from_parts(pending.salt, pending.detail).unwrap();
    let reason = waxseal_log::entry::ReasonCode::from_number(row.reason.unwrap()).unwrap();
    let mut batch = world.desk.begin(world.now);
    batch.append(entry, detail);
    batch.change(Change::Remove(Key::Pending(*leaf.as_bytes())));
    let detail = crate::desk::detail(vec![1; 32], &mut world.rng).unwrap();
    let number = Number::from_bytes(row.number);
    batch.log(number, Event::ReportSorted { reason }, detail);
    world.desk.commit(batch).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);
}

#[test]
fn chk226_a_policy_that_is_older_than_the_one_in_force_is_found() {
    let mut world = World::new();
    let [older, newer] = [2, 3].map(|version| {
        let mut terms = world.policy.terms().clone();
        terms.version = version;
        Policy::new(terms).unwrap()
    });
    world.publish(&newer).unwrap();
    world.is_sound();
    // The policy key signed it, but it never came into force.
    let origin = world.keys.origin();
    let published = world.policy_key.publish(origin, 2, older.digest());
    let mut batch = world.desk.begin(world.now);
    let digest = older.digest().as_bytes().to_vec();
    let detail = crate::desk::detail(digest, &mut world.rng).unwrap();
    let number = Number::generate(&mut world.rng);
    let logged = batch.log(number, Event::PolicyPublished(published), detail);
    batch.add(PolicyRow {
        version: 2,
        document: older.encode().to_vec(),
        signature: published.signature,
        log_index: logged.index,
        published_at_ms: world.now.as_millis(),
    });
    world.desk.commit(batch).unwrap();
    assert_eq!(findings(&world), [last_entry(&world)]);
}

#[test]
fn chk228_an_officer_who_denied_a_grant_of_the_case_does_not_decide_the_appeal() {
    let mut world = World::new();
    let (case, report) = world.case();
    let terms = world.terms(case, &report, Purpose::Identify);
    world.request(&terms).unwrap();
    let denial = GrantDenial {
        grant: Grant::new(terms).unwrap().digest(),
        reason: "No.".into(),
    };
    let signed = world.sign(&denial, &world.officers.approve);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.deny_grant(&signed, now, rng).unwrap();
    let decision = world.decide(case).unwrap();
    let appeal = super::insider::file(&mut world, &decision, Side::Account);
    // The insider hides the denial from the desk, until the officer who denied decides the appeal.
    let list = GrantList::OfCase(*case.as_bytes());
    let denied = world.store.grants(&list, 9).unwrap().remove(0);
    let hidden = GrantRow {
        approver: None,
        ..denied.clone()
    };
    swap(&world, denied.clone(), hidden.clone());
    let act = crate::appeal::AppealDecision {
        appeal,
        outcome: waxseal_log::entry::AppealOutcome::Upheld,
        statement: "Read again.".into(),
    };
    let signed = world.sign(&act, &world.officers.approve);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.decide_appeal(&signed, now, rng).unwrap();
    swap(&world, hidden, denied);
    let found = Finding::NotSigned {
        table: "appeal",
        id: *case.as_bytes(),
    };
    assert_eq!(findings(&world), [found]);
}
