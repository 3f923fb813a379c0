//! What is kept of a delivery that opened: the message, or what a control message tells.

use waxseal_reporting::recipient::OpenedMessage;
use waxseal_reporting::sender::Control;
use waxseal_roster::SignedRoster;

use super::{Arrival, Batch, InBatch, Received};
use crate::client::Client;
use crate::client::history::Message;
use crate::client::peers::damaged;
use crate::client::view::Stored;
use crate::error::{ReceiveError, StateError};
use crate::records::{IndexRecord, MessageRecord};
use crate::store::Store;

/// How far the newest times of messages are behind what is stored of them: ten minutes. So they are
/// not written with each message.
const TIMES_BEHIND_MS: u64 = 10 * 60_000;

impl<S: Store> Client<S> {
    /// Notes that a message of this conversation opened.
    pub(super) fn note_opened(&self, batch: &mut Batch, arrival: &Arrival) {
        batch.note_accepted(arrival.accepted_ms);
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(&arrival.with) else {
            return; // it was inserted before
        };
        let conversation = &mut peer.conversation;
        if arrival.is_own {
            let last = &mut conversation.last_copied_ms;
            *last = (*last).max(arrival.accepted_ms);
        } else {
            let last = &mut conversation.last_accepted_ms;
            *last = (*last).max(arrival.accepted_ms);
            conversation.unanswered_since_ms = 0;
        }
        *is_changed = true;
    }

    /// Stores a message that opened, with the evidence for a report.
    pub(super) fn store_message(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        from_removed_device: bool,
        opened: OpenedMessage,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let sent_time_agrees = opened.sent_time_agrees();
        let message = self.store_opened(batch, arrival, from_removed_device, opened)?;
        let is_accepted = self.is_accepted_in(batch, &arrival.sender.account);
        let message = message.of_request(!is_accepted);
        self.note_delivered(batch, &arrival.with, &arrival.id)?;
        if !from_removed_device {
            self.take_group_content(batch, arrival, message.content())?;
        }
        Ok(Received::Message {
            conversation: arrival.conversation(),
            from: arrival.sender.account.clone(),
            message: Box::new(message),
            sent_time_agrees,
            from_removed_device,
        })
    }

    /// Stores the copy of a message that another device of this account sent.
    pub(super) fn store_copy(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        from_removed_device: bool,
        opened: OpenedMessage,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let message = self.store_opened(batch, arrival, from_removed_device, opened)?;
        if let Some(InBatch { peer, .. }) = batch.peers.get_mut(&arrival.with) {
            // The user wrote to it, unless a thief did.
            peer.conversation.is_accepted |= !from_removed_device;
        }
        if !from_removed_device {
            self.take_group_content(batch, arrival, message.content())?;
        }
        Ok(Received::Sent {
            to: arrival.conversation(),
            message: Box::new(message),
        })
    }

    fn store_opened(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        from_removed_device: bool,
        opened: OpenedMessage,
    ) -> Result<Message, ReceiveError<S::Error>> {
        let (with, id) = (&arrival.with, &arrival.id);
        let conversation = &arrival.conversation();
        batch.note_sent(opened.header().sent_at.as_millis().min(arrival.accepted_ms));
        let account_key = batch.key_of(&arrival.sender.account);
        let Some(InBatch { peer, .. }) = batch.peers.get_mut(with) else {
            return Err(damaged(with).into()); // it was inserted before
        };
        let ordinal = peer.conversation.next_ordinal;
        peer.conversation.next_ordinal = ordinal.saturating_add(1);
        if !arrival.is_own {
            peer.conversation.last_seen = id.as_bytes().to_vec();
        }
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
        peer.conversation.note_timer(&stored);
        self.put_stored(&mut batch.transaction, conversation, &stored, index)?;
        let (content, attachments, evidence) = opened.into_parts();
        let mut record = MessageRecord::stamped(ordinal, &evidence, account_key);
        record.from_removed_device = from_removed_device;
        batch.transaction.put_message(conversation, &record);
        let message = Message::stamped(ordinal, content, attachments, evidence, &self.me);
        Ok(message.with_removed_device(from_removed_device))
    }

    /// Takes what a control message tells.
    pub(super) fn take_control(
        &mut self,
        batch: &mut Batch,
        arrival: &Arrival,
        control: &Control,
        skips: bool,
    ) -> Result<Received, ReceiveError<S::Error>> {
        if let Some(roster) = &control.roster {
            self.take_told_roster(batch, arrival, roster)?;
        }
        // What it tells of a group is for all devices that get it.
        let group = match skips {
            true => None,
            false => self.take_group_control(batch, arrival, control)?,
        };
        // What else an own device tells a peer is for the peer.
        if let (true, Some(group)) = (arrival.is_own, &group) {
            return Ok(group.clone());
        }
        if arrival.is_own {
            return match &control.sync {
                Some(sync) => Ok(self.take_sync(batch, arrival, sync)?),
                None => Ok(arrival.skipped()),
            };
        }
        let receipts = self.take_receipts(batch, arrival, control)?;
        // They come once: without them, what arrived would count as lost.
        Ok(match (skips, group) {
            (true, _) => arrival.skipped(),
            (false, Some(group)) => group,
            (false, None) => receipts,
        })
    }

    /// Takes the roster that a device tells of its own account. One that is not taken changes
    /// nothing.
    fn take_told_roster(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        roster: &[u8],
    ) -> Result<(), StateError<S::Error>> {
        let from = &arrival.sender.account;
        let Ok(signed) = SignedRoster::decode(roster) else {
            return Ok(());
        };
        // CHK-322: a device tells the roster of its own account, which verifies like any other.
        let Ok(roster) = signed.verify(from.as_str()) else {
            return Ok(());
        };
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(from) else {
            return Ok(()); // it was inserted before
        };
        let (learnt_ms, transaction) = (arrival.accepted_ms, &mut batch.transaction);
        // What is to be told about one that is refused is written too.
        let _ = self.take_verified(peer, from, &roster, learnt_ms, transaction)?;
        *is_changed = true;
        self.upkeep_in(batch, from)?;
        Ok(())
    }

    /// Writes the newest times of messages, if they are much newer than what is stored.
    pub(super) fn put_times(&self, batch: &mut Batch) -> Result<(), StateError<S::Error>> {
        let mut counters = self.counters()?;
        let dropped = batch.dropped_strangers;
        counters.dropped_strangers = counters.dropped_strangers.saturating_add(dropped);
        let mut is_newer = dropped != 0;
        for (stored, newest) in [
            (&mut counters.newest_accepted_ms, batch.newest_accepted_ms),
            (&mut counters.newest_sent_ms, batch.newest_sent_ms),
        ] {
            if newest > stored.saturating_add(TIMES_BEHIND_MS) {
                (*stored, is_newer) = (newest, true);
            }
        }
        if is_newer {
            let key = crate::client::keys::counters();
            batch.transaction.put_record(key, &counters);
        }
        Ok(())
    }
}
