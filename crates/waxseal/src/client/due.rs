//! Due messages: those that their senders wanted deleted by now.
//!
//! Each message that expires has a row in a table of its own, by time. So the list costs the same
//! however long the history is.

use std::collections::BTreeSet;

use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};

use super::page::{DamagedRow, Page, number_of};
use super::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, DueRecord, IndexRecord, MessageRecord, MessageState};
use crate::store::{Cursor, Listed, Store, Transaction};

/// Lowest bits of a row's number, which tell apart what expires in the same millisecond. The bits
/// above are the time.
const PLACE_BITS: u32 = 20;

/// Messages that one transaction of a conversion reads, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 64;

/// A message that is due to be deleted.
#[derive(Clone, PartialEq, Eq)]
pub struct Due {
    /// The conversation that the message is in.
    pub conversation: Conversation,
    /// The message's identifier.
    pub id: FrankingTag,
    /// When the message expired, by the provider's clock.
    pub expired_at: Timestamp,
}

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Due")
            .field("expired_at", &self.expired_at)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` messages that expired at `until` or before, in the order of their
    /// expiry.
    ///
    /// Pass the present time as `until`. The client has no clock and deletes nothing by itself:
    /// call [`delete_message`](Client::delete_message) for each message of the list. The list
    /// starts after the number `after`, which is the `next` of the page before. The cost depends on
    /// `limit` and not on the length of the history.
    ///
    /// A message expires [`expires_after_secs`](super::Draft::expires_after_secs) after the
    /// provider accepted it, on both devices. A sent message is not in the list while it waits for
    /// its receipt, because only the receipt has that time. If a row of the list is damaged, its
    /// message stays until the application deletes it.
    ///
    /// ```rust
    /// # use waxseal::{Draft, Timestamp};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// let secret = Draft::from("The code is 4711.").expires_after_secs(60);
    /// provider.exchange(&mut alice, &mut bob, secret);
    /// let now = Timestamp::from_millis(provider.now.as_millis() + 60_000); // a minute later
    /// for due in bob.due(None, 100, now)?.items {
    ///     bob.delete_message(&due.conversation, &due.id)?;
    /// }
    /// # assert!(bob.messages(&alice.me().account, None, 10)?.items.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn due(
        &self,
        after: Option<u64>,
        limit: usize,
        until: Timestamp,
    ) -> Result<Page<Due, u64>, StateError<S::Error>> {
        self.look(|client| client.read_due(after, limit, until))
    }

    fn read_due(
        &self,
        after: Option<u64>,
        limit: usize,
        until: Timestamp,
    ) -> Result<Page<Due, u64>, StateError<S::Error>> {
        let (table, after) = (keys::due_messages(), after.map(Cursor::Number));
        let rows = self.store.list(&table, after.as_ref(), limit);
        let rows = rows.map_err(StateError::Store)?;
        let mut page = Page::default();
        let is_full = rows.len() >= limit;
        for Listed { cursor, value } in rows {
            let number = number_of(&cursor).unwrap_or(u64::MAX);
            if time_of(number) > until {
                page.next = None;
                return Ok(page);
            }
            page.next = Some(number).filter(|_| is_full);
            let due = value.and_then(|value| due_of(number, &value));
            match due {
                // A deletion goes on, and has not come to this row yet.
                Some(due) if self.is_deleting(&due.conversation)? => {}
                Some(due) if self.is_stored(&due)? => page.items.push(due),
                _ => page.damaged.push(DamagedRow::new(&table, cursor)),
            }
        }
        Ok(page)
    }

    /// Deletes the row of a message that expires.
    pub(super) fn delete_due_of(
        &self,
        message: &super::Message,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        if let Some(evidence) = message.evidence()
            && let Some(number) = self.find_due(evidence)?
        {
            transaction.delete(keys::due_message(number));
        }
        Ok(())
    }

    /// Whether the message is still in the history. A row without one is left only by damage.
    fn is_stored(&self, due: &Due) -> Result<bool, StateError<S::Error>> {
        let index = self.index(&due.conversation, &due.id)?;
        Ok(index.is_some_and(|index| index.ordinal.is_some()))
    }

    /// Writes when a message expires, and returns the number of the row. `None` if it never does.
    ///
    /// `taken` are the rows that this transaction has written already.
    pub(super) fn put_due(
        &self,
        transaction: &mut Transaction,
        taken: &mut BTreeSet<u64>,
        conversation: &Conversation,
        evidence: &Evidence,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let mut free = None;
        for number in places_of(evidence) {
            free = Some(number);
            if !taken.contains(&number) && self.can_take(number, evidence.tag())? {
                break;
            }
        }
        if let Some(number) = free {
            let (account, group) = conversation.to_record();
            let record = DueRecord {
                number,
                account,
                group,
                id: evidence.tag().as_bytes().to_vec(),
            };
            transaction.put_record(keys::due_message(number), &record);
            taken.insert(number);
        }
        Ok(free)
    }

    /// The row of a message whose index is damaged.
    pub(super) fn find_due(
        &self,
        evidence: &Evidence,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        for number in places_of(evidence) {
            let record = self.readable::<DueRecord>(&keys::due_message(number))?;
            if record.is_some_and(|record| record.id == evidence.tag().as_bytes()) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn can_take(&self, number: u64, tag: &FrankingTag) -> Result<bool, StateError<S::Error>> {
        match self.get_record::<DueRecord>(&keys::due_message(number)) {
            Ok(None) => Ok(true),
            // An interrupted conversion wrote it.
            Ok(Some(record)) => Ok(record.id == tag.as_bytes()),
            Err(StateError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lists as due the messages of an earlier version that expire. Returns the time at which the
    /// provider accepted the peer's newest message, or 0 if the peer sent none.
    ///
    /// After an interruption, call it again: it writes the same rows.
    pub(super) fn convert_history(
        &mut self,
        peer: &AccountId,
    ) -> Result<u64, StateError<S::Error>> {
        let conversation = &Conversation::from(peer);
        let (mut newest, mut after) = (0, None);
        loop {
            let table = keys::messages(conversation);
            let page = self.page(&table, after.as_ref(), MESSAGES_AT_ONCE, |_, bytes| {
                let record: MessageRecord = records::decode(bytes)?;
                match record.state.as_ref()? {
                    MessageState::Stamped(bytes) => {
                        Some((record.ordinal, Evidence::decode(bytes).ok()?))
                    }
                    MessageState::Sent(_) => None,
                }
            })?;
            let (mut transaction, mut taken) = (Transaction::default(), BTreeSet::new());
            for (ordinal, evidence) in page.items {
                if evidence.sender().account != self.me.account {
                    newest = newest.max(evidence.accepted_at().as_millis());
                }
                let due = self.put_due(&mut transaction, &mut taken, conversation, &evidence)?;
                if due.is_some() {
                    let index = IndexRecord {
                        ordinal: Some(ordinal),
                        due,
                        ..IndexRecord::default()
                    };
                    self.put_index(&mut transaction, conversation, *evidence.tag(), &index);
                }
            }
            if !transaction.changes().is_empty() {
                self.commit(transaction)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(newest);
            }
        }
    }
}

/// The time of a row, by its number.
fn time_of(number: u64) -> Timestamp {
    Timestamp::from_millis(number >> PLACE_BITS)
}

/// The numbers that the row of a message can have: the time, then bits of the tag.
///
/// A message that does not expire has no row. Only the members of the conversation know the tag, so
/// no one else can occupy all its numbers.
fn places_of(evidence: &Evidence) -> Vec<u64> {
    const MAX_TIME: u64 = u64::MAX >> PLACE_BITS;
    let secs = u64::from(evidence.header().expires_after_secs);
    if secs == 0 {
        return Vec::new();
    }
    let accepted_at = evidence.accepted_at().as_millis();
    let time = accepted_at.saturating_add(secs.saturating_mul(1_000));
    let time = time.min(MAX_TIME) << PLACE_BITS;
    let parts = evidence.tag().as_bytes().as_chunks::<4>().0.iter();
    let parts = parts.map(|part| u64::from(u32::from_be_bytes(*part) >> (32 - PLACE_BITS)));
    parts.map(|part| time | part).collect()
}

fn due_of(number: u64, value: &[u8]) -> Option<Due> {
    let record: DueRecord = records::decode(value)?;
    // A row says its number, so that a value which was moved is noticed.
    (record.number == number).then_some(())?;
    Some(Due {
        conversation: Conversation::of_record(&record.account, &record.group)?,
        id: tag_of(&record.id)?,
        expired_at: time_of(number),
    })
}
