//! Rosters of members: their devices get messages only under the account key that the group names.

use waxseal_reporting::Timestamp;
use waxseal_roster::SignedRoster;
use waxseal_roster::group::GroupId;

use crate::client::Client;
use crate::client::notices::Kind;
use crate::client::peers::Peer;
use crate::error::GroupNewsError;
use crate::store::{Store, Transaction};
use waxseal_reporting::AccountId;

/// Maximum number of rosters that one call takes.
const MAX_ROSTERS: usize = 64;

impl<S: Store> Client<S> {
    /// Takes rosters of members of a group that the provider handed out, at most 64 at once.
    ///
    /// Of a member without a contact, the account key is pinned that the group names. A member
    /// whose roster is under another account key is suspended: see
    /// [`GroupMember::is_suspended`](super::GroupMember). Rosters that do not verify, that are not
    /// newer, and those of others than members change nothing. Returns how many were taken.
    ///
    /// # Errors
    /// [`GroupNewsError::NoGroup`] if no state of the group is known.
    pub fn take_group_rosters(
        &mut self,
        group: &GroupId,
        rosters: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<usize, GroupNewsError<S::Error>> {
        self.run(|client| {
            let known = client.take_group(group)?.ok_or(GroupNewsError::NoGroup)?;
            let mut group = known;
            let before = group.record.clone();
            let learnt_ms = client.learnt_ms(now)?;
            let (mut transaction, mut taken) = (Transaction::default(), 0_usize);
            let mut peers: Vec<(AccountId, Peer)> = Vec::new();
            for bytes in rosters.iter().take(MAX_ROSTERS) {
                let Some((account, roster)) = client.roster_of_member(&group, bytes) else {
                    continue;
                };
                let key = roster.account_key().to_bytes();
                // CHK-436: a member is suspended while its roster is under another account key than
                // the group names. Nothing is pinned by it.
                if group.note_account_key(&account, &key) {
                    let of = (Kind::GroupMemberSuspended, &group.id);
                    client.put_group_notice(&mut transaction, of, Some(&account), (&[], &key));
                }
                if group.is_suspended(&account) || peers.iter().any(|(one, _)| *one == account) {
                    continue;
                }
                let mut peer = match client.take_peer(&account)? {
                    Some(peer) => peer,
                    None => client.new_peer(&account)?,
                };
                let learnt = client.take_verified(
                    &mut peer,
                    &account,
                    &roster,
                    learnt_ms,
                    &mut transaction,
                )?;
                taken = taken.saturating_add(usize::from(learnt.is_ok()));
                if learnt.is_ok() || peer.is_stored() {
                    peer.put(&account, &mut transaction);
                    peers.push((account, peer));
                }
            }
            if group.record != before {
                group.put(&mut transaction);
            }
            if !transaction.changes().is_empty() {
                client.commit(transaction)?;
            }
            for (account, peer) in peers {
                client.keep_peer(&account, peer);
            }
            Ok(taken)
        })
    }

    /// Verifies a roster for the member that it names.
    fn roster_of_member(
        &self,
        group: &super::Group,
        bytes: &[u8],
    ) -> Option<(AccountId, waxseal_roster::Roster)> {
        let signed = SignedRoster::decode(bytes).ok()?;
        let account = AccountId::new(signed.account()).ok()?;
        let state = group.log.as_ref()?.state();
        let is_member = state.is_member(account.as_str());
        let roster = signed.verify(account.as_str()).ok()?;
        is_member.then_some((account, roster))
    }
}
