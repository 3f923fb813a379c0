//! Databases of the versions before this one.

use std::path::Path;

use super::*;
use crate::store::parts::{self, Part};

/// A database of an earlier version.
fn before(path: &Path, version: usize) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(include_str!("schema_2.sql")).unwrap();
    for migration in &MIGRATIONS[1..version - 1] {
        db.execute_batch(migration).unwrap();
    }
    db.pragma_update(None, "user_version", version).unwrap();
    db
}

#[tokio::test]
async fn version_11_opens_with_the_column_of_devices_that_left_and_without_it() {
    for has_column in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = before(&path, 11);
        if has_column {
            db.execute_batch(MIGRATIONS[10]).unwrap();
        }
        db.execute_batch(
            "INSERT INTO account (id, name) VALUES (1, 'alice');
             INSERT INTO device (account, number, identity) VALUES (1, 2, x'0a');",
        )
        .unwrap();
        if has_column {
            db.execute("UPDATE device SET has_left = 1", []).unwrap();
        }
        drop(db);
        for _ in 0..2 {
            let store = Store::open(&path, &StoreOptions::default()).unwrap();
            let left = store.run(|db| {
                Ok(db
                    .as_sqlite()
                    .query_row("SELECT has_left FROM device", [], |row| row.get(0))?)
            });
            let left: bool = left.await.unwrap();
            assert_eq!(left, has_column);
            assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
        }
    }
}

#[tokio::test]
async fn version_12_gets_groups_and_keeps_its_queue_with_the_counts_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 12);
    db.execute_batch(
        "INSERT INTO account (id, name) VALUES (1, 'alice'), (2, 'bob');
         INSERT INTO device (id, account, number, identity)
             VALUES (11, 1, 1, x'0a'), (12, 2, 1, x'0b'), (13, 2, 2, x'0c');
         INSERT INTO queue (recipient, number, sender, epoch, stamped)
             VALUES (12, 1, 1, 7, x'010203'), (13, 1, 1, 7, x'0405'), (12, 2, 1, 8, x'06');",
    )
    .unwrap();
    drop(db);
    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let kept = store.run(|db| {
            let db = db.as_sqlite();
            let mut rows = db.prepare(
                "SELECT recipient, number, epoch, stamped, body, body_len FROM queue
                     ORDER BY recipient, number",
            )?;
            let rows = rows.query_map([], |row| row.try_into())?;
            Ok(rows.collect::<Result<Vec<Kept>, _>>()?)
        });
        let expected: [Kept; 3] = [
            (12, 1, 7, vec![1, 2, 3], None, 0),
            (12, 2, 8, vec![6], None, 0),
            (13, 1, 7, vec![4, 5], None, 0),
        ];
        assert_eq!(kept.await.unwrap(), expected);
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
        assert_eq!(
            shares(&store).await,
            [
                (0, 0, 3, 6),
                (12, 0, 2, 4),
                (12, 1, 2, 4),
                (13, 0, 1, 2),
                (13, 1, 1, 2)
            ]
        );
        // A message of before and one to a group are counted alike, and their counts go with them.
        let counted = store.run(|db| {
            let db = db.as_sqlite();
            db.execute_batch(
                "SAVEPOINT look;
                 INSERT INTO body (id, stamped) VALUES (5, x'0102030405');
                 INSERT INTO queue (recipient, number, sender, epoch, stamped, body, body_len)
                     VALUES (12, 3, 1, 8, x'01', 5, 5), (13, 3, 1, 8, x'01', 5, 5);",
            )?;
            let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
            let total = "SELECT bytes FROM share WHERE (recipient, sender) = (0, 0)";
            let with_body = count(total)?;
            db.execute("DELETE FROM queue WHERE recipient = 12", [])?;
            let bodies = count("SELECT count(*) FROM body")?;
            db.execute("DELETE FROM queue", [])?;
            let left = (count("SELECT count(*) FROM body")?, count(total)?);
            db.execute_batch("ROLLBACK TO look; RELEASE look")?;
            Ok((with_body, bodies, left))
        });
        assert_eq!(counted.await.unwrap(), (6 + 2 + 5, 1, (0, 0)));
    }
}

#[tokio::test]
async fn version_13_gets_blobs_and_keeps_its_reports_and_looks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 13);
    db.execute_batch(
        "INSERT INTO account (id, name) VALUES (1, 'alice');
         INSERT INTO report (id, public_id, digest, reporter, accepted_at_ms, messages, accepted)
             VALUES (7, 'a', x'01', 'alice', 1, 1, x'0102');
         INSERT INTO look (at_ms, reviewer, report) VALUES (1, 'r', 7);",
    )
    .unwrap();
    drop(db);
    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
        let counted = store.run(|db| {
            let db = db.as_sqlite();
            db.execute_batch(
                "SAVEPOINT look;
                 INSERT INTO blob (id, public_id, place, account, len, received, kept_until_ms)
                     VALUES (1, x'aa', 0, 1, 100000, 0, 9), (2, x'bb', 0, 1, 7, 0, 9);
                 INSERT INTO blob_hold VALUES (7, 0, 1, x'aa', 1);
                 INSERT INTO blob_look (at_ms, reviewer, report, public_id, session_ms)
                     VALUES (1, 'r', 7, x'aa', 5);",
            )?;
            let stored = |account: i64| {
                let sql = "SELECT blobs, bytes FROM stored WHERE account = ?";
                db.query_row(sql, [account], |row| row.try_into())
            };
            let both: ((i64, i64), (i64, i64)) = (stored(1)?, stored(-1)?);
            // A held blob cannot be deleted, and the record of looks is final.
            assert!(db.execute("DELETE FROM blob WHERE id = 1", []).is_err());
            assert!(db.execute("DELETE FROM blob_look", []).is_err());
            assert!(db.execute("UPDATE blob_look SET at_ms = 2", []).is_err());
            db.execute("UPDATE blob SET account = 0 WHERE id = 1", [])?;
            let moved: ((i64, i64), (i64, i64)) = (stored(1)?, stored(0)?);
            db.execute("DELETE FROM blob WHERE id = 2", [])?;
            let left: (i64, i64) = stored(-1)?;
            let rows = "SELECT count(*) FROM stored";
            let rows: i64 = db.query_row(rows, [], |row| row.get(0))?;
            let looks = "SELECT count(*) FROM look WHERE report = 7";
            let looks: i64 = db.query_row(looks, [], |row| row.get(0))?;
            db.execute_batch("ROLLBACK TO look; RELEASE look")?;
            Ok((both, moved, left, rows, looks))
        });
        let (both, moved, left, rows, looks) = counted.await.unwrap();
        assert_eq!(both, ((2, 165_536), (2, 131_072)));
        assert_eq!(moved, ((1, 65_536), (1, 100_000)));
        assert_eq!((left, rows, looks), ((1, 65_536), 2, 1));
    }
}

#[tokio::test]
async fn version_14_counts_in_the_space_of_all_what_is_there_of_unfinished_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 14);
    db.execute_batch(
        "INSERT INTO blob (id, public_id, place, account, len, received, kept_until_ms)
             VALUES (1, x'aa', 0, 1, 4000000, 100000, 9), (2, x'bb', 0, 1, 300000, 300000, 9);",
    )
    .unwrap();
    drop(db);
    let store = Store::open(&path, &StoreOptions::default()).unwrap();
    let counted = store.run(|db| {
        let db = db.as_sqlite();
        let stored = |account: i64| {
            let sql = "SELECT blobs, bytes FROM stored WHERE account = ?";
            db.query_row(sql, [account], |row| row.try_into())
        };
        let before: ((i64, i64), (i64, i64)) = (stored(1)?, stored(-1)?);
        db.execute("UPDATE blob SET received = 3000000 WHERE id = 1", [])?;
        let grown: (i64, i64) = stored(-1)?;
        db.execute("DELETE FROM blob WHERE id = 1", [])?;
        Ok((before, grown, stored(1)?, stored(-1)?))
    });
    let (before, grown, left, left_of_all) = counted.await.unwrap();
    assert_eq!(before, ((2, 4_300_000), (2, 500_000)));
    assert_eq!(grown, (2, 4_300_000));
    let left: ((i64, i64), (i64, i64)) = (left, left_of_all);
    assert_eq!(left, ((1, 300_000), (1, 300_000)));
}

#[tokio::test]
async fn version_15_spares_the_accounts_that_are_there_for_14_days_and_no_later_ones() {
    const DAYS_14: u64 = 14 * 86_400_000;
    const DAYS_7: u64 = 7 * 86_400_000;
    let now_ms = || {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        u64::try_from(since.as_millis()).unwrap()
    };
    let ahead = now_ms() + 30 * 86_400_000;
    let behind = |days: u64| Some(now_ms() - days * 86_400_000);
    for proven_ms in [None, Some(ahead), behind(3), behind(20)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = before(&path, 15);
        db.execute_batch(
            "INSERT INTO account (id, name) VALUES (1, 'alice'), (2, 'bob');
             INSERT INTO device (id, account, number, identity)
                 VALUES (11, 1, 1, x'0a'), (12, 2, 1, x'0b');
             INSERT INTO queue (recipient, number, sender, epoch, stamped)
                 VALUES (12, 1, 1, 7, x'010203');",
        )
        .unwrap();
        if let Some(at_ms) = proven_ms {
            db.execute("INSERT INTO proven VALUES (1, ?, 0, 1, 0, 0, 0)", [at_ms])
                .unwrap();
        }
        drop(db);
        let upgraded_ms = now_ms();
        for _ in 0..2 {
            let store = Store::open(&path, &StoreOptions::default()).unwrap();
            let spared = store.run(|db| {
                let db = db.as_sqlite();
                let insert = "INSERT OR IGNORE INTO account (id, name) VALUES (3, 'eve')";
                db.execute(insert, [])?;
                let mut rows = db.prepare("SELECT spared_until_ms FROM account ORDER BY id")?;
                let rows = rows.query_map([], |row| row.get(0))?;
                let rows: Vec<Option<u64>> = rows.collect::<Result<_, _>>()?;
                // What waits in the queue brings no token.
                let accepts: Vec<bool> = db
                    .prepare("SELECT accepts FROM queue")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                Ok((rows, accepts))
            });
            let (spared, accepts) = spared.await.unwrap();
            assert_eq!(accepts, [false]);
            let [alice, bob, eve] = spared[..] else {
                panic!("three accounts")
            };
            assert_eq!((alice, eve), (bob, None));
            // From the later of clock and proven time on, or from when proven time catches up by
            // itself at most.
            let from_ms = alice.unwrap() - DAYS_14;
            match proven_ms {
                Some(at_ms) if at_ms == ahead => assert_eq!(from_ms, ahead),
                Some(at_ms) if at_ms < upgraded_ms - DAYS_7 => {
                    assert_eq!(from_ms, at_ms + DAYS_7);
                }
                _ => assert!(from_ms.abs_diff(upgraded_ms) < 60_000),
            }
            assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
        }
    }
}

/// A row of the queue: recipient, number, epoch, what is stamped, body, and its length.
type Kept = (i64, i64, i64, Vec<u8>, Option<i64>, i64);

/// What is counted for each recipient and sender: messages, and bytes.
async fn shares(store: &Store) -> Vec<(i64, i64, i64, i64)> {
    let shares = store.run(|db| {
        let db = db.as_sqlite();
        let mut rows = db.prepare(
            "SELECT recipient, sender, messages, bytes FROM share ORDER BY recipient, sender",
        )?;
        let rows = rows.query_map([], |row| row.try_into())?;
        Ok(rows.collect::<Result<_, _>>()?)
    });
    shares.await.unwrap()
}

#[tokio::test]
async fn version_16_keeps_its_reports_and_none_of_them_has_a_promise() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 16);
    db.execute_batch(
        "INSERT INTO report (id, public_id, digest, reporter, accepted_at_ms, messages, accepted)
             VALUES (7, 'a', x'01', 'alice', 1, 1, x'0102');",
    )
    .unwrap();
    drop(db);
    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let read = store.run(|db| {
            let db = db.as_sqlite();
            let report = "SELECT accepted, promise FROM report WHERE id = 7";
            let report = db.query_row(report, [], |row| row.try_into())?;
            let insert = "INSERT INTO notice (account, decision, side, report, at_ms)
                 VALUES ('alice', x'05', 2, '', 1) ON CONFLICT DO NOTHING";
            db.execute(insert, [])?;
            let notices = "SELECT count(*) FROM notice";
            let notices = db.query_row(notices, [], |row| row.get(0))?;
            Ok((report, notices))
        });
        let (report, notices): ((Vec<u8>, Option<Vec<u8>>), i64) = read.await.unwrap();
        assert_eq!((report, notices), ((vec![1, 2], None), 1));
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
    }
}

#[tokio::test]
async fn version_17_keeps_proven_time_and_what_the_relay_knew_of_its_clocks() {
    use crate::store::processes::{self, Confirmed, Me, Peers, Said};
    use crate::store::proven;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 17);
    let proven = "INSERT INTO proven VALUES (1, 500, 100, 1, 40, 510, 7)";
    db.execute(proven, []).unwrap();
    drop(db);
    for number in [0x17, 0x18] {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let enter = store.run(move |db| {
            let me = Me {
                number,
                run: 1,
                name: "relay".to_owned(),
                is_shared: false,
            };
            let said = Said {
                seen_ms: 1,
                destroyed_before: 8,
                steady_ms: 41,
                clock_ms: 511,
            };
            let clocks = processes::clocks(db, number)?;
            let (proven, drop_before) = (proven::load(db)?.unwrap(), proven::drop_before(db)?);
            let entered = processes::enter(db, &me, &said)?;
            assert_eq!(entered, Confirmed::Counts(Peers::default()));
            Ok((clocks, proven.at_ms, proven.began_ms, drop_before))
        });
        let (clocks, at_ms, began_ms, drop_before) = enter.await.unwrap();
        assert_eq!((at_ms, began_ms), (500, 100));
        // A folder that was lost has another number, and nothing is known of its clocks.
        match number {
            0x17 => assert_eq!((clocks, drop_before), (Some((40, 510)), 7)),
            _ => assert_eq!((clocks, drop_before), (None, 8)),
        }
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
    }
}

#[tokio::test]
async fn version_18_keeps_its_blobs_which_have_one_file_each() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 18);
    db.execute_batch(
        "INSERT INTO blob (id, public_id, place, account, len, received)
             VALUES (1, x'01', 0, 1, 9, 9), (2, x'02', 0, 1, 9, 0), (12, x'03', 0, 1, 9, 4);",
    )
    .unwrap();
    drop(db);
    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let parts = store.run(|db| parts::of_all(db, (0, 0), 10)).await.unwrap();
        let part = |len, name: &str| Part {
            start: 0,
            len,
            name: name.to_owned(),
        };
        assert_eq!(parts, [(1, part(9, "1")), (12, part(4, "12"))]);
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
    }
}

#[tokio::test]
async fn version_19_keeps_proven_time_on_one_line_whose_number_every_copy_has() {
    use crate::store::proven::{self, Mark};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = before(&path, 19);
    let proven = "INSERT INTO proven VALUES (1, 500, 100, 1, 7)";
    db.execute(proven, []).unwrap();
    drop(db);
    for _ in 0..2 {
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        let mark = store.run(proven::mark).await.unwrap();
        let (line, at_ms) = (0, 500);
        assert_eq!(mark, Some(Mark { line, at_ms }));
        assert_eq!(columns(&store).await, columns(&fresh(&dir)).await);
    }
}
