//! Targets: the devices that a message to a group is for.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use waxseal_core::IdentityKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Roster;
use waxseal_roster::group::{GroupId, GroupLog, GroupTarget, GroupTargets};

use super::Group;
use crate::client::devices::WantedBundles;
use crate::client::peers::Peer;
use crate::client::times::{RosterTime, since};
use crate::client::{Client, keys};
use crate::error::{Damage, SendError, StateError};
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
pub(in crate::client) struct Recipient {
    pub(in crate::client) address: DeviceAddress,
    pub(in crate::client) identity: IdentityKey,
    /// Whether there are two rosters of one version of its account: then it gets no key.
    pub(in crate::client) has_conflict: bool,
}

impl Recipient {
    fn of(target: &GroupTarget, conflicts: &BTreeSet<String>) -> Option<Self> {
        let account = AccountId::new(&target.account).ok()?;
        Some(Self {
            address: DeviceAddress::new(account, DeviceId(target.device)),
            identity: IdentityKey::from_bytes(&target.identity).ok()?,
            has_conflict: conflicts.contains(&target.account),
        })
    }

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

/// The rosters of the members that are known.
struct Rosters {
    known: BTreeMap<String, Roster>,
    /// Accounts of which there are two rosters of one version.
    conflicts: BTreeSet<String>,
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
            let Some(log) = group.sendable() else {
                return Ok(Vec::new());
            };
            let rosters = client.rosters_of(log)?;
            let members = log.state().members().iter().map(|member| member.account());
            let unknown = members.filter(|account| !rosters.known.contains_key(*account));
            // Also of those that left: not all of them can be left out before they are removed.
            let unknown = unknown.filter_map(|account| AccountId::new(account).ok());
            Ok(unknown
                .filter(|account| !group.is_suspended(account))
                .collect())
        })
    }

    fn rosters_of(&self, log: &GroupLog) -> Result<Rosters, StateError<S::Error>> {
        let mut rosters = Rosters {
            known: BTreeMap::new(),
            conflicts: BTreeSet::new(),
        };
        for member in log.state().members() {
            let Ok(account) = AccountId::new(member.account()) else {
                continue;
            };
            // A damaged contact costs its member only.
            let known = match self.pinned_roster(&account) {
                Err(StateError::Damaged(_)) => None,
                known => known?,
            };
            let Some((roster, has_conflict)) = known else {
                continue;
            };
            if has_conflict {
                rosters.conflicts.insert(member.account().to_owned());
            }
            rosters.known.insert(member.account().to_owned(), roster);
        }
        Ok(rosters)
    }

    /// The devices that a message to a group is for now: those of all members, without those of
    /// `leave_out`.
    pub(in crate::client) fn group_recipients(
        &self,
        group: &Group,
        leave_out: &[AccountId],
        now: Timestamp,
    ) -> Result<Recipients, SendError<S::Error>> {
        let log = group.sendable().ok_or(SendError::NotMember)?;
        let time = self.roster_time(now)?;
        let rosters = self.rosters_of(log)?;
        let me = &self.me;
        let own = rosters.known.get(me.account.as_str());
        let own = own.ok_or(SendError::NoAccountKey)?.clone();
        // CHK-316: a device that was removed from its account sends nothing.
        if own.device(me.device.0).is_none() {
            return Err(SendError::Removed);
        }
        // CHK-317: nothing is sent while there are two rosters of one version.
        if rosters.conflicts.contains(me.account.as_str()) {
            return Err(SendError::RosterConflict);
        }
        let mut targets = self.targets_of(group, log, &rosters, time)?;
        targets.retain(|target| leave_out.iter().all(|one| one.as_str() != target.account));
        // CHK-446: nobody is left out because its devices are not known.
        let unknown = |account: &String| {
            let account = AccountId::new(account);
            account.is_ok_and(|one| !group.is_suspended(&one) && !leave_out.contains(&one))
        };
        if targets.missing().iter().any(unknown) {
            return Err(SendError::UnknownMembers);
        }
        let listed = targets.targets().iter();
        let devices = listed.map(|target| Recipient::of(target, &rosters.conflicts));
        let devices: Option<Vec<_>> = devices.collect();
        Ok(Recipients {
            // The roster verified, so each identity is one.
            devices: devices.ok_or_else(|| StateError::Damaged(Damage::Group(group.id)))?,
            digest: targets.digest(),
            own,
        })
    }

    fn targets_of(
        &self,
        group: &Group,
        log: &GroupLog,
        rosters: &Rosters,
        time: RosterTime,
    ) -> Result<GroupTargets, SendError<S::Error>> {
        let me = (self.me.account.as_str(), self.me.device.0);
        let known = |account: &str| {
            // CHK-436: a member is suspended while its newest roster is under another account key.
            let is_suspended = AccountId::new(account).is_ok_and(|one| group.is_suspended(&one));
            rosters.known.get(account).filter(|_| !is_suspended)
        };
        let targets = log
            .state()
            .targets(me, known, |roster| time.for_one(roster));
        targets.map_err(|_| SendError::NotMember)
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
        let Some(log) = group.sendable() else {
            return Ok(Vec::new());
        };
        let (time, rosters) = (self.roster_time(now)?, self.rosters_of(log)?);
        let Ok(targets) = self.targets_of(&group, log, &rosters, time) else {
            return Ok(Vec::new());
        };
        let mut wanted: BTreeMap<&str, Vec<DeviceId>> = BTreeMap::new();
        for target in targets.targets() {
            let devices = wanted.entry(&target.account).or_default();
            devices.push(DeviceId(target.device));
        }
        let mut all = Vec::new();
        for (account, devices) in wanted {
            let Ok(account) = AccountId::new(account) else {
                continue;
            };
            if group.has_left(&account) {
                continue;
            }
            let lacking = |peer: &Peer| -> Vec<_> {
                let lacking = devices.iter().filter(|id| peer.lacks_session(**id, now));
                lacking.copied().collect()
            };
            let lacking = match self.look_at_peer(&account, lacking) {
                Err(StateError::Damaged(_)) => None,
                lacking => lacking?,
            };
            let devices = lacking.unwrap_or_default();
            if !devices.is_empty() {
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
