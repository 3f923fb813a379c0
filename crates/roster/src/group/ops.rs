//! Operations: what an entry changes.

use core::fmt;

use super::form;
use super::state::{GroupPolicy, Member, Role, position};
use crate::account::AccountName;
use crate::account_key::AccountKey;
use crate::codec::{Reader, put_short};
use crate::error::GroupError;

#[cfg(test)]
mod tests;

/// One change of a group. `Debug` shows no names.
///
/// ```text
/// 01 || len u8 || account || role u8 || account key 32     adds a member
/// 02 || len u8 || account                                  removes a member
/// 03 || len u8 || account || role u8                       changes a member's role
/// 04 || policy u8                                          changes the policy
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum GroupOp {
    /// Adds an account that is not in the group.
    Add {
        /// Name of the account.
        account: String,
        /// What the member may do.
        role: Role,
        /// The account's key, as the admin pinned it.
        account_key: AccountKey,
    },
    /// Removes a member.
    Remove {
        /// Name of the account.
        account: String,
    },
    /// Gives a member another role.
    Role {
        /// Name of the account.
        account: String,
        /// The new role.
        role: Role,
    },
    /// Sets another policy.
    Policy(GroupPolicy),
}

impl GroupOp {
    /// Adds an account.
    #[must_use]
    pub fn add(account: &str, role: Role, account_key: AccountKey) -> Self {
        Self::Add {
            account: account.to_owned(),
            role,
            account_key,
        }
    }

    /// Removes a member. An addition under another account key may follow in the same entry.
    #[must_use]
    pub fn remove(account: &str) -> Self {
        Self::Remove {
            account: account.to_owned(),
        }
    }

    /// Gives a member another role.
    #[must_use]
    pub fn role(account: &str, role: Role) -> Self {
        Self::Role {
            account: account.to_owned(),
            role,
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Add {
                account,
                role,
                account_key,
            } => {
                out.push(ADD);
                put_short(out, account.as_bytes());
                out.push(role.to_u8());
                out.extend_from_slice(account_key.as_bytes());
            }
            Self::Remove { account } => {
                out.push(REMOVE);
                put_short(out, account.as_bytes());
            }
            Self::Role { account, role } => {
                out.push(ROLE);
                put_short(out, account.as_bytes());
                out.push(role.to_u8());
            }
            Self::Policy(policy) => out.extend_from_slice(&[POLICY, policy.to_u8()]),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, GroupError> {
        // CHK-392: operations, roles and policies are known ones.
        let malformed = GroupError::Malformed;
        let kind = reader.u8().ok_or(malformed)?;
        if kind == POLICY {
            let policy = reader.u8().and_then(GroupPolicy::from_u8);
            return policy.map(Self::Policy).ok_or(malformed);
        }
        if !(ADD..=ROLE).contains(&kind) {
            return Err(malformed);
        }
        let account = form::name(reader)?.as_str().to_owned();
        if kind == REMOVE {
            return Ok(Self::Remove { account });
        }
        let role = reader.u8().and_then(Role::from_u8).ok_or(malformed)?;
        if kind == ROLE {
            return Ok(Self::Role { account, role });
        }
        Ok(Self::Add {
            account,
            role,
            account_key: AccountKey::of_unchecked(reader.array().ok_or(malformed)?),
        })
    }
}

impl fmt::Debug for GroupOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { role, .. } => write!(f, "Add({role:?})"),
            Self::Remove { .. } => f.write_str("Remove"),
            Self::Role { role, .. } => write!(f, "Role({role:?})"),
            Self::Policy(policy) => f.debug_tuple("Policy").field(policy).finish(),
        }
    }
}

const ADD: u8 = 1;
const REMOVE: u8 = 2;
const ROLE: u8 = 3;
const POLICY: u8 = 4;

/// Members and policy while the operations of an entry are carried out.
pub(super) struct Changing {
    pub(super) policy: GroupPolicy,
    pub(super) members: Vec<Member>,
    /// Whether an admin was removed, or is no admin any more.
    pub(super) is_admin_gone: bool,
    /// Version of the entry.
    version: u64,
    is_policy_set: bool,
    /// The accounts that were named, each with its key if it was removed.
    named: Vec<(String, Option<AccountKey>)>,
}

impl Changing {
    pub(super) fn new(policy: GroupPolicy, members: Vec<Member>, version: u64) -> Self {
        Self {
            policy,
            members,
            is_admin_gone: false,
            version,
            is_policy_set: false,
            named: Vec::new(),
        }
    }

    /// Carries out all operations in order.
    pub(super) fn run(&mut self, ops: &[GroupOp]) -> Result<(), GroupError> {
        for (number, op) in ops.iter().enumerate() {
            // CHK-400: each operation changes what the ones before it left. An account is named
            // once, but a removed one may be added again under another key.
            self.step(op).ok_or(GroupError::OpDoesNotFit { number })?;
        }
        Ok(())
    }

    fn step(&mut self, op: &GroupOp) -> Option<()> {
        match op {
            GroupOp::Add {
                account,
                role,
                account_key,
            } => {
                match self.named.iter().find(|(name, _)| name == account) {
                    Some((_, Some(removed))) if removed != account_key => {}
                    Some(_) => return None,
                    None => {}
                }
                let at = position(&self.members, account).err()?;
                let member = Member {
                    account: AccountName::new(account)?,
                    role: *role,
                    account_key: *account_key,
                    since: self.version,
                };
                self.members.insert(at, member);
                self.named.retain(|(name, _)| name != account);
                self.named.push((account.clone(), None));
            }
            GroupOp::Remove { account } => {
                let at = self.unnamed(account)?;
                let member = self.members.remove(at);
                self.is_admin_gone |= member.role == Role::Admin;
                self.named.push((account.clone(), Some(member.account_key)));
            }
            GroupOp::Role { account, role } => {
                let at = self.unnamed(account)?;
                let member = self
                    .members
                    .get_mut(at)
                    .filter(|known| known.role != *role)?;
                self.is_admin_gone |= member.role == Role::Admin;
                member.role = *role;
                self.named.push((account.clone(), None));
            }
            GroupOp::Policy(policy) => {
                if self.is_policy_set || self.policy == *policy {
                    return None;
                }
                self.policy = *policy;
                self.is_policy_set = true;
            }
        }
        Some(())
    }

    /// Where a member is that no operation named yet.
    fn unnamed(&self, account: &str) -> Option<usize> {
        let is_named = self.named.iter().any(|(name, _)| name == account);
        position(&self.members, account).ok().filter(|_| !is_named)
    }
}
