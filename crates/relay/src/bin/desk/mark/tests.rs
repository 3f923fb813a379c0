use super::*;

#[test]
fn a_time_that_is_still_to_come_is_on_the_disk_before_its_request_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("requests.mark");
    let open = || Mark::open(path.clone()).unwrap();
    let mut mark = open();
    mark.cover(1_000, 1_000).unwrap();
    assert!(!path.exists());
    mark.cover(6_000, 1_000).unwrap();
    assert_eq!(open().floor_ms(), 7_000);
    // It is not written again for what it covers.
    std::fs::remove_file(&path).unwrap();
    mark.cover(7_000, 1_000).unwrap();
    assert!(!path.exists());
    mark.cover(7_001, 1_000).unwrap();
    assert_eq!(open().floor_ms(), 8_001);

    std::fs::write(&path, "never").unwrap();
    assert!(Mark::open(path.clone()).is_err());
    // If it cannot be written, the request is not taken.
    let mut gone = Mark::open(dir.path().join("no-folder").join("mark")).unwrap();
    assert!(gone.cover(2, 1).is_err());
    assert_eq!(gone.floor_ms(), 0);
}

#[test]
fn a_mark_in_the_database_covers_every_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.sqlite");
    let store = || -> AnyStore { Box::new(waxseal_desk::store::SqliteStore::open(&path).unwrap()) };
    let open = || Mark::in_database(store()).unwrap();
    let mut mark = open();
    assert_eq!(mark.floor_ms(), 0);
    // The next server's clock may be behind this one's.
    mark.cover(1_000, 1_000).unwrap();
    assert_eq!(open().floor_ms(), 4_000);
    // It is not written again for what it covers.
    let row = store().meta(NAME).unwrap();
    mark.cover(4_000, 4_000).unwrap();
    assert_eq!(store().meta(NAME).unwrap(), row);
    mark.cover(4_001, 4_000).unwrap();
    assert_eq!(open().floor_ms(), 7_001);

    let damaged = MetaRow {
        name: NAME.to_owned(),
        value: vec![1],
    };
    let old = store().meta(NAME).unwrap().unwrap();
    store().apply(&[Change::swap(old, damaged)]).unwrap();
    assert!(Mark::in_database(store()).is_err());
}

#[test]
fn a_server_that_finds_the_mark_moved_takes_no_request_and_moves_it_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.sqlite");
    let store = || -> AnyStore { Box::new(waxseal_desk::store::SqliteStore::open(&path).unwrap()) };
    let open = || Mark::in_database(store()).unwrap();
    for first in [5_000, 20_000] {
        let (mut old, mut next) = (open(), open());
        old.cover(first, first).unwrap();
        assert!(is_taken_over(next.cover(first + 9_000, first)));
        let mut next = open();
        next.cover(first + 9_000, first).unwrap();
        let row = store().meta(NAME).unwrap();
        // It stood still meanwhile. Its mark would be the lower one, or the higher one.
        for at in [first, first + 5_000, first + 50_000] {
            assert!(is_taken_over(old.cover(at, at)), "{at}");
            assert_eq!(store().meta(NAME).unwrap(), row);
        }
        next.cover(first + 9_000, first).unwrap();
    }
}

#[cfg(feature = "postgres")]
#[test]
fn chk632_a_clock_that_is_ahead_does_not_keep_the_next_server_from_its_work() {
    use crate::clock::now;

    const HOUR: u64 = 3_600_000;
    let Some(server) = waxseal_postgres::Server::shared() else {
        return;
    };
    let url = server.database();
    let store = || crate::database::open(&url, None).unwrap();
    let open = || Mark::in_database(store()).unwrap();
    let (mut mark, now_ms) = (open(), now().as_millis());
    mark.cover(now_ms, now_ms).unwrap();
    mark.cover(now_ms + 110_000, now_ms + 55_000).unwrap();
    // The clocks of this server and of its caller are hours ahead.
    let error = mark
        .cover(now_ms + 6 * HOUR, now_ms + 6 * HOUR)
        .unwrap_err();
    assert!(error.to_string().contains("ahead of the database's"));
    assert_eq!(mark.floor_ms(), now_ms + 113_000);
    // The clock of the next one is right.
    assert_eq!(open().floor_ms(), now_ms + 113_000);
    mark.cover(now_ms + 111_000, now_ms + 55_000).unwrap();

    let clock = store().clock().unwrap();
    check_clock(now_ms + 30_000, clock).unwrap();
    check_clock(now_ms - HOUR, clock).unwrap();
    check_clock(now_ms + HOUR, clock).unwrap_err();
}

#[test]
fn the_operator_is_told_for_how_long_no_request_is_taken() {
    for (floor_ms, is_told) in [(0, false), (1_063_000, false), (1_063_001, true)] {
        assert_eq!(check_floor(1_000_000, floor_ms).is_err(), is_told);
    }
    let told = check_floor(1_000_000, 4_600_000).unwrap_err();
    assert!(told.contains("for 3600 s"), "{told}");
}

fn is_taken_over(covered: Result<()>) -> bool {
    let error = covered.unwrap_err();
    matches!(error.downcast_ref(), Some(StoreError::TakenOver))
}
