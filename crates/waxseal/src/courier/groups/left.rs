//! Left: the relay is told that this account left a group.

use std::collections::{BTreeMap, VecDeque};

use waxseal_interface::{ErrorCode, GroupLeave, Request as Call};
use waxseal_reporting::Timestamp;
use waxseal_roster::group::GroupId;

use super::{OFF_MS, id_of, news};
use crate::client::GroupStanding;
use crate::conversation::Conversation;
use crate::courier::Courier;
use crate::courier::next::Aim;
use crate::courier::pause::{is_off, later};
use crate::error::StateError;
use crate::store::Store;

/// The groups of which the relay is to be told that this account left.
#[derive(Default)]
pub(super) struct Left {
    groups: VecDeque<GroupId>,
    /// Groups of which it is not told before a time.
    off: BTreeMap<GroupId, Timestamp>,
    /// The newest versions that the relay named. This device does not know those of a group that it
    /// never was in.
    versions: BTreeMap<GroupId, u64>,
}

impl Left {
    pub(super) fn next(&self) -> Option<Timestamp> {
        let begin = Timestamp::from_millis(0);
        let groups = self.groups.iter();
        let times = groups.map(|group| self.off.get(group).copied().unwrap_or(begin));
        times.min()
    }
}

impl<S: Store> Courier<S> {
    /// Whether this account left a group.
    pub(in crate::courier) fn has_left(
        &self,
        conversation: &Conversation,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(group) = conversation.group() else {
            return Ok(false);
        };
        match self.client.group_standing(group) {
            Err(StateError::Damaged(_)) => Ok(false),
            standing => Ok(standing? == Some(GroupStanding::Left)),
        }
    }

    /// Has the relay told that this account left a group.
    pub(in crate::courier) fn want_left(&mut self, group: &GroupId) {
        let left = &mut self.groups.left;
        if !left.groups.contains(group) {
            left.groups.push_back(*group);
        }
    }

    pub(super) fn choose_left(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let left = &mut self.groups.left;
        let mut groups = left.groups.iter();
        let at = groups.position(|group| !is_off(&left.off, group, now, OFF_MS));
        let Some(group) = at.and_then(|at| left.groups.remove(at)) else {
            return Ok(None);
        };
        let version = match left.versions.get(&group) {
            Some(version) => *version,
            None => match self.client.group_version(&group) {
                Err(StateError::Damaged(_)) => 0,
                version => version?,
            },
        };
        if version == 0 {
            return Ok(Some(news::ask(&group, 0, true)));
        }
        let id = id_of(&group);
        let call = Call::LeaveGroup {
            group: id,
            leave: GroupLeave::new(self.client.delivery_key(), &id, version),
        };
        Ok(Some((Aim::LeaveGroup(group), call)))
    }

    /// Leaves a group at the newest version that the relay names, if there is one.
    pub(super) fn leave_at_version(
        &mut self,
        group: &GroupId,
        version: Option<u64>,
    ) -> Result<(), StateError<S::Error>> {
        match version {
            Some(version) => {
                self.groups.left.versions.insert(*group, version);
                self.want_left(group);
                Ok(())
            }
            None => self.group_left(group),
        }
    }

    /// The relay knows that this account left a group.
    pub(in crate::courier) fn group_left(
        &mut self,
        group: &GroupId,
    ) -> Result<(), StateError<S::Error>> {
        self.groups.left.versions.remove(group);
        self.client.confirm_group_leave(group)
    }

    /// The relay refused to let this account leave, or to say which version a group has.
    pub(in crate::courier) fn leave_refused(
        &mut self,
        group: &GroupId,
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match code {
            // An account that is not in it need not leave it.
            ErrorCode::NotMember | ErrorCode::NoGroup => self.group_left(group),
            _ => {
                self.groups.left.off.insert(*group, later(now, OFF_MS));
                self.want_left(group);
                Ok(())
            }
        }
    }
}
