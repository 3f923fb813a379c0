//! Messages to groups: for whom the provider takes them, and what each device gets.

use waxseal::reporting::relay::{
    AuthenticGroup, GroupSlot, PostError, PostedGroup, Receipt, StampedGroup,
};
use waxseal::{AccountId, DeviceAddress, DeviceId, GroupId, GroupNews};
use waxseal_roster::group::{GroupTarget, GroupTargets};

use super::{DAY_MS, Hosted};
use crate::provider::Provider;

/// For how long around the day on which a roster becomes too old both sets of devices count.
const TOLERANCE_MS: u64 = 2 * DAY_MS;

/// Why the provider did not take a message to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupPostRefused {
    /// The group MAC or the time of posting is wrong.
    Post(PostError),
    /// The roster of its account does not list the sending device.
    Removed,
    /// No group has this id.
    NoGroup,
    /// The account is no member, or left.
    NotMember,
    /// Only admins write.
    MayNotWrite,
    /// The message is not for the group's newest state, or not for exactly the devices of its
    /// members. See [`Provider::group_mismatch`].
    Mismatch,
}

/// What the provider answers to a message that is for another state or for other devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMismatch {
    /// What happened after the version that the message names.
    pub news: GroupNews,
    /// The members that have a roster, each with its epoch and version.
    pub rosters: Vec<(AccountId, u32, u32)>,
    /// Members that left and are not removed yet, in order.
    pub left: Vec<AccountId>,
}

/// A message to a group, as it waits for one device.
#[derive(Clone)]
pub struct QueuedGroup {
    /// What all devices get alike.
    pub stamped: StampedGroup,
    /// What this device gets.
    pub slot: GroupSlot,
}

impl Provider {
    /// Stamps a message to a group. Returns what waits for each device, and the receipt.
    ///
    /// # Errors
    /// [`GroupPostRefused`]; nothing is stamped.
    ///
    /// # Panics
    /// If the bytes are not a posted group message.
    #[expect(
        clippy::type_complexity,
        reason = "a delivery for each device, and the receipt"
    )]
    pub fn post_group(
        &mut self,
        from: &DeviceAddress,
        posted: &[u8],
    ) -> Result<(Vec<(DeviceAddress, QueuedGroup)>, Vec<u8>), GroupPostRefused> {
        let group = self.authentic_group(from, posted)?;
        if !self.is_listed(from) {
            return Err(GroupPostRefused::Removed);
        }
        let id = GroupId::from_bytes(*group.group().as_bytes());
        let hosted = self.groups.0.get(&id).ok_or(GroupPostRefused::NoGroup)?;
        let state = hosted.log.state();
        let account = from.account.as_str();
        let member = state.member(account).ok_or(GroupPostRefused::NotMember)?;
        let key = self.rosters.get(&from.account);
        let key = key.map(|pinned| pinned.roster().account_key());
        if hosted.left.contains(&from.account) || key != Some(member.account_key()) {
            return Err(GroupPostRefused::NotMember);
        }
        if !state.may_write(account) {
            return Err(GroupPostRefused::MayNotWrite);
        }
        let stamp = group.stamp();
        let is_newest = stamp.version == state.version() && stamp.state_hash == state.hash();
        let fits = |targets: &GroupTargets| targets.digest() == stamp.targets_digest;
        let all = self.possible_targets(from, hosted);
        let targets = all.into_iter().find(|targets| is_newest && fits(targets));
        let targets = targets.ok_or(GroupPostRefused::Mismatch)?;
        let address = |target: &GroupTarget| {
            let account = AccountId::new(&target.account).unwrap();
            DeviceAddress::new(account, DeviceId(target.device))
        };
        let devices = targets.targets().iter().map(address).collect();
        let left = hosted.left.clone();
        let group = group.for_targets(devices, &targets.digest());
        let group = group.map_err(GroupPostRefused::Post)?;
        let at = self.next_accepted_at(from);
        let claim = self.stamp_keys.stamp_group(&group, at).unwrap();
        let receipt = Receipt::new(&claim, &self.keys[from]).encode();
        let (stamped, slots) = StampedGroup::fan_out(claim, group).unwrap();
        let hosted = self.groups.0.get_mut(&id).unwrap();
        hosted.newest = hosted.newest.max(at);
        let slots = slots.into_iter();
        let slots =
            slots.filter(|(device, _)| !left.contains(&device.account) && !self.has_left(device));
        let queued = slots.map(|(device, slot)| {
            let stamped = stamped.clone();
            (device, QueuedGroup { stamped, slot })
        });
        Ok((queued.collect(), receipt))
    }

    fn authentic_group(
        &self,
        from: &DeviceAddress,
        posted: &[u8],
    ) -> Result<AuthenticGroup, GroupPostRefused> {
        let posted = PostedGroup::decode(posted).unwrap();
        let key = self.keys.get(from).ok_or(GroupPostRefused::Removed)?;
        let authentic = posted.authenticate(key, from, self.now);
        authentic.map_err(GroupPostRefused::Post)
    }

    /// The sets of devices for which the provider takes a message of this device.
    fn possible_targets(&self, from: &DeviceAddress, hosted: &Hosted) -> Vec<GroupTargets> {
        let state = hosted.log.state();
        let (sender, now_ms) = ((from.account.as_str(), from.device.0), self.now.as_millis());
        let mut all = Vec::new();
        for at_ms in [now_ms, now_ms - TOLERANCE_MS, now_ms + TOLERANCE_MS] {
            let roster = |name: &str| self.newest_roster(&AccountId::new(name).unwrap());
            let Ok(targets) = state.targets(sender, roster, |_| at_ms) else {
                continue;
            };
            for left in 0..=hosted.left.len() {
                let without = &hosted.left[..left];
                for keeps_left_devices in [true, false] {
                    let mut targets = targets.clone();
                    targets.retain(|target| {
                        let account = AccountId::new(&target.account).unwrap();
                        let device = DeviceAddress::new(account, DeviceId(target.device));
                        !without.contains(&device.account)
                            && (keeps_left_devices || !self.has_left(&device))
                    });
                    all.push(targets);
                }
            }
        }
        all
    }

    /// What the provider answers to a message that is for another state or for other devices.
    ///
    /// # Panics
    /// If the message is not authentic, or there is no such group.
    #[must_use]
    pub fn group_mismatch(&self, from: &DeviceAddress, posted: &[u8]) -> GroupMismatch {
        let group = self.authentic_group(from, posted).unwrap();
        let id = GroupId::from_bytes(*group.group().as_bytes());
        let hosted = &self.groups.0[&id];
        let (state, stamp) = (hosted.log.state(), group.stamp());
        // If the sender has another state of the newest version, that version's entry is news too.
        let differs = stamp.version == state.version() && stamp.state_hash != state.hash();
        let after = stamp.version - u64::from(differs);
        let members = state.members().iter();
        let rosters = members.filter_map(|member| {
            let account = AccountId::new(member.account()).unwrap();
            let shown = self.shown(Some(&from.account), &account)?;
            Some((account, shown.stamp.epoch, shown.stamp.version))
        });
        GroupMismatch {
            rosters: rosters.collect(),
            news: self.news(from, &id, hosted, after, u64::MAX),
            left: hosted.left.clone(),
        }
    }

    /// Hands out a message to a group, under the device's present key.
    #[must_use]
    pub fn deliver_group(&self, to: &DeviceAddress, queued: &QueuedGroup) -> Vec<u8> {
        let delivery = queued.stamped.deliver(&queued.slot, &self.keys[to]);
        delivery.encode()
    }
}
