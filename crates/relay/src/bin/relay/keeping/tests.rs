use std::fs;

use waxseal_interface::{ContactHeaders, ErrorCode};

use super::*;
use crate::fixture::{World, device, report, send, send_at_once};
use crate::store::values::values;
use crate::time::Proven;

const HOUR: u64 = 3_600_000;
const DAY: u64 = EPOCH_MS;
const NOON: u64 = 21_000 * DAY + 12 * HOUR;
const TODAY: u32 = 21_000;

/// Two relays of one database, which was proven for long. `None` without PostgreSQL.
async fn two() -> Option<[World; 2]> {
    let first = World::at(NOON);
    let relay = first.open().await;
    let second = first.beside("second")?;
    let mut proven = Proven::starting_at(NOON);
    (proven.began_ms, proven.settled) = (NOON - 100 * DAY, true);
    let save = move |db: &Connection| proven::save(db, &proven);
    relay.store.run(save).await.unwrap();
    Some([first, second])
}

/// Makes it look as if a relay had said nothing for more than a minute.
async fn silence(relay: &Relay) {
    let number = relay.process.me.number;
    let set = move |db: &Connection| {
        let set = "UPDATE process SET said_ms = said_ms - 70000 WHERE number = ?1";
        db.execute(set, values![number]).map(drop)
    };
    relay.store.run(set).await.unwrap();
}

async fn destroyed(relay: &Relay) -> u32 {
    relay.store.run(proven::drop_before).await.unwrap()
}

fn oldest(relay: &Relay) -> u32 {
    relay.keys.stamp().oldest_epoch()
}

async fn why_not(world: &World) -> String {
    let refused = world.try_open().await;
    refused.err().unwrap().to_string()
}

#[tokio::test]
async fn chk700_a_relay_with_another_root_key_than_that_of_the_database_does_not_start() {
    let world = World::at(NOON);
    drop(world.open().await);
    let (own, other) = (world.dir.path().join("root.key"), World::at(NOON));
    drop(other.open().await);
    let right = fs::read(&own).unwrap();
    fs::copy(other.dir.path().join("root.key"), &own).unwrap();
    let why = why_not(&world).await;
    assert!(why.contains("not that of the database"), "{why}");
    // Each secret that lasts counts, and not the signing key alone.
    for at in [1, 33, 65, 97, 129] {
        let mut altered = right.clone();
        altered[at + 8] ^= 1;
        fs::write(&own, altered).unwrap();
        let why = why_not(&world).await;
        assert!(why.contains("not that of the database"), "{at}: {why}");
    }
    fs::write(&own, right).unwrap();
    drop(world.open().await);
    // A relay of a new database brings its own.
    let mut world = world;
    world.lose_database();
    drop(world.open().await);
}

#[tokio::test]
async fn chk701_no_root_key_is_drawn_for_a_database_that_has_one() {
    let first = World::at(NOON);
    drop(first.open().await);
    let second = first.beside("second");
    for world in [Some(&first), second.as_ref()].into_iter().flatten() {
        let root = world.dir.path().join("root.key");
        let kept = fs::read(&root).unwrap();
        fs::remove_file(&root).unwrap();
        let why = why_not(world).await;
        assert!(why.contains("restore it from a backup"), "{why}");
        assert!(!root.exists());
        fs::write(&root, kept).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&root, fs::Permissions::from_mode(0o600)).unwrap();
        drop(world.open().await);
    }
}

#[tokio::test]
async fn chk702_several_relays_prove_the_time_that_passes_and_none_sets_it_back() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    let live = async |time| {
        for world in [&first, &second] {
            world.clocks.pass(time);
        }
        for relay in [&a, &b] {
            relay.beat().await.unwrap();
        }
        for relay in [&a, &b] {
            relay.keep_time().await.unwrap();
        }
    };
    for _ in 0..50 {
        live(HOUR).await;
    }
    assert_eq!(a.time.proven().at_ms, NOON + 50 * HOUR);
    assert_eq!(b.time.proven().at_ms, NOON + 50 * HOUR);

    // One that slept follows the others, and counts none of it again.
    silence(&b).await;
    first.clocks.pass(10 * HOUR);
    a.keep_time().await.unwrap();
    second.clocks.set(NOON + 60 * HOUR);
    b.beat().await.unwrap();
    assert_eq!(b.time.proven().at_ms, NOON + 60 * HOUR);
    live(HOUR).await;
    assert_eq!(b.time.proven().at_ms, NOON + 61 * HOUR);
    assert_eq!(a.time.proven().at_ms, NOON + 61 * HOUR);

    // The clock of one is a month behind.
    second.clocks.set(NOON - 30 * DAY);
    drop(b);
    let b = second.open().await;
    a.beat().await.unwrap();
    for relay in [&a, &b] {
        assert_eq!(relay.time.proven().at_ms, NOON + 61 * HOUR);
    }
}

#[tokio::test]
async fn chk703_an_epoch_is_destroyed_once_every_relay_has_destroyed_it() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    assert_eq!(destroyed(&a).await, TODAY - 30);
    let (alice, bob) = (device(&a, "alice").await, device(&a, "bob").await);
    send(&a, &alice, &bob, "old").await.unwrap();
    // For forty days, the second one does not run. The first destroys its own keys.
    silence(&b).await;
    drop(b);
    first.run(&a, 40 * DAY).await;
    assert_eq!(oldest(&a), TODAY + 10);
    assert_eq!(destroyed(&a).await, TODAY - 30);
    let waiting = |db: &Connection| db.only::<i64>("SELECT count(*) FROM queue", &[]);
    assert_eq!(a.store.run(waiting).await.unwrap(), 1);

    second.clocks.pass(40 * DAY);
    let b = second.open().await;
    assert_eq!(oldest(&b), TODAY + 10);
    assert_eq!(destroyed(&a).await, TODAY + 10);
    // As with one relay, messages are dropped a day later.
    for _ in 0..24 {
        first.run(&a, HOUR).await;
        second.run(&b, HOUR).await;
    }
    assert_eq!(a.store.run(waiting).await.unwrap(), 0);
    assert_eq!(destroyed(&b).await, TODAY + 11);
}

#[tokio::test]
async fn chk704_a_relay_that_comes_back_after_40_days_destroys_before_it_stamps() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    let (alice, bob) = (device(&a, "alice").await, device(&a, "bob").await);
    let message = send(&a, &alice, &bob, "before").await.unwrap();
    silence(&b).await;
    first.run(&a, 40 * DAY).await;
    // It slept, and its monotonic clock with it. At first it does not even know the time.
    let none = ContactHeaders::default;
    assert!(
        send_at_once(&b, &alice, &bob, "asleep", none())
            .await
            .is_ok()
    );
    second.clocks.set(NOON + 40 * DAY);
    let refusal = send_at_once(&b, &alice, &bob, "awake", none())
        .await
        .unwrap_err();
    assert_eq!((refusal.code, oldest(&b)), (ErrorCode::Busy, TODAY - 30));
    // The first beat finds what the others have proven.
    b.beat().await.unwrap();
    assert_eq!(oldest(&b), TODAY + 10);
    send_at_once(&b, &alice, &bob, "beaten", none())
        .await
        .unwrap();
    report(&b, &alice, &message).await.unwrap_err();

    // A relay that was taken out meanwhile, or whose root key is from a backup, has what counts as
    // destroyed. It enters once it has destroyed that.
    let backup = fs::read(second.dir.path().join("root.key")).unwrap();
    drop(b);
    a.forget_process("second", Duration::ZERO).await.unwrap();
    first.run(&a, 5 * DAY).await;
    assert_eq!(destroyed(&a).await, TODAY + 15);
    fs::write(second.dir.path().join("root.key"), backup).unwrap();
    let b = second.try_open().await.unwrap();
    assert!(
        b.confirm()
            .await
            .unwrap_err()
            .to_string()
            .contains("are still here")
    );
    assert_eq!(destroyed(&a).await, TODAY + 15);
    assert!(b.process.check(b.time.reading()).is_err());
    b.keep_time().await.unwrap();
    assert_eq!(oldest(&b), TODAY + 15);
    b.process.check(b.time.reading()).unwrap();
}

#[tokio::test]
async fn chk705_a_relay_that_cannot_confirm_stamps_nothing() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    let (alice, bob) = (device(&a, "alice").await, device(&a, "bob").await);
    let try_send = async || {
        let sent = send_at_once(&b, &alice, &bob, "hi", ContactHeaders::default()).await;
        sent.map(|_| ()).map_err(|refusal| refusal.code)
    };
    try_send().await.unwrap();
    second.clocks.pass(20_000);
    try_send().await.unwrap();
    second.clocks.pass(1);
    assert_eq!(try_send().await, Err(ErrorCode::Busy));
    assert_eq!(ErrorCode::Busy.status(), 503);
    b.beat().await.unwrap();
    try_send().await.unwrap();
    // Either clock counts, and a step in either direction.
    let now = second.clocks.read().wall_ms;
    for step in [now - 30_000, now + 30_000] {
        second.clocks.set(step);
        assert_eq!(try_send().await, Err(ErrorCode::Busy));
        b.beat().await.unwrap();
        try_send().await.unwrap();
    }
}

#[tokio::test]
async fn chk706_of_two_relays_with_one_number_the_older_one_gives_way() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    // The operator copied the whole folder.
    let third = first.beside("third").unwrap();
    for file in ["process", "root.key"] {
        let [from, to] = [&second, &third].map(|world| world.dir.path().join(file));
        fs::copy(from, to).unwrap();
    }
    let c = third.open().await;
    let error = b.beat().await.unwrap_err().to_string();
    assert!(error.contains("copied"), "{error}");
    assert!(b.process.check(b.time.reading()).is_err());
    c.beat().await.unwrap();
    a.beat().await.unwrap();
    // So it is with names.
    let mut fourth = first.beside("third").unwrap();
    let why = fourth.try_open().await.unwrap().keep_time().await;
    assert!(why.unwrap_err().to_string().contains("has the name third"));
    // If the folder of the first one with this name is lost, it is taken out under its name.
    drop(c);
    let d = fourth.try_open().await.unwrap();
    d.forget_process("third", Duration::ZERO).await.unwrap();
    d.keep_time().await.unwrap();
    assert!(d.forget_process("third", Duration::ZERO).await.is_err());
    drop(d);
    fourth.name = Some("fourth".to_owned());
    drop(fourth.open().await);
}

#[tokio::test]
async fn chk707_a_relay_that_runs_is_not_taken_out_and_one_that_is_gone_no_longer_counts() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    let unknown = a.forget_process("fifth", Duration::ZERO).await.unwrap_err();
    assert!(unknown.to_string().contains("second"), "{unknown}");
    let own = a.process.me.name.clone();
    assert!(a.forget_process(&own, Duration::ZERO).await.is_err());

    let beats = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        second.clocks.pass(5_000);
        b.beat().await.unwrap();
    };
    let time = Duration::from_millis(500);
    let (forgotten, ()) = tokio::join!(a.forget_process("second", time), beats);
    let error = forgotten.unwrap_err().to_string();
    assert!(error.contains("stop it first"), "{error}");

    silence(&b).await;
    first.run(&a, 5 * DAY).await;
    assert_eq!(destroyed(&a).await, TODAY - 30);
    a.forget_process("second", Duration::ZERO).await.unwrap();
    a.beat().await.unwrap();
    assert_eq!(destroyed(&a).await, TODAY - 25);
    // If it comes back, it is as any relay that enters.
    b.beat().await.unwrap();
    assert_eq!(oldest(&b), TODAY - 25);
    assert_eq!(b.peers().await.unwrap().names(), [own]);
}

#[tokio::test]
async fn chk709_no_relay_sets_time_back_or_makes_stamp_keys_while_others_have_theirs() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    for back in [DAY, 40 * DAY] {
        second.clocks.set(NOON - back);
        let error = b.trust_clock().await.unwrap_err().to_string();
        assert!(error.contains("--forget-process"), "{error}");
        b.keep_time().await.ok();
        assert!(b.time.proven().at_ms >= NOON && oldest(&b) == TODAY - 30);
    }
    // Forwards, all follow, if the other agrees. Alone, a relay may do both.
    first.clocks.set(NOON + 2 * DAY);
    a.beat().await.unwrap();
    second.clocks.set(NOON + 2 * DAY);
    b.trust_clock().await.unwrap();
    b.keep_time().await.unwrap();
    a.beat().await.unwrap();
    assert_eq!((oldest(&a), oldest(&b)), (TODAY - 28, TODAY - 28));
    b.forget_process(&a.process.me.name, Duration::ZERO)
        .await
        .unwrap();
    second.clocks.set(NOON - 40 * DAY);
    b.trust_clock().await.unwrap();
    b.keep_time().await.unwrap();
    assert_eq!(b.time.proven().at_ms, NOON - 40 * DAY);
    assert_eq!((oldest(&b), destroyed(&b).await), (TODAY - 70, TODAY - 70));
}

#[tokio::test]
async fn chk710_no_clock_that_is_ahead_moves_the_time_of_all() {
    let Some([first, second]) = two().await else {
        return;
    };
    let (a, b) = (first.open().await, second.open().await);
    // The clock of the second is six days ahead, and steady for two days.
    second.clocks.set(NOON + 6 * DAY);
    let error = b.trust_clock().await.unwrap_err().to_string();
    assert!(error.contains("set the clock"), "{error}");
    let live = async |hours: u64| {
        for _ in 0..hours {
            for (world, relay) in [(&first, &a), (&second, &b)] {
                world.clocks.pass(HOUR);
                relay.keep_time().await.unwrap();
            }
            a.beat().await.unwrap();
        }
    };
    live(48).await;
    for relay in [&a, &b] {
        assert_eq!(relay.time.proven().at_ms, NOON + 2 * DAY);
        assert_eq!(oldest(relay), TODAY - 28);
    }
    // The first one was wrong: now most agree.
    first.clocks.set(NOON + 8 * DAY);
    a.beat().await.unwrap();
    live(1).await;
    assert_eq!(b.time.proven().at_ms, NOON + 8 * DAY + HOUR);
    a.beat().await.unwrap();
    assert_eq!((oldest(&a), oldest(&b)), (TODAY - 22, TODAY - 22));
}

mod committing;
