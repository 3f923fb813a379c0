//! Proves the authority of a group by the group's id.

use core::fmt;

use super::authority::AuthorityKey;
use super::entry::SignedEntry;
use super::form;
use super::id::GroupId;
use super::state::GroupState;
use crate::account_key::verifying_key;
use crate::codec::{Reader, put_medium};
use crate::delegation::VERSION;
use crate::error::GroupError;
use crate::limits::{MAX_AUTHORITY_CHAIN_LEN, MAX_AUTHORITY_CHANGES};

#[cfg(test)]
mod tests;

/// The entries that changed the authority of a group, oldest first. Each was signed by the
/// authority before it.
///
/// The id of the group is a hash of the first authority. So the chain proves which key is the
/// authority now, whoever hands it out: a relay, or the admin who welcomes a newcomer.
///
/// ```text
/// 01 || first authority 32 || count be16 (0 to 1,024) || count x (len be16 || signed entry)
/// ```
///
/// # Size
/// 35 bytes for a group whose authority never changed. At most [`MAX_AUTHORITY_CHAIN_LEN`].
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityChain {
    group: GroupId,
    first: AuthorityKey,
    changes: Vec<SignedEntry>,
    /// Length of the encoded changes.
    len: usize,
}

impl AuthorityChain {
    /// The chain of a new group.
    pub(super) fn new(first: AuthorityKey) -> Self {
        Self {
            group: GroupId::of_authority(&first),
            first,
            changes: Vec::new(),
            len: 0,
        }
    }

    /// Reads a chain and verifies it for this group.
    ///
    /// # Errors
    /// [`GroupError`] if the bytes are not a chain of this group.
    pub fn decode(bytes: &[u8], group: &GroupId) -> Result<Self, GroupError> {
        let (first, entries) = Self::parse(bytes)?;
        verifying_key(first.as_bytes()).map_err(|_| GroupError::InvalidKey)?;
        let mut chain = Self::new(first);
        // CHK-395: the group's id is the hash of its first authority.
        if chain.group != *group {
            return Err(GroupError::OtherAuthority);
        }
        for entry in entries {
            chain.check(&entry)?;
            chain.push(entry);
        }
        Ok(chain)
    }

    /// Reads a chain whose entries were verified before.
    pub(super) fn restore(bytes: &[u8]) -> Result<Self, GroupError> {
        let (first, entries) = Self::parse(bytes)?;
        let mut chain = Self::new(first);
        for entry in entries {
            chain.push(entry);
        }
        Ok(chain)
    }

    fn parse(bytes: &[u8]) -> Result<(AuthorityKey, Vec<SignedEntry>), GroupError> {
        let mut reader = form::open(bytes, MAX_AUTHORITY_CHAIN_LEN)?;
        let fields = |reader: &mut Reader<'_>| Some((reader.array()?, reader.u16()?));
        // CHK-392: whole, without further bytes.
        let (first, count) = fields(&mut reader).ok_or(GroupError::Malformed)?;
        if usize::from(count) > MAX_AUTHORITY_CHANGES {
            return Err(GroupError::Chain);
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            let entry = reader.medium().ok_or(GroupError::Malformed)?;
            entries.push(SignedEntry::decode(entry)?);
        }
        reader.finish().ok_or(GroupError::Malformed)?;
        Ok((AuthorityKey::of_unchecked(first), entries))
    }

    /// Writes the chain, to hand it to a newcomer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.first.as_bytes());
        // A chain has at most 1,024 entries.
        let count = u16::try_from(self.changes.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for entry in &self.changes {
            put_medium(&mut out, &entry.encode());
        }
        out
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.group
    }

    /// The newest authority.
    #[must_use]
    pub fn authority(&self) -> &AuthorityKey {
        let newest = self.changes.last();
        newest.map_or(&self.first, SignedEntry::authority)
    }

    /// Version of the entry that made the newest authority: 1 if it is the first.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.changes.last().map_or(1, SignedEntry::version)
    }

    /// Verifies a state that came from somewhere, by the entry that made it.
    ///
    /// Newcomers start with it, and whoever was away for so long that single entries are too many.
    ///
    /// # Errors
    /// [`GroupError`] if the bytes are not a state of this group, or if the chain's authority did
    /// not sign it.
    ///
    /// # Security
    /// It trusts the admins of all times: the states before are not seen, so no rule about them is
    /// checked. Whether it is the newest state is not known. A newcomer checks that the state names
    /// the own account, under the own key.
    pub fn prove(&self, state: &[u8], newest: &SignedEntry) -> Result<GroupState, GroupError> {
        let state = GroupState::decode(state)?;
        // CHK-396: chain, state and entry are of one group.
        if state.group != self.group || newest.body.group != self.group {
            return Err(GroupError::OtherGroup);
        }
        // CHK-405: the entry made this state, and the chain ends with its authority.
        if newest.version() != state.version
            || newest.state_hash() != state.hash()
            || newest.authority() != &state.authority
            || self.authority() != &state.authority
            || self.version() > state.version
        {
            return Err(GroupError::OtherState);
        }
        state.check_keys()?;
        if state.version == 1 {
            newest.found(&self.group)?;
        } else if self.version() < state.version {
            newest.check_signature(&state.authority)?;
        } else if self.changes.last().map(|last| &last.body) != Some(&newest.body) {
            return Err(GroupError::OtherState);
        }
        Ok(state)
    }

    /// The authority that signs the entry of a version: that of the version before.
    pub(super) fn before(&self, version: u64) -> &AuthorityKey {
        let mut earlier = self.changes.iter().rev();
        let newest = earlier.find(|change| change.version() < version);
        newest.map_or(&self.first, SignedEntry::authority)
    }

    /// The change that a version made.
    pub(super) fn change(&self, version: u64) -> Option<&SignedEntry> {
        let at = self
            .changes
            .binary_search_by_key(&version, SignedEntry::version);
        self.changes.get(at.ok()?)
    }

    /// Whether another chain goes on where this one ends, after the given version.
    pub(super) fn goes_on_in(&self, other: &Self, version: u64) -> bool {
        let (same, later) = match other.changes.split_at_checked(self.changes.len()) {
            Some(parts) => parts,
            None => return false,
        };
        let mut pairs = self.changes.iter().zip(same);
        self.first == other.first
            && pairs.all(|(one, other)| one.body == other.body)
            && later.iter().all(|change| change.version() > version)
    }

    /// Takes an entry that was verified, if it changes the authority.
    ///
    /// The chain is unchanged after an error.
    pub(super) fn follow(&mut self, entry: &SignedEntry) -> Result<(), GroupError> {
        if entry.authority() == self.authority() {
            return Ok(());
        }
        self.check(entry)?;
        self.push(entry.clone());
        Ok(())
    }

    /// Checks an entry that changes the authority.
    fn check(&self, entry: &SignedEntry) -> Result<(), GroupError> {
        // CHK-396: the entry is of this group.
        if entry.body.group != self.group {
            return Err(GroupError::OtherGroup);
        }
        let authority = entry.authority();
        let mut changes = self.changes.iter();
        let is_known = *authority == self.first || changes.any(|one| one.authority() == authority);
        let len = self.len.saturating_add(encoded_len(entry));
        // CHK-404: versions ascend, no authority comes back, and there are at most 1,024 changes
        // of 1 MiB together.
        if entry.version() <= self.version()
            || is_known
            || self.changes.len() >= MAX_AUTHORITY_CHANGES
            || len > MAX_AUTHORITY_CHAIN_LEN.saturating_sub(FIXED_LEN)
        {
            return Err(GroupError::Chain);
        }
        entry.check_keys()?;
        entry.check_signature(self.authority())
    }

    fn push(&mut self, entry: SignedEntry) {
        self.len = self.len.saturating_add(encoded_len(&entry));
        self.changes.push(entry);
    }
}

/// Length of a chain without changes.
const FIXED_LEN: usize = 35;

/// Length of an entry in a chain, with its length and signature.
fn encoded_len(entry: &SignedEntry) -> usize {
    entry.body.bytes.len().saturating_add(66)
}

impl fmt::Debug for AuthorityChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityChain")
            .field("version", &self.version())
            .field("authority", self.authority())
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}
