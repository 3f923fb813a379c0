//! Receipts: this device tells an accepted peer which of its messages arrived and which were shown,
//! and takes what the peer tells.

use rand_core::CryptoRng;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::sender::Control;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};

use super::receive::{Arrival, Batch, Received};
use super::times::since;
use super::unopened::is_accepted;
use super::upkeep::Upkeep;
use super::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{
    self, AwaitedRecord, MessageRecord, MessageState, NoteRecord, OwnSentRecord, ReceiptRecord,
    UpkeepRecord,
};
use crate::store::{Store, Transaction};

/// How long after the own roster was told it is not told to the same account again: one hour.
const TOLD_PAUSE_MS: u64 = 3_600_000;

/// Maximum number of messages that one control message names as delivered, and as opened.
const MAX_TAGS: usize = 64;

pub(super) fn receipt_of(
    conversation: &Conversation,
    id: &FrankingTag,
    is_opened: bool,
) -> ReceiptRecord {
    ReceiptRecord {
        id: id.as_bytes().to_vec(),
        is_opened,
        group: conversation.to_record().1,
    }
}

impl<S: Store> Client<S> {
    /// Records that the application showed a received message to the user, at the present time
    /// `now`. If it [disappears](super::Draft::expires_after_secs), its time runs from then on. If
    /// the peer is accepted, the next [`upkeep`](Self::upkeep) tells it so.
    ///
    /// Do not call this if the user does not want others to know what was shown: nothing else tells
    /// them. [`mark_read`](Self::mark_read) tells only the own devices.
    pub fn opened(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        self.run(|client| {
            let index = client.index(conversation, id)?;
            let message = client.message_at(conversation, index)?;
            let message = message.filter(|one| one.direction() == super::Direction::Received);
            let Some(message) = message else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            client.put_read(&mut transaction, conversation, &message, now)?;
            let numbering = client.numbering(conversation)?.unwrap_or_default();
            // Members of a group do not tell what arrived.
            if conversation.group().is_none() && is_accepted(&numbering) {
                let from = &message.sender().account;
                let upkeep = client.upkeep_or_new(from)?;
                transaction.put_record(keys::upkeep(from), &upkeep);
                let receipt = receipt_of(conversation, id, true);
                transaction.put_record(keys::receipt(from, true, id), &receipt);
            }
            match transaction.changes().is_empty() {
                true => Ok(()),
                false => client.commit(transaction),
            }
        })
    }

    /// Notes that the peer is to be told that its message arrived.
    pub(super) fn note_delivered(
        &self,
        batch: &mut Batch,
        from: &AccountId,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        if !batch.conversation(from).is_some_and(is_accepted) {
            return Ok(());
        }
        self.upkeep_in(batch, from)?;
        let key = keys::receipt(from, false, id);
        let receipt = receipt_of(&from.into(), id, false);
        batch.transaction.put_record(key, &receipt);
        Ok(())
    }

    /// Tells a peer what arrived and what was shown, and the own roster if the peer knows an older
    /// one. Returns whether nothing is left to tell.
    pub(super) fn tell(
        &mut self,
        peer: &AccountId,
        upkeep_record: &mut UpkeepRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let table = keys::receipts(peer);
        let page = self.page(&table, None, MAX_TAGS, |_, bytes| {
            let record: ReceiptRecord = records::decode(bytes)?;
            Some((tag_of(&record.id)?, record.is_opened))
        })?;
        let (mut note, mut transaction) = (NoteRecord::default(), Transaction::default());
        for row in &page.damaged {
            row.delete_in(&mut transaction);
        }
        for (id, is_opened) in &page.items {
            match is_opened {
                true => note.opened.push(id.as_bytes().to_vec()),
                false => note.delivered.push(id.as_bytes().to_vec()),
            }
            transaction.delete(keys::receipt(peer, *is_opened, id));
        }
        // CHK-326: the own roster is told to an account once an hour.
        let told_ms = upkeep_record.told_ms;
        let is_told = since(told_ms, now).is_some_and(|age| told_ms != 0 && age < TOLD_PAUSE_MS);
        // CHK-598: nor is it ever told to a stranger, or to an account that is blocked.
        if upkeep_record.tells_roster && !self.may_be_told(peer)? {
            upkeep_record.tells_roster = false;
            transaction.put_record(keys::upkeep(peer), upkeep_record);
            self.commit(std::mem::take(&mut transaction))?;
        }
        if upkeep_record.tells_roster {
            match is_told {
                true => upkeep.again_at(told_ms.saturating_add(TOLD_PAUSE_MS)),
                false => {
                    note.has_roster = true;
                    upkeep_record.tells_roster = false;
                    upkeep_record.told_ms = now.as_millis().max(1);
                    transaction.put_record(keys::upkeep(peer), upkeep_record);
                }
            }
        }
        if transaction.changes().is_empty() {
            return Ok(!upkeep_record.tells_roster);
        }
        let Some(mut pair) = self.take_pair(peer)? else {
            return Ok(true);
        };
        // Without a session that can send, the peer is told with what arrives next: otherwise it
        // would take its messages for lost.
        let Some(fanout) = self.seal_note(&mut pair, peer, &note, now, rng)? else {
            return Ok(true);
        };
        let outgoing = self.put_note(&mut transaction, peer, &fanout, note, now)?;
        pair.put(&self.me, &mut transaction);
        self.commit(transaction)?;
        upkeep.outgoing.extend(outgoing);
        self.keep_pair(pair);
        if page.next.is_some() {
            upkeep.again_at(now.as_millis());
        }
        Ok(page.next.is_none() && !upkeep_record.tells_roster)
    }

    /// Whether a peer may be told the own roster: it is accepted, or a member of a group that this
    /// account is in, and not blocked.
    fn may_be_told(&self, peer: &AccountId) -> Result<bool, StateError<S::Error>> {
        let numbering = self.numbering(&peer.into())?;
        if numbering.is_some_and(|numbering| numbering.is_blocked) {
            return Ok(false);
        }
        Ok(self.is_accepted(peer)? || self.is_fellow(peer)?)
    }

    /// Takes what a device of a peer tells of this account's messages. Returns those that it names.
    pub(super) fn take_receipts(
        &self,
        batch: &mut Batch,
        arrival: &Arrival,
        control: &Control,
    ) -> Result<Received, StateError<S::Error>> {
        let (from, device) = (&arrival.sender.account, arrival.sender.device);
        let at = Timestamp::from_millis(arrival.accepted_ms);
        let (mut delivered, mut opened) = (Vec::new(), Vec::new());
        let named = control.delivered.iter().map(|id| (id, false));
        for (id, is_opened) in named.chain(control.opened.iter().map(|id| (id, true))) {
            let conversation = self.conversation_of(from, id)?;
            let message = match batch.told(&conversation, id) {
                Some(message) => Some(message),
                None => self.sent_message(&conversation, id)?,
            };
            let Some(mut message) = message else {
                continue;
            };
            let awaited: Option<AwaitedRecord> = self.readable(&keys::awaited(from, id))?;
            // Of a message to a group, only members tell that got it.
            if awaited.is_none() && conversation.group().is_some() {
                continue;
            }
            if awaited.is_some() || message.delivered_ms == 0 {
                // Without the relay's receipt, it is known only that the relay accepted the message
                // before it accepted what the peer tells.
                let accepted_ms = awaited.map(|one| one.accepted_ms).unwrap_or(u64::MAX);
                batch.note_arrived(from, accepted_ms.min(at.as_millis()), at);
                batch.transaction.delete(keys::awaited(from, id));
            }
            message.not_delivered = 0;
            if message.delivered_ms == 0 {
                message.delivered_ms = at.as_millis();
            }
            if is_opened && message.opened_ms == 0 {
                message.opened_ms = at.as_millis();
            }
            batch.put_told(&conversation, *id, message);
            batch.transaction.delete(keys::asked(from, device, id));
            match is_opened {
                true => opened.push((conversation, *id)),
                false => delivered.push((conversation, *id)),
            }
        }
        Ok(Received::Receipts {
            from: from.clone(),
            delivered,
            opened,
        })
    }

    /// The conversation of a message of this account that a device of `peer` names by its tag: the
    /// group that the message was sent to, or else the one with this peer. Whether the message is
    /// there, and was for this peer, is still to be seen.
    pub(super) fn conversation_of(
        &self,
        peer: &AccountId,
        id: &FrankingTag,
    ) -> Result<Conversation, StateError<S::Error>> {
        let record: Option<OwnSentRecord> = self.readable(&keys::own_sent(id))?;
        let conversation = record.and_then(|record| record.conversation());
        let group = conversation.filter(|conversation| conversation.group().is_some());
        Ok(group.unwrap_or_else(|| peer.into()))
    }

    /// The record of a message of this conversation that any device of this account sent.
    pub(super) fn sent_message(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Option<MessageRecord>, StateError<S::Error>> {
        let Some(ordinal) = self
            .index(conversation, id)?
            .and_then(|index| index.ordinal)
        else {
            return Ok(None);
        };
        let key = keys::message(conversation, ordinal);
        let record: Option<MessageRecord> = self.readable(&key)?;
        let Some(record) = record else {
            return Ok(None);
        };
        let message = self.message_of(record.clone());
        let is_sent = message.is_some_and(|message| message.direction() == super::Direction::Sent);
        Ok(is_sent.then_some(record))
    }

    /// The record of a message of this conversation that this device itself sent. Only the author's
    /// device seals a message again.
    pub(super) fn own_message(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<Option<MessageRecord>, StateError<S::Error>> {
        let record = self.sent_message(conversation, id)?;
        Ok(record.filter(|record| match &record.state {
            Some(MessageState::Stamped(evidence)) => {
                let evidence = Evidence::decode(evidence);
                evidence.is_ok_and(|evidence| *evidence.sender() == self.me)
            }
            _ => true, // it waits for its receipt
        }))
    }
}
