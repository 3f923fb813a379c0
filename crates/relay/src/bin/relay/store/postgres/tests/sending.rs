//! The lane of messages, when something goes wrong or changes meanwhile.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use tokio::task::JoinSet;
use tokio::time::sleep;
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::next_accepted_at;
use waxseal_roster::Pinned;

use super::*;
use crate::fixture::key_of;
use crate::fixture::owner::Owner;
use crate::store::devices;
use crate::store::processes::By;
use crate::store::queue::tests::stamped;
use crate::store::sending::{Facts, Stamped, Way};

fn way(from: &Device, to: &Device) -> Way {
    Way {
        device: from.id,
        account: from.account,
        peer: to.account,
        len: 100,
    }
}

/// Stamps a message for the devices of the other account.
fn stamp(facts: &Facts<'_>, by: By) -> Stamped<Timestamp> {
    let message = |to: &devices::Listed| queue::Message {
        recipient: to.id,
        stamped: stamped(),
        accepts: false,
    };
    let at = next_accepted_at(Timestamp::from_millis(NOW), facts.last);
    Stamped {
        by,
        accepted_at: at,
        mark: None,
        messages: facts.peer.listed.iter().map(message).collect(),
        answer: at,
    }
}

fn by(relay: &Relay) -> By {
    relay.process.me.by(relay.keys.stamp().oldest_epoch())
}

async fn send(relay: &Relay, from: &Device, to: &Device) -> Option<Timestamp> {
    let by = by(relay);
    let sent = relay
        .store
        .send(way(from, to), move |facts| Some(stamp(facts, by)), |_| ());
    sent.await.map(Result::unwrap)
}

async fn devices_of(relay: &Relay, count: usize) -> Vec<Arc<Device>> {
    let mut devices = Vec::new();
    for number in 0..count {
        devices.push(device(relay, &format!("device{number}")).await);
    }
    devices
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_sends_at_two_relays_at_once_has_no_message_go_the_slow_way() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let one = world.open().await;
    let second = world.beside("second").unwrap();
    let relays = [one, second.open().await];
    let devices = devices_of(&relays[0], 5).await;
    let mut sending = JoinSet::new();
    for number in 0..160 {
        let relay = relays[number % 2].clone();
        let (from, to) = (devices[0].clone(), devices[1 + number % 4].clone());
        let back = number % 3 == 0;
        sending.spawn(async move {
            match back {
                true => send(&relay, &to, &from).await.map(|at| (to.id, at)),
                false => send(&relay, &from, &to).await.map(|at| (from.id, at)),
            }
        });
    }
    let mut times = Vec::new();
    while let Some(sent) = sending.join_next().await {
        times.push(sent.unwrap().expect("it is plain"));
    }
    assert_eq!([slow(&relays[0]), slow(&relays[1])], [0, 0]);
    // No time comes twice.
    times.sort_unstable();
    let count = times.len();
    times.dedup();
    assert_eq!(times.len(), count);
    assert!(counts_are_right(&relays[0]).await);
}

#[tokio::test]
async fn what_a_device_sends_after_a_message_that_is_not_plain_does_not_overtake_it() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 2).await;
    let (from, to) = (&devices[0], &devices[1]);
    // The lane waits for a lock, so that the next messages come in one batch.
    let (store, row) = (relay.clone(), to.id);
    let waiting = tokio::spawn(async move {
        let wait = move |db: &Connection| {
            db.take_queues(&[row])?;
            db.exists("SELECT pg_sleep(0.5)", &[])
        };
        store.store.run(wait).await.unwrap()
    });
    sleep(Duration::from_millis(100)).await;
    let other = send(&relay, from, to);
    let not_plain = relay
        .store
        .send(way(from, to), |_| None::<Stamped<()>>, |()| ());
    let after = send(&relay, from, to);
    let all = async {
        let first = timeout(Duration::from_secs(9), other);
        tokio::join!(first, async {
            sleep(Duration::from_millis(50)).await;
            tokio::join!(not_plain, after)
        })
    };
    let (first, (not_plain, after)) = all.await;
    waiting.await.unwrap();
    assert!(first.unwrap().is_some());
    assert!(not_plain.is_none() && after.is_none());
}

#[tokio::test]
async fn what_panics_is_refused_and_the_threads_go_on() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 2).await;
    let (from, to) = (&devices[0], &devices[1]);
    // More than there are threads.
    for _ in 0..5 {
        let panics = relay.store.send(
            way(from, to),
            |_| -> Option<Stamped<()>> { panic!() },
            |_| (),
        );
        assert!(panics.await.is_none());
        let job = relay
            .store
            .run(|_| -> Result<(), Refusal> { panic!("a test") });
        assert_eq!(job.await.unwrap_err().code, ErrorCode::Internal);
        let answer = relay.store.run_then(|_| Ok(()), |()| panic!("a test"));
        assert_eq!(answer.await.unwrap_err().code, ErrorCode::Busy);
    }
    for _ in 0..5 {
        assert!(send(&relay, from, to).await.is_some());
        assert_eq!(
            relay
                .store
                .run(|db| db.only::<i64>("SELECT 1::BIGINT", &[]))
                .await
                .unwrap(),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_that_fails_does_not_have_all_others_go_the_slow_way() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 24).await;
    let row = devices[12].id;
    let made = relay.store.run(move |db| {
        db.batch(&format!(
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'a test'; END $$;
             CREATE TRIGGER fails BEFORE INSERT ON queue FOR EACH ROW
                 WHEN (new.recipient = {row}) EXECUTE FUNCTION fails()"
        ))
    });
    made.await.unwrap();
    // The lane waits for locks, so that all come in few batches.
    let (store, rows) = (relay.clone(), devices.iter().map(|device| device.id));
    let rows: Vec<i64> = rows.collect();
    let waiting = tokio::spawn(async move {
        let wait = move |db: &Connection| {
            db.take_queues(&rows)?;
            db.exists("SELECT pg_sleep(0.5)", &[])
        };
        store.store.run(wait).await.unwrap()
    });
    sleep(Duration::from_millis(200)).await;
    let mut sending = JoinSet::new();
    for number in 0..24 {
        let (relay, from) = (relay.clone(), devices[number].clone());
        let to = devices[(number + 1) % 24].clone();
        sending.spawn(async move { send(&relay, &from, &to).await.is_some() });
    }
    let mut taken = 0;
    while let Some(sent) = sending.join_next().await {
        taken += usize::from(sent.unwrap());
    }
    waiting.await.unwrap();
    // A batch of 12 is halved three times.
    assert!((20..24).contains(&taken), "{taken}");
}

#[tokio::test]
async fn a_long_queue_is_counted_by_its_senders_until_it_is_empty() {
    const LONG: i64 = 1_000;
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 3).await;
    let (alice, bob, carol) = (&devices[0], &devices[1], &devices[2]);
    send(&relay, alice, bob).await.unwrap();
    let row = bob.id;
    let fill = relay.store.run(move |db| {
        db.execute(
            "INSERT INTO queue (recipient, number, sender, epoch, stamped)
             SELECT recipient, i, sender, epoch, stamped
             FROM queue, generate_series(2, ?2::BIGINT) AS i WHERE recipient = ?1",
            values![row, LONG - 1],
        )?;
        db.execute(
            "UPDATE inbox SET next = ?2, messages = n, bytes = len FROM (
                 SELECT count(*) AS n, sum(length(stamped)) AS len FROM queue WHERE recipient = ?1
             ) q WHERE recipient = ?1",
            values![row, LONG],
        )
    });
    assert_eq!(fill.await.unwrap(), 1);
    let shares = async || {
        let shares = "SELECT sender, messages FROM share ORDER BY sender";
        let shares = relay.store.run(move |db| db.all::<(i64, i64)>(shares, &[]));
        shares.await.unwrap()
    };
    send(&relay, carol, bob).await.unwrap();
    assert_eq!(shares().await, []);
    send(&relay, carol, bob).await.unwrap();
    assert_eq!(
        shares().await,
        [(alice.account, LONG - 1), (carol.account, 2)]
    );
    // A job counts like the lane.
    let (from, at) = (alice.account, alice.id);
    let job = relay
        .store
        .run(move |db| queue::push(db, from, row, &stamped()));
    job.await.unwrap();
    assert_eq!(shares().await[0], (alice.account, LONG));
    assert!(counts_are_right(&relay).await);

    let acknowledge = async |numbers: Vec<i64>, known| {
        let done = queue::acknowledge(&relay.store, row, numbers, known);
        done.await.unwrap();
        assert!(counts_are_right(&relay).await);
    };
    acknowledge((1..=500).collect(), None).await;
    acknowledge((501..LONG).collect(), Some((1, 1))).await;
    assert_eq!(shares().await, [(alice.account, 1), (carol.account, 2)]);
    acknowledge((LONG..LONG + 3).collect(), None).await;
    assert_eq!(shares().await, []);
    send(&relay, alice, bob).await.unwrap();
    assert_eq!(shares().await, []);
    assert!(counts_are_right(&relay).await);
    let _ = at;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_of_an_account_misses_a_roster_that_was_stored_before_it() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let one = world.open().await;
    let second = world.beside("second").unwrap();
    let relays = [one, second.open().await];
    let devices = devices_of(&relays[0], 2).await;
    // One account gets another device: first the recipient, then the sender.
    for (times, changes) in [1, 0].into_iter().enumerate() {
        let (from, to) = (devices[0].clone(), devices[1].clone());
        let plain = if times == 0 { [1, 1] } else { [1, 2] };
        let mut sending = JoinSet::new();
        for task in 0..8 {
            let (relay, from, to) = (relays[task % 2].clone(), from.clone(), to.clone());
            sending.spawn(async move {
                let by = by(&relay);
                let (mut taken, began) = (0, Instant::now());
                while began.elapsed() < Duration::from_secs(30) {
                    let fits = move |facts: &Facts<'_>| {
                        let listed = [facts.own.listed.len(), facts.peer.listed.len()];
                        (listed == plain).then(|| stamp(facts, by))
                    };
                    match relay.store.send(way(&from, &to), fits, |_| ()).await {
                        Some(sent) => taken += usize::from(sent.is_ok()),
                        None => break,
                    }
                }
                taken
            });
        }
        let row = devices[1].id;
        let next = move |db: &Connection| {
            db.only::<i64>("SELECT next FROM inbox WHERE recipient = ?1", values![row])
        };
        let begins = relays[1].store.run(next).await.unwrap();
        while relays[1].store.run(next).await.unwrap() < begins + 50 {
            sleep(Duration::from_millis(2)).await;
        }
        let (name, account) = (format!("device{changes}"), devices[changes].account);
        let changed = loop {
            let name = name.clone();
            let changed = relays[1].store.run(move |db| {
                let (owner, key) = (Owner::new(&name), key_of(&name));
                let before = owner.first(1, &key, NOW);
                let entry = owner.entry(2, &SigningKey::from_bytes(&[7; 32]));
                let next_one = owner.next(&before, (1, &key), NOW, |draft| {
                    draft.add(entry).unwrap();
                });
                devices::keep_roster(db, account, &Pinned::first(next_one))?;
                // Meanwhile others read what was before.
                db.exists("SELECT pg_sleep(0.3)", &[])?;
                next(db)
            });
            match changed.await {
                Ok(next) => break next,
                Err(refusal) => assert_eq!(refusal.code, ErrorCode::Busy),
            }
        };
        let mut taken = 0;
        while let Some(sent) = sending.join_next().await {
            taken += sent.unwrap();
        }
        assert!(taken >= 50, "{taken}");
        assert_eq!(relays[0].store.run(next).await.unwrap(), changed);
    }
    assert!(counts_are_right(&relays[0]).await);
}

mod held;
