use waxseal_interface::ContactHeaders;

use crate::fixture::{World, device, report, send, send_with};
use crate::store::values::values;
use crate::store::{Connection, queue};

const NOW: u64 = 1_800_000_000_000;

#[tokio::test]
async fn chk730_no_number_is_given_again_after_a_restore() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let evidence = send(&relay, &alice, &bob, "before").await.unwrap();
    report(&relay, &bob, &evidence).await.unwrap();
    // Carol has no number yet, and may have got one since.
    let carol = device(&relay, "carol").await;
    relay.restored().await.unwrap();
    send(&relay, &alice, &bob, "after").await.unwrap();
    send_with(&relay, &alice, &carol, "after", ContactHeaders::default())
        .await
        .unwrap();
    let queued = queue::read_after(&relay.store, bob.id, 0, 10)
        .await
        .unwrap();
    let numbers: Vec<i64> = queued.messages.iter().map(|(number, _)| *number).collect();
    assert!(numbers[0] < 10 && numbers[1] > 1 << 32, "{numbers:?}");
    let queued = queue::read_after(&relay.store, carol.id, 0, 10)
        .await
        .unwrap();
    assert!(queued.messages[0].0 >= 1 << 32);
    // Neither are those of rows: a report, and a device.
    let dave = device(&relay, "dave").await;
    assert!(dave.id > 1 << 32, "{}", dave.id);
    let insert = |db: &Connection| {
        let notice = "INSERT INTO notice (account, decision, side, report, at_ms)
             VALUES ('bob', ?1, 0, '', 0) RETURNING number";
        db.only::<i64>(notice, values![vec![0_u8; 4]])
    };
    assert!(relay.store.run(insert).await.unwrap() > 1 << 32);
}

#[tokio::test]
async fn chk731_each_device_is_told_that_messages_since_the_backup_may_be_lost() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "before").await.unwrap();
    world.clocks.pass(3_600_000);
    relay.restored().await.unwrap();
    let now_ms = relay.now().as_millis();
    for device in [&alice, &bob] {
        let queued = queue::read_after(&relay.store, device.id, 0, 10)
            .await
            .unwrap();
        // From a minute before the newest time that the backup has, to now.
        assert_eq!(queued.lost, Some((NOW - 60_000, now_ms)));
    }
    let queued = queue::read_after(&relay.store, bob.id, 0, 10)
        .await
        .unwrap();
    assert_eq!(queued.messages.len(), 1, "what the backup has stays");
    // A second restore does not shorten what was lost at the first.
    world.clocks.pass(3_600_000);
    relay.restored().await.unwrap();
    let queued = queue::read_after(&relay.store, bob.id, 0, 10)
        .await
        .unwrap();
    assert_eq!(queued.lost, Some((NOW - 60_000, now_ms + 3_600_000)));
}
