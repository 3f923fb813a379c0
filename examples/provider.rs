//! Adds stamps to an existing relay: four calls alongside its code that stores and forwards.
//!
//! `cargo run --release --example provider`
//!
//! A relay needs `waxseal-reporting` alone. It stores nothing per message.

use std::error::Error;

use rand::CryptoRng;
use waxseal::{AccountId, Client, DeviceAddress, DeviceId, MemoryStore, Received};
use waxseal_reporting::relay::{Delivery, DeliveryKey, Envelope, Receipt, StampKeys};
use waxseal_reporting::{Audience, Timestamp};

const DAY_MS: u64 = 86_400_000;
/// Number of days after the day of sending on which a message can still be reported.
const VERIFY_DAYS: u32 = 30;

/// What the relay makes from an uploaded envelope.
struct Stamped {
    /// The stamped message for the recipient's queue.
    delivery: Vec<u8>,
    /// The stamp for the sender, as the answer to the upload.
    receipt: Vec<u8>,
}

/// Stamps an uploaded envelope. `sender` comes from the authenticated connection, never from the
/// message.
fn stamp_upload(
    keys: &StampKeys,
    (sender, sender_key): (&DeviceAddress, &DeliveryKey),
    (recipient, recipient_key): (&DeviceAddress, &DeliveryKey),
    envelope: &[u8],
    now: Timestamp,
) -> Result<Stamped, Box<dyn Error>> {
    let envelope = Envelope::decode(envelope)?; // bounded; an error is the sender's fault
    let audience = Audience::Direct(recipient.account.clone());
    let claim = keys.stamp(envelope.tag(), sender, &audience, now)?;
    let receipt = Receipt::new(&claim, sender_key).encode();
    let delivery = Delivery::new(&claim, envelope, recipient_key)?.encode();
    Ok(Stamped { delivery, receipt })
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
    rng: &mut impl CryptoRng,
) -> Result<(Client<MemoryStore>, DeliveryKey), Box<dyn Error>> {
    let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
    let key = DeliveryKey::generate(rng);
    Ok((
        Client::create(MemoryStore::new(), me, key.clone(), rng)?,
        key,
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut keys = StampKeys::generate("eu", now, rng)?;
    let stored = tend(&mut keys, now)?;
    let keys = StampKeys::import(&stored)?; // as after a restart

    let (mut alice, alice_key) = register("alice", rng)?;
    let (mut bob, bob_key) = register("bob", rng)?;
    let bob_id = bob.me().account.clone();
    let prekeys = bob.publish_prekeys(0, rng)?;
    alice.start(&bob_id, &prekeys.base, Some(&prekeys.one_time[0]), rng)?;
    let sent = alice.send(&bob_id, "hello", now, rng)?;

    let stamped = stamp_upload(
        &keys,
        (alice.me(), &alice_key),
        (bob.me(), &bob_key),
        &sent.envelope,
        now,
    )?;
    println!("envelope {} bytes in", sent.envelope.len());
    println!("delivery {} bytes to bob", stamped.delivery.len());
    println!("receipt  {} bytes to alice", stamped.receipt.len());

    alice.confirm(&bob_id, &stamped.receipt)?;
    let received = bob.receive(&stamped.delivery)?;
    assert!(matches!(received, Received::Message { .. }));

    // A stamp names one sender. Bob refuses the same envelope under another sender's name.
    let mallory = DeviceAddress::new(AccountId::new("mallory")?, DeviceId(1));
    let moved = stamp_upload(
        &keys,
        (&mallory, &alice_key),
        (bob.me(), &bob_key),
        &sent.envelope,
        now,
    )?;
    assert!(bob.receive(&moved.delivery).is_err());
    println!("the same envelope under another sender: refused by bob");
    Ok(())
}
