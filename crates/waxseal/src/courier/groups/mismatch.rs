//! Mismatch: a message to a group is sealed for the state and the devices that the relay names.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_interface::{GroupMismatch as Answered, MAX_ROSTERS_ASKED, Request as Call};
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::news::news_of;
use super::{OFF_MS, members};
use crate::client::{GroupMismatch, GroupNews, NotDelivered};
use crate::conversation::Conversation;
use crate::courier::next::Aim;
use crate::courier::{Courier, Event, bundles};
use crate::error::{RetargetError, SendError, StateError};
use crate::store::Store;

/// How long a message waits for which there is no session with anyone: ten minutes.
const NOBODY_MS: u64 = 600_000;

/// A message that is sealed for other devices once all of them are known.
pub(super) struct Retarget {
    pub(super) group: GroupId,
    id: FrankingTag,
    /// Members that left, as the relay says.
    left: Vec<AccountId>,
    /// Members whose rosters are fetched first.
    pub(super) lacking: Vec<AccountId>,
    /// Accounts whose prekeys were asked for.
    asked: BTreeSet<AccountId>,
}

impl<S: Store> Courier<S> {
    /// Learns what the sender of a message to a group lacks.
    pub(in crate::courier) fn take_mismatch(
        &mut self,
        group: &GroupId,
        id: &FrankingTag,
        mismatch: Answered,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let account = |name: &String| AccountId::new(name).ok();
        let rosters = mismatch.rosters.iter();
        let rosters = rosters.filter_map(|one| Some((account(&one.name)?, one.epoch, one.version)));
        let named = GroupMismatch {
            rosters: rosters.collect(),
            left: mismatch.left.iter().filter_map(account).collect(),
            ..GroupMismatch::default()
        };
        let news = news_of(mismatch.news);
        let has_news = news != GroupNews::default();
        if has_news && !self.learn(group, &news, now)? {
            self.outbox.block(&group.into(), now, OFF_MS);
            return Ok(());
        }
        let mut lacking = match self.client.lacking_rosters(&named) {
            Err(StateError::Damaged(_)) => Vec::new(),
            lacking => lacking?,
        };
        // Nothing says what is wrong. An account that the relay had lost can be there under another
        // account key, with a roster of the same version.
        if lacking.is_empty() && !has_news {
            lacking = named
                .rosters
                .into_iter()
                .map(|(account, ..)| account)
                .collect();
        }
        self.groups.retarget = Some(Retarget {
            group: *group,
            id: *id,
            left: named.left,
            lacking,
            asked: BTreeSet::new(),
        });
        Ok(())
    }

    /// Fetches what is lacking for a message to a group, and seals it again.
    pub(super) fn choose_retarget(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        let Some(retarget) = &mut self.groups.retarget else {
            return Ok(None);
        };
        let group = retarget.group;
        if !retarget.lacking.is_empty() {
            let count = retarget.lacking.len().min(MAX_ROSTERS_ASKED);
            let names = retarget.lacking.drain(..count).collect();
            return Ok(Some(members::ask(&group, names)));
        }
        // Devices without a session get no key: each account is asked for prekeys once before.
        let missing = match self.client.missing(group, now) {
            Err(StateError::Damaged(_)) => Vec::new(),
            missing => missing?,
        };
        let bundles = &self.bundles;
        let new = missing.into_iter();
        let mut new = new.filter(|wanted| !retarget.asked.contains(&wanted.account));
        if let Some(wanted) = new.find_map(|wanted| bundles.askable(wanted, now)) {
            retarget.asked.insert(wanted.account.clone());
            return Ok(Some(bundles::ask(wanted, true)));
        }
        if let Some(retarget) = self.groups.retarget.take() {
            self.retarget_in_group(retarget, now, rng)?;
        }
        Ok(None)
    }

    fn retarget_in_group(
        &mut self,
        retarget: Retarget,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let Retarget {
            group, id, left, ..
        } = retarget;
        let mismatch = GroupMismatch {
            left,
            ..GroupMismatch::default()
        };
        let to = &Conversation::from(group);
        let client = &mut self.client;
        match client.retarget_in_group(&group, &id, &mismatch, &[], now, rng) {
            // It was deleted meanwhile.
            Ok(_) | Err(RetargetError::NotSent) => {}
            Err(RetargetError::TooManyRounds) => {
                let (to, reason) = (to.clone(), NotDelivered::Targets);
                self.tell(Event::NotDelivered { to, id, reason });
            }
            Err(
                RetargetError::State(StateError::Store(error))
                | RetargetError::Send(SendError::State(StateError::Store(error))),
            ) => return Err(StateError::Store(error)),
            Err(RetargetError::Send(SendError::UnknownMembers)) => {
                self.groups.want_members(&group);
                self.outbox.block(to, now, OFF_MS);
            }
            Err(RetargetError::Send(SendError::NoSession)) => {
                self.outbox.block(to, now, NOBODY_MS);
            }
            Err(RetargetError::Send(_)) => self.writing_refused(&group, &id, now)?,
            Err(_) => self.outbox.block(to, now, OFF_MS),
        }
        self.outbox.look_again();
        self.tell_notices()
    }
}
