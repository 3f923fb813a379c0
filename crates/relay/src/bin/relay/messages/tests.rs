use axum::Json;
use waxseal_interface::{AskBundles, ContactHeaders};
use waxseal_reporting::DeviceId;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::relay::EPOCH_MS;
use waxseal_reporting::sender::{Fanout, RosterStamp, seal};

use super::*;
use crate::extract::JsonBody;
use crate::fixture::{NoChannel, World, caller, device};
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
