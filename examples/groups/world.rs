//! Everything in one run: the relay, the devices and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand::RngExt;
use waxseal::reporting::relay::StampedEnvelope;
use waxseal::{FrankingTag, GroupId, Outgoing};
use waxseal_world::{Provider, QueuedGroup};

use crate::lines::Line;
use crate::network::{Network, Packet};
use crate::outcome::Outcome;
use crate::people::{Device, FOUNDER, Former, People, Standing};
use crate::support::linking::time;
use crate::{Result, Rng};

/// Time after which a device posts again, and the relay delivers again.
pub const RESEND_MS: u64 = 8_000;
/// Time between two looks of a device at what it has to do.
pub const TICK_MS: u64 = 2_000;

/// What the relay keeps for a device.
#[derive(Clone)]
pub enum Queued {
    /// Something direct, or what was sealed again for this device alone.
    Direct(StampedEnvelope),
    /// A message to the group.
    Group(QueuedGroup),
}

/// A message that was written.
pub struct Written {
    /// Its text, by number.
    pub line: usize,
    /// The device that wrote it.
    pub author: usize,
    /// Whether the relay accepted it.
    pub is_accepted: bool,
}

pub struct World {
    pub provider: Provider,
    pub people: People,
    pub network: Network,
    pub rng: Rng,
    pub outcome: Outcome,
    pub group: Option<GroupId>,
    lines: Vec<Line>,
    /// All messages that were written.
    pub written: BTreeMap<FrankingTag, Written>,
    /// The messages that did not open on a device, with their authors: (device, author, message).
    pub unopened: BTreeSet<(usize, usize, FrankingTag)>,
    /// What the relay keeps for each device, by number.
    pub queue: BTreeMap<(usize, u64), Queued>,
    pub next_number: u64,
    /// Former members, as they were when they were removed.
    pub former: Vec<Former>,
    /// Devices of newcomers, with messages from before they came.
    pub newcomers: BTreeMap<usize, Vec<(FrankingTag, QueuedGroup)>>,
    /// The newest messages that the relay accepted.
    pub recent: Vec<(FrankingTag, QueuedGroup)>,
}

impl World {
    pub fn new(seed: u64, rng: Rng, lines: Vec<Line>) -> Self {
        let provider = Provider::new(seed);
        let now_ms = provider.now.as_millis();
        Self {
            provider,
            people: People::default(),
            network: Network::new(seed, now_ms),
            rng,
            outcome: Outcome::default(),
            group: None,
            lines,
            written: BTreeMap::new(),
            unopened: BTreeSet::new(),
            queue: BTreeMap::new(),
            next_number: 0,
            former: Vec::new(),
            newcomers: BTreeMap::new(),
            recent: Vec::new(),
        }
    }

    /// The group, which was founded first.
    pub fn group(&self) -> GroupId {
        self.group.expect("the group was founded")
    }

    pub fn device(&mut self, number: usize) -> &mut Device {
        &mut self.people.devices[number]
    }

    pub fn wrong(&mut self, what: impl Into<String>) {
        if self.outcome.wrong.len() < 20 {
            self.outcome.wrong.push(what.into());
        }
    }

    /// The text of a written message.
    pub fn line(&self, written: &Written) -> &Line {
        &self.lines[written.line % self.lines.len()]
    }

    /// Adds a device, which looks at what it has to do from now on.
    pub fn add(&mut self, device: Device) -> usize {
        let device = self.people.add(device);
        let after_ms = self.rng.random_range(1..=TICK_MS);
        self.network.wake(after_ms, Packet::Tick { device });
        device
    }

    /// One of these, chosen at random.
    pub fn any<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        match of.len() {
            0 => None,
            len => Some(of[self.rng.random_range(0..len)].clone()),
        }
    }

    /// A member's device writes the next line to the group. In a large group, few members write
    /// most of the messages.
    pub fn write(&mut self) -> Result<()> {
        let members = self.people.all(Standing::Member);
        for _ in 0..100 {
            let place: f64 = self.rng.random::<f64>().powi(2);
            let person = members[(place * members.len() as f64) as usize];
            let devices = self.people.persons[person].devices.clone();
            let device = self.any(&devices).ok_or("a person without a device")?;
            if self.write_from(device)? {
                return Ok(());
            }
        }
        // None of the others has heard yet that it is a member.
        let founder = self.people.persons[FOUNDER].devices[0];
        self.write_from(founder)?;
        Ok(())
    }

    /// Whether a device goes by a state in which its account may write.
    pub fn may_write(&mut self, device: usize) -> Result<bool> {
        let group = self.group();
        let client = &self.people.devices[device].client;
        let Some(info) = client.group(&group)? else {
            return Ok(false);
        };
        let member = info.member(&client.me().account);
        let may = |is_admin| is_admin || !info.policy.admins_write;
        Ok(info.standing == waxseal::GroupStanding::Member
            && member.is_some_and(|member| may(member.is_admin)))
    }

    /// A device writes the next line to the group. Returns whether it may.
    pub fn write_from(&mut self, device: usize) -> Result<bool> {
        self.provider.now = time(self.network.now_ms());
        if !self.may_write(device)? {
            return Ok(false);
        }
        self.prepare(device)?;
        if !self.may_write(device)? {
            return Ok(false); // it has heard so meanwhile
        }
        let line = self.outcome.messages as usize;
        let text = self.lines[line % self.lines.len()].text.clone();
        let (group, now) = (self.group(), self.provider.now);
        let began = Instant::now();
        let client = &mut self.people.devices[device].client;
        let sent = client.send(group, text.as_str(), now, &mut self.rng)?;
        self.outcome.sender.add(began.elapsed());
        self.outcome.messages += 1;
        let written = Written {
            line,
            author: device,
            is_accepted: false,
        };
        self.written.insert(sent.id, written);
        self.post(device, &sent);
        Ok(true)
    }

    pub fn post(&mut self, from: usize, outgoing: &Outgoing) {
        let now_ms = self.network.now_ms();
        let device = self.device(from);
        device.is_busy = true;
        let (posted_ms, attempt) = device.posted.entry(outgoing.id).or_default();
        *posted_ms = now_ms;
        *attempt += 1;
        let attempt = *attempt;
        self.network.send(&Packet::Post {
            from,
            to: outgoing.to.clone(),
            bytes: outgoing.envelope.clone(),
            again_for: outgoing.again_for.clone(),
            id: outgoing.id,
            attempt,
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
                attempt,
            } => match (again_for, to.account()) {
                (Some(target), _) => self.take_again(from, &to, &bytes, &target, (id, attempt)),
                (None, Some(account)) => {
                    self.take_direct(from, account, &bytes, id, attempt);
                }
                (None, None) => self.take_message(from, &bytes, id, attempt)?,
            },
            Packet::Receipt {
                to,
                conversation,
                receipt,
                again,
            } => {
                // A receipt names no device. So one that answers no try that waits counts as lost,
                // as it would be over a connection on which answers belong to requests.
                if again.is_some_and(|(id, attempt)| !self.answers(to, &id, attempt)) {
                    return Ok(());
                }
                let device = self.device(to);
                // An entry that is not in the outbox any more was confirmed before.
                let _ = device.client.confirm(&conversation, &receipt);
                device.upkeep_ms = Some(0);
            }
            Packet::Mismatch {
                to,
                conversation,
                id,
                attempt,
                mismatch,
            } => self.retarget(to, &conversation, &id, attempt, &mismatch),
            Packet::GroupMismatch {
                to,
                id,
                attempt,
                mismatch,
            } => self.retarget_in_group(to, &id, attempt, &mismatch)?,
            Packet::NoMember { to, id } => self.no_member(to, id)?,
            Packet::NoTarget {
                to,
                conversation,
                id,
                attempt,
            } => self.give_up_again(to, &conversation, &id, attempt)?,
            Packet::Entry { from, entry } => self.take_entry(from, &entry)?,
            Packet::Accepted { to, accepted } => {
                let device = self.device(to);
                // It may come twice.
                let _ = device.client.confirm_entry(&accepted);
                device.upkeep_ms = Some(0);
            }
            Packet::Conflict { to, news } => {
                let (group, now) = (self.group(), self.provider.now);
                let device = self.device(to);
                let _ = device.client.take_group_news(&group, &news, now);
                (device.upkeep_ms, device.entry_ms) = (Some(0), 0);
            }
            Packet::Delivery { to, number, bytes } => self.deliver(to, number, &bytes)?,
            Packet::Acknowledgement { from, number } => {
                self.queue.remove(&(from, number));
            }
            Packet::Tick { device } => self.tick(device)?,
            Packet::Again { to, number } => self.hand_out(to, number),
        }
        Ok(())
    }
}
