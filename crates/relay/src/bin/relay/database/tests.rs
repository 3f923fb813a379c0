use std::sync::{Arc, mpsc};

use super::*;

/// Returns a database whose thread waits, and the channel that lets the thread go on.
fn held_up(dir: &tempfile::TempDir) -> (Arc<Database>, mpsc::Sender<()>) {
    let database = Arc::new(Database::open(&dir.path().join("db")).unwrap());
    let (go, wait) = mpsc::channel();
    poll_once(&database, move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    (database, go)
}

/// Submits a job without waiting for it, as if the client had hung up.
fn poll_once(
    database: &Database,
    job: impl FnOnce(&Connection) -> Result<(), Refusal> + Send + 'static,
) {
    let mut job = std::pin::pin!(database.run(job));
    let waker = std::task::Waker::noop();
    let _ = job
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
}

fn insert(db: &Connection) -> Result<(), Refusal> {
    db.execute("INSERT INTO look (at_ms, reviewer) VALUES (1, 'r')", [])?;
    Ok(())
}

#[tokio::test]
async fn a_refused_job_was_not_done_even_after_a_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let (database, go) = held_up(&dir);
    // All three jobs are in one transaction. The second rolls it back, as a full disk would. Then
    // all three must be refused and leave nothing.
    let (before, full, after, ()) = tokio::join!(
        database.run(insert),
        database.run(|db| Ok(db.execute_batch("ROLLBACK")?)),
        database.run(insert),
        async { go.send(()).unwrap() },
    );
    assert!(before.is_err() && full.is_err() && after.is_err());
    let looks =
        database.run(|db| Ok(db.query_row("SELECT count(*) FROM look", [], |row| row.get(0))?));
    let looks: i64 = looks.await.unwrap();
    assert_eq!(looks, 0);
    database.run(insert).await.unwrap();
}

#[tokio::test]
async fn a_job_may_hold_the_last_reference_to_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (database, go) = held_up(&dir);
    let (done, is_done) = mpsc::channel();
    let held = database.clone();
    poll_once(&database, move |db| {
        drop(held);
        insert(db)?;
        done.send(()).unwrap();
        Ok(())
    });
    drop(database);
    go.send(()).unwrap();
    is_done.recv().unwrap();
}

#[tokio::test]
async fn a_database_of_version_1_keeps_all_but_its_undelivered_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    // Version 1 had no accepted times, and deliveries in the queue.
    let old = include_str!("../schema.sql")
        .replace("    base BLOB,\n", "    base BLOB\n")
        .replace("stamped BLOB", "delivery BLOB")
        .replace("new.stamped", "new.delivery")
        .replace("old.stamped", "old.delivery");
    let old: Vec<&str> = old
        .lines()
        .filter(|line| !line.contains("accepted_at_ms INTEGER --"))
        .collect();
    let db = Connection::open(&path).unwrap();
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
        let database = Database::open(&path).unwrap();
        let counts = database.run(|db| {
            let count = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
            db.prepare("SELECT stamped FROM queue")?;
            Ok((
                count("SELECT count(*) FROM account WHERE accepted_at_ms IS NULL")?,
                count("SELECT count(*) FROM queue")?,
                count("SELECT coalesce(sum(bytes), 0) FROM share")?,
            ))
        });
        assert_eq!(counts.await.unwrap(), (2, 0, 0));
        // The counters follow the new column.
        let bytes = database.run(|db| {
            db.execute_batch(
                "INSERT INTO queue (recipient, sender, epoch, stamped) VALUES (2, 1, 1, x'0102')",
            )?;
            let bytes: i64 = db.query_row("SELECT bytes FROM share", [], |row| row.get(0))?;
            db.execute_batch("DELETE FROM queue")?;
            Ok(bytes)
        });
        assert_eq!(bytes.await.unwrap(), 2);
    }
}
