use super::*;

const CLOCK: u64 = 1_800_000_000_000;

fn database(dir: &tempfile::TempDir) -> Database {
    Database::open(&dir.path().join("db")).unwrap()
}

fn insert(db: &Connection, name: &str) -> i64 {
    db.execute(
        "INSERT INTO account (name, device, identity, delivery_key) VALUES (?, 1, x'', x'')",
        [name],
    )
    .unwrap();
    db.last_insert_rowid()
}

fn take(db: &Connection, account: i64, clock: u64) -> u64 {
    let taken = next_accepted_at(db, account, Timestamp::from_millis(clock));
    taken.unwrap().as_millis()
}

#[tokio::test]
async fn eight_messages_within_one_millisecond_get_rising_times() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let times = database.run(|db| {
        let (alice, bob) = (insert(db, "alice"), insert(db, "bob"));
        let times: Vec<u64> = (0..8).map(|_| take(db, alice, CLOCK)).collect();
        assert_eq!(take(db, bob, CLOCK), CLOCK, "each device has its own time");
        Ok(times)
    });
    let expected: Vec<u64> = (CLOCK..CLOCK + 8).collect();
    assert_eq!(times.await.unwrap(), expected);
}

#[tokio::test]
async fn a_clock_that_was_ahead_holds_a_device_ahead_for_five_minutes_at_most() {
    const AHEAD: u64 = 300_000;
    let dir = tempfile::tempdir().unwrap();
    database(&dir)
        .run(|db| {
            let alice = insert(db, "alice");
            take(db, alice, CLOCK + AHEAD);
            assert_eq!(take(db, alice, CLOCK), CLOCK + AHEAD + 1);
            assert_eq!(take(db, alice, CLOCK), CLOCK, "reset");
            assert_eq!(take(db, alice, CLOCK), CLOCK + 1);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_fails_takes_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let alice = database.run(|db| Ok(insert(db, "alice"))).await.unwrap();
    let failed = database.run(move |db| {
        take(db, alice, CLOCK);
        Err::<(), Refusal>(ErrorCode::QueueFull.into())
    });
    assert!(failed.await.is_err());
    let next = database.run(move |db| Ok(take(db, alice, CLOCK))).await;
    assert_eq!(next.unwrap(), CLOCK);
}
