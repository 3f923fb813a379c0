//! Makes entries: what an admin signs with the authority's seed.

use subtle::ConstantTimeEq as _;

use super::apply;
use super::authority::{AuthorityKey, AuthoritySeed};
use super::entry::{Body, SignedEntry, check_count};
use super::id::GroupId;
use super::ops::GroupOp;
use super::state::GroupState;
use crate::account::AccountName;
use crate::error::GroupError;

#[cfg(test)]
mod tests;

impl AuthoritySeed {
    /// Takes a seed that another device sent for a group.
    ///
    /// # Errors
    /// [`GroupError::OtherSeed`] if it is not that of the state's authority.
    ///
    /// # Security
    /// The caller checks that the sender is an admin of the state.
    pub fn of_state(bytes: &[u8; 32], state: &GroupState) -> Result<Self, GroupError> {
        let seed = Self::from_bytes(bytes);
        seed.check(state).map(|()| seed)
    }

    fn check(&self, state: &GroupState) -> Result<(), GroupError> {
        // CHK-406: the seed is that of the authority in the state.
        match bool::from(self.public().as_bytes().ct_eq(state.authority.as_bytes())) {
            true => Ok(()),
            false => Err(GroupError::OtherSeed),
        }
    }

    /// Signs the first entry of a new group, whose authority this seed is. The first operation adds
    /// the actor as admin.
    ///
    /// # Errors
    /// [`GroupError`] if a member cannot be added.
    ///
    /// # Security
    /// Draw a seed for each group. Two first entries of one seed are a fork.
    pub fn create_group(
        &self,
        actor: &str,
        ops: &[GroupOp],
        at_ms: u64,
    ) -> Result<SignedEntry, GroupError> {
        let authority = self.public();
        let group = GroupId::of_authority(&authority);
        let mut body = draft(group, actor, ops, authority, at_ms)?;
        body.version = 1;
        let state = apply::first(&body)?;
        self.finish(body, &state)
    }

    /// Signs the entry that follows a state.
    ///
    /// `authority` is the public half of a new seed, if the authority changes. It must change if an
    /// admin is removed or gets another role.
    ///
    /// # Errors
    /// [`GroupError`] if this is not the seed of the state's authority, the actor is no admin, an
    /// operation does not fit the state, or the authority has to change and does not.
    ///
    /// # Security
    /// Hand a new seed to all other admins before you post the entry. If the relay takes another
    /// entry of this version, discard this one and its new seed: two entries of one version are a
    /// fork.
    pub fn sign_entry(
        &self,
        state: &GroupState,
        actor: &str,
        ops: &[GroupOp],
        authority: Option<&AuthorityKey>,
        at_ms: u64,
    ) -> Result<SignedEntry, GroupError> {
        self.check(state)?;
        let authority = *authority.unwrap_or(&state.authority);
        let mut body = draft(state.group, actor, ops, authority, at_ms)?;
        body.version = state.version.checked_add(1).ok_or(GroupError::NotNext)?;
        body.previous = state.hash();
        let next = apply::next(state, &body)?;
        self.finish(body, &next)
    }

    fn finish(&self, mut body: Body, state: &GroupState) -> Result<SignedEntry, GroupError> {
        body.state_hash = state.hash();
        body.encode();
        let entry = SignedEntry {
            signature: self.sign(&body.bytes),
            body,
        };
        entry.check_keys().map(|()| entry)
    }
}

/// An entry whose version and hashes are still to be filled in.
fn draft(
    group: GroupId,
    actor: &str,
    ops: &[GroupOp],
    authority: AuthorityKey,
    at_ms: u64,
) -> Result<Body, GroupError> {
    check_count(ops.len())?;
    Ok(Body {
        bytes: Vec::new(),
        group,
        version: 0,
        previous: [0; 32],
        at_ms,
        actor: AccountName::new(actor).ok_or(GroupError::AccountName)?,
        authority,
        ops: ops.to_vec(),
        state_hash: [0; 32],
    })
}
