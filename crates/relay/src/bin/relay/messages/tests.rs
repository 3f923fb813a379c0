use axum::Json;
use waxseal_interface::{AskBundles, ContactHeaders};
use waxseal_reporting::DeviceId;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::relay::EPOCH_MS;
use waxseal_reporting::sender::{Fanout, RosterStamp, seal};
use waxseal_roster::Pinned;

use super::*;
use crate::extract::JsonBody;
use crate::fixture::owner::Owner;
use crate::fixture::{self, NoChannel, World, caller, device, key_of};
use crate::prekeys;

const NOW: u64 = 21_000 * EPOCH_MS;

/// Posts a message for this many devices of Bob's, who has one.
async fn post(relay: &Arc<Relay>, from: &Arc<Device>, to: &Device, count: u32) -> ErrorCode {
    let (now, to) = (relay.now(), to.me.account.clone());
    let audience = Audience::Direct(to.clone());
    let conversation = audience.conversation(&from.me.account);
    let payload = Payload::text(PayloadHeader::new(0, now), "hello").unwrap();
    let sealed = seal(
        &mut NoChannel,
        &from.me,
        &conversation,
        &payload,
        &mut rand::rng(),
    );
    let first = RosterStamp::new(1, 1);
    let mut fanout = Fanout::new(*sealed.unwrap().envelope.tag(), first, first);
    for number in 0..count {
        fanout.insert(false, DeviceId(2 + number), None).unwrap();
    }
    let posted = fanout.post(&from.delivery_key, &from.me, &audience, now);
    let body = BinaryBody(posted.into());
    let (state, by) = (State(relay.clone()), caller(from));
    let contact = Contact(ContactHeaders::default());
    let answer = send(state, by, AccountName(to), Mark(None), contact, body);
    answer.await.unwrap_err().code
}

/// How often something can be asked before the answer is to wait.
async fn times(mut ask: impl AsyncFnMut() -> ErrorCode, otherwise: ErrorCode) -> usize {
    for asked in 0..2_000 {
        match ask().await {
            ErrorCode::TooManyRequests => return asked,
            code => assert_eq!(code, otherwise),
        }
    }
    panic!("there is no limit")
}

#[tokio::test]
async fn a_message_for_many_devices_costs_as_much_as_many_messages() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let ask = async || post(&relay, &alice, &bob, 16).await;
    let posted = times(ask, ErrorCode::Mismatch).await;
    // 15 of 1,000 each; some come back meanwhile.
    assert!((66..200).contains(&posted), "{posted}");
    assert_eq!(post(&relay, &alice, &bob, 1).await, ErrorCode::Mismatch);
    assert_eq!(post(&relay, &bob, &alice, 16).await, ErrorCode::Mismatch);
}

#[tokio::test]
async fn rosters_are_limited_in_every_answer_that_has_one() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let carol = device(&relay, "carol").await;
    let ask = async || post(&relay, &alice, &bob, 1).await;
    assert!(times(ask, ErrorCode::Mismatch).await >= 1_000);
    let ask = async || {
        let (name, devices) = ("bob".to_owned(), Vec::new());
        let body = JsonBody(AskBundles { name, devices });
        let bundles = prekeys::bundles(State(relay.clone()), caller(&carol), body);
        bundles.await.map(|Json(_)| ()).unwrap_err().code
    };
    assert!(times(ask, ErrorCode::NoPreKeys).await >= 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_that_goes_the_slow_way_misses_a_roster_that_was_stored_before_it() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let (one, second) = (world.open().await, world.beside("second").unwrap());
    let other = second.open().await;
    let (alice, bob) = (device(&one, "alice").await, device(&one, "bob").await);
    // One account gets another device: first the recipient, then the sender.
    for name in ["bob", "alice"] {
        let account = if name == "bob" { &bob } else { &alice }.account;
        let (owner, key) = (Owner::new(name), key_of(name));
        let entry = owner.entry(2, &ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
        let next = owner.next(&owner.first(1, &key, NOW), (1, &key), NOW, |draft| {
            draft.add(entry).unwrap();
        });
        let relay = other.clone();
        let changing = tokio::spawn(async move {
            let change = move |db: &Connection| {
                devices::keep_roster(db, account, &Pinned::first(next.clone()))?;
                db.exists("SELECT pg_sleep(1)", &[])
            };
            relay.store.run_under_locks(change, |_| ()).await
        });
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let sent = fixture::send(&one, &alice, &bob, "hello").await;
        assert!(changing.await.unwrap().is_ok());
        assert_eq!(
            sent.err().map(|refusal| refusal.code),
            Some(ErrorCode::Mismatch)
        );
        // The next one is about the sender alone.
        let (owner, key) = (Owner::new("bob"), key_of("bob"));
        let first = Pinned::first(owner.first(1, &key, NOW));
        let account = bob.account;
        let back = move |db: &Connection| devices::keep_roster(db, account, &first);
        one.store.run(back).await.unwrap();
    }
}
