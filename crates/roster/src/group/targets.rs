//! The devices to which a message to a group goes.

use core::fmt;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::state::GroupState;
use crate::codec::put_short;
use crate::device::{DeviceEntry, signing_half};
use crate::error::GroupError;
use crate::labels;
use crate::limits::MAX_GROUP_TARGETS;
use crate::roster::Roster;

#[cfg(test)]
mod tests;

/// A device to which a message to a group goes. `Debug` shows no name.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupTarget {
    /// Name of the device's account.
    pub account: String,
    /// Id of the device in its account.
    pub device: u32,
    /// Identity of the device: Ed25519 public key 32, X25519 public key 32.
    pub identity: [u8; 64],
}

impl fmt::Debug for GroupTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupTarget")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// The devices to which a message to a group goes, and the members whose devices are left out.
///
/// The relay computes them as the sender does, and compares the [`digest`](Self::digest).
#[derive(Clone, PartialEq, Eq)]
pub struct GroupTargets {
    state: ([u8; 32], u64, [u8; 32]),
    targets: Vec<GroupTarget>,
    suspended: Vec<String>,
    missing: Vec<String>,
}

impl GroupTargets {
    /// The devices, ascending by the bytes of the account's name, then by device id. Slots are in
    /// this order.
    #[must_use]
    pub fn targets(&self) -> &[GroupTarget] {
        &self.targets
    }

    /// Members whose newest roster is under another account key than the state names. They get
    /// nothing until an admin removes them and adds them again. Show them.
    #[must_use]
    pub fn suspended(&self) -> &[String] {
        &self.suspended
    }

    /// Members of whom no roster is known. Fetch it.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Leaves devices out, such as those of a member who left and is not removed yet.
    pub fn retain(&mut self, keep: impl FnMut(&GroupTarget) -> bool) {
        self.targets.retain(keep);
    }

    /// Digest of the group's state and of all targets, in order.
    ///
    /// ```text
    /// SHA-256("waxseal/1/roster/group-targets" || group 32 || version be64 || state hash 32
    ///         || for each target: len u8 || account || device be32 || identity 64)
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let (group, version, state) = &self.state;
        let mut hash = Sha256::new_with_prefix(labels::GROUP_TARGETS);
        hash.update(group);
        hash.update(version.to_be_bytes());
        hash.update(state);
        for target in &self.targets {
            let mut out = Vec::with_capacity(197);
            put_short(&mut out, target.account.as_bytes());
            out.extend_from_slice(&target.device.to_be_bytes());
            out.extend_from_slice(&target.identity);
            hash.update(&out);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for GroupTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupTargets")
            .field("targets", &self.targets.len())
            .field("suspended", &self.suspended.len())
            .field("missing", &self.missing.len())
            .finish_non_exhaustive()
    }
}

impl GroupState {
    /// The devices to which a message of this device goes: those of all members, without the
    /// sending one.
    ///
    /// `roster` gives the newest known roster of a member, and `now_ms` the time by which a roster
    /// ages: see [`Roster::counting`].
    ///
    /// # Errors
    /// [`GroupError::NotMember`] if the sender is not in the group, [`GroupError::TooManyTargets`]
    /// if there are more than [`MAX_GROUP_TARGETS`].
    pub fn targets<'r>(
        &self,
        (sender, device): (&str, u32),
        mut roster: impl FnMut(&str) -> Option<&'r Roster>,
        mut now_ms: impl FnMut(&Roster) -> u64,
    ) -> Result<GroupTargets, GroupError> {
        if !self.is_member(sender) {
            return Err(GroupError::NotMember);
        }
        let mut found = GroupTargets {
            state: (self.group.to_bytes(), self.version, self.hash()),
            targets: Vec::new(),
            suspended: Vec::new(),
            missing: Vec::new(),
        };
        // One device may have agreed to be in several accounts. It gets each message once.
        let own = roster(sender).and_then(|roster| roster.device(device));
        let key = |entry: &DeviceEntry| *signing_half(&entry.identity);
        let mut seen: BTreeSet<[u8; 32]> = own.map(key).into_iter().collect();
        for member in self.members() {
            let account = member.account();
            let Some(roster) = roster(account).filter(|roster| roster.account() == account) else {
                found.missing.push(account.to_owned());
                continue;
            };
            // CHK-407: devices are targets only under the account key that the state names.
            if roster.account_key() != member.account_key() {
                found.suspended.push(account.to_owned());
                continue;
            }
            for entry in roster.counting(now_ms(roster)) {
                let is_sender = account == sender && entry.id == device;
                if is_sender || !seen.insert(key(entry)) {
                    continue;
                }
                // CHK-408: at most 4,096 targets.
                if found.targets.len() >= MAX_GROUP_TARGETS {
                    return Err(GroupError::TooManyTargets);
                }
                found.targets.push(GroupTarget {
                    account: account.to_owned(),
                    device: entry.id,
                    identity: entry.identity,
                });
            }
        }
        Ok(found)
    }
}
