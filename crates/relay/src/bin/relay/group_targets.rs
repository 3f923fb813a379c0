//! The devices to which a message to a group must go: those of all members, as the signed state and
//! the newest rosters say. What the relay knows of them is read in the transaction that queues the
//! message.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::store::Connection;
use waxseal_interface::{ErrorCode, RosterClaim};
use waxseal_reporting::limits::MAX_POST_SKEW_MS;
use waxseal_reporting::relay::AuthenticGroup;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::Pinned;
use waxseal_roster::group::{GroupTarget, GroupTargets};

use crate::errors::Refusal;
use crate::state::Device;
use crate::store::groups::Group;
use crate::store::members::{self, MemberDevice};
use crate::targets::AGE_SLACK_MS;

/// How far from the relay's clock a sender's may be by which rosters age, in milliseconds. Most
/// messages fit the first.
const OFF_MS: [i64; 5] = [
    0,
    -(MAX_POST_SKEW_MS as i64),
    MAX_POST_SKEW_MS as i64,
    -(AGE_SLACK_MS as i64),
    AGE_SLACK_MS as i64,
];

/// What the relay knows of the members of a group.
pub struct Members<'a> {
    group: &'a Group,
    sender: &'a Device,
    /// Newest rosters, by name.
    rosters: HashMap<String, Pinned>,
    /// The devices, by the name of their account.
    devices: HashMap<String, Vec<MemberDevice>>,
    /// Those who left, in the order in which they left.
    left: Vec<String>,
}

/// The devices for which the slots of a message are, and their digest.
pub struct Fitting {
    pub devices: Vec<DeviceAddress>,
    pub digest: [u8; 32],
}

impl<'a> Members<'a> {
    /// Reads rosters and devices of all members.
    pub fn read(db: &Connection, group: &'a Group, sender: &'a Device) -> Result<Self, Refusal> {
        let rosters = members::rosters(db, group)?.into_iter().collect();
        let mut devices = HashMap::<String, Vec<MemberDevice>>::new();
        for device in members::devices(db, group)? {
            let of_account = devices.entry(device.account.clone()).or_default();
            of_account.push(device);
        }
        Ok(Self {
            group,
            sender,
            rosters,
            devices,
            left: members::left(db, group)?,
        })
    }

    /// The devices for which the slots of a message are. `None` if it is not for
    /// exactly those that it must go to.
    pub fn of_message(
        &self,
        message: &AuthenticGroup,
        now: Timestamp,
    ) -> Result<Option<Fitting>, Refusal> {
        let (state, stamp) = (self.group.log.state(), message.stamp());
        // CHK-472: the message names the newest state.
        if stamp.version != state.version() || stamp.state_hash != state.hash() {
            return Ok(None);
        }
        let mut tried = Vec::new();
        for off_ms in OFF_MS {
            let all = self.all(now.as_millis().saturating_add_signed(off_ms))?;
            if tried.contains(&all) {
                continue;
            }
            if let Some((targets, digest)) = self.fitting(&all, message) {
                let devices = addresses(&targets)?;
                return Ok(Some(Fitting { devices, digest }));
            }
            tried.push(all);
        }
        Ok(None)
    }

    /// The devices of all members at a time, without the sending one.
    fn all(&self, now_ms: u64) -> Result<GroupTargets, Refusal> {
        let me = &self.sender.me;
        let roster = |name: &str| self.rosters.get(name).map(Pinned::roster);
        let sender = (me.account.as_str(), me.device.0);
        let all = self.group.log.state().targets(sender, roster, |_| now_ms);
        all.map_err(|_| ErrorCode::Malformed.into())
    }

    /// Those of all devices for which the slots are, and their digest. Slots for devices that left
    /// their account may be missing, and those for the first members that left the group.
    fn fitting(
        &self,
        all: &GroupTargets,
        message: &AuthenticGroup,
    ) -> Option<(GroupTargets, [u8; 32])> {
        let own = self.sender.me.account.as_str();
        let keeps: [&dyn Fn(&GroupTarget) -> bool; 3] = [
            &|_| true,
            &|target| target.account != own || !self.has_left(target),
            &|target| !self.has_left(target),
        ];
        for keep in keeps {
            let (mut count, mut of) = (0_usize, HashMap::<&str, usize>::new());
            for target in all.targets().iter().filter(|target| keep(target)) {
                count += 1;
                *of.entry(&target.account).or_default() += 1;
            }
            // How many of those who left have no slots follows from the number of slots.
            let (mut left, mut without) = (self.left.iter(), BTreeSet::new());
            while count > message.slots()
                && let Some(leaver) = left.next()
            {
                count -= of.get(leaver.as_str()).copied().unwrap_or(0);
                without.insert(leaver.as_str());
            }
            if count != message.slots() {
                continue;
            }
            // CHK-473: the slots are for exactly the devices of the members.
            let mut some = all.clone();
            some.retain(|target| keep(target) && !without.contains(target.account.as_str()));
            let digest = some.digest();
            if digest == message.stamp().targets_digest {
                return Some((some, digest));
            }
        }
        None
    }

    fn device(&self, account: &str, number: u32) -> Option<&MemberDevice> {
        let mut devices = self.devices.get(account)?.iter();
        devices.find(|row| row.number == number)
    }

    fn has_left(&self, target: &GroupTarget) -> bool {
        let row = self.device(&target.account, target.device);
        row.is_some_and(|row| row.has_left)
    }

    /// The row of a device. `None` if it left, or its account left the group: what is for it is
    /// dropped.
    pub fn row(&self, device: &DeviceAddress) -> Option<i64> {
        // CHK-474: nothing is queued for those who left.
        let name = device.account.as_str();
        if self.left.iter().any(|left| left == name) {
            return None;
        }
        let row = self.device(name, device.device.0);
        row.filter(|row| !row.has_left).map(|row| row.id)
    }

    /// The versions of the members' newest rosters, and who left.
    pub fn claims(self) -> (Vec<RosterClaim>, Vec<String>) {
        let members = self.group.log.state().members().iter();
        let claims = members.filter_map(|member| {
            let newest = self.rosters.get(member.account())?.roster().stamp();
            Some(RosterClaim {
                name: member.account().to_owned(),
                epoch: newest.epoch,
                version: newest.version,
            })
        });
        (claims.collect(), self.left)
    }
}

fn addresses(targets: &GroupTargets) -> Result<Vec<DeviceAddress>, Refusal> {
    let mut names: BTreeMap<&str, AccountId> = BTreeMap::new();
    let mut found = Vec::with_capacity(targets.targets().len());
    for target in targets.targets() {
        let account = match names.get(target.account.as_str()) {
            Some(account) => account.clone(),
            None => {
                let account = AccountId::new(&target.account);
                let account = account.map_err(|error| Refusal::internal(&error))?;
                names.insert(&target.account, account.clone());
                account
            }
        };
        found.push(DeviceAddress::new(account, DeviceId(target.device)));
    }
    Ok(found)
}
