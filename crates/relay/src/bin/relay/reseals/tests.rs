use std::convert::Infallible;
use std::sync::mpsc;
use std::time::Duration;

use axum::body::to_bytes;
use rand_core::CryptoRng;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{EPOCH_MS, GroupSlot, PostedGroup, Receipt};
use waxseal_reporting::sender::{GroupStamp, SealedForGroup, SealingGroupChannel, SentMessage};

use super::*;
use crate::fixture::{NoChannel, World, caller, device, send};
use crate::keys::VERIFY_DAYS;
use crate::state::Device;
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;

/// Seals a message again for the account's device, and posts it at the relay's time.
async fn seal_again(
    relay: &Arc<Relay>,
    from: &Arc<Device>,
    to: &Device,
    sent: &Evidence,
) -> Result<Response, Refusal> {
    let message = sent.sent().unwrap();
    let envelope = message.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let key = &from.delivery_key;
    let posted = envelope.post_again(sent.claim(), key, &from.me, &to.me, relay.now());
    let name = AccountName(to.me.account.clone());
    let body = BinaryBody(posted.into());
    send_again(State(relay.clone()), caller(from), name, Mark(None), body).await
}

#[tokio::test]
async fn a_message_can_be_sealed_again_until_the_key_of_its_stamp_is_destroyed() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    // For its first 30 days a relay keeps all stamp keys.
    let young = u64::from(VERIFY_DAYS) * EPOCH_MS;
    world.run(&relay, young + EPOCH_MS).await;
    let sent = send(&relay, &alice, &bob, "hello").await.unwrap();
    let days = |count: u32| u64::from(count) * EPOCH_MS;
    world.run(&relay, days(VERIFY_DAYS - 1)).await;
    let answer = seal_again(&relay, &alice, &bob, &sent).await.unwrap();
    let receipt = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let again = receipt.authenticate(&alice.delivery_key, &sent.sent().unwrap());
    let again = again.unwrap();

    world.run(&relay, days(3)).await;
    let refused = seal_again(&relay, &alice, &bob, &sent).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooOldToReseal);
    // The later stamp is as good as the first was.
    seal_again(&relay, &alice, &bob, &again).await.unwrap();
}

/// A channel that encrypts nothing, for one device that has the chain.
struct OneMac;

impl SealingGroupChannel for OneMac {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, Infallible> {
        Ok(SealedForGroup {
            body: plaintext.to_vec(),
            slots: vec![GroupSlot::Mac([7; 16])],
        })
    }
}

/// The evidence of a message to a group that the relay stamped for a device.
fn sent_to_group(relay: &Relay, from: &Device, to: &Device, group: &ConversationId) -> Evidence {
    let (now, key) = (relay.now(), &from.delivery_key);
    let payload = Payload::text(PayloadHeader::new(0, now), "hello").unwrap();
    let sent = SentMessage::commit(&from.me, group, &payload, &mut rand::rng());
    let stamp = GroupStamp::new(1, [5; 32], [6; 32]);
    let fanout = sent.seal_for_group(&mut OneMac, stamp, &mut rand::rng());
    let posted = fanout.unwrap().post(key, &from.me, now);
    let posted = PostedGroup::decode(&posted).unwrap();
    let authentic = posted.authenticate(key, &from.me, now).unwrap();
    let targeted = authentic.for_targets(vec![to.me.clone()], &[6; 32]);
    let claim = relay.keys.stamp().stamp_group(&targeted.unwrap(), now);
    let receipt = Receipt::new(&claim.unwrap(), key);
    receipt.authenticate(key, &sent).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_while_it_is_asked_for_members_holds_no_key_up() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if world.beside("second").is_none() {
        return; // a file is not locked by others
    }
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let sent = sent_to_group(&relay, &alice, &bob, &ConversationId::group(b"club"));
    let (locked, is_locked) = mpsc::channel();
    let (free, freed) = mpsc::channel::<()>();
    let freed = std::sync::Mutex::new(freed);
    let lock = move |db: &Connection| {
        db.execute("LOCK TABLE member IN ACCESS EXCLUSIVE MODE", values![])?;
        let _ = locked.send(());
        let _ = freed.lock().unwrap().recv_timeout(Duration::from_secs(4));
        Ok(())
    };
    let locking = relay.clone();
    let locking = tokio::spawn(async move { locking.store.run(lock).await });
    tokio::task::block_in_place(|| is_locked.recv()).unwrap();
    let (asking, from) = (relay.clone(), alice.clone());
    let asking = tokio::spawn(async move { seal_again(&asking, &from, &bob, &sent).await });
    let waits = |db: &Connection| {
        let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'member'::regclass
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        db.exists(waits, values![])
    };
    while !relay.store.run(waits).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (destroying, oldest) = (relay.clone(), relay.keys.stamp().oldest_epoch());
    tokio::task::spawn_blocking(move || destroying.keys.destroy_before(oldest + 1).unwrap())
        .await
        .unwrap();
    assert!(
        !asking.is_finished(),
        "the key was held until the database answered"
    );
    free.send(()).unwrap();
    locking.await.unwrap().unwrap();
    let refused = asking.await.unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::OtherTarget);
}
