use waxseal_interface::{ContactHeaders, ErrorCode};

use super::*;
use crate::fixture::{World, device, report, send, send_at_once};
use crate::store::queue;
use crate::store::values::values;
use crate::time::Proven;

#[tokio::test]
async fn chk711_what_a_relay_stamps_is_committed_only_if_the_database_knows_it() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    let (alice, bob) = (device(&a, "alice").await, device(&a, "bob").await);
    let day = u32::try_from(NOON / DAY).unwrap();
    let contact = ContactHeaders {
        token: b.contacts.token(day, &alice.me.account, &bob.me.account),
        ..ContactHeaders::default()
    };
    let try_send = async || {
        let sent = send_at_once(&b, &alice, &bob, "hi", contact).await;
        sent.map_err(|refusal| refusal.code)
    };
    let try_report = async |message| {
        let reported = report(&b, &alice, message).await;
        reported.map(|_| ()).map_err(|refusal| refusal.code)
    };
    let message = try_send().await.unwrap();
    for _ in 0..3 {
        try_send().await.unwrap();
    }
    // It was taken out, and does not know: its clocks stood still.
    let forget = |name| a.forget_process(name, Duration::ZERO);
    forget("second").await.unwrap();
    b.process.check(b.time.reading()).unwrap();
    assert_eq!(try_send().await.err(), Some(ErrorCode::Busy));
    assert_eq!(try_report(&message).await, Err(ErrorCode::Busy));
    b.beat().await.unwrap();
    try_send().await.unwrap();

    // It entered again, and what it has counts as destroyed meanwhile.
    let destroy =
        |db: &Connection| db.execute("UPDATE proven SET drop_before = ?1", values![TODAY]);
    a.store.run(destroy).await.unwrap();
    assert_eq!(try_send().await.err(), Some(ErrorCode::Busy));
    assert_eq!(try_report(&message).await, Err(ErrorCode::Busy));
    let not_destroyed =
        |db: &Connection| db.execute("UPDATE proven SET drop_before = ?1", values![TODAY - 30]);
    a.store.run(not_destroyed).await.unwrap();
    try_report(&message).await.unwrap();
}

#[tokio::test]
async fn messages_of_destroyed_epochs_are_dropped_after_the_relay_has_confirmed() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    for text in ["one", "two", "three"] {
        send(&relay, &alice, &bob, text).await.unwrap();
    }
    let mut proven = Proven::starting_at(NOON);
    (proven.began_ms, proven.settled) = (NOON - 100 * DAY, true);
    let settle = move |db: &Connection| proven::save(db, &proven);
    relay.store.run(settle).await.unwrap();
    let waiting = |db: &Connection| db.only::<i64>("SELECT count(*) FROM queue", &[]);
    let waiting = async || relay.store.run(waiting).await.unwrap();

    // Their keys are destroyed on the 31st day, and they wait for one more.
    for days in 1..=31 {
        world.run(&relay, DAY).await;
        assert_eq!(destroyed(&relay).await, TODAY + days - 30);
        assert_eq!(waiting().await, 3, "{days}");
    }
    for _ in 0..24 {
        world.clocks.pass(HOUR);
        relay.keep_time().await.unwrap();
    }
    assert_eq!(destroyed(&relay).await, TODAY + 2);
    assert_eq!(waiting().await, 3);
    relay.clean_up().await.unwrap();
    assert_eq!(waiting().await, 0);
    let queued = queue::read_after(&relay.store, bob.id, 0, 64)
        .await
        .unwrap();
    let of_day = u64::from(TODAY) * DAY;
    assert_eq!(queued.lost, Some((of_day, of_day + DAY - 1)));
}

#[tokio::test]
async fn what_cannot_be_cleaned_up_keeps_nothing_else_from_it() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    send(&relay, &alice, &bob, "old").await.unwrap();
    let prepare = |db: &Connection| {
        db.batch("DROP TABLE notice")?;
        db.execute("UPDATE queue SET epoch = 7", &[])
    };
    assert_eq!(relay.store.run(prepare).await.unwrap(), 1);
    relay.process.drop_before(8);
    let refusal = relay.clean_up().await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::Internal);
    let waiting = |db: &Connection| db.exists("SELECT 1 FROM queue", &[]);
    assert!(!relay.store.run(waiting).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_does_not_wait_for_jobs_that_wait_for_locks() {
    let world = World::at(NOON);
    let relay = world.open().await;
    if relay.store.answers_in_order() {
        return; // one job runs after another
    }
    let waiting = [relay.clone(), relay.clone()].map(|relay| {
        let wait = |db: &Connection| db.exists("SELECT pg_sleep(2)", &[]);
        tokio::spawn(async move { relay.store.run_under_locks(wait, |_| ()).await })
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let swept = relay.sweep(|db| db.exists("SELECT 1 WHERE 1 = 0", &[]));
    let swept = tokio::time::timeout(Duration::from_secs(1), swept).await;
    assert!(swept.unwrap().is_ok());
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
}
