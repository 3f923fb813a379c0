//! The devices' side: what an application does with what arrives, and with what its client asks
//! for.

use std::time::Instant;

use waxseal::core::errors::ChainOpenError;
use waxseal::errors::{GroupNewsError, ReceiveError, RetargetError, SendError};
use waxseal::reporting::Audience;
use waxseal::{
    Advice, Content, Conversation, DeviceAddress, FrankingTag, GroupMismatch, GroupStanding,
    Mismatch, NotDelivered, Outgoing, Received,
};

use crate::Result;
use crate::network::Packet;
use crate::people::Standing;
use crate::support::linking::time;
use crate::world::{Queued, RESEND_MS, TICK_MS, World};

/// How many members' rosters are asked for at once.
const ROSTERS_AT_ONCE: usize = 64;

/// How often a message comes before the keys of its chain until it is asked for.
const MAX_OVERTAKEN: u32 = 2;

impl World {
    /// Fetches rosters of members, and starts sessions with devices that have none.
    pub fn prepare(&mut self, device: usize) -> Result<()> {
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        let unknown = client.members_without_roster(&group)?;
        for names in unknown.chunks(ROSTERS_AT_ONCE) {
            let rosters = self.provider.group_rosters(&me, &group, names);
            client.take_group_rosters(&group, &rosters, now)?;
        }
        if !client.members_without_roster(&group)?.is_empty() {
            self.fetch_news(device)?; // those are no members any more
        }
        let client = &mut self.people.devices[device].client;
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
                if debug() {
                    eprintln!(
                        "RT {device} {} again {} complete {:?}",
                        id.as_bytes()[0],
                        again.envelope.len(),
                        complete.as_ref().map(|c| c.envelope.len())
                    );
                }
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
        if self.is_newest(device, id, attempt) {
            let one = self.device(device);
            one.client
                .give_up(conversation, id, NotDelivered::Refused)?;
            one.upkeep_ms = Some(0); // the next device that asked gets it
        }
        Ok(())
    }

    /// Whether an answer is to the newest try of a device that is still there.
    fn is_newest(&self, device: usize, id: &FrankingTag, attempt: u64) -> bool {
        let device = &self.people.devices[device];
        let newest = device.posted.get(id).map(|(_, attempt)| *attempt);
        !device.is_removed && newest == Some(attempt)
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
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let me = client.me().clone();
        let version = client.group(&group)?.map_or(0, |info| info.version);
        // Who was not added yet gets nothing.
        let news = self.provider.group_news(&me, &group, version);
        let news = news.unwrap_or_default();
        let taken = client.take_group_news(&group, &news, now);
        if debug() {
            eprintln!(
                "N {} dev {device} after {version} news {} {}: {taken:?} {:?}",
                now.as_millis(),
                news.entries.len(),
                news.whole.is_some(),
                client.group(&group).map(|x| x.map(|x| x.standing))
            );
        }
        match taken {
            Ok(update) if update.steps.is_empty() => return Ok(()),
            // It has not heard yet that its user accepted.
            Ok(_) | Err(GroupNewsError::NoGroup | GroupNewsError::NotAccepted) => {}
            Err(error) => self.wrong(format!("device {device} refused news: {error:?}")),
        }
        self.device(device).upkeep_ms = Some(0);
        Ok(())
    }

    pub fn deliver(&mut self, to: usize, number: u64, bytes: &[u8]) -> Result<()> {
        if self.people.devices[to].is_removed {
            return Ok(());
        }
        let queued = self.queue.get(&(to, number));
        let claim = queued.map(|queued| match queued {
            Queued::Direct(stamped) => stamped.claim().clone(),
            Queued::Group(queued) => queued.stamped.claim().clone(),
        });
        let is_to_all = matches!(queued, Some(Queued::Group(_)));
        let audience = claim.as_ref().map(|claim| &claim.context().audience);
        let is_group = matches!(audience, Some(Audience::Group(_)));
        let began = Instant::now();
        let received = self.people.devices[to].client.receive(bytes);
        let is_shown = matches!(
            received,
            Ok(Received::Message { .. } | Received::Sent { .. })
        );
        if is_to_all && is_shown {
            self.outcome.recipient.add(began.elapsed());
        }
        let now_ms = self.network.now_ms();
        if debug() {
            let tag = claim.as_ref().map(|claim| claim.tag().as_bytes()[0]);
            let author = claim
                .as_ref()
                .and_then(|claim| self.people.find(&claim.context().sender));
            let what = match &received {
                Ok(received) => kind_of(received),
                Err(error) => format!("ERR {error:?}"),
            };
            eprintln!(
                "D {now_ms} to {to} no {number} group {is_group} {tag:?} by {author:?}: {what}"
            );
        }
        match received {
            Ok(received) => self.show(to, received)?,
            Err(error) => {
                let claim = claim.as_ref();
                let author = claim.and_then(|claim| {
                    let author = self.people.find(&claim.context().sender)?;
                    Some((author, *claim.tag()))
                });
                if !self.give_back((to, is_group), author, &error)? {
                    return Ok(()); // it comes again
                }
            }
        }
        let device = self.device(to);
        device.upkeep_ms = Some(now_ms);
        device.is_busy = true;
        self.network
            .send(&Packet::Acknowledgement { from: to, number });
        Ok(())
    }

    /// What becomes of a delivery that yielded nothing. Returns whether it is acknowledged.
    fn give_back(
        &mut self,
        (to, is_group): (usize, bool),
        author: Option<(usize, FrankingTag)>,
        error: &ReceiveError<std::convert::Infallible>,
    ) -> Result<bool> {
        let is_gone = author.is_some_and(|(author, _)| match is_group {
            true => self.is_gone(author),
            false => self.people.devices[author].is_removed,
        });
        match error {
            ReceiveError::UnknownDevice { device } if !is_gone => {
                self.fetch_roster(to, device);
                Ok(false)
            }
            ReceiveError::GroupNews { .. } => {
                self.fetch_news(to)?;
                Ok(false)
            }
            _ if is_group && self.people.standing(to) != Standing::Member => Ok(true),
            // The acceptance of another device of the account is still on its way.
            ReceiveError::NotInGroup => Ok(false),
            ReceiveError::Chain(ChainOpenError::UnknownChain) if self.has_overtaken(to, author) => {
                Ok(false)
            }
            // What does not open is noted, and asked for.
            error if error.advice() == Advice::AskAgain || is_gone => {
                self.outcome.unopened += 1;
                if let Some((author, id)) = author {
                    self.unopened.insert((to, author, id));
                    self.give_up(author);
                }
                Ok(true)
            }
            error => {
                self.wrong(format!("device {to} refused a delivery: {error:?}"));
                Ok(true)
            }
        }
    }

    /// A message came before the keys of its chain. Returns whether the device lets it come again,
    /// before it asks for it.
    fn has_overtaken(&mut self, to: usize, author: Option<(usize, FrankingTag)>) -> bool {
        let Some((_, id)) = author else {
            return false;
        };
        let now_ms = self.network.now_ms();
        let device = self.device(to);
        let times = device.overtaken.entry(id).or_default();
        *times += 1;
        let waits = *times <= MAX_OVERTAKEN;
        if waits {
            device.quiet_ms = now_ms + 2 * RESEND_MS;
            device.upkeep_ms = Some(0);
        }
        waits
    }

    fn fetch_roster(&mut self, device: usize, of: &DeviceAddress) {
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let roster = self
            .provider
            .roster_for(Some(&client.me().account), &of.account);
        if client.take_roster(&of.account, &roster, now).is_err() {
            let _ = client.take_group_rosters(&group, &[roster], now);
        }
        self.device(device).upkeep_ms = Some(0);
    }

    /// What a device does with something that it received.
    fn show(&mut self, device: usize, received: Received) -> Result<()> {
        let (message, from, conversation) = match received {
            Received::Message {
                message,
                from,
                conversation,
                ..
            } => (message, Some(from), conversation),
            Received::Sent { message, to } => (message, None, to),
            _ => return Ok(()),
        };
        let one = &mut self.people.devices[device];
        match (&from, message.content()) {
            (Some(from), Content::Invitation { .. }) => {
                one.client.accept_contact(from)?;
                return self.answer(device, from);
            }
            (Some(from), Content::Acceptance { .. }) => one.client.accept_contact(from)?,
            (_, Content::Text(text)) if conversation.group().is_some() => {
                let id = *message.id();
                let Some(written) = self.written.get(&id) else {
                    self.wrong("a device showed a message that nobody wrote");
                    return Ok(());
                };
                if self.line(written).text != *text {
                    self.wrong("another text arrived");
                }
                let one = self.device(device);
                if debug() && !one.possible.contains(&id) && !one.expected.contains(&id) {
                    eprintln!("NOTFOR {device} {}", id.as_bytes()[0]);
                }
                if one.possible.remove(&id) {
                    one.expected.insert(id);
                }
                let is_denied = one.denied.contains(&id);
                if !one.shown.insert(id) {
                    self.wrong("a message was shown twice");
                }
                if is_denied && debug() {
                    eprintln!("DENIED {device} {}", id.as_bytes()[0]);
                }
                self.outcome.opened_before_joining += u64::from(is_denied);
                self.read_back(device)?;
            }
            _ => {}
        }
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
        if debug() {
            eprintln!("U {} dev {device}: {upkeep:?}", now.as_millis());
        }
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

pub fn debug() -> bool {
    std::env::var_os("GDEBUG").is_some()
}
fn kind_of(received: &Received) -> String {
    let text = format!("{received:?}");
    text.chars().take(200).collect()
}
