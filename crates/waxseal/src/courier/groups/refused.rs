//! Refused: the relay does not let this account write to a group.

use waxseal_interface::ErrorCode;
use waxseal_reporting::{FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::OFF_MS;
use crate::client::GroupStanding;
use crate::conversation::Conversation;
use crate::courier::Courier;
use crate::error::StateError;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Why nothing of this account is written to a group any more. `None` if something may be, now
    /// or later.
    pub(super) fn may_not_write(
        &self,
        group: &GroupId,
    ) -> Result<Option<ErrorCode>, StateError<S::Error>> {
        let Some(info) = self.client.group(group)? else {
            return Ok(Some(ErrorCode::NoGroup));
        };
        let me = &self.client.me().account;
        let mut members = info.members.iter();
        let is_admin = members.any(|member| member.account == *me && member.is_admin);
        Ok(match info.standing {
            GroupStanding::Member if info.policy.admins_write && !is_admin => {
                Some(ErrorCode::MayNotWrite)
            }
            GroupStanding::Member
            | GroupStanding::New
            | GroupStanding::Accepted
            | GroupStanding::Suspended
            | GroupStanding::Forked => None,
            _ => Some(ErrorCode::NotMember),
        })
    }

    /// The relay does not let this account write to a group. Gives the message up if this device
    /// knows why; otherwise that is asked first.
    pub(in crate::courier) fn writing_refused(
        &mut self,
        group: &GroupId,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let to = &Conversation::from(group);
        match self.may_not_write(group) {
            Ok(Some(code)) => self.give_up(to, id, code),
            Ok(None) | Err(StateError::Damaged(_)) => {
                self.groups.want_news(group);
                self.outbox.block(to, now, OFF_MS);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Gives up what waits to be sealed for a group to which this account may not write any more.
    pub(super) fn give_up_held(&mut self, group: &GroupId) -> Result<(), StateError<S::Error>> {
        let held = self.client.held(group)?;
        if held.is_empty() {
            return Ok(());
        }
        if let Some(code) = self.may_not_write(group)? {
            for id in held {
                self.give_up(&group.into(), &id, code)?;
            }
        }
        Ok(())
    }
}
