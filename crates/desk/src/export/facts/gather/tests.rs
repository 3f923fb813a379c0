use super::*;
use crate::desk::tests::files::blob;
use crate::desk::tests::world::{World, refused};
use crate::export::tests::{assert_valid, dsa_fields, settings};
use crate::export::{Form, make};
use crate::sorting::Sorting;
use crate::store::{Change, OpeningList};
use crate::vault::{Names, Participant, View, ViewedContent, ViewedMessage};
use waxseal_reporting::intake::ReportId;

fn again(shown: &ShownReport) -> ShownReport {
    ShownReport {
        report: shown.report,
        view: shown.view.clone(),
    }
}

/// Gives the first opening of a report another digest of what was shown.
fn with_digest(world: &World, report: &ReportId, view_digest: Option<[u8; 32]>) {
    let list = OpeningList::OfReport(*report.as_bytes());
    let old = world.store.openings(&list, None, 9).unwrap().remove(0);
    let new = OpeningRow {
        view_digest,
        ..old.clone()
    };
    world.store.tamper(&[Change::swap(old, new)]);
}

/// A case about another account.
fn case_of_oscar(world: &mut World) -> CaseId {
    let reported = world.reported("oscar", "bob", Reason::Scam);
    let id = world.take_in(&reported).unwrap();
    match world.sort(&id).unwrap() {
        Sorting::Case(case) => case,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chk681_only_what_was_shown_to_the_officer_goes_along() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let other = case_of_oscar(&mut world);
    let shown = world.show_file(case, &report);
    let (officer, foreign) = (world.officers.ask.id(), world.officers.decide.id());
    let of = |case: &CaseId, officer: &OfficerId, shown: Vec<ShownReport>| {
        world.desk.case_facts(case, officer, shown)
    };
    let facts = of(&case, &officer, vec![again(&shown)]).unwrap();
    assert!(facts.reports[0].view.as_ref() == Some(&shown.view));
    assert!(of(&case, &foreign, Vec::new()).is_ok());
    // Another officer, another case, twice.
    let not_shown = |result: Result<CaseFacts, DeskError>| {
        assert_eq!(refused(result), Refused::NotShown);
    };
    not_shown(of(&case, &foreign, vec![again(&shown)]));
    not_shown(of(&other, &officer, vec![again(&shown)]));
    not_shown(of(&case, &officer, vec![again(&shown), again(&shown)]));
    // Whatever is not as it was shown, however small.
    let changed = |change: &dyn Fn(&mut View)| {
        let mut shown = again(&shown);
        change(&mut shown.view);
        of(&case, &officer, vec![shown])
    };
    let oscar = AccountId::new("oscar").unwrap();
    let at = Timestamp::from_millis(7);
    not_shown(changed(&|view| view.reported = Some(oscar.clone())));
    not_shown(changed(&|view| view.reason = Reason::Spam));
    not_shown(changed(&|view| view.messages_in_report = 2));
    not_shown(changed(&|view| view.note = "more".to_owned().into()));
    not_shown(changed(&|view| view.accepted_at = at));
    not_shown(changed(&|view| {
        view.messages.push(view.messages[0].clone())
    }));
    not_shown(changed(&|view| view.messages.clear()));
    let first = |change: &dyn Fn(&mut ViewedMessage)| {
        not_shown(changed(&|view| change(&mut view.messages[0])));
    };
    let text = ViewedContent::Text("I confess".to_owned().into());
    first(&|message| message.claim = 1);
    first(&|message| message.claim = 200);
    first(&|message| message.content = Some(text.clone()));
    first(&|message| message.content = None);
    first(&|message| message.sender = Participant::Number(7));
    first(&|message| message.accepted_at = at);
    first(&|message| message.attachments.clear());
    let unknown = ShownReport {
        report: ReportId::from_bytes([1; 16]),
        view: shown.view.clone(),
    };
    not_shown(of(&case, &officer, vec![unknown]));
    // The earlier of two openings counts as well.
    world.show_file(case, &report);
    let facts = world.desk.case_facts(&case, &officer, vec![again(&shown)]);
    assert!(facts.is_ok());
}

#[test]
fn chk681_what_was_shown_before_views_had_digests_is_opened_again() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let shown = world.show_file(case, &report);
    with_digest(&world, &report, None);
    let officer = world.officers.ask.id();
    let facts = world.desk.case_facts(&case, &officer, vec![again(&shown)]);
    assert_eq!(refused(facts), Refused::NotShown);
    let shown = world.show_file(case, &report);
    let facts = world.desk.case_facts(&case, &officer, vec![shown]);
    assert!(facts.is_ok());
}

#[test]
fn facts_are_those_of_the_rows_and_of_the_log() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let mut shown = world.show_file(case, &report);
    let officer = world.officers.ask.id();
    let carol = AccountId::new("carol").unwrap();
    let reporter = AccountId::new("bob").unwrap();
    shown.view.names = Some(Names {
        reporter,
        participants: vec![(1, carol)],
    });
    // As if the vault had shown these names.
    let content = world.store.content(report.as_bytes()).unwrap().unwrap();
    let digest = view_digest(&content.accepted, &shown.view.encode());
    with_digest(&world, &report, Some(digest));
    let facts = |world: &World, shown| world.desk.case_facts(&case, &officer, shown).unwrap();
    let before = facts(&world, vec![again(&shown)]);
    assert!(before.reports[0].fetched.is_empty());
    assert_eq!(before.reports[0].blobs[0].blob, blob());
    assert_eq!((before.openings, before.reason), (1, Reason::Csam));
    assert_eq!(
        before.accounts.iter().collect::<Vec<_>>(),
        ["bob", "carol", "mallory"]
    );
    assert!(before.decision.is_none());
    let (now, rng) = (world.now, &mut world.rng);
    world
        .desk
        .file_fetched(&report, &blob(), &officer, now, rng)
        .unwrap();
    let decision = world.decide(case).unwrap();
    let after = facts(&world, Vec::new());
    assert!(after.reports[0].fetched.contains_key(&blob()));
    let decided = after.decision.as_ref().unwrap();
    assert_eq!(decided.leaf_hash, *decision.as_bytes());
    assert_eq!((decided.rule.as_str(), decided.openings), ("2.1 Fraud", 1));
    // A decision that an appeal reversed does not stand.
    let side = Side::Account;
    let (now, rng) = (world.now, &mut world.rng);
    let appeal = world.desk.appeal(&decision, side, "No.", now, rng).unwrap();
    let act = crate::appeal::AppealDecision {
        appeal,
        outcome: waxseal_log::entry::AppealOutcome::Reversed,
        statement: "Right.".into(),
    };
    let signed = world.sign(&act, &world.officers.appeals);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.decide_appeal(&signed, now, rng).unwrap();
    let reversed = facts(&world, Vec::new());
    assert!(reversed.decision.is_none());
    assert!(reversed.appeals[0].by_account);
    assert_eq!(reversed.appeals[0].text.as_deref(), Some("No."));
}

#[test]
fn every_form_is_made_from_a_case_of_the_desk() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let shown = world.show_file(case, &report);
    let officer = world.officers.ask.id();
    world.pass(1_000);
    let mut decision = world.decision(case);
    decision.reason = waxseal_log::entry::ReasonCode::from_number(12).unwrap();
    let signed = world.sign(&decision, &world.officers.decide);
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.decide(&signed, now, rng).unwrap();
    let shown = || vec![again(&shown)];
    let facts = world.desk.case_facts(&case, &officer, shown()).unwrap();
    for form in [
        Form::CoopReport,
        Form::Osprey,
        Form::CyberTip,
        Form::Dsa,
        Form::Webhook,
    ] {
        let fields = match form {
            Form::Dsa => dsa_fields(),
            _ => Default::default(),
        };
        let body = make(form, &facts, &settings(), &fields, world.now).unwrap();
        assert_valid(form, &body);
        let text = String::from_utf8(body).unwrap();
        assert!(!text.contains("bob"), "{text}");
    }
}

#[test]
fn pseudonyms_hold_for_one_case() {
    let mut world = World::new();
    let (case, _) = world.case();
    let other = case_of_oscar(&mut world);
    let officer = world.officers.ask.id();
    let name = |case| {
        let facts = world.desk.case_facts(case, &officer, Vec::new()).unwrap();
        facts.pseudonyms.of("reporter", b"bob")
    };
    assert_eq!(name(&case), name(&case));
    assert_ne!(name(&case), name(&other));
}

#[test]
fn chk688_a_fetch_counts_for_every_report_that_names_the_file() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let (other, second) = world.file_case();
    assert_eq!(case, other);
    world.show_file(case, &report);
    let officer = world.officers.ask.id();
    let (now, rng) = (world.now, &mut world.rng);
    let desk = &mut world.desk;
    desk.file_fetched(&report, &blob(), &officer, now, rng)
        .unwrap();
    desk.file_handed_out(&report, &blob(), &officer, &(0..9), now)
        .unwrap();
    let facts = world.desk.case_facts(&case, &officer, Vec::new()).unwrap();
    assert_eq!(facts.reports.len(), 2);
    let second = facts
        .reports
        .iter()
        .find(|one| one.id == *second.as_bytes());
    assert_eq!(second.unwrap().fetched.get(&blob()), Some(&9));
}
