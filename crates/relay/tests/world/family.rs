//! An account with several devices, and messages to exactly the devices of two accounts.

use std::sync::Arc;

use waxseal_interface::ContactHeaders;
use waxseal_relay::{ClientError, RelayClient};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::sender::{Fanout, RosterStamp, SentMessage, seal};
use waxseal_reporting::{Audience, DeviceId};
use waxseal_roster::{Roster, RosterDraft};

use super::owner::Owner;
use super::{Device, NoChannel, World, now};

/// An account whose devices have registered. The first one manages it.
pub struct Family {
    pub owner: Arc<Owner>,
    pub devices: Vec<Device>,
    /// The newest roster, as the manager knows it.
    pub roster: Roster,
    /// The highest number that a device has had. None is used again.
    last: u32,
}

impl Family {
    /// An account with devices 1 to `count`.
    pub fn new(world: &World, name: &str, count: u32) -> Self {
        Self::of(world.device(name), count)
    }

    /// An account of this device, with devices 2 to `count` that are linked at its relay.
    pub fn of(first: Device, count: u32) -> Self {
        let client = first.client.clone();
        let roster = first.roster.clone().unwrap();
        let owner = first.owner.clone();
        let mut family = Self {
            owner,
            devices: vec![first],
            roster,
            last: 1,
        };
        for _ in 1..count {
            family.link(client.clone());
        }
        family
    }

    /// Links a further device: its roster comes first, then it registers.
    pub fn link(&mut self, client: RelayClient) {
        let device = self.unregistered(client);
        self.devices.push(device);
        self.devices.last_mut().unwrap().register().unwrap();
    }

    /// Publishes a roster with a further device, which has not registered yet.
    pub fn unregistered(&mut self, client: RelayClient) -> Device {
        self.last += 1;
        let device = Device::another(&self.owner, self.last, client);
        let entry = self.owner.entry(self.last, &device.identity);
        self.publish(|draft| draft.add(entry.clone()).unwrap());
        device
    }

    /// The next roster, which the first device signs now.
    pub fn next(&self, change: impl FnOnce(&mut RosterDraft)) -> Roster {
        let signer = self.devices[0].signer();
        self.owner
            .next(&self.roster, signer, now().as_millis(), change)
    }

    /// Signs and publishes the next roster.
    pub fn publish(&mut self, change: impl FnOnce(&mut RosterDraft)) {
        let next = self.next(change);
        self.put(&next).unwrap();
        self.roster = next;
    }

    /// The first device publishes a roster.
    pub fn put(&self, roster: &Roster) -> Result<(), ClientError> {
        let first = &self.devices[0];
        let signed = roster.signed().encode();
        first.client.put_roster(first.session(), &signed)
    }

    /// Removes a device. Returns it as it is then.
    pub fn remove(&mut self, number: u32) -> Device {
        self.publish(|draft| draft.remove(number).unwrap());
        let mut devices = self.devices.iter();
        let at = devices.position(|device| device.me.device.0 == number);
        self.devices.remove(at.unwrap())
    }

    pub fn version(&self) -> RosterStamp {
        version(&self.roster)
    }
}

pub fn version(roster: &Roster) -> RosterStamp {
    RosterStamp::new(roster.epoch(), roster.version())
}

/// Seals a message from a device of `from` to another account.
pub fn sealed(from: &Device, to: &Family, text: &str) -> (SentMessage, Envelope) {
    let audience = Audience::Direct(to.devices[0].me.account.clone());
    let conversation = audience.conversation(&from.me.account);
    let payload = Payload::text(PayloadHeader::new(0, now()), text).unwrap();
    let rng = &mut rand::rng();
    let sealed = seal(&mut NoChannel, &from.me, &conversation, &payload, rng).unwrap();
    (sealed.sent, sealed.envelope)
}

/// Addresses a message to all devices of `to`, and to all others of the sender's.
pub fn to_all(envelope: &Envelope, by: &Device, own: &Family, to: &Family) -> Fanout {
    let is_note = own.owner.name == to.owner.name;
    let peer = match is_note {
        true => RosterStamp::default(),
        false => to.version(),
    };
    let mut fanout = Fanout::new(*envelope.tag(), own.version(), peer);
    let mut add = |is_own: bool, family: &Family| {
        for listed in family.roster.devices() {
            let device = DeviceId(listed.id);
            if !is_own || device != by.me.device {
                let envelope = Some(envelope.clone());
                fanout.insert(is_own, device, envelope).unwrap();
            }
        }
    };
    add(true, own);
    if !is_note {
        add(false, to);
    }
    fanout
}

/// Posts a message as a device. Returns the receipt.
pub fn post(by: &Device, fanout: &Fanout, to: &Family) -> Result<Vec<u8>, ClientError> {
    post_with(by, fanout, to, ContactHeaders::default())
}

/// Posts a message as a device, and says this of the recipient.
pub fn post_with(
    by: &Device,
    fanout: &Fanout,
    to: &Family,
    contact: ContactHeaders,
) -> Result<Vec<u8>, ClientError> {
    let account = &to.devices[0].me.account;
    let audience = Audience::Direct(account.clone());
    let posted = fanout.post(&by.delivery_key, &by.me, &audience, now());
    let session = by.session();
    by.client.send_with(session, account, &posted, contact)
}

/// Sends a text to all devices of both accounts.
pub fn send(by: &Device, own: &Family, to: &Family, text: &str) -> Result<Vec<u8>, ClientError> {
    let (_, envelope) = sealed(by, to, text);
    post(by, &to_all(&envelope, by, own, to), to)
}

/// The texts that wait for a device.
pub fn texts(device: &Device) -> Vec<String> {
    let received = device.receive().into_iter();
    received.map(|(text, _)| text).collect()
}
