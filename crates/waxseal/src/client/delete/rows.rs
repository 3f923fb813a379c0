//! Deletes the rows of a history, a batch for each transaction.

use waxseal_reporting::AccountId;

use super::delete_indexed;
use crate::client::page::number_of;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, MessageRecord, OutboxRecord};
use crate::store::{Cursor, Listed, Store, Transaction};

/// Rows that one transaction deletes, whose values are short.
const ROWS_AT_ONCE: usize = 256;

/// Messages and envelopes that one transaction deletes or looks at, each of up to 76 kB.
pub(super) const LONG_ROWS_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Deletes messages by the records of where they are, and these records.
    pub(super) fn delete_indices(
        &self,
        peer: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::indices(peer);
        for Listed { cursor, value } in self.first_rows(&table, ROWS_AT_ONCE)? {
            let index = value.and_then(|value| records::decode(&value));
            if let Some(index) = index {
                delete_indexed(transaction, peer, &index);
            }
            transaction.delete_at(table.clone(), cursor);
        }
        Ok(())
    }

    /// Deletes messages whose records of where they are were damaged, or are at their earlier keys.
    pub(super) fn delete_messages(
        &self,
        peer: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let table = keys::messages(peer);
        for Listed { cursor, value } in self.first_rows(&table, LONG_ROWS_AT_ONCE)? {
            let message: Option<MessageRecord> = value.and_then(|value| records::decode(&value));
            if let Some(message) = message.and_then(|message| self.message_of(message)) {
                if self.has_earlier {
                    transaction.delete(keys::earlier_index(peer, message.id()));
                }
                transaction.delete(keys::own_sent(message.id()));
                self.delete_due_of(&message, transaction)?;
            }
            transaction.delete_at(table.clone(), cursor);
        }
        Ok(())
    }

    /// Deletes what waits for the peer in the outbox.
    pub(super) fn delete_envelopes(
        &self,
        peer: &AccountId,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let (table, mut after): (_, Option<Cursor>) = (keys::outbox(), None);
        while transaction.changes().is_empty() {
            let page = self.page(&table, after.as_ref(), LONG_ROWS_AT_ONCE, |at, bytes| {
                let entry: OutboxRecord = records::decode(bytes)?;
                Some((number_of(at)?, entry.recipient))
            })?;
            for (number, recipient) in page.items {
                if recipient == peer.as_str() {
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
}
