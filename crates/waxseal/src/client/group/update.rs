//! What news of a group changed.

use waxseal_reporting::AccountId;
use waxseal_roster::group::{GroupId, GroupState};

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
}

impl std::fmt::Debug for GroupUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupUpdate")
            .field("standing", &self.standing)
            .field("version", &self.version)
            .field("added", &self.added.len())
            .field("removed", &self.removed.len())
            .finish_non_exhaustive()
    }
}

impl GroupUpdate {
    pub(super) fn nothing(group: &Group) -> Self {
        Self::between(group.log.as_ref().map(|log| log.state()), group)
    }

    pub(super) fn between(before: Option<&GroupState>, group: &Group) -> Self {
        let after = group.log.as_ref().map(|log| log.state());
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
            group: group.id,
            standing: group.standing(),
            version: after.map_or(0, GroupState::version),
            added,
            removed,
            roles,
            policy: policy(before).unwrap_or_default() != policy(after).unwrap_or_default(),
        }
    }
}
