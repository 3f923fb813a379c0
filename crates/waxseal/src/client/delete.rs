//! Deleting: a message, a conversation, or a contact with everything that is known of it.
//!
//! A conversation can be long, so it is deleted in several transactions. The first one marks it,
//! and from then on no call shows anything of it. The others delete its rows, and the last one
//! deletes the mark. If they are interrupted, they go on when the store is opened, and before the
//! next call that reads the peer's sessions.

mod contact;
mod message;
mod rows;

pub(super) use self::message::{Deleted, delete_indexed};
use self::rows::LONG_ROWS_AT_ONCE;
use super::peers::damaged;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, ConversationRecord, DeletionRecord};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Returns the space of deleted messages to the system, and erases them from the disk as far as
    /// the store can: see [`Store::compact`]. Takes time in proportion to the whole store. What it
    /// does not erase is said at [`Client::forget_contact`].
    ///
    /// # Errors
    /// [`StateError::Store`]. Nothing is lost.
    pub fn compact(&mut self) -> Result<(), StateError<S::Error>> {
        self.store.compact().map_err(StateError::Store)
    }

    /// Deletes a conversation: its messages with their evidence, what of it waits in the
    /// [outbox](Client::outbox) or for the upload of its file, and the digests of its messages.
    ///
    /// The contact stays, with its pinned account key, the sessions and the numbering. So the peer
    /// notices nothing, and the next messages go both ways. The tag of the last message from the
    /// peer stays too, because the next message sent names it. A group stays in the same way.
    ///
    /// - A message that the relay delivers again is still a
    ///   [`Duplicate`](super::Received::Duplicate). It does not open a second time, and the client
    ///   knows until when it deleted messages. The same holds for any message accepted before that
    ///   time which no session opens. If a sender that missed the receipt posts a message again, it
    ///   gets a new time: for 30 days it is a `Duplicate` if its key is known to be used. If it is
    ///   one of the last 64, it always is: their digests stay.
    /// - A [report](Client::report) that was sealed stays in the
    ///   [list of reports](Client::pending_reports), and is sent. Its promise also stays, until
    ///   [`Client::forget_promise`] is called. A
    ///   [`ReportDraft`](crate::ReportDraft) in memory has copies of its messages, and can still be
    ///   sealed: drop it to forget them. A new draft of a deleted message fails with
    ///   [`NoSuchMessage`](crate::errors::ReportError::NoSuchMessage).
    /// - A receipt that comes later fails with
    ///   [`NotSent`](crate::errors::ConfirmError::NotSent): drop it.
    ///
    /// A long conversation takes several transactions. After a crash between them the conversation
    /// is not shown any more, and [`Client::open`] or the next call for the peer deletes the rest.
    ///
    /// ```rust
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # provider.exchange(&mut alice, &mut bob, "Hello!");
    /// # let alice_id = alice.me().account.clone();
    /// bob.delete_conversation(&alice_id)?;
    /// bob.compact()?; // now or later: erases the deleted rows from the file
    /// assert!(bob.messages(&alice_id, None, 10)?.items.is_empty());
    /// assert!(bob.has_session(&alice_id)?); // the next message arrives as before
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// * [`StateError::Damaged`] if the numbering of the conversation is damaged. Nothing is
    ///   deleted: call [`Client::reset_peer`], which reads it from the history, then this again.
    /// * [`StateError::Store`]. Either nothing is deleted, or the deletion goes on as after a
    ///   crash. Call this again to see it through.
    ///
    /// # Security
    /// See [`Client::forget_contact`] for what a deletion does not erase.
    pub fn delete_conversation(
        &mut self,
        conversation: impl Into<Conversation>,
    ) -> Result<(), StateError<S::Error>> {
        self.delete_conversation_and(&conversation.into(), |_, _, _| Ok(true))?;
        Ok(())
    }

    /// Deletes a conversation, and changes its numbering or writes something else in the first
    /// transaction. `also` says whether it is still to be deleted.
    pub(super) fn delete_conversation_and(
        &mut self,
        conversation: &Conversation,
        also: impl Fn(
            &Self,
            &mut ConversationRecord,
            &mut Transaction,
        ) -> Result<bool, StateError<S::Error>>,
    ) -> Result<Begun, StateError<S::Error>> {
        let begun = self.run(|client| {
            if client.is_deleting(conversation)? {
                return Ok(Begun::UnderWay);
            }
            let Some(mut numbering) = client.numbering(conversation)? else {
                return match conversation.account() {
                    Some(peer) if client.is_contact_of(peer)? => Err(damaged(peer)),
                    _ => Ok(Begun::Refused), // the peer or the group is unknown
                };
            };
            let recent = client.recent_of(conversation, &numbering)?;
            let mut transaction = Transaction::default();
            if let Some(group) = conversation.group() {
                client.leave_chain(group, &mut transaction)?; // with what waits in the outbox
            }
            if !also(client, &mut numbering, &mut transaction)? {
                return Ok(Begun::Refused);
            }
            if let Some(peer) = conversation.account() {
                drop(client.peers.take(peer));
            }
            numbering.deleted_before_ms = time_after_last(&numbering);
            mark(&mut transaction, conversation);
            transaction.put_record(keys::recent(conversation), &recent);
            transaction.put_record(keys::conversation(conversation), &numbering);
            client.commit(transaction)?;
            Ok(Begun::Done)
        })?;
        self.finish_deletion_in_runs(conversation)?;
        Ok(begun)
    }

    /// Whether this history is being deleted, so that nothing of it may be shown.
    pub(super) fn is_deleting(
        &self,
        conversation: &Conversation,
    ) -> Result<bool, StateError<S::Error>> {
        // A peer is cached only while there is no mark.
        let peer = conversation.account();
        if peer.is_some_and(|peer| self.is_cached(peer)) {
            return Ok(false);
        }
        match self.get(&keys::deletion(conversation)) {
            Ok(mark) => Ok(mark.is_some()),
            Err(StateError::Damaged(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether any history is being deleted.
    pub(super) fn is_deleting_any(&self) -> Result<bool, StateError<S::Error>> {
        let marks = self.store.list(&keys::deletions(), None, 1);
        Ok(!marks.map_err(StateError::Store)?.is_empty())
    }

    /// Goes on with all deletions that were interrupted.
    pub(super) fn finish_deletions(&mut self) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            // A mark that cannot be read stays until its peer is used.
            let marks = self.run(|client| {
                let table = keys::deletions();
                client.page(&table, after.as_ref(), LONG_ROWS_AT_ONCE, |_, bytes| {
                    let mark: DeletionRecord = records::decode(bytes)?;
                    Conversation::of_record(&mark.account, &mark.group)
                })
            })?;
            for conversation in marks.items {
                self.finish_deletion_in_runs(&conversation)?;
            }
            after = marks.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes the rest of a marked history. Each transaction starts over for itself if another
    /// process commits meanwhile.
    pub(super) fn finish_deletion_in_runs(
        &mut self,
        conversation: &Conversation,
    ) -> Result<(), StateError<S::Error>> {
        while self.run(|client| client.delete_some(conversation))? {}
        Ok(())
    }

    /// Deletes the rest of a marked history, as a part of another call.
    pub(super) fn finish_deletion(
        &mut self,
        conversation: &Conversation,
    ) -> Result<(), StateError<S::Error>> {
        while self.delete_some(conversation)? {}
        Ok(())
    }

    /// Makes one transaction of the deletion of a marked history. Returns whether anything is left.
    fn delete_some(&mut self, conversation: &Conversation) -> Result<bool, StateError<S::Error>> {
        if !self.is_deleting(conversation)? {
            return Ok(false);
        }
        let mut transaction = Transaction::default();
        self.delete_indices(conversation, &mut transaction)?;
        if transaction.changes().is_empty() {
            self.delete_messages(conversation, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_folds(conversation, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_due_rows(conversation, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_envelopes(conversation, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_uploads(conversation, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_upkeep(conversation, &mut transaction)?;
        }
        if let (true, Some(peer)) = (transaction.changes().is_empty(), conversation.account()) {
            let is_contact = match self.is_contact_of(peer) {
                Err(StateError::Damaged(_)) => true, // until it is forgotten
                is_contact => is_contact?,
            };
            if !is_contact {
                self.forget_items(peer, &mut transaction)?;
            }
        }
        let is_left = !transaction.changes().is_empty();
        if !is_left {
            transaction.delete(keys::deletion(conversation));
        }
        self.commit(transaction)?;
        Ok(is_left)
    }
}

/// What became of the first transaction of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It is stored, with what was to be written in the same transaction.
    Done,
    /// Another deletion of the same history is under way. Nothing was written.
    UnderWay,
    /// There is nothing to delete, or it is not to be deleted any more. Nothing was written.
    Refused,
}

/// Marks a history: from now on it is not shown, and its rows are deleted.
fn mark(transaction: &mut Transaction, conversation: &Conversation) {
    let (account, group) = conversation.to_record();
    let record = DeletionRecord { account, group };
    transaction.put_record(keys::deletion(conversation), &record);
}

/// The first time at which no message of the conversation had been accepted yet.
fn time_after_last(numbering: &ConversationRecord) -> u64 {
    let last = numbering.last_accepted_ms.max(numbering.last_copied_ms);
    let after_last = match last {
        0 => 0, // there was none
        last => last.saturating_add(1),
    };
    after_last.max(numbering.deleted_before_ms)
}
