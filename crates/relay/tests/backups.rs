//! Relays whose database another server takes over, or a backup, or which is upgraded while they
//! run.

#![cfg(feature = "postgres")]
#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::thread::sleep;
use std::time::Duration;

use postgres::{Client, NoTls};
use waxseal_interface::{ErrorCode, Event};
use waxseal_postgres::Server;
use waxseal_relay::Deliveries;
use waxseal_reporting::AccountId;
use world::relays::Relays;
use world::{Device, SOON, code, traffic};

fn devices(relays: &Relays, names: &[&str]) -> Vec<Device> {
    let devices = names.iter().enumerate();
    let devices = devices.map(|(at, name)| relays.device(name, at % relays.count()));
    devices.collect()
}

/// The URL of the database that the relays use.
fn url(relays: &Relays) -> String {
    relays.database.lock().unwrap().clone()
}

#[test]
fn a_synchronous_standby_takes_over_and_no_message_that_was_acknowledged_is_lost() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let standby = relays.server.standby();
    let both = relays.server.url_with(&standby, &url(&relays));
    *relays.database.lock().unwrap() = both;
    for at in 0..2 {
        relays.kill(at);
        relays.restart(at);
    }
    let mut senders = devices(&relays, &["alice", "bob", "carol"]);
    let recipients = devices(&relays, &["x-ray", "yankee"]);
    let take_over = || {
        sleep(Duration::from_secs(2));
        relays.server.kill();
        sleep(Duration::from_millis(500));
        standby.promote();
        sleep(Duration::from_secs(3));
    };
    let outcome = traffic::run(
        &relays,
        &mut senders,
        &recipients,
        Duration::from_secs(6),
        take_over,
    );
    println!("{outcome:?}");
    assert!(outcome.acknowledged > 30, "{outcome:?}");
}

/// What comes on a connection.
struct Came {
    messages: Vec<(u64, String)>,
    /// Between which times messages may be lost.
    lost: Option<(u64, u64)>,
}

/// Takes what comes on a connection, until it is all.
fn take_all(device: &Device, deliveries: &mut Deliveries) -> Came {
    let (mut messages, mut lost) = (Vec::new(), None);
    loop {
        match deliveries.next(SOON).unwrap() {
            Some(Event::Delivery { id, delivery, .. }) => {
                messages.push((id, device.open(&delivery).0));
            }
            Some(Event::QueueExpired { from_ms, to_ms }) => lost = Some((from_ms, to_ms)),
            Some(Event::CaughtUp) => return Came { messages, lost },
            None => panic!("nothing comes"),
        }
    }
}

#[test]
fn after_a_restore_devices_know_what_may_be_lost_and_no_number_comes_again() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let mut alice = relays.device("alice", 0);
    let bob = relays.device("bob", 1);
    let send = |alice: &mut Device, text: &str| {
        let (sent, posted) = alice.seal(&bob.me, text);
        let receipt = relays
            .client(0)
            .send(alice.session(), &bob.me.account, &posted);
        drop((sent, receipt.unwrap()));
    };
    send(&mut alice, "before");
    let backup = relays.server.back_up();
    send(&mut alice, "after");
    relays.device("carol", 0);
    let mut deliveries = relays.client(1).deliveries(bob.session()).unwrap();
    let Came {
        messages: came,
        lost,
    } = take_all(&bob, &mut deliveries);
    let texts: Vec<_> = came.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!((texts, lost), (vec!["before", "after"], None));
    let highest = came[1].0;
    drop(deliveries);

    // The server is gone, with all that came after the backup.
    for at in 0..2 {
        relays.kill(at);
    }
    relays.server.kill();
    let restored = Server::from_backup(&backup);
    let [old, new] = [&relays.server, &restored].map(|server| format!(":{}/", server.port()));
    let restored_url = url(&relays).replace(&old, &new);
    *relays.database.lock().unwrap() = restored_url;
    relays.restart_with(0, &["--restored"]);
    relays.restart(1);
    send(&mut alice, "again");
    let mut deliveries = relays.client(1).deliveries(bob.session()).unwrap();
    let Came {
        messages: came,
        lost,
    } = take_all(&bob, &mut deliveries);
    let texts: Vec<_> = came.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["before", "again"]);
    assert!(came[1].0 > highest, "{came:?}");
    let (from_ms, to_ms) = lost.expect("Bob is told");
    assert!(from_ms < to_ms);
    // Who registered after the backup is not known, and can do it again.
    let (client, carol) = (relays.client(0), AccountId::new("carol").unwrap());
    let unknown = client.roster(alice.session(), &carol);
    assert_eq!(code(unknown), ErrorCode::NoSuchAccount);
    relays.device("carol", 0);
}

#[test]
fn relays_work_while_a_later_version_adds_to_the_tables_and_start_again_with_them() {
    let Some(relays) = Relays::start(2) else {
        return;
    };
    let mut senders = devices(&relays, &["alice", "bob", "carol"]);
    let recipients = devices(&relays, &["x-ray", "yankee"]);
    // A later version, as `store::postgres::schema` lets it come: it only adds.
    let upgrade = || {
        sleep(Duration::from_secs(1));
        let mut db = Client::connect(&url(&relays), NoTls).unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()
             AND tablename <> 'schema_version'";
        let tables: Vec<String> = db
            .query(tables, &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(tables.len() > 20, "{tables:?}");
        for table in tables {
            let add = format!("ALTER TABLE {table} ADD COLUMN later BIGINT NOT NULL DEFAULT 0");
            db.batch_execute(&add).unwrap();
        }
        db.batch_execute("UPDATE schema_version SET version = version + 1")
            .unwrap();
        sleep(Duration::from_secs(1));
        for at in 0..2 {
            assert!(relays.stop(at));
            relays.restart(at);
        }
    };
    let outcome = traffic::run(
        &relays,
        &mut senders,
        &recipients,
        Duration::from_secs(6),
        upgrade,
    );
    println!("{outcome:?}");
    assert!(outcome.acknowledged > 30, "{outcome:?}");
    // All that devices do still works.
    relays.device("dave", 0);
    relays.device("erin", 1);
}
