//! Changing a group, as an admin.
//!
//! Each call signs an entry and returns it, if it may be posted now. If another entry waits, or if
//! other admins are told a new key first, it is among the pending ones later.

use rand_core::CryptoRng;
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{GroupId, GroupPolicy, Role};

use super::OutgoingEntry;
use super::ops::{Edit, since_of};
use crate::client::Client;
use crate::error::EditGroupError;
use crate::store::Store;

/// A group that takes the place of another one.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recreated {
    /// The new group.
    pub group: GroupId,
    /// The entry that founds it.
    pub entry: OutgoingEntry,
    /// The members of the other group. [Invite](Client::invite) them when the entry is confirmed.
    pub invite: Vec<AccountId>,
}

impl std::fmt::Debug for Recreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recreated")
            .field("invite", &self.invite.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Makes a member an admin. All devices of an admin get the key with which the group is
    /// changed.
    ///
    /// # Errors
    /// [`EditGroupError`]; nothing changed.
    pub fn promote(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<OutgoingEntry>, EditGroupError<S::Error>> {
        self.edit_group(group, now, rng, |_, state| {
            let since = since_of(state, account);
            Ok(Edit::Role(account.clone(), Role::Admin, since))
        })
    }

    /// Makes an admin a member like others. The key with which the group is changed becomes another
    /// one.
    ///
    /// # Errors
    /// [`EditGroupError::LastAdmin`] if there is no other admin.
    pub fn demote(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<OutgoingEntry>, EditGroupError<S::Error>> {
        self.edit_group(group, now, rng, |_, state| {
            let since = since_of(state, account);
            Ok(Edit::Role(account.clone(), Role::Member, since))
        })
    }

    /// Removes another member. In force as soon as the provider took the entry: nothing that is
    /// sent later is for the member.
    ///
    /// # Errors
    /// [`EditGroupError::OwnAccount`] for the own account: [leave](Self::leave_group).
    pub fn remove_member(
        &mut self,
        group: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<OutgoingEntry>, EditGroupError<S::Error>> {
        self.edit_group(group, now, rng, |client, state| {
            if *account == client.me.account {
                return Err(EditGroupError::OwnAccount);
            }
            match since_of(state, account) {
                0 => Err(EditGroupError::NoMember),
                since => Ok(Edit::Remove(account.clone(), since)),
            }
        })
    }

    /// Sets who may write.
    ///
    /// # Errors
    /// [`EditGroupError::NoChange`] if that holds already.
    pub fn set_group_policy(
        &mut self,
        group: &GroupId,
        policy: GroupPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<OutgoingEntry>, EditGroupError<S::Error>> {
        self.edit_group(group, now, rng, |_, _| Ok(Edit::Policy(policy)))
    }

    /// Founds another group in place of one that [forked](super::GroupStanding::Forked), or whose
    /// admins are gone. Its members are to be invited.
    ///
    /// # Errors
    /// [`EditGroupError::NoGroup`] if no state of the group is known.
    pub fn recreate_group(
        &mut self,
        group: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Recreated, EditGroupError<S::Error>> {
        let known = self.look(|client| client.take_group(group))?;
        let known = known.ok_or(EditGroupError::NoGroup)?;
        let state = known.log.as_ref().map(|log| log.state());
        let state = state.ok_or(EditGroupError::NoGroup)?;
        let me = self.me.account.as_str();
        let members = state.members().iter().map(|member| member.account());
        let others = members.filter(|account| *account != me);
        let invite = others
            .filter_map(|account| AccountId::new(account).ok())
            .collect();
        let title = known.record.title.clone();
        let (group, entry) = self.create_titled_group(&title, state.policy(), now, rng)?;
        Ok(Recreated {
            group,
            entry,
            invite,
        })
    }
}
