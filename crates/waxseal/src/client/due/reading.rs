//! Reading: from then on it counts until a message expires.

use waxseal_reporting::fold::Role;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::{REPORTABLE_MS, later};
use crate::client::view::Stored;
use crate::client::{Client, Direction, Message, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, CountersRecord, IndexRecord, UnreadRecord};
use crate::store::{Store, Transaction};
use crate::sync::Position;

/// Rows that one transaction reads.
const AT_ONCE: usize = 64;

/// How long after the newest message a message can count as read: a year. A clock that is ahead
/// does not delay its disappearance by more than that.
const READ_LATER_MS: u64 = 365 * 24 * 3_600_000;

/// When a message was read that the provider accepted at a time, if the clock says `at`.
fn read_at(counters: &CountersRecord, at: Timestamp, accepted_at: Timestamp) -> Timestamp {
    // CHK-574: it was not read before the provider accepted it, whatever the clock says, and not
    // long after the last message: not later than 30 days if the clock is known to be wrong.
    let most_ms = match counters.is_clock_off {
        true => REPORTABLE_MS,
        false => READ_LATER_MS,
    };
    let newest_ms = counters.newest_accepted_ms.max(accepted_at.as_millis());
    let latest = Timestamp::from_millis(newest_ms.saturating_add(most_ms));
    at.clamp(accepted_at, latest)
}

impl<S: Store> Client<S> {
    /// Writes when a message that is stored now expires, or that it was not read yet.
    pub(in crate::client) fn put_first_due(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        stored: &Stored<'_>,
        index: &mut IndexRecord,
    ) -> Result<(), StateError<S::Error>> {
        let secs = stored.header.expires_after_secs;
        let expires = secs != 0 && Role::of(stored.content).expires();
        let (true, None, Some(accepted_at)) = (expires, index.due, stored.accepted_at) else {
            return Ok(());
        };
        let of = (conversation, &stored.id);
        // CHK-564: what was not read does not expire. What this account wrote counts as read.
        if stored.sender.account == self.me.account {
            index.due = Some(self.put_due(transaction, of, later(accepted_at, secs), None)?);
            return Ok(());
        }
        if let Some((position, at)) = self.read_since(conversation)?
            && Position::new(accepted_at, &stored.id) <= position
        {
            let at = later(read_at(&self.counters()?, at, accepted_at), secs);
            index.due = Some(self.put_due(transaction, of, at, None)?);
            return Ok(());
        }
        let record = UnreadRecord {
            id: stored.id.as_bytes().to_vec(),
            accepted_ms: accepted_at.as_millis(),
            after_secs: secs,
        };
        transaction.put_record(keys::unread(conversation, stored.ordinal), &record);
        Ok(())
    }

    /// Notes that a received message was read, so that it expires some time after `at`.
    pub(in crate::client) fn put_read(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        message: &Message,
        at: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let secs = message.header().expires_after_secs;
        let is_received = message.direction() == Direction::Received;
        if secs == 0 || !is_received || !Role::of(message.content()).expires() {
            return Ok(());
        }
        let accepted_at = message.accepted_at().unwrap_or(at);
        let at = read_at(&self.counters()?, at, accepted_at);
        let index = self.index(conversation, message.id())?;
        self.put_read_at(
            transaction,
            (conversation, message.id()),
            index,
            later(at, secs),
        )
    }

    fn put_read_at(
        &self,
        transaction: &mut Transaction,
        (conversation, id): (&Conversation, &FrankingTag),
        index: Option<IndexRecord>,
        at: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut index) = index.filter(|index| index.due.is_none()) else {
            return Ok(()); // it expires already, or is gone
        };
        let Some(ordinal) = index.ordinal else {
            return Ok(());
        };
        index.due = Some(self.put_due(transaction, (conversation, id), at, None)?);
        transaction.delete(keys::unread(conversation, ordinal));
        self.put_index(transaction, conversation, *id, &index);
        Ok(())
    }

    /// Notes that all messages up to a position were read at `at`.
    pub(in crate::client) fn read_all(
        &mut self,
        conversation: &Conversation,
        up_to: Position,
        at: Option<Timestamp>,
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            after = self.run(|client| {
                let table = keys::all_unread(conversation);
                let page = client.page(&table, after.as_ref(), AT_ONCE, |_, bytes| {
                    let record: UnreadRecord = records::decode(bytes)?;
                    Some((tag_of(&record.id)?, record))
                })?;
                let counters = client.counters()?;
                let mut transaction = Transaction::default();
                for row in &page.damaged {
                    row.delete_in(&mut transaction);
                }
                for (id, record) in &page.items {
                    let accepted_at = Timestamp::from_millis(record.accepted_ms);
                    if Position::new(accepted_at, id) > up_to {
                        continue;
                    }
                    let at = read_at(&counters, at.unwrap_or(accepted_at), accepted_at);
                    let index = client.index(conversation, id)?;
                    let at = later(at, record.after_secs);
                    client.put_read_at(&mut transaction, (conversation, id), index, at)?;
                }
                if !transaction.changes().is_empty() {
                    client.commit(transaction)?;
                }
                Ok::<_, StateError<S::Error>>(page.next)
            })?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
