//! Welcomes: an admin tells who was added that they are in the group, and devices tell the others
//! of their account. Whoever lacks something asks.

use rand_core::CryptoRng;
use waxseal_reporting::sender::{Control, StateWanted, WelcomeRecord};
use waxseal_reporting::{AccountId, ConversationId, Timestamp};
use waxseal_roster::group::GroupId;

use super::{Group, GroupStanding};
use crate::client::peers::Peer;
use crate::client::receive::{Arrival, Batch, Received};
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, GroupTellRecord, InviterRecord, NoteGroupRecord, NoteRecord};
use crate::store::{Cursor, Store, Transaction};

/// How long after an account was told of a group it is not told again, and is not asked again: one
/// hour.
const PAUSE_MS: u64 = 3_600_000;

/// How many admins are asked for a key that this device lacks.
const MAX_ASKED: usize = 3;

/// Rows that are read at once.
const ROWS_AT_ONCE: usize = 32;

impl<S: Store> Client<S> {
    /// Takes what a control message tells of a group. `None` if it tells nothing of one.
    pub(in crate::client) fn take_group_control(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        control: &Control,
    ) -> Result<Option<Received>, StateError<S::Error>> {
        let told = control.authority.as_ref().map(|told| told.group);
        let named = control.welcome.map(|welcome| welcome.group);
        let wanted = control.state_wanted.map(|wanted| wanted.group);
        let Some(group) = named.or(told).or(wanted) else {
            return Ok(None);
        };
        let from = &arrival.sender.account;
        // A device that was removed is not heard.
        let entry = batch
            .peer(from)
            .and_then(|peer| peer.entry(arrival.sender.device));
        if entry.is_some() {
            let mut known = None;
            if let Some(welcome) = &control.welcome {
                known = self.take_welcome(batch, arrival, welcome)?;
            }
            if let Some(told) = &control.authority {
                let id = GroupId::from_bytes(*told.group.as_bytes());
                // What the welcome changed is not in the store yet.
                let known = match known.filter(|known| known.id == id) {
                    Some(known) => Some(known),
                    None => self.take_group(&id)?,
                };
                self.take_seed(batch, from, told, known)?;
            }
            if let Some(wanted) = &control.state_wanted
                && (!arrival.is_own || arrival.with == self.me.account)
            {
                self.take_state_wanted(batch, arrival, wanted)?;
            }
        }
        Ok(Some(Received::Group {
            from: from.clone(),
            group: GroupId::from_bytes(*group.as_bytes()),
        }))
    }

    /// Takes the word that this account is in a group, or that there is a newer state. Returns the
    /// group, if that changed it.
    fn take_welcome(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        welcome: &WelcomeRecord,
    ) -> Result<Option<Group>, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let is_own = *from == self.me.account;
        let is_to_own = is_own && arrival.with == self.me.account;
        let id = GroupId::from_bytes(*welcome.group.as_bytes());
        let group = match self.take_group(&id)? {
            Some(group) => group,
            // CHK-432: a welcome counts after an acceptance only. That it comes from an own device
            // says that the user accepted there.
            None if is_to_own => Group::new(id, GroupStanding::Invited),
            None => return Ok(None),
        };
        let mut group = group;
        if is_to_own
            && matches!(
                group.standing(),
                GroupStanding::Invited | GroupStanding::Removed
            )
        {
            group.set_standing(GroupStanding::Accepted);
            group.note_inviter(from);
            group.accept(from);
            group.record.told = self.other_identities()?;
        }
        match group.standing() {
            GroupStanding::Accepted => {
                // CHK-432: it comes from the account whose invitation was accepted.
                if !group.has_accepted(from) && !is_own {
                    return Ok(None);
                }
                if welcome.version > group.record.welcome_version && group.has_accepted(from) {
                    group.record.welcome_version = welcome.version;
                    group.record.welcome_hash = welcome.state_hash.to_vec();
                }
            }
            GroupStanding::Member | GroupStanding::Suspended => {
                let log = group.log.as_ref();
                let is_member = log.is_some_and(|log| log.state().is_member(from.as_str()));
                if !is_member || welcome.version <= group.version() {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        }
        group.record.wants_news = true;
        group.record.fetched_ms = 0;
        group.put(&mut batch.transaction);
        Ok(Some(group))
    }

    /// Answers a device that lacks the state of a group, or its key.
    fn take_state_wanted(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        wanted: &StateWanted,
    ) -> Result<(), StateError<S::Error>> {
        let id = GroupId::from_bytes(*wanted.group.as_bytes());
        let Some(group) = self.take_group(&id)? else {
            return Ok(());
        };
        let from = &arrival.sender.account;
        // CHK-443: only a member is told the state, and once an hour.
        let log = group.sendable();
        if log.is_none_or(|log| !log.state().is_member(from.as_str())) {
            return Ok(());
        }
        let tell: Option<GroupTellRecord> = self.readable(&keys::group_tell(&id, from))?;
        let told_ms = tell.map_or(0, |tell| tell.told_ms);
        let accepted = Timestamp::from_millis(arrival.accepted_ms);
        if told_ms != 0 && since(told_ms, accepted).is_none_or(|age| age < PAUSE_MS) {
            return Ok(());
        }
        self.queue_welcome(&mut batch.transaction, &id, from)
    }

    /// Notes that an account is to be told of a group, and its key if it is an admin.
    pub(super) fn queue_welcome(
        &self,
        transaction: &mut Transaction,
        group: &GroupId,
        account: &AccountId,
    ) -> Result<(), StateError<S::Error>> {
        self.queue_tell(transaction, group, account, |tell| tell.welcomes = true)
    }

    fn queue_tell(
        &self,
        transaction: &mut Transaction,
        group: &GroupId,
        account: &AccountId,
        change: impl FnOnce(&mut GroupTellRecord),
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::group_tell(group, account);
        let tell: Option<GroupTellRecord> = self.readable(&key)?;
        let mut tell = tell.unwrap_or_default();
        tell.group = group.to_bytes().to_vec();
        account.as_str().clone_into(&mut tell.account);
        change(&mut tell);
        transaction.put_record(key, &tell);
        Ok(())
    }

    /// Tells accounts and own devices of groups, and asks for what this device lacks.
    pub(in crate::client) fn attend_groups(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        self.note_group_needs(now)?;
        self.tell_seeds(now, rng, upkeep)?;
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.look(|client| {
                let table = keys::group_tells();
                client.page(&table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                    let tell: GroupTellRecord = records::decode(bytes)?;
                    let id = GroupId::from_bytes(tell.group.as_slice().try_into().ok()?);
                    Some((id, AccountId::new(&tell.account).ok()?))
                })
            })?;
            for row in &page.damaged {
                self.delete_damaged(row)?;
            }
            for (id, account) in &page.items {
                if upkeep.is_full() {
                    upkeep.again_at(now.as_millis());
                    return Ok(());
                }
                match self.run(|client| client.tell_group(id, account, now, rng, upkeep)) {
                    Err(StateError::Damaged(_)) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.look(|client| {
            let mut found = Upkeep::default();
            client.want_group_news(now, &mut found)?;
            Ok::<_, StateError<S::Error>>(found)
        })
        .map(|found| {
            upkeep.groups = found.groups;
            upkeep.left_groups = found.left_groups;
            if let Some(at) = found.again_at {
                upkeep.again_at(at.as_millis());
            }
        })
    }

    /// Tells one account what it is to be told of a group.
    fn tell_group(
        &mut self,
        id: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::group_tell(id, account);
        let Some(mut tell) = self.readable::<GroupTellRecord>(&key)? else {
            return Ok(());
        };
        let mut transaction = Transaction::default();
        let editing = self.take_editing(id)?;
        let state = editing.as_ref().and_then(|editing| editing.state());
        let named = state.and_then(|state| state.member(account.as_str()));
        let is_own = *account == self.me.account;
        // CHK-436: nothing goes to a device under another account key than the group names.
        let known = self.look_at_peer(account, Peer::account_key)?.flatten();
        let is_other = match (known, named) {
            (Some(known), Some(named)) => known != named.account_key().to_bytes(),
            (_, None) => !is_own,
            (None, Some(_)) => false,
        };
        let (Some(editing), Some(state), false) = (&editing, state, is_other) else {
            transaction.delete(key);
            return self.commit(transaction);
        };
        if !tell.welcomes && !tell.asks {
            let age = since(tell.told_ms, now).filter(|_| tell.told_ms != 0);
            if age.is_none_or(|age| age >= PAUSE_MS) {
                transaction.delete(key);
                self.commit(transaction)?;
            }
            return Ok(());
        }
        let mut note = NoteGroupRecord::default();
        note.group = id.to_bytes().to_vec();
        note.version = state.version();
        note.wants = tell.asks;
        if tell.welcomes {
            note.state_hash = state.hash().to_vec();
            let seed = editing.seed().filter(|_| state.is_admin(account.as_str()));
            note.seed = seed
                .map(|seed| seed.to_bytes().to_vec())
                .unwrap_or_default();
        }
        let note = NoteRecord::of_group(note);
        let mut pair = self.pair_to(account)?;
        let Some(fanout) = self.seal_note(&mut pair, account, &note, now, rng)? else {
            if !is_own {
                upkeep.want_bundles(account, None);
            }
            return Ok(());
        };
        let outgoing = self.put_note(&mut transaction, account, &fanout, note, now)?;
        (tell.welcomes, tell.asks) = (false, false);
        tell.told_ms = now.as_millis().max(1);
        transaction.put_record(key, &tell);
        pair.put_stored(&self.me, &mut transaction);
        self.commit(transaction)?;
        upkeep.outgoing.extend(outgoing);
        self.keep_pair(pair);
        Ok(())
    }

    /// Tells the other admins the seed of the next key.
    fn tell_seeds(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.look(|client| {
                client.page(
                    &keys::group_edits(),
                    after.as_ref(),
                    ROWS_AT_ONCE,
                    |_, bytes| {
                        let edit: records::EditRecord = records::decode(bytes)?;
                        let id = GroupId::from_bytes(edit.group.as_slice().try_into().ok()?);
                        Some((id, edit.untold.clone()))
                    },
                )
            })?;
            for (id, untold) in &page.items {
                for account in untold {
                    if upkeep.is_full() {
                        upkeep.again_at(now.as_millis());
                        return Ok(());
                    }
                    let Ok(account) = AccountId::new(account) else {
                        continue;
                    };
                    match self.run(|client| client.tell_seed(id, &account, now, rng, upkeep)) {
                        Err(StateError::Damaged(_)) | Ok(()) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn tell_seed(
        &mut self,
        id: &GroupId,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut editing) = self.take_editing(id)? else {
            return Ok(());
        };
        let state = editing.state();
        let named = state.and_then(|state| state.member(account.as_str()));
        let named = named.map(|named| named.account_key().to_bytes());
        let version = editing.pending().map(|entry| entry.version());
        let is_untold = editing
            .edit
            .untold
            .iter()
            .any(|one| one == account.as_str());
        let Some((version, named)) = version.zip(named).filter(|_| is_untold) else {
            return Ok(());
        };
        let mut transaction = Transaction::default();
        let known = self.look_at_peer(account, Peer::account_key)?.flatten();
        editing.edit.untold.retain(|one| one != account.as_str());
        // CHK-436: a suspended admin is not told.
        if known.is_some_and(|known| known != named) {
            transaction.put_record(keys::group_edit(id), &editing.edit);
            return self.commit(transaction);
        }
        let mut note = NoteGroupRecord::default();
        note.group = id.to_bytes().to_vec();
        note.version = version;
        note.seed = editing.edit.next_seed.clone();
        let note = NoteRecord::of_group(note);
        let mut pair = self.pair_to(account)?;
        let Some(fanout) = self.seal_note(&mut pair, account, &note, now, rng)? else {
            if *account != self.me.account {
                upkeep.want_bundles(account, None);
            }
            return Ok(());
        };
        editing.edit.telling.push(self.counters()?.next_outbox);
        let outgoing = self.put_note(&mut transaction, account, &fanout, note, now)?;
        transaction.put_record(keys::group_edit(id), &editing.edit);
        pair.put_stored(&self.me, &mut transaction);
        self.commit(transaction)?;
        upkeep.outgoing.extend(outgoing);
        self.keep_pair(pair);
        Ok(())
    }

    /// Notes which own devices lack a group, which key this device lacks, and who left.
    fn note_group_needs(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let others = self.other_identities()?;
        let is_manager = self.is_manager()?;
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.look(|client| {
                client.page(&keys::groups(), after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                    Some(Group::of(records::decode(bytes)?)?.id)
                })
            })?;
            for id in &page.items {
                let noted = self.run(|client| {
                    let Some(group) = client.take_group(id)? else {
                        return Ok(());
                    };
                    client.note_needs_of(group, &others, is_manager, now)
                });
                match noted {
                    Err(StateError::Damaged(_)) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn note_needs_of(
        &mut self,
        mut group: Group,
        others: &[Vec<u8>],
        is_manager: bool,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let (id, me) = (group.id, self.me.account.clone());
        let mut transaction = Transaction::default();
        if group.standing() != GroupStanding::Member {
            return Ok(());
        }
        let told = &mut group.record.told;
        let is_first = told.is_empty();
        told.retain(|one| others.contains(one));
        let lacks = others.iter().any(|one| !told.contains(one));
        if lacks && (is_manager || is_first) {
            *told = others.to_vec();
            group.put(&mut transaction);
            self.queue_welcome(&mut transaction, &id, &me)?;
        }
        let asked_ms = group.record.asked_ms;
        let is_asked = since(asked_ms, now).is_some_and(|age| asked_ms != 0 && age < PAUSE_MS);
        if !is_asked && self.lacks_key(&group)? {
            group.record.asked_ms = now.as_millis().max(1);
            group.put(&mut transaction);
            let state = group.log.as_ref().map(|log| log.state());
            let members = state.into_iter().flat_map(|state| state.members());
            let admins = members.map(|member| member.account());
            let admins = admins.filter(|one| {
                *one != me.as_str() && state.is_some_and(|state| state.is_admin(one))
            });
            let admins = admins.filter_map(|one| AccountId::new(one).ok());
            let own = (!others.is_empty()).then(|| me.clone());
            for account in admins.take(MAX_ASKED).chain(own) {
                self.queue_tell(&mut transaction, &id, &account, |tell| tell.asks = true)?;
            }
        }
        self.note_leavers(&group, now, &mut transaction)?;
        if !transaction.changes().is_empty() {
            self.commit(transaction)?;
        }
        Ok(())
    }

    /// The identities of the other devices of this account.
    pub(super) fn other_identities(&self) -> Result<Vec<Vec<u8>>, StateError<S::Error>> {
        let me = self.me.device.0;
        let found = self.look_at_peer(&self.me.account, |own| {
            let devices = own.roster().into_iter().flat_map(|roster| roster.devices());
            let others = devices.filter(|entry| entry.id != me);
            others.map(|entry| entry.identity.to_vec()).collect()
        })?;
        Ok(found.unwrap_or_default())
    }

    fn is_manager(&self) -> Result<bool, StateError<S::Error>> {
        let identity = self.identity.public().to_bytes();
        let found = self.look_at_peer(&self.me.account, |own| {
            own.roster()
                .is_some_and(|roster| roster.is_manager(&identity))
        })?;
        Ok(found.unwrap_or_default())
    }
}

impl Group {
    /// Notes that an account invited this one.
    pub(super) fn note_inviter(&mut self, from: &AccountId) {
        let inviters = &mut self.record.inviters;
        if inviters.iter().all(|one| one.account != from.as_str()) {
            inviters.push(InviterRecord {
                account: from.as_str().to_owned(),
                is_accepted: false,
            });
        }
    }

    /// Notes that the user accepted the invitation of an account.
    pub(super) fn accept(&mut self, from: &AccountId) {
        for inviter in &mut self.record.inviters {
            inviter.is_accepted |= inviter.account == from.as_str();
        }
    }
}

/// What a note tells of a group.
pub(in crate::client) fn control_of_group(note: &NoteGroupRecord, control: &mut Control) {
    let group: Option<[u8; 32]> = note.group.as_slice().try_into().ok();
    let Some(group) = group.map(ConversationId::from_bytes) else {
        return;
    };
    let version = note.version;
    if let Ok(state_hash) = note.state_hash.as_slice().try_into() {
        control.welcome = Some(WelcomeRecord {
            group,
            version,
            state_hash,
        });
    }
    if let Ok(seed) = note.seed.as_slice().try_into() {
        let seed = zeroize::Zeroizing::new(seed);
        control.authority = Some(waxseal_reporting::sender::AuthorityRecord {
            seed,
            group,
            version,
        });
    }
    if note.wants {
        control.state_wanted = Some(StateWanted { group, version });
    }
}
