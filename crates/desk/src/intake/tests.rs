use crate::vault::digest_of;
use waxseal_log::entry::{Event, Kind};
use waxseal_log::report::ReportDigest;
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::reporter::Reason;

use crate::desk::tests::world::{DAY, HOUR, World, refused};
use crate::error::Refused;
use crate::store::Store;

#[test]
fn chk200_a_report_has_one_answer() {
    let mut world = World::new();
    let reported = world.reported("mallory", "bob", Reason::Scam);
    let first = world.desk.take_in(
        &reported.accepted,
        &reported.encoded,
        world.now,
        &mut world.rng,
    );
    let first = first.unwrap();
    world.pass(HOUR);
    let again = world.desk.take_in(
        &reported.accepted,
        &reported.encoded,
        world.now,
        &mut world.rng,
    );
    assert_eq!(again.unwrap(), first);
    // Once accepted, it is not rejected either.
    let answer = world.desk.refuse(
        &digest_of(reported.accepted.report()),
        80,
        world.now,
        &mut world.rng,
    );
    assert_eq!(answer.unwrap(), first);

    let digest = digest_of(reported.accepted.report());
    let verified = first.verify(world.keys.log(), &digest, world.now.as_millis());
    assert_eq!(verified.unwrap().rejected(), None);

    let rejected = world.reported("mallory", "eve", Reason::Spam);
    let answer = world.desk.refuse(
        &digest_of(rejected.accepted.report()),
        77,
        world.now,
        &mut world.rng,
    );
    assert_eq!(
        answer.unwrap().entry().event,
        Event::ReportRejected { check: 77 }
    );
    assert_eq!(refused(world.take_in(&rejected)), Refused::AlreadyRejected);

    let mut other = world.reported("mallory", "eve", Reason::Spam);
    other.encoded = reported.encoded;
    assert_eq!(refused(world.take_in(&other)), Refused::OtherReport);
    assert_eq!(
        world.store.report(other.accepted.id().as_bytes()).unwrap(),
        None
    );
    world.is_sound();
}

#[test]
fn leaves_wait_for_the_end_of_their_day_and_come_in_the_order_of_their_hashes() {
    let mut world = World::new();
    let size = world.desk.log_size();
    let mut promised = Vec::new();
    for number in 0..20u8 {
        let (sealed, now) = ([number; 40], world.now);
        let promise = world
            .desk
            .refuse(&ReportDigest::of(&sealed), 77, now, &mut world.rng)
            .unwrap();
        promised.push(promise.entry().leaf_hash());
        world.pass(1_000);
    }
    assert_eq!(
        world
            .desk
            .append_waiting(world.now, &mut world.rng)
            .unwrap(),
        0
    );
    assert_eq!(world.desk.log_size(), size);

    world.pass(DAY);
    assert_eq!(
        world
            .desk
            .append_waiting(world.now, &mut world.rng)
            .unwrap(),
        20
    );
    assert_eq!(
        world
            .desk
            .append_waiting(world.now, &mut world.rng)
            .unwrap(),
        0
    );
    let rows = world.store.entries(size, 100).unwrap();
    let logged: Vec<_> = rows
        .iter()
        .map(|row| {
            waxseal_log::entry::Entry::decode(&row.entry)
                .unwrap()
                .leaf_hash()
        })
        .collect();
    promised.sort_unstable();
    assert_eq!(logged, promised);
    world.is_sound();
}

#[test]
fn the_reason_is_logged_after_the_report() {
    let mut world = World::new();
    let (_, early) = world.case();
    let late = world.reported("mallory", "carol", Reason::Spam);
    let late = world.take_in(&late).unwrap();
    assert_eq!(world.kinds(), [Kind::PolicyPublished]);
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    let after_batch = world.kinds();
    assert_eq!(
        after_batch
            .iter()
            .filter(|kind| **kind == Kind::ReportReceived)
            .count(),
        2
    );
    assert_eq!(
        after_batch
            .iter()
            .filter(|kind| **kind == Kind::ReportSorted)
            .count(),
        1
    );
    world.complete().unwrap();
    world.sort(&late).unwrap();
    assert_eq!(world.kinds().last(), Some(&Kind::ReportSorted));
    let sorted_after_received = |id: &ReportId| {
        let number = world.store.report(id.as_bytes()).unwrap().unwrap().number;
        let rows = world.store.entries_with(&number, 10).unwrap();
        rows.iter().map(|row| row.kind).collect::<Vec<_>>() == [1, 3]
    };
    assert!(sorted_after_received(&early) && sorted_after_received(&late));
    world.is_sound();
}

#[test]
fn a_report_that_another_desk_sorts_meanwhile_is_a_conflict() {
    let mut world = World::new();
    let reported = world.reported("mallory", "bob", Reason::Scam);
    let id = world.take_in(&reported).unwrap();
    let mut other = world.other_desk();
    let row = world.store.report(id.as_bytes()).unwrap().unwrap();
    let mut batch = other.begin(world.now);
    other
        .append_leaf_of(&mut batch, &row, &mut world.rng)
        .unwrap();
    world.sort(&id).unwrap();
    assert!(other.commit(batch).is_err_and(|error| error.is_conflict()));
    world.is_sound();
    world.pass(DAY);
    world
        .desk
        .append_waiting(world.now, &mut world.rng)
        .unwrap();
    world.is_sound();
}

#[cfg(feature = "sqlite")]
#[test]
fn a_thousand_reports_are_taken_in_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::SqliteStore::open(folder.path().join("desk.db")).unwrap();
    let mut world = World::on(store);
    let start = std::time::Instant::now();
    for number in 0..1_000u32 {
        let sealed = [number.to_be_bytes(); 300].concat();
        world
            .desk
            .refuse(&ReportDigest::of(&sealed), 77, world.now, &mut world.rng)
            .unwrap();
    }
    let seconds = start.elapsed().as_secs();
    assert!(seconds < 60, "{seconds}");
    world.pass(DAY);
    assert_eq!(
        world
            .desk
            .append_waiting(world.now, &mut world.rng)
            .unwrap(),
        1_000
    );
}

#[test]
fn chk626_an_encoded_report_that_names_its_id_is_taken_in_without_the_acceptance_key() {
    let mut world = World::new();
    let reported = world.reported("mallory", "bob", Reason::Scam);
    let take = |world: &mut World, encoded: &[u8]| {
        let (desk, rng) = (&mut world.desk, &mut world.rng);
        desk.take_in_encoded(encoded, world.now, rng)
    };
    for bad in [&b""[..], &[2], &[2; 17], &reported.encoded[..100]] {
        assert_eq!(refused(take(&mut world, bad)), Refused::OtherReport);
    }
    // One of the first version has the form, and no id.
    let mut first = vec![1];
    first.extend_from_slice(&reported.encoded[17..]);
    assert!(AcceptedReport::report_of(&first).is_ok());
    assert_eq!(refused(take(&mut world, &first)), Refused::OtherReport);
    let promise = take(&mut world, &reported.encoded).unwrap();
    assert_eq!(take(&mut world, &reported.encoded).unwrap(), promise);
    let row = world.store.report(reported.accepted.id().as_bytes());
    assert_eq!(row.unwrap().unwrap().promise, promise.encode());
    // It is the same report as the one that is taken in with its parts.
    let again = world.take_in(&reported).unwrap();
    assert_eq!(again, *reported.accepted.id());
    world.sort(&again).unwrap();
    world.is_sound();
}
