//! News: what others changed in a group.

use waxseal_interface::{ErrorCode, GroupNews as Answered, Request as Call};
use waxseal_reporting::Timestamp;
use waxseal_roster::group::{GroupId, SignedEntry};

use super::{OFF_MS, id_of};
use crate::client::{AcceptedEntry, GroupNews, GroupStanding, GroupUpdate, WholeGroup};
use crate::courier::event::GroupFailure;
use crate::courier::next::Aim;
use crate::courier::pause::is_off;
use crate::courier::{Courier, Event};
use crate::error::{GroupNewsError, StateError};
use crate::store::Store;

/// Groups that are listed at once.
const AT_ONCE: usize = 64;

impl<S: Store> Courier<S> {
    /// Asks the relay what happened in a group. [`Event::Group`] tells if anything did.
    ///
    /// The courier does so for every group at the first sign-in of the process, and when a message
    /// says that there is something new. Nobody tells a member that it was removed, or that another
    /// one came: call this when the user opens a group.
    pub fn ask_group(&mut self, group: &GroupId) {
        self.groups.want_news_now(group);
        self.groups.want_news(group);
    }

    /// Asks what happened in all groups that this account is in.
    pub(in crate::courier) fn ask_all_groups(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.client.groups(after.as_ref(), AT_ONCE)?;
            for info in page.items {
                if matches!(
                    info.standing,
                    GroupStanding::Member | GroupStanding::Suspended
                ) {
                    self.groups.want_news(&info.id);
                    self.groups.want_members(&info.id);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) fn choose_news(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let off = &self.groups.news_off;
        let mut news = self.groups.news.iter();
        let at = news.position(|group| !is_off(off, group, now, OFF_MS));
        let Some(group) = at.and_then(|at| self.groups.news.remove(at)) else {
            return Ok(None);
        };
        let after = match self.client.group_version(&group) {
            Err(StateError::Damaged(damage)) => {
                self.tell(Event::Damaged(damage));
                self.groups.put_news_off(&group, now);
                return Ok(None);
            }
            version => version?,
        };
        Ok(Some(ask(&group, after, false)))
    }

    /// Takes what happened in a group. Returns whether the relay vouches for it.
    pub(in crate::courier) fn take_news(
        &mut self,
        group: &GroupId,
        leaves: bool,
        news: Answered,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        if leaves {
            let entries = news.entries.iter();
            let entries = entries.filter_map(|one| SignedEntry::decode(&one.entry).ok());
            let version = entries.map(|entry| entry.version()).max();
            self.leave_at_version(group, version)?;
            return Ok(true);
        }
        self.learn(group, &news_of(news), now)
    }

    /// Learns what happened in a group, and tells it. Returns whether the relay vouches for it.
    pub(in crate::courier) fn learn(
        &mut self,
        group: &GroupId,
        news: &GroupNews,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        match self.client.take_group_news(group, news, now) {
            Ok(update) => {
                self.group_changed(update, now)?;
                return Ok(true);
            }
            Err(GroupNewsError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(GroupNewsError::NotAuthentic) => return Ok(false),
            Err(GroupNewsError::State(StateError::Damaged(damage))) => {
                self.tell(Event::Damaged(damage));
            }
            // Of a fork, a notice tells. The others are of no interest to anyone.
            Err(GroupNewsError::Forked | GroupNewsError::NoGroup | GroupNewsError::NotAccepted) => {
            }
            Err(error) => self.tell(Event::GroupFailed {
                group: *group,
                why: GroupFailure::News(error.to_string()),
            }),
        }
        self.groups.put_news_off(group, now);
        self.settle_unknown(now)?;
        self.tell_notices()?;
        Ok(true)
    }

    /// Tells what changed in a group, and goes on with what waited for it.
    pub(super) fn group_changed(
        &mut self,
        update: GroupUpdate,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let group = update.group;
        let is_new = !update.steps.is_empty();
        if is_new {
            self.tell(Event::Group(Box::new(update)));
            self.groups.members_off.remove(&group);
            self.outbox.release(&group.into());
            self.give_up_held(&group)?;
        }
        self.groups.want_members(&group);
        self.groups.look_again();
        self.upkeep_at = Some(now);
        self.news_came(&group.into(), is_new, now)?;
        self.tell_notices()
    }

    /// The relay refused to hand out news of a group.
    pub(in crate::courier) fn news_refused(
        &mut self,
        group: &GroupId,
        leaves: bool,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        if leaves {
            return self.leave_refused(group, code, now);
        }
        self.groups.put_news_off(group, now);
        self.settle_unknown(now)
    }
}

/// The request for what happened in a group after a version.
pub(super) fn ask(group: &GroupId, after: u64, leaves: bool) -> (Aim, Call) {
    let call = Call::Group {
        group: id_of(group),
        after,
    };
    let group = *group;
    (Aim::GroupNews { group, leaves }, call)
}

/// News as the client takes them.
pub(super) fn news_of(news: Answered) -> GroupNews {
    let entries = news.entries.into_iter();
    let entries = entries.map(|one| AcceptedEntry {
        entry: one.entry,
        accepted_at: Timestamp::from_millis(one.receipt.accepted_at_ms),
        mac: one.receipt.mac,
    });
    GroupNews {
        entries: entries.collect(),
        whole: news.whole.map(|whole| WholeGroup {
            state: whole.state,
            authority_chain: whole.authority_chain,
        }),
    }
}
