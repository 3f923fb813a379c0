//! Signing: what this device wants to change in a group, as an entry.

use std::sync::Arc;

use rand_core::CryptoRng;
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{AuthoritySeed, GroupId, GroupLog, GroupState, SignedEntry};
use zeroize::Zeroize as _;

use super::authority::keep_next;
use super::ops::{Edit, Sense};
use super::{Group, GroupStanding};
use crate::client::notices::Kind;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{AuthorityRecord, EditRecord, OpRecord};
use crate::store::{Store, Transaction};

/// How old a signed entry may be that is posted again. A provider refuses one that was signed more
/// than a day ago by its own clock, so an older one is signed again.
const MAX_ENTRY_AGE_MS: u64 = 12 * 3_600_000;

/// Maximum number of changes that one entry makes. Each takes two operations at most.
const MAX_EDITS: usize = 32;

/// What this device wants to change in a group, with the group and its key.
pub(super) struct Editing {
    pub(super) group: Group,
    pub(super) authority: AuthorityRecord,
    pub(super) edit: EditRecord,
}

impl Editing {
    pub(super) fn put(&mut self, transaction: &mut Transaction) {
        let id = self.group.id;
        self.group.put(transaction);
        transaction.put_record(keys::authority(&id), &self.authority);
        match self.edit.entry.is_empty() && self.edit.queued.is_empty() {
            true => transaction.delete(keys::group_edit(&id)),
            false => transaction.put_record(keys::group_edit(&id), &self.edit),
        }
    }

    pub(super) fn state(&self) -> Option<&GroupState> {
        self.group.log.as_ref().map(|log| log.state())
    }

    /// The seed of the present authority, if this device has it.
    pub(super) fn seed(&self) -> Option<AuthoritySeed> {
        let bytes = self.authority.seed.as_slice().try_into().ok()?;
        AuthoritySeed::of_state(bytes, self.state()?).ok()
    }

    /// The entry that waits for the provider.
    pub(super) fn pending(&self) -> Option<SignedEntry> {
        SignedEntry::decode(&self.edit.entry).ok()
    }

    /// Forgets the entry that waits. What it was to change comes before what is queued.
    pub(super) fn discard(&mut self) {
        let queued = std::mem::take(&mut self.edit.queued);
        self.edit.queued = std::mem::take(&mut self.edit.ops);
        self.edit.queued.extend(queued);
        self.clear_entry();
    }

    /// Forgets the entry that waits, because it is too old to be posted. The provider may have
    /// taken it before: then its seed counts.
    fn discard_old(&mut self, me: &AccountId) {
        if !self.edit.next_seed.is_empty() {
            keep_next(&mut self.authority, me, &self.edit.next_seed);
        }
        self.discard();
    }

    /// Forgets the entry that waits, with what it was to change.
    pub(super) fn clear_entry(&mut self) {
        self.edit.entry.clear();
        self.edit.ops.clear();
        // The seed of an entry that the provider did not take is of no use to anyone.
        self.edit.next_seed.zeroize();
        self.edit.untold.clear();
        self.edit.telling.clear();
        self.edit.signed_ms = 0;
    }
}

impl<S: Store> Client<S> {
    /// Reads a group with what this device wants to change in it.
    pub(super) fn take_editing(
        &self,
        id: &GroupId,
    ) -> Result<Option<Editing>, StateError<S::Error>> {
        let group = self.take_group(id)?;
        group.map(|group| self.editing_of(group)).transpose()
    }

    /// What this device wants to change in a group that was read.
    pub(super) fn editing_of(&self, group: Group) -> Result<Editing, StateError<S::Error>> {
        let id = &group.id;
        let authority: Option<AuthorityRecord> = self.readable(&keys::authority(id))?;
        let mut authority = authority.unwrap_or_default();
        authority.group = id.to_bytes().to_vec();
        let edit: Option<EditRecord> = self.readable(&keys::group_edit(id))?;
        let mut edit = edit.unwrap_or_default();
        edit.group = id.to_bytes().to_vec();
        Ok(Editing {
            group,
            authority,
            edit,
        })
    }

    /// Signs what is queued, if no entry waits; signs again an entry that is too old to be posted.
    /// Writes something if anything changed; the caller writes the rest.
    pub(super) fn sign_next(
        &self,
        editing: &mut Editing,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        transaction: &mut Transaction,
    ) {
        let is_new = editing.group.standing() == GroupStanding::New;
        let age = since(editing.edit.signed_ms, now);
        if !editing.edit.entry.is_empty() {
            if age.is_some_and(|age| age < MAX_ENTRY_AGE_MS) {
                return;
            }
            if is_new {
                return self.found_again(editing, now, transaction);
            }
            editing.discard_old(&self.me.account);
        }
        let Some(state) = editing.state().cloned() else {
            return;
        };
        let queued = std::mem::take(&mut editing.edit.queued);
        if queued.is_empty() {
            return;
        }
        let may_sign = state.is_admin(self.me.account.as_str());
        let seed = editing.seed();
        let (mut batch, mut later, mut lost): (Vec<(OpRecord, Edit)>, _, _) =
            (Vec::new(), Vec::new(), Vec::new());
        for record in queued {
            let Some(edit) = Edit::of(&record) else {
                continue;
            };
            let named = batch
                .iter()
                .any(|(_, other)| other.account() == edit.account());
            match edit.sense(&state) {
                Sense::Done => {}
                Sense::Lost => lost.push(edit),
                Sense::Makes(_) if !may_sign => lost.push(edit),
                Sense::Makes(_) if named || batch.len() >= MAX_EDITS => later.push(record),
                Sense::Makes(_) => batch.push((record, edit)),
            }
        }
        editing.edit.queued = later;
        match (seed, batch.is_empty()) {
            (_, true) => {}
            // The other admins are asked for the key.
            (None, false) => {
                let queued = std::mem::take(&mut editing.edit.queued);
                let batch = batch.into_iter().map(|(record, _)| record);
                editing.edit.queued = batch.chain(queued).collect();
            }
            (Some(seed), false) => {
                while !batch.is_empty() {
                    if self.sign_batch(editing, &state, &seed, &batch, now, rng) {
                        break;
                    }
                    // Some of them do not fit together: the first one is tried alone.
                    let rest = match batch.len() {
                        1 => {
                            lost.extend(batch.pop().map(|(_, edit)| edit));
                            continue;
                        }
                        _ => batch.split_off(1),
                    };
                    let rest = rest.into_iter().map(|(record, _)| record);
                    let queued = std::mem::take(&mut editing.edit.queued);
                    editing.edit.queued = rest.chain(queued).collect();
                }
            }
        }
        if !lost.is_empty() {
            let kind = Kind::GroupChangeLost;
            let of = (kind, &editing.group.id);
            self.put_group_notice(transaction, of, None, (&[], &[]));
        }
        editing.put(transaction);
    }

    /// Signs the first entry of a group again, which is too old to be posted.
    fn found_again(&self, editing: &mut Editing, now: Timestamp, transaction: &mut Transaction) {
        let ops = editing.pending().map(|entry| entry.ops().to_vec());
        let Some((seed, ops)) = editing.seed().zip(ops) else {
            return;
        };
        let me = self.me.account.as_str();
        let Ok(entry) = seed.create_group(me, &ops, now.as_millis()) else {
            return;
        };
        let Ok(log) = GroupLog::first(&entry, &editing.group.id) else {
            return;
        };
        editing.group.log = Some(Arc::new(log));
        editing.edit.entry = entry.encode();
        editing.edit.signed_ms = now.as_millis();
        editing.put(transaction);
    }

    /// Signs an entry that makes these changes. Returns whether it could.
    fn sign_batch(
        &self,
        editing: &mut Editing,
        state: &GroupState,
        seed: &AuthoritySeed,
        batch: &[(OpRecord, Edit)],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> bool {
        let edits = batch.iter().map(|(_, edit)| edit);
        let ops = edits.clone().filter_map(|edit| match edit.sense(state) {
            Sense::Makes(ops) => Some(ops),
            _ => None,
        });
        let ops: Vec<_> = ops.flatten().collect();
        let ends_admin = edits.clone().any(|edit| edit.ends_admin(state));
        let next = match ends_admin || editing.authority.is_stale {
            true => Some(AuthoritySeed::generate(rng)),
            false => None,
        };
        let me = self.me.account.as_str();
        let public = next.as_ref().map(AuthoritySeed::public);
        let Ok(entry) = seed.sign_entry(state, me, &ops, public.as_ref(), now.as_millis()) else {
            return false;
        };
        editing.edit.entry = entry.encode();
        editing.edit.ops = batch.iter().map(|(record, _)| record.clone()).collect();
        editing.edit.signed_ms = now.as_millis();
        editing.edit.telling.clear();
        editing.edit.untold.clear();
        if let (Some(next), Ok(state)) = (next, state.apply(&entry)) {
            editing.edit.next_seed = next.to_bytes().to_vec();
            editing.edit.untold = self.other_admins(&state);
        }
        true
    }

    /// The admins of a state, without this account if it has no other device.
    fn other_admins(&self, state: &GroupState) -> Vec<String> {
        let has_others = self.has_other_devices().unwrap_or(false);
        let members = state.members().iter().map(|member| member.account());
        let admins = members.filter(|account| state.is_admin(account));
        let me = self.me.account.as_str();
        let others = admins.filter(|account| *account != me || has_others);
        others.map(str::to_owned).collect()
    }
}
