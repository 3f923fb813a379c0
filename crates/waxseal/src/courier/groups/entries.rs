//! Entries: what this device changes in groups, posted until the relay has it.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use waxseal_interface::{ContactToken, EntryReceipt, ErrorBody, ErrorCode, Request as Call};
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::group::{GroupId, GroupOp, SignedEntry};

use super::news::news_of;
use super::{OFF_MS, id_of};
use crate::client::AcceptedEntry;
use crate::courier::event::GroupFailure;
use crate::courier::next::Aim;
use crate::courier::pause::{is_off, later};
use crate::courier::{Courier, Event};
use crate::error::{GroupNewsError, StateError};
use crate::store::{Cursor, Store};

/// How long after the first conflict an entry is posted again. After each further one, it is twice
/// as long.
const FIRST_WAIT_MS: u64 = 250;

/// How often it is looked at an entry that cannot be posted yet: every ten minutes. By then it can,
/// although not all admins were told.
const LOOK_MS: u64 = 10 * 60_000;

/// Entries that are looked at at once.
const AT_ONCE: usize = 16;

/// How far the entries are posted.
pub(super) struct Entries {
    /// Whether there may be an entry to post.
    is_open: bool,
    /// When to look again.
    again_at: Option<Timestamp>,
    /// Groups whose entries wait until a time.
    off: BTreeMap<GroupId, Timestamp>,
    /// Number of times in a row that the relay had another entry.
    conflicts: u32,
    has_told_damage: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            is_open: true,
            again_at: None,
            off: BTreeMap::new(),
            conflicts: 0,
            has_told_damage: false,
        }
    }
}

impl Entries {
    pub(super) fn look_again(&mut self) {
        self.is_open = true;
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        match self.is_open {
            true => Some(Timestamp::from_millis(0)),
            false => self.again_at,
        }
    }
}

impl<S: Store> Courier<S> {
    pub(super) fn choose_entry(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let entries = &mut self.groups.entries;
        let left = |at: Timestamp| at.as_millis().saturating_sub(now.as_millis());
        let is_due = |at: Timestamp| left(at) == 0 || left(at) > OFF_MS;
        if !entries.is_open && !entries.again_at.is_some_and(is_due) {
            return Ok(None);
        }
        entries.off.retain(|_, until| !is_due(*until));
        let (relay_now, mut after): (_, Option<Cursor>) = (self.relay_time(now), None);
        loop {
            let pending = self
                .client
                .pending_entries(after.as_ref(), AT_ONCE, relay_now, rng);
            let page = pending?;
            if !page.damaged.is_empty() && !self.groups.entries.has_told_damage {
                self.groups.entries.has_told_damage = true;
                self.tell(Event::DamagedRows(page.damaged));
            }
            let off = &self.groups.entries.off;
            let mut items = page.items.into_iter();
            let first = items.find(|one| !is_off(off, &one.group, now, OFF_MS));
            if let Some(outgoing) = first {
                let (group, entry) = (outgoing.group, outgoing.entry);
                let call = Call::PutGroup {
                    group: id_of(&group),
                    tokens: self.tokens_of_added(&entry)?,
                    entry: entry.clone(),
                };
                return Ok(Some((Aim::Entry { group, entry }, call)));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let has_pending = self.client.has_pending_entries()?;
        let entries = &mut self.groups.entries;
        entries.is_open = false;
        let first = entries.off.values().min().copied();
        let look_at = later(now, LOOK_MS);
        entries.again_at = has_pending.then(|| first.map_or(look_at, |first| first.min(look_at)));
        Ok(None)
    }

    /// The tokens of the accounts that an entry adds, in its order.
    fn tokens_of_added(
        &self,
        entry: &[u8],
    ) -> Result<Vec<Option<ContactToken>>, StateError<S::Error>> {
        let mut tokens = Vec::new();
        let entry = SignedEntry::decode(entry).ok();
        for op in entry.iter().flat_map(SignedEntry::ops) {
            if let GroupOp::Add { account, .. } = op {
                let account = AccountId::new(account).ok();
                let token = account.map(|account| self.client.contact_token(&account));
                tokens.push(token.transpose()?.flatten());
            }
        }
        Ok(tokens)
    }

    /// Takes the receipt of an entry. Returns whether the relay made it.
    pub(in crate::courier) fn take_entry_receipt(
        &mut self,
        entry: Vec<u8>,
        receipt: &EntryReceipt,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        self.groups.look_again();
        let accepted = AcceptedEntry {
            entry,
            accepted_at: Timestamp::from_millis(receipt.accepted_at_ms),
            mac: receipt.mac,
        };
        match self.client.confirm_entry(&accepted) {
            Ok(update) => {
                self.groups.entries.conflicts = 0;
                self.group_changed(update, now)?;
                Ok(true)
            }
            Err(GroupNewsError::State(StateError::Store(error))) => Err(StateError::Store(error)),
            // News came meanwhile, and the entry is settled.
            Err(GroupNewsError::NotPosted | GroupNewsError::NoGroup) => Ok(true),
            Err(GroupNewsError::Forked) => self.tell_notices().map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// The relay refused an entry.
    pub(in crate::courier) fn entry_refused(
        &mut self,
        group: &GroupId,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        self.groups.look_again();
        match body.error {
            ErrorCode::ClockDiffers => self.clock_differs(body, now, rng),
            ErrorCode::GroupConflict => {
                // A relay can say this each time.
                let entries = &mut self.groups.entries;
                let wait_ms = FIRST_WAIT_MS.checked_shl(entries.conflicts);
                let wait_ms = wait_ms.unwrap_or(OFF_MS).min(OFF_MS);
                entries.conflicts = entries.conflicts.saturating_add(1).min(16);
                entries.off.insert(*group, later(now, wait_ms));
                match body.group_news.as_deref() {
                    Some(news) => self.learn(group, &news_of(news.clone()), now).map(|_| ()),
                    None => {
                        self.groups.want_news(group);
                        Ok(())
                    }
                }
            }
            code @ (ErrorCode::BadEntry
            | ErrorCode::NotActor
            | ErrorCode::NoSuchAccount
            | ErrorCode::Malformed) => {
                self.client.give_up_entry(group)?;
                self.change_refused(group, code);
                self.tell_notices()
            }
            // What this device does not know may explain it.
            code => {
                let entries = &mut self.groups.entries;
                let is_told = entries.off.insert(*group, later(now, OFF_MS)).is_some();
                self.groups.want_news(group);
                if !is_told {
                    self.change_refused(group, code);
                }
                Ok(())
            }
        }
    }

    fn change_refused(&mut self, group: &GroupId, code: ErrorCode) {
        self.tell(Event::GroupFailed {
            group: *group,
            why: GroupFailure::Change(code),
        });
    }
}
