//! The people and their devices.

use std::collections::{BTreeMap, BTreeSet};

use waxseal::errors::SendError;
use waxseal::{AccountId, Client, DeviceAddress, FrankingTag, MemoryStore, Received};
use waxseal_world::Provider;

use crate::{Result, Rng};

/// One device, also after it was removed.
pub struct Device {
    pub client: Client<MemoryStore>,
    pub is_removed: bool,
    /// The messages that are to arrive here.
    pub expected: BTreeSet<FrankingTag>,
    /// The texts that this device showed.
    pub shown: BTreeMap<FrankingTag, String>,
    /// When each entry of the outbox was posted last.
    pub posted_ms: BTreeMap<FrankingTag, u64>,
    /// When the client's upkeep is due.
    pub upkeep_ms: Option<u64>,
}

impl Device {
    pub fn new(client: Client<MemoryStore>) -> Self {
        Self {
            client,
            is_removed: false,
            expected: BTreeSet::new(),
            shown: BTreeMap::new(),
            posted_ms: BTreeMap::new(),
            upkeep_ms: Some(0),
        }
    }

    pub fn me(&self) -> &DeviceAddress {
        self.client.me()
    }
}

/// One person: an account with its present devices.
pub struct Person {
    pub account: AccountId,
    /// Numbers in [`People::devices`]. The first one manages the account.
    pub devices: Vec<usize>,
    /// The recovery secret, on paper.
    pub secret: [u8; 32],
}

/// Everyone, and all devices that there ever were.
#[derive(Default)]
pub struct People {
    pub persons: Vec<Person>,
    pub devices: Vec<Device>,
}

impl People {
    /// The number of the device with this address. It is the newest one.
    pub fn find(&self, address: &DeviceAddress) -> Option<usize> {
        self.devices
            .iter()
            .rposition(|device| device.me() == address)
    }

    /// Ends a device: it is in no roster any more. What it has not fetched, it never gets.
    pub fn remove(&mut self, device: usize) {
        let account = self.devices[device].me().account.clone();
        for person in &mut self.persons {
            if person.account == account {
                person.devices.retain(|one| *one != device);
            }
        }
        let device = &mut self.devices[device];
        device.is_removed = true;
        let shown = &device.shown;
        device.expected.retain(|id| shown.contains_key(id));
    }
}

/// Writes a message. First starts sessions with the devices that have none, as a courier does.
pub fn write(
    client: &mut Client<MemoryStore>,
    to: &AccountId,
    text: &str,
    provider: &mut Provider,
    rng: &mut Rng,
) -> Result<waxseal::Outgoing> {
    let (me, now) = (client.me().clone(), provider.now);
    for wanted in client.missing(to, now)? {
        let bundles = provider.bundles_for(Some(&me), &wanted.account, &wanted.devices);
        // A device without prekeys gets an empty slot, and asks.
        let _ = client.start(&wanted.account, &bundles, now, rng);
    }
    match client.send(to, text, now, rng) {
        Err(SendError::NoSession) => {
            let bundles = provider.bundles_for(Some(&me), to, &[]);
            client.start(to, &bundles, now, rng)?;
            Ok(client.send(to, text, now, rng)?)
        }
        sent => Ok(sent?),
    }
}

/// What a device does with something that it received.
pub fn show(device: &mut Device, received: Received) -> Result<()> {
    let (message, from) = match received {
        Received::Message { message, from, .. } => (message, Some(from)),
        Received::Sent { message, .. } => (message, None),
        _ => return Ok(()),
    };
    if let Some(from) = from {
        device.client.accept_contact(&from)?;
    }
    let text = message.text().unwrap_or_default().to_owned();
    match device.shown.insert(*message.id(), text) {
        Some(_) => Err("a message was shown twice".into()),
        None => Ok(()),
    }
}
