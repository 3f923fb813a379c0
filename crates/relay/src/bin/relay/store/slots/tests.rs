use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::World;
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;

fn lodged(db: &Connection, owner: &str, bytes: i64) {
    let before = "DELETE FROM lodged WHERE owner = ?1";
    db.execute(before, values![owner]).unwrap();
    let lodged = "INSERT INTO lodged (owner, slots, bytes) VALUES (?1, 1, ?2)";
    db.execute(lodged, values![owner, bytes]).unwrap();
}

#[tokio::test]
async fn bytes_are_bounded_per_owner_and_in_all_and_get_less_while_the_space_fills() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let checked = relay.store.run(|db| {
        let stranger = Owner::address(IpAddr::from([192, 0, 2, 1]));
        let fits = |own: i64, all: i64, len: i64| {
            lodged(db, "a:192.0.2.1", own + len);
            lodged(db, "a:", all + len);
            let len = usize::try_from(len - SLOT_BYTES).unwrap();
            stranger.check_room(db, len).is_ok()
        };
        assert!(fits(0, 0, MAX_LODGED_BYTES_OF_ADDRESS));
        assert!(!fits(0, 0, MAX_LODGED_BYTES_OF_ADDRESS + 1));
        assert!(fits(1_000, 1_000, MAX_LODGED_BYTES_OF_ADDRESS - 1_000));
        assert!(!fits(1_000, 1_000, MAX_LODGED_BYTES_OF_ADDRESS - 999));
        // Little is left: an address gets a part of it.
        let left = 160_000;
        let all = MAX_LODGED_BYTES_OF_ADDRESSES - left;
        assert!(fits(1_000, all, left / MIN_LODGERS - 1_000));
        assert!(!fits(1_000, all, left / MIN_LODGERS - 999));
        assert!(!fits(1_000, MAX_LODGED_BYTES_OF_ADDRESSES, SLOT_BYTES));
        Ok(())
    });
    checked.await.unwrap();
}

#[tokio::test]
async fn content_from_a_time_when_the_clock_was_ahead_does_not_stay() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let count = relay.store.run(|db| {
        let now = i64::try_from(NOW).unwrap();
        for (slot, at) in [(0, now), (1, now + 600_000), (2, now + 600_001)] {
            db.execute(
                "INSERT INTO mailbox (mailbox, slot, owner, put_at_ms, content)
                     VALUES (?1, ?2, 'a:1', ?3, ?1)",
                values![[0; 1], slot, at],
            )?;
        }
        expire(db, now)?;
        db.only::<i64>("SELECT count(*) FROM mailbox", &[])
    });
    assert_eq!(count.await.unwrap(), 2);
}
