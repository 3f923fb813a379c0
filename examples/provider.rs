//! Adds stamps to an existing relay: a few calls alongside its code that stores and forwards.
//!
//! `cargo run --release --example provider`
//!
//! A relay needs `waxseal-reporting` alone. Besides its queue, it stores one time per device, and
//! each account's roster.

use std::error::Error;

use rand::CryptoRng;
use waxseal::{
    AccountId, Bundles, Client, DeviceAddress, DeviceBundle, DeviceId, MemoryStore, Received,
};
use waxseal_reporting::relay::{
    DeliveryKey, PostedFanout, Receipt, StampKeys, StampedEnvelope, next_accepted_at,
};
use waxseal_reporting::{Audience, Timestamp};

const DAY_MS: u64 = 86_400_000;
/// Number of days after the day of sending on which a message can still be reported.
const VERIFY_DAYS: u32 = 30;

/// What the relay makes from an uploaded message.
struct Stamped {
    /// For the queue of each device. When it fetches it, `deliver` makes the delivery.
    queued: Vec<(DeviceAddress, Vec<u8>)>,
    /// For the answer to the sender.
    receipt: Vec<u8>,
}

/// Stamps a posted message. `sender` comes from the authenticated connection, never from the
/// message. `recipients` are the devices in the rosters of both accounts, without the sending one.
/// `last` is the accepted time of the sender's message before, stored with the device.
fn stamp_upload(
    keys: &StampKeys,
    (sender, sender_key): (&DeviceAddress, &DeliveryKey),
    (recipient, recipients): (&AccountId, &[DeviceAddress]),
    last: &mut Option<Timestamp>,
    posted: &[u8],
    now: Timestamp,
) -> Result<Stamped, Box<dyn Error>> {
    let posted = PostedFanout::decode(posted)?; // bounded; an error is the sender's fault
    let audience = Audience::Direct(recipient.clone());
    let posted = posted.authenticate(sender_key, sender, &audience, now)?;
    let targets = posted.targets();
    if !targets.iter().map(|(device, _)| device).eq(recipients) {
        return Err("the sender must seal it for the devices of the present rosters".into());
    }
    let accepted_at = next_accepted_at(now, *last);
    *last = Some(accepted_at);
    let claim = keys.stamp(&posted, accepted_at)?;
    let receipt = Receipt::new(&claim, sender_key).encode();
    let queued = StampedEnvelope::fan_out(claim, posted)?.into_iter();
    let queued = queued.map(|(device, stamped)| (device, stamped.encode()));
    let queued = queued.collect();
    Ok(Stamped { queued, receipt })
}

/// Runs once a day. Makes the next day's key and destroys the keys of messages that are too old to
/// be reported. The relay replaces its stored keys with the returned bytes before it stamps again.
fn tend(keys: &mut StampKeys, now: Timestamp) -> Result<Vec<u8>, Box<dyn Error>> {
    keys.advance_to(now)?;
    let today = u32::try_from(now.as_millis() / DAY_MS)?;
    keys.destroy_before(today.saturating_sub(VERIFY_DAYS))?;
    Ok(keys.export().to_vec())
}

/// Registers a device. The relay keeps the delivery key that it shares with the device.
fn register(
    name: &str,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<(Client<MemoryStore>, DeliveryKey), Box<dyn Error>> {
    let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
    let key = DeliveryKey::generate(rng);
    Ok((
        Client::create(MemoryStore::new(), me, key.clone(), now, rng)?,
        key,
    ))
}

/// The roster of a client's account. The relay keeps it and hands it out.
fn roster(client: &Client<MemoryStore>) -> Result<Vec<u8>, Box<dyn Error>> {
    let roster = client.own_roster()?.ok_or("a new account has one")?;
    Ok(roster.signed().encode())
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut keys = StampKeys::generate("eu", now, rng)?;
    let stored = tend(&mut keys, now)?;
    let keys = StampKeys::import(&stored)?; // as after a restart

    let (mut alice, alice_key) = register("alice", now, rng)?;
    let (mut bob, bob_key) = register("bob", now, rng)?;
    let bob_id = bob.me().account.clone();
    let prekeys = bob.publish_prekeys(0, rng)?;
    let bundle = DeviceBundle {
        device: bob.me().device,
        base: prekeys.base,
        one_time: prekeys.one_time.into_iter().next(),
    };
    let bundles = Bundles {
        roster: roster(&bob)?,
        devices: vec![bundle],
    };
    alice.start(&bob_id, &bundles, now, rng)?;
    let sent = alice.send(&bob_id, "hello", now, rng)?;

    let devices = [bob.me().clone()];
    let mut last = None;
    let stamped = stamp_upload(
        &keys,
        (alice.me(), &alice_key),
        (&bob_id, &devices),
        &mut last,
        &sent.envelope,
        now,
    )?;
    let (_, queued) = stamped.queued.first().ok_or("one device")?;
    let delivery = StampedEnvelope::decode(queued)?.deliver(&bob_key);
    let delivery = delivery.encode();
    println!("message  {} bytes in", sent.envelope.len());
    println!("delivery {} bytes to bob", delivery.len());
    println!("receipt  {} bytes to alice", stamped.receipt.len());

    alice.confirm(&bob_id, &stamped.receipt)?;
    bob.take_roster(&alice.me().account, &roster(&alice)?, now)?;
    let received = bob.receive(&delivery)?;
    assert!(matches!(received, Received::Message { .. }));

    // Only the sending device can ask for a stamp. Someone who has its message gets none.
    let mallory = DeviceAddress::new(AccountId::new("mallory")?, DeviceId(1));
    let moved = stamp_upload(
        &keys,
        (&mallory, &DeliveryKey::generate(rng)),
        (&bob_id, &devices),
        &mut None,
        &sent.envelope,
        now,
    );
    assert!(moved.is_err());
    println!("the same message from another sender: refused by the relay");
    Ok(())
}
