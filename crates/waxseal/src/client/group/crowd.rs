//! Crowds: the devices of all members of a group, by the rosters that are known.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use waxseal_core::IdentityKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Roster;
use waxseal_roster::group::{GroupLog, GroupTarget, GroupTargets};

use super::Group;
use super::targets::{Recipient, Recipients};
use crate::client::Client;
use crate::client::times::RosterTime;
use crate::error::{Damage, SendError, StateError};
use crate::records::SuspendedRecord;
use crate::store::Store;

/// The devices of all members of a group but this one, with what they depend on.
pub(in crate::client) struct Crowd {
    version: u64,
    state: [u8; 32],
    suspended: Vec<SuspendedRecord>,
    is_clock: bool,
    /// When the same devices count.
    during: RangeInclusive<u64>,
    targets: GroupTargets,
    all: Arc<Recipients>,
    /// Members whose devices are not known, although they are to get messages.
    unknown: Vec<AccountId>,
}

impl Crowd {
    /// Whether these are the devices of the group at this time. The rosters are the same: see
    /// `ready`.
    fn is_of(&self, group: &Group, log: &GroupLog, time: RosterTime) -> bool {
        let state = log.state();
        self.version == state.version()
            && self.state == state.hash()
            && self.suspended == group.record.suspended
            && self.is_clock == time.is_clock
            && self.during.contains(&time.ms)
    }

    /// The devices without those of some accounts.
    pub(super) fn without(&self, leave_out: &[AccountId]) -> Arc<Recipients> {
        if leave_out.is_empty() {
            return Arc::clone(&self.all);
        }
        let mut targets = self.targets.clone();
        targets.retain(|target| leave_out.iter().all(|one| one.as_str() != target.account));
        let devices = self.all.devices.iter();
        let devices = devices.filter(|device| !leave_out.contains(&device.address.account));
        Arc::new(Recipients {
            devices: devices.cloned().collect(),
            digest: targets.digest(),
            own: self.all.own.clone(),
        })
    }

    /// Members whose devices are not known, although they are to get messages.
    pub(super) fn unknown(&self) -> &[AccountId] {
        &self.unknown
    }
}

/// The rosters of the members that are known.
pub(super) struct Rosters {
    pub(super) known: BTreeMap<String, Roster>,
    /// Accounts of which there are two rosters of one version.
    conflicts: BTreeSet<String>,
}

impl<S: Store> Client<S> {
    pub(super) fn rosters_of(&self, log: &GroupLog) -> Result<Rosters, StateError<S::Error>> {
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
            // Under another account key than the state names, it is not the member's: it may be
            // from before the member came back.
            if roster.account_key() == member.account_key() {
                rosters.known.insert(member.account().to_owned(), roster);
            }
        }
        Ok(rosters)
    }

    /// The devices of all members of a group, as they are known now.
    pub(super) fn crowd(
        &self,
        group: &Group,
        now: Timestamp,
    ) -> Result<Arc<Crowd>, SendError<S::Error>> {
        let log = group.sendable().ok_or(SendError::NotMember)?;
        let time = self.roster_time(now)?;
        let ready = self.ready_groups();
        let known = ready.and_then(|ready| ready.crowd(&group.id));
        if let Some(known) = known.filter(|known| known.is_of(group, log, time)) {
            return Ok(known);
        }
        let crowd = Arc::new(self.read_crowd(group, log, time)?);
        if let Some(ready) = ready {
            ready.keep_crowd(&group.id, &crowd);
        }
        Ok(crowd)
    }

    fn read_crowd(
        &self,
        group: &Group,
        log: &GroupLog,
        time: RosterTime,
    ) -> Result<Crowd, SendError<S::Error>> {
        let (me, rosters) = (&self.me, self.rosters_of(log)?);
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
        let known = |account: &str| {
            // CHK-436: a member is suspended while its newest roster is under another account key.
            let is_suspended = AccountId::new(account).is_ok_and(|one| group.is_suspended(&one));
            rosters.known.get(account).filter(|_| !is_suspended)
        };
        let sender = (me.account.as_str(), me.device.0);
        let state = log.state();
        let targets = state.targets(sender, known, |roster| time.for_one(roster));
        let targets = targets.map_err(|_| SendError::NotMember)?;
        let listed = targets.targets().iter();
        let devices = listed.map(|target| recipient(target, &rosters.conflicts));
        let devices: Option<Vec<_>> = devices.collect();
        // The rosters verified, so each identity is one.
        let devices = devices.ok_or_else(|| StateError::Damaged(Damage::Group(group.id)))?;
        let unknown = targets.missing().iter();
        let unknown = unknown.filter_map(|account| AccountId::new(account).ok());
        let counting = rosters.known.values();
        let counting = counting.map(|roster| roster.counting_during(time.for_one(roster)));
        let during = counting.fold(0..=u64::MAX, |all, one| {
            *all.start().max(one.start())..=*all.end().min(one.end())
        });
        Ok(Crowd {
            version: state.version(),
            state: state.hash(),
            suspended: group.record.suspended.clone(),
            is_clock: time.is_clock,
            during,
            unknown: unknown.filter(|one| !group.is_suspended(one)).collect(),
            all: Arc::new(Recipients {
                devices,
                digest: targets.digest(),
                own,
            }),
            targets,
        })
    }
}

fn recipient(target: &GroupTarget, conflicts: &BTreeSet<String>) -> Option<Recipient> {
    let account = AccountId::new(&target.account).ok()?;
    Some(Recipient {
        address: DeviceAddress::new(account, DeviceId(target.device)),
        identity: IdentityKey::from_bytes(&target.identity).ok()?,
        has_conflict: conflicts.contains(&target.account),
    })
}
