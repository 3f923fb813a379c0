//! Founding a group.

use std::sync::Arc;

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;
use waxseal_roster::AccountKey;
use waxseal_roster::group::{AuthoritySeed, GroupId, GroupLog, GroupOp, GroupPolicy, Role};

use super::invite::MAX_TITLE_LEN;
use super::{Group, GroupStanding, OutgoingEntry};
use crate::client::{Client, keys};
use crate::error::EditGroupError;
use crate::records::{AuthorityRecord, EditRecord};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Founds a group, of which this account is the only member and an admin.
    ///
    /// Post the entry, then call [`confirm_entry`](Self::confirm_entry). After that, accounts can
    /// be [invited](Self::invite). The provider learns who is in the group, and no title.
    ///
    /// ```rust
    /// use waxseal::{GroupPolicy, GroupStanding};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, _) = waxseal_world::Provider::of_two();
    /// # let (now, rng) = (provider.now, &mut rand::rng());
    /// let (group, outgoing) = alice.create_group(GroupPolicy::default(), now, rng)?;
    /// # let me = alice.me().clone();
    /// let accepted = provider.post_entry(&me, &outgoing.entry).unwrap();
    /// alice.confirm_entry(&accepted)?;
    /// let info = alice.group(&group)?.expect("it was founded");
    /// assert_eq!(info.standing, GroupStanding::Member);
    /// assert!(info.members[0].is_admin);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EditGroupError::NoAccountKey`] if this store has no account key yet.
    ///
    /// # Security
    /// Pass the system's generator as `rng`: the group is only as safe as the seed drawn from it.
    pub fn create_group(
        &mut self,
        policy: GroupPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(GroupId, OutgoingEntry), EditGroupError<S::Error>> {
        self.create_titled_group("", policy, now, rng)
    }

    /// Like [`create_group`](Self::create_group), with a title, of at most 255 bytes. Invitations
    /// have it. To give the members another one, use
    /// [`set_group_profile`](Self::set_group_profile).
    ///
    /// # Errors
    /// As for [`create_group`](Self::create_group), and [`EditGroupError::LongTitle`].
    pub fn create_titled_group(
        &mut self,
        title: &str,
        policy: GroupPolicy,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(GroupId, OutgoingEntry), EditGroupError<S::Error>> {
        if title.len() > MAX_TITLE_LEN {
            return Err(EditGroupError::LongTitle);
        }
        self.run(|client| {
            let key = client
                .own_account_key()?
                .ok_or(EditGroupError::NoAccountKey)?;
            let key = AccountKey::from_bytes(&key).map_err(|_| EditGroupError::NoAccountKey)?;
            let me = client.me.account.as_str();
            let mut ops = vec![GroupOp::add(me, Role::Admin, key)];
            if policy != GroupPolicy::default() {
                ops.push(GroupOp::Policy(policy));
            }
            let seed = AuthoritySeed::generate(rng);
            let entry = seed.create_group(me, &ops, now.as_millis())?;
            let id = *entry.group();
            let mut group = Group::new(id, GroupStanding::New);
            group.log = Some(Arc::new(GroupLog::first(&entry, &id)?));
            title.clone_into(&mut group.record.title);
            let (mut authority, mut edit) = (AuthorityRecord::default(), EditRecord::default());
            authority.group = id.to_bytes().to_vec();
            authority.seed = seed.to_bytes().to_vec();
            edit.group = id.to_bytes().to_vec();
            edit.entry = entry.encode();
            edit.signed_ms = now.as_millis();
            let mut transaction = Transaction::default();
            group.put(&mut transaction);
            transaction.put_record(keys::authority(&id), &authority);
            transaction.put_record(keys::group_edit(&id), &edit);
            client.commit(transaction)?;
            let outgoing = OutgoingEntry {
                group: id,
                entry: entry.encode(),
            };
            Ok((id, outgoing))
        })
    }
}
