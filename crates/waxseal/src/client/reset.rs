//! Reset: what an application calls when a record is damaged. Each call keeps all that can be read.

use rand_core::CryptoRng;
use waxseal_core::PreKeys;
use waxseal_core::limits::IDENTITY_KEY_LEN;
use waxseal_reporting::{AccountId, Timestamp};
use waxseal_roster::{AccountKey, Pinned};

use super::page::number_of;
use super::peers::Peer;
use super::prekeys::put_prekeys;
use super::view::Stored;
use super::{Client, Direction, keys};
use crate::error::StateError;
use crate::records::{self, ContactRecord, ConversationRecord, DeviceRecord, IndexRecord};
use crate::store::{Cursor, Key, Store, Table, Transaction};

/// Rows that one turn of a reset reads or deletes.
const ROWS_AT_ONCE: usize = 64;

/// Length of an account key in bytes.
const ACCOUNT_KEY_LEN: usize = 32;

/// Whether a contact has a roster that can be read, or an account key.
fn is_readable(contact: &ContactRecord) -> bool {
    match contact.pinned.as_slice() {
        [] => contact.account_key.len() == ACCOUNT_KEY_LEN,
        pinned => Pinned::decode(pinned).is_ok(),
    }
}

impl<S: Store> Client<S> {
    /// Repairs the records of a peer after [`Damage::Peer`](crate::errors::Damage::Peer). Returns
    /// the account key that stays pinned. The peer can be the own account.
    ///
    /// The sessions with all devices of the peer are over: call [`Client::start`] to write again.
    /// The history, its evidence, the outbox and reports stay. The numbering goes on after every
    /// number that was used. If the record of the numbering was the damaged one, it is taken from
    /// the history, which this call then reads once.
    ///
    /// If the roster is lost, fetch it and call [`Client::take_roster`].
    ///
    /// `None` if no readable record has the pinned account key. The next roster then pins the key
    /// that it has, as for a new peer: ask the users to compare the
    /// [safety number](Client::safety_number) again.
    pub fn reset_peer(
        &mut self,
        peer: &AccountId,
    ) -> Result<Option<AccountKey>, StateError<S::Error>> {
        self.run(|client| {
            drop(client.peers.take(peer));
            client.finish_deletion(&peer.into())?;
            let contact: Option<ContactRecord> = client.readable(&keys::contact(peer))?;
            let numbers = client.device_numbers(peer)?;
            let mut devices = Vec::new();
            for number in &numbers {
                let device: Option<DeviceRecord> = client.readable(&keys::device(peer, *number))?;
                devices.extend(device);
            }
            let mut numbering: Option<ConversationRecord> =
                client.readable(&keys::conversation(&peer.into()))?;
            if numbering.is_none() {
                let mut found = client.numbering_of_history(peer)?;
                if client.has_earlier {
                    client.convert_history(peer)?; // the conversion may not have known the peer
                }
                for device in &devices {
                    found.next_sequence = found.next_sequence.max(device.next_sequence);
                    found.next_ordinal = found.next_ordinal.max(device.next_ordinal);
                }
                numbering = Some(found);
            }
            for number in &numbers {
                client.delete_rows(&keys::skipped_keys(peer, *number))?;
            }
            client.delete_rows(&keys::devices(peer))?;
            let is_own = *peer == client.me.account;
            let mut reset = match is_own {
                true => Peer::own(peer),
                false => Peer::new(peer),
            };
            match contact {
                Some(contact) if is_readable(&contact) => reset.set_contact(contact),
                contact => {
                    let own = is_own.then(|| client.account_record()).transpose()?;
                    let own = own.map(|own| own.account_key.clone());
                    let copies = devices.iter().map(|device| device.account_key.clone());
                    let mut keys = own.into_iter().chain(copies);
                    let key = keys.find(|key| key.len() == ACCOUNT_KEY_LEN);
                    reset.contact.account_key = key.unwrap_or_default();
                    // An earlier version pinned an identity, which the device's record repeats.
                    if reset.contact.account_key.is_empty() {
                        let before = contact.map(|contact| contact.identity_before.clone());
                        let copies = devices.iter().map(|device| device.identity.clone());
                        let mut before = before.into_iter().chain(copies);
                        let before = before.find(|bytes| bytes.len() == IDENTITY_KEY_LEN);
                        reset.contact.identity_before = before.unwrap_or_default();
                    }
                }
            }
            if !is_own {
                reset.conversation = numbering.unwrap_or_default();
            }
            peer.as_str().clone_into(&mut reset.conversation.account);
            let held = client.first_rows(&keys::all_held(&peer.into()), 1)?;
            reset.conversation.has_held = !held.is_empty();
            let pinned = reset.account_key();
            let pinned = pinned.and_then(|key| AccountKey::from_bytes(&key).ok());
            let mut transaction = Transaction::default();
            reset.put(peer, &mut transaction);
            transaction.delete(keys::earlier_peer(peer));
            client.commit(transaction)?;
            Ok(pinned)
        })
    }

    /// Makes new prekeys after [`Damage::PreKeys`](crate::errors::Damage::PreKeys). Publish them
    /// with [`publish_prekeys(0, rng)`](Client::publish_prekeys).
    ///
    /// Conversations go on. First messages to the lost prekeys never open: their senders start over
    /// once they have the new ones. Let the provider delete the one-time prekeys that it still has:
    /// a first message to one of them does not open.
    pub fn reset_prekeys(&mut self, rng: &mut impl CryptoRng) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut prekeys = PreKeys::generate(&client.identity, rng);
            client.prekeys = None;
            let mut transaction = Transaction::default();
            // Their numbers are given out again, so they go in the same transaction.
            client.delete_each(&keys::one_time_prekeys(), &mut transaction)?;
            put_prekeys(&mut prekeys, &mut transaction);
            transaction.delete(keys::prekey_upload());
            client.commit(transaction)?;
            client.prekeys = Some(prekeys);
            Ok(())
        })?;
        // Nothing opens with the lost prekeys any more, so nothing can be replayed. If this starts
        // over, the new prekeys stay: another process may have published them.
        self.run(|client| client.delete_rows(&keys::replay_memories()))
    }

    /// Names the peers that need [`reset_peer`](Self::reset_peer).
    ///
    /// Reads the records of all peers: call it after [`Client::peers`] listed damaged rows. A peer
    /// whose contact and numbering are both damaged cannot be named. The own account is named too.
    pub fn damaged_peers(&self) -> Result<Vec<AccountId>, StateError<S::Error>> {
        self.look(|client| {
            let mut found = Vec::new();
            let me = &client.me.account;
            if client.is_damaged(me)? {
                found.push(me.clone());
            }
            let contact =
                |bytes: &[u8]| records::decode(bytes).map(|one: ContactRecord| one.account);
            client.each_account(&keys::contacts(), contact, |peer| {
                if peer != *me && client.is_damaged(&peer)? {
                    found.push(peer);
                }
                Ok(())
            })?;
            let other =
                |bytes: &[u8]| records::decode(bytes).map(|one: ConversationRecord| one.account);
            client.each_account(&keys::conversations(), other, |peer| {
                let contact: Option<ContactRecord> = client.readable(&keys::contact(&peer))?;
                if contact.is_none() {
                    found.push(peer);
                }
                Ok(())
            })?;
            Ok(found)
        })
    }

    fn is_damaged(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        match self.look_at_peer(peer, |_| ()) {
            Ok(_) => Ok(false),
            Err(StateError::Damaged(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn each_account(
        &self,
        table: &Table,
        account: impl Fn(&[u8]) -> Option<String>,
        mut each: impl FnMut(AccountId) -> Result<(), StateError<S::Error>>,
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.page(table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                AccountId::new(&account(bytes)?).ok()
            })?;
            for peer in page.items {
                each(peer)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads a record. `None` if there is none, or if it is damaged.
    pub(super) fn readable<R: prost::Message + Default>(
        &self,
        key: &Key,
    ) -> Result<Option<R>, StateError<S::Error>> {
        match self.get_record(key) {
            Err(StateError::Damaged(_)) => Ok(None),
            read => read,
        }
    }

    /// The numbering that follows everything in the history.
    ///
    /// Each message has a record of where it is, which stays until the conversation is deleted. So
    /// their count is a number that no message has, whatever was deleted by itself.
    fn numbering_of_history(
        &self,
        peer: &AccountId,
    ) -> Result<ConversationRecord, StateError<S::Error>> {
        // Only the user accepts a peer, not damage.
        let mut found = ConversationRecord {
            is_sequence_guessed: true,
            ..ConversationRecord::default()
        };
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::messages(&peer.into());
            let page = self.page(&table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                self.message_of(records::decode(bytes)?)
            })?;
            let damaged = page.damaged.iter().filter_map(|row| row.number());
            let ordinals = page.items.iter().map(|message| message.ordinal());
            for ordinal in ordinals.chain(damaged) {
                found.next_ordinal = found.next_ordinal.max(ordinal.saturating_add(1));
            }
            for message in &page.items {
                found.note_timer(&Stored::of(message));
                match message.direction() {
                    // Each device numbers its messages for itself.
                    Direction::Sent if *message.sender() != self.me => {}
                    Direction::Sent => {
                        found.is_sequence_guessed = false;
                        let next = message.header().sequence.saturating_add(1);
                        found.next_sequence = found.next_sequence.max(next);
                    }
                    Direction::Received => {
                        found.last_seen = message.id().as_bytes().to_vec();
                        let accepted = message.accepted_at().map_or(0, Timestamp::as_millis);
                        found.last_accepted_ms = found.last_accepted_ms.max(accepted);
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut messages = 0_u64;
        loop {
            let table = keys::indices(&peer.into());
            let page = self.page(&table, after.as_ref(), ROWS_AT_ONCE, |_, bytes| {
                records::decode::<IndexRecord>(bytes)
            })?;
            let rows = page.items.len().saturating_add(page.damaged.len());
            messages = messages.saturating_add(rows as u64);
            // A damaged message may have been deleted by its row, without this record.
            for ordinal in page.items.iter().filter_map(|index| index.ordinal) {
                found.next_ordinal = found.next_ordinal.max(ordinal.saturating_add(1));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        found.next_ordinal = found.next_ordinal.max(messages);
        found.next_sequence = found.next_sequence.max(messages);
        Ok(found)
    }

    /// The number after the highest one of a table.
    pub(super) fn number_after_last(&self, table: &Table) -> Result<u64, StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let rows = self.store.list(table, after.as_ref(), ROWS_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            match rows.last() {
                Some(last) => after = Some(last.cursor.clone()),
                None => break,
            }
        }
        let last = after.as_ref().and_then(number_of);
        Ok(last.map_or(0, |last| last.saturating_add(1)))
    }

    /// Deletes all rows of a table, damaged or not, in this transaction.
    pub(super) fn delete_each(
        &self,
        table: &Table,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let rows = self.store.list(table, after.as_ref(), ROWS_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = Some(last.cursor.clone());
            for row in rows {
                transaction.delete_at(table.clone(), row.cursor);
            }
        }
    }

    /// Deletes all rows of a table, damaged or not, in several transactions.
    pub(super) fn delete_rows(&mut self, table: &Table) -> Result<(), StateError<S::Error>> {
        loop {
            let rows = self.store.list(table, None, ROWS_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut transaction = Transaction::default();
            for row in rows {
                transaction.delete_at(table.clone(), row.cursor);
            }
            self.commit(transaction)?;
        }
    }
}
