use waxseal_interface::ErrorCode;
use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::{World, device, report, send};

const HOUR: u64 = 3_600_000;
const DAY: u64 = EPOCH_MS;
const NOON: u64 = 21_000 * DAY + 12 * HOUR;

/// A world whose relay was first started long ago, and has run ever since.
async fn old_world() -> World {
    let world = World::at(NOON - 100 * DAY);
    let relay = world.open().await;
    world.clocks.set(NOON);
    settle(&relay).await;
    world
}

/// Makes it look as if the relay had proven the present time.
async fn settle(relay: &Relay) {
    let mut proven = Proven::starting_at(NOON);
    (proven.began_ms, proven.settled) = (NOON - 100 * DAY, true);
    relay
        .store
        .run(move |db| proven::save(db, &proven))
        .await
        .unwrap();
}

async fn queued(relay: &Relay) -> i64 {
    let count = |db: &Connection| db.only("SELECT count(*) FROM queue", &[]);
    relay.store.run(count).await.unwrap()
}

#[tokio::test]
async fn a_clock_40_days_ahead_for_a_second_costs_nothing() {
    let world = old_world().await;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let before = send(&relay, &alice, &bob, "before").await.unwrap();
    let oldest = relay.keys.stamp().oldest_epoch();

    world.clocks.set(NOON + 40 * DAY);
    relay.keep_time().await.unwrap();
    let during = send(&relay, &alice, &bob, "during").await.unwrap();
    // A relay that is started in this second destroys nothing either.
    drop(relay);
    let relay = world.open().await;
    let (alice, bob) = (
        relay.device(&alice.me).await.unwrap().unwrap(),
        relay.device(&bob.me).await.unwrap().unwrap(),
    );
    world.clocks.pass(1_000);
    world.clocks.set(NOON + 1_000);
    relay.keep_time().await.unwrap();

    let after = send(&relay, &alice, &bob, "after").await.unwrap();
    assert_eq!(relay.keys.stamp().oldest_epoch(), oldest);
    assert_eq!(queued(&relay).await, 3);
    report(&relay, &alice, &before).await.unwrap();
    report(&relay, &alice, &after).await.unwrap();
    // The message of that second is reported when its time has come.
    let refusal = report(&relay, &alice, &during).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ReportTooEarly);
    world.run(&relay, DAY).await;
    drop(relay);
    world.clocks.pass(39 * DAY);
    let relay = world.open().await;
    report(&relay, &alice, &during).await.unwrap();
}

#[tokio::test]
async fn a_relay_first_started_a_year_ahead_stamps_before_and_after_its_clock_is_set() {
    for (ahead, hours) in [(365, 0), (365, 100), (3, 29 * 24), (370, 1)] {
        let world = World::at(NOON + ahead * DAY);
        let relay = world.open().await;
        let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
        let ahead = send(&relay, &alice, &bob, "ahead").await.unwrap();
        world.run(&relay, hours * HOUR).await;

        for restarted in [false, true] {
            world.clocks.set(NOON);
            let relay = match restarted {
                true => world.open().await,
                false => relay.clone(),
            };
            relay.keep_time().await.unwrap();
            assert_eq!(relay.now().as_millis(), NOON);
            let text = format!("{restarted}");
            let right = send(&relay, &alice, &bob, &text).await.unwrap();
            assert!(right.accepted_at().as_millis() - NOON < 300_000);
            report(&relay, &alice, &right).await.unwrap();
            let refusal = report(&relay, &alice, &ahead).await.unwrap_err();
            assert_eq!(refusal.code, ErrorCode::ReportTooEarly);
        }
    }
}

#[tokio::test]
async fn a_clock_set_back_by_an_hour_a_day_or_a_year_stops_no_message_and_no_report() {
    for back in [HOUR, DAY, 365 * DAY, NOON] {
        let world = old_world().await;
        let relay = world.open().await;
        let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
        let fresh = send(&relay, &alice, &bob, "fresh").await.unwrap();
        world.clocks.set(NOON - back);
        report(&relay, &alice, &fresh).await.unwrap();
        let after = send(&relay, &alice, &bob, "after").await.unwrap();
        relay.keep_time().await.unwrap();
        drop(relay);

        let relay = world.open().await;
        report(&relay, &alice, &after).await.unwrap();
        let again = send(&relay, &alice, &bob, "again").await.unwrap();
        assert!(again.accepted_at().as_millis() >= NOON);
        report(&relay, &alice, &again).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_relay_whose_clock_is_set_back_asks_reporters_to_try_later() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let fresh = send(&relay, &alice, &bob, "fresh").await.unwrap();
    // The relay cannot know yet which of the two times is right.
    world.clocks.set(NOON - DAY);
    relay.keep_time().await.unwrap();
    let refusal = report(&relay, &alice, &fresh).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ReportTooEarly);
    assert!(refusal.retry_after_secs.is_some());
    world.clocks.set(NOON);
    report(&relay, &alice, &fresh).await.unwrap();
}

#[tokio::test]
async fn keys_are_destroyed_after_thirty_days_and_messages_a_day_later() {
    let world = old_world().await;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "old").await.unwrap();
    let (today, step) = (21_000, HOUR);
    world.run(&relay, 30 * DAY + 12 * HOUR - step).await;
    assert_eq!(relay.keys.stamp().oldest_epoch(), today);
    report(&relay, &alice, &message).await.unwrap();

    let second = send(&relay, &alice, &bob, "new").await.unwrap();
    world.run(&relay, step).await;
    assert_eq!(relay.keys.stamp().oldest_epoch(), today + 1);
    assert_eq!(queued(&relay).await, 2, "dropped in a later step");
    world.run(&relay, DAY - step).await;
    assert_eq!(queued(&relay).await, 2);
    world.run(&relay, step).await;
    assert_eq!(queued(&relay).await, 1);
    report(&relay, &alice, &second).await.unwrap();
}

#[tokio::test]
async fn after_40_days_of_downtime_only_the_operators_word_destroys_keys() {
    let world = old_world().await;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "40 days").await.unwrap();
    drop(relay);
    world.clocks.pass(40 * DAY);
    let relay = world.open().await;
    world.run(&relay, 2 * DAY).await;
    assert_eq!(relay.keys.stamp().oldest_epoch(), 21_002 - 30);
    assert_eq!(queued(&relay).await, 1);
    drop(relay);

    let relay = world.try_open().await.unwrap();
    relay.trust_clock().await.unwrap();
    relay.keep_time().await.unwrap();
    assert_eq!(relay.keys.stamp().oldest_epoch(), 21_042 - 30);
    world.run(&relay, DAY).await;
    assert_eq!(queued(&relay).await, 0);
}

#[tokio::test]
async fn a_clock_years_off_needs_the_operators_word_and_then_the_relay_stamps() {
    // Years ahead for a while: the relay starts again when the clock is right.
    let world = old_world().await;
    drop(world.open().await);
    world.clocks.set(NOON + 3_650 * DAY);
    let relay = world.try_open().await.unwrap();
    let error = relay.keep_time().await.unwrap_err().to_string();
    assert!(error.contains("--trust-clock"), "{error}");
    drop(relay);
    world.clocks.set(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "hello").await.unwrap();
    drop(relay);

    // Really ten years later, or ten years ahead at the first start.
    for (first, then) in [(NOON, NOON + 3_650 * DAY), (NOON + 3_650 * DAY, NOON)] {
        let world = World::at(first);
        drop(world.open().await);
        world.clocks.set(then);
        let relay = world.try_open().await.unwrap();
        relay.trust_clock().await.unwrap();
        relay.keep_time().await.unwrap();
        let relay = Arc::new(relay);
        let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
        let sent = send(&relay, &alice, &bob, "hello").await.unwrap();
        assert_eq!(sent.accepted_at().as_millis(), then);
        report(&relay, &alice, &sent).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_record_of_proven_time_a_clock_years_ahead_destroys_no_key() {
    // A database of a version before proven time, and one that was lost.
    for lost in [false, true] {
        let mut world = old_world().await;
        let relay = world.open().await;
        let oldest = relay.keys.stamp().oldest_epoch();
        assert_eq!(oldest, 21_000 - 30);
        let forget = |db: &Connection| db.execute("DELETE FROM proven", &[]);
        relay.store.run(forget).await.unwrap();
        drop(relay);
        if lost {
            world.lose_database();
        }
        world.clocks.set(NOON + 3_650 * DAY);
        let relay = world.try_open().await.unwrap();
        let error = relay.keep_time().await.unwrap_err().to_string();
        assert!(error.contains("--trust-clock"), "{error}");
        assert_eq!(relay.keys.stamp().oldest_epoch(), oldest);
        drop(relay);

        world.clocks.set(NOON);
        let relay = world.open().await;
        assert_eq!(relay.now().as_millis(), NOON);
        assert_eq!(relay.keys.stamp().oldest_epoch(), oldest);
    }
}

#[tokio::test]
async fn a_database_is_not_opened_with_another_root_key_file() {
    let (world, another) = (World::at(NOON), World::at(NOON));
    let relay = world.open().await;
    device(&relay, "alice").await;
    drop((relay, another.open().await));
    let key = |world: &World| world.dir.path().join("root.key");
    std::fs::copy(key(&another), key(&world)).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert!(
        error.to_string().contains("is not that of the database"),
        "{error}"
    );
}

#[tokio::test]
async fn accounts_are_counted_only_as_far_as_it_matters() {
    let world = World::at(NOON);
    let relay = world.open().await;
    for name in ["alice", "bob", "carol"] {
        device(&relay, name).await;
    }
    #[cfg(feature = "postgres")]
    if world.is_on_postgres() {
        let count = |db: &Connection| db.batch("ANALYZE account");
        relay.store.run(count).await.unwrap();
    }
    for (count, there) in [(2, true), (3, true), (4, false)] {
        let counted = relay.store.run(move |db| accounts::are(db, count)).await;
        assert_eq!(counted.unwrap(), there, "{count}");
    }
}
