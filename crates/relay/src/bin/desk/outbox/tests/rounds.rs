//! What a round of the outbox does when targets or the store fail.

use waxseal_desk::ids::CaseId;
use waxseal_desk::outbox::NewExport;

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
