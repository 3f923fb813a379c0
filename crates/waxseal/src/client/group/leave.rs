//! Leaving a group, and members that left.
//!
//! A member says in the group that it leaves, and the provider delivers nothing more to it. An
//! admin's client then signs the entry that removes it.

use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{GroupId, GroupState};

use super::ops::Edit;
use super::{Group, GroupStanding};
use crate::client::notices::Kind;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::{EditGroupError, StateError};
use crate::records::GroupLeaverRecord;
use crate::store::{Store, Transaction};

/// How much later than the admin before it in the list an admin removes a member that left: one
/// hour. So not all of them sign the same change.
const TURN_MS: u64 = 3_600_000;

/// How long a device waits for another one of its account to say that the user accepted an
/// invitation: one hour.
const OTHERS_MS: u64 = 3_600_000;

/// What becomes of a delivery of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Uninvited {
    /// The account accepted to be in the group, or was in it.
    No,
    /// As far as this device knows, it did not. Another device may know better.
    Waits,
    /// It did not, and leaves.
    Leaves,
}

/// Once this many groups are stored, no further one is noted that this account did not accept to be
/// in. Groups that the user accepted are not affected.
const MAX_GROUPS: usize = 4_096;

/// Once this many notices wait, the user is told of no further group that this account was in
/// without having accepted it. Anyone can found groups.
const MAX_NOTICES: usize = 1_024;

impl<S: Store> Client<S> {
    /// Leaves a group without a word to its members. Nothing is sent to it or opened from it any
    /// more. To say so to the members, [send](Self::send) them `Content::GroupLeave` instead: then
    /// their devices seal nothing more for this account, and an admin's removes it.
    ///
    /// Tell the provider: [`upkeep`](Self::upkeep) lists the group until
    /// [`confirm_group_leave`](Self::confirm_group_leave).
    ///
    /// # Errors
    /// [`EditGroupError::LastAdmin`] if there are other members and none is an admin:
    /// [make one](Self::promote) first. [`EditGroupError::NotMember`] if this account is in no such
    /// group.
    pub fn leave_group(&mut self, group: &GroupId) -> Result<(), EditGroupError<S::Error>> {
        self.run(|client| {
            let known = client.take_group(group)?.ok_or(EditGroupError::NoGroup)?;
            let mut known = known;
            client.check_group_leave(&known)?;
            let mut transaction = Transaction::default();
            client.put_group_left(&mut known, u64::MAX, &mut transaction);
            client.commit(transaction).map_err(EditGroupError::from)
        })
    }

    /// Checks that this account may leave a group.
    pub(in crate::client) fn check_group_leave(
        &self,
        group: &Group,
    ) -> Result<(), EditGroupError<S::Error>> {
        let state = group.log.as_ref().map(|log| log.state());
        let state = state.ok_or(EditGroupError::NotMember)?;
        match group.standing() {
            GroupStanding::Member | GroupStanding::Suspended | GroupStanding::Forked => {}
            _ => return Err(EditGroupError::NotMember),
        }
        let me = self.me.account.as_str();
        let members = state.members().iter().map(|member| member.account());
        let mut others = members.filter(|account| *account != me);
        let is_alone = others.clone().next().is_none();
        // CHK-442: the last admin names another one before it leaves.
        if state.is_admin(me) && !is_alone && !others.any(|account| state.is_admin(account)) {
            return Err(EditGroupError::LastAdmin);
        }
        Ok(())
    }

    /// Writes that this account left a group, here or on another device. An invitation that it
    /// accepted on another device after it left, at `left_ms`, counts.
    pub(in crate::client) fn put_group_left(
        &self,
        group: &mut Group,
        left_ms: u64,
        transaction: &mut Transaction,
    ) {
        let me = self.me.account.clone();
        group.note_left(&me, 0);
        let inviters = &mut group.record.inviters;
        inviters.retain(|one| one.invited_ms > left_ms);
        let is_accepted = inviters.iter().any(|one| one.is_accepted);
        group.set_standing(match is_accepted {
            true => GroupStanding::Accepted,
            false => GroupStanding::Left,
        });
        group.record.tells_leave = true;
        group.record.uninvited_ms = 0;
        group.put(transaction);
        transaction.delete(keys::group_edit(&group.id));
        transaction.delete(keys::authority(&group.id));
    }

    /// Confirms that the provider knows that this account left a group.
    pub fn confirm_group_leave(&mut self, group: &GroupId) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let known = client.take_group(group)?;
            let Some(mut known) = known.filter(|known| known.record.tells_leave) else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            let is_nothing = known.log.is_none() && known.standing() == GroupStanding::Left;
            known.record.tells_leave = false;
            if known.record.uninvited_ms != 0 {
                // No other device said within the hour that the user accepted.
                known.record.uninvited_ms = 0;
                let me = client.me.account.clone();
                if known.note_left(&me, 0) {
                    known.set_standing(GroupStanding::Left);
                }
                client.put_uninvited(group, &mut transaction)?;
            }
            match is_nothing {
                true => transaction.delete(keys::group(group)),
                false => known.put(&mut transaction),
            }
            client.commit(transaction)
        })
    }

    /// Notes that something came of a group that this account did not accept to be in, as far as
    /// this device knows. The provider is told that the account leaves: after an hour, if another
    /// device may still say that the user accepted.
    pub(in crate::client) fn leave_uninvited(
        &self,
        id: &GroupId,
        accepted_ms: u64,
        transaction: &mut Transaction,
    ) -> Result<Uninvited, StateError<S::Error>> {
        let known = self.take_group(id)?;
        let is_known = known.is_some();
        let mut group = match known {
            None => Group::new(*id, GroupStanding::Left),
            Some(group) if group.standing() == GroupStanding::Invited => group,
            Some(_) => return Ok(Uninvited::No),
        };
        let waits = self.has_other_devices()?;
        // CHK-438: a client that is in a group which it did not accept leaves, and starts no
        // session. An invitation stays, and can be accepted later.
        // CHK-593: a stranger who founds ever more groups with this account fills no store. What
        // comes of one that is not noted now comes to nothing.
        let has_room = is_known || self.count(&keys::groups(), MAX_GROUPS)? < MAX_GROUPS;
        if !group.record.tells_leave && has_room {
            group.record.tells_leave = true;
            match waits {
                true => group.record.uninvited_ms = accepted_ms.max(1),
                false => self.put_uninvited(id, transaction)?,
            }
            group.put(transaction);
        }
        Ok(match waits && group.record.uninvited_ms != 0 {
            true => Uninvited::Waits,
            false => Uninvited::Leaves,
        })
    }

    /// Tells the user that this account was in a group without having accepted it.
    fn put_uninvited(
        &self,
        group: &GroupId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        if self.count(&keys::notices(), MAX_NOTICES)? < MAX_NOTICES {
            let of = (Kind::GroupUninvited, group);
            self.put_group_notice(transaction, of, None, (&[], &[]));
        }
        Ok(())
    }

    /// Whether the provider is to be told that this account leaves a group. Else from when on it
    /// is, if that is to come.
    pub(super) fn leaves_now(
        &self,
        group: &Group,
        now: Timestamp,
    ) -> Result<Result<bool, u64>, StateError<S::Error>> {
        let uninvited_ms = group.record.uninvited_ms;
        let age = since(uninvited_ms, now).filter(|_| uninvited_ms != 0);
        if !group.record.tells_leave {
            return Ok(Ok(false));
        }
        if age.is_some_and(|age| age < OTHERS_MS) && self.has_other_devices()? {
            return Ok(Err(uninvited_ms.saturating_add(OTHERS_MS)));
        }
        // That the account leaves, it says to the members first.
        Ok(Ok(self.first_waiting(&group.id, |_| true)?.is_none()))
    }

    /// Queues the removal of members that left, when it is this account's turn. Returns when that
    /// is, if it is to come.
    pub(super) fn note_leavers(
        &self,
        group: &Group,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let leavers = &group.record.leavers;
        let state = group.log.as_ref().map(|log| log.state());
        let Some(state) = state.filter(|_| !leavers.is_empty()) else {
            return Ok(None);
        };
        let turn = self.turn(state, group);
        let Some((turn, editing)) = turn.zip(self.take_editing(&group.id)?) else {
            return Ok(None);
        };
        let (mut edit, mut is_changed, mut later) = (editing.edit.clone(), false, None);
        let turn_ms = turn.saturating_mul(TURN_MS);
        for leaver in leavers {
            let Ok(account) = AccountId::new(&leaver.account) else {
                continue;
            };
            let age = since(leaver.left_ms, now);
            let is_due = age.is_some_and(|age| age >= turn_ms);
            let remove = Edit::Remove(account.clone(), leaver.since).to_record();
            let mut all = edit.ops.iter().chain(&edit.queued);
            if !group.has_left(&account) || all.any(|one| *one == remove) {
                continue;
            }
            if !is_due {
                let at_ms = leaver.left_ms.saturating_add(turn_ms);
                later = Some(later.map_or(at_ms, |later: u64| later.min(at_ms)));
                continue;
            }
            edit.queued.push(remove);
            is_changed = true;
        }
        if is_changed {
            transaction.put_record(keys::group_edit(&group.id), &edit);
        }
        Ok(later)
    }

    /// How many admins remove a member that left before this one does.
    fn turn(&self, state: &GroupState, group: &Group) -> Option<u64> {
        let members = state.members().iter().map(|member| member.account());
        let admins = members.filter(|account| state.is_admin(account));
        let mut staying = admins.filter(|account| {
            AccountId::new(account).is_ok_and(|account| !group.has_left(&account))
        });
        let at = staying.position(|account| account == self.me.account.as_str())?;
        u64::try_from(at).ok()
    }
}

impl Group {
    /// Notes that a member said in the group that it leaves. Returns whether it was not known.
    pub(in crate::client) fn note_left(&mut self, account: &AccountId, left_ms: u64) -> bool {
        let state = self.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(account.as_str()));
        let Some(since) = member.map(|member| member.since()) else {
            return false;
        };
        if self.has_left(account) {
            return false;
        }
        self.record.leavers.push(GroupLeaverRecord {
            account: account.as_str().to_owned(),
            since,
            left_ms,
        });
        true
    }
}
