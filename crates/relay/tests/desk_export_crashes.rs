//! A desk that is killed at random points while officers export.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use office::targets::{export, set_up, target};
use office::{Office, wait_for};
use waxseal_log::entry::{Measure, Target};
use waxseal_postgres::Server;
use waxseal_relay::desk::Exports;

#[test]
fn kills_at_random_points_lose_no_export() {
    killed_at_random_points(Office::new(), None);
}

/// Every other time, the database is killed too.
#[test]
fn kills_of_desk_and_postgresql_at_random_points_lose_no_export() {
    if let Some(server) = Server::start() {
        killed_at_random_points(Office::over(server.database()), Some(&server));
    }
}

fn killed_at_random_points(mut office: Office, database: Option<&Server>) {
    let (url, requests) = target(&[]);
    let webhook = format!("{{\"webhook\": {{ \"url\": \"{url}/a\", \"key\": \"webhook.key\" }} }}");
    set_up(&mut office, &webhook);
    let reported = office.intake.report("mallory", "victim", &["your code?"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let decision = office.decision(case, Measure::Suspended);
    office.act(&office.officers.alice, &decision).unwrap();
    let alice = &office.officers.alice.clone();

    let mut made = HashMap::new();
    // A server over a database begins after a pause.
    let kills = if database.is_some() { 4 } else { 8 };
    for kill in 0..kills {
        let wait = Duration::from_millis(rand::random_range(100..700));
        let (server, is_over) = (office.desk(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(wait);
                if let Some(database) = database.filter(|_| kill % 2 == 1) {
                    database.kill();
                    database.restart();
                }
                server.kill();
                is_over.store(true, Ordering::SeqCst);
            });
            while !is_over.load(Ordering::SeqCst) {
                if let Ok(export) = export(&office, alice, case, Target::Webhook, None) {
                    made.insert(export.id.to_string(), export.sent);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        office.start();
    }
    let all = wait_for(|| {
        let all = office.get::<Exports>(alice, "/v1/exports").exports;
        let is_taken = all.iter().all(|export| export.taken_at_ms.is_some());
        is_taken.then_some(all)
    });
    assert!(made.len() > 4 && all.len() >= made.len(), "{}", made.len());
    assert!(office.desk().stop());
    office.audit();

    // Each was sent, with the same bytes under its number, and an officer who got an answer knows
    // them.
    let mut sent: HashMap<String, Vec<u8>> = HashMap::new();
    let mut again = 0;
    for request in requests.try_iter() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("idempotency-key: "));
        let body = body.as_bytes().to_vec();
        if let Some(before) = sent.insert(key.unwrap().to_owned(), body.clone()) {
            assert_eq!(before, body);
            again += 1;
        }
    }
    for export in &all {
        assert!(sent.contains_key(&export.id.to_string()), "{}", export.id);
    }
    assert_eq!(sent.len(), all.len());
    for (id, bytes) in made {
        assert_eq!(sent[&id], bytes);
    }
    // Only one is on its way at a time, so a kill can have one sent again.
    assert!(again <= kills, "{again} were sent again");
}
