//! The devices' side: what an application does with answers, and with what its client asks for.

use waxseal::errors::{GroupNewsError, RetargetError, SendError};
use waxseal::{
    Conversation, FrankingTag, GroupMismatch, GroupStanding, Mismatch, NotDelivered, Outgoing,
};

use crate::Result;
use crate::network::Packet;
use crate::people::Standing;
use crate::support::linking::time;
use crate::world::{RESEND_MS, TICK_MS, World};

/// How many members' rosters are asked for at once.
const ROSTERS_AT_ONCE: usize = 64;
/// How often rosters are asked for until all members' are there.
const ROUNDS: usize = 3;

impl World {
    /// Fetches rosters of members, and starts sessions with devices that have none.
    pub fn prepare(&mut self, device: usize) -> Result<()> {
        let (group, now) = (self.group(), self.provider.now);
        for _ in 0..ROUNDS {
            let client = &mut self.people.devices[device].client;
            let me = client.me().clone();
            let unknown = client.members_without_roster(&group)?;
            for names in unknown.chunks(ROSTERS_AT_ONCE) {
                let rosters = self.provider.group_rosters(&me, &group, names);
                client.take_group_rosters(&group, &rosters, now)?;
            }
            if client.members_without_roster(&group)?.is_empty() {
                break;
            }
            self.fetch_news(device)?; // those are no members any more, and others are
        }
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        loop {
            let missing = client.missing(group, now)?;
            if missing.is_empty() {
                return Ok(());
            }
            for wanted in &missing {
                let (account, devices) = (&wanted.account, &wanted.devices);
                let bundles = self.provider.bundles_for(Some(&me), account, devices);
                client.start(account, &bundles, now, &mut self.rng)?;
            }
        }
    }

    pub fn retarget(
        &mut self,
        device: usize,
        conversation: &Conversation,
        id: &FrankingTag,
        attempt: u64,
        mismatch: &Mismatch,
    ) {
        if !self.is_newest(device, id, attempt) {
            return;
        }
        let (now, client) = (self.provider.now, &mut self.people.devices[device].client);
        let again = client.retarget(conversation, id, mismatch, now, &mut self.rng);
        if let Ok(again) = again {
            self.post(device, &again);
        }
    }

    pub fn retarget_in_group(
        &mut self,
        device: usize,
        id: &FrankingTag,
        attempt: u64,
        mismatch: &GroupMismatch,
    ) -> Result<()> {
        if !self.is_newest(device, id, attempt) {
            return Ok(());
        }
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        let lacking = client.lacking_rosters(mismatch)?;
        let rosters = self.provider.group_rosters(&me, &group, &lacking);
        let again = client.retarget_in_group(&group, id, mismatch, &rosters, now, &mut self.rng);
        match again {
            Ok(again) => {
                self.outcome.mismatches += 1;
                self.prepare(device)?;
                let client = &mut self.people.devices[device].client;
                let complete = client.complete(group, id, now, &mut self.rng);
                self.post(device, &complete.unwrap_or(again));
            }
            // The user sends it again.
            Err(RetargetError::TooManyRounds) => {
                self.fetch_news(device)?;
                self.prepare(device)?;
                let client = &mut self.people.devices[device].client;
                match client.send_again(group, id, now, &mut self.rng) {
                    Ok(Some(_)) | Err(SendError::MayNotWrite | SendError::NotMember) => {}
                    Ok(None) => self.wrong("a message cannot be sent again"),
                    Err(error) => return Err(error.into()),
                }
            }
            // It was confirmed meanwhile, or this account may not write any more.
            Err(RetargetError::NotSent | RetargetError::Send(_)) => {}
            Err(error) => self.wrong(format!("a message was not sealed again: {error:?}")),
        }
        let device = self.device(device);
        (device.upkeep_ms, device.is_busy) = (Some(0), true);
        Ok(())
    }

    /// The relay takes nothing for a device for which a message was sealed again.
    pub fn give_up_again(
        &mut self,
        device: usize,
        conversation: &Conversation,
        id: &FrankingTag,
        attempt: u64,
    ) -> Result<()> {
        if self.answers(device, id, attempt) {
            let one = self.device(device);
            one.client
                .give_up(conversation, id, NotDelivered::Refused)?;
            one.upkeep_ms = Some(0); // the next device that asked gets it
        }
        Ok(())
    }

    /// Whether an answer is to the newest try of a device that is still there.
    pub fn is_newest(&self, device: usize, id: &FrankingTag, attempt: u64) -> bool {
        let device = &self.people.devices[device];
        let newest = device.posted.get(id).map(|(_, attempt)| *attempt);
        !device.is_removed && newest == Some(attempt)
    }

    /// Whether this is the first answer to the newest try of a device. No other one counts: the
    /// message may be sealed again for the next device meanwhile.
    pub fn answers(&mut self, device: usize, id: &FrankingTag, attempt: u64) -> bool {
        let is_newest = self.is_newest(device, id, attempt);
        if is_newest && let Some((_, attempt)) = self.device(device).posted.get_mut(id) {
            *attempt += 1;
        }
        is_newest
    }

    /// The relay takes nothing of a device. What a former member wrote is given up.
    pub fn no_member(&mut self, device: usize, id: Option<FrankingTag>) -> Result<()> {
        self.fetch_news(device)?;
        let is_removed = self.standing(device)? == Some(GroupStanding::Removed);
        if let Some(id) = id.filter(|_| is_removed) {
            let group = self.group();
            self.device(device).client.delete_message(group, &id)?;
        }
        Ok(())
    }

    /// Fetches what happened in the group.
    pub fn fetch_news(&mut self, device: usize) -> Result<()> {
        if self.people.devices[device].is_removed {
            return Ok(()); // its account removed it while an answer was on its way
        }
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        let version = client.group(&group)?.map_or(0, |info| info.version);
        // Who was not added yet gets nothing.
        let news = self.provider.group_news(&me, &group, version);
        let news = news.unwrap_or_default();
        match client.take_group_news(&group, &news, now) {
            Ok(update) if update.steps.is_empty() => return Ok(()),
            // It has not heard yet that its user accepted.
            Ok(_) | Err(GroupNewsError::NoGroup | GroupNewsError::NotAccepted) => {}
            Err(error) => self.wrong(format!("device {device} refused news: {error:?}")),
        }
        self.device(device).upkeep_ms = Some(0);
        Ok(())
    }

    /// A device does what is to be done without its user, and posts its outbox.
    pub fn tick(&mut self, device: usize) -> Result<()> {
        if self.people.devices[device].is_removed {
            return Ok(());
        }
        self.network.wake(TICK_MS, Packet::Tick { device });
        let now = self.provider.now;
        if self.people.devices[device].needs_upkeep(now.as_millis()) {
            self.keep_up(device)?;
        }
        self.post_entry(device)?;
        if !self.people.devices[device].is_busy {
            return Ok(());
        }
        let (mut after, mut is_empty) = (None, true);
        loop {
            let one = &self.people.devices[device];
            let page = one.client.outbox(after, 64, now)?;
            is_empty &= page.items.is_empty();
            let before = now.as_millis().saturating_sub(RESEND_MS);
            let is_due = |out: &Outgoing| {
                let posted = one.posted.get(&out.id);
                posted.is_none_or(|(at, _)| *at <= before)
            };
            let due: Vec<_> = page.items.into_iter().filter(is_due).collect();
            for outgoing in &due {
                self.post(device, outgoing);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.device(device).is_busy = !is_empty;
        Ok(())
    }

    /// Posts the entry that waits, if there is one.
    fn post_entry(&mut self, device: usize) -> Result<()> {
        let now = self.provider.now;
        let one = &mut self.people.devices[device];
        if now.as_millis() < one.entry_ms + RESEND_MS {
            return Ok(());
        }
        let pending = one.client.pending_entries(None, 1, now, &mut self.rng)?;
        if let Some(entry) = pending.items.into_iter().next() {
            one.entry_ms = now.as_millis();
            let entry = entry.entry;
            self.network.send(&Packet::Entry {
                from: device,
                entry,
            });
        }
        Ok(())
    }

    fn keep_up(&mut self, device: usize) -> Result<()> {
        let (now, group) = (self.provider.now, self.group());
        let one = &mut self.people.devices[device];
        let upkeep = one.client.upkeep(now, &mut self.rng)?;
        let me = one.me().clone();
        one.is_busy = true;
        let mut upkeep_ms = upkeep.again_at.map(|at| at.as_millis());
        for account in &upkeep.rosters {
            let roster = self.provider.roster_for(Some(&me.account), account);
            let _ = one.client.take_roster(account, &roster, now);
        }
        for wanted in &upkeep.bundles {
            let (account, devices) = (&wanted.account, &wanted.devices);
            let bundles = self.provider.bundles_for(Some(&me), account, devices);
            let _ = one.client.restart(account, &bundles, now, &mut self.rng);
        }
        let asked = upkeep.rosters.len() + upkeep.bundles.len() + upkeep.groups.len();
        if asked + upkeep.left_groups.len() > 0 {
            upkeep_ms = Some(now.as_millis() + TICK_MS);
        }
        for _ in &upkeep.groups {
            self.fetch_news(device)?;
        }
        for left in &upkeep.left_groups {
            if *left == group {
                self.provider.leave_group(&me.account, &group);
                self.left(device);
            }
            self.device(device).client.confirm_group_leave(left)?;
        }
        self.device(device).upkeep_ms = upkeep_ms;
        Ok(())
    }

    /// How a device stands to the group.
    pub fn standing(&self, device: usize) -> Result<Option<GroupStanding>> {
        let info = self.people.devices[device].client.group(&self.group())?;
        Ok(info.map(|info| info.standing))
    }

    /// Whether what a device wrote can not be sealed again: it was removed, or is in the group no
    /// more.
    pub fn is_gone(&self, author: usize) -> bool {
        let is_member = self.people.standing(author) == Standing::Member;
        self.people.devices[author].is_removed || !is_member
    }

    /// The time of the network, for the library.
    pub fn now(&self) -> waxseal::Timestamp {
        time(self.network.now_ms())
    }
}
