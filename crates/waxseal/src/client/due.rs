//! Due messages: those that expire, and those that are wiped some time after that.
//!
//! Each of them has one row in a table of its own, by time. So the list costs the same however long
//! the history is. A message that expires after reading has no row before it was read.
//!
//! ```text
//! not read --opened, read--> expires --expire--> wiped --expire--> gone
//! any ------its author deletes it---------------> wiped
//! ```

mod expire;
mod reading;

use waxseal_reporting::fold::Role;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use zeroize::Zeroizing;

pub use self::expire::Expiry;
use super::page::{DamagedRow, Page, number_of};
use super::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, DueRecord, IndexRecord, MessageRecord, MessageState};
use crate::store::{Cursor, Listed, Store, Transaction};

/// Lowest bits of a row's number, which tell apart what is due in the same millisecond. The bits
/// above are the time.
const PLACE_BITS: u32 = 20;

/// Messages that one transaction of a conversion reads, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 64;

/// Rows that are looked through at once.
const ROWS_AT_ONCE: usize = 256;

/// How long after a message expired, or its author deleted it, it can still be reported: seven
/// days. Then it is wiped. Enough for a user to come back to what was shown, and short for what
/// was to disappear.
pub const REPORT_GRACE_MS: u64 = 7 * 24 * 3_600_000;

/// How long a message can be reported at most: 30 days, since the provider destroys what verifies
/// its stamp.
const REPORTABLE_MS: u64 = 30 * 24 * 3_600_000;

/// A message that expires at some time, or is wiped then.
#[derive(Clone, PartialEq, Eq)]
pub struct Due {
    /// The conversation that the message is in.
    pub conversation: Conversation,
    /// The message's identifier.
    pub id: FrankingTag,
    /// When it expires or is wiped.
    pub at: Timestamp,
    /// Whether it is wiped then: it expired before, or its author deleted it.
    pub wipes: bool,
}

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Due")
            .field("at", &self.at)
            .field("wipes", &self.wipes)
            .finish_non_exhaustive()
    }
}

/// Rows of the list.
#[derive(Default)]
struct DueRows {
    page: Page<Due, u64>,
    /// Those of conversations that are being deleted.
    deleting: Vec<u64>,
}

impl IndexRecord {
    /// When the message expires or expired. `None` if it never does, or was not read yet.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match self.wipes {
            true => (self.expires_ms != 0).then_some(Timestamp::from_millis(self.expires_ms)),
            false => self.due.map(time_of),
        }
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` messages that expire at `until` or before, or are wiped then, in the
    /// order of these times. [`expire`](Self::expire) does what is due.
    ///
    /// The list starts after the number `after`, which is the `next` of the page before. The cost
    /// depends on `limit` and not on the length of the history.
    pub fn due(
        &self,
        after: Option<u64>,
        limit: usize,
        until: Timestamp,
    ) -> Result<Page<Due, u64>, StateError<S::Error>> {
        self.look(|client| Ok(client.read_due(after, limit, until)?.page))
    }

    fn read_due(
        &self,
        after: Option<u64>,
        limit: usize,
        until: Timestamp,
    ) -> Result<DueRows, StateError<S::Error>> {
        let (table, after) = (keys::due_messages(), after.map(Cursor::Number));
        let rows = self.store.list(&table, after.as_ref(), limit);
        let rows = rows.map_err(StateError::Store)?;
        let mut found = DueRows::default();
        let page = &mut found.page;
        let is_full = rows.len() >= limit;
        for Listed { cursor, value } in rows {
            let number = number_of(&cursor).unwrap_or(u64::MAX);
            if time_of(number) > until {
                page.next = None;
                return Ok(found);
            }
            page.next = Some(number).filter(|_| is_full);
            let due = value.and_then(|value| due_of(number, &value));
            match due {
                // A deletion goes on, and has not come to this row yet.
                Some(due) if self.is_deleting(&due.conversation)? => found.deleting.push(number),
                Some(due) if self.is_of(&due, number)? => page.items.push(due),
                _ => page.damaged.push(DamagedRow::new(&table, cursor)),
            }
        }
        Ok(found)
    }

    /// Whether this is the row of the message. One without a message is left only by damage.
    fn is_of(&self, due: &Due, number: u64) -> Result<bool, StateError<S::Error>> {
        let index = self.index(&due.conversation, &due.id)?;
        // CHK-571: a row that the message does not name does nothing.
        Ok(index.is_some_and(|index| index.due == Some(number)))
    }

    /// Writes when a message expires, or is wiped, and returns the number of the row.
    fn put_due(
        &self,
        transaction: &mut Transaction,
        (conversation, id): (&Conversation, &FrankingTag),
        at: Timestamp,
        wiped_after: Option<u64>,
    ) -> Result<u64, StateError<S::Error>> {
        let mut free = 0;
        for number in places_of(at, id) {
            free = number;
            if self.can_take(transaction, number, id)? {
                break;
            }
        }
        let (account, group) = conversation.to_record();
        let record = DueRecord {
            number: free,
            account,
            group,
            id: id.as_bytes().to_vec(),
            wipes: wiped_after.is_some(),
            expires_ms: wiped_after.unwrap_or_default(),
        };
        transaction.put_record(keys::due_message(free), &record);
        Ok(free)
    }

    fn can_take(
        &self,
        transaction: &Transaction,
        number: u64,
        tag: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        let key = keys::due_message(number);
        let record = match transaction.pending(&key) {
            Some(None) => return Ok(true),
            Some(Some(value)) => records::decode::<DueRecord>(value),
            None => match self.get_record(&key) {
                Ok(None) => return Ok(true),
                Err(StateError::Damaged(_)) => None,
                record => record?,
            },
        };
        // An interrupted conversion wrote it.
        Ok(record.is_some_and(|record| record.id == tag.as_bytes()))
    }

    /// Looks for the row of a message whose index is damaged.
    pub(super) fn find_due(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Option<DueRecord>, StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.due_rows(after.as_ref(), conversation)?;
            let mut rows = page.items.into_iter().flatten();
            if let Some(row) = rows.find(|row| row.id == id.as_bytes()) {
                return Ok(Some(row));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// A page of the rows, those of other conversations as `None`.
    pub(super) fn due_rows(
        &self,
        after: Option<&Cursor>,
        conversation: &Conversation,
    ) -> Result<Page<Option<DueRecord>>, StateError<S::Error>> {
        let (account, group) = conversation.to_record();
        self.page(&keys::due_messages(), after, ROWS_AT_ONCE, |_, bytes| {
            let record: DueRecord = records::decode(bytes)?;
            let is_of = record.account == account && record.group == group;
            Some(is_of.then_some(record))
        })
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
            let mut transaction = Transaction::default();
            for (ordinal, evidence) in page.items {
                if evidence.sender().account != self.me.account {
                    newest = newest.max(evidence.accepted_at().as_millis());
                }
                let (secs, id) = (evidence.header().expires_after_secs, evidence.tag());
                let mut index = self.index(conversation, id)?.unwrap_or_default();
                let unread = keys::unread(conversation, ordinal);
                let expires = evidence.content().map(Zeroizing::new);
                let expires = expires.is_some_and(|content| Role::of(&content).expires());
                if secs == 0 || !expires || index.due.is_some() || self.get(&unread)?.is_some() {
                    continue; // it is listed already, or waits until it is read
                }
                let at = later(evidence.accepted_at(), secs);
                let due = self.put_due(&mut transaction, (conversation, id), at, None)?;
                (index.ordinal, index.due) = (Some(ordinal), Some(due));
                self.put_index(&mut transaction, conversation, *id, &index);
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

/// The time that many seconds later.
fn later(from: Timestamp, secs: u32) -> Timestamp {
    let ms = u64::from(secs).saturating_mul(1_000);
    Timestamp::from_millis(from.as_millis().saturating_add(ms))
}

/// The numbers that the row of a message can have: the time, then bits of the tag. Only the members
/// of the conversation know the tag, so no one else can occupy all its numbers.
fn places_of(at: Timestamp, id: &FrankingTag) -> impl Iterator<Item = u64> {
    const MAX_TIME: u64 = u64::MAX >> PLACE_BITS;
    let time = at.as_millis().min(MAX_TIME) << PLACE_BITS;
    let parts = id.as_bytes().as_chunks::<4>().0.iter();
    parts.map(move |part| time | u64::from(u32::from_be_bytes(*part) >> (32 - PLACE_BITS)))
}

fn due_of(number: u64, value: &[u8]) -> Option<Due> {
    let record: DueRecord = records::decode(value)?;
    // A row says its number, so that a value which was moved is noticed.
    (record.number == number).then_some(())?;
    Some(Due {
        conversation: Conversation::of_record(&record.account, &record.group)?,
        id: tag_of(&record.id)?,
        at: time_of(number),
        wipes: record.wipes,
    })
}
