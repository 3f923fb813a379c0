use std::sync::atomic::Ordering;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use waxseal_reporting::relay::{DeliveryKey, EPOCH_MS};
use waxseal_roster::Pinned;

use super::*;
use crate::fixture::owner::Owner;
use crate::fixture::{World, device, send};
use crate::store::{devices, queue};

const NOW: u64 = 21_000 * EPOCH_MS;
const SOON: Duration = Duration::from_secs(20);

/// Two relays over one database that hear from each other as long as the sender is there. `None`
/// if this machine has no PostgreSQL.
async fn two(world: &World) -> Option<([Arc<Relay>; 2], (watch::Sender<bool>, World))> {
    let (stop, stopping) = watch::channel(false);
    let one = world.open().await;
    let second = world.beside("second")?;
    let relays = [one, second.open().await];
    for relay in &relays {
        let changed = hear(relay);
        let checking = check_connections(relay.clone(), changed, Stopping(stopping.clone()));
        tokio::spawn(checking);
    }
    Some((relays, (stop, second)))
}

async fn sent(signal: &Notify) {
    timeout(SOON, signal.notified()).await.unwrap();
}

#[tokio::test]
async fn a_roster_without_a_device_ends_its_connection_at_the_other_relay() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let (alice, bob) = (device(&one, "alice").await, device(&one, "bob").await);
    for name in [&alice.me.account, &bob.me.account] {
        other.some_account(name).await.unwrap();
    }
    let of_alice = other.connected.enter(alice.clone(), 1);
    let of_bob = other.connected.enter(bob.clone(), 1);
    let (account, key) = (bob.account, SigningKey::from_bytes(&[7; 32]));
    let without = Pinned::first(Owner::new("bob").first(2, &key, NOW));
    let change = move |db: &Connection| devices::keep_roster(db, account, &without);
    one.store.run(change).await.unwrap();
    sent(&of_bob.taken_over).await;
    let newest = other.some_account(&bob.me.account).await.unwrap();
    assert_eq!(newest.unregistered, [2]);

    // A new key counts as well, and the account of the device that stays is not affected.
    let sealed = one.keys.seal(&DeliveryKey::from_bytes([1; 32]), &alice.me);
    let (account, identity) = (alice.account, alice.identity);
    let change = move |db: &Connection| devices::register(db, account, 1, &identity, &sealed);
    assert!(one.store.run(change).await.unwrap());
    sent(&of_alice.taken_over).await;
    let newest = other.device(&alice.me).await.unwrap().unwrap();
    assert!(!newest.is_unchanged(&alice));
}

#[tokio::test]
async fn a_device_that_connects_elsewhere_ends_its_connection_here() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let bob = device(&one, "bob").await;
    let number = async |relay: &Relay| relay.store.next_connection(bob.id).await.unwrap();
    let here = one.connected.enter(bob.clone(), number(&one).await);
    let newest = number(&other).await;
    let there = other.connected.enter(bob.clone(), newest);
    other.store.tell(News::Connected {
        device: bob.id,
        number: newest,
    });
    sent(&here.taken_over).await;
    let second = timeout(Duration::from_secs(1), there.taken_over.notified());
    assert!(second.await.is_err(), "it is the newest one");
}

#[tokio::test]
async fn an_older_connection_ends_even_if_the_news_of_the_newer_one_is_lost() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let bob = device(&one, "bob").await;
    let number = async |relay: &Relay| relay.store.next_connection(bob.id).await.unwrap();
    let here = one.connected.enter(bob.clone(), number(&one).await);
    let there = other.connected.enter(bob.clone(), number(&other).await);
    sent(&here.taken_over).await; // nobody told it
    let second = timeout(Duration::from_secs(3), there.taken_over.notified());
    assert!(second.await.is_err(), "it is the newest one");
    // One that takes its number first and enters last is the older one still.
    let older = number(&other).await;
    let newest = one.connected.enter(bob.clone(), number(&one).await);
    let late = other.connected.enter(bob.clone(), older);
    sent(&late.taken_over).await;
    let second = timeout(Duration::from_secs(3), newest.taken_over.notified());
    assert!(second.await.is_err(), "it is the newest one");
}

#[tokio::test]
async fn a_message_wakes_the_connection_at_the_other_relay_even_if_the_news_is_lost() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let (alice, bob) = (device(&one, "alice").await, device(&one, "bob").await);
    let number = other.store.next_connection(bob.id).await.unwrap();
    let of_bob = other.connected.enter(bob.clone(), number);
    send(&one, &alice, &bob, "told").await.unwrap();
    sent(&of_bob.message_queued).await;
    // The relay that took this message takes its recipient for connected, and tells nobody.
    let _stale = one.connected.enter(bob.clone(), number);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    send(&one, &alice, &bob, "not told").await.unwrap();
    sent(&of_bob.message_queued).await;
}

#[tokio::test]
async fn whoever_missed_news_reads_accounts_again_and_checks_its_connections() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let (changed, accounts) = unbounded_channel();
    let hearing = Hearing {
        relay: Arc::downgrade(&relay),
        changed,
    };
    let (_stop, stopping) = watch::channel(false);
    let checking = check_connections(relay.clone(), Changed(accounts), Stopping(stopping));
    tokio::spawn(checking);
    let of_alice = relay.connected.enter(alice.clone(), 1);
    let of_bob = relay.connected.enter(bob.clone(), 1);
    let sealed = relay.keys.seal(&DeliveryKey::from_bytes([1; 32]), &bob.me);
    let (account, identity) = (bob.account, bob.identity);
    let change = move |db: &Connection| devices::register(db, account, 1, &identity, &sealed);
    relay.store.run(change).await.unwrap();
    let cached = relay.device(&bob.me).await.unwrap().unwrap();
    assert!(cached.is_unchanged(&bob), "nothing was heard");

    relay.store.lose(); // it is not there at once
    hearing.hear(News::Missed);
    sent(&of_bob.taken_over).await;
    let newest = relay.device(&bob.me).await.unwrap().unwrap();
    assert!(!newest.is_unchanged(&bob));
    let ended = timeout(Duration::from_millis(200), of_alice.taken_over.notified());
    assert!(ended.await.is_err(), "nothing changed");
}

/// The cursor of a delivery is the number of the last message, so a message whose commit comes
/// later has a higher number.
#[tokio::test]
async fn a_cursor_misses_no_message_of_those_that_three_relays_queue_at_once() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let third = world.open().await;
    let bob = device(&one, "bob").await;
    let end = tokio::time::Instant::now() + Duration::from_secs(4);
    let (tasks, mut sending) = (tokio::task::LocalSet::new(), Vec::new());
    for (at, name) in ["alice", "carol", "dave", "erin", "frank", "grace"]
        .iter()
        .enumerate()
    {
        let relay = [&one, &other, &third][at % 3].clone();
        let (from, to) = (device(&relay, name).await, bob.clone());
        sending.push(tasks.spawn_local(async move {
            let mut taken = 0;
            while tokio::time::Instant::now() < end {
                taken += usize::from(send(&relay, &from, &to, "hello").await.is_ok());
            }
            taken
        }));
    }
    let (mut after, mut read, mut taken) = (0, 0, 0);
    let mut all = async |after: &mut i64| {
        let queued = queue::read_after(&third.store, bob.id, *after, 64).await;
        let queued = queued.unwrap();
        for (number, _) in &queued.messages {
            assert!(*number > *after);
            *after = *number;
        }
        read += queued.messages.len();
        queued.messages.is_empty()
    };
    let reading = async {
        while tokio::time::Instant::now() < end {
            all(&mut after).await;
        }
        for sending in sending {
            taken += sending.await.unwrap();
        }
        while !all(&mut after).await {}
    };
    tasks.run_until(reading).await;
    assert!(taken > 50, "{taken}");
    assert_eq!(read, taken);
    println!("{taken} messages");
}

#[cfg(feature = "postgres")]
mod presence;

#[tokio::test]
async fn a_relay_that_sent_a_message_which_the_database_lacks_ends() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let (alice, bob) = (device(&one, "alice").await, device(&one, "bob").await);
    send(&one, &alice, &bob, "kept").await.unwrap();
    let number = other.store.next_connection(bob.id).await.unwrap();
    let there = other.connected.enter(bob.clone(), number);
    there.sent_up_to.store(1, Ordering::Relaxed);
    let ended = timeout(Duration::from_secs(3), other.process.ended());
    assert!(ended.await.is_err(), "it is there");
    // It sent a second one, which a standby lacks that was promoted. The next one has its number.
    there.sent_up_to.store(2, Ordering::Relaxed);
    timeout(SOON, other.process.ended()).await.unwrap();
    assert!(other.beat().await.is_err());
}
