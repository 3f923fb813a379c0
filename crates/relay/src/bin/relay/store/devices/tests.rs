use ed25519_dalek::SigningKey;
use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::cache;
use crate::fixture::owner::Owner;
use crate::fixture::{World, device, send};
use crate::store::queue;
use crate::store::removed::BATCH;
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;

#[tokio::test]
async fn a_long_queue_of_a_removed_device_is_out_of_reach_at_once_and_deleted_little_by_little() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "first").await.unwrap();
    let (row, account) = (bob.id, bob.account);
    let fill = relay.store.run(move |db| {
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
             INSERT INTO queue (recipient, number, sender, epoch, stamped)
             SELECT recipient, i, sender, epoch, stamped FROM queue, n WHERE recipient = ?1",
            values![row, 3 * BATCH],
        )
    });
    fill.await.unwrap();
    let count = async |table: &'static str| {
        let query = format!("SELECT count(*) FROM {table}");
        let count = relay.store.run(move |db| db.only::<usize>(&query, &[]));
        count.await.unwrap()
    };
    let queued = async || queue::read_after(&relay.store, row, 0, 9).await;
    assert_eq!(queued().await.unwrap().messages.len(), 9);

    let other = SigningKey::from_bytes(&[7; 32]);
    let without = Pinned::first(Owner::new("bob").first(2, &other, NOW));
    let reader = relay.clone();
    let store = relay.store.run(move |db| {
        keep_roster(db, account, &without)?;
        let read = cache::read(db, &reader.keys, account)?;
        assert!(read.devices.is_empty());
        assert_eq!(read.unregistered, [2]);
        // Whatever the device still asks, it is removed.
        let removed = |result: Result<(), Refusal>| result.unwrap_err().code == ErrorCode::Removed;
        assert!(removed(check_present(db, row)));
        let now = waxseal_reporting::Timestamp::from_millis(NOW);
        assert!(removed(queue::next_accepted_at(db, row, now).map(drop)));
        assert_eq!(find(db, account, DeviceId(1))?, None);
        Ok(())
    });
    store.await.unwrap();
    assert!(queued().await.unwrap().messages.is_empty());
    assert_eq!(count("queue").await, 2 * BATCH);

    relay.clean_up().await.unwrap();
    assert_eq!(count("queue").await, 0);
    let of_bob = "inbox WHERE recipient NOT IN (SELECT id FROM device)";
    assert_eq!(count(of_bob).await, 0);
    assert_eq!(count("device").await, 2);
    assert_eq!(count("share WHERE recipient != 0").await, 0);
    let all = "SELECT coalesce(max(messages), 0) FROM share WHERE recipient = 0";
    let all = relay.store.run(move |db| db.only::<i64>(all, &[]));
    assert_eq!(all.await.unwrap(), 0);
}
