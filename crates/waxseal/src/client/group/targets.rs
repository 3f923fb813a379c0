//! Targets: the devices that a message to a group is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use waxseal_core::IdentityKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Roster;
use waxseal_roster::group::GroupId;

use super::{Group, GroupStanding};
use crate::client::devices::WantedBundles;
use crate::client::peers::Peer;
use crate::client::times::since;
use crate::client::{Client, keys};
use crate::error::{SendError, StateError};
use crate::records::{self, TargetsRecord};
use crate::store::{Store, Transaction};

/// Bytes of the hash of an identity that are kept of each target. With fewer, a member that came
/// later could make a device whose hash is that of a target of before: there are many.
const SHORT_LEN: usize = 16;

/// Of how many sets of targets the devices are kept. A message that was for an older one is not
/// sealed again.
const MAX_SETS: usize = 64;

/// How exactly it is known when a set of targets was last used: one day.
const USED_MS: u64 = 24 * 3_600_000;

/// Accounts of which [`Client::missing`] names devices at once.
const MAX_ACCOUNTS: usize = 256;

/// The devices that a message to a group is for, in the order of its slots.
pub(in crate::client) struct Recipients {
    pub(in crate::client) devices: Vec<Recipient>,
    pub(in crate::client) digest: [u8; 32],
    /// The newest roster of this device's account.
    pub(in crate::client) own: Roster,
}

/// A device that a message to a group is for.
#[derive(Clone)]
pub(in crate::client) struct Recipient {
    pub(in crate::client) address: DeviceAddress,
    pub(in crate::client) identity: IdentityKey,
    /// Whether there are two rosters of one version of its account: then it gets no key.
    pub(in crate::client) has_conflict: bool,
}

impl Recipient {
    /// What is kept of it.
    pub(in crate::client) fn short(&self) -> [u8; SHORT_LEN] {
        short(&self.identity.to_bytes())
    }
}

fn short(identity: &[u8; 64]) -> [u8; SHORT_LEN] {
    let hash = Sha256::digest(identity);
    let mut out = [0; SHORT_LEN];
    for (to, from) in out.iter_mut().zip(hash) {
        *to = from;
    }
    out
}

impl<S: Store> Client<S> {
    /// The members of a group of which this device knows no roster. Fetch their rosters from the
    /// provider, and call [`take_group_rosters`](Self::take_group_rosters) before a message is sent
    /// to the group.
    pub fn members_without_roster(
        &self,
        group: &GroupId,
    ) -> Result<Vec<AccountId>, StateError<S::Error>> {
        self.look(|client| {
            let Some(group) = client.take_group(group)? else {
                return Ok(Vec::new());
            };
            // That this account leaves is in a message that waits, and goes to all members.
            let tells = group.standing() == GroupStanding::Left && group.record.tells_leave;
            let tells = tells && client.first_waiting(&group.id, |_| true)?.is_some();
            let log = group.log.as_deref().filter(|_| tells);
            let Some(log) = group.sendable().or(log) else {
                return Ok(Vec::new());
            };
            let rosters = client.rosters_of(log)?;
            let members = log.state().members().iter().map(|member| member.account());
            let unknown = members.filter(|account| !rosters.known.contains_key(*account));
            // Also of those that left: not all of them can be left out before they are removed.
            let unknown = unknown.filter_map(|account| AccountId::new(account).ok());
            let mut all = Vec::new();
            for account in unknown {
                if !group.is_suspended(&account) || client.is_under_third_key(&group, &account)? {
                    all.push(account);
                }
            }
            Ok(all)
        })
    }

    /// Whether the account key that is pinned of a suspended member is neither the one that the
    /// state names nor the one because of which it is suspended.
    fn is_under_third_key(
        &self,
        group: &Group,
        account: &AccountId,
    ) -> Result<bool, StateError<S::Error>> {
        // A damaged contact costs its member only.
        let pinned = match self.account_key_of(account) {
            Err(StateError::Damaged(_)) => None,
            pinned => pinned?,
        };
        let state = group.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(account.as_str()));
        let named = member.map(|member| member.account_key().to_bytes());
        let is_other = pinned.is_some_and(|key| !group.is_suspended_by(account, &key));
        Ok(is_other && pinned != named)
    }

    /// The devices that a message to a group is for now: those of all members, without those of
    /// `leave_out`.
    pub(in crate::client) fn group_recipients(
        &self,
        group: &Group,
        leave_out: &[AccountId],
        now: Timestamp,
    ) -> Result<Arc<Recipients>, SendError<S::Error>> {
        let crowd = self.crowd(group, now)?;
        // CHK-446: nobody is left out because its devices are not known.
        match crowd.unknown().iter().all(|one| leave_out.contains(one)) {
            true => Ok(crowd.without(leave_out)),
            false => Err(SendError::UnknownMembers),
        }
    }

    /// Devices of members with which there is no session.
    pub(in crate::client) fn missing_in_group(
        &self,
        id: &GroupId,
        now: Timestamp,
    ) -> Result<Vec<WantedBundles>, StateError<S::Error>> {
        // That this account leaves is in a message that waits, and goes to all members.
        let group = match self.writable_group(id, true) {
            Err(SendError::State(error)) => return Err(error),
            Err(_) => return Ok(Vec::new()),
            Ok(group) => group,
        };
        let crowd = match self.crowd(&group, now) {
            Err(SendError::State(error)) => return Err(error),
            Err(_) => return Ok(Vec::new()),
            Ok(crowd) => crowd,
        };
        let recipients = crowd.without(&self.left_out(&group)?);
        // On a chain that a device has, it needs no session.
        let have_chain = self.have_chain_that_goes_on(&group, &recipients, now)?;
        let have_chain = have_chain.unwrap_or_else(|| vec![false; recipients.devices.len()]);
        let mut wanted: BTreeMap<&AccountId, Vec<DeviceId>> = BTreeMap::new();
        for (device, has_chain) in recipients.devices.iter().zip(have_chain) {
            if !has_chain {
                let devices = wanted.entry(&device.address.account).or_default();
                devices.push(device.address.device);
            }
        }
        let mut all = Vec::new();
        for (account, devices) in wanted {
            if group.has_left(account) {
                continue;
            }
            let lacking = |peer: &Peer| -> Vec<_> {
                let lacking = devices.iter().filter(|id| peer.lacks_session(**id, now));
                lacking.copied().collect()
            };
            let lacking = match self.look_at_peer(account, lacking) {
                Err(StateError::Damaged(_)) => None,
                lacking => lacking?,
            };
            let devices = lacking.unwrap_or_default();
            if !devices.is_empty() {
                let account = account.clone();
                all.push(WantedBundles { account, devices });
            }
            if all.len() >= MAX_ACCOUNTS {
                break;
            }
        }
        Ok(all)
    }

    /// Keeps which devices a message is for.
    pub(in crate::client) fn put_targets(
        &self,
        id: &GroupId,
        recipients: &Recipients,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::group_targets(id, &recipients.digest);
        let known: Option<TargetsRecord> = self.readable(&key)?;
        let is_new = known.is_none();
        let used_ms = known.map_or(0, |known| known.used_ms);
        if since(used_ms, now).is_some_and(|age| used_ms != 0 && age < USED_MS) {
            return Ok(());
        }
        let devices = recipients.devices.iter().flat_map(Recipient::short);
        let record = TargetsRecord {
            devices: devices.collect(),
            used_ms: now.as_millis().max(1),
        };
        transaction.put_record(key, &record);
        let table = keys::all_group_targets(id);
        let page = self.page(&table, None, MAX_SETS.saturating_add(1), |cursor, bytes| {
            let record: TargetsRecord = records::decode(bytes)?;
            Some((record.used_ms, cursor.clone()))
        })?;
        for row in &page.damaged {
            row.delete_in(transaction);
        }
        if is_new
            && page.items.len() >= MAX_SETS
            && let Some((_, oldest)) = page.items.into_iter().min_by_key(|(used_ms, _)| *used_ms)
        {
            transaction.delete_at(table, oldest);
        }
        Ok(())
    }

    /// What is kept of the devices that a message was for, in the order of its slots.
    pub(in crate::client) fn kept_targets(
        &self,
        id: &GroupId,
        digest: &[u8],
    ) -> Result<Option<Vec<[u8; SHORT_LEN]>>, StateError<S::Error>> {
        if digest.len() != 32 {
            return Ok(None);
        }
        let record: Option<TargetsRecord> = self.readable(&keys::group_targets(id, digest))?;
        Ok(record.map(|record| {
            let (devices, _) = record.devices.as_chunks();
            devices.to_vec()
        }))
    }

    /// Whether a message was for the device with this identity.
    pub(in crate::client) fn was_target(
        &self,
        id: &GroupId,
        digest: &[u8],
        identity: &[u8; 64],
    ) -> Result<bool, StateError<S::Error>> {
        let kept = self.kept_targets(id, digest)?;
        Ok(kept.is_some_and(|kept| kept.contains(&short(identity))))
    }
}
