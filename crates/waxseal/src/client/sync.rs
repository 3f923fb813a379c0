//! Sync: what this device and the other devices of its account share.
//!
//! A call that changes something shared writes an item in its own transaction, and notes that the
//! item is to be told. [`Client::upkeep`] tells it, in notes to the own devices. What another
//! device tells is stored with the transaction that receives it, and carried out afterwards; if the
//! application stops in between, when the store is opened.
//!
//! | step | file |
//! |---|---|
//! | write an item | this one, `settings.rs` |
//! | tell the other devices | `tell.rs` |
//! | take what another device tells | `take.rs` |
//! | carry it out | `apply.rs` |
//! | which devices lack items | `others.rs` |
//! | leave the account | `leave.rs` |
//! | give the history | `export.rs` |
//! | take the history | `import.rs` |

mod apply;
mod export;
mod import;
mod leave;
mod listed;
mod others;
mod settings;
mod take;
mod tell;

use waxseal_reporting::{AccountId, FrankingTag, Timestamp};

pub use self::export::{HistoryChunk, HistoryExport};
pub use self::import::{HistoryImport, HistoryProgress};
pub use self::leave::Leaving;
use super::delete::{Begun, Deleted};
use super::page::Page;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, ItemRecord, SubjectRecord, SyncRecord};
use crate::store::{Cursor, Store, Transaction};
use crate::sync::{Fact, Item, Position, Written, subjects};

/// Items that are looked at in one piece.
const ITEMS_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Records that the user read the conversation up to this message, at the present time `now`,
    /// and tells the other devices of the account. Nobody else is told: see
    /// [`opened`](Self::opened). From then on the time runs after which messages up to there
    /// [disappear](crate::Draft::expires_after_secs), here and, once they hear of it, on the other
    /// devices.
    ///
    /// A position that is not further than the known one changes nothing, nor does a message
    /// without a time at which the provider accepted it.
    pub fn mark_read(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        let further = self.look(|client| {
            let index = client.search(conversation, id)?;
            let message = client.message_at(conversation, index)?;
            let Some(at) = message.and_then(|message| message.accepted_at()) else {
                return Ok(None);
            };
            let up_to = Position::new(at, id);
            let known = client.read_since(conversation)?;
            Ok::<_, StateError<S::Error>>(match known {
                Some((known, _)) if known >= up_to => None,
                _ => Some(up_to),
            })
        })?;
        let Some(up_to) = further else {
            return Ok(());
        };
        // It is said last, so that after a crash in between it is done again.
        self.read_all(conversation, up_to, Some(now))?;
        self.run(|client| {
            let fact = Fact::Read {
                conversation: conversation.clone(),
                up_to,
            };
            let mut transaction = Transaction::default();
            client.put_fact_at(&mut transaction, fact, now.as_millis())?;
            client.commit(transaction)
        })
    }

    /// How far the conversation was read, on any device of the account. `None` if nothing is known
    /// of it. Messages that the provider accepted later are unread.
    pub fn read_up_to(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<Option<Position>, StateError<S::Error>> {
        let conversation = conversation.into();
        let read = self.look(|client| client.read_since(&conversation))?;
        Ok(read.map(|(up_to, _)| up_to))
    }

    /// How far the conversation was read, and when this device heard of it: 0 if that is unknown.
    pub(super) fn read_since(
        &self,
        conversation: &Conversation,
    ) -> Result<Option<(Position, Timestamp)>, StateError<S::Error>> {
        let key = keys::item(&subjects::read(conversation));
        let record: Option<ItemRecord> = self.readable(&key)?;
        Ok(record.and_then(|record| {
            let at = Timestamp::from_millis(record.at_ms);
            match Item::decode(&record.item)?.fact {
                Fact::Read { up_to, .. } => Some((up_to, at)),
                _ => None,
            }
        }))
    }

    /// Deletes a message like [`delete_message`](Self::delete_message), on all devices of the
    /// account. A device that has not received it yet will not show it.
    pub fn delete_on_all_devices(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        self.run(|client| {
            let id = client.present_tag(conversation, id)?;
            let mut transaction = Transaction::default();
            if client.delete_message_in(&mut transaction, conversation, &id)? != Deleted::Nothing {
                let (conversation, at) = (conversation.clone(), now);
                let fact = Fact::MessageDeleted {
                    conversation,
                    id,
                    at,
                };
                client.put_fact(&mut transaction, fact)?;
            }
            client.commit(transaction)
        })
    }

    /// Deletes a conversation like [`delete_conversation`](Self::delete_conversation), on all
    /// devices of the account. They keep messages that the provider accepted after the last one
    /// that this device has.
    pub fn delete_conversation_on_all_devices(
        &mut self,
        conversation: impl Into<Conversation>,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        let tell = |client: &Self, transaction: &mut Transaction| {
            if let Some(until) = client.newest_of(conversation)? {
                let fact = Fact::ConversationDeleted {
                    conversation: conversation.clone(),
                    until,
                };
                client.put_fact(transaction, fact)?;
            }
            Ok::<_, StateError<S::Error>>(true)
        };
        // A deletion that was under way ends first, and does not take the place of this one.
        while self
            .delete_conversation_and(conversation, |client, _, changes| tell(client, changes))?
            == Begun::UnderWay
        {}
        Ok(())
    }

    /// When the provider accepted the newest message of a conversation, among the last ones that
    /// are stored.
    fn newest_of(
        &self,
        conversation: &Conversation,
    ) -> Result<Option<Timestamp>, StateError<S::Error>> {
        let numbering = self.numbering(conversation)?.unwrap_or_default();
        let recent = u64::try_from(ITEMS_AT_ONCE).unwrap_or_default();
        let after = numbering.next_ordinal.checked_sub(recent.saturating_add(1));
        let page = self.read_messages(conversation, after, ITEMS_AT_ONCE)?;
        let accepted = page.items.iter().filter_map(super::Message::accepted_at);
        let known = [numbering.last_accepted_ms, numbering.last_copied_ms];
        let known = known.into_iter().filter(|ms| *ms != 0);
        Ok(accepted.chain(known.map(Timestamp::from_millis)).max())
    }

    /// Lists what the devices of the account share, up to `limit` items after `after`: to show all
    /// settings, or how far each conversation was read. The order has no meaning.
    pub fn shared(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Fact>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::items(), after, limit, |_, bytes| {
                Some(item_of(bytes)?.fact)
            })
        })
    }

    /// Notes that this device may have missed what other devices of the account told: the provider
    /// says that it dropped deliveries. The next [`upkeep`](Self::upkeep) asks for all of it.
    pub fn want_shared(&mut self) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            client.put_state_wanted(&mut transaction)?;
            client.commit(transaction)
        })
    }

    pub(super) fn put_state_wanted(
        &self,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut sync = self.sync_record()?;
        sync.wants_state = true;
        transaction.put_record(keys::sync(), &sync);
        Ok(())
    }

    /// The numbers of the sync. If they are damaged, they are found again from the items.
    pub(super) fn sync_record(&self) -> Result<SyncRecord, StateError<S::Error>> {
        let mut found = match self.get_record(&keys::sync()) {
            Err(StateError::Damaged(_)) => SyncRecord {
                wants_state: true,
                ..SyncRecord::default()
            },
            record => return Ok(record?.unwrap_or_default()),
        };
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::items();
            let page = self.page(&table, after.as_ref(), ITEMS_AT_ONCE, |_, bytes| {
                item_of(bytes)
            })?;
            let numbers = page.items.iter().map(|item| item.written.number);
            found.clock = numbers.fold(found.clock, u64::max);
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The item about a subject. `None` if there is none, or if it is damaged.
    pub(super) fn item(&self, subject: &[u8]) -> Result<Option<Item>, StateError<S::Error>> {
        let record: Option<ItemRecord> = self.readable(&keys::item(subject))?;
        Ok(record.and_then(|record| Item::decode(&record.item)))
    }

    /// Writes a fact that this device made, and notes that it is to be told. One that is known
    /// already is not written again.
    ///
    /// Reads the numbers from the store, so it is called once in a transaction.
    pub(super) fn put_fact(
        &self,
        transaction: &mut Transaction,
        fact: Fact,
    ) -> Result<(), StateError<S::Error>> {
        self.put_fact_at(transaction, fact, 0)
    }

    fn put_fact_at(
        &self,
        transaction: &mut Transaction,
        fact: Fact,
        at_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        let subject = fact.subject();
        let known = self.item(&subject)?;
        if known.as_ref().is_some_and(|known| known.fact == fact) {
            return Ok(());
        }
        let mut sync = self.sync_record()?;
        let item = self.number(&mut sync, fact);
        if known.is_none_or(|known| item.wins_over(&known)) {
            put_item(transaction, &item, at_ms);
            if self.has_other_devices()? {
                put_to_tell(transaction, subject);
            }
            transaction.put_record(keys::sync(), &sync);
        }
        Ok(())
    }

    /// Whether the account has another device than this one.
    pub(super) fn has_other_devices(&self) -> Result<bool, StateError<S::Error>> {
        let found = self.look_at_peer(&self.me.account, |own| {
            own.roster()
                .is_some_and(|roster| roster.devices().len() > 1)
        });
        match found {
            Err(StateError::Damaged(_)) => Ok(false),
            found => Ok(found?.unwrap_or_default()),
        }
    }

    /// Gives a fact the next number.
    fn number(&self, sync: &mut SyncRecord, fact: Fact) -> Item {
        sync.clock = sync.clock.saturating_add(1);
        let written = Written {
            number: sync.clock,
            device: self.me.device,
        };
        Item { fact, written }
    }

    /// Forgets what is shared about an account that is no contact any more, in a transaction: a
    /// batch of it.
    pub(super) fn forget_items(
        &self,
        account: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::items();
            let page = self.page(&table, after.as_ref(), ITEMS_AT_ONCE, |_, bytes| {
                item_of(bytes)
            })?;
            for item in page.items {
                // That the user declined it is remembered.
                let is_decision = matches!(item.fact, Fact::Decided { .. });
                if item.fact.account() == Some(account) && !is_decision {
                    let subject = item.fact.subject();
                    transaction.delete(keys::item(&subject));
                    transaction.delete(keys::item_to_tell(&subject));
                    transaction.delete(keys::item_to_apply(&subject));
                }
            }
            after = page.next;
            if after.is_none() || !transaction.changes().is_empty() {
                return Ok(());
            }
        }
    }
}

/// Writes an item in place of the one about the same subject. `at_ms` is when it was made here, or
/// when the provider accepted what told it. Only a read position needs it.
fn put_item(transaction: &mut Transaction, item: &Item, at_ms: u64) {
    let mut encoded = item.encode();
    let record = ItemRecord {
        item: std::mem::take(&mut *encoded),
        at_ms,
    };
    transaction.put_record(keys::item(&item.fact.subject()), &record);
}

/// Notes that the item about a subject is to be told.
pub(super) fn put_to_tell(transaction: &mut Transaction, subject: Vec<u8>) {
    let key = keys::item_to_tell(&subject);
    transaction.put_record(key, &SubjectRecord { subject });
}

/// Reads a row of the items.
fn item_of(bytes: &[u8]) -> Option<Item> {
    let record: ItemRecord = records::decode(bytes)?;
    Item::decode(&record.item)
}

/// Reads a row of what is still to be told or carried out.
fn subject_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let record: SubjectRecord = records::decode(bytes)?;
    Some(record.subject)
}

/// Encodes a position in a list, to keep it in a record. Never empty.
fn cursor_bytes(cursor: &Cursor) -> Vec<u8> {
    match cursor {
        Cursor::Number(number) => [&[0][..], &number.to_be_bytes()].concat(),
        Cursor::Name(name) => [&[1][..], name].concat(),
    }
}

/// Reads what [`cursor_bytes`] wrote. `None` if it is empty.
fn cursor_of(bytes: &[u8]) -> Option<Cursor> {
    match bytes.split_first()? {
        (0, number) => Some(Cursor::Number(u64::from_be_bytes(number.try_into().ok()?))),
        (_, name) => Some(Cursor::Name(name.to_vec())),
    }
}

#[cfg(test)]
mod tests;
