//! The place of the one server.

use std::thread;
use std::time::{Duration, Instant};

use waxseal_postgres::Server;

use super::super::{OneServer, PostgresStore};
use super::{acts, database};
use crate::store::tests::{act, case};
use crate::store::{Change, Store as _, StoreError};

/// Takes the place as soon as it is free. Returns how long that took.
fn waited(server: &mut OneServer) -> Duration {
    let began = Instant::now();
    while server.take().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30));
        thread::sleep(OneServer::TICK);
    }
    began.elapsed()
}

#[test]
fn one_server_has_the_place_and_another_gets_it_when_the_first_is_cut_off() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let [mut first, mut second] = [(); 2].map(|()| OneServer::at(&url).unwrap());
    assert!(!first.is_held());
    let row = first.take().unwrap().unwrap();
    assert!(second.take().unwrap().is_none());
    // Desks go on meanwhile, and another database has a place of its own.
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&act(0)).unwrap();
    assert_eq!(store.meta(&row.name).unwrap().as_ref(), Some(&row));
    let mut elsewhere = OneServer::at(&server.database()).unwrap();
    assert!(elsewhere.take().unwrap().is_some());
    assert!(first.is_held());

    server.cut_connections();
    assert!(second.take().is_err(), "its connection was cut too");
    let next = second.take().unwrap().unwrap();
    assert!(second.is_held() && !first.is_held());
    assert_ne!(next, row);
    assert!(first.take().unwrap().is_none());
    drop(second);
    waited(&mut first);
}

#[test]
fn a_server_that_waits_keeps_its_connection_and_outlives_the_database() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let [mut first, mut second] = [(); 2].map(|()| OneServer::at(&url).unwrap());
    first.take().unwrap().unwrap();
    let connections = || server.processes().len();
    assert!(second.take().unwrap().is_none());
    let before = connections();
    for _ in 0..10 {
        assert!(second.take().unwrap().is_none());
    }
    assert_eq!(connections(), before);
    server.kill();
    assert!(!first.is_held());
    for _ in 0..2 {
        assert!(matches!(second.take(), Err(StoreError::Failed(_))));
    }
    server.restart();
    assert!(second.take().unwrap().is_some());
    assert!(second.is_held());
}

#[test]
fn a_server_that_stands_still_loses_the_place_within_seconds() {
    let Some((_server, url)) = database() else {
        return;
    };
    let [mut first, mut second] = [(); 2].map(|()| OneServer::at(&url).unwrap());
    first.take().unwrap().unwrap();
    // One that asks keeps the place.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(7) {
        assert!(first.is_held());
        assert!(second.take().unwrap().is_none());
        thread::sleep(OneServer::TICK);
    }
    // Its connection stays open, and nothing is asked on it.
    let took = waited(&mut second);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(second.is_held() && !first.is_held());
}

#[test]
fn a_database_that_stands_still_keeps_nobody_waiting() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let [mut first, mut second] = [(); 2].map(|()| OneServer::at(&url).unwrap());
    first.take().unwrap().unwrap();
    assert!(second.take().unwrap().is_none());
    server.freeze();
    let began = Instant::now();
    assert!(!first.is_held());
    assert!(matches!(second.take(), Err(StoreError::Failed(_))));
    assert!(began.elapsed() < Duration::from_secs(10));
    server.thaw();
    waited(&mut second);
}

#[test]
fn chk717_a_server_whose_place_was_taken_changes_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let [mut first, mut second] = [(); 2].map(|()| OneServer::at(&url).unwrap());
    let row = first.take().unwrap().unwrap();
    let mut store = PostgresStore::open_while(&url, row).unwrap();
    store.apply(&act(0)).unwrap();
    // A new connection is no way around it.
    server.cut_connections();
    store.apply(&act(1)).unwrap();
    let row = second.take().unwrap().unwrap();
    for changes in [act(2), vec![Change::add(case("mallory"))], vec![]] {
        let error = store.apply(&changes).unwrap_err();
        assert!(matches!(error, StoreError::TakenOver), "{error:?}");
    }
    server.cut_connections();
    assert!(matches!(store.apply(&act(2)), Err(StoreError::TakenOver)));
    // It reads what there is, and the next server goes on.
    assert_eq!(acts(&store), 2);
    let mut next = PostgresStore::open_while(&url, row).unwrap();
    next.apply(&act(2)).unwrap();
    // A command of the operator works beside it.
    PostgresStore::open(&url).unwrap().apply(&act(3)).unwrap();
    assert_eq!(acts(&next), 4);
    // The row was lost, as with a standby that was behind.
    super::admin(&url)
        .batch_execute("DELETE FROM meta WHERE name = 'server'")
        .unwrap();
    assert!(matches!(next.apply(&act(4)), Err(StoreError::TakenOver)));
}

#[test]
fn a_standby_gives_no_place_and_is_no_store() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    PostgresStore::open(&url).unwrap().apply(&act(0)).unwrap();
    server.kill();
    server.restart_as_standby();
    let mut place = OneServer::at(&url).unwrap();
    assert!(matches!(place.take(), Err(StoreError::Failed(_))));
    assert!(matches!(
        PostgresStore::open(&url),
        Err(StoreError::Failed(_))
    ));
    // Of several hosts, the one that is no standby is meant.
    let Some(primary) = Server::start() else {
        return;
    };
    let name = url.rsplit_once('/').unwrap().1;
    assert!(primary.database().ends_with(name));
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", server.port(), primary.port());
    let mut place = OneServer::at(&format!("postgres://waxseal@{hosts}/{name}")).unwrap();
    assert!(place.take().unwrap().is_some());
}
