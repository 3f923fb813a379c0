//! Stored: what a message means for others, written in the transaction that stores it.

use waxseal_reporting::fold::{Order, Reference, ReferenceKind, Role};
use waxseal_reporting::message::{Content, PayloadHeader};
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{DeviceAddress, DeviceId, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::folded::{Base, author_of};
use crate::client::history::{Message, damaged_message};
use crate::client::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{
    self, ConversationRecord, FoldRecord, IndexRecord, MessageRecord, ReferenceRecord,
    RefersRecord, TimerRecord,
};
use crate::store::{Key, Store, Transaction};

/// How far the clock of who sets a timer may be ahead of the provider's: a day. Otherwise whoever
/// has the latest clock had the last word for good.
const TIMER_AHEAD_MS: u64 = 24 * 3_600_000;

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
        let deleted_ms = fold.deletion().map_or(0, |one| one.accepted_ms);
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
                let is_deletion = reference.kind == ReferenceKind::Deletion
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

    /// What refers to a message, as the transaction has it. A new record if there is none.
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
        let table = keys::references(conversation, to);
        let is_last = self.first_rows(&table, 2)?.len() < 2;
        match is_last && fold.is_empty() {
            true => transaction.delete(key),
            false => transaction.put_record(key, &fold),
        }
        Ok(())
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

impl ConversationRecord {
    /// Takes the timer that a message sets, if it is the newest one.
    pub(in crate::client) fn note_timer(&mut self, stored: &Stored<'_>) {
        let Stored { sender, header, .. } = stored;
        let written = (*sender, *header, &stored.id);
        self.take_timer(written, stored.content, stored.accepted_at);
    }

    /// Takes the timer that a message of this device sets, which has no receipt yet.
    pub(in crate::client) fn note_own_timer(
        &mut self,
        me: &DeviceAddress,
        sent: &SentMessage,
        content: &Content,
    ) {
        self.take_timer((me, sent.header(), sent.tag()), content, None);
    }

    fn take_timer(
        &mut self,
        (sender, header, id): (&DeviceAddress, &PayloadHeader, &FrankingTag),
        content: &Content,
        accepted_at: Option<Timestamp>,
    ) {
        let Content::Timer { after_secs } = content else {
            return;
        };
        let mut sent_ms = header.sent_at.as_millis();
        if let Some(accepted_at) = accepted_at {
            // CHK-569: who sets a timer does so at most a day after the provider's time.
            sent_ms = sent_ms.min(accepted_at.as_millis().saturating_add(TIMER_AHEAD_MS));
        }
        let timer = TimerRecord {
            after_secs: *after_secs,
            sent_ms,
            device: sender.device.0,
            sequence: header.sequence,
            id: id.as_bytes().to_vec(),
            account: sender.account.as_str().to_owned(),
        };
        if self
            .timer
            .as_ref()
            .is_none_or(|known| known.place() < timer.place())
        {
            self.timer = Some(timer);
        }
    }
}

impl TimerRecord {
    /// What decides which of two timers is the newest.
    fn place(&self) -> (Option<Order>, &str) {
        let order = tag_of(&self.id).map(|tag| Order {
            sent_at: Timestamp::from_millis(self.sent_ms),
            device: DeviceId(self.device),
            sequence: self.sequence,
            tag,
        });
        (order, &self.account)
    }
}
