//! Deleting: a message, a conversation, or a contact with everything that is known of it.
//!
//! A conversation can be long, so it is deleted in several transactions. The first one marks it,
//! and from then on no call shows anything of it. The others delete its rows, and the last one
//! deletes the mark. If they are interrupted, they go on when the store is opened, and before the
//! next call that reads the peer's sessions.

mod rows;

use waxseal_reporting::{AccountId, DeviceId, FrankingTag};

use self::rows::LONG_ROWS_AT_ONCE;
use super::peers::damaged;
use super::{Client, keys};
use crate::error::StateError;
use crate::records::{self, ConversationRecord, DeletionRecord, IndexRecord};
use crate::store::{Store, Transaction};
use crate::sync::subjects;

impl<S: Store> Client<S> {
    /// Deletes a message with its evidence: it can no longer be read or reported from this device.
    ///
    /// If the relay delivers the message again, the client recognises it and does not show it. If
    /// the message waits in the [outbox](Client::outbox), it is removed from there and not sent
    /// again, though an earlier upload may have arrived. Call this also to give up a message that
    /// the relay refuses for good, and to delete one that is [due](Client::due).
    ///
    /// A digest stays until the conversation is deleted, to recognise the message's delivery.
    pub fn delete_message(
        &mut self,
        peer: &AccountId,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            // The application may still know a message that was sealed again by its earlier tag.
            let id = client.present_tag(peer, id)?;
            let mut transaction = Transaction::default();
            match client.delete_message_in(&mut transaction, peer, &id)? {
                true => client.commit(transaction),
                false => Ok(()),
            }
        })
    }

    /// Deletes the conversation with `peer`: its messages with their evidence, what waits for the
    /// peer in the [outbox](Client::outbox), and the digests of its messages.
    ///
    /// The contact stays, with its pinned account key, the sessions and the numbering. So the peer
    /// notices nothing, and the next messages go both ways. The tag of the last message from the
    /// peer stays too, because the next message sent names it.
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
    pub fn delete_conversation(&mut self, peer: &AccountId) -> Result<(), StateError<S::Error>> {
        self.delete_conversation_and(peer, |_, _| Ok(()))
    }

    /// Deletes a conversation, and writes something else in the first transaction.
    pub(super) fn delete_conversation_and(
        &mut self,
        peer: &AccountId,
        also: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            if client.is_deleting(peer)? {
                return Ok(());
            }
            let Some(mut conversation) = client.numbering(peer)? else {
                return match client.is_contact_of(peer)? {
                    true => Err(damaged(peer)),
                    false => Ok(()), // the peer is unknown
                };
            };
            let recent = client.recent_of(peer, &conversation)?;
            let mut transaction = Transaction::default();
            also(client, &mut transaction)?;
            drop(client.peers.take(peer));
            conversation.deleted_before_ms = time_after_last(&conversation);
            mark(&mut transaction, peer);
            transaction.put_record(keys::recent(peer), &recent);
            transaction.put_record(keys::conversation(peer), &conversation);
            client.commit(transaction)
        })?;
        self.finish_deletion_in_runs(peer)
    }

    /// Forgets a contact: [its conversation](Client::delete_conversation), its pinned account key,
    /// all sessions with its devices, and the numbering. `peer` is then unknown, as before the
    /// first contact. The own account cannot be forgotten: then nothing happens.
    ///
    /// This works for a damaged contact too. A new first message from the peer is a first contact,
    /// and pins its account key without a warning: forget nobody whose change of account key you
    /// would want to see. Messages on the sessions that were forgotten do not open.
    /// Those accepted before are a [`Duplicate`](super::Received::Duplicate). For later ones the
    /// advice is [`AskAgain`](crate::Advice::AskAgain), as from any stranger: acknowledge them.
    ///
    /// To keep a peer from writing, block it at the provider. This call does not.
    ///
    /// ```rust
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # provider.exchange(&mut alice, &mut bob, "Hello!");
    /// # let alice_id = alice.me().account.clone();
    /// bob.forget_contact(&alice_id)?;
    /// bob.compact()?;
    /// assert!(bob.peers(None, 10)?.items.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError::Store`]. Either nothing changed, or the contact is gone and its history is
    /// hidden, and deleted as after a crash.
    ///
    /// # Security
    /// After this call, the store says no more of the contact than this:
    ///
    /// - What is remembered of its first messages stays until
    ///   [`rotate_prekeys`](Client::rotate_prekeys) has destroyed the prekeys that they used: after
    ///   three rotations at most. It has the contact's public identity, and no account. Without
    ///   it, the relay could deliver an old first message again, and it would be shown as new.
    /// - The time at which the provider accepted the last message from a forgotten contact, without
    ///   saying from which.
    /// - A report that waits for the provider's intake, with the draft that it was sealed from: the
    ///   account, the reason, the note, and the digests of the messages.
    ///   [`confirm_report`](Client::confirm_report) deletes both.
    /// - In a store of an earlier version, digests of messages deleted before the contact.
    ///
    /// This call does not protect against:
    ///
    /// - A thief of the file and its key, until [`compact`](Client::compact) was called: deleted
    ///   rows are only marked as free space. Flash memory can keep old copies of what was
    ///   overwritten, and so can backups. Only destroying the store's key erases for certain.
    /// - The provider, who knows who wrote to whom and when, and may have kept the ciphertexts.
    /// - The peer, who has the conversation and can report it.
    /// - Copies that the application made, for example for a search or in notifications.
    pub fn forget_contact(&mut self, peer: &AccountId) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            if *peer == client.me.account || !client.is_known(peer)? {
                return Ok(());
            }
            // Its keys are wiped from memory.
            drop(client.peers.take(peer));
            let mut transaction = Transaction::default();
            mark(&mut transaction, peer);
            if let Some(last) = client.readable(&keys::conversation(peer))? {
                let mut counters = client.counters()?;
                let before = &mut counters.forgotten_before_ms;
                *before = (*before).max(time_after_last(&last));
                transaction.put_record(keys::counters(), &counters);
            }
            transaction.delete(keys::contact(peer));
            transaction.delete(keys::conversation(peer));
            transaction.delete(keys::earlier_peer(peer));
            transaction.delete(keys::recent(peer));
            transaction.delete(keys::item_to_tell(&subjects::trust(peer)));
            for device in client.device_numbers(peer)? {
                client.delete_each(&keys::skipped_keys(peer, device), &mut transaction)?;
            }
            client.delete_each(&keys::devices(peer), &mut transaction)?;
            client.commit(transaction)
        })?;
        self.finish_deletion_in_runs(peer)
    }

    /// Whether any record of the peer is there, damaged or not.
    fn is_known(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        let keys = [
            keys::contact,
            keys::conversation,
            keys::earlier_peer,
            keys::upkeep, // an account of which only a message came that did not open
        ];
        for key in keys {
            match self.get(&key(peer)) {
                Ok(None) => {}
                Ok(Some(_)) | Err(StateError::Damaged(_)) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        for table in [keys::messages, keys::indices, keys::devices] {
            if !self.first_rows(&table(peer), 1)?.is_empty() {
                return Ok(true);
            }
        }
        let pages = keys::skipped_keys(peer, DeviceId(0));
        Ok(!self.first_rows(&pages, 1)?.is_empty())
    }

    /// Whether the history with this peer is being deleted, so that nothing of it may be shown.
    pub(super) fn is_deleting(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        // A peer is cached only while there is no mark.
        if self.is_cached(peer) {
            return Ok(false);
        }
        match self.get(&keys::deletion(peer)) {
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
                    AccountId::new(&mark.account).ok()
                })
            })?;
            for peer in marks.items {
                self.finish_deletion_in_runs(&peer)?;
            }
            after = marks.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes the rest of a marked history. Each transaction starts over for itself if another
    /// process commits meanwhile.
    fn finish_deletion_in_runs(&mut self, peer: &AccountId) -> Result<(), StateError<S::Error>> {
        while self.run(|client| client.delete_some(peer))? {}
        Ok(())
    }

    /// Deletes the rest of a marked history, as a part of another call.
    pub(super) fn finish_deletion(&mut self, peer: &AccountId) -> Result<(), StateError<S::Error>> {
        while self.delete_some(peer)? {}
        Ok(())
    }

    /// Makes one transaction of the deletion of a marked history. Returns whether anything is left.
    fn delete_some(&mut self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        if !self.is_deleting(peer)? {
            return Ok(false);
        }
        let mut transaction = Transaction::default();
        self.delete_indices(peer, &mut transaction)?;
        if transaction.changes().is_empty() {
            self.delete_messages(peer, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_envelopes(peer, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
            self.delete_upkeep(peer, &mut transaction)?;
        }
        if transaction.changes().is_empty() {
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
            transaction.delete(keys::deletion(peer));
        }
        self.commit(transaction)?;
        Ok(is_left)
    }
}

/// Marks the history with a peer: from now on it is not shown, and its rows are deleted.
fn mark(transaction: &mut Transaction, peer: &AccountId) {
    let record = DeletionRecord {
        account: peer.as_str().to_owned(),
    };
    transaction.put_record(keys::deletion(peer), &record);
}

/// Deletes a message with its place in the outbox and in the list of due messages.
pub(super) fn delete_indexed(transaction: &mut Transaction, peer: &AccountId, index: &IndexRecord) {
    if let Some(ordinal) = index.ordinal {
        transaction.delete(keys::message(peer, ordinal));
        transaction.delete(keys::held(peer, ordinal));
    }
    if let Some(number) = index.outbox {
        transaction.delete(keys::envelope(number));
    }
    if let Some(number) = index.due {
        transaction.delete(keys::due_message(number));
    }
}

/// The first time at which no message from the peer had been accepted yet.
fn time_after_last(conversation: &ConversationRecord) -> u64 {
    let last = conversation
        .last_accepted_ms
        .max(conversation.last_copied_ms);
    let after_last = match last {
        0 => 0, // there was none
        last => last.saturating_add(1),
    };
    after_last.max(conversation.deleted_before_ms)
}
