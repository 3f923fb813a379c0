//! The relay, the devices and the network between them.

use std::collections::{BTreeMap, BTreeSet};

use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::StampedEnvelope;
use waxseal::{AccountId, DeviceAddress, FrankingTag, Mismatch, Outgoing};
use waxseal_world::{PostRefused, Provider};

use crate::network::{Network, Packet};
use crate::outcome::Outcome;
use crate::people::{Device, People, show, write};
use crate::support::linking::time;
use crate::{Result, Rng};

/// Time after which a device posts again, and the relay delivers again.
pub const RESEND_MS: u64 = 8_000;
/// Time between two looks of a device at what it has to do.
const TICK_MS: u64 = 2_000;

/// Everything in one run.
pub struct World {
    pub provider: Provider,
    pub people: People,
    pub network: Network,
    pub rng: Rng,
    pub outcome: Outcome,
    /// The texts of all messages that were written.
    texts: BTreeMap<FrankingTag, String>,
    /// The messages that did not open on a device, with their authors: (device, author, message).
    pub unopened: BTreeSet<(usize, usize, FrankingTag)>,
    /// What the relay keeps for each device, by number.
    pub queue: BTreeMap<(usize, u64), StampedEnvelope>,
    next_number: u64,
}

impl World {
    pub fn new(seed: u64, rng: Rng) -> Self {
        let provider = Provider::new(seed);
        let now_ms = provider.now.as_millis();
        Self {
            provider,
            people: People::default(),
            network: Network::new(seed, now_ms),
            rng,
            outcome: Outcome::default(),
            texts: BTreeMap::new(),
            unopened: BTreeSet::new(),
            queue: BTreeMap::new(),
            next_number: 0,
        }
    }

    pub fn device(&mut self, number: usize) -> &mut Device {
        &mut self.people.devices[number]
    }

    pub fn wrong(&mut self, what: String) {
        if self.outcome.wrong.len() < 20 {
            self.outcome.wrong.push(what);
        }
    }

    /// Adds a device, which looks at what it has to do from now on.
    pub fn add(&mut self, device: Device) -> usize {
        self.people.devices.push(device);
        let device = self.people.devices.len() - 1;
        self.network.wake(TICK_MS, Packet::Tick { device });
        device
    }

    /// A device writes a message, and posts it at its next look.
    pub fn write(&mut self, from: usize, to: &AccountId, text: String) -> Result<Outgoing> {
        self.provider.now = time(self.network.now_ms());
        let client = &mut self.people.devices[from].client;
        let sent = write(client, to, &text, &mut self.provider, &mut self.rng)?;
        self.texts.insert(sent.id, text);
        self.outcome.messages += 1;
        self.post(from, &sent);
        Ok(sent)
    }

    fn post(&mut self, from: usize, outgoing: &Outgoing) {
        let now_ms = self.network.now_ms();
        self.device(from).posted_ms.insert(outgoing.id, now_ms);
        self.network.send(&Packet::Post {
            from,
            to: outgoing.to.account().expect("a direct message").clone(),
            bytes: outgoing.envelope.clone(),
            again_for: outgoing.again_for.clone(),
            id: outgoing.id,
        });
    }

    /// Lets this time pass.
    pub fn run(&mut self, ms: u64) -> Result<()> {
        let until = self.network.now_ms() + ms;
        while let Some(packet) = self.network.next(until) {
            self.provider.now = time(self.network.now_ms());
            self.arrive(packet)?;
        }
        self.provider.now = time(self.network.now_ms());
        Ok(())
    }

    fn arrive(&mut self, packet: Packet) -> Result<()> {
        match packet {
            Packet::Post {
                from,
                to,
                bytes,
                again_for,
                id,
            } => self.at_relay(from, &to, &bytes, again_for, id),
            Packet::Receipt {
                to,
                recipient,
                receipt,
            } => {
                // An entry that is not in the outbox any more was confirmed before.
                let _ = self.device(to).client.confirm(&recipient, &receipt);
                Ok(())
            }
            Packet::Mismatch {
                to,
                recipient,
                id,
                mismatch,
            } => self.retarget(to, &recipient, &id, &mismatch),
            Packet::Delivery { to, number, bytes } => self.deliver(to, number, &bytes),
            Packet::Acknowledgement { from, number } => {
                self.queue.remove(&(from, number));
                Ok(())
            }
            Packet::Tick { device } => self.tick(device),
            Packet::Again { to, number } => {
                self.hand_out(to, number);
                Ok(())
            }
        }
    }

    /// The relay takes what a device posted.
    fn at_relay(
        &mut self,
        from: usize,
        to: &AccountId,
        bytes: &[u8],
        again_for: Option<DeviceAddress>,
        id: FrankingTag,
    ) -> Result<()> {
        let sender = self.people.devices[from].me().clone();
        if self.people.devices[from].is_removed {
            return Ok(()); // the relay does not know the device any more
        }
        if let Some(target) = again_for {
            if let Ok((stamped, receipt)) = self.provider.post_again(&sender, bytes) {
                self.push(&target, stamped);
                let recipient = to.clone();
                self.network.send(&Packet::Receipt {
                    to: from,
                    recipient,
                    receipt,
                });
            }
            return Ok(());
        }
        match self.provider.fan_out(&sender, to, bytes) {
            Ok((stamped, receipt)) => {
                for (target, stamped) in stamped {
                    let is_message = self.texts.contains_key(&id);
                    if let Some(number) = self.people.find(&target).filter(|_| is_message) {
                        self.device(number).expected.insert(id);
                    }
                    self.push(&target, stamped);
                }
                let recipient = to.clone();
                self.network.send(&Packet::Receipt {
                    to: from,
                    recipient,
                    receipt,
                });
            }
            Err(PostRefused::Mismatch) => {
                let mismatch = self.provider.mismatch(&sender, to, bytes);
                let recipient = to.clone();
                self.network.send(&Packet::Mismatch {
                    to: from,
                    recipient,
                    id,
                    mismatch,
                });
            }
            // It was on its way for too long, and is posted again.
            Err(_) => {}
        }
        Ok(())
    }

    fn push(&mut self, target: &DeviceAddress, stamped: StampedEnvelope) {
        let Some(to) = self.people.find(target) else {
            return; // a device that the relay invented
        };
        if self.people.devices[to].is_removed {
            return;
        }
        self.next_number += 1;
        self.queue.insert((to, self.next_number), stamped);
        self.hand_out(to, self.next_number);
    }

    fn hand_out(&mut self, to: usize, number: u64) {
        if self.people.devices[to].is_removed {
            self.queue.remove(&(to, number));
            return;
        }
        if let Some(stamped) = self.queue.get(&(to, number)) {
            let address = self.people.devices[to].me();
            let bytes = self.provider.deliver(address, &stamped.encode());
            self.network.send(&Packet::Delivery { to, number, bytes });
            self.network.wake(RESEND_MS, Packet::Again { to, number });
        }
    }

    fn retarget(
        &mut self,
        device: usize,
        recipient: &AccountId,
        id: &FrankingTag,
        mismatch: &Mismatch,
    ) -> Result<()> {
        if self.people.devices[device].is_removed {
            return Ok(());
        }
        let (now, client) = (self.provider.now, &mut self.people.devices[device].client);
        if let Ok(again) = client.retarget(recipient, id, mismatch, now, &mut self.rng) {
            self.outcome.mismatches += 1;
            self.post(device, &again);
        }
        Ok(())
    }

    fn deliver(&mut self, to: usize, number: u64, bytes: &[u8]) -> Result<()> {
        if self.people.devices[to].is_removed {
            return Ok(());
        }
        let now_ms = self.network.now_ms();
        let queued = self.queue.get(&(to, number));
        let author = queued.and_then(|stamped| {
            let claim = stamped.claim();
            Some((self.people.find(&claim.context().sender)?, *claim.tag()))
        });
        let is_author_gone = author.is_some_and(|(one, _)| self.people.devices[one].is_removed);
        let device = &mut self.people.devices[to];
        match device.client.receive(bytes) {
            Ok(received) => {
                if let Err(error) = show(device, received) {
                    self.wrong(error.to_string());
                }
            }
            // If its author was removed, it waits at the relay until it is too old.
            Err(ReceiveError::UnknownDevice { device: unknown }) if !is_author_gone => {
                let viewer = device.me().account.clone();
                let roster = self.provider.roster_for(Some(&viewer), &unknown.account);
                let now = self.provider.now;
                let _ = device.client.take_roster(&unknown.account, &roster, now);
                return Ok(()); // it comes again
            }
            // What does not open is noted, and asked for.
            Err(
                ReceiveError::NotSealed
                | ReceiveError::Session(_)
                | ReceiveError::UnknownDevice { .. },
            ) => {
                if let Some((author, id)) = author {
                    self.unopened.insert((to, author, id));
                    self.give_up(author);
                }
            }
            Err(error) => self.wrong(format!("device {to} refused a delivery: {error}")),
        }
        self.device(to).upkeep_ms = Some(now_ms);
        self.network
            .send(&Packet::Acknowledgement { from: to, number });
        Ok(())
    }

    /// A device does what is to be done without its user, and posts its outbox.
    fn tick(&mut self, device: usize) -> Result<()> {
        if self.people.devices[device].is_removed {
            return Ok(());
        }
        let now = self.provider.now;
        let is_due = self.people.devices[device].upkeep_ms;
        if is_due.is_some_and(|at| at <= now.as_millis()) {
            self.keep_up(device)?;
        }
        let mut after = None;
        loop {
            let one = &self.people.devices[device];
            let page = one.client.outbox(after, 64, now)?;
            let before = now.as_millis().saturating_sub(RESEND_MS);
            let is_due = |out: &Outgoing| one.posted_ms.get(&out.id).is_none_or(|at| *at <= before);
            let due: Vec<_> = page.items.into_iter().filter(is_due).collect();
            for outgoing in &due {
                self.post(device, outgoing);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.network.wake(TICK_MS, Packet::Tick { device });
        Ok(())
    }

    fn keep_up(&mut self, device: usize) -> Result<()> {
        let (now, provider) = (self.provider.now, &mut self.provider);
        let one = &mut self.people.devices[device];
        let me = one.me().clone();
        let upkeep = one.client.upkeep(now, &mut self.rng)?;
        let mut upkeep_ms = upkeep.again_at.map(|at| at.as_millis());
        for account in &upkeep.rosters {
            let roster = provider.roster_for(Some(&me.account), account);
            let _ = one.client.take_roster(account, &roster, now);
        }
        for wanted in &upkeep.bundles {
            let bundles = provider.bundles_for(Some(&me), &wanted.account, &wanted.devices);
            let _ = one
                .client
                .restart(&wanted.account, &bundles, now, &mut self.rng);
        }
        if !upkeep.rosters.is_empty() || !upkeep.bundles.is_empty() {
            upkeep_ms = Some(now.as_millis() + TICK_MS);
        }
        one.upkeep_ms = upkeep_ms;
        Ok(())
    }

    /// Counts what arrived.
    pub fn count(&mut self) {
        let (mut wrong, outcome) = (Vec::new(), &mut self.outcome);
        for device in &self.people.devices {
            outcome.deliveries_expected += device.expected.len() as u64;
            for (id, text) in &device.shown {
                match (device.expected.contains(id), self.texts.get(id)) {
                    (true, Some(written)) if written == text => outcome.delivered += 1,
                    (true, _) => wrong.push("another text arrived".to_owned()),
                    (false, _) => wrong.push("a device got a message not for it".to_owned()),
                }
            }
        }
        wrong.into_iter().for_each(|what| self.wrong(what));
    }

    /// The text of a message as it was written.
    pub fn text(&self, id: &FrankingTag) -> Option<&str> {
        self.texts.get(id).map(String::as_str)
    }
}
