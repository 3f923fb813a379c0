//! Entries: this device signs what it wants to change in a group, posts it, and takes the
//! provider's receipt.
//!
//! One entry of a group waits at a time. It is stored before it leaves, and posted always with the
//! same bytes. If the provider took another entry of its version, the entry is discarded, and the
//! same changes are made again on top of that.

use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{
    AuthoritySeed, GroupError, GroupId, GroupLog, GroupState, SignedEntry,
};

use super::ops::{Edit, Sense};
use super::taking::Took;
use super::{Group, GroupStanding, GroupUpdate};
use crate::client::notices::Kind;
use crate::client::page::Page;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::{EditGroupError, GroupNewsError, StateError};
use crate::labels;
use crate::records::{self, AuthorityRecord, EditRecord, OpRecord};
use crate::store::{Cursor, Store, Transaction};

/// How old a signed entry may be that is posted again. A provider refuses one that was signed more
/// than a day ago by its own clock, so an older one is signed again.
const MAX_ENTRY_AGE_MS: u64 = 12 * 3_600_000;

/// How long an entry waits until the other admins are told the next key: ten minutes. Those that
/// could not be told ask for it.
const TELL_MS: u64 = 10 * 60_000;

/// Maximum number of changes that one entry makes. Each takes two operations at most.
const MAX_EDITS: usize = 32;

/// An entry of a group on its way to the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingEntry {
    /// The group.
    pub group: GroupId,
    /// The signed entry.
    pub entry: Vec<u8>,
}

impl std::fmt::Debug for OutgoingEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingEntry")
            .field("len", &self.entry.len())
            .finish_non_exhaustive()
    }
}

/// An entry of a group, with the provider's word on when it accepted the entry.
///
/// ```text
/// mac = HMAC-SHA-256(K_delivery, "waxseal/1/relay/entry-receipt" || group 32
///           || SHA-256(signed entry) || accepted at be64)
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AcceptedEntry {
    /// The signed entry.
    pub entry: Vec<u8>,
    /// When the provider accepted it.
    pub accepted_at: Timestamp,
    /// The MAC under this device's delivery key.
    pub mac: [u8; 32],
}

impl AcceptedEntry {
    /// The provider's step: says to a device when it accepted an entry of a group.
    pub fn new(key: &DeliveryKey, group: &GroupId, entry: Vec<u8>, accepted_at: Timestamp) -> Self {
        let mac = entry_mac(key, group, &entry, accepted_at).finalize();
        Self {
            entry,
            accepted_at,
            mac: mac.into_bytes().into(),
        }
    }

    /// Reads the entry, if the provider vouches for it.
    pub(super) fn authenticate<E: std::error::Error>(
        &self,
        key: &DeliveryKey,
        group: &GroupId,
    ) -> Result<SignedEntry, GroupNewsError<E>> {
        // CHK-430: the provider says under the delivery key when it accepted the entry.
        let mac = entry_mac(key, group, &self.entry, self.accepted_at);
        if mac.verify_slice(&self.mac).is_err() {
            return Err(GroupNewsError::NotAuthentic);
        }
        Ok(SignedEntry::decode(&self.entry)?)
    }
}

impl std::fmt::Debug for AcceptedEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptedEntry")
            .field("accepted_at", &self.accepted_at)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn entry_mac(key: &DeliveryKey, group: &GroupId, entry: &[u8], at: Timestamp) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(&*key.to_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(labels::ENTRY_RECEIPT);
    mac.update(&group.to_bytes());
    mac.update(&Sha256::digest(entry));
    mac.update(&at.as_millis().to_be_bytes());
    mac
}

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

    /// Forgets the entry that waits, with what it was to change.
    pub(super) fn clear_entry(&mut self) {
        use zeroize::Zeroize as _;
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

    /// Lists up to `limit` entries that wait for the provider, after `after`. Signs the changes
    /// that were queued. Call it after [`upkeep`](Self::upkeep), and post each entry.
    ///
    /// If the provider takes it, call [`confirm_entry`](Self::confirm_entry) with its receipt. If
    /// it has another entry meanwhile, call [`take_group_news`](Self::take_group_news) with what it
    /// answers, and then this again. An entry that makes another key for the admins is listed only
    /// after they were told the key: [`upkeep`](Self::upkeep) does so.
    pub fn pending_entries(
        &mut self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Page<OutgoingEntry>, StateError<S::Error>> {
        let page = self.look(|client| {
            client.page(&keys::group_edits(), after, limit, |_, bytes| {
                let edit: EditRecord = records::decode(bytes)?;
                Some(GroupId::from_bytes(edit.group.as_slice().try_into().ok()?))
            })
        })?;
        let mut items = Vec::new();
        for id in &page.items {
            let signed = self.run(|client| {
                let Some(mut editing) = client.take_editing(id)? else {
                    return Ok::<_, StateError<S::Error>>(None);
                };
                let mut transaction = Transaction::default();
                client.sign_next(&mut editing, now, rng, &mut transaction);
                if !transaction.changes().is_empty() {
                    editing.put(&mut transaction);
                    client.commit(transaction)?;
                }
                client.postable(&editing, now)
            });
            match signed {
                Err(StateError::Damaged(_)) => {}
                signed => items.extend(signed?),
            }
        }
        Ok(Page {
            items,
            damaged: page.damaged,
            next: page.next,
        })
    }

    /// Queues a change, and signs it if no other entry waits. Returns the entry if it may be posted
    /// now.
    pub(super) fn edit_group(
        &mut self,
        id: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        edit: impl Fn(&Self, &GroupState) -> Result<Edit, EditGroupError<S::Error>>,
    ) -> Result<Option<OutgoingEntry>, EditGroupError<S::Error>> {
        self.run(|client| {
            let editing = client.take_editing(id)?.ok_or(EditGroupError::NoGroup)?;
            let mut editing = client.check_admin(editing)?;
            let state = editing.state().ok_or(EditGroupError::NoGroup)?;
            let edit = edit(client, state)?;
            match edit.sense(state) {
                Sense::Makes(ops) => {
                    // What cannot be signed alone is refused at once.
                    let me = client.me.account.as_str();
                    let next = AuthoritySeed::generate(rng).public();
                    let next = edit.ends_admin(state).then_some(&next);
                    let seed = editing.seed().ok_or(EditGroupError::NoKey)?;
                    match seed.sign_entry(state, me, &ops, next, now.as_millis()) {
                        Ok(_) => {}
                        // CHK-442: an admin remains.
                        Err(GroupError::NoAdmin) => return Err(EditGroupError::LastAdmin),
                        Err(error) => return Err(error.into()),
                    }
                }
                Sense::Done => return Err(EditGroupError::NoChange),
                Sense::Lost => return Err(EditGroupError::NoMember),
            }
            editing.edit.queued.push(edit.to_record());
            let mut transaction = Transaction::default();
            client.sign_next(&mut editing, now, rng, &mut transaction);
            editing.put(&mut transaction);
            client.commit(transaction)?;
            Ok(client.postable(&editing, now)?)
        })
    }

    /// Checks that this account may change the group, and that this device has the key.
    pub(super) fn check_admin(
        &self,
        editing: Editing,
    ) -> Result<Editing, EditGroupError<S::Error>> {
        match editing.group.standing() {
            GroupStanding::Member | GroupStanding::New => {}
            GroupStanding::Forked => return Err(EditGroupError::Forked),
            _ => return Err(EditGroupError::NotMember),
        }
        let state = editing.state().ok_or(EditGroupError::NoGroup)?;
        // CHK-431: only an admin changes the group.
        if !state.is_admin(self.me.account.as_str()) {
            return Err(EditGroupError::NotAdmin);
        }
        match editing.seed() {
            Some(_) => Ok(editing),
            None => Err(EditGroupError::NoKey),
        }
    }

    /// The entry that waits, if it may be posted now.
    fn postable(
        &self,
        editing: &Editing,
        now: Timestamp,
    ) -> Result<Option<OutgoingEntry>, StateError<S::Error>> {
        let edit = &editing.edit;
        if edit.entry.is_empty() {
            return Ok(None);
        }
        // CHK-440: the other admins are told a new key before the entry is posted that makes it
        // count. Who cannot be told holds up nothing for longer than ten minutes.
        let is_old = since(edit.signed_ms, now).is_none_or(|age| age >= TELL_MS);
        let mut is_told = edit.untold.is_empty();
        for number in &edit.telling {
            is_told = is_told && self.get(&keys::envelope(*number))?.is_none();
        }
        Ok((is_told || is_old).then(|| OutgoingEntry {
            group: editing.group.id,
            entry: edit.entry.clone(),
        }))
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
            editing.discard();
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
        editing.group.log = Some(log);
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

    /// Takes the provider's receipt for an entry that this device posted. From now on this device
    /// goes by the entry.
    ///
    /// # Errors
    /// [`GroupNewsError::NotAuthentic`] if the receipt is not the provider's,
    /// [`GroupNewsError::NotPosted`] if no such entry waits.
    pub fn confirm_entry(
        &mut self,
        accepted: &AcceptedEntry,
    ) -> Result<GroupUpdate, GroupNewsError<S::Error>> {
        self.run(|client| {
            let group = *SignedEntry::decode(&accepted.entry)?.group();
            let entry = accepted.authenticate(client.delivery_key(), &group)?;
            let editing = client
                .take_editing(&group)?
                .ok_or(GroupNewsError::NoGroup)?;
            if editing.edit.entry != accepted.entry {
                // The receipt may come twice.
                let log = editing.group.log.as_ref();
                let is_known = log.is_some_and(|log| log.entry().encode() == accepted.entry);
                return match is_known {
                    true => Ok(GroupUpdate::nothing(&editing.group)),
                    false => Err(GroupNewsError::NotPosted),
                };
            }
            let mut took = Took::begin(editing);
            client.take_entry(&mut took, &entry, accepted.accepted_at)?;
            client.finish_taking(took)
        })
    }

    /// The accounts that an entry brought in, or made admins.
    pub(super) fn to_welcome(before: Option<&GroupState>, after: &GroupState) -> Vec<AccountId> {
        let members = after.members().iter();
        let news = members.filter(|member| {
            let known = before.and_then(|state| state.member(member.account()));
            known.is_none_or(|known| {
                known.since() != member.since() || known.role() != member.role()
            })
        });
        news.filter_map(|member| AccountId::new(member.account()).ok())
            .collect()
    }
}
