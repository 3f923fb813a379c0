//! Invitations: nobody is in a group before accepting. Invitation and acceptance are messages, so
//! both can be reported.

use rand_core::CryptoRng;
#[cfg(feature = "courier")]
use waxseal_reporting::FrankingTag;
use waxseal_reporting::message::Content;
use waxseal_reporting::{AccountId, ConversationId, Timestamp};
use waxseal_roster::AccountKey;
use waxseal_roster::group::GroupId;

use super::ops::{Edit, since_of};
use super::{Group, GroupStanding};
use crate::client::page::Page;
use crate::client::peers::Peer;
use crate::client::receive::{Arrival, Batch};
use crate::client::send::{Draft, Outgoing};
use crate::client::{Client, keys};
use crate::error::{EditGroupError, InviteError, StateError};
use crate::records::{self, InvitedRecord};
use crate::store::{Cursor, Store, Transaction};

/// How many accounts that invite this one to a group are remembered.
const MAX_INVITERS: usize = 8;

/// How many changes of a group wait.
const MAX_QUEUED: usize = 1_024;

/// Maximum length of a title, in bytes.
pub(super) const MAX_TITLE_LEN: usize = 255;

impl<S: Store> Client<S> {
    /// Invites an account to a group, by a direct message. When the account accepts, the entry that
    /// adds it is among the [pending ones](Self::pending_entries).
    ///
    /// There must be a session with the account, as for [`send`](Self::send). The account is added
    /// under the account key that is pinned here: compare [safety
    /// numbers](Self::safety_number) first, if it matters. A suspended member comes back like that,
    /// after the user [accepted](Self::accept_identity) its new key: it is a member under this key
    /// then, and no admin.
    ///
    /// # Errors
    /// [`EditGroupError::NotAdmin`] if this account is no admin, [`EditGroupError::NoChange`] if
    /// the other one is a member, and not suspended because of the account key that is pinned here.
    pub fn invite(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, InviteError<S::Error>> {
        let (draft, invited) = self.invitation(group, account)?;
        let sent = self.send_direct(account, &draft, now, rng, |_, transaction| {
            transaction.put_record(keys::invited(group, account), &invited);
            Ok(())
        })?;
        Ok(sent)
    }

    /// Invites an account like [`invite`](Self::invite), by a message that is
    /// [held](Self::hold).
    #[cfg(feature = "courier")]
    pub(crate) fn hold_invitation(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        is_unsure: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, InviteError<S::Error>> {
        let (draft, invited) = self.invitation(group, account)?;
        let held = self.hold_direct(account, &draft, is_unsure, now, rng, |_, transaction| {
            transaction.put_record(keys::invited(group, account), &invited);
            Ok(())
        })?;
        Ok(held)
    }

    /// The message that invites an account, and what is kept of it.
    fn invitation(
        &mut self,
        group: &GroupId,
        account: &AccountId,
    ) -> Result<(Draft, InvitedRecord), InviteError<S::Error>> {
        let (title, invited) = self.run(|client| {
            let editing = client.take_editing(group)?.ok_or(EditGroupError::NoGroup)?;
            let editing = client.check_admin(editing)?;
            if editing.group.standing() == GroupStanding::New {
                return Err(EditGroupError::NotPosted);
            }
            let state = editing.state().ok_or(EditGroupError::NoGroup)?;
            let pinned = client.look_at_peer(account, Peer::account_key)?.flatten();
            // A member comes back under a key that the provider named after the group did.
            let is_other = pinned.is_some_and(|key| editing.group.is_suspended_by(account, &key));
            if state.is_member(account.as_str()) && !is_other {
                return Err(EditGroupError::NoChange);
            }
            let invited = InvitedRecord {
                account: account.as_str().to_owned(),
                account_key: pinned.map_or(Vec::new(), |key| key.to_vec()),
                since: since_of(state, account),
            };
            Ok((editing.group.record.title.clone(), invited))
        })?;
        let content = Content::Invitation {
            group: ConversationId::from_bytes(group.to_bytes()),
            title,
        };
        Ok((Draft::new(content), invited))
    }

    /// Accepts an invitation that this account sent, by a direct message. The account is a member
    /// as soon as an admin added it: [`groups`](Self::groups) tells.
    ///
    /// # Errors
    /// [`InviteError::NotInvited`] if this account did not invite the own one.
    pub fn accept_invitation(
        &mut self,
        from: &AccountId,
        group: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, InviteError<S::Error>> {
        let draft = self.acceptance(from, group)?;
        let sent = self.send_direct(from, &draft, now, rng, |client, transaction| {
            client.put_accepted(from, group, transaction)
        })?;
        Ok(sent)
    }

    /// Accepts an invitation like [`accept_invitation`](Self::accept_invitation), by a message that
    /// is [held](Self::hold).
    #[cfg(feature = "courier")]
    pub(crate) fn hold_acceptance(
        &mut self,
        from: &AccountId,
        group: &GroupId,
        is_unsure: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, InviteError<S::Error>> {
        let draft = self.acceptance(from, group)?;
        let held = self.hold_direct(from, &draft, is_unsure, now, rng, |client, transaction| {
            client.put_accepted(from, group, transaction)
        })?;
        Ok(held)
    }

    /// The message that accepts an invitation.
    fn acceptance(
        &self,
        from: &AccountId,
        group: &GroupId,
    ) -> Result<Draft, InviteError<S::Error>> {
        let is_invited = |known: &Group| {
            let mut inviters = known.record.inviters.iter();
            inviters.any(|one| one.account == from.as_str())
        };
        let known = self.look(|client| client.take_group(group))?;
        if !known.as_ref().is_some_and(is_invited) {
            return Err(InviteError::NotInvited);
        }
        Ok(Draft::new(Content::Acceptance {
            group: ConversationId::from_bytes(group.to_bytes()),
        }))
    }

    /// Writes that the user accepted an invitation.
    fn put_accepted(
        &self,
        from: &AccountId,
        group: &GroupId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        if let Some(mut known) = self.take_group(group)? {
            self.note_accepted_invitation(&mut known, from, 0)?;
            known.put(transaction);
        }
        Ok(())
    }

    /// Lists up to `limit` accounts that this device invited to a group and that are not added yet,
    /// after `after`.
    pub fn invited(
        &self,
        group: &GroupId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AccountId>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::all_invited(group), after, limit, |_, bytes| {
                let invited: InvitedRecord = records::decode(bytes)?;
                AccountId::new(&invited.account).ok()
            })
        })
    }

    pub(super) fn note_accepted_invitation(
        &self,
        group: &mut Group,
        from: &AccountId,
        accepted_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        group.note_inviter(from, accepted_ms);
        group.accept(from);
        let me = &self.me.account;
        group.record.uninvited_ms = 0;
        if !group.has_left(me) {
            group.record.tells_leave = false;
        }
        // Who left and was not removed yet is added again after that.
        if matches!(
            group.standing(),
            GroupStanding::Invited | GroupStanding::Removed | GroupStanding::Left
        ) {
            group.set_standing(GroupStanding::Accepted);
            group.record.told = self.other_identities()?;
        }
        // The account may be in the group before this device hears that the user accepted.
        let state = group.log.as_ref().map(|log| log.state());
        let named = state.and_then(|state| state.member(me.as_str()));
        let key = named.map(|named| named.account_key().to_bytes());
        let is_in = key.is_some() && key == self.own_account_key()? && !group.has_left(me);
        if is_in && group.standing() == GroupStanding::Accepted {
            group.set_standing(GroupStanding::Member);
            group.record.inviters.clear();
            group.record.wants_news = true;
        }
        Ok(())
    }

    /// Declines all invitations to a group. Nobody is told. If an admin adds the account
    /// nevertheless, this device leaves by itself.
    pub fn decline_invitation(&mut self, group: &GroupId) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let Some(mut known) = client.take_group(group)? else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            match (known.standing(), &known.log) {
                (GroupStanding::Invited | GroupStanding::Accepted, None) => {
                    transaction.delete(keys::group(group));
                    transaction.delete(keys::authority(group));
                }
                (GroupStanding::Invited | GroupStanding::Accepted, Some(_)) => {
                    known.record.inviters.clear();
                    known.set_standing(GroupStanding::Removed);
                    known.put(&mut transaction);
                }
                _ => return Ok(()),
            }
            client.commit(transaction)
        })
    }

    /// Takes a direct message that opened, if it is about a group.
    pub(in crate::client) fn take_group_content(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        content: &Content,
    ) -> Result<(), StateError<S::Error>> {
        match content {
            Content::Invitation { group, title } if !arrival.is_own => {
                let id = GroupId::from_bytes(*group.as_bytes());
                self.take_invitation(batch, arrival, &id, title)
            }
            // Another device of this account founded the group, and knows the title.
            Content::Invitation { group, title } => {
                let id = GroupId::from_bytes(*group.as_bytes());
                if let Some(mut group) = self.take_group(&id)?
                    && group.note_first_title(title)
                {
                    group.put(&mut batch.transaction);
                }
                Ok(())
            }
            Content::Acceptance { group } => {
                let id = GroupId::from_bytes(*group.as_bytes());
                match arrival.is_own {
                    true => self.take_own_acceptance(batch, arrival, &id),
                    false => self.take_acceptance(batch, &arrival.sender.account, &id),
                }
            }
            _ => Ok(()),
        }
    }

    fn take_invitation(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        id: &GroupId,
        title: &str,
    ) -> Result<(), StateError<S::Error>> {
        let (from, invited_ms) = (&arrival.sender.account, arrival.accepted_ms);
        let known = self.take_group(id)?;
        let mut group = known.unwrap_or_else(|| Group::new(*id, GroupStanding::Invited));
        let is_old = invited_ms <= group.removed_ms(&self.me.account);
        if is_old || group.record.inviters.len() >= MAX_INVITERS {
            return Ok(());
        }
        match group.standing() {
            GroupStanding::New | GroupStanding::Forked => return Ok(()),
            // It may have been removed without having heard of it.
            GroupStanding::Member | GroupStanding::Suspended => {
                group.note_inviter(from, invited_ms);
                let state = group.log.as_ref().map(|log| log.state());
                if state.is_some_and(|state| state.is_admin(from.as_str())) {
                    group.record.fetched_ms = 0;
                }
                group.record.wants_news = true;
                group.put(&mut batch.transaction);
                return Ok(());
            }
            _ => {}
        }
        group.note_inviter(from, invited_ms);
        let is_left = group.standing() == GroupStanding::Left && group.log.is_none();
        if is_left || group.standing() == GroupStanding::Removed {
            group.set_standing(GroupStanding::Invited);
        }
        group.note_first_title(title);
        group.put(&mut batch.transaction);
        Ok(())
    }

    /// Takes the copy of an acceptance that another device of this account sent.
    fn take_own_acceptance(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        id: &GroupId,
    ) -> Result<(), StateError<S::Error>> {
        let (inviter, accepted_ms) = (&arrival.with, arrival.accepted_ms);
        let known = self.take_group(id)?;
        let mut group = known.unwrap_or_else(|| Group::new(*id, GroupStanding::Invited));
        if accepted_ms <= group.removed_ms(&self.me.account) {
            return Ok(());
        }
        self.note_accepted_invitation(&mut group, inviter, accepted_ms)?;
        if matches!(
            group.standing(),
            GroupStanding::Member | GroupStanding::Suspended
        ) {
            group.record.wants_news = true;
        }
        group.put(&mut batch.transaction);
        Ok(())
    }

    /// Takes an acceptance: the account is added, if this device invited it.
    fn take_acceptance(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        id: &GroupId,
    ) -> Result<(), StateError<S::Error>> {
        let key = batch.peer(from).and_then(Peer::account_key);
        let key = key.and_then(|key| AccountKey::from_bytes(&key).ok());
        let Some((key, mut editing)) = key.zip(self.take_editing(id)?) else {
            return Ok(());
        };
        // CHK-444: only an account that this device invited is added, under the key that was pinned
        // here when it was, if one was.
        let invited: Option<InvitedRecord> = self.readable(&keys::invited(id, from))?;
        let since = editing.state().map_or(0, |state| since_of(state, from));
        let is_invited = invited.is_some_and(|invited| {
            let is_key = invited.account_key == key.to_bytes();
            let is_key = is_key || invited.account_key.is_empty() && since == 0;
            invited.account == from.as_str() && invited.since == since && is_key
        });
        if !is_invited {
            return Ok(());
        }
        let add = Edit::Add(from.clone(), key, since).to_record();
        let edit = &mut editing.edit;
        let mut all = edit.ops.iter().chain(&edit.queued);
        if all.any(|one| *one == add) || edit.queued.len() >= MAX_QUEUED {
            return Ok(());
        }
        edit.queued.push(add);
        let key = keys::group_edit(id);
        batch.transaction.put_record(key, &editing.edit);
        Ok(())
    }
}
