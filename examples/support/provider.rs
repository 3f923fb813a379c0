//! Plays the provider in one process: a relay and an intake, without a network or a disk.
//!
//! It uses `waxseal-reporting` alone, so nothing here could decrypt a message.

#![allow(dead_code, reason = "each example uses a part of it")]

use std::collections::{HashMap, HashSet, VecDeque};

use rand::CryptoRng;
use waxseal_reporting::intake::{AcceptedReport, IntakeRecords, Nullifier, accept};
use waxseal_reporting::relay::{Delivery, DeliveryKey, Envelope, Receipt, StampKeys};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::{AccountId, Audience, DecodeError, DeviceAddress, Rejection, Timestamp};

/// What the provider keeps: keys, prekeys to hand out, and which messages were reported.
///
/// It keeps no messages.
pub struct Provider {
    stamp_keys: StampKeys,
    devices: HashMap<DeviceAddress, DeliveryKey>,
    prekeys: HashMap<AccountId, (Vec<u8>, VecDeque<Vec<u8>>)>,
    reported: HashSet<Nullifier>,
}

/// What the relay makes from one envelope.
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
            devices: HashMap::new(),
            prekeys: HashMap::new(),
            reported: HashSet::new(),
        }
    }

    /// Registers a device and agrees on its delivery key.
    pub fn register(&mut self, device: &DeviceAddress, rng: &mut impl CryptoRng) -> DeliveryKey {
        self.devices
            .entry(device.clone())
            .or_insert_with(|| DeliveryKey::generate(rng))
            .clone()
    }

    /// The stamp keys, which relay and intake share.
    pub fn stamp_keys(&self) -> &StampKeys {
        &self.stamp_keys
    }

    /// The delivery key that the provider shares with a device.
    pub fn delivery_key(&self, device: &DeviceAddress) -> DeliveryKey {
        self.devices[device].clone()
    }

    /// Stores the prekeys that a client published. To the provider they are opaque bytes.
    pub fn publish(&mut self, account: &AccountId, base: Vec<u8>, one_time: Vec<Vec<u8>>) {
        let entry = self.prekeys.entry(account.clone()).or_default();
        entry.0 = base;
        entry.1.extend(one_time);
    }

    /// Hands out a prekey bundle. Each one-time part is handed out once; the bundle has no such
    /// part when all are used up.
    pub fn bundle(&mut self, account: &AccountId) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let (base, one_time) = self.prekeys.get_mut(account)?;
        Some((base.clone(), one_time.pop_front()))
    }

    /// Stamps an envelope of an authenticated sender. Returns the delivery and the receipt.
    pub fn relay(
        &self,
        sender: &DeviceAddress,
        recipient: &DeviceAddress,
        envelope: &[u8],
        now: Timestamp,
    ) -> Relayed {
        let envelope = Envelope::decode(envelope).expect("the client encoded it");
        let audience = Audience::Direct(recipient.account.clone());
        let claim = self
            .stamp_keys
            .stamp(envelope.tag(), sender, &audience, now)
            .expect("a time in range");
        let receipt = Receipt::new(&claim, &self.devices[sender]).encode();
        let delivery = Delivery::new(&claim, envelope, &self.devices[recipient])
            .expect("the claim was made for this envelope");
        Relayed {
            delivery: delivery.encode(),
            receipt,
        }
    }

    /// Examines a report. If the report is accepted, remembers which messages it is about.
    pub fn intake(&mut self, report: &[u8], now: Timestamp) -> Result<AcceptedReport, Refusal> {
        let accepted = self.examine(report, now)?;
        self.reported.extend(accepted.nullifiers());
        Ok(accepted)
    }

    /// Verifies, without reading any message, who sent a report and that its messages passed
    /// through the relay.
    pub fn examine(&self, report: &[u8], now: Timestamp) -> Result<AcceptedReport, Refusal> {
        let report = Report::decode(report).map_err(Refusal::Malformed)?;
        let reporter_key = self
            .devices
            .get(report.reporter())
            .ok_or(Refusal::UnknownDevice)?;
        Ok(accept(
            report,
            &self.stamp_keys,
            reporter_key,
            now,
            &mut Reported(&self.reported),
        )?)
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

struct Reported<'a>(&'a HashSet<Nullifier>);

impl IntakeRecords for Reported<'_> {
    fn was_reported(&mut self, nullifier: &Nullifier) -> bool {
        self.0.contains(nullifier)
    }

    fn is_member(
        &mut self,
        _: &waxseal_reporting::ConversationId,
        _: &DeviceAddress,
        _: Timestamp,
    ) -> bool {
        false // no groups here
    }
}
