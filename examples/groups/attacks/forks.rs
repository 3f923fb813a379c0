//! Forks: someone who copied an admin's store signs another entry of the next version, and the
//! relay shows it to some members. The attacks are made on copies of clients, since a group that
//! forked is of no use any more.

use waxseal::errors::{GroupNewsError, ReceiveError};
use waxseal::roster::group::{GroupOp, Role};
use waxseal::{AccountId, Notice, Received};

use super::ghosts::GHOST;
use super::tools::Stolen;
use crate::Result;
use crate::members::Change;
use crate::people::{FOUNDER, SECOND};
use crate::support::linking::{copy_of, time};
use crate::world::World;

/// One hour.
const HOUR_MS: u64 = 3_600_000;

/// Whether a device took a message.
type Heard = Result<(), ReceiveError<std::convert::Infallible>>;

impl World {
    /// An admin changes the group. A thief of another admin's store signs another change of the
    /// same version.
    pub fn forks(&mut self) -> Result<()> {
        self.settle()?;
        let (group, now) = (self.group(), self.provider.now);
        // The admins look at the group first: the other one may have changed it.
        for admin in [FOUNDER, SECOND] {
            let device = self.people.persons[admin].devices[0];
            self.fetch_news(device)?;
            self.prepare(device)?;
        }
        let victims = self.some_devices(3)?;
        let before = self.state()?;
        // All copies are of one time, so that their sessions fit.
        let admins = [FOUNDER, SECOND].map(|admin| self.people.persons[admin].devices[0]);
        let admins = [self.steal(admins[0])?, self.steal(admins[1])?];
        let mut copies = Vec::new();
        for victim in &victims {
            // A device to which an admin's chain is still to come gets the next message later.
            let mut copy = self.steal(*victim)?;
            if !matches!(self.hear(&mut copy, &admins)?, Some(Ok(()))) {
                continue;
            }
            copies.push((
                self.steal(*victim)?,
                self.steal(*victim)?,
                self.steal(*victim)?,
            ));
        }
        // The other change brings a ghost in.
        self.provider.register(GHOST);
        let key = self.provider.account_key(&AccountId::new(GHOST)?);
        let second = self.people.persons[SECOND].account.as_str();
        let add = [GroupOp::add(GHOST, Role::Member, key)];
        let seed = self.stolen_seed()?;
        let forged = seed.sign_entry(&before, second, &add, None, now.as_millis())?;
        let forged = forged.encode();
        let admins_write = before.policy().admins_write;
        self.change(FOUNDER, Change::AdminsWrite(!admins_write))?;
        self.settle()?;
        if self.state()?.version() <= before.version() {
            self.wrong("the founder did not change the group");
        }
        let at = self.provider.now;
        for (mut shown_fork, mut shown_both, mut frozen) in copies {
            let me = shown_fork.me().clone();
            let genuine = self
                .provider
                .group_news(&me, &group, before.version())
                .ok_or("no news")?;
            // The fork first, and then the genuine entry.
            let fork = self.news_for(&me, &[&forged], at);
            shown_both.take_group_news(&group, &fork, at)?;
            let noticed = shown_both.take_group_news(&group, &genuine, at);
            let is_noticed = matches!(noticed, Err(GroupNewsError::Forked));
            self.noticed(is_noticed && has_notice(&shown_both, true)?, "both entries");
            // The fork only, until a message comes of someone who was shown the genuine entry.
            shown_fork.take_group_news(&group, &fork, at)?;
            let received = self.hear(&mut shown_fork, &admins)?;
            let is_noticed = match received {
                Some(Err(ReceiveError::GroupDiffers)) => has_notice(&shown_fork, false)?,
                // The group went on. The news that the device asks for then have the other entry.
                Some(Err(ReceiveError::GroupNews { .. })) => {
                    let taken = shown_fork.take_group_news(&group, &genuine, at);
                    matches!(taken, Err(GroupNewsError::Forked)) && has_notice(&shown_fork, true)?
                }
                _ => false,
            };
            let what = format!("a message by the other: {received:?}");
            self.noticed(is_noticed, &what);
            // Neither: the relay withholds the entry. The message names the newer state.
            let received = self.hear(&mut frozen, &admins)?;
            // It asks once an hour at most.
            let later = time(at.as_millis() + HOUR_MS);
            let upkeep = frozen.upkeep(later, &mut self.rng)?;
            let asks = upkeep.groups.iter().any(|(one, _)| *one == group);
            let is_noticed = matches!(received, Some(Err(ReceiveError::GroupNews { .. }))) && asks;
            self.noticed(is_noticed, &format!("a message by a newer: {received:?}"));
        }
        self.change(FOUNDER, Change::AdminsWrite(admins_write))
    }

    fn noticed(&mut self, is_noticed: bool, what: &str) {
        self.outcome.forks_tried += 1;
        if !is_noticed {
            self.wrong(format!("a fork went unnoticed: {what}"));
        }
        self.outcome.forks_noticed += u64::from(is_noticed);
    }

    /// A copy of an admin's device hears of the newest state, and writes to the group. The relay
    /// delivers it to a copy of a device. Returns whether that device takes it, and `None` if none
    /// of the slots opens.
    fn hear(&mut self, copy: &mut Stolen, admins: &[Stolen; 2]) -> Result<Option<Heard>> {
        let me = copy.me().clone();
        let [first, second] = admins;
        let mut admin = match first.me().account == me.account {
            true => copy_of(second)?,
            false => copy_of(first)?,
        };
        let group = self.group();
        let version = admin.group(&group)?.map_or(0, |info| info.version);
        let news = self.provider.group_news(admin.me(), &group, version);
        admin.take_group_news(&group, &news.ok_or("no news")?, self.provider.now)?;
        let sealed = self.seal_stolen(&mut admin, "Is everyone there?")?;
        let all = self.collude(admin.me(), &sealed, self.provider.now)?;
        for queued in all {
            let delivery = self.provider.deliver_group(&me, &queued);
            let mut received = copy.receive(&delivery);
            if let Err(ReceiveError::UnknownDevice { device }) = &received {
                let roster = self.provider.roster(&device.account);
                let _ = copy.take_roster(&device.account, &roster, self.provider.now);
                received = copy.receive(&delivery);
            }
            let heard = match received {
                Ok(Received::Message { .. }) => Ok(()),
                Err(error @ (ReceiveError::GroupDiffers | ReceiveError::GroupNews { .. })) => {
                    Err(error)
                }
                _ => continue, // the slot is another device's
            };
            return Ok(Some(heard));
        }
        Ok(None)
    }
}

/// Whether a client tells its user that the group forked, or else that a member goes by another.
fn has_notice(client: &Stolen, is_fork: bool) -> Result<bool> {
    let notices = client.notices(None, 200)?.items;
    Ok(notices.iter().any(|notice| match is_fork {
        true => matches!(notice, Notice::GroupForked { .. }),
        false => matches!(notice, Notice::GroupSplitView { .. }),
    }))
}
