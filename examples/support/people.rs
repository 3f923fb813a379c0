//! Sets up Alice and Bob, registered with a provider and in a session with each other.

use std::error::Error;

use rand::CryptoRng;
use waxseal::{
    AccountId, Client, DeviceAddress, DeviceId, Draft, FrankingTag, MemoryStore, Received,
    Timestamp,
};

use super::provider::Provider;

/// The time of the short examples. Their clock stands still.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// One device, with its state in memory.
pub type Phone = Client<MemoryStore>;

/// Registers Alice and Bob, and lets Alice say hello, so that each can write to the other.
pub fn alice_and_bob(rng: &mut impl CryptoRng) -> Result<(Provider, Phone, Phone), Box<dyn Error>> {
    let mut provider = Provider::new(NOW, rng);
    let mut alice = register("alice", &mut provider, rng)?;
    let mut bob = register("bob", &mut provider, rng)?;
    let bob_id = &bob.me().account;
    let bundles = provider.bundles(bob_id).ok_or("nothing was published")?;
    alice.start(bob_id, &bundles, NOW, rng)?;
    let alice_id = &alice.me().account;
    bob.take_roster(alice_id, &provider.roster(alice_id), NOW)?;
    exchange(&mut provider, &mut alice, &mut bob, "hello", rng)?;
    Ok((provider, alice, bob))
}

/// Creates an account, and publishes its roster and its prekeys.
fn register(
    name: &str,
    provider: &mut Provider,
    rng: &mut impl CryptoRng,
) -> Result<Phone, Box<dyn Error>> {
    let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
    let delivery_key = provider.register(&me, rng);
    let mut phone = Client::create(MemoryStore::new(), me.clone(), delivery_key, NOW, rng)?;
    let roster = phone.own_roster()?.ok_or("a new account has one")?;
    provider.put_roster(&me, roster.signed().encode());
    let upload = phone.publish_prekeys(0, rng)?;
    provider.publish(&me.account, upload.base.clone(), upload.one_time.clone());
    phone.confirm_prekeys(&upload)?;
    Ok(phone)
}

/// Sends one message, relays it and opens it. Returns the message's tag, which identifies it.
pub fn exchange(
    provider: &mut Provider,
    from: &mut Phone,
    to: &mut Phone,
    message: impl Into<Draft>,
    rng: &mut impl CryptoRng,
) -> Result<FrankingTag, Box<dyn Error>> {
    let recipient = to.me().account.clone();
    let sent = from.send(&recipient, message, NOW, rng)?;
    let relayed = provider.relay(from.me(), to.me(), &sent.envelope, NOW)?;
    from.confirm(&recipient, &relayed.receipt)?;
    let received = to.receive(&relayed.delivery)?;
    assert!(matches!(received, Received::Message { .. }));
    Ok(sent.id)
}
