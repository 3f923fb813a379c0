//! Late messages: whether what a member sealed for an earlier state of the group still counts.
//!
//! The provider is the authority for times. It accepts an entry later than every message that it
//! accepted for the state before. So a message that was accepted later than an entry was not sealed
//! before it, as far as an honest provider goes.

use waxseal_reporting::AccountId;
use waxseal_roster::group::Compared;

use super::Group;
use super::members::Membership;
use crate::records::EntryTimeRecord;

/// The state that a message was sealed for, and when the provider accepted it.
#[derive(Clone, Copy)]
pub(super) struct Sealed {
    pub(super) version: u64,
    pub(super) accepted_ms: u64,
    /// Whether it was sealed again. Then it names no state, and `version` is the last one at which
    /// its sender was a member.
    pub(super) is_again: bool,
}

/// Why a message does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It was sealed for a state that is not known yet.
    Newer,
    /// It was sealed for another state of a known version.
    Differs,
    /// Its sender was no member, or was not allowed to write.
    NotMember,
    /// This account was no member.
    NotForUs,
}

impl Group {
    /// Whether the state that a message names is one that this device knows.
    pub(super) fn check_state(&self, version: u64, hash: &[u8; 32]) -> Result<(), NotTaken> {
        let compared = self.log.as_ref().map(|log| log.compare(version, hash));
        // CHK-452: a state that is not known yet is fetched first, and each version has one state.
        match compared {
            None | Some(Compared::Newer) => Err(NotTaken::Newer),
            Some(Compared::Differs) => Err(NotTaken::Differs),
            Some(_) => Ok(()),
        }
    }

    /// Whether a message counts that `from` sealed for a state.
    pub(super) fn check_sender(&self, from: &AccountId, sealed: Sealed) -> Result<(), NotTaken> {
        self.check_writer(from, sealed).map_err(|error| {
            // CHK-452: what was sealed again names no state. It may be one that is not known yet.
            match sealed.is_again && !self.is_known_until(sealed.accepted_ms) {
                true => NotTaken::Newer,
                false => error,
            }
        })
    }

    fn check_writer(&self, from: &AccountId, sealed: Sealed) -> Result<(), NotTaken> {
        // CHK-453: the sender was a member in that state, and still is, or the provider accepted
        // the message no later than the entry that removed the sender.
        self.check_membership(from, sealed, NotTaken::NotMember)?;
        let state = self.log.as_ref().map(|log| log.state());
        let may_write = state
            .is_some_and(|state| state.may_write(from.as_str()) || !state.is_member(from.as_str()));
        // CHK-454: who may not write any more wrote before the next entry.
        match may_write || sealed.accepted_ms <= self.next_entry_ms(sealed) {
            true => Ok(()),
            false => Err(NotTaken::NotMember),
        }
    }

    /// Whether this device knows all entries that the provider accepted up to a time.
    pub(super) fn is_known_until(&self, time_ms: u64) -> bool {
        let is_later = |entry: &EntryTimeRecord| entry.accepted_ms >= time_ms;
        self.record.times.iter().any(is_later) || self.record.known_until_ms >= time_ms
    }

    /// Whether a message counts for this account.
    pub(super) fn check_own(&self, me: &AccountId, sealed: Sealed) -> Result<(), NotTaken> {
        self.check_membership(me, sealed, NotTaken::NotForUs)
    }

    fn check_membership(
        &self,
        account: &AccountId,
        sealed: Sealed,
        not_taken: NotTaken,
    ) -> Result<(), NotTaken> {
        match self.membership(account, sealed.version) {
            Membership::Member => Ok(()),
            Membership::Former { removed_ms } if sealed.accepted_ms <= removed_ms => Ok(()),
            Membership::Former { .. } | Membership::None => Err(not_taken),
        }
    }

    /// Whether a message of a member is of its present membership.
    pub(super) fn is_of_membership(&self, account: &AccountId, sealed: Sealed) -> bool {
        let state = self.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(account.as_str()));
        let Some(since) = member.map(|member| member.since()) else {
            return false;
        };
        // What was sealed again names no state.
        let mut times = self.record.times.iter();
        let added = times.find(|time| time.version == since);
        let is_after = added.is_none_or(|added| sealed.accepted_ms > added.accepted_ms);
        since <= sealed.version && is_after
    }

    /// When the provider accepted the first known entry after the state that a message was sealed
    /// for, in milliseconds. 0 if none is known. A message that was sealed again names no state:
    /// then it is the first entry since the message was accepted.
    fn next_entry_ms(&self, sealed: Sealed) -> u64 {
        let times = self.record.times.iter();
        let later = times.filter(|time| match sealed.is_again {
            true => time.accepted_ms >= sealed.accepted_ms,
            false => time.version > sealed.version,
        });
        later.map(|time| time.accepted_ms).min().unwrap_or_default()
    }
}
