//! Changes of a group that this device wants, and whether they still make sense.

use waxseal_reporting::AccountId;
use waxseal_roster::AccountKey;
use waxseal_roster::group::{GroupOp, GroupPolicy, GroupState, Role};

use crate::records::OpRecord;

/// A change of a group, which may take two operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Adds a member. One that is in the group under another account key comes in anew.
    Add(AccountId, AccountKey),
    Remove(AccountId),
    Role(AccountId, Role),
    Policy(GroupPolicy),
}

const ADD: u32 = 1;
const REMOVE: u32 = 2;
const ROLE: u32 = 3;
const POLICY: u32 = 4;

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
        let (kind, account_key, is_admin) = match self {
            Self::Add(_, key) => (ADD, key.to_bytes().to_vec(), false),
            Self::Remove(_) => (REMOVE, Vec::new(), false),
            Self::Role(_, role) => (ROLE, Vec::new(), *role == Role::Admin),
            Self::Policy(policy) => (POLICY, Vec::new(), policy.admins_write),
        };
        OpRecord {
            kind,
            account,
            account_key,
            is_admin,
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
            ADD => Self::Add(account()?, key()?),
            REMOVE => Self::Remove(account()?),
            ROLE => Self::Role(account()?, role),
            POLICY => Self::Policy(GroupPolicy { admins_write }),
            _ => return None,
        })
    }

    /// The account that it is about.
    pub(super) fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Add(account, _) | Self::Remove(account) | Self::Role(account, _) => Some(account),
            Self::Policy(_) => None,
        }
    }

    /// What it means for this state.
    pub(super) fn sense(&self, state: &GroupState) -> Sense {
        let member = self.account().map(AccountId::as_str);
        let member = member.and_then(|account| state.member(account));
        match (self, member) {
            (Self::Add(account, key), None) => {
                Sense::Makes(vec![GroupOp::add(account.as_str(), Role::Member, *key)])
            }
            (Self::Add(_, key), Some(member)) if member.account_key() == key => Sense::Done,
            (Self::Add(account, key), Some(_)) => Sense::Makes(vec![
                GroupOp::remove(account.as_str()),
                GroupOp::add(account.as_str(), Role::Member, *key),
            ]),
            (Self::Remove(account), Some(_)) => {
                Sense::Makes(vec![GroupOp::remove(account.as_str())])
            }
            (Self::Remove(_), None) => Sense::Done,
            (Self::Role(_, role), Some(member)) if member.role() == *role => Sense::Done,
            (Self::Role(account, role), Some(_)) => {
                Sense::Makes(vec![GroupOp::role(account.as_str(), *role)])
            }
            (Self::Policy(policy), _) if state.policy() == *policy => Sense::Done,
            (Self::Policy(policy), _) => Sense::Makes(vec![GroupOp::Policy(*policy)]),
            (Self::Role(..), None) => Sense::Lost,
        }
    }

    /// Whether an admin of this state is none after it, or is one under another account key.
    pub(super) fn ends_admin(&self, state: &GroupState) -> bool {
        match self {
            Self::Add(account, _) | Self::Remove(account) | Self::Role(account, Role::Member) => {
                state.is_admin(account.as_str())
            }
            _ => false,
        }
    }
}
