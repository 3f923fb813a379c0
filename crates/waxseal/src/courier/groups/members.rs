//! Members: the rosters that are lacking of a group's members, fetched by the group.

use waxseal_interface::{AskRosters, MAX_ROSTERS_ASKED, Request as Call};
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::SignedRoster;
use waxseal_roster::group::GroupId;

use super::{OFF_MS, id_of};
use crate::courier::next::Aim;
use crate::courier::pause::{is_off, later};
use crate::courier::{Courier, Event};
use crate::error::{GroupNewsError, StateError};
use crate::store::Store;

impl<S: Store> Courier<S> {
    pub(super) fn choose_members(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        loop {
            let off = &self.groups.members_off;
            let mut members = self.groups.members.iter();
            let at = members.position(|group| !is_off(off, group, now, OFF_MS));
            let Some(group) = at.and_then(|at| self.groups.members.remove(at)) else {
                return Ok(None);
            };
            let lacking = match self.client.members_without_roster(&group) {
                Err(StateError::Damaged(_)) => continue,
                lacking => lacking?,
            };
            let names: Vec<_> = lacking.into_iter().take(MAX_ROSTERS_ASKED).collect();
            if !names.is_empty() {
                return Ok(Some(ask(&group, names)));
            }
        }
    }

    /// Takes rosters of the members of a group that were asked for.
    pub(in crate::courier) fn take_members(
        &mut self,
        group: &GroupId,
        asked: &[AccountId],
        rosters: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let is_asked = |roster: &&Vec<u8>| {
            let roster = SignedRoster::decode(roster);
            roster.is_ok_and(|roster| asked.iter().any(|one| one.as_str() == roster.account()))
        };
        let rosters: Vec<_> = rosters.iter().filter(is_asked).cloned().collect();
        match self.client.take_group_rosters(group, &rosters, now) {
            Err(GroupNewsError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(GroupNewsError::State(StateError::Damaged(damage))) => {
                self.tell(Event::Damaged(damage));
            }
            Ok(_) | Err(_) => {}
        }
        let lacking = match self.client.members_without_roster(group) {
            Err(StateError::Damaged(_)) => asked.to_vec(),
            lacking => lacking?,
        };
        self.groups.want_members(group);
        match asked.iter().any(|name| !lacking.contains(name)) {
            true => self.outbox.release(&group.into()),
            // Whom the relay does not have is no member any more, or comes later.
            false => {
                self.members_refused(group, now);
                self.groups.want_news(group);
            }
        }
        self.upkeep_at = Some(now);
        self.tell_notices()
    }

    /// The relay refused to hand out rosters of members.
    pub(in crate::courier) fn members_refused(&mut self, group: &GroupId, now: Timestamp) {
        self.groups.members_off.insert(*group, later(now, OFF_MS));
    }

    /// Asks again for rosters of members.
    pub(in crate::courier) fn members_again(&mut self, group: &GroupId, names: Vec<AccountId>) {
        let retarget = self.groups.retarget.as_mut();
        match retarget.filter(|retarget| retarget.group == *group) {
            Some(retarget) => retarget.lacking.extend(names),
            None => self.groups.want_members(group),
        }
    }
}

/// The request for rosters of members.
pub(super) fn ask(group: &GroupId, names: Vec<AccountId>) -> (Aim, Call) {
    let asked = names.iter().map(|name| name.as_str().to_owned());
    let call = Call::GroupRosters {
        group: id_of(group),
        asked: AskRosters {
            names: asked.collect(),
        },
    };
    let group = *group;
    (Aim::GroupRosters { group, names }, call)
}
