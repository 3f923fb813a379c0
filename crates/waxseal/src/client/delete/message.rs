//! Deletes a message, with what refers to it.
//!
//! Any number of messages can refer to one. The first transaction deletes the message and some of
//! them, and leaves a row in the list of what is due: by it the others are found, after a crash
//! too.

use waxseal_reporting::FrankingTag;

use crate::client::page::{DamagedRow, number_of};
use crate::client::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, IndexRecord, MessageRecord, ReferenceRecord};
use crate::store::{Cursor, Store, Transaction};

/// Referring messages that one transaction deletes with a message.
const REFERENCES_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Deletes a message with its evidence: it can no longer be read or reported from this device.
    /// Its edits, its deletion and the reactions to it are deleted with it.
    ///
    /// If the relay delivers the message again, the client recognises it and does not show it. If
    /// the message waits in the [outbox](Client::outbox), it is removed from there and not sent
    /// again, though an earlier upload may have arrived. Call this also to give up a message that
    /// the relay refuses for good. A report that waits for the provider keeps the messages that it
    /// shows, whole, until [`confirm_report`](Client::confirm_report).
    ///
    /// A digest stays until the conversation is deleted, to recognise the message's delivery. A
    /// message to which thousands of others refer takes several transactions. After a crash between
    /// them, [`expire`](Self::expire) deletes the rest.
    pub fn delete_message(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        while self.run(|client| {
            // The application may still know a message that was sealed again by its earlier tag.
            let id = client.present_tag(conversation, id)?;
            let mut transaction = Transaction::default();
            match client.delete_message_in(&mut transaction, conversation, &id)? {
                Deleted::Nothing => Ok(false),
                deleted => {
                    client.commit(transaction)?;
                    Ok::<_, StateError<S::Error>>(deleted == Deleted::Some)
                }
            }
        })? {}
        Ok(())
    }

    /// Deletes a message in a transaction, with some of what refers to it.
    pub(in crate::client) fn delete_message_in(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Deleted, StateError<S::Error>> {
        let Some(index) = self.search(conversation, id)? else {
            return Ok(Deleted::Nothing);
        };
        if let Some(ordinal) = index.ordinal {
            let key = keys::message(conversation, ordinal);
            let record: Option<MessageRecord> = self.pending_readable(transaction, &key)?;
            if let Some(message) = record.and_then(|record| self.message_of(record)) {
                self.forget_reference(transaction, conversation, &message)?;
            }
        }
        self.delete_one(transaction, conversation, id, &index)?;
        self.put_gone(transaction, conversation, id)
    }

    /// Writes that a message was deleted, or is never shown, and deletes some of what refers to it.
    pub(in crate::client) fn put_gone(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Deleted, StateError<S::Error>> {
        let (gone, deleted) = match self.delete_references(transaction, conversation, id)? {
            true => {
                let gone = self.gone_at_once(transaction, (conversation, id))?;
                (gone, Deleted::Some)
            }
            false => (IndexRecord::default(), Deleted::All),
        };
        self.put_index(transaction, conversation, *id, &gone);
        Ok(deleted)
    }

    /// Deletes what refers to a message: a batch of it. Returns whether others are left.
    fn delete_references(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        to: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        // CHK-566: what refers to a message goes with it, whether it counts or not.
        let table = keys::references(conversation, to);
        let page = self.page(&table, None, REFERENCES_AT_ONCE, |at, bytes| {
            let record: ReferenceRecord = records::decode(bytes)?;
            Some((number_of(at)?, tag_of(&record.id)?))
        })?;
        for (ordinal, id) in page.items {
            let index = self.index(conversation, &id)?.unwrap_or_default();
            if index.ordinal.is_none_or(|named| named == ordinal) {
                self.delete_one(transaction, conversation, &id, &index)?;
                self.put_index(transaction, conversation, id, &IndexRecord::default());
            }
            transaction.delete_at(table.clone(), Cursor::Number(ordinal));
        }
        for row in &page.damaged {
            if let Some(ordinal) = DamagedRow::number(row) {
                transaction.delete(keys::message(conversation, ordinal));
            }
            row.delete_in(transaction);
        }
        if page.next.is_none() {
            transaction.delete(keys::fold(conversation, to));
        }
        Ok(page.next.is_some())
    }

    /// Deletes one message with its place in the outbox.
    fn delete_one(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        id: &FrankingTag,
        index: &IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        self.note_given_up(conversation, index.outbox, transaction)?;
        delete_indexed(transaction, conversation, index);
        transaction.delete(keys::own_sent(id));
        Ok(())
    }
}

/// What one transaction deleted of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Deleted {
    /// The message is not there.
    Nothing,
    /// The message, with some of what refers to it.
    Some,
    /// The message, with the rest of what refers to it.
    All,
}

/// Deletes a message with its place in the outbox and in the list of due messages.
pub(in crate::client) fn delete_indexed(
    transaction: &mut Transaction,
    conversation: &Conversation,
    index: &IndexRecord,
) {
    if let Some(ordinal) = index.ordinal {
        transaction.delete(keys::message(conversation, ordinal));
        transaction.delete(keys::held(conversation, ordinal));
        transaction.delete(keys::unread(conversation, ordinal));
    }
    if let Some(number) = index.outbox {
        transaction.delete(keys::envelope(number));
    }
    if let Some(number) = index.due {
        transaction.delete(keys::due_message(number));
    }
}
