//! Deletes the rows of a history, a batch for each transaction.

use super::delete_indexed;
use crate::client::page::number_of;
use crate::client::{Client, ReportId, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{
    self, FileMessageRecord, FileUploadRecord, FoldRecord, GroupOfRecord, MessageRecord,
    OutboxRecord, UpkeepRecord,
};
use crate::store::{Cursor, Listed, Store, Table, Transaction};

/// Rows that one transaction deletes, whose values are short.
const ROWS_AT_ONCE: usize = 256;

/// Messages and envelopes that one transaction deletes or looks at, each of up to 76 kB.
pub(super) const LONG_ROWS_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Deletes messages by the records of where they are, and these records.
    pub(super) fn delete_indices(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::indices(conversation);
        for Listed { cursor, value } in self.first_rows(&table, ROWS_AT_ONCE)? {
            let index = value.and_then(|value| records::decode(&value));
            if let Some(index) = index {
                delete_indexed(transaction, conversation, &index);
            }
            transaction.delete_at(table.clone(), cursor);
        }
        Ok(())
    }

    /// Deletes messages whose records of where they are were damaged, or are at their earlier keys.
    pub(super) fn delete_messages(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::messages(conversation);
        for Listed { cursor, value } in self.first_rows(&table, LONG_ROWS_AT_ONCE)? {
            let message: Option<MessageRecord> = value.and_then(|value| records::decode(&value));
            if let Some(message) = message.and_then(|message| self.message_of(message)) {
                if let (true, Some(peer)) = (self.has_earlier, conversation.account()) {
                    transaction.delete(keys::earlier_index(peer, message.id()));
                }
                transaction.delete(keys::own_sent(message.id()));
            }
            transaction.delete_at(table.clone(), cursor);
        }
        Ok(())
    }

    /// Deletes what refers to messages of the conversation, and which of them were not read.
    pub(super) fn delete_folds(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::all_unread(conversation);
        for row in self.first_rows(&table, ROWS_AT_ONCE)? {
            transaction.delete_at(table.clone(), row.cursor);
        }
        let table = keys::folds(conversation);
        for Listed { cursor, value } in self.first_rows(&table, LONG_ROWS_AT_ONCE)? {
            let fold: Option<FoldRecord> = value.and_then(|value| records::decode(&value));
            if let Some(id) = fold.and_then(|fold| tag_of(&fold.id)) {
                let references = keys::references(conversation, &id);
                let rows = self.first_rows(&references, ROWS_AT_ONCE)?;
                let is_full = rows.len() >= ROWS_AT_ONCE;
                for row in rows {
                    transaction.delete_at(references.clone(), row.cursor);
                }
                if is_full {
                    return Ok(()); // the record finds the others
                }
            }
            transaction.delete_at(table.clone(), cursor);
        }
        Ok(())
    }

    /// Deletes when messages are due whose records of where they are were damaged.
    pub(super) fn delete_due_rows(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.due_rows(after.as_ref(), conversation)?;
            for row in page.items.into_iter().flatten() {
                transaction.delete(keys::due_message(row.number));
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes the files that are uploaded for messages to the conversation.
    pub(super) fn delete_uploads(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        self.delete_uploads_if(transaction, |record| {
            let to = record.message.as_ref().and_then(FileMessageRecord::to);
            to.as_ref() == Some(conversation)
        })
    }

    /// Deletes the files that are uploaded again for a report.
    pub(in crate::client) fn delete_uploads_for(
        &self,
        report: ReportId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        self.delete_uploads_if(transaction, |record| {
            let again = record.again.as_ref();
            again.is_some_and(|wanted| wanted.report == report.as_bytes())
        })
    }

    fn delete_uploads_if(
        &self,
        transaction: &mut Transaction,
        is_one: impl Fn(&FileUploadRecord) -> bool,
    ) -> Result<(), StateError<S::Error>> {
        let (table, mut after): (_, Option<Cursor>) = (keys::uploads(), None);
        loop {
            let page = self.page(&table, after.as_ref(), LONG_ROWS_AT_ONCE, |at, bytes| {
                let record = records::decode(bytes)?;
                Some((at.clone(), is_one(&record)))
            })?;
            for (at, _) in page.items.into_iter().filter(|(_, is_one)| *is_one) {
                transaction.delete_at(table.clone(), at);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes what of the conversation waits in the outbox.
    pub(super) fn delete_envelopes(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let (table, mut after): (_, Option<Cursor>) = (keys::outbox(), None);
        while transaction.changes().is_empty() {
            let page = self.page(&table, after.as_ref(), LONG_ROWS_AT_ONCE, |at, bytes| {
                let entry: OutboxRecord = records::decode(bytes)?;
                Some((number_of(at)?, entry.conversation()))
            })?;
            for (number, named) in page.items {
                if named.as_ref() == Some(conversation) {
                    transaction.delete(keys::envelope(number));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Deletes what of the conversation is still to be said, a batch of rows at a time. Of a group,
    /// that is only what waits for a session: the rest is forgotten account by account, when its
    /// turn comes and the message is not there any more.
    pub(in crate::client) fn delete_upkeep(
        &self,
        conversation: &Conversation,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::all_held(conversation);
        for row in self.first_rows(&table, ROWS_AT_ONCE)? {
            transaction.delete_at(table.clone(), row.cursor);
        }
        let Some(peer) = conversation.account() else {
            return Ok(());
        };
        let mut has_others = false;
        for table in [
            keys::all_unopened(peer),
            keys::all_asked(peer),
            keys::all_awaited(peer),
            keys::receipts(peer),
        ] {
            has_others |= self.delete_direct(&table, transaction)?;
        }
        let record: Option<UpkeepRecord> = self.readable(&keys::upkeep(peer))?;
        if record.is_some() && !has_others {
            transaction.delete(keys::upkeep(peer));
        }
        Ok(())
    }

    /// Deletes rows that are not about messages to groups: a batch of them. Returns whether others
    /// are left, or may be.
    fn delete_direct(
        &self,
        table: &Table,
        transaction: &mut Transaction,
    ) -> Result<bool, StateError<S::Error>> {
        let (mut after, mut has_others): (Option<Cursor>, _) = (None, false);
        loop {
            let rows = self.store.list(table, after.as_ref(), ROWS_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            let is_full = rows.len() >= ROWS_AT_ONCE;
            after = rows.last().map(|row| row.cursor.clone());
            let mut is_any_deleted = false;
            for Listed { cursor, value } in rows {
                let record: Option<GroupOfRecord> = value.and_then(|value| records::decode(&value));
                match record.is_some_and(|record| !record.group.is_empty()) {
                    true => has_others = true,
                    false => {
                        transaction.delete_at(table.clone(), cursor);
                        is_any_deleted = true;
                    }
                }
            }
            if is_any_deleted || after.is_none() {
                return Ok(has_others || is_full);
            }
        }
    }
}
