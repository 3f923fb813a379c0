//! Changes of a group that this device wants, and whether they still make sense.

use waxseal_reporting::AccountId;
use waxseal_roster::AccountKey;
use waxseal_roster::group::{GroupOp, GroupPolicy, GroupState, Role};

use crate::records::OpRecord;

/// A change of a group, which may take two operations.
///
/// The number is the version since which the account was a member when the user decided, and 0 if
/// it was none. A member that was added again later is not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Adds a member. If the account is one under another account key, removes that one.
    Add(AccountId, AccountKey, u64),
    Remove(AccountId, u64),
    Role(AccountId, Role, u64),
    Policy(GroupPolicy),
}

const ADD: u32 = 1;
const REMOVE: u32 = 2;
const ROLE: u32 = 3;
const POLICY: u32 = 4;

/// The version since which an account is a member, and 0 if it is none.
pub(super) fn since_of(state: &GroupState, account: &AccountId) -> u64 {
    let member = state.member(account.as_str());
    member.map_or(0, |member| member.since())
}

/// What an edit means for a state.
pub(super) enum Sense {
    /// It takes these operations.
    Makes(Vec<GroupOp>),
    /// The state is as the edit would make it.
    Done,
    /// It cannot be made any more.
    Lost,
}

impl Edit {
    pub(super) fn to_record(&self) -> OpRecord {
        let account = self.account().map(AccountId::as_str);
        let account = account.unwrap_or_default().to_owned();
        let (kind, account_key, is_admin, since) = match self {
            Self::Add(_, key, since) => (ADD, key.to_bytes().to_vec(), false, *since),
            Self::Remove(_, since) => (REMOVE, Vec::new(), false, *since),
            Self::Role(_, role, since) => (ROLE, Vec::new(), *role == Role::Admin, *since),
            Self::Policy(policy) => (POLICY, Vec::new(), policy.admins_write, 0),
        };
        OpRecord {
            kind,
            account,
            account_key,
            is_admin,
            since,
        }
    }

    pub(super) fn of(record: &OpRecord) -> Option<Self> {
        let account = || AccountId::new(&record.account).ok();
        let key = || AccountKey::from_bytes(record.account_key.as_slice().try_into().ok()?).ok();
        let role = match record.is_admin {
            true => Role::Admin,
            false => Role::Member,
        };
        let admins_write = record.is_admin;
        Some(match record.kind {
            ADD => Self::Add(account()?, key()?, record.since),
            REMOVE => Self::Remove(account()?, record.since),
            ROLE => Self::Role(account()?, role, record.since),
            POLICY => Self::Policy(GroupPolicy { admins_write }),
            _ => return None,
        })
    }

    /// The account that it is about.
    pub(super) fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Add(account, ..) | Self::Remove(account, _) | Self::Role(account, ..) => {
                Some(account)
            }
            Self::Policy(_) => None,
        }
    }

    /// What it means for this state.
    pub(super) fn sense(&self, state: &GroupState) -> Sense {
        let member = self.account().map(AccountId::as_str);
        let member = member.and_then(|account| state.member(account));
        match (self, member) {
            (Self::Add(account, key, _), None) => {
                Sense::Makes(vec![GroupOp::add(account.as_str(), Role::Member, *key)])
            }
            (Self::Add(_, key, _), Some(member)) if member.account_key() == key => Sense::Done,
            (Self::Add(account, key, since), Some(member)) if member.since() == *since => {
                Sense::Makes(vec![
                    GroupOp::remove(account.as_str()),
                    GroupOp::add(account.as_str(), Role::Member, *key),
                ])
            }
            (Self::Remove(account, since), Some(member)) if member.since() == *since => {
                Sense::Makes(vec![GroupOp::remove(account.as_str())])
            }
            (Self::Remove(..), None) => Sense::Done,
            (Self::Role(account, role, since), Some(member)) if member.since() == *since => {
                match member.role() == *role {
                    true => Sense::Done,
                    false => Sense::Makes(vec![GroupOp::role(account.as_str(), *role)]),
                }
            }
            (Self::Add(..) | Self::Remove(..) | Self::Role(..), _) => Sense::Lost,
            (Self::Policy(policy), _) if state.policy() == *policy => Sense::Done,
            (Self::Policy(policy), _) => Sense::Makes(vec![GroupOp::Policy(*policy)]),
        }
    }

    /// Whether an admin of this state is none after it, or is one under another account key.
    pub(super) fn ends_admin(&self, state: &GroupState) -> bool {
        match self {
            Self::Add(account, ..)
            | Self::Remove(account, _)
            | Self::Role(account, Role::Member, _) => state.is_admin(account.as_str()),
            _ => false,
        }
    }
}
