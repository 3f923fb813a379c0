//! Folds what an earlier version stored.

use waxseal_reporting::fold::Reference;

use super::Stored;
use crate::client::{Client, Message, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, ConversationRecord};
use crate::store::{Cursor, Store, Transaction};

/// Messages that one transaction folds, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 64;

/// Conversations that are read at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

impl<S: Store> Client<S> {
    /// Folds the messages of all conversations. After an interruption, call it again: it writes the
    /// same.
    pub(in crate::client) fn fold_all(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::conversations();
            let page = self.page(&table, after.as_ref(), CONVERSATIONS_AT_ONCE, |_, bytes| {
                let record: ConversationRecord = records::decode(bytes)?;
                Conversation::of_record(&record.account, &record.group)
            })?;
            for conversation in page.items {
                self.fold_messages(&conversation)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn fold_messages(&mut self, conversation: &Conversation) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.read_messages(conversation, after, MESSAGES_AT_ONCE)?;
            let mut transaction = Transaction::default();
            let key = keys::conversation(conversation);
            let mut numbering: ConversationRecord = self.readable(&key)?.unwrap_or_default();
            let before = numbering.timer.clone();
            for message in &page.items {
                self.fold_message(&mut transaction, conversation, &mut numbering, message)?;
            }
            if numbering.timer != before {
                transaction.put_record(key, &numbering);
            }
            if !transaction.changes().is_empty() {
                self.commit(transaction)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn fold_message(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        numbering: &mut ConversationRecord,
        message: &Message,
    ) -> Result<(), StateError<S::Error>> {
        let stored = Stored::of(message);
        numbering.note_timer(&stored);
        if Reference::of(message.content()).is_none() {
            return Ok(());
        }
        match self.index(conversation, message.id())? {
            Some(index) => self.put_stored(transaction, conversation, &stored, index),
            None => Ok(()), // its record was lost
        }
    }
}
