//! Groups: which ones this account is in, and how it stands to each.
//!
//! A group is a log of signed entries: see `waxseal-roster`. `create` founds one, `edit` changes
//! it, `signing` signs the changes (`ops`), and `entries` posts them. `news` takes what others
//! changed (`accepted`), and `taking` stores it. `invite` brings accounts in, `welcome` and
//! `authority` hear who is in and which key counts, `telling` tells it, `needs` sees what is
//! lacking. `rosters` takes the members' rosters, `crowd` has their devices, `members` who was in
//! when. `ready` keeps the groups in use. `leave` leaves, and `profile` has the title. `send`,
//! `seal`, `targets`, `slots`, `chains`, `waiting`, `retarget` and `again` are about what this
//! device sends, `hold` about what it cannot send yet; `receive`, `open`, `late` and `kept` are
//! about what it receives.

mod accepted;
mod again;
mod authority;
mod chains;
mod create;
mod crowd;
mod edit;
mod entries;
mod forget;
mod hold;
mod invite;
mod kept;
mod late;
mod leave;
mod members;
mod needs;
mod news;
mod open;
mod ops;
mod profile;
mod ready;
mod receive;
mod retarget;
mod rosters;
mod seal;
mod send;
mod signing;
mod slots;
mod taking;
mod targets;
mod telling;
mod update;
mod waiting;
mod welcome;

use std::collections::BTreeMap;
use std::sync::Arc;

use waxseal_reporting::AccountId;
use waxseal_roster::group::{GroupId, GroupLog, GroupPolicy, Role};

pub use self::accepted::AcceptedEntry;
pub(super) use self::chains::put_peer_chains;
pub use self::edit::Recreated;
pub use self::entries::OutgoingEntry;
pub use self::news::{GroupNews, WholeGroup};
pub(super) use self::ready::Groups;
pub use self::retarget::GroupMismatch;
pub(super) use self::telling::control_of_group;
pub use self::update::{GroupStep, GroupUpdate};
use super::page::Page;
use super::{Client, keys};
use crate::error::{Damage, StateError};
use crate::records::{self, GroupRecord};
use crate::store::{Cursor, Store, Transaction};

/// How this account stands to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupStanding {
    /// It was invited, and the user has not answered.
    Invited,
    /// The user accepted the invitation, and no admin added the account yet.
    Accepted,
    /// This device founded the group, and the provider does not have it yet.
    New,
    /// It is a member.
    Member,
    /// It left, and no admin removed it yet.
    Left,
    /// It is no member any more.
    Removed,
    /// The group names it under another account key. It gets nothing until an admin invites it
    /// again.
    Suspended,
    /// Someone with the key of the admins showed different members different groups. Nothing is
    /// sent. [`Client::recreate_group`] founds another one.
    Forked,
}

impl GroupStanding {
    const ALL: [Self; 8] = [
        Self::Invited,
        Self::Accepted,
        Self::New,
        Self::Member,
        Self::Left,
        Self::Removed,
        Self::Suspended,
        Self::Forked,
    ];

    /// Its number in the store.
    fn number(self) -> u32 {
        let at = Self::ALL.iter().position(|one| *one == self);
        at.and_then(|at| u32::try_from(at).ok())
            .map_or(0, |at| at.saturating_add(1))
    }

    fn of_number(number: u32) -> Option<Self> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(at).copied()
    }
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// The account.
    pub account: AccountId,
    /// Whether it is an admin.
    pub is_admin: bool,
    /// Version of the group since which it is a member.
    pub since: u64,
    /// Whether its roster is under another account key than the group names. It gets nothing until
    /// an admin [invites it again](Client::invite).
    pub is_suspended: bool,
    /// Whether it said that it leaves, and is not removed yet.
    pub has_left: bool,
}

impl std::fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupMember")
            .field("is_admin", &self.is_admin)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// What an application may want to show of a group.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupInfo {
    /// The group.
    pub id: GroupId,
    /// How this account stands to it.
    pub standing: GroupStanding,
    /// The title, as the newest profile or the invitation says. Any member may have written it.
    pub title: String,
    /// The picture, as the newest profile says. Empty if there is none. Decode it with care.
    pub picture: Vec<u8>,
    /// Version of the newest known state. 0 if none is known.
    pub version: u64,
    /// What holds for all members.
    pub policy: GroupPolicy,
    /// All members, ascending by the bytes of their names. Empty if no state is known.
    pub members: Vec<GroupMember>,
    /// Accounts that invited this one.
    pub inviters: Vec<AccountId>,
}

impl GroupInfo {
    /// The member with this account.
    pub fn member(&self, account: &AccountId) -> Option<&GroupMember> {
        self.members.iter().find(|one| one.account == *account)
    }
}

impl std::fmt::Debug for GroupInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupInfo")
            .field("standing", &self.standing)
            .field("version", &self.version)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}

/// A group as the store has it, ready for use.
#[derive(Clone)]
pub(in crate::client) struct Group {
    pub(in crate::client) id: GroupId,
    pub(in crate::client) record: GroupRecord,
    /// `None` before the first state.
    pub(in crate::client) log: Option<Arc<GroupLog>>,
}

impl Group {
    /// A group of which nothing is known yet.
    fn new(id: GroupId, standing: GroupStanding) -> Self {
        let record = GroupRecord {
            group: id.to_bytes().to_vec(),
            standing: standing.number(),
            ..GroupRecord::default()
        };
        Self {
            id,
            record,
            log: None,
        }
    }

    fn of(mut record: GroupRecord) -> Option<Self> {
        let log = match std::mem::take(&mut record.log).as_slice() {
            [] => None,
            log => Some(Arc::new(GroupLog::decode(log).ok()?)),
        };
        let id = GroupId::from_bytes(record.group.as_slice().try_into().ok()?);
        GroupStanding::of_number(record.standing)?;
        let is_of_log = log.as_ref().is_none_or(|log| *log.state().group() == id);
        is_of_log.then_some(Self { id, record, log })
    }

    /// Whether the record is that of a group in which messages may be sent and opened.
    fn may_send(record: &GroupRecord) -> bool {
        GroupStanding::of_number(record.standing) == Some(GroupStanding::Member)
    }

    /// How this account stands to the group.
    pub(in crate::client) fn standing(&self) -> GroupStanding {
        // It was checked when it was read.
        GroupStanding::of_number(self.record.standing).unwrap_or(GroupStanding::Removed)
    }

    pub(in crate::client) fn set_standing(&mut self, standing: GroupStanding) {
        self.record.standing = standing.number();
    }

    /// Writes the group.
    pub(in crate::client) fn put(&self, transaction: &mut Transaction) {
        let mut record = self.record.clone();
        record.log = self
            .log
            .as_ref()
            .map(|log| log.encode())
            .unwrap_or_default();
        transaction.put_record(keys::group(&self.id), &record);
    }

    /// The group's log, if messages may be sent to it and opened in it.
    pub(in crate::client) fn sendable(&self) -> Option<&GroupLog> {
        let is_member = self.standing() == GroupStanding::Member;
        self.log.as_deref().filter(|_| is_member)
    }

    fn info(&self) -> GroupInfo {
        let state = self.log.as_ref().map(|log| log.state());
        let members = state.into_iter().flat_map(|state| state.members());
        let members = members.filter_map(|member| {
            let account = AccountId::new(member.account()).ok()?;
            Some(GroupMember {
                is_admin: member.role() == Role::Admin,
                since: member.since(),
                is_suspended: self.is_suspended(&account),
                has_left: self.has_left(&account),
                account,
            })
        });
        let inviters = self.record.inviters.iter();
        let inviters = inviters.filter_map(|one| AccountId::new(&one.account).ok());
        GroupInfo {
            id: self.id,
            standing: self.standing(),
            title: self.record.title.clone(),
            picture: self.record.picture.clone(),
            version: state.map_or(0, |state| state.version()),
            policy: state.map(|state| state.policy()).unwrap_or_default(),
            members: members.collect(),
            inviters: inviters.collect(),
        }
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` groups that this account was invited to, is in or was in, after
    /// `after`. The order of the list has no meaning.
    pub fn groups(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<GroupInfo>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::groups(), after, limit, |_, bytes| {
                Some(Group::of(records::decode(bytes)?)?.info())
            })
        })
    }

    /// What is known of a group. `None` if this account has nothing to do with it.
    pub fn group(&self, group: &GroupId) -> Result<Option<GroupInfo>, StateError<S::Error>> {
        self.look(|client| {
            let Some(group) = client.take_group(group)? else {
                return Ok(None);
            };
            let mut info = group.info();
            let state = group.log.as_ref().map(|log| log.state());
            for member in &mut info.members {
                let named = state.and_then(|state| state.member(member.account.as_str()));
                let named = named.map(|named| named.account_key().to_bytes());
                // A damaged contact says nothing.
                let known = match client.account_key_of(&member.account) {
                    Err(StateError::Damaged(_)) => None,
                    known => known?,
                };
                member.is_suspended |= known.is_some() && known != named;
            }
            Ok(Some(info))
        })
    }

    /// Reads a group. `None` if this account has nothing to do with it.
    pub(in crate::client) fn take_group(
        &self,
        group: &GroupId,
    ) -> Result<Option<Group>, StateError<S::Error>> {
        if let Some(ready) = self.ready_groups().and_then(|ready| ready.group(group)) {
            return Ok(Some(ready));
        }
        let record: Option<GroupRecord> = self.get_record(&keys::group(group))?;
        let Some(record) = record else {
            return Ok(None);
        };
        let found = Group::of(record).filter(|found| found.id == *group);
        let found = found.ok_or(StateError::Damaged(Damage::Group(*group)))?;
        if let Some(ready) = self.ready_groups() {
            ready.keep(&found);
        }
        Ok(Some(found))
    }

    /// The account keys of the members of a group. None of them if the group is damaged.
    pub(in crate::client) fn member_keys(
        &self,
        group: &GroupId,
    ) -> Result<BTreeMap<AccountId, [u8; 32]>, StateError<S::Error>> {
        let group = match self.take_group(group) {
            Err(StateError::Damaged(_)) => None,
            group => group?,
        };
        let log = group.as_ref().and_then(|group| group.log.as_ref());
        let members = log.into_iter().flat_map(|log| log.state().members());
        let named = members.filter_map(|member| {
            let account = AccountId::new(member.account()).ok()?;
            Some((account, member.account_key().to_bytes()))
        });
        Ok(named.collect())
    }

    /// The account key of this account.
    fn own_account_key(&self) -> Result<Option<[u8; 32]>, StateError<S::Error>> {
        self.account_key_of(&self.me.account)
    }
}
