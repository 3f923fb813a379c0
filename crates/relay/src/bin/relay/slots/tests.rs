use rusqlite::Connection;
use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::World;

const NOW: u64 = 21_000 * EPOCH_MS;

fn lodged(db: &Connection, owner: &str, bytes: i64) {
    db.execute(
        "INSERT INTO lodged VALUES (?1, 1, ?2) ON CONFLICT DO UPDATE SET bytes = ?2",
        (owner, bytes),
    )
    .unwrap();
}

#[tokio::test]
async fn bytes_are_bounded_per_owner_and_in_all_and_get_less_while_the_space_fills() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let checked = relay.database.run(|db| {
        let stranger = Owner::address(IpAddr::from([192, 0, 2, 1]));
        let fits = |len: i64| {
            let len = usize::try_from(len - SLOT_BYTES).unwrap();
            stranger.check_room(db, len).is_ok()
        };
        assert!(fits(MAX_LODGED_BYTES_OF_ADDRESS));
        assert!(!fits(MAX_LODGED_BYTES_OF_ADDRESS + 1));
        lodged(db, "a:192.0.2.1", 1_000);
        assert!(fits(MAX_LODGED_BYTES_OF_ADDRESS - 1_000));
        assert!(!fits(MAX_LODGED_BYTES_OF_ADDRESS - 999));
        // Little is left: an address gets a part of it.
        let left = 160_000;
        lodged(db, "a:", MAX_LODGED_BYTES_OF_ADDRESSES - left);
        assert!(fits(left / MIN_LODGERS - 1_000));
        assert!(!fits(left / MIN_LODGERS - 999));
        lodged(db, "a:", MAX_LODGED_BYTES_OF_ADDRESSES);
        assert!(!fits(SLOT_BYTES));
        Ok(())
    });
    checked.await.unwrap();
}

#[tokio::test]
async fn content_from_a_time_when_the_clock_was_ahead_does_not_stay() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let count = relay.database.run(|db| {
        let now = i64::try_from(NOW).unwrap();
        for (slot, at) in [(0, now), (1, now + 600_000), (2, now + 600_001)] {
            db.execute(
                "INSERT INTO mailbox VALUES (x'00', ?, 'a:1', ?, x'00')",
                [slot, at],
            )?;
        }
        expire(db, now)?;
        Ok(db.query_row("SELECT count(*) FROM mailbox", [], |row| {
            row.get::<_, i64>(0)
        })?)
    });
    assert_eq!(count.await.unwrap(), 2);
}
