//! What a round of the outbox does when targets or the store fail.

use waxseal_desk::ids::CaseId;
use waxseal_desk::outbox::NewExport;
use waxseal_desk::store::{Change, MetaRow};
use waxseal_reporting::intake::ReportId;

use crate::keeper::tests::keeper;
use crate::todo::Todo;

use super::*;

/// Puts a statement of reasons into the outbox.
async fn stated(world: &World, case: [u8; 16]) -> [u8; 16] {
    let officer = world.decider.id();
    let enter = world.server.office.act(move |desk, now| {
        let export = NewExport {
            case: CaseId::from_bytes(case),
            form: Form::Dsa,
            officer,
            body: b"{}",
        };
        desk.export(&export, now, &mut system_rng())
    });
    enter.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_there_is_taken_only_if_it_can_be_this_one() {
    let world = World::new(&[Target::Dsa]);
    let there = "{\"errors\":{\"puid\":[\"not unique\"]}}";
    // An earlier try arrived, and the desk stopped before it kept that.
    world.answers(&[(422, there)]);
    let first = stated(&world, world.case("mallory")).await;
    send_all(&world).await;
    assert_eq!(row(&world, Hex(first)).state, ExportState::Taken);
    let got = world.got();
    assert_eq!(got[0].line, "POST /api/v1/statement HTTP/1.1");
    assert_eq!(got[0].headers["authorization"], "Bearer dsa-token");
    // What is there is the first statement, and the second one did not arrive.
    let case = world.case("oscar");
    world.answers(&[(400, "no"), (422, there)]);
    let first = stated(&world, case).await;
    send_all(&world).await;
    assert_eq!(row(&world, Hex(first)).state, ExportState::GivenUp);
    let second = stated(&world, case).await;
    send_all(&world).await;
    assert_eq!(row(&world, Hex(second)).state, ExportState::GivenUp);
}

#[tokio::test(flavor = "multi_thread")]
async fn chk699_an_outcome_that_cannot_be_entered_ends_the_round() {
    let world = World::new(&[Target::Webhook, Target::Coop]);
    let case = world.case("mallory");
    let first = exported(&world, case, Target::Webhook).await;
    exported(&world, case, Target::Coop).await;
    // Another process writes for longer than the desk waits.
    let other = rusqlite::Connection::open(world.server.folder.path("desk.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let server = world.server.clone();
    let sent = tokio::task::spawn_blocking(move || send_due(&server).is_err());
    assert!(sent.await.unwrap());
    assert_eq!(world.got().len(), 1);
    assert_eq!(row(&world, first.id).state, ExportState::Waiting);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(send_all(&world).await, 2);
    // The pauses grow.
    let pauses: Vec<_> = (1..=4).map(|failed| pause(failed).as_secs()).collect();
    assert_eq!(pauses, [10, 20, 40, 80]);
    assert_eq!(pause(u32::MAX), MAX_PAUSE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_takes_nothing_is_asked_once_in_a_round() {
    let world = World::new(&[Target::Webhook, Target::Osprey]);
    let case = world.case("mallory");
    world.answers(&[(503, "busy")]);
    for _ in 0..3 {
        exported(&world, case, Target::Webhook).await;
    }
    let written = exported(&world, case, Target::Osprey).await;
    assert_eq!(send_all(&world).await, 2);
    assert_eq!(world.got().len(), 1);
    assert_eq!(row(&world, written.id).state, ExportState::Taken);
    // The others are tried in later rounds.
    assert_eq!((send_all(&world).await, send_all(&world).await), (1, 1));
    assert_eq!(send_all(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn chk716_a_server_whose_place_was_taken_sends_and_writes_nothing() {
    let mut world = World::new(&[Target::Webhook, Target::Osprey]);
    let place = |number| MetaRow {
        name: "server".to_owned(),
        value: vec![number],
    };
    let mut store = world.server.folder.store().unwrap();
    store.apply(&[Change::add(place(1))]).unwrap();
    world.restart_while(place(1));
    let case = world.case("mallory");
    for target in [Target::Webhook, Target::Osprey] {
        exported(&world, case, target).await;
    }
    let folder = world.server.folder.clone();
    let to_relay = || fs::read_dir(folder.path("to-relay")).unwrap().count();
    Todo::open(&folder)
        .unwrap()
        .close(&ReportId::from_bytes([9; 16]));
    let _ = world.server.relay_key.set([1; 32]);
    // It stood still. Another one took over, and this one goes on.
    store.apply(&[Change::swap(place(1), place(2))]).unwrap();
    let server = world.server.clone();
    let works = move || {
        let published = keeper(&server).publish();
        Todo::open(&server.folder).unwrap().work(&server);
        (
            published.is_ok(),
            send_due(&server).ok(),
            server.check_place().is_ok(),
        )
    };
    let done = tokio::task::spawn_blocking(works.clone()).await.unwrap();
    assert_eq!(done, (false, None, false));
    assert!(world.got().is_empty());
    assert!(!folder.path("outbox").exists() && !folder.public().join("tile").exists());
    assert_eq!(to_relay(), 1);
    // With its place it does all of that.
    store.apply(&[Change::swap(place(2), place(1))]).unwrap();
    let done = tokio::task::spawn_blocking(works).await.unwrap();
    assert_eq!(done, (true, Some(2), true));
    assert_eq!((world.got().len(), to_relay()), (1, 0));
}
