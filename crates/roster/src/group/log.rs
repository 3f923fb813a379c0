//! What clients and relays keep of a group, and which entries change it.

use core::cmp::Ordering;
use core::fmt;

use super::entry::SignedEntry;
use super::id::GroupId;
use super::proof::AuthorityChain;
use super::state::{GroupState, Member};
use crate::error::GroupError;
use crate::limits::MAX_RECENT_STATES;

#[cfg(test)]
mod tests;

/// What a client or relay keeps of a group: the newest state with the entry that made it, the
/// [`AuthorityChain`], and the hashes of the states before.
///
/// Only the next entry moves it, or a later state that the chain proves. If it finds two entries or
/// states of one version, somebody with the authority made both: a fork.
///
/// ```text
///   GroupLog::first ──> version 1 ──take──> version 2 ──take──> ...
///   GroupLog::join  ──> version n ──take──> version n + 1
///                                 ──take_state──> any later version
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct GroupLog {
    pub(super) state: GroupState,
    pub(super) entry: SignedEntry,
    pub(super) chain: AuthorityChain,
    /// Hashes of the states before the newest, oldest first, without a gap.
    pub(super) recent: Vec<[u8; 32]>,
}

impl GroupLog {
    /// Starts with the first entry of a group.
    ///
    /// # Errors
    /// [`GroupError`] if it is not the first entry of this group, or breaks a rule.
    pub fn first(entry: &SignedEntry, group: &GroupId) -> Result<Self, GroupError> {
        let state = entry.found(group)?;
        Ok(Self {
            chain: AuthorityChain::new(*state.authority()),
            entry: entry.clone(),
            recent: Vec::new(),
            state,
        })
    }

    /// Starts with a state that came from somewhere, as a newcomer does. The entry made the state,
    /// and the chain proves it.
    ///
    /// # Errors
    /// [`GroupError`] if the chain does not prove the state.
    ///
    /// # Security
    /// See [`AuthorityChain::prove`].
    pub fn join(
        state: &[u8],
        entry: SignedEntry,
        chain: AuthorityChain,
    ) -> Result<Self, GroupError> {
        let state = chain.prove(state, &entry)?;
        let before = (state.version() > 1).then(|| entry.previous());
        Ok(Self {
            state,
            recent: before.into_iter().collect(),
            entry,
            chain,
        })
    }

    /// The newest state.
    #[must_use]
    pub fn state(&self) -> &GroupState {
        &self.state
    }

    /// The entry that made the newest state.
    #[must_use]
    pub fn entry(&self) -> &SignedEntry {
        &self.entry
    }

    /// The proof of the newest authority.
    #[must_use]
    pub fn authority_chain(&self) -> &AuthorityChain {
        &self.chain
    }

    /// Takes an entry if it is the next one.
    ///
    /// A relay first checks that the account that posts the entry is its actor. If two admins post
    /// at the same time, the second entry looks like a fork to the relay, which is no alarm there:
    /// it answers with the entry that it has.
    ///
    /// # Errors
    /// [`GroupError`] if it breaks a rule; [`GroupError::Fork`] if another entry or state of a
    /// version is known and the authority signed both. Nothing is changed.
    pub fn take(&mut self, entry: &SignedEntry) -> Result<GroupChange, GroupError> {
        // CHK-396: the entry is of this group.
        if entry.group() != self.state.group() {
            return Err(GroupError::OtherGroup);
        }
        if entry.version() <= self.state.version() {
            return self.known(entry);
        }
        if Some(entry.version()) != self.state.version().checked_add(1) {
            return Ok(GroupChange::Gap);
        }
        let state = match self.state.apply(entry) {
            // CHK-409: an entry that the authority signed for another state of a known version is
            // a fork.
            Err(GroupError::OtherPrevious) => return Err(GroupError::Fork),
            other => other?,
        };
        self.chain.follow(entry)?;
        let change = GroupChange::between(&self.state, &state);
        if self.recent.len() >= MAX_RECENT_STATES {
            self.recent.remove(0);
        }
        self.recent.push(self.state.hash());
        self.state = state;
        self.entry = entry.clone();
        Ok(change)
    }

    /// Compares an entry of a version up to the newest with what is kept.
    fn known(&self, entry: &SignedEntry) -> Result<GroupChange, GroupError> {
        let version = entry.version();
        let is_newest = version == self.state.version();
        if is_newest && entry.body == self.entry.body {
            return Ok(GroupChange::Same);
        }
        let other_change = self.chain.change(version);
        let other_change = other_change.is_some_and(|change| change.body != entry.body);
        let other_state = self.compare(version, &entry.state_hash()) == Compared::Differs;
        if !is_newest && !other_change && !other_state {
            return Ok(GroupChange::Older);
        }
        entry.check_signature(self.chain.before(version))?;
        // CHK-409: each version has one entry and one state, or the authority signed a fork.
        Err(GroupError::Fork)
    }

    /// Takes a whole state if it is newer, with the entry that made it. For whoever was away for
    /// long.
    ///
    /// # Errors
    /// [`GroupError`] if the chain does not prove the state; [`GroupError::Fork`] if it proves
    /// another past than the known one. Nothing is changed.
    pub fn take_state(
        &mut self,
        state: &[u8],
        entry: SignedEntry,
        chain: AuthorityChain,
    ) -> Result<GroupChange, GroupError> {
        // CHK-396: the chain is that of this group.
        if chain.group() != self.state.group() {
            return Err(GroupError::OtherGroup);
        }
        let other = Self::join(state, entry, chain)?;
        let known = self.state.version();
        let fits = match other.state.version().cmp(&known) {
            Ordering::Greater => {
                let follows = other.compare(known, &self.state.hash()) != Compared::Differs;
                follows && self.chain.goes_on_in(&other.chain, known)
            }
            Ordering::Equal => other.state == self.state,
            Ordering::Less => {
                let compared = self.compare(other.state.version(), &other.state.hash());
                compared != Compared::Differs
                    && other.chain.goes_on_in(&self.chain, other.state.version())
            }
        };
        // CHK-409: a proven state or authority that differs from the known one is a fork.
        if !fits {
            return Err(GroupError::Fork);
        }
        match other.state.version().cmp(&known) {
            Ordering::Less => Ok(GroupChange::Older),
            Ordering::Equal => Ok(GroupChange::Same),
            Ordering::Greater => {
                let change = GroupChange::between(&self.state, &other.state);
                *self = other;
                Ok(change)
            }
        }
    }

    /// Compares version and hash of a state, as a message names them, with what is known.
    #[must_use]
    pub fn compare(&self, version: u64, hash: &[u8; 32]) -> Compared {
        let newest = self.state.version();
        let known = match newest.checked_sub(version) {
            None => return Compared::Newer,
            Some(0) => Some(self.state.hash()),
            Some(back) => usize::try_from(back)
                .ok()
                .and_then(|back| self.recent.len().checked_sub(back))
                .and_then(|at| self.recent.get(at).copied()),
        };
        match known {
            None => Compared::Forgotten,
            Some(known) if known != *hash => Compared::Differs,
            Some(_) if version == newest => Compared::Newest,
            Some(_) => Compared::Older,
        }
    }
}

impl fmt::Debug for GroupLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLog")
            .field("state", &self.state)
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// What is known of a version and hash that a message names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compared {
    /// It is the newest state.
    Newest,
    /// It is an earlier state, which was the one of that version.
    Older,
    /// The version is known with another hash. The sender was shown another group, or lies. Do not
    /// open the message. An entry of that version that the authority signed is a
    /// [`GroupError::Fork`].
    Differs,
    /// The version is not known yet. Fetch the entries.
    Newer,
    /// The version is so old that its hash is not kept, or it is from before one's time.
    Forgotten,
}

/// What an entry or state changed. `Debug` shows no names.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupChange {
    /// It is the known one.
    Same,
    /// It is older than the known one, which stays. Its sender may need the known one. Not
    /// verified.
    Older,
    /// Entries between the known state and this one are missing. Fetch them, or the whole state.
    /// Not verified, and nothing was changed.
    Gap,
    /// It is newer, and is the known one from now on. Names of accounts ascend.
    Newer {
        /// Accounts that were not in the group before.
        added: Vec<String>,
        /// Accounts that are in the group no more.
        removed: Vec<String>,
        /// Members that are there under another account key.
        rekeyed: Vec<String>,
        /// Members that have another role.
        roles: Vec<String>,
        /// Whether the authority changed. Admins need its seed.
        authority: bool,
        /// Whether the policy changed.
        policy: bool,
    },
}

impl GroupChange {
    fn between(old: &GroupState, new: &GroupState) -> Self {
        let (mut rekeyed, mut roles) = (Vec::new(), Vec::new());
        for member in new.members() {
            let Some(known) = old.member(member.account()) else {
                continue;
            };
            if known.account_key() != member.account_key() {
                rekeyed.push(member.account().to_owned());
            }
            if known.role() != member.role() {
                roles.push(member.account().to_owned());
            }
        }
        Self::Newer {
            added: lacking(new.members(), old),
            removed: lacking(old.members(), new),
            rekeyed,
            roles,
            authority: old.authority() != new.authority(),
            policy: old.policy() != new.policy(),
        }
    }
}

impl fmt::Debug for GroupChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("Same"),
            Self::Older => f.write_str("Older"),
            Self::Gap => f.write_str("Gap"),
            Self::Newer { added, removed, .. } => f
                .debug_struct("Newer")
                .field("added", &added.len())
                .field("removed", &removed.len())
                .finish_non_exhaustive(),
        }
    }
}

/// The names of members whom a state lacks.
fn lacking(members: &[Member], state: &GroupState) -> Vec<String> {
    let names = members.iter().map(Member::account);
    let names = names.filter(|name| !state.is_member(name));
    names.map(str::to_owned).collect()
}
