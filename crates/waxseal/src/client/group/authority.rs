//! The authority: the secret key that the admins of a group share.
//!
//! An admin tells the others the seed of the next key before it posts the entry that makes the key
//! count. A device of an admin that lacks the key asks the others for it.

use waxseal_reporting::AccountId;
use waxseal_reporting::sender::AuthorityRecord as ToldSeed;
use waxseal_roster::group::{AuthoritySeed, GroupId};

use super::{Group, GroupStanding};
use crate::client::receive::Batch;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, AuthorityRecord, NextSeedRecord};
use crate::store::{Cursor, Store, Transaction};

/// How many seeds for a next entry are kept, at most one of each other admin.
const MAX_NEXT: usize = 8;

/// Groups that are read at once.
const GROUPS_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Takes the seed of a group's authority that a device told. Returns whether it counts.
    pub(super) fn take_seed(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        told: &ToldSeed,
        group: Option<Group>,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(group) = group else {
            return Ok(false);
        };
        let (id, mut editing) = (group.id, self.editing_of(group)?);
        let known = editing.state().map(|state| state.version());
        let is_admin = editing
            .state()
            .is_some_and(|state| state.is_admin(from.as_str()));
        let is_own = *from == self.me.account;
        let is_inviter = known.is_none() && editing.group.has_accepted(from);
        // CHK-437: the seed comes from an admin or an own device, or from the account whose
        // invitation was accepted. It fits the state that is known, or is kept for a later one.
        if !(is_admin || is_own || is_inviter) {
            return Ok(false);
        }
        if known.is_some_and(|known| told.version <= known) {
            let fits = editing
                .state()
                .is_some_and(|state| AuthoritySeed::of_state(&told.seed, state).is_ok());
            if !fits || editing.seed().is_some() {
                return Ok(false);
            }
            editing.authority.seed = told.seed.to_vec();
        } else {
            let next = &mut editing.authority.next;
            next.retain(|one| one.from != from.as_str());
            keep_next(&mut editing.authority, from, told.seed.as_slice());
        }
        let key = keys::authority(&id);
        batch.transaction.put_record(key, &editing.authority);
        Ok(true)
    }

    /// Notes that devices were removed from an account. Where the account is an admin, one of them
    /// may have the key of the group, so the next entry makes another one.
    pub(in crate::client) fn note_devices_removed(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::authorities();
            let page = self.page(&table, after.as_ref(), GROUPS_AT_ONCE, |_, bytes| {
                let record: AuthorityRecord = records::decode(bytes)?;
                let id = GroupId::from_bytes(record.group.as_slice().try_into().ok()?);
                Some((id, record))
            })?;
            for (id, mut record) in page.items {
                let group = match self.take_group(&id) {
                    Err(StateError::Damaged(_)) => None,
                    group => group?,
                };
                let log = group.and_then(|group| group.log);
                let is_admin = log.is_some_and(|log| log.state().is_admin(account.as_str()));
                if is_admin && !record.is_stale {
                    record.is_stale = true;
                    transaction.put_record(keys::authority(&id), &record);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether this account is an admin of a group, and this device lacks the key.
    pub(super) fn lacks_key(&self, group: &Group) -> Result<bool, StateError<S::Error>> {
        let Some(log) = group.log.as_ref() else {
            return Ok(false);
        };
        let is_member = group.standing() == GroupStanding::Member;
        if !is_member || !log.state().is_admin(self.me.account.as_str()) {
            return Ok(false);
        }
        let editing = self.take_editing(&group.id)?;
        Ok(editing.is_some_and(|editing| editing.seed().is_none()))
    }
}

/// Keeps a seed for a later state.
pub(super) fn keep_next(authority: &mut AuthorityRecord, from: &AccountId, told: &[u8]) {
    let mut seed = NextSeedRecord::default();
    from.as_str().clone_into(&mut seed.from);
    seed.seed = told.to_vec();
    let next = &mut authority.next;
    next.push(seed);
    let more = next.len().saturating_sub(MAX_NEXT);
    next.drain(..more);
}

impl Group {
    /// Whether this account accepted an invitation of this one.
    pub(super) fn has_accepted(&self, from: &AccountId) -> bool {
        let mut inviters = self.record.inviters.iter();
        inviters.any(|one| one.is_accepted && one.account == from.as_str())
    }
}
