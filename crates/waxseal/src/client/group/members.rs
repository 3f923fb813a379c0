//! Members: who was in a group when, who is suspended, and who said that it leaves.

use waxseal_reporting::AccountId;
use waxseal_roster::group::{GroupId, GroupState};

use super::Group;
use super::ops::{Edit, since_of};
use super::signing::Editing;
use crate::client::notices::Kind;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{EntryTimeRecord, FormerRecord, InvitedRecord, OpRecord, SuspendedRecord};
use crate::store::{Store, Transaction};

/// How many removed members are remembered: the newest ones.
const MAX_FORMER: usize = 256;

/// How many accepted times of entries are kept, as many as a log keeps hashes of states.
const MAX_TIMES: usize = 64;

/// How an account stood to a group at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Membership {
    /// It was a member, and still is.
    Member,
    /// It was a member. The provider accepted the entry that removed it at this time.
    Former {
        /// Milliseconds.
        removed_ms: u64,
    },
    /// It was none, as far as this device knows.
    None,
}

impl<S: Store> Client<S> {
    /// Ends invitations and additions of accounts that came or went since the state `before`.
    pub(super) fn note_came_and_went(
        &self,
        editing: &mut Editing,
        before: &GroupState,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let id = editing.group.id;
        let Some(after) = editing.state().cloned() else {
            return Ok(());
        };
        let named = before.members().iter().chain(after.members());
        for account in named.filter_map(|member| AccountId::new(member.account()).ok()) {
            let (was, is) = (since_of(before, &account), since_of(&after, &account));
            if was == is {
                continue;
            }
            // CHK-444: an invitation from before ends. One under another key still counts if only
            // the member that it replaces was removed.
            let key = keys::invited(&id, &account);
            let invited: Option<InvitedRecord> = self.readable(&key)?;
            match invited {
                Some(mut invited) if is == 0 && invited.since == was => {
                    invited.since = 0;
                    transaction.put_record(key, &invited);
                }
                Some(_) => transaction.delete(key),
                None => {}
            }
            let edit = &mut editing.edit;
            let count = edit.queued.len().saturating_add(edit.ops.len());
            edit.queued.retain(|one| !adds(one, &account));
            edit.ops.retain(|one| !adds(one, &account));
            let is_lost = edit.queued.len().saturating_add(edit.ops.len()) < count;
            if is == 0 && is_lost {
                let of = (Kind::GroupChangeLost, &id);
                self.put_group_notice(transaction, of, None, (&[], &[]));
            }
        }
        Ok(())
    }

    /// Whether an account is a member of a group, or was.
    pub(in crate::client) fn is_or_was_member(
        &self,
        group: &GroupId,
        account: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        let group = match self.take_group(group) {
            Err(StateError::Damaged(_)) => None,
            group => group?,
        };
        Ok(group.is_some_and(|group| {
            let state = group.log.as_ref().map(|log| log.state());
            let mut former = group.record.former.iter();
            state.is_some_and(|state| state.is_member(account.as_str()))
                || former.any(|one| one.account == account.as_str())
        }))
    }
}

impl Group {
    /// How an account stood to the group at a version up to the newest known one.
    pub(in crate::client) fn membership(&self, account: &AccountId, version: u64) -> Membership {
        let account = account.as_str();
        let state = self.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(account));
        if member.is_some_and(|member| member.since() <= version) {
            return Membership::Member;
        }
        let mut former = self.record.former.iter().rev();
        let former = former
            .find(|one| one.account == account && one.since <= version && version < one.until);
        former.map_or(Membership::None, |one| Membership::Former {
            removed_ms: one.removed_ms,
        })
    }

    /// When the provider accepted the entry that last removed an account, in milliseconds. 0 if
    /// none is known.
    pub(super) fn removed_ms(&self, account: &AccountId) -> u64 {
        let mut former = self.record.former.iter().rev();
        let last = former.find(|one| one.account == account.as_str());
        last.map_or(0, |one| one.removed_ms)
    }

    /// Whether a member's roster is under another account key than the state names.
    pub(in crate::client) fn is_suspended(&self, account: &AccountId) -> bool {
        let mut suspended = self.record.suspended.iter();
        suspended.any(|one| one.account == account.as_str())
    }

    /// Whether a member is suspended because its roster is under this account key.
    pub(super) fn is_suspended_by(&self, account: &AccountId, key: &[u8; 32]) -> bool {
        let mut suspended = self.record.suspended.iter();
        suspended.any(|one| one.account == account.as_str() && one.account_key == key)
    }

    /// Whether a member said that it leaves, and was not removed and added again since.
    pub(in crate::client) fn has_left(&self, account: &AccountId) -> bool {
        let state = self.log.as_ref().map(|log| log.state());
        let since = state.and_then(|state| state.member(account.as_str()));
        let since = since.map(|member| member.since());
        let mut leavers = self.record.leavers.iter();
        leavers.any(|one| one.account == account.as_str() && Some(one.since) == since)
    }

    /// Notes that a member's roster is under this account key. Returns whether the member is
    /// suspended because of it, and was not before.
    pub(super) fn note_account_key(&mut self, account: &AccountId, key: &[u8; 32]) -> bool {
        let state = self.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(account.as_str()));
        let is_other = member.is_some_and(|member| member.account_key().to_bytes() != *key);
        let was_suspended = self.is_suspended(account);
        let suspended = &mut self.record.suspended;
        suspended.retain(|one| one.account != account.as_str());
        if is_other {
            suspended.push(SuspendedRecord {
                account: account.as_str().to_owned(),
                account_key: key.to_vec(),
            });
        }
        is_other && !was_suspended
    }

    /// Notes what a newer state changed.
    pub(super) fn note_state(&mut self, before: Option<&GroupState>, accepted_ms: u64) {
        let Some(state) = self.log.as_ref().map(|log| log.state().clone()) else {
            return;
        };
        let record = &mut self.record;
        record.times.push(EntryTimeRecord {
            version: state.version(),
            accepted_ms,
        });
        keep_last(&mut record.times, MAX_TIMES);
        for gone in before.into_iter().flat_map(GroupState::members) {
            let member = state.member(gone.account());
            if member.is_some_and(|member| member.since() == gone.since()) {
                continue;
            }
            record.former.push(FormerRecord {
                account: gone.account().to_owned(),
                since: gone.since(),
                until: state.version(),
                removed_ms: accepted_ms,
            });
        }
        keep_last(&mut record.former, MAX_FORMER);
        let since = |account: &str| state.member(account).map(|member| member.since());
        record
            .leavers
            .retain(|one| since(&one.account) == Some(one.since));
        record.suspended.retain(|one| {
            let member = state.member(&one.account);
            member
                .is_some_and(|member| member.account_key().to_bytes().as_slice() != one.account_key)
        });
    }
}

fn keep_last<T>(list: &mut Vec<T>, count: usize) {
    let more = list.len().saturating_sub(count);
    list.drain(..more);
}

fn adds(op: &OpRecord, account: &AccountId) -> bool {
    matches!(Edit::of(op), Some(Edit::Add(of, ..)) if of == *account)
}
