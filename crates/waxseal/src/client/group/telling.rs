//! Telling: accounts and own devices are told of a group, or asked, by notes.

use rand_core::CryptoRng;
use waxseal_reporting::sender::{AuthorityRecord, Control, StateWanted, WelcomeRecord};
use waxseal_reporting::{AccountId, ConversationId, Timestamp};
use waxseal_roster::group::GroupId;
use zeroize::Zeroizing;

use crate::client::peers::Peer;
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, EditRecord, GroupTellRecord, NoteGroupRecord, NoteRecord};
use crate::store::{Cursor, Store, Transaction};

/// How long after an account was told of a group it is not told again, and is not asked again: one
/// hour.
pub(super) const PAUSE_MS: u64 = 3_600_000;

/// Rows that are read at once.
const ROWS_AT_ONCE: usize = 32;

impl<S: Store> Client<S> {
    /// Notes that an account is to be told of a group, and its key if it is an admin.
    pub(super) fn queue_welcome(
        &self,
        transaction: &mut Transaction,
        group: &GroupId,
        account: &AccountId,
    ) -> Result<(), StateError<S::Error>> {
        self.queue_tell(transaction, group, account, |tell| tell.welcomes = true)
    }

    /// Notes what an account is to be told of a group, or asked. Once for an account in one
    /// transaction: this changes what the store holds.
    pub(super) fn queue_tell(
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
        self.note_group_needs(now, upkeep)?;
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
        if tell.welcomes {
            tell.told_version = state.version();
        }
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
                        let edit: EditRecord = records::decode(bytes)?;
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
}

/// What a note tells of a group.
pub(in crate::client) fn control_of_group(note: &NoteGroupRecord, control: &mut Control) {
    let group: Option<[u8; 32]> = note.group.as_slice().try_into().ok();
    let Some(group) = group.map(ConversationId::from_bytes) else {
        return;
    };
    let version = note.version;
    if let Ok(state_hash) = note.state_hash.as_slice().try_into() {
        control.welcome = Some(Box::new(WelcomeRecord {
            group,
            version,
            state_hash,
        }));
    }
    if let Ok(seed) = note.seed.as_slice().try_into() {
        let seed = Zeroizing::new(seed);
        control.authority = Some(Box::new(AuthorityRecord {
            seed,
            group,
            version,
        }));
    }
    if note.wants {
        control.state_wanted = Some(StateWanted { group, version });
    }
}
