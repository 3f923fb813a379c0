//! Messages to a group while others change what they rely on, at another relay.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use waxseal_reporting::relay::next_accepted_at;

use super::*;
use crate::fixture::caller;
use crate::group_messages;
use crate::store::postgres::tests::counts_are_right;
use crate::store::queue::tests::stamped;
use crate::store::sending::{Facts, Stamped, Way};
use crate::store::values::values;

/// Two relays over one PostgreSQL database. `None` if there is none.
async fn two(world: &World) -> Option<([Arc<Relay>; 2], World)> {
    if !world.is_on_postgres() {
        return None;
    }
    let one = world.open().await;
    let second = world.beside("second")?;
    Some(([one, second.open().await], second))
}

/// Sends one message to a group as its handler does, without limits of time.
async fn send(
    relay: &Arc<Relay>,
    from: &Device,
    id: &ConversationId,
    (stamp, sequence): (GroupStamp, u64),
    targets: usize,
) -> Result<Accepted, Refusal> {
    let posted = message(relay, from, id, (stamp, sequence), targets);
    let posted = PostedGroup::decode(&posted).unwrap();
    let authentic = posted.authenticate(&from.delivery_key, &from.me, relay.now());
    let (authentic, sender, shared) = (authentic.unwrap(), clone(from), relay.clone());
    let id = *id;
    let (job, woken) = accepting(relay, from, None, move |db, keys| {
        take(
            db,
            (&shared, &Budgets::default()),
            keys,
            &sender,
            &id,
            &authentic,
        )
    });
    relay.store.run_under_locks(job, woken).await
}

/// Sends a message from one account to another through the lane, or in a job. Returns whether it
/// was taken.
async fn send_directly(relay: &Relay, way: Way, by_job: bool) -> bool {
    let (stamped, now) = (stamped(), relay.now());
    if by_job {
        let job = move |db: &Connection| {
            devices::take_queues(db, [way.account, way.peer])?;
            let at = queue::next_accepted_at(db, way.device, now)?;
            let message = |to: devices::Listed| queue::Message {
                recipient: to.id,
                stamped: stamped.clone(),
                accepts: false,
            };
            let to = devices::listed(db, way.peer)?.into_iter().map(message);
            queue::push_each(db, way.account, &to.collect::<Vec<_>>(), at.as_millis())?;
            queue::keep_accepted_at(db, way.device, at)
        };
        return relay.store.run(job).await.is_ok();
    }
    let by = relay.process.me.by(relay.keys.stamp().oldest_epoch());
    let stamp = move |facts: &Facts<'_>| {
        let message = |to: &devices::Listed| queue::Message {
            recipient: to.id,
            stamped: stamped.clone(),
            accepts: false,
        };
        Some(Stamped {
            by,
            accepted_at: next_accepted_at(now, facts.last),
            mark: None,
            messages: facts.peer.listed.iter().map(message).collect(),
            answer: (),
        })
    };
    matches!(relay.store.send(way, stamp, |()| ()).await, Some(Ok(())))
}

/// Each account with its first device.
async fn senders(relay: &Relay) -> Vec<(i64, i64)> {
    let senders = |db: &Connection| {
        db.all::<(i64, i64)>("SELECT account, id FROM device WHERE number = 1", &[])
    };
    relay.store.run(senders).await.unwrap()
}

/// The number of the next message for a device.
fn next(db: &Connection, device: i64) -> Result<i64, Refusal> {
    db.only(
        "SELECT next FROM inbox WHERE recipient = ?1",
        values![device],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_a_large_group_are_taken_while_its_members_get_others_all_the_time() {
    const MEMBERS: usize = 150;
    let world = World::at(NOW);
    let Some(([one, other], _second)) = two(&world).await else {
        return;
    };
    let made = one.store.run(|db| group(db, MEMBERS));
    let (from, id, stamp) = made.await.unwrap();
    let senders = Arc::new(senders(&one).await);
    let (ends, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut others = JoinSet::new();
    for task in 1..17 {
        let (senders, relay) = (senders.clone(), [&one, &other][task % 2].clone());
        let (ends, sent) = (ends.clone(), sent.clone());
        others.spawn(async move {
            while !ends.load(SeqCst) {
                let (account, device) = senders[task];
                let other = (task + rand::random_range(1..MEMBERS)) % MEMBERS;
                let peer = senders[other].0;
                let len = 100;
                let way = Way {
                    device,
                    account,
                    peer,
                    len,
                };
                let by_job = task % 8 == 0;
                let taken = send_directly(&relay, way, by_job).await;
                assert!(taken || by_job);
                sent.fetch_add(usize::from(taken), SeqCst);
            }
        });
    }
    let (began, mut longest) = (Instant::now(), 0);
    for sequence in 0..20 {
        let (posted, before) = (Instant::now(), sent.load(SeqCst));
        let taken = send(&one, &from, &id, (stamp, sequence), 2 * MEMBERS - 1).await;
        let Ok(Accepted::Stamped(_, to)) = taken else {
            panic!("a message to a group was not taken");
        };
        assert_eq!(to.len(), 2 * MEMBERS - 1);
        longest = posted.elapsed().as_millis().max(longest);
        // The others go on.
        while sent.load(SeqCst) < before + 20 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    ends.store(true, SeqCst);
    while let Some(ended) = others.join_next().await {
        ended.unwrap();
    }
    let (took, sent) = (began.elapsed(), sent.load(SeqCst));
    println!(
        "20 messages to 299 devices and {sent} others in {took:?}, the longest in {longest} ms"
    );
    assert!(counts_are_right(&one).await);
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sleep(Duration::from_secs(1)).await; // the server counts later
    let circles = one.store.run(move |db| db.only::<i64>(circles, &[]));
    assert_eq!(
        circles.await.unwrap(),
        0,
        "locks were taken in several orders"
    );
}

/// Has a change commit at another relay while messages to a group are sent, and counts those to a
/// device of a member in the change's own transaction. No message that fits the state of before is
/// stored after it.
async fn none_comes_after(
    change: impl Fn(&Connection, &ConversationId) -> Result<(), Refusal> + Send + 'static + Clone,
) {
    let world = World::at(NOW);
    let Some(([one, other], _second)) = two(&world).await else {
        return;
    };
    let made = one.store.run(|db| group(db, 4));
    let (from, id, stamp) = made.await.unwrap();
    let member = senders(&one).await[1].1;
    let (mut sending, begun) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for task in 0..3 {
        let (from, relay) = (clone(&from), [&one, &other][task % 2].clone());
        let begun = begun.clone();
        sending.spawn(async move {
            let (mut taken, mut refused) = (0, 0);
            for sequence in 0.. {
                match send(&relay, &from, &id, (stamp, sequence), 7).await {
                    Ok(_) => {
                        begun.fetch_add(usize::from(taken == 0), SeqCst);
                        taken += 1;
                    }
                    Err(refusal) if refusal.code == ErrorCode::Busy => {}
                    Err(_) => refused += 1,
                }
                if refused > 3 {
                    break;
                }
            }
            assert!(taken > 0);
        });
    }
    let waiting = || one.store.run(move |db| next(db, member));
    while waiting().await.unwrap() < 10 || begun.load(SeqCst) < 3 {
        sleep(Duration::from_millis(2)).await;
    }
    let changed = loop {
        let change = change.clone();
        let changed = other.store.run(move |db| {
            change(db, &id)?;
            // Meanwhile others read what was before.
            db.exists("SELECT pg_sleep(0.3)", &[])?;
            next(db, member)
        });
        match changed.await {
            Ok(next) => break next,
            Err(refusal) => assert_eq!(refusal.code, ErrorCode::Busy),
        }
    };
    while let Some(ended) = sending.join_next().await {
        ended.unwrap();
    }
    assert_eq!(waiting().await.unwrap(), changed);
    assert!(counts_are_right(&one).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_to_a_group_misses_a_roster_that_was_stored_before_it() {
    none_comes_after(|db, _| {
        // Another account key, but the same devices and one more.
        let (owner, by) = (Owner::new(&name(1)), (1, &key_of(1, 1)));
        let first = owner.first(1, &key_of(1, 1), NOW);
        let next = owner.next(&first, by, NOW, |draft| {
            for device in [2, 3] {
                draft.add(owner.entry(device, &key_of(1, device))).unwrap();
            }
        });
        let account = accounts::find(db, &name(1))?.unwrap();
        devices::keep_roster(db, account, &Pinned::first(next))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_to_a_group_misses_a_leave_that_was_stored_before_it() {
    none_comes_after(|db, id| {
        let mut group = Group::take(db, id)?.unwrap();
        let account = accounts::find(db, &name(1))?.unwrap();
        let at = group.next_change(Timestamp::from_millis(NOW));
        members::leave(db, group.row, account, at)?;
        // From here on, the sender may not write.
        let sender = accounts::find(db, &name(0))?.unwrap();
        members::leave(db, group.row, sender, at)?;
        group.keep_change(db, at)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_waits_for_queues_does_not_hold_the_stamp_keys() {
    let world = World::at(NOW);
    let Some(([one, other], _second)) = two(&world).await else {
        return;
    };
    let made = one.store.run(|db| group(db, 4));
    let (from, id, stamp) = made.await.unwrap();
    let account = senders(&one).await[1].0;
    let holding = tokio::spawn(async move {
        let hold = move |db: &Connection| {
            devices::take_queues(db, [account; 2])?;
            db.exists("SELECT pg_sleep(2)", &[])
        };
        other.store.run(hold).await
    });
    sleep(Duration::from_millis(500)).await;
    let relay = one.clone();
    let sending = tokio::spawn(async move { send(&relay, &from, &id, (stamp, 0), 7).await });
    sleep(Duration::from_millis(500)).await;
    assert!(!holding.is_finished());
    let next_year = Timestamp::from_millis(NOW + 365 * 86_400_000);
    let prepared = tokio::task::spawn_blocking(move || one.keys.advance(next_year).is_ok());
    prepared.await.unwrap();
    assert!(!holding.is_finished() && !sending.is_finished());
    assert!(holding.await.unwrap().is_ok() && sending.await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_sender_hangs_up_keeps_its_turn_until_its_job_is_done() {
    let world = World::at(NOW);
    let Some(([one, other], _second)) = two(&world).await else {
        return;
    };
    let made = one.store.run(|db| group(db, 4));
    let (from, id, stamp) = made.await.unwrap();
    let holding = tokio::spawn(async move {
        let hold = move |db: &Connection| {
            Group::take(db, &id)?;
            db.exists("SELECT pg_sleep(2)", &[])
        };
        other.store.run(hold).await
    });
    sleep(Duration::from_millis(500)).await;
    let posted = message(&one, &from, &id, (stamp, 0), 7);
    let sent = group_messages::send(
        State(one.clone()),
        caller(&Arc::new(from)),
        GroupInPath(id),
        Mark(None),
        BinaryBody(posted.into()),
    );
    let shortly = Duration::from_millis(300);
    assert!(timeout(shortly, sent).await.is_err());
    let turn = || one.store.turn(Whose::Group(id));
    assert!(timeout(shortly, turn()).await.is_err());
    assert!(!holding.is_finished());
    holding.await.unwrap().unwrap();
    assert!(turn().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_counts_once_for_all_queues_at_all_relays_and_goes_once_nobody_gets_it() {
    let world = World::at(NOW);
    let Some((relays, _second)) = two(&world).await else {
        return;
    };
    let made = relays[0].store.run(|db| group(db, 20));
    let (from, id, stamp) = made.await.unwrap();
    for sequence in 0..3 {
        let sent = send(&relays[0], &from, &id, (stamp, sequence), 39).await;
        assert!(sent.is_ok());
    }
    assert!(counts_are_right(&relays[0]).await);
    let all = "SELECT CAST((SELECT coalesce(sum(length(stamped)), 0) FROM queue)
         + (SELECT coalesce(sum(length(stamped)), 0) FROM body) AS BIGINT)";
    let all = async || {
        let all = relays[0].store.run(move |db| db.only::<i64>(all, &[]));
        all.await.unwrap()
    };
    let is_counted = async || {
        let (began, all) = (Instant::now(), all().await);
        for relay in &relays {
            while queue::bytes(&relay.store).await.unwrap() != all {
                assert!(began.elapsed() < Duration::from_secs(20));
                sleep(Duration::from_millis(50)).await;
            }
        }
        all
    };
    assert!(is_counted().await > 0);
    let fetched = relays[0]
        .store
        .run(|db| db.execute("DELETE FROM queue", &[]));
    assert_eq!(fetched.await.unwrap(), 3 * 39);
    assert!(counts_are_right(&relays[0]).await);
    assert!(is_counted().await > 0);
    relays[0].clean_up().await.unwrap();
    assert_eq!(is_counted().await, 0);
}
