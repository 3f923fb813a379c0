use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::sleep;

use super::*;
use crate::fixture::database;
use crate::store::news::{Ear, News};
use crate::store::postgres::Postgres;
use crate::store::postgres::session::Access;

/// Keeps what is found of its devices.
struct Finds {
    devices: Mutex<HashMap<i64, i64>>,
    went_back: AtomicBool,
    found: Mutex<BTreeMap<i64, (i64, i64)>>,
}

impl Ear for Finds {
    fn hear(&self, _: News) {}

    fn connected(&self) -> HashMap<i64, i64> {
        self.devices.lock().unwrap().clone()
    }

    fn went_back(&self) {
        self.went_back.store(true, Ordering::Relaxed);
    }

    fn found(&self, device: i64, next: i64, connection: i64) {
        let mut found = self.found.lock().unwrap();
        found.insert(device, (next, connection));
    }
}

#[test]
fn thousands_of_devices_are_asked_for_and_a_slow_answer_is_no_loss() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let postgres = Postgres::open(&url, 1).unwrap();
    let mut client = Access::of(&url).unwrap().connect().unwrap();
    let many = "INSERT INTO account (id, name) VALUES (1, 'alice');
         INSERT INTO device (id, account, number, identity, connection)
             SELECT n, 1, n, '', n FROM generate_series(1, 2500) n;
         DELETE FROM inbox WHERE recipient % 2 <> 0;
         UPDATE inbox SET next = recipient + 1, bytes = 1";
    client.batch_execute(many).unwrap();
    let ear = Arc::new(Finds {
        // All were sent what there is. Devices without a queue may have been sent anything.
        devices: Mutex::new((1..=2_501).map(|n| (n, n + 1)).collect()),
        went_back: AtomicBool::new(false),
        found: Mutex::default(),
    });
    postgres.hear(ear.clone());
    let began = Instant::now();
    while ear.found.lock().unwrap().len() < 2_500 {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10));
    }
    let found = std::mem::take(&mut *ear.found.lock().unwrap());
    let next = |n: i64| if n % 2 == 0 { n + 1 } else { 0 };
    let expected: BTreeMap<_, _> = (1..=2_500).map(|n| (n, (next(n), n))).collect();
    assert_eq!(found, expected);
    while postgres.shared.all_bytes.load(Ordering::Relaxed) != 1_250 {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10));
    }

    // One was sent a message that the database lacks.
    assert!(!ear.went_back.load(Ordering::Relaxed));
    ear.devices.lock().unwrap().insert(1_998, 2_000);
    let began = Instant::now();
    while !ear.went_back.load(Ordering::Relaxed) {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10));
    }

    // Both statements wait until they end.
    let lock = "LOCK TABLE device, inbox IN ACCESS EXCLUSIVE MODE";
    let mut change = client.transaction().unwrap();
    change.batch_execute(lock).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        assert!(!postgres.is_lost());
        sleep(Duration::from_millis(20));
    }
    ear.found.lock().unwrap().clear();
    change.commit().unwrap();
    let began = Instant::now();
    while ear.found.lock().unwrap().len() < 2_500 {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10));
    }
    assert_eq!(postgres.losses(), 0);
}

#[test]
fn one_relay_counts_and_another_one_goes_on_if_it_says_nothing_for_long() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    drop(Postgres::open(&url, 1).unwrap());
    let mut client = Access::of(&url).unwrap().connect().unwrap();
    let reset = "UPDATE found_out SET due_ms = 0";
    client.execute(reset, &[]).unwrap();
    let counting = || Counting {
        began: Instant::now(),
        due_ms: 0,
        bytes: 0,
        at: (0, 0),
        rows: MAX_ROWS,
    };
    let (mut one, mut other) = (counting(), counting());
    assert!(one.go_first(&mut client, KEPT).unwrap());
    assert!(!other.go_first(&mut client, KEPT).unwrap());
    assert!(one.go_first(&mut client, KEPT).unwrap());
    let due = "SELECT due_ms, due_ms > now_us() / 1000 + 8000 FROM found_out";
    let row = client.query_one(due, &[]).unwrap();
    let (due_ms, is_kept): (i64, bool) = (row.get(0), row.get(1));
    assert!(is_kept);
    // Once the time is over, the other one has it.
    other.due_ms = due_ms;
    assert!(other.go_first(&mut client, KEPT).unwrap());
    assert!(!one.go_first(&mut client, KEPT).unwrap());
}
