//! Forgetting: invitations of an account that is forgotten, declined or blocked.

use waxseal_reporting::AccountId;
use waxseal_roster::group::GroupId;

use super::{Group, GroupStanding};
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, GroupRecord};
use crate::store::{Cursor, Store, Transaction};

/// Groups that are read at once.
const GROUPS_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Forgets the invitations of an account. A group of which nothing else is known goes with the
    /// last one.
    pub(in crate::client) fn forget_invitations(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.page(
                &keys::groups(),
                after.as_ref(),
                GROUPS_AT_ONCE,
                |_, bytes| {
                    let record: GroupRecord = records::decode(bytes)?;
                    let mut inviters = record.inviters.iter();
                    let is_one = inviters.any(|one| one.account == account.as_str());
                    let id = GroupId::from_bytes(record.group.as_slice().try_into().ok()?);
                    Some(is_one.then_some(id))
                },
            )?;
            for id in page.items.into_iter().flatten() {
                match self.take_group(&id) {
                    Ok(Some(group)) => forget_invitation(group, account, transaction),
                    // A damaged group costs only itself.
                    Ok(None) | Err(StateError::Damaged(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn forget_invitation(mut group: Group, account: &AccountId, transaction: &mut Transaction) {
    let inviters = &mut group.record.inviters;
    inviters.retain(|one| one.is_accepted || one.account != account.as_str());
    let is_over = inviters.is_empty() && group.standing() == GroupStanding::Invited;
    if is_over && group.log.is_none() && !group.record.tells_leave {
        transaction.delete(keys::group(&group.id));
        transaction.delete(keys::authority(&group.id));
        return;
    }
    if is_over && group.log.is_some() {
        group.set_standing(GroupStanding::Removed);
    }
    group.put(transaction);
}
