use super::*;
use crate::desk::tests::world::{World, refused};
use crate::store::limits::MAX_ANSWER_LEN;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Reason;

fn export(world: &mut World, case: CaseId, body: &[u8]) -> Result<[u8; 16], DeskError> {
    let new = NewExport {
        case,
        form: Form::Webhook,
        officer: world.officers.decide.id(),
        body,
    };
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.export(&new, now, rng)
}

fn tried(world: &mut World, id: &[u8; 16], tried: Tried) -> Result<ExportState, DeskError> {
    let now = world.now;
    world.desk.export_tried(id, tried, "an answer", now)
}

fn due(world: &World) -> Vec<[u8; 16]> {
    let due = world.desk.due_exports(world.now, 9).unwrap();
    due.into_iter().map(|row| row.id).collect()
}

#[test]
fn chk680_only_an_officer_who_may_decide_exports() {
    let mut world = World::new();
    let (case, _) = world.case();
    let size = world.desk.log_size();
    for officer in [world.officers.ask.id(), OfficerId::from_bytes([1; 32])] {
        let new = NewExport {
            case,
            form: Form::Dsa,
            officer,
            body: b"{}",
        };
        let (now, rng) = (world.now, &mut world.rng);
        assert_eq!(
            refused(world.desk.export(&new, now, rng)),
            Refused::NotAllowed
        );
    }
    let unknown = CaseId::from_bytes([1; 16]);
    assert_eq!(refused(export(&mut world, unknown, b"{}")), Refused::NoCase);
    assert_eq!(world.desk.log_size(), size);
    let id = export(&mut world, case, b"{}").unwrap();
    let target = waxseal_log::entry::Target::Webhook;
    assert_eq!(world.events().last(), Some(&Event::Exported { target }));
    let entry = world.store.entry(size).unwrap().unwrap();
    assert_eq!(
        (entry.number, entry.detail.unwrap()),
        (id, export_digest(b"{}").to_vec())
    );
    assert_eq!(world.store.outbox(&id).unwrap().unwrap().body, b"{}");
    assert_eq!(due(&world), [id]);
    world.is_sound();
}

#[test]
fn chk682_an_export_ends_once() {
    let mut world = World::new();
    let (case, _) = world.case();
    let none = tried(&mut world, &[1; 16], Tried::Taken);
    assert_eq!(refused(none), Refused::NoExport);
    for (outcome, state) in [
        (Tried::Taken, ExportState::Taken),
        (Tried::Refused, ExportState::GivenUp),
    ] {
        let id = export(&mut world, case, b"{}").unwrap();
        assert_eq!(tried(&mut world, &id, outcome).unwrap(), state);
        let row = world.store.export(&id).unwrap().unwrap();
        assert_eq!((row.state, row.tries), (state, 1));
        assert_eq!(row.ended_at_ms, Some(world.now.as_millis()));
        assert_eq!(row.answer, "an answer");
        // Its bytes are gone, and its digest stays.
        assert_eq!(world.store.outbox(&id).unwrap(), None);
        for again in [Tried::Taken, Tried::Later, Tried::Refused] {
            let again = tried(&mut world, &id, again);
            assert_eq!(refused(again), Refused::NoExport);
        }
        assert!(due(&world).is_empty());
    }
    world.is_sound();
}

#[test]
fn an_export_is_tried_again_with_the_same_bytes_and_given_up_after_its_last_try() {
    let mut world = World::new();
    let (case, _) = world.case();
    let id = export(&mut world, case, b"the bytes").unwrap();
    let start = world.now.as_millis();
    for tries in 1..MAX_TRIES {
        assert_eq!(due(&world), [id]);
        let body = world.store.outbox(&id).unwrap().unwrap().body;
        assert_eq!(body, b"the bytes");
        let state = tried(&mut world, &id, Tried::Later).unwrap();
        assert_eq!(state, ExportState::Waiting);
        assert!(due(&world).is_empty());
        world.pass(pause_ms(tries) - 1);
        assert!(due(&world).is_empty());
        world.pass(1);
        world.reopen();
    }
    // 68.5 hours.
    let minutes = (world.now.as_millis() - start) / 60_000;
    assert_eq!(minutes, 4_111);
    let state = tried(&mut world, &id, Tried::Later).unwrap();
    assert_eq!(state, ExportState::GivenUp);
    assert!(due(&world).is_empty());
    world.is_sound();
}

#[test]
fn pauses_double_up_to_six_hours() {
    let minutes: Vec<_> = (0..12).map(|tries| pause_ms(tries) / 60_000).collect();
    assert_eq!(minutes, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    assert_eq!(pause_ms(u32::MAX), 360 * 60_000);
}

#[test]
fn a_crash_before_the_answer_is_kept_leaves_the_export_due() {
    let mut world = World::new();
    let (case, _) = world.case();
    let size = world.desk.log_size();
    world.store.stop_after(0);
    assert!(export(&mut world, case, b"{}").is_err());
    world.store.stop_after(usize::MAX);
    world.reopen();
    assert!(due(&world).is_empty());
    assert_eq!(world.desk.log_size(), size);
    let id = export(&mut world, case, b"{}").unwrap();
    world.store.stop_after(0);
    assert!(tried(&mut world, &id, Tried::Taken).is_err());
    world.store.stop_after(usize::MAX);
    world.reopen();
    assert_eq!(due(&world), [id]);
    tried(&mut world, &id, Tried::Taken).unwrap();
    world.is_sound();
}

#[test]
fn limits_hold_at_and_one_past() {
    let mut world = World::new();
    let (case, _) = world.case();
    let longer = vec![b'x'; MAX_EXPORT_LEN + 1];
    assert_eq!(refused(export(&mut world, case, &longer)), Refused::TooLong);
    let first = export(&mut world, case, &longer[1..]).unwrap();
    for _ in 1..MAX_EXPORTS {
        export(&mut world, case, b"{}").unwrap();
    }
    assert_eq!(refused(export(&mut world, case, b"{}")), Refused::TooLong);
    let answer = "é".repeat(MAX_ANSWER_LEN);
    let now = world.now;
    world
        .desk
        .export_tried(&first, Tried::Later, &answer, now)
        .unwrap();
    let row = world.store.export(&first).unwrap().unwrap();
    assert_eq!(row.answer, "é".repeat(MAX_ANSWER_LEN / 2));
    world.is_sound();
}

#[test]
fn chk697_a_decision_has_one_statement_of_reasons() {
    let mut world = World::new();
    let (case, _) = world.case();
    world.decide(case).unwrap();
    let state = |world: &mut World, body: &[u8]| {
        let new = NewExport {
            case,
            form: Form::Dsa,
            officer: world.officers.decide.id(),
            body,
        };
        let (now, rng) = (world.now, &mut world.rng);
        world.desk.export(&new, now, rng)
    };
    let first = state(&mut world, b"1").unwrap();
    let again = state(&mut world, b"2");
    assert_eq!(refused(again), Refused::AlreadyStated);
    // Other forms are made again.
    export(&mut world, case, b"{}").unwrap();
    tried(&mut world, &first, Tried::Refused).unwrap();
    let second = state(&mut world, b"2").unwrap();
    tried(&mut world, &second, Tried::Taken).unwrap();
    let again = state(&mut world, b"3");
    assert_eq!(refused(again), Refused::AlreadyStated);
    let row = |world: &World, id| world.store.export(id).unwrap().unwrap();
    let is_first = |row| world.desk.is_first_statement(&row).unwrap();
    assert!(is_first(row(&world, &first)));
    assert!(!is_first(row(&world, &second)));
}

#[test]
fn chk692_a_callback_is_kept_once() {
    let mut world = World::new();
    let (case, _) = world.case();
    let now = world.now;
    let before = world.desk.case(&case).unwrap().case;
    assert!(world.desk.called_back(Some(case), b"{}", now).unwrap());
    assert!(!world.desk.called_back(Some(case), b"{}", now).unwrap());
    assert!(world.desk.called_back(None, b"{ }", now).unwrap());
    let list = CallbackList::OfCase(*case.as_bytes());
    assert_eq!(world.store.callbacks(&list, 9).unwrap().len(), 1);
    assert_eq!(
        world
            .store
            .callbacks(&CallbackList::Newest, 9)
            .unwrap()
            .len(),
        2
    );
    // It decides nothing.
    assert_eq!(world.desk.case(&case).unwrap().case, before);
    let longer = vec![b'x'; MAX_TEXT_LEN + 1];
    let unnamed = world.store.callbacks(&CallbackList::Newest, 9).unwrap();
    let unnamed = unnamed.iter().find(|row| row.case_id.is_none());
    // Only its digest is kept.
    assert!(unnamed.unwrap().body.is_empty());
    for wrong in [&b""[..], &longer] {
        let refusal = world.desk.called_back(None, wrong, now);
        assert_eq!(refused(refusal), Refused::TooLong);
    }
    assert!(world.desk.called_back(None, &longer[1..], now).unwrap());
    let unknown = Some(CaseId::from_bytes([1; 16]));
    assert_eq!(
        refused(world.desk.called_back(unknown, b"x", now)),
        Refused::NoCase
    );
}

#[test]
fn a_callback_finds_its_case() {
    let mut world = World::new();
    let (case, report) = world.case();
    let of = |world: &World, item| {
        let action = "a".to_owned();
        let callback = Callback::Action { item, action };
        world.desk.case_of_callback(&callback).unwrap()
    };
    let message = |id: &ReportId| NamedItem::Message {
        report: *id.as_bytes(),
        id: "a-1".into(),
    };
    assert_eq!(of(&world, message(&report)), Some(case));
    assert_eq!(of(&world, message(&ReportId::from_bytes([1; 16]))), None);
    assert_eq!(of(&world, NamedItem::Other("mallory".into())), Some(case));
    assert_eq!(of(&world, NamedItem::Other("oscar".into())), None);
    // An account whose name looks like a message.
    let name = format!("{}-5", "1d".repeat(16));
    let reported = world.reported(&name, "bob", Reason::Scam);
    let id = world.take_in(&reported).unwrap();
    world.sort(&id).unwrap();
    let item = NamedItem::Message {
        report: [0x1d; 16],
        id: name,
    };
    assert!(of(&world, item).is_some());
    let decision = world.decide(case).unwrap();
    let (now, rng) = (world.now, &mut world.rng);
    let side = waxseal_log::entry::Side::Account;
    let appeal = world.desk.appeal(&decision, side, "No.", now, rng).unwrap();
    for (appeal, found) in [(appeal, Some(case)), (decision, None)] {
        let granted = true;
        let callback = Callback::Appeal { appeal, granted };
        assert_eq!(world.desk.case_of_callback(&callback).unwrap(), found);
    }
}

#[test]
fn chk698_erasing_a_case_leaves_nothing_of_exports_and_callbacks() {
    const YEAR: u64 = 365 * 86_400_000;
    let mut world = World::new();
    let (case, _) = world.case();
    let waits = export(&mut world, case, b"mallory waits").unwrap();
    let taken = export(&mut world, case, b"mallory left").unwrap();
    tried(&mut world, &taken, Tried::Taken).unwrap();
    let now = world.now;
    let said = b"about mallory";
    world.desk.called_back(Some(case), said, now).unwrap();
    world.decide(case).unwrap();
    world.pass(YEAR);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let (now, rng) = (world.now, &mut world.rng);
    assert!(world.desk.erase(&case, 0, now, rng).unwrap());
    for (id, state) in [(waits, ExportState::GivenUp), (taken, ExportState::Taken)] {
        let row = world.store.export(&id).unwrap().unwrap();
        assert_eq!((row.state, row.answer.as_str()), (state, ""));
        assert_eq!(world.store.outbox(&id).unwrap(), None);
    }
    let list = CallbackList::OfCase(*case.as_bytes());
    assert!(world.store.callbacks(&list, 9).unwrap()[0].body.is_empty());
    // Coop says it again, and something else.
    assert!(!world.desk.called_back(Some(case), said, now).unwrap());
    assert!(world.desk.called_back(Some(case), b"more", now).unwrap());
    let callbacks = world.store.callbacks(&list, 9).unwrap();
    assert!(callbacks.len() == 2 && callbacks.iter().all(|row| row.body.is_empty()));
    // A callback that names the account finds no case, and nothing of it stays.
    let (item, action) = (NamedItem::Other("mallory".into()), "a".to_owned());
    let callback = Callback::Action { item, action };
    let none = world.desk.case_of_callback(&callback).unwrap();
    assert_eq!(none, None);
    let said = b"mallory again";
    assert!(world.desk.called_back(none, said, now).unwrap());
    let all = world.store.callbacks(&CallbackList::Newest, 9).unwrap();
    assert!(all.len() == 3 && all.iter().all(|row| row.body.is_empty()));
    assert_eq!(refused(export(&mut world, case, b"{}")), Refused::Erased);
    world.is_sound();
}
