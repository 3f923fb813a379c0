//! The state of a group: who is in it, and who may do what.

use core::fmt;

use sha2::{Digest, Sha256};

use super::authority::AuthorityKey;
use super::form;
use super::id::GroupId;
use crate::account::AccountName;
use crate::account_key::{AccountKey, verifying_key};
use crate::codec::{Reader, put_short};
use crate::delegation::VERSION;
use crate::error::GroupError;
use crate::labels;
use crate::limits::{MAX_GROUP_STATE_LEN, MAX_MEMBERS};

#[cfg(test)]
mod tests;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads, and writes if the policy allows it.
    Member,
    /// Writes, and changes the group.
    Admin,
}

impl Role {
    pub(super) fn to_u8(self) -> u8 {
        match self {
            Self::Member => 1,
            Self::Admin => 2,
        }
    }

    pub(super) fn from_u8(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Member),
            2 => Some(Self::Admin),
            _ => None,
        }
    }
}

/// What holds for all members. A new group has the default: everybody writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupPolicy {
    /// Whether only admins write.
    pub admins_write: bool,
}

impl GroupPolicy {
    pub(super) fn to_u8(self) -> u8 {
        u8::from(self.admins_write)
    }

    /// Reads a policy. No bit but the lowest has a meaning yet.
    pub(super) fn from_u8(byte: u8) -> Option<Self> {
        (byte <= 1).then_some(Self {
            admins_write: byte == 1,
        })
    }
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    pub(super) account: AccountName,
    pub(super) role: Role,
    pub(super) account_key: AccountKey,
    pub(super) since: u64,
}

impl Member {
    /// Name of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account.as_str()
    }

    /// What the member may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The account's key, as the admin who added the member had pinned it. No message goes to
    /// devices under another key.
    #[must_use]
    pub fn account_key(&self) -> &AccountKey {
        &self.account_key
    }

    /// Version of the entry that added the member.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_short(out, self.account.as_bytes());
        out.push(self.role.to_u8());
        out.extend_from_slice(self.account_key.as_bytes());
        out.extend_from_slice(&self.since.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, GroupError> {
        let account = form::name(reader)?;
        let mut fields = || {
            let role = Role::from_u8(reader.u8()?)?;
            Some((role, reader.array()?, reader.u64()?))
        };
        // CHK-392: each member is whole and has a known role.
        let (role, key, since) = fields().ok_or(GroupError::Malformed)?;
        Ok(Self {
            account,
            role,
            account_key: AccountKey::of_unchecked(key),
            since,
        })
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("role", &self.role)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// Who is in a group, under which account key, and who may do what.
///
/// The authority signed it: by an entry that was applied to the state before, or by the newest
/// entry and an [`AuthorityChain`](super::AuthorityChain). Each entry makes the next state.
///
/// ```text
/// 01 || group 32 || version be64 || authority 32 || policy u8 || count be16 (1 to 1,024)
/// || count x (len u8 || account || role u8 || account key 32 || since be64), accounts ascending
///
///   SignedEntry::found ──> version 1 ──apply──> version 2 ──apply──> ...
/// ```
///
/// # Size
/// At most [`MAX_GROUP_STATE_LEN`] bytes, and about 55 kB for 1,000 members with names of 12 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupState {
    pub(super) group: GroupId,
    pub(super) version: u64,
    pub(super) authority: AuthorityKey,
    pub(super) policy: GroupPolicy,
    pub(super) members: Vec<Member>,
    hash: [u8; 32],
}

impl GroupState {
    /// Puts a state together. The members are in order.
    pub(super) fn new(
        group: GroupId,
        version: u64,
        authority: AuthorityKey,
        policy: GroupPolicy,
        members: Vec<Member>,
    ) -> Self {
        let mut state = Self {
            group,
            version,
            authority,
            policy,
            members,
            hash: [0; 32],
        };
        state.hash = hash(&state.encode());
        state
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.group
    }

    /// Number of the state, from 1. Each entry raises it by one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The key that signs the next entry.
    #[must_use]
    pub fn authority(&self) -> &AuthorityKey {
        &self.authority
    }

    /// What holds for all members.
    #[must_use]
    pub fn policy(&self) -> GroupPolicy {
        self.policy
    }

    /// All members, ascending by the bytes of their names.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member with this name.
    #[must_use]
    pub fn member(&self, account: &str) -> Option<&Member> {
        let at = position(&self.members, account).ok()?;
        self.members.get(at)
    }

    /// Whether an account is in the group.
    #[must_use]
    pub fn is_member(&self, account: &str) -> bool {
        self.member(account).is_some()
    }

    /// Whether an account is an admin of the group.
    #[must_use]
    pub fn is_admin(&self, account: &str) -> bool {
        let member = self.member(account);
        member.is_some_and(|member| member.role == Role::Admin)
    }

    /// Whether an account may write to the group.
    #[must_use]
    pub fn may_write(&self, account: &str) -> bool {
        match self.policy.admins_write {
            true => self.is_admin(account),
            false => self.is_member(account),
        }
    }

    /// SHA-256 over a label and the encoded state. The next entry and every message name it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Writes the state, to store it or to hand it to a newcomer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(self.authority.as_bytes());
        out.push(self.policy.to_u8());
        // A group has at most 1,024 members.
        let count = u16::try_from(self.members.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for member in &self.members {
            member.put(&mut out);
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`GroupError`] if the bytes do not have the form of a state.
    ///
    /// # Security
    /// Only for one's own storage: it trusts that the state was verified before. A state that
    /// somebody sent is read by [`AuthorityChain::prove`](super::AuthorityChain::prove).
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        let mut reader = form::open(bytes, MAX_GROUP_STATE_LEN)?;
        let fields = |reader: &mut Reader<'_>| {
            let group = GroupId::from_bytes(reader.array()?);
            let version = reader.u64().filter(|version| *version > 0)?;
            let authority = AuthorityKey::of_unchecked(reader.array()?);
            let policy = GroupPolicy::from_u8(reader.u8()?)?;
            Some((group, version, authority, policy, reader.u16()?))
        };
        // CHK-392: the version is not 0, and the policy is known.
        let fields = fields(&mut reader).ok_or(GroupError::Malformed)?;
        let (group, version, authority, policy, count) = fields;
        let count = usize::from(count);
        // CHK-393: 1 to 1,024 members with ascending names, each since a version up to this one.
        if count == 0 || count > MAX_MEMBERS {
            return Err(GroupError::Members);
        }
        let mut members: Vec<Member> = Vec::with_capacity(count);
        for _ in 0..count {
            let member = Member::read(&mut reader)?;
            let last = members.last().map(Member::account);
            if last.is_some_and(|last| last >= member.account())
                || !(1..=version).contains(&member.since)
            {
                return Err(GroupError::Members);
            }
            members.push(member);
        }
        // CHK-392: whole, without further bytes.
        reader.finish().ok_or(GroupError::Malformed)?;
        check_admin(&members)?;
        Ok(Self {
            group,
            version,
            authority,
            policy,
            members,
            hash: hash(bytes),
        })
    }

    /// Checks all keys, of the authority and of the members.
    pub(super) fn check_keys(&self) -> Result<(), GroupError> {
        let members = self.members.iter();
        let keys = members.map(|member| member.account_key.as_bytes());
        for key in keys.chain([self.authority.as_bytes()]) {
            verifying_key(key).map_err(|_| GroupError::InvalidKey)?;
        }
        Ok(())
    }
}

impl fmt::Debug for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupState")
            .field("version", &self.version)
            .field("authority", &self.authority)
            .field("policy", &self.policy)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}

/// Checks that a group has an admin.
pub(super) fn check_admin(members: &[Member]) -> Result<(), GroupError> {
    // CHK-394: at least one member is an admin.
    match members.iter().any(|member| member.role == Role::Admin) {
        true => Ok(()),
        false => Err(GroupError::NoAdmin),
    }
}

/// Where a member is, or where it would be.
pub(super) fn position(members: &[Member], account: &str) -> Result<usize, usize> {
    members.binary_search_by(|member| member.account().cmp(account))
}

fn hash(state: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(labels::GROUP_STATE);
    hash.update(state);
    hash.finalize().into()
}
