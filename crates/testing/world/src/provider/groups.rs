//! Groups: the provider keeps the log of each, and says who was a member when.

mod messages;

use std::collections::HashMap;

use waxseal::{AcceptedEntry, AccountId, DeviceAddress, GroupId, GroupNews, Timestamp, WholeGroup};
use waxseal_roster::group::{GroupLog, SignedEntry};

pub use self::messages::{GroupMismatch, GroupPostRefused, QueuedGroup};
use super::Provider;

/// Maximum number of entries that one answer has.
const MAX_ENTRIES: usize = 64;

/// How far the time at which an entry was signed may be from the provider's clock.
const DAY_MS: u64 = 86_400_000;

/// A group as the provider keeps it.
#[derive(Clone)]
pub(super) struct Hosted {
    log: GroupLog,
    /// All entries, each with the time at which it was accepted.
    entries: Vec<(Vec<u8>, Timestamp)>,
    /// Who was a member, from when, and until when.
    intervals: Vec<(AccountId, Timestamp, Option<Timestamp>)>,
    /// Members that left and are not removed yet, in order.
    left: Vec<AccountId>,
    /// The newest time at which anything of the group was accepted.
    newest: Timestamp,
}

/// The groups of a provider.
#[derive(Default)]
pub(super) struct Groups(HashMap<GroupId, Hosted>);

/// Why the provider did not take an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryRefused {
    /// It does not verify for its group, or breaks a rule.
    BadEntry,
    /// It names another account as its actor than the one that posts it.
    NotActor,
    /// The account is no admin of the group, or left it.
    NotAdmin,
    /// No group has this id.
    NoGroup,
    /// It is not the next entry: this happened after the version before it.
    Conflict(GroupNews),
    /// It was signed more than a day from the provider's clock.
    ClockDiffers,
    /// It adds an account that is not registered.
    NoSuchAccount,
}

impl Provider {
    /// Takes an entry of a group, if it is the next one and its actor posts it. Returns the
    /// receipt.
    ///
    /// # Errors
    /// [`EntryRefused`]; nothing changed.
    pub fn post_entry(
        &mut self,
        from: &DeviceAddress,
        entry: &[u8],
    ) -> Result<AcceptedEntry, EntryRefused> {
        let bytes = entry.to_vec();
        let entry = SignedEntry::decode(entry).map_err(|_| EntryRefused::BadEntry)?;
        let id = *entry.group();
        if entry.actor() != from.account.as_str() {
            return Err(EntryRefused::NotActor);
        }
        let hosted = self.groups.0.get(&id).cloned();
        let known = hosted.iter().flat_map(|hosted| &hosted.entries);
        if let Some((_, at)) = known.clone().find(|(known, _)| *known == bytes) {
            return Ok(AcceptedEntry::new(&self.keys[from], &id, bytes, *at));
        }
        let before = entry.version() - 1;
        let log = match &hosted {
            None if before == 0 => GroupLog::first(&entry, &id),
            None => return Err(EntryRefused::NoGroup),
            Some(hosted) => {
                let state = hosted.log.state();
                if state.version() != before || state.hash() != entry.previous() {
                    let news = self.news(from, &id, hosted, before, u64::MAX);
                    return Err(EntryRefused::Conflict(news));
                }
                if !state.is_admin(entry.actor()) || hosted.left.contains(&from.account) {
                    return Err(EntryRefused::NotAdmin);
                }
                let mut log = hosted.log.clone();
                log.take(&entry).map(|_| log)
            }
        };
        let log = log.map_err(|_| EntryRefused::BadEntry)?;
        if self.now.as_millis().abs_diff(entry.at_ms()) > DAY_MS {
            return Err(EntryRefused::ClockDiffers);
        }
        let names = log.state().members().iter().map(|member| member.account());
        let mut names = names.map(|name| AccountId::new(name).unwrap());
        if !names.all(|name| self.rosters.contains_key(&name)) {
            return Err(EntryRefused::NoSuchAccount);
        }
        let newest = hosted.as_ref().map(|hosted| hosted.newest.as_millis() + 1);
        let at = self.now.as_millis().max(newest.unwrap_or_default());
        let at = Timestamp::from_millis(at);
        let mut hosted = hosted.unwrap_or_else(|| Hosted {
            log: log.clone(),
            entries: Vec::new(),
            intervals: Vec::new(),
            left: Vec::new(),
            newest: at,
        });
        hosted.log = log;
        hosted.take(&bytes, at);
        self.groups.0.insert(id, hosted);
        Ok(AcceptedEntry::new(&self.keys[from], &id, bytes, at))
    }

    /// What happened in a group after a version, for a device of a member, or of a former one up to
    /// its removal. `None` for anyone else.
    pub fn group_news(
        &self,
        device: &DeviceAddress,
        group: &GroupId,
        after: u64,
    ) -> Option<GroupNews> {
        let hosted = self.groups.0.get(group)?;
        let until = match hosted.log.state().is_member(device.account.as_str()) {
            true => u64::MAX,
            false => hosted.removed(&device.account)?,
        };
        Some(self.news(device, group, hosted, after, until))
    }

    fn news(
        &self,
        device: &DeviceAddress,
        group: &GroupId,
        hosted: &Hosted,
        after: u64,
        until: u64,
    ) -> GroupNews {
        let key = &self.keys[device];
        let entries = hosted.entries.iter().zip(1_u64..);
        let entries = entries.filter(|(_, version)| *version > after && *version <= until);
        let accepted = |((entry, at), _): (&(Vec<u8>, Timestamp), u64)| {
            AcceptedEntry::new(key, group, entry.clone(), *at)
        };
        let mut entries: Vec<_> = entries.map(accepted).collect();
        if entries.len() <= MAX_ENTRIES || until != u64::MAX {
            entries.truncate(MAX_ENTRIES);
            let whole = None;
            return GroupNews { entries, whole };
        }
        let whole = WholeGroup {
            state: hosted.log.state().encode(),
            authority_chain: hosted.log.authority_chain().encode(),
        };
        GroupNews {
            entries: entries.split_off(entries.len() - 1),
            whole: Some(whole),
        }
    }

    /// The newest rosters of those accounts that are members of a group.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn group_rosters(
        &self,
        device: &DeviceAddress,
        group: &GroupId,
        names: &[AccountId],
    ) -> Vec<Vec<u8>> {
        let state = self.groups.0[group].log.state();
        let members = names.iter().filter(|name| state.is_member(name.as_str()));
        let rosters = members.filter_map(|name| self.shown(Some(&device.account), name));
        rosters.map(|shown| shown.bytes).collect()
    }

    /// An account leaves a group by itself: nothing is delivered to it, and messages need no slots
    /// for its devices. Returns whether it is a member.
    pub fn leave_group(&mut self, account: &AccountId, group: &GroupId) -> bool {
        let Some(hosted) = self.groups.0.get_mut(group) else {
            return false;
        };
        let is_member = hosted.log.state().is_member(account.as_str());
        if is_member && !hosted.left.contains(account) {
            hosted.left.push(account.clone());
        }
        is_member
    }

    /// Whether an account was a member of a group at a time.
    #[must_use]
    pub fn is_member_at(&self, group: &GroupId, account: &AccountId, at: Timestamp) -> bool {
        let hosted = self.groups.0.get(group);
        let mut intervals = hosted.into_iter().flat_map(|hosted| &hosted.intervals);
        intervals.any(|(member, from, to)| {
            member == account && *from <= at && to.is_none_or(|to| at <= to)
        })
    }

    /// The newest state of a group, as the provider keeps it.
    #[must_use]
    pub fn group_log(&self, group: &GroupId) -> Option<&GroupLog> {
        self.groups.0.get(group).map(|hosted| &hosted.log)
    }
}

impl Hosted {
    /// Keeps an entry that was carried out, and who is a member since.
    fn take(&mut self, entry: &[u8], at: Timestamp) {
        self.entries.push((entry.to_vec(), at));
        self.newest = at;
        let (state, version) = (self.log.state().clone(), self.log.state().version());
        for (account, _, to) in &mut self.intervals {
            let member = state.member(account.as_str());
            if to.is_none() && member.is_none_or(|member| member.since() == version) {
                *to = Some(at);
            }
        }
        for member in state.members() {
            if member.since() == version {
                let account = AccountId::new(member.account()).unwrap();
                self.left.retain(|left| *left != account);
                self.intervals.push((account, at, None));
            }
        }
        self.left.retain(|left| state.is_member(left.as_str()));
    }

    /// Version of the entry that removed an account. `None` if it never was a member.
    fn removed(&self, account: &AccountId) -> Option<u64> {
        let mut intervals = self.intervals.iter().rev();
        let (_, _, to) = intervals.find(|(member, ..)| member == account)?;
        let mut entries = self.entries.iter().zip(1_u64..);
        entries
            .find(|((_, at), _)| Some(*at) == *to)
            .map(|(_, version)| version)
    }
}
