//! A thief of the store changes one field of one row after the other. The audit finds each change.

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{AppealOutcome, Entry, Event, KeyKind, Number, Purpose, Target};
use waxseal_log::tree::{Frontier, TreeHash};

use super::everything::{Everything, HOLD, LIFTED};
use super::{Finding, findings, whole};
use crate::acts::name;
use crate::appeal::AppealDecision;
use crate::ids::CaseId;
use crate::store::limits::MAX_LISTED;
use crate::store::*;

impl Everything {
    /// Asserts that each change of a row is found, and undoes it.
    fn each<R: Into<Row> + Clone>(&self, old: &R, changes: &[&dyn Fn(&mut R)]) {
        for (number, change) in changes.iter().enumerate() {
            let mut new = old.clone();
            change(&mut new);
            self.world
                .store
                .tamper(&[Change::swap(old.clone(), new.clone())]);
            let found = self.world.desk.audit().unwrap().findings;
            assert_ne!(found, [], "change {number} of {:?}", old.clone().into());
            self.world.store.tamper(&[Change::swap(new, old.clone())]);
        }
        self.world.is_sound();
    }
}

#[test]
fn chk226_chk227_every_changed_report_case_and_opening_is_found() {
    let all = Everything::new();
    let store = &all.world.store;
    let of = |case: &CaseId| {
        let list = ReportList::OfCase(*case.as_bytes());
        store.reports(&list, None, 9).unwrap().remove(0)
    };
    let foreign = of(&all.other);
    all.each(
        &of(&all.case),
        &[
            &|row| row.promise.clone_from(&foreign.promise),
            &|row| row.reason = Some(9),
            &|row| row.case_id = foreign.case_id,
        ],
    );
    let case = store.case(all.case.as_bytes()).unwrap().unwrap();
    all.each(
        &case,
        &[
            &|row| row.account = Some("oscar".into()),
            &|row| row.is_held = false,
            &|row| row.reports = 2,
            &|row| row.status = CaseStatus::Closed,
            &|row| row.status = CaseStatus::Open,
            &|row| (row.officer, row.assigned_until_ms) = (Some([1; 32]), Some(1)),
        ],
    );
    let case = store.case(all.other.as_bytes()).unwrap().unwrap();
    all.each(&case, &[&|row| row.status = CaseStatus::Decided]);
    let list = OpeningList::OfCase(*all.case.as_bytes());
    let opening = store.openings(&list, None, 9).unwrap().remove(0);
    all.each(
        &opening,
        &[
            &|row| row.report_digest = [1; 32],
            &|row| row.report_id = foreign.id,
            &|row| row.officer = [1; 32],
            &|row| row.case_id = *all.other.as_bytes(),
            &|row| row.log_index -= 1,
        ],
    );
}

#[test]
fn chk226_chk228_every_changed_grant_is_found() {
    let all = Everything::new();
    let list = GrantList::OfCase(*all.case.as_bytes());
    let grants = all.world.store.grants(&list, 9).unwrap();
    assert_eq!(grants.len(), 4);
    let of = |purpose: Purpose| {
        let mut grants = grants.iter();
        grants
            .find(|grant| grant.purpose == purpose.number())
            .unwrap()
            .clone()
    };
    let used = of(Purpose::Identify);
    for grant in &grants {
        all.each(
            grant,
            &[
                &|row| row.purpose = 2,
                &|row| row.requester = [1; 32],
                &|row| row.expires_at_ms += 1,
                &|row| row.max_openings += 1,
                &|row| row.openings += 1,
                &|row| *row.signed.get_mut(90).unwrap() ^= 1,
                &|row| *row.signed.last_mut().unwrap() ^= 1,
                &|row| {
                    row.signed = if *row == used {
                        vec![1]
                    } else {
                        used.signed.clone()
                    }
                },
                &|row| row.is_overdue = true,
                &|row| row.review = Some(1),
                &|row| row.state = GrantState::Expired,
            ],
        );
    }
    all.each(&used, &[&|row| row.approver = Some([1; 32])]);
    let denied = of(Purpose::QualityAudit);
    all.each(&denied, &[&|row| row.approver = Some([1; 32])]);
    let waiting = of(Purpose::LegalRequest);
    all.each(&waiting, &[&|row| row.state = GrantState::Denied]);
    for (kind, id) in [("denial", denied.id), ("review", of(Purpose::Emergency).id)] {
        let act = all.world.store.meta(&name(kind, &id)).unwrap().unwrap();
        all.each(&act, &[&|row| *row.value.last_mut().unwrap() ^= 1]);
    }
}

#[test]
fn chk226_chk228_every_changed_decision_notice_and_appeal_is_found() {
    let all = Everything::new();
    let store = &all.world.store;
    let decision = store.decisions(all.case.as_bytes(), 9).unwrap().remove(0);
    let mut by_other = all.world.decision(all.case);
    by_other.rule = "3".into();
    let by_other = all
        .world
        .sign(&by_other, &all.world.officers.decide_too)
        .encode();
    all.each(
        &decision,
        &[
            &|row| row.reason = 1,
            &|row| row.measure = 1,
            &|row| row.openings = 0,
            &|row| row.appeal_until_ms += 1,
            &|row| row.officer = [1; 32],
            &|row| row.signed.clone_from(&by_other),
            &|row| row.case_id = *all.other.as_bytes(),
        ],
    );
    let notices = store
        .notices(&NoticeList::OfDecision(decision.leaf_hash), 9)
        .unwrap();
    let (sent, unsent) = (&notices[1], &notices[0]);
    all.each(sent, &[&|row| row.log_index = Some(0)]);
    all.each(
        unsent,
        &[&|row| (row.sent_at_ms, row.log_index) = (Some(1), Some(0))],
    );
    let list = AppealList::OfCase(*all.case.as_bytes());
    let appeal = store.appeals(&list, None, 9).unwrap().remove(0);
    let by_other = AppealDecision {
        appeal: TreeHash::from_bytes(appeal.leaf_hash),
        outcome: AppealOutcome::Upheld,
        statement: "Otherwise.".into(),
    };
    let by_other = all
        .world
        .sign(&by_other, &all.world.officers.appeals)
        .encode();
    all.each(
        &appeal,
        &[
            &|row| row.side = 1,
            &|row| row.text = Some("I did.".into()),
            &|row| row.decision = [1; 32],
            &|row| row.outcome = Some(2),
            &|row| row.officer = Some([1; 32]),
            &|row| row.signed = Some(by_other.clone()),
            &|row| row.signed = None,
        ],
    );
}

#[test]
fn chk226_chk227_every_changed_register_is_found() {
    let all = Everything::new();
    let store = &all.world.store;
    let request = store
        .legal_request(all.request.as_bytes())
        .unwrap()
        .unwrap();
    all.each(
        &request,
        &[
            &|row| row.basis = 1,
            &|row| row.authority = "Other".into(),
            &|row| row.asked = "Less".into(),
            &|row| row.outcome = Some(1),
            &|row| row.items = 1,
            &|row| row.not_held = Some("Less".into()),
            &|row| row.officer = Some([1; 32]),
        ],
    );
    let placed = store.hold(&HOLD).unwrap().unwrap();
    all.each(
        &placed,
        &[
            &|row| row.lifted_at_ms = Some(1),
            &|row| row.statement = "Other".into(),
            &|row| row.officer = [1; 32],
            &|row| row.legal_id = Some(*all.request.as_bytes()),
        ],
    );
    let lifted = store.hold(&LIFTED).unwrap().unwrap();
    all.each(&lifted, &[&|row| row.lifted_at_ms = None]);
    for (kind, id) in [
        ("hold", HOLD),
        ("lift", LIFTED),
        ("answer", *all.request.as_bytes()),
    ] {
        let act = store.meta(&name(kind, &id)).unwrap().unwrap();
        all.each(&act, &[&|row| *row.value.last_mut().unwrap() ^= 1]);
    }
    let export = store
        .meta(&name("export", all.export.as_bytes()))
        .unwrap()
        .unwrap();
    all.each(
        &export,
        &[&|row| row.value[16] = 1, &|row| row.value[30] ^= 1],
    );
    let epochs = store.key_epochs(KeyKind::Stamp.number(), None, 9).unwrap();
    all.each(
        &epochs[0],
        &[&|row| row.public = b"us".to_vec(), &|row| {
            row.destroyed_at_ms = None
        }],
    );
    all.each(&epochs[1], &[&|row| row.destroyed_at_ms = Some(1)]);
    let policy = store.policy(1).unwrap().unwrap();
    all.each(
        &policy,
        &[&|row| row.signature = [1; 64], &|row| row.log_index = 1],
    );
}

#[test]
fn chk229_a_checkpoint_that_only_its_row_calls_complete_is_found() {
    let all = Everything::new();
    let mut newest = all.world.store.newest_checkpoint(false).unwrap().unwrap();
    newest.is_complete = true;
    let size = newest.size;
    all.world.store.tamper(&[Change::Checkpoint(newest)]);
    let found = all.world.desk.audit().unwrap().findings;
    assert_eq!(found, [Finding::OtherTree { size }]);
}

#[test]
fn chk229_each_of_many_checkpoints_is_checked() {
    let (mut world, case) = whole();
    let mut batch = world.desk.begin(world.now);
    for _ in 0..1_700 {
        let number = Number::generate(&mut world.rng);
        let digest = crate::records::export_digest(b"sent");
        let detail = crate::desk::detail(digest.to_vec(), &mut world.rng).unwrap();
        let target = Target::Dsa;
        batch.log(number, Event::Exported { target }, detail);
        let value = [&case.as_bytes()[..], &[target.number()], &[0; 8], &digest].concat();
        let name = name("export", number.as_bytes());
        batch.add(MetaRow { name, value });
    }
    world.desk.commit(batch).unwrap();
    // More checkpoints than one page of the store, and not one for each entry.
    let mut tree = Frontier::new();
    let mut checkpoints = Vec::new();
    for row in (0..world.desk.log_size()).map(|index| world.store.entry(index).unwrap().unwrap()) {
        tree.push(Entry::decode(&row.entry).unwrap().leaf_hash());
        if tree.size().is_multiple_of(3) || world.store.checkpoint(tree.size()).unwrap().is_some() {
            continue;
        }
        let (size, root) = (tree.size(), tree.root());
        let checkpoint = Checkpoint::new(world.keys.origin(), size, root);
        checkpoints.push(CheckpointRow {
            size,
            note: checkpoint
                .unwrap()
                .sign(&world.desk.setup.log)
                .unwrap()
                .encode(),
            made_at_ms: 1,
            is_complete: false,
        });
    }
    assert!(checkpoints.len() > MAX_LISTED);
    let changes: Vec<_> = checkpoints
        .iter()
        .cloned()
        .map(Change::Checkpoint)
        .collect();
    world.store.tamper(&changes);
    world.is_sound();
    for old in checkpoints.iter().rev().step_by(50) {
        let mut new = old.clone();
        new.is_complete = true;
        world.store.tamper(&[Change::Checkpoint(new)]);
        assert_eq!(findings(&world), [Finding::OtherTree { size: old.size }]);
        world.store.tamper(&[Change::Checkpoint(old.clone())]);
    }
}
