use axum::body::to_bytes;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{EPOCH_MS, Receipt};

use super::*;
use crate::fixture::{NoChannel, World, caller, device, send};
use crate::keys::VERIFY_DAYS;
use crate::state::Device;

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
