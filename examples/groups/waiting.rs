//! Waits until everything arrived, and tells what does not.

use waxseal::roster::group::GroupState;
use waxseal::{FrankingTag, GroupStanding, Outgoing};

use crate::Result;
use crate::people::{Person, Standing};
use crate::world::{RESEND_MS, World};

/// Time after which everything must have arrived on a calm network.
const SETTLE_MS: u64 = 6 * 3_600_000;

impl World {
    /// Runs on a calm network until nothing waits any more.
    pub fn settle(&mut self) -> Result<()> {
        self.network.is_calm = true;
        let until = self.network.now_ms() + SETTLE_MS;
        let mut waits = Some(String::new());
        while waits.is_some() && self.network.now_ms() < until {
            self.run(RESEND_MS)?;
            waits = self.waits()?;
        }
        if let Some(what) = waits {
            self.wrong(format!("after six hours without faults, {what}"));
        }
        self.network.is_calm = false;
        Ok(())
    }

    /// What still waits, if anything does.
    fn waits(&mut self) -> Result<Option<String>> {
        let (now, state) = (self.now(), self.state()?);
        for (number, person) in self.people.persons.iter().enumerate() {
            // Who may not write now says good-bye later.
            let is_mute = !state.may_write(person.account.as_str());
            let is_leaving =
                person.standing == Standing::Leaving && is_mute && self.holds_a_message(person)?;
            let is_settled = matches!(person.standing, Standing::Outside | Standing::Member);
            if !is_settled && !is_leaving {
                return Ok(Some(format!("person {number} is {:?}", person.standing)));
            }
        }
        for number in 0..self.people.devices.len() {
            let device = &self.people.devices[number];
            if device.is_removed || self.people.standing(number) != Standing::Member {
                continue;
            }
            let mut lacks = device
                .expected
                .iter()
                .filter(|id| !device.shown.contains(id));
            let lacks = lacks.find(|id| !self.waits_for_its_author(id, &state));
            let what = if device.needs_upkeep(now.as_millis()) {
                "upkeep".to_owned()
            } else if let Some(id) = lacks {
                let author = self.written.get(id).map(|written| written.author);
                format!("a message of device {author:?} {}", id.as_bytes()[0])
            } else if let Some(out) = self.unconfirmed(number)? {
                let again_for = out.again_for.map(|target| self.people.find(&target));
                format!("a receipt for {:?}, again for {again_for:?}", out.to)
            } else if self.standing(number)? != Some(GroupStanding::Member) {
                "the group".to_owned()
            } else {
                let client = &mut self.people.devices[number].client;
                let entries = client.pending_entries(None, 1, now, &mut self.rng)?;
                match entries.items.is_empty() {
                    true => continue,
                    false => "an entry".to_owned(),
                }
            };
            return Ok(Some(format!("device {number} waits for {what}")));
        }
        let mut queued = self.queue.keys();
        let queued = queued.find(|(to, _)| self.people.standing(*to) == Standing::Member);
        Ok(queued.map(|(to, _)| format!("the relay keeps something for device {to}")))
    }

    /// Whether the author of an accepted message has not heard that it was, and may not write now.
    /// Then the relay takes nothing of it, and who could not open the message gets it later.
    fn waits_for_its_author(&self, id: &FrankingTag, state: &GroupState) -> bool {
        let author = self.written.get(id).map(|written| written.author);
        let Some(author) = author.map(|author| &self.people.devices[author]) else {
            return false;
        };
        let outbox = author.client.outbox(None, usize::MAX, self.now());
        let is_unconfirmed =
            outbox.is_ok_and(|outbox| outbox.items.iter().any(|out| out.id == *id));
        is_unconfirmed && !state.may_write(author.me().account.as_str())
    }

    /// Whether a message to the group waits on a device of a person.
    fn holds_a_message(&self, person: &Person) -> Result<bool> {
        for device in &person.devices {
            let client = &self.people.devices[*device].client;
            let outbox = client.outbox(None, usize::MAX, self.now())?.items;
            let mut to_group = outbox.iter().filter(|out| out.to.group().is_some());
            if to_group.any(|out| out.again_for.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What waits in the outbox of a device, and will be accepted.
    fn unconfirmed(&self, device: usize) -> Result<Option<Outgoing>> {
        let client = &self.people.devices[device].client;
        let outbox = client.outbox(None, usize::MAX, self.now())?.items;
        let may_write = self.state()?.may_write(client.me().account.as_str());
        Ok(outbox.into_iter().find(|out| {
            let waits = out.to.group().is_some() && out.again_for.is_none() && !may_write;
            !waits
        }))
    }

    /// Expects no more what the devices of a person wrote and others could not open.
    pub fn author_is_gone(&mut self, person: usize) {
        for author in 0..self.people.devices.len() {
            if self.people.devices[author].person == person {
                self.give_up(author);
            }
        }
    }

    /// Expects a message no more on the devices that could not open it, if its author was removed
    /// before it could seal the message again.
    pub fn give_up(&mut self, author: usize) {
        if !self.is_gone(author) {
            return;
        }
        for (to, by, id) in &self.unopened {
            let device = &mut self.people.devices[*to];
            if *by == author && !device.shown.contains(id) && device.expected.remove(id) {
                device.possible.insert(*id); // it may be on its way
            }
        }
    }

    /// Counts what arrived, and whether all members know the same group.
    pub fn count(&mut self) -> Result<()> {
        let (mut expected, mut delivered, mut lacking) = (0, 0, 0);
        for device in &self.people.devices {
            expected += device.expected.len() as u64;
            let arrived = device.expected.intersection(&device.shown).count() as u64;
            delivered += arrived;
            lacking += device.expected.len() as u64 - arrived;
            let others = device.shown.difference(&device.expected).count();
            self.outcome.not_for_them += others as u64;
        }
        self.outcome.deliveries_expected = expected;
        self.outcome.delivered = delivered;
        self.outcome.undecryptable = lacking;
        let lost = self.unopened.iter().filter(|(to, _, id)| {
            let device = &self.people.devices[*to];
            !device.is_removed && device.possible.contains(id)
        });
        self.outcome.given_up = lost.count() as u64;
        let written = self.written.values();
        let accepted = written.filter(|written| written.is_accepted).count() as u64;
        self.outcome.accepted = accepted;
        let names = self.member_names();
        for number in self.people.members() {
            let client = &self.people.devices[number].client;
            let info = client.group(&self.group())?;
            let members = info.iter().flat_map(|info| &info.members);
            let known = members.map(|member| member.account.as_str().to_owned());
            if known.collect::<std::collections::BTreeSet<_>>() != names {
                self.wrong(format!("device {number} knows other members"));
            }
        }
        Ok(())
    }
}
