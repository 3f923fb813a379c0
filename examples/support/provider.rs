//! Plays the provider in one process: a relay and an intake, without a network or a disk.
//!
//! It uses `waxseal-reporting`, so nothing here could decrypt a message. Of `waxseal`, it has only
//! the form in which rosters and prekeys are handed out.

#![allow(dead_code, reason = "each example uses a part of it")]

use std::collections::{HashMap, HashSet, VecDeque};

use rand::CryptoRng;
use waxseal::{Bundles, DeviceBundle};
use waxseal_reporting::intake::{
    AcceptError, AcceptanceKey, AcceptedReport, Nullifier, ReportId, examine,
};
use waxseal_reporting::relay::{
    DeliveryKey, PostError, PostedFanout, PostedReseal, Receipt, ResealError, StampKeys,
    StampedEnvelope, next_accepted_at,
};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::{
    AccountId, Audience, DecodeError, DeviceAddress, DeviceId, Rejection, Timestamp,
};

/// What the provider keeps: keys, rosters and prekeys to hand out, and which messages were
/// reported.
///
/// It keeps no messages.
pub struct Provider {
    stamp_keys: StampKeys,
    acceptance_key: AcceptanceKey,
    devices: HashMap<DeviceAddress, Device>,
    published: HashMap<AccountId, Published>,
    reported: HashSet<Nullifier>,
}

/// A registered device.
struct Device {
    key: DeliveryKey,
    /// When the relay accepted the device's last message.
    last_accepted: Option<Timestamp>,
}

/// What an account published. Each one here has one device.
struct Published {
    roster: Vec<u8>,
    device: DeviceId,
    base: Vec<u8>,
    one_time: VecDeque<Vec<u8>>,
}

/// What the relay makes from one message.
pub struct Relayed {
    /// The encoded delivery for the recipient.
    pub delivery: Vec<u8>,
    /// The encoded receipt for the sender.
    pub receipt: Vec<u8>,
}

impl Provider {
    pub fn new(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let mut stamp_keys =
            StampKeys::generate("example", now, rng).expect("a short name and a time in range");
        stamp_keys.advance_to(now).expect("a time in range");
        Self {
            stamp_keys,
            acceptance_key: AcceptanceKey::generate(rng),
            devices: HashMap::new(),
            published: HashMap::new(),
            reported: HashSet::new(),
        }
    }

    /// Registers a device and agrees on its delivery key.
    pub fn register(&mut self, device: &DeviceAddress, rng: &mut impl CryptoRng) -> DeliveryKey {
        let device = self.devices.entry(device.clone());
        let device = device.or_insert_with(|| Device {
            key: DeliveryKey::generate(rng),
            last_accepted: None,
        });
        device.key.clone()
    }

    /// The stamp keys, which relay and intake share.
    pub fn stamp_keys(&self) -> &StampKeys {
        &self.stamp_keys
    }

    /// The acceptance key, which intake and vault share.
    pub fn acceptance_key(&self) -> AcceptanceKey {
        self.acceptance_key.clone()
    }

    /// The delivery key that the provider shares with a device.
    pub fn delivery_key(&self, device: &DeviceAddress) -> DeliveryKey {
        self.devices[device].key.clone()
    }

    /// Stores the roster of an account, in place of an earlier one, whose prekeys are forgotten.
    ///
    /// A real provider verifies that it follows the earlier one. Here it is opaque bytes.
    pub fn put_roster(&mut self, device: &DeviceAddress, roster: Vec<u8>) {
        let published = Published {
            roster,
            device: device.device,
            base: Vec::new(),
            one_time: VecDeque::new(),
        };
        self.published.insert(device.account.clone(), published);
    }

    /// Hands out the roster of an account, which lists its devices.
    pub fn roster(&self, account: &AccountId) -> Vec<u8> {
        self.published[account].roster.clone()
    }

    /// Stores the prekeys that a client published. To the provider they are opaque bytes.
    pub fn publish(&mut self, account: &AccountId, base: Vec<u8>, one_time: Vec<Vec<u8>>) {
        let published = self.published.get_mut(account);
        let published = published.expect("its roster comes first");
        published.base = base;
        published.one_time.extend(one_time);
    }

    /// Hands out a roster with a prekey bundle of the device. Each one-time part is handed out
    /// once; the bundle has no such part when all are used up.
    pub fn bundles(&mut self, account: &AccountId) -> Option<Bundles> {
        let published = self.published.get_mut(account)?;
        let bundle = DeviceBundle {
            device: published.device,
            base: published.base.clone(),
            one_time: published.one_time.pop_front(),
        };
        Some(Bundles {
            roster: published.roster.clone(),
            devices: vec![bundle],
        })
    }

    /// Stamps what an authenticated device posted. Returns the delivery and the receipt.
    ///
    /// A real relay keeps the [`StampedEnvelope`], and makes the delivery when the recipient
    /// fetches it: see the example `provider`.
    pub fn relay(
        &mut self,
        sender: &DeviceAddress,
        recipient: &DeviceAddress,
        posted: &[u8],
        now: Timestamp,
    ) -> Result<Relayed, PostError> {
        let posted = PostedFanout::decode(posted).expect("the client encoded it");
        let audience = Audience::Direct(recipient.account.clone());
        let device = self.devices.get_mut(sender).expect("a registered device");
        let posted = posted.authenticate(&device.key, sender, &audience, now)?;
        let accepted_at = next_accepted_at(now, device.last_accepted);
        device.last_accepted = Some(accepted_at);
        let claim = self.stamp_keys.stamp(&posted, accepted_at);
        let claim = claim.expect("a time in range");
        let receipt = Receipt::new(&claim, &device.key).encode();
        let stamped = StampedEnvelope::fan_out(claim, posted);
        let mut stamped = stamped
            .expect("the claim was made for this message")
            .into_iter();
        // A real relay first checks that the message is for exactly the devices of both rosters.
        let stamped = stamped.find(|(device, _)| device == recipient);
        let (_, stamped) = stamped.expect("it is for the account's one device");
        Ok(Relayed {
            delivery: stamped.deliver(&self.devices[recipient].key).encode(),
            receipt,
        })
    }

    /// Stamps a message that its sender sealed again. Returns the delivery and the receipt.
    pub fn relay_again(
        &mut self,
        sender: &DeviceAddress,
        posted: &[u8],
        now: Timestamp,
    ) -> Result<Relayed, ResealError> {
        let posted = PostedReseal::decode(posted).expect("the client encoded it");
        let device = self.devices.get_mut(sender).expect("a registered device");
        let reseal = posted.authenticate(&device.key, sender, &self.stamp_keys, now)?;
        let accepted_at = next_accepted_at(now, device.last_accepted);
        device.last_accepted = Some(accepted_at);
        let claim = self.stamp_keys.stamp_again(&reseal, accepted_at);
        let claim = claim.expect("a time in range");
        let receipt = Receipt::new(&claim, &device.key).encode();
        let target = reseal.target().clone();
        let stamped =
            StampedEnvelope::resealed(claim, reseal).expect("the claim was made for this reseal");
        Ok(Relayed {
            delivery: stamped.deliver(&self.devices[&target].key).encode(),
            receipt,
        })
    }

    /// Caches the stamp keys for the present day.
    pub fn advance_to(&mut self, now: Timestamp) {
        self.stamp_keys.advance_to(now).expect("a time in range");
    }

    /// Examines a report and remembers which messages it is about.
    pub fn intake(
        &mut self,
        report: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<AcceptedReport, Refusal> {
        let accepted = self.examine(report, now, rng)?;
        self.reported.extend(accepted.report().nullifiers());
        Ok(accepted)
    }

    /// Verifies, without reading any message, who sent a report and that its messages passed
    /// through the relay.
    pub fn examine(
        &self,
        report: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<AcceptedReport, Refusal> {
        let report = Report::decode(report).map_err(Refusal::Malformed)?;
        let reporter = self.devices.get(report.reporter());
        let reporter_key = &reporter.ok_or(Refusal::UnknownDevice)?.key;
        let examined = examine(report, &self.stamp_keys, reporter_key, now)?;
        let nullifiers = examined.nullifiers();
        let known = nullifiers.iter().map(|one| self.reported.contains(one));
        let known: Vec<_> = known.collect();
        let members = vec![false; examined.memberships().len()]; // no groups here
        Ok(examined.accept(ReportId::generate(rng), &known, &members)?)
    }
}

/// Why the intake refused a report.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// The bytes are not a report.
    Malformed(DecodeError),
    /// The report names a device that is not registered.
    UnknownDevice,
    /// The report failed a check.
    Rejected(Rejection),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Rejected(rejection) => Self::Rejected(rejection),
            other => panic!("every look-up is answered: {other}"),
        }
    }
}
