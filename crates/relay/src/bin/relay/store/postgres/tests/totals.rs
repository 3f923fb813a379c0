//! What is counted of all, while several store something at once.

use std::net::IpAddr;

use tokio::time::timeout;
use waxseal_reporting::BlobId;

use super::*;
use crate::store::blobs::{self, ALL, PUBLIC};
use crate::store::slots::{Owner, fill_slot};

const LEN: u64 = 1 << 20;

/// Stores a whole blob of an account, and fills a slot, as uploads and mailboxes do.
fn store(db: &Connection, account: u8) -> Result<(), Refusal> {
    let owner = Owner::address(IpAddr::from([192, 0, 2, account]));
    assert!(fill_slot(db, [account; 16], 0, &owner, 1, b"content")?);
    let (id, account) = (BlobId::from_bytes([account; 32]), i64::from(account));
    let row = blobs::add(db, &id, PUBLIC, account, LEN, 1)?.unwrap();
    assert!(blobs::advance(db, &row, LEN, 1)?);
    // Both are counted under the limits of all.
    blobs::stored(db, ALL).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_stores_something_waits_for_the_total_of_all() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return; // there is no PostgreSQL on this machine
    }
    let (slow, part) = (relay.clone(), Arc::new(AtomicI64::new(-1)));
    let own_part = |db: &Connection| db.only::<i64>("SELECT own_part()", &[]);
    let taken = part.clone();
    let slow = tokio::spawn(async move {
        let job = move |db: &Connection| {
            store(db, 1)?;
            taken.store(own_part(db)?, Ordering::Relaxed);
            db.exists("SELECT pg_sleep(2)", &[])
        };
        slow.store.run(job).await
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let shortly = Duration::from_millis(900);
    let mut all = 1;
    for account in 2..5 {
        let taken = part.clone();
        let job = move |db: &Connection| {
            // Few connections have the same part as another one.
            blobs::see_committed(db)?;
            let is_free = own_part(db)? != taken.load(Ordering::Relaxed);
            if is_free {
                store(db, account)?;
            }
            Ok(i64::from(is_free))
        };
        let stored = timeout(shortly, relay.store.run(job));
        all += stored.await.unwrap().unwrap();
    }
    assert!(all > 1);
    let expire = |db: &Connection| crate::store::slots::expire(db, i64::MAX);
    let expired = relay.store.run_under_locks(expire, |_| ());
    timeout(shortly, expired).await.unwrap().unwrap();
    assert!(!slow.is_finished());
    slow.await.unwrap().unwrap();
    let counted = |db: &Connection| {
        let lodged = "SELECT CAST(sum(slots) AS BIGINT) FROM lodged WHERE owner = 'a:'";
        Ok((blobs::stored(db, ALL)?, db.only::<i64>(lodged, &[])?))
    };
    let counted = relay.store.run(counted).await.unwrap();
    assert_eq!(counted, ((all, all << 20), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_store_at_the_same_time_has_no_upload_run_again() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if relay.store.as_postgres().is_none() {
        return; // there is no PostgreSQL on this machine
    }
    let runs = Arc::new(AtomicU64::new(0));
    let mut storing = tokio::task::JoinSet::new();
    for account in 1..5 {
        let (relay, runs) = (relay.clone(), runs.clone());
        storing.spawn(async move {
            let job = move |db: &Connection| {
                runs.fetch_add(1, Ordering::Relaxed);
                blobs::see_committed(db)?;
                blobs::stored(db, ALL)?;
                let id = BlobId::from_bytes([account; 32]);
                blobs::add(db, &id, PUBLIC, account.into(), LEN, 1)?;
                db.exists("SELECT pg_sleep(0.3)", &[])?;
                blobs::stored(db, ALL).map(drop)
            };
            relay.store.run(job).await.unwrap();
        });
    }
    storing.join_all().await;
    assert_eq!(runs.load(Ordering::Relaxed), 4);
}
