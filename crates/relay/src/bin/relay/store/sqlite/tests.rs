use std::sync::{Arc, mpsc};

use super::*;
use crate::store::Store;
use crate::store::options::StoreOptions;

mod versions;

/// Returns a database whose thread waits, and the channel that lets the thread go on.
fn held_up(dir: &tempfile::TempDir) -> (Arc<Store>, mpsc::Sender<()>) {
    let store = Arc::new(Store::open(&dir.path().join("db"), &StoreOptions::default()).unwrap());
    let (go, wait) = mpsc::channel();
    let (begun, has_begun) = mpsc::channel();
    poll_once(&store, move |_| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    });
    // From here on, the jobs to come are in a later batch: all in one.
    has_begun.recv().unwrap();
    (store, go)
}

/// Submits a job without waiting for it, as if the client had hung up.
fn poll_once(store: &Store, job: impl Fn(&Connection) -> Result<(), Refusal> + Send + 'static) {
    let mut job = std::pin::pin!(store.run(job));
    let waker = std::task::Waker::noop();
    let _ = job
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
}

fn insert(db: &Connection) -> Result<(), Refusal> {
    db.execute("INSERT INTO look (at_ms, reviewer) VALUES (1, 'r')", &[])?;
    Ok(())
}

#[tokio::test]
async fn a_refused_job_was_not_done_even_after_a_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let (store, go) = held_up(&dir);
    // All three jobs are in one transaction. The second rolls it back, as a full disk would. Then
    // all three must be refused and leave nothing.
    let (before, full, after, ()) = tokio::join!(
        store.run(insert),
        store.run(|db| Ok(db.as_sqlite().execute_batch("ROLLBACK")?)),
        store.run(insert),
        async { go.send(()).unwrap() },
    );
    assert!(before.is_err() && full.is_err() && after.is_err());
    let looks = store.run(|db| {
        Ok(db
            .as_sqlite()
            .query_row("SELECT count(*) FROM look", [], |row| row.get(0))?)
    });
    let looks: i64 = looks.await.unwrap();
    assert_eq!(looks, 0);
    store.run(insert).await.unwrap();
}

#[tokio::test]
async fn a_job_may_hold_the_last_reference_to_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (store, go) = held_up(&dir);
    let (done, is_done) = mpsc::channel();
    let held = store.clone();
    poll_once(&store, move |db| {
        let _ = &held;
        insert(db)?;
        done.send(()).unwrap();
        Ok(())
    });
    drop(store);
    go.send(()).unwrap();
    is_done.recv().unwrap();
}

/// A database of the newest version.
fn fresh(dir: &tempfile::TempDir) -> Store {
    Store::open(&dir.path().join("fresh"), &StoreOptions::default()).unwrap()
}

/// The tables with their columns, which must not depend on how the database became what it is.
async fn columns(store: &Store) -> Vec<String> {
    let columns = store.run(|db| {
        let db = db.as_sqlite();
        let mut columns = db.prepare(
            "SELECT m.type, m.name, c.name, c.type, c.\"notnull\", c.pk
             FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(m.name) c
             WHERE m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.name",
        )?;
        let rows = columns.query_map([], |row| {
            Ok(format!(
                "{} {} {:?} {:?} {:?} {:?}",
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, Option<String>>(3)?,
                row.get::<_, Option<i64>>(4)?,
                row.get::<_, Option<i64>>(5)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    });
    columns.await.unwrap()
}

#[tokio::test]
async fn a_database_of_version_1_keeps_all_but_its_undelivered_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    // Version 1 had no accepted times, and deliveries in the queue.
    let old = include_str!("tests/schema_2.sql")
        .replace("    base BLOB,\n", "    base BLOB\n")
        .replace("stamped BLOB", "delivery BLOB")
        .replace("new.stamped", "new.delivery")
        .replace("old.stamped", "old.delivery");
    let old: Vec<&str> = old
        .lines()
        .filter(|line| !line.contains("accepted_at_ms INTEGER --"))
        .collect();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(&old.join("\n")).unwrap();
    db.execute_batch(
        "PRAGMA user_version = 1;
         INSERT INTO account (id, name, device, identity, delivery_key)
             VALUES (1, 'alice', 1, x'00', x'00'), (2, 'bob', 1, x'00', x'00');
         INSERT INTO queue (recipient, sender, epoch, delivery) VALUES (2, 1, 1, x'010203');",
    )
    .unwrap();
    drop(db);

    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let counts = store.run(|db| {
            let db = db.as_sqlite();
            let count = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
            db.prepare("SELECT stamped FROM queue")?;
            Ok((
                count("SELECT count(*) FROM device WHERE accepted_at_ms IS NULL")?,
                count("SELECT count(*) FROM queue")?,
                count("SELECT coalesce(sum(bytes), 0) FROM share")?,
            ))
        });
        assert_eq!(counts.await.unwrap(), (2, 0, 0));
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
        // The counters follow the new column.
        let bytes = store.run(|db| {
            let db = db.as_sqlite();
            db.execute_batch(
                "INSERT INTO queue (recipient, number, sender, epoch, stamped)
                     VALUES (2, 9, 1, 1, x'0102')",
            )?;
            let bytes: i64 = db.query_row("SELECT bytes FROM share", [], |row| row.get(0))?;
            db.execute_batch("DELETE FROM queue")?;
            Ok(bytes)
        });
        assert_eq!(bytes.await.unwrap(), 2);
    }
}

#[tokio::test]
async fn queued_messages_of_version_2_keep_their_numbers_and_later_ones_come_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("tests/schema_2.sql"))
        .unwrap();
    db.execute_batch(
        "PRAGMA user_version = 2;
         INSERT INTO account (id, name, device, identity, delivery_key)
             VALUES (1, 'alice', 1, x'00', x'00'), (2, 'bob', 1, x'00', x'00');
         INSERT INTO queue (recipient, sender, epoch, stamped)
             VALUES (2, 1, 1, x'01'), (1, 2, 1, x'0202'), (2, 1, 1, x'030303'), (1, 2, 1, x'04');
         DELETE FROM queue WHERE id = 4;",
    )
    .unwrap();
    drop(db);

    let store = Store::open(&path, &StoreOptions::default()).unwrap();
    let moved = store.run(|db| {
        let db = db.as_sqlite();
        let mut rows =
            db.prepare("SELECT recipient, number, stamped FROM queue ORDER BY number")?;
        let rows = rows.query_map([], |row| row.try_into())?;
        let rows: Vec<(i64, i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
        let mut next = db.prepare("SELECT next FROM inbox ORDER BY recipient")?;
        let next = next.query_map([], |row| row.get(0))?;
        let next: Vec<i64> = next.collect::<Result<_, _>>()?;
        let total = db.query_row(
            "SELECT messages, bytes FROM share WHERE (recipient, sender) = (0, 0)",
            [],
            |row| row.try_into(),
        )?;
        let total: (i64, i64) = total;
        Ok((rows, next, total))
    });
    let expected = vec![(2, 1, vec![1]), (1, 2, vec![2, 2]), (2, 3, vec![3, 3, 3])];
    assert_eq!(moved.await.unwrap(), (expected, vec![5, 5], (3, 6)));
    assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
}

#[tokio::test]
async fn reports_of_version_2_count_for_their_accounts_unless_they_were_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("tests/schema_2.sql"))
        .unwrap();
    db.execute_batch(
        "PRAGMA user_version = 2;
         INSERT INTO report (id, public_id, digest, reporter, accepted_at_ms, messages, accepted,
                 total_bytes, rejected) VALUES
             (1, 'a', x'01', 'alice', 1, 1, x'0102', 2, NULL),
             (2, 'b', x'02', 'bob', 1, 1, x'010203', 5, 83),
             (3, 'c', x'03', 'alice', 1, 1, x'01', 6, 82),
             (4, 'd', x'04', 'carol', 1, 1, x'01020304', 10, 97);
         INSERT INTO nullifier VALUES (x'01', 1);
         INSERT INTO look (at_ms, reviewer, report) VALUES (1, 'r', 2);",
    )
    .unwrap();
    drop(db);

    let store = Store::open(&path, &StoreOptions::default()).unwrap();
    let counted = store.run(|db| {
        let db = db.as_sqlite();
        let mut rows = db.prepare("SELECT * FROM waiting ORDER BY reporter")?;
        let rows = rows.query_map([], |row| row.try_into())?;
        let rows: Vec<(String, i64, i64)> = rows.collect::<Result<_, _>>()?;
        let bob: Vec<u8> = db.query_row("SELECT accepted FROM report WHERE id = 2", [], |row| {
            row.get(0)
        })?;
        // The nullifiers are kept, and two reports may have the same.
        db.execute("INSERT INTO nullifier VALUES (x'01', 3)", [])?;
        assert!(
            db.execute("INSERT INTO nullifier VALUES (x'01', 1)", [])
                .is_err()
        );
        Ok((rows, bob))
    });
    let expected = [("", 3, 7), ("alice", 2, 3), ("carol", 1, 4)];
    let expected = expected.map(|(name, reports, bytes)| (name.to_owned(), reports, bytes));
    assert_eq!(counted.await.unwrap(), (expected.to_vec(), Vec::new()));
    assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
}

#[tokio::test]
async fn accounts_of_before_keep_their_names_and_the_first_of_those_alike_keeps_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("tests/schema_2.sql"))
        .unwrap();
    let names = ["paypal", "paypa1", "Ian", "M0dem.", "wIn-1"];
    for name in names {
        db.execute(
            "INSERT INTO account (name, device, identity, delivery_key) VALUES (?, 1, x'', x'')",
            [name],
        )
        .unwrap();
    }
    db.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(db);

    let store = Store::open(&path, &StoreOptions::default()).unwrap();
    let kept = store.run(|db| {
        let db = db.as_sqlite();
        let mut rows = db.prepare("SELECT name, skeleton FROM account ORDER BY id")?;
        let rows = rows.query_map([], |row| row.try_into())?;
        Ok(rows.collect::<Result<Vec<(String, Option<String>)>, _>>()?)
    });
    let expected = names.map(|name| {
        let skeleton = (name != "paypa1").then(|| waxseal_interface::name_skeleton(name));
        (name.to_owned(), skeleton)
    });
    assert_eq!(kept.await.unwrap(), expected);
    assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
}

#[tokio::test]
async fn each_account_of_before_becomes_one_device_with_its_number_keys_queue_and_prekeys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("tests/schema_2.sql"))
        .unwrap();
    db.execute_batch(
        "PRAGMA user_version = 2;
         INSERT INTO account (id, name, device, identity, delivery_key, base, accepted_at_ms)
             VALUES (3, 'alice', 1, x'0a', x'aa', x'01', 77), (8, 'bob', 4, x'0b', x'bb', NULL, NULL);
         INSERT INTO one_time (account, digest, part)
             VALUES (3, x'01', x'11'), (8, x'01', NULL), (3, x'02', NULL);
         INSERT INTO queue (recipient, sender, epoch, stamped) VALUES (8, 3, 1, x'0203');",
    )
    .unwrap();
    drop(db);

    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let read = store.run(|db| {
            let db = db.as_sqlite();
            let mut devices = db.prepare(
                "SELECT d.id, account, number, identity, delivery_key, base, accepted_at_ms
                 FROM device d JOIN account a ON a.id = account
                 WHERE pinned IS NULL AND lost_from_ms IS NULL ORDER BY d.id",
            )?;
            let devices = devices.query_map([], |row| row.try_into())?;
            let devices: Vec<Migrated> = devices.collect::<Result<_, _>>()?;
            let mut parts = db.prepare("SELECT device, part FROM one_time ORDER BY id")?;
            let parts = parts.query_map([], |row| row.try_into())?;
            let parts: Vec<(i64, Option<Vec<u8>>)> = parts.collect::<Result<_, _>>()?;
            let queued = db.query_row(
                "SELECT recipient, number, sender, stamped, next FROM queue JOIN inbox
                     USING (recipient)",
                [],
                |row| row.try_into(),
            )?;
            let queued: (i64, i64, i64, Vec<u8>, i64) = queued;
            // A later device gets a row that no device of before has.
            db.execute("SAVEPOINT later", [])?;
            db.execute(
                "INSERT INTO device (account, number, identity) VALUES (3, 2, x'')",
                [],
            )?;
            let later = db.last_insert_rowid();
            db.execute_batch("ROLLBACK TO later; RELEASE later")?;
            Ok((devices, parts, queued, later))
        });
        let (devices, parts, queued, later) = read.await.unwrap();
        let alice = (3, 3, 1, vec![0x0a], vec![0xaa], Some(vec![1]), Some(77));
        let bob = (8, 8, 4, vec![0x0b], vec![0xbb], None, None);
        assert_eq!(devices, [alice, bob]);
        assert_eq!(parts, [(3, Some(vec![0x11])), (8, None), (3, None)]);
        assert_eq!(queued, (8, 1, 3, vec![2, 3], 2));
        assert!(later > 8);
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
    }
}

/// A device: its row, its account, its number, identity, delivery key, base and accepted time.
type Migrated = (
    i64,
    i64,
    u32,
    Vec<u8>,
    Vec<u8>,
    Option<Vec<u8>>,
    Option<u64>,
);

/// The number of steps that SQLite takes to delete the message with this number.
fn steps_to_delete(db: &rusqlite::Connection, number: i64) -> i32 {
    let mut delete = db.prepare("DELETE FROM queue WHERE recipient = 1 AND number = ?");
    let delete = delete.as_mut().unwrap();
    delete.execute([number]).unwrap();
    delete.get_status(rusqlite::StatementStatus::VmStep)
}

#[tokio::test]
async fn deleting_a_delivery_takes_no_longer_with_many_senders_and_recipients() {
    let dir = tempfile::tempdir().unwrap();
    let old = dir.path().join("old");
    let db = rusqlite::Connection::open(&old).unwrap();
    db.execute_batch(include_str!("tests/schema_2.sql"))
        .unwrap();
    db.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(db);
    for store in [
        fresh(&dir),
        Store::open(&old, &StoreOptions::default()).unwrap(),
    ] {
        let steps = store.run(|db| {
            let db = db.as_sqlite();
            db.execute_batch(
                "INSERT INTO account (id, name)
                     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                     SELECT i, 'a' || i FROM n;
                 INSERT INTO device (id, account, number, identity)
                     SELECT id, id, 1, x'' FROM account;
                 INSERT INTO queue (recipient, number, sender, epoch, stamped)
                     VALUES (1, 1, 2, 1, x'00');",
            )?;
            let alone = steps_to_delete(db, 1);
            db.execute_batch(
                "INSERT INTO queue (recipient, number, sender, epoch, stamped) SELECT r.id, s.id, s.id, 1, x'00'
                     FROM account r JOIN account s WHERE r.id < 20;",
            )?;
            let among_many = steps_to_delete(db, 2);
            let shares = "SELECT count(*), sum(messages) FROM share WHERE recipient = 1";
            let shares: (i64, i64) = db.query_row(shares, [], |row| row.try_into())?;
            db.execute_batch("DELETE FROM queue")?;
            let rest = "SELECT count(*), max(abs(messages), abs(bytes)) FROM share";
            let rest: (i64, i64) = db.query_row(rest, [], |row| row.try_into())?;
            Ok((alone, among_many, shares, rest))
        });
        let (alone, among_many, shares, rest) = steps.await.unwrap();
        assert_eq!((shares, rest), ((300, 598), (1, 0)));
        assert!(among_many < 2 * alone, "{alone} steps, then {among_many}");
    }
}
