use waxseal_desk::store::{Change, MemoryStore};

use super::*;
use crate::outbox::tests::world::World;

const CASE: [u8; 16] = [7; 16];

fn report(number: u64, is_erased: bool) -> ReportRow {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    ReportRow {
        id,
        digest,
        accepted_digest: Some(digest),
        number: id,
        promise: Vec::new(),
        reason: Some(2),
        rejected: None,
        received_day: 0,
        received_at_ms: number,
        case_id: Some(CASE),
        reporter: None,
        reporter_account: None,
        is_erased,
    }
}

#[test]
fn each_step_tells_the_relay_of_the_reports_that_it_erases() {
    let mut store = MemoryStore::new();
    let rows = (0..2_500).map(|number| report(number, number < 1_200));
    let rows: Vec<_> = rows.map(Change::add).collect();
    store.apply(&rows).unwrap();
    let found = not_erased(&store, &CASE).unwrap();
    let times: Vec<_> = found.iter().map(|row| row.received_at_ms).collect();
    assert_eq!(times, (1_200..2_200).collect::<Vec<_>>());
    let changes = found.into_iter().map(|row| {
        let erased = ReportRow {
            is_erased: true,
            ..row.clone()
        };
        Change::swap(row, erased)
    });
    store.apply(&changes.collect::<Vec<_>>()).unwrap();
    assert_eq!(not_erased(&store, &CASE).unwrap().len(), 300);
}

/// The keeper of a server, as after a start.
pub fn keeper(server: &Arc<Server>) -> Keeper {
    Keeper {
        server: server.clone(),
        todo: Todo::open(&server.folder).unwrap(),
        keep_ms: 0,
        delay: Delay { ms: 0 },
        refused: HashMap::new(),
        has_traces: true,
        published: Published::default(),
    }
}

#[test]
fn what_was_erased_is_wiped_later_if_someone_reads() {
    let world = World::new(&[]);
    let folder = world.server.folder.clone();
    let mut keeper = keeper(&world.server);
    keeper.wipe().unwrap();
    assert!(!keeper.has_traces);
    let path = folder.path("desk.sqlite");
    let mut store = waxseal_desk::store::SqliteStore::open(&path).unwrap();
    store.apply(&[Change::add(report(1, false))]).unwrap();
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = |db: &rusqlite::Connection| -> u64 {
        db.query_row("SELECT count(*) FROM reports", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(count(&reader), 1);
    store
        .apply(&[Change::swap(report(1, false), report(1, true))])
        .unwrap();
    // It is tried again each time until nobody reads.
    keeper.has_traces = true;
    let log = folder.path("desk.sqlite-wal");
    for _ in 0..2 {
        keeper.wipe().unwrap();
        assert!(keeper.has_traces && log.metadata().unwrap().len() > 0);
    }
    reader.execute_batch("COMMIT").unwrap();
    keeper.wipe().unwrap();
    assert!(!keeper.has_traces);
    assert_eq!(log.metadata().unwrap().len(), 0);
}
