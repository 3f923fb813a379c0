//! Exports and fetches that a thief of the store changes.

use super::{Finding, findings};
use crate::desk::tests::files::blob;
use crate::desk::tests::world::World;
use crate::export::Form;
use crate::outbox::{NewExport, Tried};
use crate::store::*;

/// A case with a fetch, an export that waits and one that was taken.
struct Exported {
    world: World,
    waits: [u8; 16],
    taken: [u8; 16],
    fetch: FetchRow,
}

impl Exported {
    fn new() -> Self {
        let mut world = World::new();
        let (case, report) = world.file_case();
        world.case();
        world.show_file(case, &report);
        let officer = world.officers.ask.id();
        let (now, rng) = (world.now, &mut world.rng);
        world
            .desk
            .file_fetched(&report, &blob(), &officer, now, rng)
            .unwrap();
        let new = NewExport {
            case,
            form: Form::Webhook,
            officer: world.officers.decide.id(),
            body: b"{}",
        };
        let [waits, taken] = [0, 1].map(|_| world.desk.export(&new, now, rng).unwrap());
        let tried = Tried::Taken;
        world.desk.export_tried(&taken, tried, "", now).unwrap();
        world.is_sound();
        let fetch = world
            .store
            .fetches(&FetchList::OfReport(*report.as_bytes()), 9)
            .unwrap()
            .remove(0);
        Self {
            world,
            waits,
            taken,
            fetch,
        }
    }

    /// Asserts that a change is found, and undoes it.
    fn found<R: Into<Row> + Clone>(&self, old: &R, change: impl Fn(&mut R)) {
        let mut new = old.clone();
        change(&mut new);
        let store = &self.world.store;
        store.tamper(&[Change::swap(old.clone(), new.clone())]);
        assert_ne!(findings(&self.world), [], "{:?}", new.clone().into());
        store.tamper(&[Change::swap(new, old.clone())]);
        self.world.is_sound();
    }
}

#[test]
fn chk684_a_changed_export_or_fetch_is_found() {
    let all = Exported::new();
    let store = &all.world.store;
    let waits = store.export(&all.waits).unwrap().unwrap();
    let taken = store.export(&all.taken).unwrap().unwrap();
    let other = store.cases_of("mallory", 9).unwrap();
    let other = other.iter().find(|case| case.id != waits.case_id);
    assert!(other.is_none(), "both reports are about one account");
    all.found(&waits, |row| row.case_id = [1; 16]);
    all.found(&waits, |row| row.form = Form::Dsa.number());
    all.found(&waits, |row| row.form = 0);
    all.found(&waits, |row| row.log_index = taken.log_index);
    all.found(&waits, |row| {
        row.state = ExportState::Taken;
        row.next_try_at_ms = None;
        row.ended_at_ms = Some(1);
    });
    all.found(&taken, |row| {
        row.state = ExportState::Waiting;
        row.next_try_at_ms = Some(1);
        row.ended_at_ms = None;
    });
    let outbox = store.outbox(&all.waits).unwrap().unwrap();
    all.found(&outbox, |row| row.body = b"{ }".to_vec());
    all.found(&all.fetch, |row| row.log_index = taken.log_index);
    all.found(&all.fetch, |row| row.report_id = [1; 16]);
    let list = OpeningList::UnderGrant(all.fetch.grant_digest);
    let opening = store.openings(&list, None, 9).unwrap().remove(0);
    all.found(&opening, |row| row.shown_at_ms = None);
}

#[test]
fn chk684_an_invented_export_or_fetch_is_found() {
    let all = Exported::new();
    let store = &all.world.store;
    let waits = store.export(&all.waits).unwrap().unwrap();
    store.tamper(&[Change::add(ExportRow {
        id: [9; 16],
        ..waits
    })]);
    let found = findings(&all.world);
    let finding = |table, id| Finding::WithoutEntry { table, id };
    assert_eq!(found, [finding("export", [9; 16])]);

    let all = Exported::new();
    let fetch = FetchRow {
        blob: [9; 32],
        ..all.fetch.clone()
    };
    all.world.store.tamper(&[Change::add(fetch)]);
    let grant = all.fetch.grant_digest.first_chunk().copied().unwrap();
    assert_eq!(findings(&all.world), [finding("fetch", grant)]);

    let all = Exported::new();
    let body = b"{}".to_vec();
    let export_id = all.taken;
    all.world
        .store
        .tamper(&[Change::add(OutboxRow { export_id, body })]);
    assert_eq!(findings(&all.world).len(), 1);
}
