//! Taking entries and states: what they change in the store.

use std::sync::Arc;

use waxseal_reporting::Timestamp;
use waxseal_roster::group::{
    AuthorityChain, AuthoritySeed, Compared, GroupChange, GroupError, GroupLog, GroupState,
    SignedEntry,
};

use super::signing::Editing;
use super::{Group, GroupStanding, GroupStep, GroupUpdate};
use crate::client::notices::Kind;
use crate::client::{Client, keys};
use crate::error::{GroupNewsError, StateError};
use crate::store::{Store, Transaction};

/// What a call takes of one group, until it is committed.
pub(super) struct Took {
    pub(super) editing: Editing,
    /// The state before the call.
    before: Option<GroupState>,
    /// Whether an entry that this device posted is among what it took.
    is_own: bool,
    steps: Vec<GroupStep>,
    transaction: Transaction,
}

impl Took {
    pub(super) fn begin(editing: Editing) -> Self {
        Self {
            before: editing.state().cloned(),
            editing,
            is_own: false,
            steps: Vec::new(),
            transaction: Transaction::default(),
        }
    }

    /// Notes what an entry changed.
    fn note_step(
        &mut self,
        entry: &SignedEntry,
        before: Option<&GroupState>,
        accepted_at: Timestamp,
        is_whole: bool,
    ) {
        let after = self.editing.state();
        let step = GroupStep::of(entry, before, after, accepted_at, is_whole);
        self.steps.push(step);
    }

    fn group(&mut self) -> &mut Group {
        &mut self.editing.group
    }
}

impl<S: Store> Client<S> {
    /// Takes an entry that authenticated. What it changes is written by
    /// [`finish_taking`](Self::finish_taking).
    pub(super) fn take_entry(
        &mut self,
        took: &mut Took,
        entry: &SignedEntry,
        accepted_at: Timestamp,
    ) -> Result<(), GroupNewsError<S::Error>> {
        let accepted_ms = accepted_at.as_millis();
        let group = took.group();
        let is_new = group.standing() == GroupStanding::New;
        if is_new && entry.version() == 1 {
            // It was signed again, and the provider took the one before.
            group.log = Some(Arc::new(GroupLog::first(entry, &group.id)?));
        }
        let before = group.log.as_ref().map(|log| log.state().clone());
        let taken = match &mut group.log {
            Some(log) => Arc::make_mut(log).take(entry),
            None => GroupLog::first(entry, &group.id).map(|log| {
                group.log = Some(Arc::new(log));
                change_of_first()
            }),
        };
        match taken {
            Ok(GroupChange::Newer { .. }) => {
                self.note_newer_state(took, before.as_ref(), accepted_ms)?;
                took.note_step(entry, before.as_ref(), accepted_at, false);
            }
            Ok(GroupChange::Same) if is_new => {
                group.set_standing(GroupStanding::Member);
                group.note_state(None, accepted_ms);
                took.note_step(entry, None, accepted_at, false);
                self.settle_own(took, None)?;
            }
            Ok(GroupChange::Gap) => return Err(GroupNewsError::Gap),
            Ok(_) => {}
            Err(GroupError::Fork) => return self.found_fork(took, &entry.encode()),
            Err(error) => return Err(error.into()),
        }
        let is_pending = took
            .editing
            .pending()
            .is_some_and(|pending| pending == *entry);
        if is_pending && !is_new {
            self.settle_own(took, before.as_ref())?;
        }
        Ok(())
    }

    /// Takes a whole state, with the entry that made it.
    pub(super) fn take_whole(
        &mut self,
        took: &mut Took,
        (state, entry): (&[u8], SignedEntry),
        chain: &[u8],
        accepted_at: Timestamp,
    ) -> Result<(), GroupNewsError<S::Error>> {
        let group = took.group();
        let before = group.log.as_ref().map(|log| log.state().clone());
        let chain = AuthorityChain::decode(chain, &group.id)?;
        let bytes = entry.encode();
        let taken = match &mut group.log {
            Some(log) => Arc::make_mut(log).take_state(state, entry.clone(), chain),
            None => GroupLog::join(state, entry.clone(), chain).map(|log| {
                group.log = Some(Arc::new(log));
                change_of_first()
            }),
        };
        match taken {
            Ok(GroupChange::Newer { .. }) => {
                self.note_newer_state(took, before.as_ref(), accepted_at.as_millis())?;
                took.note_step(&entry, before.as_ref(), accepted_at, true);
            }
            Ok(_) => {}
            Err(GroupError::Fork) => return self.found_fork(took, &bytes),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Notes what a newer state means for this account.
    fn note_newer_state(
        &mut self,
        took: &mut Took,
        before: Option<&GroupState>,
        accepted_ms: u64,
    ) -> Result<(), GroupNewsError<S::Error>> {
        let own_key = self.own_account_key()?;
        let me = self.me.account.clone();
        let others = self.other_identities()?;
        let group = took.group();
        group.note_state(before, accepted_ms);
        let Some(state) = group.log.as_ref().map(|log| log.state().clone()) else {
            return Ok(());
        };
        let named = state.member(me.as_str());
        let is_own = named.is_some_and(|one| Some(one.account_key().to_bytes()) == own_key);
        let (id, standing) = (group.id, group.standing());
        if let Some(before) = before {
            let Took {
                editing,
                transaction,
                ..
            } = took;
            self.note_came_and_went(editing, before, transaction)?;
        }
        let group = took.group();
        let is_new_here = match (before, named) {
            (Some(before), Some(named)) => {
                let known = before.member(me.as_str());
                known.is_none_or(|known| known.since() != named.since())
            }
            _ => true,
        };
        let is_accepted = group.record.inviters.iter().any(|one| one.is_accepted);
        let is_past = state.version() < group.record.welcome_version;
        let next = match (standing, named) {
            (GroupStanding::Forked, _) => GroupStanding::Forked,
            (GroupStanding::Member | GroupStanding::Suspended, Some(_)) if is_own => {
                GroupStanding::Member
            }
            (GroupStanding::Member | GroupStanding::Suspended, Some(_)) => GroupStanding::Suspended,
            // Who left, or was not added again, goes on waiting.
            (_, Some(_)) if before.is_some() && !is_new_here => standing,
            (_, Some(_)) if is_accepted && is_own => GroupStanding::Member,
            // It may be added under the own account key by a later entry.
            (GroupStanding::Accepted | GroupStanding::Invited, Some(_)) if is_accepted => standing,
            // CHK-438: who is added without having accepted leaves, and starts no session.
            (_, Some(_)) => {
                group.record.tells_leave = true;
                match others.is_empty() {
                    true => GroupStanding::Left,
                    // The user may have accepted on another device.
                    false => {
                        group.record.uninvited_ms = accepted_ms.max(1);
                        GroupStanding::Invited
                    }
                }
            }
            (GroupStanding::Accepted | GroupStanding::Invited, None) => standing,
            // What came after the removal is an invitation to come back.
            (_, None) => {
                group.forget_inviters(&me, state.version(), accepted_ms);
                let inviters = &group.record.inviters;
                match (
                    inviters.is_empty(),
                    inviters.iter().any(|one| one.is_accepted),
                ) {
                    (true, _) => GroupStanding::Removed,
                    (false, false) => GroupStanding::Invited,
                    (false, true) => {
                        group.record.told = others;
                        GroupStanding::Accepted
                    }
                }
            }
        };
        group.set_standing(next);
        if next == GroupStanding::Member && standing != GroupStanding::Member {
            // An invitation counts once. Who left before that came back.
            group.forget_inviters(&me, state.version(), accepted_ms);
            group.record.tells_leave = false;
        }
        if named.is_none() {
            group.record.tells_leave = false;
            group.record.uninvited_ms = 0;
        }
        self.follow_authority(took, &state);
        if standing != next {
            let kind = match next {
                _ if is_past => None,
                _ if named.is_none() && standing != GroupStanding::Left => Some(Kind::GroupRemoved),
                GroupStanding::Suspended => Some(Kind::GroupSuspended),
                GroupStanding::Left if standing != GroupStanding::Left => {
                    Some(Kind::GroupUninvited)
                }
                _ => None,
            };
            if let Some(kind) = kind {
                self.put_group_notice(&mut took.transaction, (kind, &id), None, (&[], &[]));
            }
        }
        Ok(())
    }

    /// Goes on with the seed of the authority that a newer state names, if an admin told it before.
    fn follow_authority(&self, took: &mut Took, state: &GroupState) {
        use zeroize::Zeroize as _;
        let editing = &mut took.editing;
        if editing.seed().is_some() {
            return;
        }
        let fits = |seed: &&Vec<u8>| {
            let seed = seed.as_slice().try_into().ok();
            seed.is_some_and(|seed| AuthoritySeed::of_state(seed, state).is_ok())
        };
        let next = {
            let told = editing.authority.next.iter().map(|one| &one.seed);
            let mut seeds = told.chain([&editing.edit.next_seed]);
            seeds.find(fits).cloned()
        };
        editing.authority.seed.zeroize();
        editing.authority.seed = next.unwrap_or_default();
        editing.authority.is_stale = false;
        match state.is_admin(self.me.account.as_str()) {
            // The others may be those of the states after this one, if several come at once.
            true => editing.authority.next.retain(|one| !fits(&&one.seed)),
            false => editing.authority.next.clear(),
        }
    }

    /// Ends the change that this device made: the provider took its entry.
    fn settle_own(
        &mut self,
        took: &mut Took,
        before: Option<&GroupState>,
    ) -> Result<(), StateError<S::Error>> {
        took.is_own = true;
        let id = took.editing.group.id;
        took.editing.clear_entry();
        let Some(state) = took.editing.state().cloned() else {
            return Ok(());
        };
        for account in Self::to_welcome(before, &state) {
            if account != self.me.account {
                self.queue_welcome(&mut took.transaction, &id, &account)?;
            }
        }
        Ok(())
    }

    /// Notes that members were shown different groups, and tells the user.
    fn found_fork(
        &mut self,
        took: &mut Took,
        other: &[u8],
    ) -> Result<(), GroupNewsError<S::Error>> {
        // CHK-439: after a fork nothing is sent, and the user is told.
        let Some(mut group) = self.take_group(&took.editing.group.id)? else {
            return Err(GroupNewsError::NoGroup);
        };
        let known = group.log.as_ref().map(|log| log.entry().encode());
        group.set_standing(GroupStanding::Forked);
        let mut transaction = Transaction::default();
        group.put(&mut transaction);
        let (kind, known) = (Kind::GroupForked, known.unwrap_or_default());
        let of = (kind, &group.id);
        self.put_group_notice(&mut transaction, of, None, (&known, other));
        transaction.delete(keys::group_edit(&group.id));
        self.commit(transaction)?;
        Err(GroupNewsError::Forked)
    }

    /// Commits what was taken, and tells what it changed.
    pub(super) fn finish_taking(
        &mut self,
        mut took: Took,
    ) -> Result<GroupUpdate, GroupNewsError<S::Error>> {
        let own_key = self.own_account_key()?;
        let (me, is_first) = (&self.me.account, took.before.is_none());
        let group = took.group();
        let state = group.log.as_ref().map(|log| log.state());
        let named = state.and_then(|state| state.member(me.as_str()));
        // CHK-434: a newcomer is in the state under the own account key.
        if is_first
            && group.standing() == GroupStanding::Accepted
            && named.is_some_and(|one| Some(one.account_key().to_bytes()) != own_key)
        {
            return Err(GroupNewsError::OtherAccountKey);
        }
        let version = group.log.as_ref().map_or(0, |log| log.state().version());
        let (welcome, hash) = (group.record.welcome_version, &group.record.welcome_hash);
        if let (Some(log), Ok(hash)) = (&group.log, hash.as_slice().try_into())
            && welcome != 0
        {
            // CHK-435: the state that a welcome named is the one of its version.
            match log.compare(welcome, hash) {
                Compared::Differs => return Err(GroupNewsError::OtherWelcome),
                Compared::Newer => group.record.wants_news = true,
                _ => {
                    group.record.welcome_version = 0;
                    group.record.welcome_hash.clear();
                }
            }
        }
        let pending = took.editing.pending().map(|entry| entry.version());
        if pending.is_some_and(|pending| pending <= version) && !took.is_own {
            // CHK-441: the provider took another entry of this version: what this device signed is
            // discarded, with the seed in it, and its changes are made again.
            took.editing.discard();
        }
        let may_edit = {
            let state = took.editing.state();
            state.is_some_and(|state| state.is_admin(self.me.account.as_str()))
        };
        if !may_edit && !took.editing.edit.queued.is_empty() {
            took.editing.edit.queued.clear();
            let kind = Kind::GroupChangeLost;
            let id = took.editing.group.id;
            self.put_group_notice(&mut took.transaction, (kind, &id), None, (&[], &[]));
        }
        let Took {
            before,
            mut editing,
            steps,
            mut transaction,
            ..
        } = took;
        let update = GroupUpdate::between(before.as_ref(), &editing.group, steps);
        editing.put(&mut transaction);
        if editing.authority.seed.is_empty() && editing.authority.next.is_empty() {
            transaction.delete(keys::authority(&editing.group.id));
        }
        self.commit(transaction)?;
        Ok(update)
    }
}

/// What the first known state of a group counts as.
fn change_of_first() -> GroupChange {
    GroupChange::Newer {
        added: Vec::new(),
        removed: Vec::new(),
        rekeyed: Vec::new(),
        roles: Vec::new(),
        authority: true,
        policy: false,
    }
}
