//! Carrying out: what another device told changes contacts and messages here.
//!
//! Each item is carried out in a transaction of its own, which also deletes the note that it is to
//! be. All of them can be carried out twice.

use waxseal_reporting::{AccountId, Timestamp};

use super::{ITEMS_AT_ONCE, subject_of};
use crate::client::delete::Deleted;
use crate::client::notices::Kind;
use crate::client::peers::Peer;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::{Store, Transaction};
use crate::sync::{Fact, Position, subjects};

/// Messages that are read at once, each of up to 66 kB.
const MESSAGES_AT_ONCE: usize = 64;

impl<S: Store> Client<S> {
    /// Carries out what other devices of the account told.
    pub(in crate::client) fn apply_synced(&mut self) -> Result<(), StateError<S::Error>> {
        loop {
            let page = self.look(|client| {
                let table = keys::items_to_apply();
                client.page(&table, None, ITEMS_AT_ONCE, |_, bytes| subject_of(bytes))
            })?;
            for row in &page.damaged {
                self.delete_damaged(row)?;
            }
            for subject in &page.items {
                match self.apply_newest(subject) {
                    // The record of a damaged peer costs only what was told of it.
                    Err(StateError::Damaged(_)) => self.run(|client| {
                        let mut transaction = Transaction::default();
                        transaction.delete(keys::item_to_apply(subject));
                        client.commit(transaction)
                    })?,
                    applied => applied?,
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Carries out what the item says. If another process writes another item of the same subject
    /// meanwhile, that one is carried out.
    fn apply_newest(&mut self, subject: &[u8]) -> Result<(), StateError<S::Error>> {
        while !self.apply(subject)? {}
        Ok(())
    }

    /// Returns whether the item is carried out: not if there is another one by then.
    fn apply(&mut self, subject: &[u8]) -> Result<bool, StateError<S::Error>> {
        let item = self.look(|client| client.item(subject))?;
        match item.map(|item| item.fact) {
            Some(Fact::ConversationDeleted {
                conversation,
                until,
            }) => self.apply_deletion(&conversation, until, subject)?,
            Some(Fact::Decided {
                account,
                is_accepted,
                ..
            }) => return self.apply_decision(&account, is_accepted, subject),
            Some(Fact::Blocked {
                account,
                is_blocked,
            }) => return self.apply_block(&account, is_blocked, subject),
            Some(Fact::Read {
                conversation,
                up_to,
            }) => self.apply_read(&conversation, up_to, subject)?,
            fact => self.run(|client| {
                let mut transaction = Transaction::default();
                transaction.delete(keys::item_to_apply(subject));
                match &fact {
                    Some(Fact::Trust {
                        account,
                        account_key,
                        is_verified,
                    }) => {
                        let told = (account_key, *is_verified);
                        return client.apply_trust(account, told, transaction);
                    }
                    Some(Fact::MessageDeleted {
                        conversation, id, ..
                    }) if client.delete_message_in(&mut transaction, conversation, id)?
                        == Deleted::Nothing =>
                    {
                        // When it comes, it is known as one that was deleted.
                        client.put_gone(&mut transaction, conversation, id)?;
                    }
                    _ => {}
                }
                client.commit(transaction)
            })?,
        }
        Ok(true)
    }

    /// Has messages disappear that were read on another device.
    fn apply_read(
        &mut self,
        conversation: &Conversation,
        up_to: Position,
        subject: &[u8],
    ) -> Result<(), StateError<S::Error>> {
        // CHK-570: what another device of the account read counts as read here, from when it said
        // so.
        let read = self.look(|client| client.read_since(conversation))?;
        let at = read.map(|(_, at)| at).filter(|at| at.as_millis() != 0);
        self.read_all(conversation, up_to, at)?;
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::item_to_apply(subject));
            client.commit(transaction)
        })
    }

    /// Pins the account key that another device pinned, or takes its mark.
    fn apply_trust(
        &mut self,
        account: &AccountId,
        (key, is_verified): (&[u8; 32], bool),
        mut transaction: Transaction,
    ) -> Result<(), StateError<S::Error>> {
        if *account == self.me.account {
            return self.commit(transaction);
        }
        let mut known = self.peer_or_new(account)?;
        match known.account_key() {
            Some(pinned) if pinned == *key => known.contact.is_verified = is_verified,
            // CHK-344: what another device pinned never replaces what is pinned here. The user is
            // told.
            Some(_) => {
                let kind = Kind::IdentityChanged;
                self.put_notice(&mut transaction, kind, account, &[], key);
            }
            // Nor does it take the place of an identity that an earlier version pinned.
            None if !known.contact.identity_before.is_empty() => {}
            None => {
                known.pin_told_key(key);
                known.contact.is_verified = is_verified;
                known.tells_pin = false;
            }
        }
        let decision = self.decision(account)?;
        known.conversation.is_accepted |= decision.is_some_and(|(is_accepted, _)| is_accepted);
        if known.account_key().is_some() || known.is_stored() {
            known.put(account, &mut transaction);
        }
        self.commit(transaction)?;
        if known.is_stored() {
            self.keep_peer(account, known);
        }
        Ok(())
    }

    pub(in crate::client) fn peer_or_new(
        &mut self,
        account: &AccountId,
    ) -> Result<Peer, StateError<S::Error>> {
        match self.take_peer(account)? {
            Some(known) => Ok(known),
            None => self.new_peer(account),
        }
    }

    /// Deletes the messages of a conversation that the provider accepted until then: all of it, if
    /// there are no later ones, and else one after the other.
    fn apply_deletion(
        &mut self,
        conversation: &Conversation,
        until: Timestamp,
        subject: &[u8],
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        let is_whole = loop {
            let page =
                self.look(|client| client.read_messages(conversation, after, MESSAGES_AT_ONCE))?;
            // One that waits for its receipt is later, too.
            let mut times = page.items.iter().map(super::super::Message::accepted_at);
            if times.any(|at| at.is_none_or(|at| at > until)) {
                break false;
            }
            after = page.next;
            if after.is_none() {
                break true;
            }
        };
        if is_whole {
            self.delete_conversation(conversation)?;
        }
        let mut after = None;
        loop {
            if is_whole {
                break;
            }
            after = self.run(|client| {
                let page = client.read_messages(conversation, after, MESSAGES_AT_ONCE)?;
                let mut transaction = Transaction::default();
                for message in &page.items {
                    if message.accepted_at().is_some_and(|at| at <= until) {
                        client.delete_message_in(&mut transaction, conversation, message.id())?;
                    }
                }
                if !transaction.changes().is_empty() {
                    client.commit(transaction)?;
                }
                Ok::<_, StateError<S::Error>>(page.next)
            })?;
            if after.is_none() {
                break;
            }
        }
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::item_to_apply(subject));
            client.commit(transaction)
        })
    }
}

/// The deletion of a conversation that counts, to know which messages of a history not to take.
pub(super) fn deleted_until<S: Store>(
    client: &Client<S>,
    conversation: &Conversation,
) -> Result<Option<Timestamp>, StateError<S::Error>> {
    let item = client.item(&subjects::conversation(conversation))?;
    Ok(item.and_then(|item| match item.fact {
        Fact::ConversationDeleted { until, .. } => Some(until),
        _ => None,
    }))
}
