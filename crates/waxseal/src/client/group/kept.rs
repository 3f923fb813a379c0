//! What is kept of a message in a group that opened, and of one that was not taken.

use std::collections::btree_map::Entry;

use waxseal_reporting::message::Content;
use waxseal_reporting::recipient::OpenedMessage;
use waxseal_roster::group::GroupId;

use super::Group;
use super::late::Sealed;
use crate::client::history::Message;
use crate::client::notices::Kind;
use crate::client::receive::{Arrival, Batch, Received, Spoiled};
use crate::client::view::Stored;
use crate::client::{Client, keys};
use crate::error::{ReceiveError, StateError};
use crate::records::{IndexRecord, MessageRecord, OwnSentRecord};
use crate::store::Store;

impl<S: Store> Client<S> {
    pub(super) fn store_in_group(
        &mut self,
        batch: &mut Batch,
        group: &Group,
        (arrival, sealed): (&Arrival, Sealed),
        from_removed_device: bool,
        opened: OpenedMessage,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let (conversation, id) = (&arrival.conversation(), &arrival.id);
        let sent_time_agrees = opened.sent_time_agrees();
        batch.note_sent(opened.header().sent_at.as_millis().min(arrival.accepted_ms));
        // The state of the group names the key, under which the sender was taken for a member.
        let from = &arrival.sender.account;
        let state = group.log.as_ref().map(|log| log.state());
        let member = state.and_then(|state| state.member(from.as_str()));
        let account_key = match member {
            Some(member) => member.account_key().to_bytes().to_vec(),
            None => batch.key_of(from),
        };
        let numbering = match batch.numberings.entry(group.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unread) => unread.insert(self.group_numbering(&group.id)?),
        };
        let ordinal = numbering.next_ordinal;
        numbering.next_ordinal = ordinal.saturating_add(1);
        let last = match arrival.is_own {
            true => &mut numbering.last_copied_ms,
            false => {
                numbering.last_seen = id.as_bytes().to_vec();
                numbering.unanswered_since_ms = 0;
                &mut numbering.last_accepted_ms
            }
        };
        *last = (*last).max(arrival.accepted_ms);
        let index = IndexRecord {
            ordinal: Some(ordinal),
            ..IndexRecord::default()
        };
        let stored = Stored {
            id: *id,
            ordinal,
            sender: &arrival.sender,
            account_key: &account_key,
            header: opened.header(),
            content: opened.content(),
            accepted_at: Some(opened.evidence().accepted_at()),
            from_removed_device,
        };
        numbering.note_timer(&stored);
        self.put_stored(&mut batch.transaction, conversation, &stored, index)?;
        if arrival.is_own {
            let record = OwnSentRecord::new(conversation, Vec::new());
            batch.transaction.put_record(keys::own_sent(id), &record);
        }
        let (content, attachments, evidence) = opened.into_parts();
        let mut record = MessageRecord::stamped(ordinal, &evidence, account_key);
        record.from_removed_device = from_removed_device;
        batch.transaction.put_message(conversation, &record);
        let message = Message::stamped(ordinal, content, attachments, evidence, &self.me);
        let message = Box::new(message.with_removed_device(from_removed_device));
        if !from_removed_device {
            self.take_content_in_group(batch, &group.id, (arrival, sealed), message.content())?;
        }
        Ok(match arrival.is_own {
            true => Received::Sent {
                to: conversation.clone(),
                message,
            },
            false => Received::Message {
                conversation: conversation.clone(),
                from: arrival.sender.account.clone(),
                message,
                sent_time_agrees,
                from_removed_device,
            },
        })
    }

    /// Takes what a message in a group says about the group.
    pub(super) fn take_content_in_group(
        &self,
        batch: &mut Batch,
        id: &GroupId,
        (arrival, sealed): (&Arrival, Sealed),
        content: &Content,
    ) -> Result<(), StateError<S::Error>> {
        let Some(mut group) = self.take_group(id)? else {
            return Ok(());
        };
        let is_changed = match content {
            // Who was removed and added again since did not leave again.
            Content::GroupLeave if !group.is_of_membership(&arrival.sender.account, sealed) => {
                false
            }
            Content::GroupLeave if arrival.is_own => {
                self.put_group_left(&mut group, sealed.accepted_ms, &mut batch.transaction);
                return Ok(());
            }
            Content::GroupLeave => group.note_left(&arrival.sender.account, arrival.accepted_ms),
            Content::GroupProfile { title, picture } => {
                group.note_profile(title, picture, sealed.accepted_ms)
            }
            _ => false,
        };
        if is_changed {
            group.put(&mut batch.transaction);
        }
        Ok(())
    }

    /// Notes what is left of a delivery that was not taken.
    pub(in crate::client) fn note_spoiled(
        &self,
        batch: &mut Batch,
        spoiled: Spoiled,
    ) -> Result<(), StateError<S::Error>> {
        match spoiled {
            Spoiled::Nothing => Ok(()),
            Spoiled::Request(account) => self.count_dropped(batch, &account),
            Spoiled::Unopened(arrival) => self.note_unopened(batch, &arrival),
            Spoiled::News(id, at_ms) => {
                if let Some(mut group) = self.take_group(&id)? {
                    self.note_group_news_wanted(&mut group, at_ms, &mut batch.transaction);
                }
                Ok(())
            }
            Spoiled::Split(id, account) => {
                let of = (Kind::GroupSplitView, &id);
                let transaction = &mut batch.transaction;
                self.put_group_notice(transaction, of, Some(&account), (&[], &[]));
                if let Some(mut group) = self.take_group(&id)? {
                    self.note_group_news_wanted(&mut group, 0, transaction);
                }
                Ok(())
            }
        }
    }
}
