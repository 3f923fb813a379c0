//! Telling: items that changed go to all other devices of the account, and all items to a device
//! that may lack some.

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;

use super::{ITEMS_AT_ONCE, cursor_bytes, cursor_of, item_of, put_item, subject_of};
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{ExportRecord, ImportRecord, NoteRecord, SyncRecord};
use crate::store::{Cursor, Store, Transaction};
use crate::sync::history::{Offer, Request, RequestId};
use crate::sync::{Entry, Fact, HistoryKey, Item, Packer, subjects};

/// How long after the own devices were told what was read they are not told that alone: one minute.
const READ_PAUSE_MS: u64 = 60_000;

/// How long a deleted message is told to devices that are new: 90 days. What a device still gets of
/// older messages, it asks for.
const DELETED_MS: u64 = 90 * 24 * 3_600_000;

/// How long after the last request a history is not given any more: one day.
const EXPORT_MS: u64 = 24 * 3_600_000;

/// How long after the last request a history is not waited for any more: seven days.
const IMPORT_MS: u64 = 7 * 24 * 3_600_000;

/// Rows that one transaction deletes.
const ROWS_AT_ONCE: usize = 256;

/// What one note to the own devices tells, and what is written when it is sealed.
#[derive(Default)]
pub(super) struct Telling {
    packer: Packer,
    is_empty: bool,
    /// Whether it tells nothing but what was read.
    is_read_alone: bool,
    transaction: Transaction,
}

impl Telling {
    /// Adds an entry. Returns whether there was room.
    pub(super) fn push(&mut self, entry: &Entry) -> bool {
        if self.packer.is_full_for(entry) {
            return false;
        }
        let is_read = matches!(entry, Entry::Item(item) if matches!(item.fact, Fact::Read { .. }));
        self.is_read_alone &= is_read;
        self.is_empty = false;
        // It fits, so that no record is full.
        drop(self.packer.push(entry));
        true
    }
}

impl<S: Store> Client<S> {
    /// Tells the other devices of the account what they are to be told.
    pub(in crate::client) fn tell_own_devices(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        self.expire_histories(now)?;
        loop {
            if upkeep.is_full() {
                upkeep.again_at(now.as_millis());
                return Ok(());
            }
            if !self.run(|client| client.tell_once(now, rng, upkeep))? {
                return Ok(());
            }
        }
    }

    /// Makes one transaction of telling. Returns whether there may be more to tell.
    fn tell_once(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let mut sync = self.sync_record()?;
        let before = sync.clone();
        let Some((others, is_manager)) = self.other_devices(now)? else {
            return Ok(false);
        };
        if others.is_empty() {
            return self.tell_nobody(sync);
        }
        sync.note_devices(&others, is_manager);
        let tells_leave = sync.tells_leave(&others, is_manager);
        self.want_sessions(&mut sync, &others, now, upkeep)?;
        let mut noted = sync.clone();
        if sync.devices.iter().any(|device| device.lacks) && !sync.has_decisions {
            self.list_contacts(&mut sync)?;
            return Ok(true);
        }
        let mut telling = Telling {
            is_empty: true,
            is_read_alone: true,
            ..Telling::default()
        };
        if tells_leave {
            telling.push(&Entry::Leaves);
        }
        sync.ask(&mut telling, now, upkeep);
        self.tell_histories(&mut telling)?;
        self.tell_items(&mut sync, &mut telling)?;
        sync.begin_pass(&others, now, upkeep);
        if sync.is_passing {
            self.tell_all(&mut sync, &mut telling, now)?;
        }
        if telling.is_read_alone && !telling.is_empty {
            let age = since(sync.read_told_ms, now).filter(|_| sync.read_told_ms != 0);
            if age.is_some_and(|age| age < READ_PAUSE_MS) {
                upkeep.again_at(sync.read_told_ms.saturating_add(READ_PAUSE_MS));
                return Ok(false);
            }
            sync.read_told_ms = now.as_millis().max(1);
        }
        let Some(record) = telling.packer.finish() else {
            if sync != before {
                telling.transaction.put_record(keys::sync(), &sync);
            }
            let is_more = !telling.transaction.changes().is_empty();
            if is_more {
                self.commit(telling.transaction)?;
            }
            return Ok(is_more && sync.is_passing);
        };
        let me = self.me.account.clone();
        let Some(mut pair) = self.take_pair(&me)? else {
            return Ok(false);
        };
        let note = NoteRecord::of_sync(record);
        let sealed = self.seal_note(&mut pair, &me, &note, now, rng)?;
        let Some(fanout) = sealed else {
            // There is a session with none of them. What is to be told stays.
            self.keep_pair(pair);
            noted.note_all_lacking();
            let is_new = noted != before;
            if is_new {
                let mut transaction = Transaction::default();
                transaction.put_record(keys::sync(), &noted);
                self.commit(transaction)?;
            }
            return Ok(is_new);
        };
        let empty = fanout.slots().iter().filter(|slot| slot.is_empty());
        let missed: Vec<_> = empty.map(|slot| slot.device).collect();
        sync.note_missed(&missed, &others, now);
        let mut transaction = telling.transaction;
        if tells_leave {
            sync.leave_note = Some(self.counters()?.next_outbox);
        }
        let Some(outgoing) = self.put_note(&mut transaction, &me, &fanout, note, now)? else {
            return Ok(false);
        };
        transaction.put_record(keys::sync(), &sync);
        pair.put(&self.me, &mut transaction);
        self.commit(transaction)?;
        self.keep_pair(pair);
        upkeep.outgoing.push(outgoing);
        Ok(true)
    }

    /// Forgets what is to be told, because the account has one device. When it gets another one,
    /// that is told everything. Returns whether there is more to forget.
    fn tell_nobody(&mut self, mut sync: SyncRecord) -> Result<bool, StateError<S::Error>> {
        let mut transaction = Transaction::default();
        let table = keys::items_to_tell();
        for row in self.first_rows(&table, ROWS_AT_ONCE)? {
            transaction.delete_at(table.clone(), row.cursor);
        }
        let is_more = !transaction.changes().is_empty();
        let before = sync.clone();
        // A contact that was pinned and not told has no item.
        (sync.has_listed, sync.is_passing) = (sync.has_listed && !is_more, false);
        sync.has_decisions &= sync.has_listed;
        if !sync.has_listed {
            sync.listed_to.clear();
        }
        sync.devices.clear();
        if sync != before {
            transaction.put_record(keys::sync(), &sync);
        }
        if !transaction.changes().is_empty() {
            self.commit(transaction)?;
        }
        Ok(is_more)
    }

    /// Tells what is to be told about a history that is taken, or given.
    fn tell_histories(&self, telling: &mut Telling) -> Result<(), StateError<S::Error>> {
        let import: Option<ImportRecord> = self.readable(&keys::import())?;
        if let Some((mut import, id)) = import.and_then(|one| {
            let id = RequestId(one.request.as_slice().try_into().ok()?);
            Some((one, id))
        }) {
            if import.is_done && telling.push(&Entry::HistoryEnded(id)) {
                telling.transaction.delete(keys::import());
            } else if import.tells {
                let first = import.next;
                if telling.push(&Entry::HistoryWanted(Request { id, first })) {
                    import.tells = false;
                    telling.transaction.put_record(keys::import(), &import);
                }
            }
        }
        let export: Option<ExportRecord> = self.readable(&keys::export())?;
        if let Some((mut export, offer)) = export.filter(|export| export.tells).and_then(|one| {
            let offer = Offer {
                request: RequestId(one.request.as_slice().try_into().ok()?),
                key: HistoryKey::from_bytes(one.key.as_slice().try_into().ok()?),
                round: one.round,
                first: one.first,
            };
            Some((one, offer))
        }) && telling.push(&Entry::HistoryOffered(offer))
        {
            export.tells = false;
            telling.transaction.put_record(keys::export(), &export);
        }
        Ok(())
    }

    /// Tells items that changed, as many as there is room for.
    fn tell_items(
        &self,
        sync: &mut SyncRecord,
        telling: &mut Telling,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::items_to_tell();
        let page = self.page(&table, None, ITEMS_AT_ONCE, |_, bytes| subject_of(bytes))?;
        for row in &page.damaged {
            row.delete_in(&mut telling.transaction);
        }
        for subject in page.items {
            let item = match self.item(&subject)? {
                Some(item) => Some(item),
                None => self.pinned_item(sync, telling, &subject)?,
            };
            if let Some(item) = item
                && !telling.push(&Entry::Item(item))
            {
                break;
            }
            telling.transaction.delete(keys::item_to_tell(&subject));
        }
        Ok(())
    }

    /// The item of a contact that was pinned since the last time, which has none yet.
    fn pinned_item(
        &self,
        sync: &mut SyncRecord,
        telling: &mut Telling,
        subject: &[u8],
    ) -> Result<Option<Item>, StateError<S::Error>> {
        let account = subjects::trusted(subject);
        let Some(account) = account.filter(|account| *account != self.me.account) else {
            return Ok(None);
        };
        let facts = match self.facts_of(&account) {
            Err(StateError::Damaged(_)) => return Ok(None),
            facts => facts?,
        };
        let fact = facts.into_iter().find(|fact| fact.subject() == subject);
        let item = fact.map(|fact| self.number(sync, fact));
        item.iter()
            .for_each(|item| put_item(&mut telling.transaction, item, 0));
        Ok(item)
    }

    /// Tells all items, from where the last record ended.
    fn tell_all(
        &self,
        sync: &mut SyncRecord,
        telling: &mut Telling,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let after: Option<Cursor> = cursor_of(&sync.passed_to);
        let page = self.page(
            &keys::items(),
            after.as_ref(),
            ITEMS_AT_ONCE,
            |at, bytes| Some((at.clone(), item_of(bytes)?)),
        )?;
        for (at, item) in page.items {
            match &item.fact {
                Fact::MessageDeleted { at, .. }
                    if since(at.as_millis(), now).is_some_and(|age| age > DELETED_MS) =>
                {
                    let subject = item.fact.subject();
                    telling.transaction.delete(keys::item(&subject));
                }
                _ => {
                    if !telling.push(&Entry::Item(item)) {
                        return Ok(());
                    }
                }
            }
            sync.passed_to = cursor_bytes(&at);
        }
        match page.next {
            Some(next) => sync.passed_to = cursor_bytes(&next),
            None => sync.end_pass(now),
        }
        Ok(())
    }

    /// Forgets a history that nobody asks for any more, and one that nobody gives.
    fn expire_histories(&mut self, now: Timestamp) -> Result<(), StateError<S::Error>> {
        let is_old = |at_ms: u64, max: u64| since(at_ms, now).is_some_and(|age| age > max);
        let export: Option<ExportRecord> = self.look(|client| client.readable(&keys::export()))?;
        if let Some(export) = export
            && (is_old(export.offered_ms, EXPORT_MS)
                || self.was_removed(export.device, &export.identity)?)
        {
            self.end_history_export()?;
        }
        let import: Option<ImportRecord> = self.look(|client| client.readable(&keys::import()))?;
        if let Some(import) = import.filter(|import| !import.is_done)
            && (is_old(import.asked_ms, IMPORT_MS)
                || !import.key.is_empty() && self.was_removed(import.device, &import.identity)?)
        {
            self.cancel_history_import()?;
        }
        Ok(())
    }

    /// Whether a device of a history is not in the own roster any more. A damaged roster says
    /// nothing.
    fn was_removed(&self, device: u32, identity: &[u8]) -> Result<bool, StateError<S::Error>> {
        match self.look(|client| client.is_own_device(device, identity)) {
            Err(StateError::Damaged(_)) => Ok(false),
            is_own => Ok(!is_own?),
        }
    }
}
