//! Stored: what a message means for others, written in the transaction that stores it.

use waxseal_reporting::fold::{Reference, ReferenceKind, Role};
use waxseal_reporting::message::{Content, PayloadHeader};
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{DeviceAddress, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::folded::{Base, author_of};
use crate::client::history::{Message, damaged_message};
use crate::client::page::number_of;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, FoldRecord, IndexRecord, MessageRecord, ReferenceRecord, RefersRecord};
use crate::store::{Key, Store, Transaction};

/// How many references are read to find out whether a transaction deletes the last one. One
/// transaction deletes fewer.
const ROWS_AT_ONCE: usize = 256;

/// A message that a transaction stores.
pub(in crate::client) struct Stored<'a> {
    pub(in crate::client) id: FrankingTag,
    pub(in crate::client) ordinal: u64,
    pub(in crate::client) sender: &'a DeviceAddress,
    /// The account key under which it came. Empty if it is unknown.
    pub(in crate::client) account_key: &'a [u8],
    pub(in crate::client) header: &'a PayloadHeader,
    pub(in crate::client) content: &'a Content,
    /// `None` before its receipt.
    pub(in crate::client) accepted_at: Option<Timestamp>,
    /// Whether the sending device had been removed from its account.
    pub(in crate::client) from_removed_device: bool,
}

impl<'a> Stored<'a> {
    /// A message that was stored before.
    pub(in crate::client) fn of(message: &'a Message) -> Self {
        Self {
            id: *message.id(),
            ordinal: message.ordinal(),
            sender: message.sender(),
            account_key: message.account_key().map_or(&[], |key| key),
            header: message.header(),
            content: message.content(),
            accepted_at: message.accepted_at(),
            from_removed_device: message.is_from_removed_device(),
        }
    }

    fn refers(&self) -> RefersRecord {
        let mut record = RefersRecord::default();
        record.ordinal = self.ordinal;
        record.account.push_str(self.sender.account.as_str());
        record.account_key.extend_from_slice(self.account_key);
        record.sent_ms = self.header.sent_at.as_millis();
        record.device = self.sender.device.0;
        record.sequence = self.header.sequence;
        record.id.extend_from_slice(self.id.as_bytes());
        record.accepted_ms = self.accepted_at.map_or(0, |at| at.as_millis());
        record.from_removed_device = self.from_removed_device;
        if let Content::Reaction { reaction, .. } = self.content {
            record.reaction.push_str(reaction);
        }
        record
    }
}

/// A message that others refer to, with where it is.
struct Known {
    base: Base,
    accepted_at: Option<Timestamp>,
    index: IndexRecord,
}

/// What is known of the message that another one refers to.
enum Referred {
    Here(Box<Known>),
    /// It was deleted, or its content was withheld.
    Gone,
    /// It has not come yet, or its record is damaged.
    Unknown,
}

impl<S: Store> Client<S> {
    /// Writes where a message is that this transaction stores, when it is due, and what it means
    /// for the message that it refers to. If the message was stored before, and has its receipt
    /// now, `index` is what is known of its place.
    pub(in crate::client) fn put_stored(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        stored: &Stored<'_>,
        mut index: IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        match Reference::of(stored.content) {
            Some(reference) => {
                self.put_reference(transaction, conversation, stored, &reference, &mut index)?;
            }
            None => {
                self.put_first_due(transaction, conversation, stored, &mut index)?;
                self.put_referred(transaction, conversation, stored, &mut index)?;
            }
        }
        self.put_index(transaction, conversation, stored.id, &index);
        Ok(())
    }

    /// Stores a message of this account that has no receipt yet, with where it is.
    pub(in crate::client) fn put_sent(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        (ordinal, sent): (u64, &SentMessage),
        index: IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        let account_key = self.own_key()?;
        let content = sent.content().map(Zeroizing::new);
        let content = content.ok_or_else(|| damaged_message(conversation))?;
        let stored = Stored {
            id: *sent.tag(),
            ordinal,
            sender: &self.me,
            account_key: &account_key,
            header: sent.header(),
            content: &content,
            accepted_at: None,
            from_removed_device: false,
        };
        self.put_stored(transaction, conversation, &stored, index)?;
        let message = MessageRecord::sent(ordinal, sent, account_key);
        transaction.put_message(conversation, &message);
        Ok(())
    }

    /// Folds what came before the message that it refers to.
    fn put_referred(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        stored: &Stored<'_>,
        index: &mut IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::fold(conversation, &stored.id);
        let Some(mut fold) = self.pending_readable::<FoldRecord>(transaction, &key)? else {
            return Ok(());
        };
        let account = stored.sender.account.clone();
        fold.keep_counting(&Base {
            id: stored.id,
            role: Role::of(stored.content),
            author: author_of(account, stored.account_key),
        });
        transaction.put_record(key, &fold);
        // CHK-572: what a device deletes that was removed from its account is not wiped for that.
        let deletion = fold.deletion().filter(|one| !one.from_removed_device);
        let deleted_ms = deletion.map_or(0, |one| one.accepted_ms);
        match stored.accepted_at {
            Some(accepted_at) if deleted_ms != 0 => {
                let from = Timestamp::from_millis(deleted_ms);
                let of = (conversation, &stored.id);
                self.put_wipe(transaction, of, index, accepted_at, from)
            }
            _ => Ok(()),
        }
    }

    /// Folds a message into the one that it refers to.
    fn put_reference(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        stored: &Stored<'_>,
        reference: &Reference,
        index: &mut IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        let to = &reference.to;
        let place = keys::reference(conversation, to, stored.ordinal);
        let is_new = self
            .pending_readable::<ReferenceRecord>(transaction, &place)?
            .is_none();
        let record = ReferenceRecord {
            id: stored.id.as_bytes().to_vec(),
        };
        transaction.put_record(place, &record);
        let key = keys::fold(conversation, to);
        let mut fold = self.fold_of(transaction, conversation, to)?;
        match self.referred(transaction, conversation, to)? {
            // CHK-567: it has nothing to disappear with, so it goes by itself.
            Referred::Gone => {
                if let Some(accepted_at) = stored.accepted_at {
                    let of = (conversation, &stored.id);
                    self.put_wipe(transaction, of, index, accepted_at, accepted_at)?;
                }
            }
            Referred::Unknown => fold.add(reference.kind, stored.refers(), is_new),
            Referred::Here(known) => {
                let Known {
                    base,
                    accepted_at,
                    index: mut of_base,
                } = *known;
                fold.add(reference.kind, stored.refers(), is_new);
                fold.keep_counting(&base);
                // CHK-572: nor does such a device wipe it if its deletion comes after the message.
                let is_deletion = reference.kind == ReferenceKind::Deletion
                    && !stored.from_removed_device
                    && fold
                        .deletions
                        .iter()
                        .any(|one| one.ordinal == stored.ordinal);
                if let (true, Some(accepted_at), Some(from)) =
                    (is_deletion, accepted_at, stored.accepted_at)
                {
                    let of = (conversation, to);
                    self.put_wipe(transaction, of, &mut of_base, accepted_at, from)?;
                    self.put_index(transaction, conversation, *to, &of_base);
                }
            }
        }
        transaction.put_record(key, &fold);
        Ok(())
    }

    /// The record of what refers to a message, with the changes of this transaction. Empty if
    /// nothing refers to it yet.
    fn fold_of(
        &self,
        transaction: &Transaction,
        conversation: &Conversation,
        to: &FrankingTag,
    ) -> Result<FoldRecord, StateError<S::Error>> {
        let key = keys::fold(conversation, to);
        let known: Option<FoldRecord> = self.pending_readable(transaction, &key)?;
        Ok(known.unwrap_or_else(|| {
            let mut fold = FoldRecord::default();
            fold.id.extend_from_slice(to.as_bytes());
            fold
        }))
    }

    fn referred(
        &self,
        transaction: &Transaction,
        conversation: &Conversation,
        to: &FrankingTag,
    ) -> Result<Referred, StateError<S::Error>> {
        let Some(index) = self.pending_index(transaction, conversation, to)? else {
            return Ok(Referred::Unknown);
        };
        let Some(ordinal) = index.ordinal else {
            return Ok(match index.renewed.is_empty() {
                true => Referred::Gone,
                false => Referred::Unknown, // it has another tag, to which this does not refer
            });
        };
        let key = keys::message(conversation, ordinal);
        let record: Option<MessageRecord> = self.pending_readable(transaction, &key)?;
        let message = record.and_then(|record| self.message_of(record));
        Ok(match message.filter(|message| message.id() == to) {
            Some(message) => Referred::Here(Box::new(Known {
                base: super::base_of(&message),
                accepted_at: message.accepted_at(),
                index,
            })),
            None => Referred::Unknown,
        })
    }

    /// Has [`expire`](Self::expire) wipe what came before a message that is never shown, and refers
    /// to it.
    pub(in crate::client) fn put_wipe_of_references(
        &self,
        transaction: &mut Transaction,
        (conversation, id): (&Conversation, &FrankingTag),
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::fold(conversation, id);
        let fold: Option<FoldRecord> = self.pending_readable(transaction, &key)?;
        if fold.is_none() {
            return Ok(());
        }
        // CHK-567: it has nothing to disappear with.
        let gone = self.gone_at_once(transaction, (conversation, id))?;
        self.put_index(transaction, conversation, *id, &gone);
        Ok(())
    }

    /// Forgets a message that is deleted alone, if it refers to another one.
    pub(in crate::client) fn forget_reference(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        message: &Message,
    ) -> Result<(), StateError<S::Error>> {
        let Some(reference) = Reference::of(message.content()) else {
            return Ok(());
        };
        let (to, ordinal) = (&reference.to, message.ordinal());
        transaction.delete(keys::reference(conversation, to, ordinal));
        let key = keys::fold(conversation, to);
        let Some(mut fold) = self.pending_readable::<FoldRecord>(transaction, &key)? else {
            return Ok(());
        };
        fold.remove(reference.kind, ordinal, &super::base_of(message).author);
        // The record is there as long as there are any references, to find them.
        let is_last = self.is_last_reference(transaction, conversation, to)?;
        match is_last && fold.is_empty() {
            true => transaction.delete(key),
            false => transaction.put_record(key, &fold),
        }
        Ok(())
    }

    /// Whether the transaction deletes everything that refers to a message.
    fn is_last_reference(
        &self,
        transaction: &Transaction,
        conversation: &Conversation,
        to: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        let table = keys::references(conversation, to);
        let rows = self.first_rows(&table, ROWS_AT_ONCE)?;
        let is_full = rows.len() >= ROWS_AT_ONCE;
        let mut ordinals = rows.iter().filter_map(|row| number_of(&row.cursor));
        Ok(!is_full
            && ordinals.all(|ordinal| {
                let key = keys::reference(conversation, to, ordinal);
                matches!(transaction.pending(&key), Some(None))
            }))
    }

    /// The place of a message, as the transaction has it.
    pub(in crate::client) fn pending_index(
        &self,
        transaction: &Transaction,
        conversation: &Conversation,
        tag: &FrankingTag,
    ) -> Result<Option<IndexRecord>, StateError<S::Error>> {
        match transaction.pending(&keys::index(conversation, tag)) {
            Some(value) => Ok(value.and_then(records::decode)),
            None => self.index(conversation, tag),
        }
    }

    /// A record as the transaction has it. `None` if it is damaged.
    pub(in crate::client) fn pending_readable<R: prost::Message + Default>(
        &self,
        transaction: &Transaction,
        key: &Key,
    ) -> Result<Option<R>, StateError<S::Error>> {
        match transaction.pending(key) {
            Some(value) => Ok(value.and_then(records::decode)),
            None => self.readable(key),
        }
    }
}
