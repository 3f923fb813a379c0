//! The server is killed, and connections are cut, while desks write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use waxseal_postgres::Server;

use super::super::PostgresStore;
use super::acts;
use crate::store::tests::act;
use crate::store::{Conflict, Store as _, StoreError};

/// Writes until it is told to stop. Returns how many acts were acknowledged, and how many calls
/// failed. Each failed call must have left a whole act or nothing.
fn write(url: &str, stop: &AtomicBool) -> (u64, u64) {
    // The server may be killed meanwhile.
    let mut store = loop {
        match PostgresStore::open(url) {
            Ok(store) => break store,
            Err(StoreError::Failed(_)) => sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error:?}"),
        }
    };
    let (mut acknowledged, mut failed, mut known) = (0, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let Ok(size) = store.log_size() else {
            sleep(Duration::from_millis(5));
            continue;
        };
        assert!(
            size >= known,
            "{size} entries, and {known} were acknowledged"
        );
        match store.apply(&act(size)) {
            Ok(()) => {
                acknowledged += 1;
                known = size + 1;
            }
            Err(StoreError::Conflict(Conflict::LogSize { .. })) => {}
            Err(StoreError::Failed(_)) => failed += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    (acknowledged, failed)
}

/// Two desks write while `disturb` does its harm. All that was acknowledged is there afterwards.
fn disturbed(server: &Server, mut disturb: impl FnMut()) {
    let url = server.database();
    drop(PostgresStore::open(&url).unwrap());
    let stop = AtomicBool::new(false);
    let (acknowledged, failed) = thread::scope(|scope| {
        let desks = [(); 2].map(|()| scope.spawn(|| write(&url, &stop)));
        for round in 0..8_u64 {
            sleep(Duration::from_millis(40 + 7 * round));
            disturb();
        }
        sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        let desks = desks.map(|desk| desk.join().unwrap());
        desks
            .iter()
            .fold((0, 0), |sum, desk| (sum.0 + desk.0, sum.1 + desk.1))
    });
    let found = acts(&PostgresStore::open(&url).unwrap());
    assert!(
        found >= acknowledged,
        "{acknowledged} acknowledged, {found} found"
    );
    // A call that failed may have stored its act.
    assert!(
        found <= acknowledged + failed,
        "{found}, {acknowledged}, {failed}"
    );
    assert!(acknowledged > 20 && failed > 0, "{acknowledged}, {failed}");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let Some(server) = Server::start() else {
        return;
    };
    disturbed(&server, || {
        server.kill();
        server.restart();
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_connections_are_cut() {
    let Some(server) = Server::start() else {
        return;
    };
    disturbed(&server, || {
        server.cut_connections();
    });
}

#[test]
fn a_store_connects_again_by_itself() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&act(0)).unwrap();
    server.cut_connections();
    assert_eq!(acts(&store), 1);
    server.cut_connections();
    store.apply(&act(1)).unwrap();
    server.cut_connections();
    store.compact().unwrap();
    server.kill();
    for _ in 0..2 {
        assert!(matches!(store.log_size(), Err(StoreError::Failed(_))));
        assert!(matches!(store.apply(&act(2)), Err(StoreError::Failed(_))));
    }
    server.restart();
    store.apply(&act(2)).unwrap();
    assert_eq!(acts(&store), 3);
}
