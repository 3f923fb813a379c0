use std::fs;
use std::time::Duration;

use waxseal_interface::ContactHeaders;

use crate::fixture::{World, device, report, send, send_with};
use crate::store::values::values;
use crate::store::{Connection, proven, queue};
use crate::time::Proven;

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
    relay.restored(Duration::ZERO).await.unwrap();
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
    relay.restored(Duration::ZERO).await.unwrap();
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
    relay.restored(Duration::ZERO).await.unwrap();
    let queued = queue::read_after(&relay.store, bob.id, 0, 10)
        .await
        .unwrap();
    assert_eq!(queued.lost, Some((NOW - 60_000, now_ms + 3_600_000)));
}

/// Another relay of the same database. `None` without PostgreSQL.
async fn beside(world: &World) -> Option<World> {
    drop(world.open().await);
    world.beside("second")
}

async fn set_back(relay: &crate::state::Relay, at_ms: u64) {
    let save = move |db: &Connection| proven::save(db, &Proven::starting_at(at_ms));
    relay.store.run(save).await.unwrap();
}

#[tokio::test]
async fn a_relay_over_a_database_that_went_back_writes_nothing_and_ends() {
    let mut world = World::at(NOW);
    let relay = world.open().await;
    world.clocks.pass(3_600_000);
    relay.keep_time().await.unwrap();
    set_back(&relay, NOW).await;
    world.clocks.pass(1_000);
    let at_ms = async |relay: &crate::state::Relay| {
        let proven = relay.store.run(proven::load).await.unwrap();
        proven.unwrap().at_ms
    };
    let why = relay.keep_time().await.unwrap_err().to_string();
    assert!(why.contains("--restored"), "{why}");
    assert_eq!(at_ms(&relay).await, NOW);
    tokio::time::timeout(Duration::from_secs(5), relay.process.ended())
        .await
        .unwrap();
    // It stays so, and also if it starts again.
    assert!(relay.beat().await.is_err());
    assert!(relay.keep_time().await.is_err());
    drop(relay);
    let why = world.try_open().await.err().unwrap().to_string();
    assert!(why.contains("--restored"), "{why}");
    world.restored = Some(Duration::ZERO);
    let relay = world.try_open().await.unwrap();
    assert_eq!(at_ms(&relay).await, NOW);
    relay.keep_time().await.unwrap();
}

#[tokio::test]
async fn a_relay_whose_last_confirmation_is_not_there_ends() {
    let world = World::at(NOW);
    let Some(second) = beside(&world).await else {
        return;
    };
    let relay = second.open().await;
    second.clocks.pass(5_000);
    relay.beat().await.unwrap();
    let number = relay.process.me.number;
    let set = move |db: &Connection| {
        let set = "UPDATE process SET seen_ms = ?1 WHERE number = ?2";
        db.execute(set, values![NOW, number])
    };
    relay.store.run(set).await.unwrap();
    second.clocks.pass(5_000);
    let why = relay.beat().await.unwrap_err().to_string();
    assert!(why.contains("--restored"), "{why}");
    assert!(relay.process.check(relay.time.reading()).is_err());
}

#[tokio::test]
async fn after_a_restore_no_relay_is_known_and_none_runs() {
    let world = World::at(NOW);
    let Some(second) = beside(&world).await else {
        return;
    };
    let (a, b) = (world.open().await, second.open().await);
    let beats = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        second.clocks.pass(5_000);
        b.beat().await.unwrap();
    };
    let (restored, ()) = tokio::join!(a.restored(Duration::from_millis(500)), beats);
    assert!(restored.unwrap_err().to_string().contains("stop all"));
    assert_eq!(a.peers().await.unwrap().names(), ["second"]);
    a.restored(Duration::ZERO).await.unwrap();
    assert!(a.peers().await.unwrap().others.is_empty());
    b.beat().await.unwrap();
    assert_eq!(a.peers().await.unwrap().names(), ["second"]);
}

#[tokio::test]
async fn a_relay_that_the_backup_does_not_know_does_not_start_over_it_either() {
    let mut world = World::at(NOW);
    let relay = world.open().await;
    let first = relay.store.run(proven::mark).await.unwrap().unwrap();
    world.clocks.pass(3_600_000);
    relay.keep_time().await.unwrap();
    let forget = |db: &Connection| db.execute("DELETE FROM process", &[]);
    set_back(&relay, NOW).await;
    relay.store.run(forget).await.unwrap();
    drop(relay);
    let why_not = async |world: &World| {
        let why = world.try_open().await.err().unwrap().to_string();
        assert!(why.contains("--restored"), "{why}");
    };
    why_not(&world).await;
    world.restored = Some(Duration::ZERO);
    let relay = world.try_open().await.unwrap();
    relay.keep_time().await.unwrap();
    world.restored = None;
    // The same backup again, at whatever time: it is of before the first restore.
    let again = move |db: &Connection| {
        db.execute(
            "UPDATE proven SET line = ?1, at_ms = at_ms + 1000",
            values![first.line],
        )
    };
    relay.store.run(again).await.unwrap();
    drop(relay);
    why_not(&world).await;
}

#[tokio::test]
async fn after_a_restore_a_relay_begins_anew_once_it_starts_again() {
    let world = World::at(NOW);
    let Some(second) = beside(&world).await else {
        return;
    };
    let (a, b) = (world.open().await, second.open().await);
    for of in [&world, &second] {
        of.clocks.pass(3_600_000);
    }
    b.keep_time().await.unwrap();
    set_back(&a, NOW).await;
    a.restored(Duration::ZERO).await.unwrap();
    // While it runs, it knows what was there before.
    assert!(b.beat().await.is_err());
    assert!(b.keep_time().await.is_err());
    drop(b);
    let b = second.open().await;
    b.beat().await.unwrap();
}

#[tokio::test]
async fn a_relay_that_crashes_while_it_sets_time_back_starts_again() {
    let world = World::at(NOW);
    let relay = world.open().await;
    world.clocks.pass(3_600_000);
    relay.keep_time().await.unwrap();
    let file = world.dir.path().join("recorded");
    let before = fs::read(&file).unwrap();
    world.clocks.set(NOW);
    relay.trust_clock().await.unwrap();
    relay.keep_time().await.unwrap();
    drop(relay);
    // Its file is as it was before.
    fs::write(&file, before).unwrap();
    let relay = world.open().await;
    let mark = relay.store.run(proven::mark).await.unwrap();
    assert_eq!(mark.unwrap().at_ms, NOW);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_restore_leaves_the_numbers_of_the_tables_of_others_as_they_are() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let bob = device(&relay, "bob").await;
    let others = |db: &Connection| {
        db.batch("CREATE TABLE of_others (id SERIAL PRIMARY KEY, n BIGINT); CREATE SEQUENCE other")
    };
    relay.store.run(others).await.unwrap();
    relay.restored(Duration::ZERO).await.unwrap();
    let next = |db: &Connection| {
        let id = "INSERT INTO of_others (n) VALUES (0) RETURNING id";
        let other = "SELECT nextval('other')";
        Ok((db.only::<i64>(id, &[])?, db.only::<i64>(other, &[])?))
    };
    assert_eq!(relay.store.run(next).await.unwrap(), (1, 1));
    // Those of the relay go on.
    let connection = relay.store.next_connection(bob.id).await.unwrap();
    assert!(connection > 1 << 32, "{connection}");
    assert!(device(&relay, "carol").await.id > 1 << 32);
}
