//! Holding: a message to a group is stored, and sealed once that is possible.

use rand_core::CryptoRng;
use waxseal_reporting::message::Payload;
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{ConversationId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use crate::client::hold::Held;
use crate::client::outbox::waiting_sent;
use crate::client::send::{Draft, Outgoing};
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{SendError, StateError};
use crate::records::{HeldRecord, IndexRecord, MessageRecord, NUMBERS};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Stores a message to a group that cannot be sealed yet.
    pub(in crate::client) fn hold_in_group(
        &mut self,
        id: &GroupId,
        draft: &Draft,
        is_unsure: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        self.run(|client| {
            let group = client.writable_group(id, false)?;
            client.check_farewell(&group, draft.content())?;
            let to = &Conversation::from(id);
            let mut numbering = client.group_numbering(id)?;
            let sent_at = client.time_of_draft(to, &numbering, draft.content(), now)?;
            let payload = draft.clone().payload(&numbering, sent_at)?;
            let conversation = ConversationId::from_bytes(id.to_bytes());
            let sent = SentMessage::commit(&client.me, &conversation, &payload, rng);
            let tag = *sent.tag();
            let ordinal = numbering.count_sent(now).ok_or(SendError::NumbersUsedUp)?;
            let index = IndexRecord {
                ordinal: Some(ordinal),
                ..IndexRecord::default()
            };
            let held = HeldRecord {
                id: tag.as_bytes().to_vec(),
                ordinal,
                is_unsure,
            };
            numbering.note_own_timer(&client.me, &sent, draft.content());
            let mut transaction = Transaction::default();
            transaction.put_record(keys::conversation(to), &numbering);
            client.put_sent(&mut transaction, to, (ordinal, &sent), index)?;
            transaction.put_record(keys::held(to, ordinal), &held);
            draft.end_upload(client, &mut transaction)?;
            client.commit(transaction)?;
            Ok(tag)
        })
    }

    /// Seals what waits for a group, in the order in which it was written, and names what it lacks.
    pub(in crate::client) fn seal_held_in_group(
        &mut self,
        id: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        // What the user deleted is not sent.
        self.run(|client| client.finish_deletion(&id.into()))?;
        for (ordinal, record) in self.look(|client| client.held_rows(&id.into()))? {
            if upkeep.is_full() {
                upkeep.again_at(now.as_millis());
                return Ok(());
            }
            let sealed = self.seal_one_held_in_group(id, (ordinal, record), now, rng);
            match sealed {
                Ok(outgoing) => upkeep.outgoing.extend(outgoing),
                Err(SendError::State(error)) => return Err(error),
                Err(SendError::NoSession | SendError::Session(_)) => {
                    upkeep.bundles.extend(self.missing(id, now)?);
                    return Ok(());
                }
                Err(SendError::UnknownMembers) => {
                    upkeep.group_rosters.push(*id);
                    return Ok(());
                }
                // It waits until it can be sent, or until the application deletes it.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Seals what waits for a group, before a further message to it is sealed.
    pub(super) fn seal_held_in_group_first(
        &mut self,
        id: &GroupId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        loop {
            // What it would tell an application is in the outbox, and with the next upkeep.
            let mut upkeep = Upkeep::default();
            self.seal_held_in_group(id, now, rng, &mut upkeep)?;
            if !upkeep.is_full() {
                return Ok(());
            }
        }
    }

    /// Seals one held message into the outbox. `None` if it is gone.
    fn seal_one_held_in_group(
        &mut self,
        id: &GroupId,
        (ordinal, record): Held,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Outgoing>, SendError<S::Error>> {
        let sent = self.run(|client| {
            let sent = client.held_message(id, (ordinal, record))?;
            match (sent, record) {
                // The store was set back, and its earlier line may have used the number.
                (Some(sent), Some((_, true))) => {
                    Ok::<_, SendError<S::Error>>(Some(client.renumber(id, ordinal, sent, rng)?))
                }
                (sent, _) => Ok(sent),
            }
        })?;
        match sent {
            Some(sent) => {
                let outgoing = self.send_held(id, (ordinal, &sent), now, rng)?;
                Ok(Some(outgoing))
            }
            None => Ok(None),
        }
    }

    /// The message of a held record. If it was deleted, or is in the outbox, the record goes.
    fn held_message(
        &mut self,
        id: &GroupId,
        (ordinal, record): Held,
    ) -> Result<Option<SentMessage>, StateError<S::Error>> {
        let to = &Conversation::from(id);
        let message: Option<MessageRecord> = self.readable(&keys::message(to, ordinal))?;
        let sent = message.as_ref().and_then(waiting_sent);
        let sent = sent.filter(|sent| record.is_none_or(|(id, _)| id == *sent.tag()));
        let index = match &sent {
            Some(sent) => self.index(to, sent.tag())?.unwrap_or_default(),
            None => IndexRecord::default(),
        };
        if let Some(sent) = sent.filter(|_| index.outbox.is_none()) {
            return Ok(Some(sent));
        }
        let mut transaction = Transaction::default();
        transaction.delete(keys::held(to, ordinal));
        self.commit(transaction)?;
        Ok(None)
    }

    /// The same message under another number and tag, if an earlier line of the store may have used
    /// its number.
    fn renumber(
        &mut self,
        id: &GroupId,
        ordinal: u64,
        sent: SentMessage,
        rng: &mut impl CryptoRng,
    ) -> Result<SentMessage, SendError<S::Error>> {
        let first = self.counters()?.restarts().saturating_mul(NUMBERS);
        let Some(payload) = sent.payload().filter(|_| sent.header().sequence < first) else {
            return Ok(sent);
        };
        let to = &Conversation::from(id);
        let mut numbering = self.group_numbering(id)?;
        let mut header = payload.header().clone();
        header.sequence = numbering.next_sequence;
        let next = numbering.next_sequence.checked_add(1);
        numbering.next_sequence = next.ok_or(SendError::NumbersUsedUp)?;
        let (content, attachments) = (payload.content(), payload.attachments());
        let payload = Payload::with_attachments(header, content.clone(), attachments.to_vec())?;
        let conversation = ConversationId::from_bytes(id.to_bytes());
        let renewed = SentMessage::commit(&self.me, &conversation, &payload, rng);
        let tag = *renewed.tag();
        let earlier = IndexRecord {
            renewed: tag.as_bytes().to_vec(),
            ..IndexRecord::default()
        };
        let index = IndexRecord {
            ordinal: Some(ordinal),
            ..IndexRecord::default()
        };
        let held = HeldRecord {
            id: tag.as_bytes().to_vec(),
            ordinal,
            is_unsure: false,
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::conversation(to), &numbering);
        self.put_index(&mut transaction, to, *sent.tag(), &earlier);
        self.put_sent(&mut transaction, to, (ordinal, &renewed), index)?;
        transaction.put_record(keys::held(to, ordinal), &held);
        self.commit(transaction)?;
        Ok(renewed)
    }
}
