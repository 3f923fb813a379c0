//! Entries: this device signs what it wants to change in a group, posts it, and takes the
//! provider's receipt.
//!
//! One entry of a group waits at a time. It is stored before it leaves, and posted always with the
//! same bytes. If the provider took another entry of its version, the entry is discarded, and the
//! same changes are made again on top of that.

use rand_core::CryptoRng;
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{AuthoritySeed, GroupError, GroupId, GroupState, SignedEntry};

use super::ops::{Edit, Sense};
use super::signing::Editing;
use super::taking::Took;
use super::{AcceptedEntry, GroupStanding, GroupUpdate};
use crate::client::notices::Kind;
use crate::client::page::Page;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::{EditGroupError, GroupNewsError, StateError};
use crate::records::{self, EditRecord};
use crate::store::{Cursor, Store, Transaction};

/// How long an entry waits until the other admins are told the next key: ten minutes. Those that
/// could not be told ask for it.
const TELL_MS: u64 = 10 * 60_000;

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

impl<S: Store> Client<S> {
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

    /// Gives up the entry of a group that waits, and what it was to change, because the provider
    /// refuses it for good. A [notice](Self::notices) tells the user. A group that was not founded
    /// is forgotten. What else is to be changed goes on.
    pub fn give_up_entry(&mut self, group: &GroupId) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let editing = client.take_editing(group)?;
            let Some(mut editing) = editing.filter(|editing| !editing.edit.entry.is_empty()) else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            editing.clear_entry();
            match editing.group.standing() {
                GroupStanding::New => {
                    transaction.delete(keys::group(group));
                    transaction.delete(keys::authority(group));
                    transaction.delete(keys::group_edit(group));
                }
                _ => editing.put(&mut transaction),
            }
            let of = (Kind::GroupChangeLost, group);
            client.put_group_notice(&mut transaction, of, None, (&[], &[]));
            client.commit(transaction)
        })
    }

    /// Whether this device wants to change a group, and did not yet.
    #[cfg(feature = "courier")]
    pub(crate) fn has_pending_entries(&self) -> Result<bool, StateError<S::Error>> {
        self.look(|client| Ok(!client.first_rows(&keys::group_edits(), 1)?.is_empty()))
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
