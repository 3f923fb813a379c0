use super::*;
use crate::desk::tests::files::blob;
use crate::desk::tests::world::{HOUR, World, refused};
use crate::policy::{Officer, Policy, PolicyTerms};
use crate::store::FetchList;
use waxseal_log::entry::{Kind, Purpose};

fn fetch(world: &mut World, report: &ReportId, blob: &BlobId) -> Result<(), DeskError> {
    let officer = world.officers.ask.id();
    let (now, rng) = (world.now, &mut world.rng);
    world.desk.file_fetched(report, blob, &officer, now, rng)
}

fn fetched(world: &World) -> usize {
    let kinds = world.kinds();
    kinds
        .iter()
        .filter(|kind| **kind == Kind::FileFetched)
        .count()
}

#[test]
fn chk683_a_file_is_fetched_after_its_report_was_shown() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    assert_eq!(
        refused(fetch(&mut world, &report, &blob())),
        Refused::NotShown
    );
    // An opening that was logged and not shown is none.
    let grant = world.file_grant(case, &report);
    let (now, rng) = (world.now, &mut world.rng);
    let begun = world
        .desk
        .begin_opening(&grant, &report, &mut world.vault, now, rng);
    begun.unwrap();
    assert_eq!(
        refused(fetch(&mut world, &report, &blob())),
        Refused::NotShown
    );
    world.open(&grant, &report).unwrap();
    // Another file, another report, and another officer.
    let other = BlobId::from_bytes([1; 32]);
    assert_eq!(
        refused(fetch(&mut world, &report, &other)),
        Refused::NotShown
    );
    let unknown = ReportId::from_bytes([1; 16]);
    assert_eq!(
        refused(fetch(&mut world, &unknown, &blob())),
        Refused::NotShown
    );
    let officer = world.officers.decide.id();
    let (now, rng) = (world.now, &mut world.rng);
    let foreign = world
        .desk
        .file_fetched(&report, &blob(), &officer, now, rng);
    assert_eq!(refused(foreign), Refused::NotShown);
    assert_eq!(fetched(&world), 0);
    fetch(&mut world, &report, &blob()).unwrap();
    assert_eq!(fetched(&world), 1);
    let rows = world
        .store
        .fetches(&FetchList::OfReport(*report.as_bytes()), 9)
        .unwrap();
    assert_eq!(rows[0].blob, *blob().as_bytes());
    assert_eq!(rows[0].log_index, world.desk.log_size() - 1);
    world.is_sound();
}

#[test]
fn chk683_a_file_is_fetched_while_the_grant_and_the_role_last() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    world.show_file(case, &report);
    // The grant is for twelve hours.
    world.pass(12 * HOUR - 1);
    fetch(&mut world, &report, &blob()).unwrap();
    world.pass(1);
    let late = fetch(&mut world, &report, &blob());
    assert_eq!(refused(late), Refused::NotShown);
    // Nor once upkeep has entered that it expired.
    world.pass(HOUR);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    let late = fetch(&mut world, &report, &blob());
    assert_eq!(refused(late), Refused::NotShown);
    assert_eq!(fetched(&world), 1);

    // An earlier opening, whose grant is for longer, still counts after the last one ended.
    world.complete().unwrap();
    world.show_file(case, &report);
    let mut terms = world.terms(case, &report, Purpose::ChildSafety);
    terms.reports[0].messages = 1;
    terms.expires = Timestamp::from_millis(world.now.as_millis() + HOUR);
    let short = world.request(&terms).unwrap();
    world.open(&short, &report).unwrap();
    world.pass(2 * HOUR);
    fetch(&mut world, &report, &blob()).unwrap();
    let (now, officer) = (world.now, world.officers.ask.id());
    let noted = world
        .desk
        .file_handed_out(&report, &blob(), &officer, &(0..10), now);
    noted.unwrap();
    let list = FetchList::OfBlob(*blob().as_bytes());
    let rows = world.store.fetches(&list, 9).unwrap();
    let handed: Vec<_> = rows.iter().map(|row| row.handed_out).collect();
    assert_eq!(handed, [0, 10]);
    world.is_sound();

    // The officer is an officer still, and may not ask any more.
    let officers = world.policy.terms().officers.iter().cloned();
    let officers = officers.map(|one| match one.id == officer {
        true => Officer {
            roles: Roles::DECIDE,
            ..one
        },
        false => one,
    });
    let policy = Policy::new(PolicyTerms {
        version: 2,
        officers: officers.collect(),
        ..world.policy.terms().clone()
    });
    world.publish(&policy.unwrap()).unwrap();
    let without = fetch(&mut world, &report, &blob());
    assert_eq!(refused(without), Refused::NotAllowed);
}

#[test]
fn a_file_is_entered_once_for_each_opening() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    world.show_file(case, &report);
    for _ in 0..3 {
        fetch(&mut world, &report, &blob()).unwrap();
    }
    assert_eq!(fetched(&world), 1);
    world.reopen();
    fetch(&mut world, &report, &blob()).unwrap();
    assert_eq!(fetched(&world), 1);
    world.show_file(case, &report);
    fetch(&mut world, &report, &blob()).unwrap();
    assert_eq!(fetched(&world), 2);
    world.is_sound();
}

#[test]
fn a_fetch_is_entered_before_anything_is_handed_out() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    world.show_file(case, &report);
    world.store.stop_after(0);
    assert!(fetch(&mut world, &report, &blob()).is_err());
    world.store.stop_after(usize::MAX);
    assert_eq!(fetched(&world), 0);
    assert!(
        world
            .store
            .fetches(&FetchList::OfReport(*report.as_bytes()), 9)
            .unwrap()
            .is_empty()
    );
    world.is_sound();
}

#[test]
fn the_public_entry_does_not_tell_the_report() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    world.show_file(case, &report);
    fetch(&mut world, &report, &blob()).unwrap();
    let entry = world.store.entry(world.desk.log_size() - 1).unwrap();
    let entry = entry.unwrap();
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    assert_ne!(entry.number, row.number);
    assert_ne!(entry.number, *case.as_bytes());
}

#[test]
fn chk688_only_bytes_without_a_gap_count_as_handed_out() {
    let mut world = World::new();
    let (case, report) = world.file_case();
    let officer = world.officers.ask.id();
    let handed = |world: &mut World, bytes: Range<u64>| {
        let now = world.now;
        let noted = world
            .desk
            .file_handed_out(&report, &blob(), &officer, &bytes, now);
        noted.unwrap();
        let list = FetchList::OfBlob(*blob().as_bytes());
        let rows = world.store.fetches(&list, 9).unwrap();
        rows.last().map(|row| row.handed_out)
    };
    // Before it was shown, and before the fetch is entered.
    assert_eq!(handed(&mut world, 0..10), None);
    world.show_file(case, &report);
    assert_eq!(handed(&mut world, 0..10), None);
    fetch(&mut world, &report, &blob()).unwrap();
    for (bytes, expected) in [
        (5..10, 0),
        (0..10, 10),
        (0..4, 10),
        (11..20, 10),
        (10..20, 20),
        (15..30, 30),
    ] {
        assert_eq!(handed(&mut world, bytes), Some(expected));
    }
    // A further opening begins anew.
    world.show_file(case, &report);
    fetch(&mut world, &report, &blob()).unwrap();
    assert_eq!(handed(&mut world, 30..40), Some(0));
    world.is_sound();
}
