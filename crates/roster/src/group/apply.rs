//! Verifies entries and carries them out.

use super::authority::AuthorityKey;
use super::entry::{Body, SignedEntry};
use super::id::GroupId;
use super::ops::{Changing, GroupOp};
use super::state::{GroupPolicy, GroupState, Role, check_admin};
use crate::error::GroupError;
use crate::limits::MAX_MEMBERS;

#[cfg(test)]
mod tests;

impl SignedEntry {
    /// Verifies the first entry of a group, and returns the group's first state.
    ///
    /// # Errors
    /// [`GroupError`] if it is not the first entry of this group, or breaks a rule.
    pub fn found(&self, group: &GroupId) -> Result<GroupState, GroupError> {
        let body = &self.body;
        // CHK-396: the entry is of the group that it was asked for.
        if body.group != *group {
            return Err(GroupError::OtherGroup);
        }
        // CHK-395: the group's id is the hash of its first authority.
        if GroupId::of_authority(&body.authority) != body.group {
            return Err(GroupError::OtherAuthority);
        }
        // CHK-398: the first entry has version 1, and no state before it.
        if body.version != 1 {
            return Err(GroupError::NotNext);
        }
        self.check_keys()?;
        self.check_signature(&body.authority)?;
        if body.previous != [0; 32] {
            return Err(GroupError::OtherPrevious);
        }
        body.finish(first(body)?)
    }
}

impl GroupState {
    /// Verifies the entry that follows this state, and returns the next state.
    ///
    /// [`GroupLog::take`](super::GroupLog::take) does this for the newest state, and finds forks.
    ///
    /// # Errors
    /// [`GroupError`] if the entry does not follow this state, or breaks a rule.
    pub fn apply(&self, entry: &SignedEntry) -> Result<Self, GroupError> {
        let body = &entry.body;
        // CHK-396: the entry is of this group.
        if body.group != self.group {
            return Err(GroupError::OtherGroup);
        }
        // CHK-398: the version is the next one, and the entry names the hash of this state.
        if Some(body.version) != self.version.checked_add(1) {
            return Err(GroupError::NotNext);
        }
        entry.check_keys()?;
        entry.check_signature(&self.authority)?;
        if body.previous != self.hash() {
            return Err(GroupError::OtherPrevious);
        }
        body.finish(next(self, body)?)
    }
}

impl Body {
    /// Checks that the entry says of the new state what it is.
    fn finish(&self, state: GroupState) -> Result<GroupState, GroupError> {
        // CHK-403: the hash of the new state is the one in the entry.
        match self.state_hash == state.hash() {
            true => Ok(state),
            false => Err(GroupError::StateHash),
        }
    }
}

/// The state that the first entry of a group makes.
pub(super) fn first(body: &Body) -> Result<GroupState, GroupError> {
    let actor = body.actor.as_str();
    // CHK-401: the first operation adds the actor as admin.
    match body.ops.first() {
        Some(GroupOp::Add { account, role, .. }) if account == actor && *role == Role::Admin => {}
        _ => return Err(GroupError::Actor),
    }
    let none = Changing::new(GroupPolicy::default(), Vec::new(), body.version);
    run(none, body, None)
}

/// The state that an entry makes of the state before it.
pub(super) fn next(state: &GroupState, body: &Body) -> Result<GroupState, GroupError> {
    // CHK-401: the actor is an admin of the state before.
    if !state.is_admin(body.actor.as_str()) {
        return Err(GroupError::Actor);
    }
    let changing = Changing::new(state.policy, state.members.clone(), body.version);
    run(changing, body, Some(&state.authority))
}

/// Carries out the operations of an entry. `before` is the authority that signed it.
fn run(
    mut changing: Changing,
    body: &Body,
    before: Option<&AuthorityKey>,
) -> Result<GroupState, GroupError> {
    changing.run(&body.ops)?;
    // CHK-393: at most 1,024 members.
    if changing.members.len() > MAX_MEMBERS {
        return Err(GroupError::Members);
    }
    check_admin(&changing.members)?;
    // CHK-402: without an admin of before, there is a new authority.
    if changing.is_admin_gone && before == Some(&body.authority) {
        return Err(GroupError::SameAuthority);
    }
    Ok(GroupState::new(
        body.group,
        body.version,
        body.authority,
        changing.policy,
        changing.members,
    ))
}
