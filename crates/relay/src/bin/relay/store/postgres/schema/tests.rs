use std::sync::Arc;

use postgres::{Client, NoTls};
use waxseal_postgres::Server;

use super::{SETTINGS, VERSIONS, Version, prepare, upgrade};
use crate::store::postgres::session::Access;

/// What a later version might add.
const LATER: &str = "ALTER TABLE device ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
     CREATE TABLE later (id BIGINT PRIMARY KEY)";

fn later(oldest: i64) -> [Version; 2] {
    let added = VERSIONS[0].added;
    [
        Version { added, oldest: 1 },
        Version {
            added: LATER,
            oldest,
        },
    ]
}

fn database() -> Option<(Arc<Server>, Client)> {
    let server = Server::shared()?;
    let client = Client::connect(&server.database(), NoTls).unwrap();
    Some((server, client))
}

/// Enters a relay of this version.
fn enter(db: &mut Client, number: i64, version: i64) {
    let enter = "INSERT INTO process VALUES ($1, 0, $2, $3, 0, 0, 0, 0, 0)";
    let name = format!("relay-{number}");
    db.execute(enter, &[&number, &name, &version]).unwrap();
}

#[test]
fn chk732_relays_and_tables_of_two_versions_work_together_only_if_the_later_says_so() {
    let Some((_server, mut db)) = database() else {
        return;
    };
    upgrade(&mut db, VERSIONS, None).unwrap();
    enter(&mut db, 1, 1);
    // Tables that do not work with the relay of before are not made while it is known.
    let error = upgrade(&mut db, &later(2), None).unwrap_err().to_string();
    assert!(error.contains("relay-1"), "{error}");
    assert!(db.execute("SELECT later FROM device", &[]).is_err());
    enter(&mut db, 2, 1);
    let error = upgrade(&mut db, &later(2), Some(2)).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("relay-1") && !error.contains("relay-2"),
        "{error}"
    );
    db.execute("DELETE FROM process WHERE number = 2", &[])
        .unwrap();
    // Tables that do are, and it starts again with them.
    upgrade(&mut db, &later(1), None).unwrap();
    upgrade(&mut db, VERSIONS, None).unwrap();
    db.execute("SELECT later FROM device", &[]).unwrap();
    let version = "SELECT version FROM schema_version";
    let version: i64 = db.query_one(version, &[]).unwrap().get(0);
    assert_eq!(version, 2, "it takes nothing back");
    // Once it is replaced or taken out, it does not start any more.
    db.execute("UPDATE process SET version = 2", &[]).unwrap();
    db.execute("UPDATE schema_version SET oldest = 2", &[])
        .unwrap();
    let error = upgrade(&mut db, VERSIONS, None).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
    upgrade(&mut db, &later(2), None).unwrap();
}

#[test]
fn an_upgrade_does_not_wait_long_for_a_table_that_another_one_holds() {
    let Some((server, mut db)) = database() else {
        return;
    };
    upgrade(&mut db, VERSIONS, None).unwrap();
    let url = server.database();
    let access = Access::of(&url).unwrap();
    drop(prepare(&access, None).unwrap());
    let mut reader = Client::connect(&url, NoTls).unwrap();
    let mut reading = reader.transaction().unwrap();
    reading.execute("SELECT * FROM device", &[]).unwrap();
    let mut client = access.connect_with(SETTINGS).unwrap();
    let began = std::time::Instant::now();
    assert!(upgrade(&mut client, &later(1), None).is_err());
    let took = began.elapsed().as_secs();
    assert!((4..30).contains(&took), "{took}");
    drop(reading);
    upgrade(&mut client, &later(1), None).unwrap();
}
