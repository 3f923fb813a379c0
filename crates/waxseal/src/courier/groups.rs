//! Groups: what the application does with them, and what is still to be asked about them.
//!
//! `entries` posts what this device changes, `news` fetches what others changed, `members` the
//! rosters of members, `mismatch` seals a message for another state or other devices, `refused`
//! gives up what the relay does not let this account write, and `left` tells the relay that this
//! account left.

mod entries;
mod left;
mod members;
mod mismatch;
mod news;
mod refused;

use std::collections::{BTreeMap, VecDeque};

use rand_core::CryptoRng;
use waxseal_interface::Request as Call;
use waxseal_reporting::message::Content;
use waxseal_reporting::{AccountId, ConversationId, FrankingTag, Timestamp};
use waxseal_roster::group::{GroupId, GroupPolicy};

use self::entries::Entries;
use self::left::Left;
use self::mismatch::Retarget;
use super::Courier;
use super::next::Aim;
use super::pause::{is_off, later};
use crate::client::{Draft, Recreated};
use crate::error::{EditGroupError, InviteError, SendError, StateError};
use crate::store::Store;

/// How long after a failure something about a group is asked again: an hour.
const OFF_MS: u64 = 3_600_000;

/// What is to be asked about groups.
#[derive(Default)]
pub(super) struct Groups {
    /// Groups of which there may be news.
    news: VecDeque<GroupId>,
    /// Groups of which no news are asked for before a time.
    news_off: BTreeMap<GroupId, Timestamp>,
    /// Groups with members of which rosters are needed.
    members: VecDeque<GroupId>,
    /// Groups of which no rosters are asked for before a time.
    members_off: BTreeMap<GroupId, Timestamp>,
    entries: Entries,
    left: Left,
    retarget: Option<Retarget>,
}

impl Groups {
    /// Has the news of a group fetched, if they are not put off.
    pub(super) fn want_news(&mut self, group: &GroupId) {
        if !self.news.contains(group) {
            self.news.push_back(*group);
        }
    }

    /// Has the news of a group fetched, although they were put off.
    pub(super) fn want_news_now(&mut self, group: &GroupId) {
        self.news_off.remove(group);
    }

    fn put_news_off(&mut self, group: &GroupId, now: Timestamp) {
        self.news_off.insert(*group, later(now, OFF_MS));
    }

    /// Whether news of a group are asked for now.
    pub(super) fn is_asking(&self, group: &GroupId, now: Timestamp) -> bool {
        self.news.contains(group) && !is_off(&self.news_off, group, now, OFF_MS)
    }

    /// Has the rosters fetched that are lacking of a group's members, if they are not put off.
    pub(super) fn want_members(&mut self, group: &GroupId) {
        if !self.members.contains(group) {
            self.members.push_back(*group);
        }
    }

    /// Has rosters fetched again, although they were put off: another account key counts now.
    pub(super) fn want_members_now(&mut self) {
        self.members_off.clear();
    }

    /// Looks again at what this device changes in groups.
    pub(super) fn look_again(&mut self) {
        self.entries.look_again();
    }

    /// When something can next be asked.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let begin = Timestamp::from_millis(0);
        let at = |off: &BTreeMap<GroupId, Timestamp>, group: &GroupId| {
            off.get(group).copied().unwrap_or(begin)
        };
        let news = self.news.iter().map(|group| at(&self.news_off, group));
        let members = self.members.iter();
        let members = members.map(|group| at(&self.members_off, group));
        let times = [
            self.retarget.as_ref().map(|_| begin),
            self.entries.next(),
            self.left.next(),
        ];
        let times = times.into_iter().flatten();
        times.chain(news).chain(members).min()
    }
}

impl<S: Store> Courier<S> {
    /// Founds a group, of which this account is the only member and an admin. The relay gets it
    /// with [`next`](Self::next); [`Event::Group`](super::Event::Group) tells, and then accounts
    /// can be [invited](Self::invite).
    ///
    /// # Errors
    /// As for [`Client::create_titled_group`](crate::Client::create_titled_group).
    pub fn create_group(
        &mut self,
        title: &str,
        policy: GroupPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<GroupId, EditGroupError<S::Error>> {
        let now = self.relay_time(now);
        let (group, _) = self.client.create_titled_group(title, policy, now, rng)?;
        self.groups.look_again();
        Ok(group)
    }

    /// Invites an account to a group. It is added once it accepted, under the account key that is
    /// pinned here: [`Event::Group`](super::Event::Group) tells. Returns the invitation's
    /// identifier; it is a direct message, and waits for a session like any other.
    ///
    /// # Errors
    /// As for [`Client::invite`](crate::Client::invite).
    pub fn invite(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, InviteError<S::Error>> {
        if self.is_compared {
            match self.client.invite(group, account, now, rng) {
                Err(InviteError::Send(error)) if self.can_wait(&account.into(), &error, now) => {}
                sent => return self.sent(sent.map(|sent| sent.id)),
            }
        }
        let is_unsure = self.is_unsure(now);
        let held = self
            .client
            .hold_invitation(group, account, is_unsure, now, rng);
        self.sent(held)
    }

    /// Accepts an invitation to a group, which `from` sent. The account is a member as soon as an
    /// admin added it: [`Event::Group`](super::Event::Group) tells. Returns the acceptance's
    /// identifier; it is a direct message.
    ///
    /// # Errors
    /// As for [`Client::accept_invitation`](crate::Client::accept_invitation).
    pub fn accept_invitation(
        &mut self,
        from: &AccountId,
        group: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, InviteError<S::Error>> {
        if self.is_compared {
            match self.client.accept_invitation(from, group, now, rng) {
                Err(InviteError::Send(error)) if self.can_wait(&from.into(), &error, now) => {}
                sent => return self.sent(sent.map(|sent| sent.id)),
            }
        }
        let is_unsure = self.is_unsure(now);
        let held = self
            .client
            .hold_acceptance(from, group, is_unsure, now, rng);
        self.sent(held)
    }

    /// Declines all invitations to a group. Nobody is told.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn decline_invitation(&mut self, group: &GroupId) -> Result<(), StateError<S::Error>> {
        self.look_again();
        self.client.decline_invitation(group)
    }

    /// Makes a member an admin. Like the other calls that change a group, it is carried out once
    /// the relay has it: [`Event::Group`](super::Event::Group) tells. If another admin is faster,
    /// the same change is made again on top of theirs.
    ///
    /// # Errors
    /// As for [`Client::promote`](crate::Client::promote).
    pub fn promote(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EditGroupError<S::Error>> {
        let now = self.changes_group(now);
        self.client.promote(group, account, now, rng).map(|_| ())
    }

    /// Makes an admin a member.
    ///
    /// # Errors
    /// As for [`Client::demote`](crate::Client::demote).
    pub fn demote(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EditGroupError<S::Error>> {
        let now = self.changes_group(now);
        self.client.demote(group, account, now, rng).map(|_| ())
    }

    /// Removes a member from a group.
    ///
    /// # Errors
    /// As for [`Client::remove_member`](crate::Client::remove_member).
    pub fn remove_member(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EditGroupError<S::Error>> {
        let now = self.changes_group(now);
        let removed = self.client.remove_member(group, account, now, rng);
        removed.map(|_| ())
    }

    /// Says who may write to a group.
    ///
    /// # Errors
    /// As for [`Client::set_group_policy`](crate::Client::set_group_policy).
    pub fn set_group_policy(
        &mut self,
        group: &GroupId,
        policy: GroupPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EditGroupError<S::Error>> {
        let now = self.changes_group(now);
        let set = self.client.set_group_policy(group, policy, now, rng);
        set.map(|_| ())
    }

    /// Gives a group another title and picture, by a message to it.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn set_group_profile(
        &mut self,
        group: &GroupId,
        title: &str,
        picture: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        let content = Content::GroupProfile {
            title: title.to_owned(),
            picture: picture.to_vec(),
        };
        self.send(group, content, now, rng)
    }

    /// Leaves a group: says so in it, if this account may write there, and tells the relay. An
    /// admin's device removes the account.
    ///
    /// # Errors
    /// [`EditGroupError::LastAdmin`] if there are other members and none of them is an admin,
    /// [`EditGroupError::NotMember`].
    pub fn leave_group(
        &mut self,
        group: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EditGroupError<S::Error>> {
        let unknown = self.client.members_without_roster(group)?;
        let info = self.client.group(group)?;
        let mut members = info.iter().flat_map(|info| &info.members);
        if members.any(|member| member.is_suspended && unknown.contains(&member.account)) {
            // It would wait until the user accepts another account key, which may never happen.
            self.look_again();
            return self.client.leave_group(group);
        }
        match self.send(group, Draft::new(Content::GroupLeave), now, rng) {
            Ok(_) => Ok(()),
            Err(SendError::State(error)) => Err(error.into()),
            Err(SendError::LastAdmin) => Err(EditGroupError::LastAdmin),
            Err(SendError::NoGroup) => Err(EditGroupError::NoGroup),
            // Nobody hears it.
            Err(_) => {
                self.look_again();
                self.client.leave_group(group)
            }
        }
    }

    /// Founds another group with the title and the policy of one that forked. Tell the user to
    /// [invite](Self::invite) the members that it returns, once the relay has the group.
    ///
    /// # Errors
    /// As for [`Client::recreate_group`](crate::Client::recreate_group).
    pub fn recreate_group(
        &mut self,
        group: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Recreated, EditGroupError<S::Error>> {
        let now = self.changes_group(now);
        self.client.recreate_group(group, now, rng)
    }

    /// Looks again at what this device changes, after a call that changes a group. Entries have the
    /// relay's time.
    fn changes_group(&mut self, now: Timestamp) -> Timestamp {
        self.groups.look_again();
        self.upkeep_at = Some(now); // other admins may have to be told first
        self.relay_time(now)
    }

    /// Chooses what is asked about groups.
    pub(super) fn choose_group(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if let Some(chosen) = self.choose_retarget(now, rng)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_news(now)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_members(now)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_entry(now, rng)? {
            return Ok(Some(chosen));
        }
        self.choose_left(now)
    }
}

/// The id of a group as the interface has it.
fn id_of(group: &GroupId) -> ConversationId {
    ConversationId::from_bytes(group.to_bytes())
}
