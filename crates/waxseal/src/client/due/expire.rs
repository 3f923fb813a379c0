//! Expiring: what has expired is not shown any more, and is wiped after a grace time.

use waxseal_reporting::{FrankingTag, Timestamp};

use super::{Due, DueRows, REPORT_GRACE_MS, REPORTABLE_MS, time_of};
use crate::client::page::number_of;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::IndexRecord;
use crate::store::{Store, Transaction};

/// Rows of which one transaction does what is due.
const AT_ONCE: usize = 64;

/// What a call of [`Client::expire`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiry {
    /// The messages that have expired. Do not show them any more: until they are wiped, they can be
    /// reported.
    pub expired: Vec<Due>,
    /// When the next message is due. At `until` or before if `limit` was too small. `None` if no
    /// message expires or is wiped.
    pub next: Option<Timestamp>,
}

impl<S: Store> Client<S> {
    /// Does what is due: messages expire, and those that expired, or that their authors deleted,
    /// are wiped [some time later](crate::view::REPORT_GRACE_MS).
    ///
    /// The client has no clock and does nothing by itself. Pass the present time as `until`, call
    /// it again at [`next`](Expiry::next), and after a message was read. Looks at up to `limit`
    /// messages.
    ///
    /// A message with a [time](super::super::Draft::expires_after_secs) expires that long after it
    /// was read on this device: [`opened`](Self::opened) and [`mark_read`](Self::mark_read) say so,
    /// here or on another device of the account. One of this account expires that long after the
    /// provider accepted it. A [view](Self::view) of an expired message shows nothing of it. The
    /// message can still be reported.
    ///
    /// A message is wiped seven days after it expired, or after the provider accepted its deletion,
    /// and at most 30 days after the provider accepted it, if it has expired by then. Nothing of it
    /// is left: its edits, the reactions to it and its deletion go with it. Only a digest stays
    /// until the conversation is deleted, to recognise the message's delivery. A report that waits
    /// for the provider keeps the messages that it shows, whole, until
    /// [`confirm_report`](Self::confirm_report).
    ///
    /// ```rust
    /// # use waxseal::{Draft, Timestamp};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # let alice_id = alice.me().account.clone();
    /// let secret = Draft::from("The code is 4711.").expires_after_secs(60);
    /// let id = provider.exchange(&mut alice, &mut bob, secret);
    /// bob.opened(&alice_id, &id, provider.now)?; // from now on it counts
    /// let now = Timestamp::from_millis(provider.now.as_millis() + 60_000); // a minute later
    /// assert_eq!(bob.expire(now, 100)?.expired[0].id, id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError::Store`]. What was done stays done: call it again.
    ///
    /// # Security
    /// This erases as [`delete_message`](Self::delete_message) does: call
    /// [`compact`](Self::compact) afterwards. The recipient of a message can keep a copy.
    pub fn expire(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Expiry, StateError<S::Error>> {
        let (mut expiry, mut left) = (Expiry::default(), limit);
        while left > 0 {
            let (looked_at, expired) =
                self.run(|client| client.expire_some(until, left.min(AT_ONCE)))?;
            if looked_at == 0 {
                break;
            }
            left = left.saturating_sub(looked_at);
            expiry.expired.extend(expired);
        }
        expiry.next = self.look(|client| client.next_due())?;
        Ok(expiry)
    }

    /// Does what is due, in one transaction. Returns how many rows it looked at.
    fn expire_some(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<(usize, Vec<Due>), StateError<S::Error>> {
        let DueRows { mut page, deleting } = self.read_due(None, limit, until)?;
        let mut transaction = Transaction::default();
        // CHK-575: a deletion that does not go on keeps nothing else from expiring. It deletes
        // these rows too.
        for number in &deleting {
            transaction.delete(keys::due_message(*number));
        }
        for row in &page.damaged {
            row.delete_in(&mut transaction);
        }
        for due in &page.items {
            let Due {
                conversation, id, ..
            } = due;
            match due.wipes {
                true => {
                    self.delete_message_in(&mut transaction, conversation, id)?;
                }
                false => self.put_expired(&mut transaction, conversation, id, due.at)?,
            }
        }
        let looked_at = page.items.len().saturating_add(page.damaged.len());
        let looked_at = looked_at.saturating_add(deleting.len());
        if looked_at != 0 {
            self.commit(transaction)?;
        }
        page.items.retain(|due| !due.wipes);
        Ok((looked_at, page.items))
    }

    fn put_expired(
        &self,
        transaction: &mut Transaction,
        conversation: &Conversation,
        id: &FrankingTag,
        at: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut index) = self.index(conversation, id)? else {
            return Ok(()); // it was there when the row was listed
        };
        // A damaged message is wiped all the same.
        let accepted_at = match self.message_at(conversation, Some(index.clone())) {
            Ok(message) => message.and_then(|message| message.accepted_at()),
            Err(StateError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let of = (conversation, id);
        // CHK-574: an earlier version may have counted from before it was accepted.
        let accepted_at = accepted_at.unwrap_or(at);
        let from = at.max(accepted_at);
        self.put_wipe(transaction, of, &mut index, accepted_at, from)?;
        self.put_index(transaction, conversation, *id, &index);
        Ok(())
    }

    /// The place of a message that is not here. [`expire`](Self::expire) wipes what refers to it,
    /// whenever it is called.
    pub(in crate::client) fn gone_at_once(
        &self,
        transaction: &mut Transaction,
        of: (&Conversation, &FrankingTag),
    ) -> Result<IndexRecord, StateError<S::Error>> {
        let at = Timestamp::from_millis(0);
        Ok(IndexRecord {
            due: Some(self.put_due(transaction, of, at, Some(0))?),
            wipes: true,
            ..IndexRecord::default()
        })
    }

    /// Writes that a message is wiped some time after `from`, unless it is wiped earlier.
    pub(in crate::client) fn put_wipe(
        &self,
        transaction: &mut Transaction,
        (conversation, id): (&Conversation, &FrankingTag),
        index: &mut IndexRecord,
        accepted_at: Timestamp,
        from: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let mut at = wiped_at(accepted_at, from);
        let expires_at = index.expires_at();
        if let Some(expires_at) = expires_at {
            at = at.min(wiped_at(accepted_at, expires_at.max(accepted_at)));
        }
        if let Some(number) = index.due {
            if index.wipes && time_of(number) <= at {
                return Ok(());
            }
            transaction.delete(keys::due_message(number));
        }
        if let Some(ordinal) = index.ordinal {
            transaction.delete(keys::unread(conversation, ordinal));
        }
        let expires_ms = expires_at.map_or(0, Timestamp::as_millis);
        let of = (conversation, id);
        index.due = Some(self.put_due(transaction, of, at, Some(expires_ms))?);
        (index.wipes, index.expires_ms) = (true, expires_ms);
        Ok(())
    }

    /// When the next message is due.
    fn next_due(&self) -> Result<Option<Timestamp>, StateError<S::Error>> {
        let rows = self.first_rows(&keys::due_messages(), 1)?;
        let number = rows.first().and_then(|row| number_of(&row.cursor));
        Ok(number.map(time_of))
    }
}

/// When a message is wiped that expired, or was deleted, at this time.
fn wiped_at(accepted_at: Timestamp, from: Timestamp) -> Timestamp {
    // CHK-565: it can be reported for seven days after that, and within 30 days at all.
    let grace = from.as_millis().saturating_add(REPORT_GRACE_MS);
    let reportable = accepted_at.as_millis().saturating_add(REPORTABLE_MS);
    Timestamp::from_millis(grace.min(reportable.max(from.as_millis())))
}
