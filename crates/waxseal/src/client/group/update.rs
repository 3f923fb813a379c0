//! What news of a group changed.

use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{GroupId, GroupState, SignedEntry};

use super::{Group, GroupStanding};

/// What news of a group changed. Accounts ascend.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupUpdate {
    /// The group.
    pub group: GroupId,
    /// How this account stands to it now.
    pub standing: GroupStanding,
    /// Version of the newest known state.
    pub version: u64,
    /// Members that are new, or were added again.
    pub added: Vec<AccountId>,
    /// Members that are gone.
    pub removed: Vec<AccountId>,
    /// Members that have another role.
    pub roles: Vec<AccountId>,
    /// Whether the policy is another one.
    pub policy: bool,
    /// The same step by step, oldest first: who changed what, and when. Empty if nothing is new.
    pub steps: Vec<GroupStep>,
}

/// What one entry changed in a group. Accounts ascend.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStep {
    /// The admin who changed it, as the provider says: all admins sign with one key. `None` if
    /// there were too many entries: then the changes of several admins are one step.
    pub by: Option<AccountId>,
    /// Version of the state that the entry made.
    pub version: u64,
    /// When the provider accepted the entry.
    pub accepted_at: Timestamp,
    /// Members that are new, or were added again.
    pub added: Vec<AccountId>,
    /// Members that are gone.
    pub removed: Vec<AccountId>,
    /// Members that have another role.
    pub roles: Vec<AccountId>,
    /// Whether the policy is another one.
    pub policy: bool,
}

impl std::fmt::Debug for GroupUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupUpdate")
            .field("standing", &self.standing)
            .field("version", &self.version)
            .field("added", &self.added.len())
            .field("removed", &self.removed.len())
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GroupStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupStep")
            .field("version", &self.version)
            .field("added", &self.added.len())
            .field("removed", &self.removed.len())
            .finish_non_exhaustive()
    }
}

/// How two states differ.
struct Difference {
    added: Vec<AccountId>,
    removed: Vec<AccountId>,
    roles: Vec<AccountId>,
    policy: bool,
}

impl Difference {
    fn between(before: Option<&GroupState>, after: Option<&GroupState>) -> Self {
        let members = |state: Option<&GroupState>| -> Vec<_> {
            let members = state.into_iter().flat_map(GroupState::members);
            members.cloned().collect()
        };
        let account = |name: &str| AccountId::new(name).ok();
        let (mut added, mut removed, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for member in members(after) {
            let known = before.and_then(|state| state.member(member.account()));
            match known {
                Some(known) if known.since() == member.since() => {
                    if known.role() != member.role() {
                        roles.extend(account(member.account()));
                    }
                }
                _ => added.extend(account(member.account())),
            }
        }
        for member in members(before) {
            if after.is_none_or(|state| !state.is_member(member.account())) {
                removed.extend(account(member.account()));
            }
        }
        let policy = |state: Option<&GroupState>| state.map(GroupState::policy);
        Self {
            added,
            removed,
            roles,
            policy: policy(before).unwrap_or_default() != policy(after).unwrap_or_default(),
        }
    }
}

impl GroupStep {
    /// What an entry made of the state before. `is_whole` if there were others between.
    pub(super) fn of(
        entry: &SignedEntry,
        before: Option<&GroupState>,
        after: Option<&GroupState>,
        accepted_at: Timestamp,
        is_whole: bool,
    ) -> Self {
        let Difference {
            added,
            removed,
            roles,
            policy,
        } = Difference::between(before, after);
        let by = AccountId::new(entry.actor()).ok();
        Self {
            by: by.filter(|_| !is_whole),
            version: entry.version(),
            accepted_at,
            added,
            removed,
            roles,
            policy,
        }
    }
}

impl GroupUpdate {
    pub(super) fn nothing(group: &Group) -> Self {
        Self::between(group.log.as_ref().map(|log| log.state()), group, Vec::new())
    }

    pub(super) fn between(
        before: Option<&GroupState>,
        group: &Group,
        steps: Vec<GroupStep>,
    ) -> Self {
        let after = group.log.as_ref().map(|log| log.state());
        let Difference {
            added,
            removed,
            roles,
            policy,
        } = Difference::between(before, after);
        Self {
            group: group.id,
            standing: group.standing(),
            version: after.map_or(0, GroupState::version),
            added,
            removed,
            roles,
            policy,
            steps,
        }
    }
}
