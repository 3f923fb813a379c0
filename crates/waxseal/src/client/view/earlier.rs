//! Folds what an earlier version stored.

use std::collections::BTreeMap;

use waxseal_reporting::AccountId;
use waxseal_reporting::fold::Role;

use super::Stored;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, ConversationRecord, MessageRecord};
use crate::store::{Cursor, Store, Transaction};

/// Messages that one transaction folds, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 64;

/// Conversations that are read at once.
const CONVERSATIONS_AT_ONCE: usize = 16;

impl<S: Store> Client<S> {
    /// Folds the messages of all conversations, and writes the present account keys of their
    /// authors. After an interruption, call it again: it writes the same.
    pub(in crate::client) fn fold_all(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let table = keys::conversations();
            let page = self.page(&table, after.as_ref(), CONVERSATIONS_AT_ONCE, |_, bytes| {
                let record: ConversationRecord = records::decode(bytes)?;
                Conversation::of_record(&record.account, &record.group)
            })?;
            for conversation in page.items {
                // CHK-578: before anything is folded, since the keys say whether it counts.
                self.fill_keys(&conversation)?;
                self.fold_messages(&conversation)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Writes the account keys of the authors of messages that have none: of an earlier version.
    fn fill_keys(&mut self, conversation: &Conversation) -> Result<(), StateError<S::Error>> {
        let keys = self.present_keys(conversation)?;
        let mut after = None;
        loop {
            let page = self.read_messages(conversation, after, MESSAGES_AT_ONCE)?;
            let mut transaction = Transaction::default();
            for message in &page.items {
                let Some(account_key) = keys.get(&message.sender().account) else {
                    continue;
                };
                let key = keys::message(conversation, message.ordinal());
                if let (None, Some(mut record)) =
                    (message.account_key(), self.readable::<MessageRecord>(&key)?)
                {
                    record.account_key = account_key.to_vec();
                    transaction.put_message(conversation, &record);
                }
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

    fn fold_messages(&mut self, conversation: &Conversation) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.read_messages(conversation, after, MESSAGES_AT_ONCE)?;
            let mut transaction = Transaction::default();
            let key = keys::conversation(conversation);
            let mut numbering: ConversationRecord = self.readable(&key)?.unwrap_or_default();
            let before = numbering.timer.clone();
            for message in &page.items {
                let stored = Stored::of(message);
                numbering.note_timer(&stored);
                self.fold_message(&mut transaction, conversation, &stored)?;
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
        stored: &Stored<'_>,
    ) -> Result<(), StateError<S::Error>> {
        if Role::of(stored.content).expires() {
            return Ok(());
        }
        let Some(mut index) = self.index(conversation, &stored.id)? else {
            return Ok(()); // its record was lost
        };
        // An earlier version had references and notes expire by themselves.
        if let Some(number) = index.due.filter(|_| !index.wipes) {
            transaction.delete(keys::due_message(number));
            index.due = None;
        }
        self.put_stored(transaction, conversation, stored, index)
    }

    /// The account keys of those who write to a conversation: the own one, and the one pinned for
    /// the peer, or those that the state of the group names.
    pub(in crate::client) fn present_keys(
        &self,
        conversation: &Conversation,
    ) -> Result<BTreeMap<AccountId, [u8; 32]>, StateError<S::Error>> {
        let mut keys = BTreeMap::new();
        if let Some(group) = conversation.group() {
            keys = self.member_keys(group)?;
        }
        for account in [Some(&self.me.account), conversation.account()] {
            let Some(account) = account else {
                continue;
            };
            // A damaged contact costs its own key only.
            let key = match self.account_key_of(account) {
                Err(StateError::Damaged(_)) => None,
                key => key?,
            };
            keys.extend(key.map(|key| (account.clone(), key)));
        }
        Ok(keys)
    }
}
