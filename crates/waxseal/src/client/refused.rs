//! Refused: this device takes a refusal, and notes which messages it is to seal again.

use waxseal_core::SessionId;
use waxseal_reporting::recipient::{AuthenticDelivery, Evidence, Refusal, refusal_associated_data};
use waxseal_reporting::{DeviceAddress, FrankingTag, Timestamp};

use super::again::{MAX_ASKED, MAX_TRIES, again_device};
use super::peers::Device;
use super::receive::{Arrival, Batch, Received};
use super::status::NotDelivered;
use super::{Client, keys};
use crate::channel::{Preamble, with_preamble};
use crate::conversation::Conversation;
use crate::error::{ReceiveError, StateError};
use crate::records::{
    AskedRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord, OwnSentRecord,
};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Takes a refusal of a device that is in the known roster: notes which messages are to be
    /// sealed again for it.
    pub(super) fn take_refusal(
        &mut self,
        batch: &mut Batch,
        delivery: &AuthenticDelivery,
        arrival: &Arrival,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let (from, device) = (&arrival.sender.account, arrival.sender.device);
        let id = arrival.id;
        let at = Timestamp::from_millis(arrival.accepted_ms);
        let (claims, preamble, message) =
            Preamble::split(delivery.ciphertext()).ok_or(ReceiveError::Preamble)?;
        let of_refusal = refusal_associated_data(&id, &arrival.sender, &self.me.account);
        let refusal = self
            .identity
            .open_refusal(message, &with_preamble(&of_refusal, preamble))
            .map_err(|_| ReceiveError::Refusal)?;
        let refusal = Refusal::decode(&refusal.content).ok_or(ReceiveError::Refusal)?;
        let known = batch.peer(from).and_then(|peer| peer.devices.get(&device));
        if known.is_some_and(|device| device.record.removed_ms != 0) {
            // A removed device gets nothing again, and its claims do not count.
            self.put_nowhere(batch, arrival, true)?;
            return Ok(Received::Refused {
                from: from.clone(),
                again: Vec::new(),
                not_delivered: Vec::new(),
            });
        }
        self.take_claims(batch, arrival, &claims)?;
        let (mut again, mut not_delivered) = (Vec::new(), Vec::new());
        let mut is_note = false;
        let mut room = MAX_ASKED.saturating_sub(self.count(&keys::all_asked(from), MAX_ASKED)?);
        let peer = batch.peer(from);
        let known = peer.and_then(|peer| peer.devices.get(&device));
        let sessions = known.and_then(|device| device.sessions.as_ref());
        let sending = known.and_then(Device::sending_id);
        // A session that the device's refusals made necessary and that it has not answered is too
        // new to be in every refusal.
        let new = known.map(|device| device.record.restarted_on.clone());
        let new = new.filter(|_| sessions.is_some_and(|sessions| !sessions.is_established()));
        let roster = peer.and_then(|peer| peer.roster());
        let is_only = roster.is_some_and(|roster| roster.devices().len() == 1);
        for (tag, refused_at) in &refusal.messages {
            let is_named =
                |named: &[(Conversation, FrankingTag)]| named.iter().any(|(_, other)| other == tag);
            if is_named(&again) || is_named(&not_delivered) {
                continue; // named twice
            }
            let Some(with) = self.refused_of(batch, arrival, tag)? else {
                // It may be one of the notes to the own devices, which are not sealed again.
                is_note |= arrival.is_own;
                continue;
            };
            let Some(mut message) = self.own_message(&with, tag)? else {
                continue;
            };
            // The only device said that the message arrived, or the message was given up. One that
            // counts as lost is not: this device has a delivery of it.
            let is_given_up = ![0, NotDelivered::Lost.number()].contains(&message.not_delivered);
            let is_delivered = message.delivered_ms != 0 && is_only && !arrival.is_own;
            if is_delivered || is_given_up {
                continue;
            }
            let key = keys::asked(from, device, tag);
            let asked: Option<AskedRecord> = self.readable(&key)?;
            // The message was sealed again for this device since, which had not received that.
            let index = self.index(&with, tag)?.unwrap_or_default();
            let by = (&arrival.sender, *refused_at);
            if self.is_sealed_since(&message, &index, asked.as_ref(), by)? {
                continue;
            }
            if asked.is_none() && room == 0 {
                continue;
            }
            let mut asked = asked.unwrap_or_else(|| {
                room = room.saturating_sub(1);
                AskedRecord::default()
            });
            if !asked.waits && asked.tries >= MAX_TRIES {
                batch.transaction.delete(key);
                // Another device may have it.
                if !arrival.is_own && message.delivered_ms == 0 && with.group().is_none() {
                    message.not_delivered = NotDelivered::Refused.number();
                    batch.transaction.put_message(&with, &message);
                    not_delivered.push((with, *tag));
                }
                continue;
            }
            asked.not_on = match &sending {
                Some(sending) if !may_seal_on(sending, &refusal, &asked, new.as_deref()) => {
                    sending.as_bytes().to_vec()
                }
                _ => Vec::new(),
            };
            asked.id = tag.as_bytes().to_vec();
            asked.device = device.0;
            let (peer, group) = with.to_record();
            asked.group = group;
            asked.peer = match arrival.is_own {
                true => peer,
                false => String::new(),
            };
            asked.asked_ms = at.as_millis();
            asked.waits = true;
            if message.not_delivered != 0 {
                message.not_delivered = 0;
                batch.transaction.put_message(&with, &message);
            }
            batch.transaction.put_record(key, &asked);
            if let Some(group) = with.group() {
                self.renew_chain(group, at, &mut batch.transaction)?;
            }
            again.push((with, *tag));
        }
        if is_note {
            let mut sync = self.sync_record()?;
            sync.note_lacking(device);
            let nothing = AskedRecord::default();
            let not_on = sending.filter(|id| !may_seal_on(id, &refusal, &nothing, new.as_deref()));
            sync.note_untold(
                device,
                not_on.map_or(Vec::new(), |id| id.as_bytes().to_vec()),
            );
            batch.transaction.put_record(keys::sync(), &sync);
        }
        if !again.is_empty() {
            self.upkeep_in(batch, from)?;
        }
        // So that the relay cannot deliver the refusal a second time.
        self.put_nowhere(batch, arrival, true)?;
        Ok(Received::Refused {
            from: from.clone(),
            again,
            not_delivered,
        })
    }

    /// The conversation of a message that a device refuses.
    fn refused_of(
        &self,
        batch: &Batch,
        arrival: &Arrival,
        tag: &FrankingTag,
    ) -> Result<Option<Conversation>, StateError<S::Error>> {
        let from = &arrival.sender.account;
        let conversation = self.conversation_of(from, tag)?;
        if let Some(group) = conversation.group() {
            let peer = batch.peer(from);
            let entry = peer.and_then(|peer| peer.entry(arrival.sender.device));
            let identity = entry.map(|entry| entry.identity);
            let may_ask = match identity {
                Some(identity) => self.may_have_again(group, from, &identity, tag)?,
                None => false,
            };
            return Ok(may_ask.then_some(conversation));
        }
        if !arrival.is_own {
            return Ok(Some(arrival.conversation()));
        }
        // CHK-328: an own device gets only what this device sent it a copy of. To one that was
        // linked later, the user gives the history.
        let record: Option<OwnSentRecord> = self.readable(&keys::own_sent(tag))?;
        let device = arrival.sender.device.0;
        let record = record.filter(|record| record.devices.contains(&device));
        Ok(record.and_then(|record| record.conversation()))
    }

    /// Whether a message was sealed again for a device after the delivery that was accepted at this
    /// time, which the device could not open. What was sealed again for another device does not
    /// count: several may not have been able to open the same message.
    fn is_sealed_since(
        &self,
        message: &MessageRecord,
        index: &IndexRecord,
        asked: Option<&AskedRecord>,
        (device, refused_at): (&DeviceAddress, Timestamp),
    ) -> Result<bool, StateError<S::Error>> {
        let Some(MessageState::Stamped(evidence)) = &message.state else {
            return Ok(false);
        };
        let again_ms = match asked {
            Some(asked) if asked.again_ms != 0 => asked.again_ms,
            // An earlier version sealed it again, for the only device.
            Some(asked) if asked.tries != 0 => {
                let evidence = Evidence::decode(evidence);
                evidence.map_or(0, |evidence| evidence.accepted_at().as_millis())
            }
            _ => 0,
        };
        if again_ms > refused_at.as_millis() {
            return Ok(true);
        }
        let Some(number) = index.outbox else {
            return Ok(false);
        };
        // It is still to be posted, for all devices or for this one.
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        Ok(entry.is_some_and(|entry| {
            let again = again_device(&entry, &self.me.account);
            entry.again_for.is_none() || again.is_some_and(|again| again == *device)
        }))
    }

    /// Notes when the provider accepted a message that this entry of the outbox sealed again for a
    /// device.
    pub(super) fn note_accepted_again(
        &self,
        transaction: &mut Transaction,
        id: &FrankingTag,
        (number, accepted_at): (u64, Timestamp),
    ) -> Result<(), StateError<S::Error>> {
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        let Some(device) = entry.and_then(|entry| again_device(&entry, &self.me.account)) else {
            return Ok(());
        };
        let key = keys::asked(&device.account, device.device, id);
        let asked: Option<AskedRecord> = self.readable(&key)?;
        if let Some(mut asked) = asked {
            asked.again_ms = accepted_at.as_millis();
            transaction.put_record(key, &asked);
        }
        Ok(())
    }
}

/// Whether a message may be sealed again on the session on which this device sends: the other
/// device holds it, or it is too `new` for that device to name it, and the message was not refused
/// on it before.
fn may_seal_on(
    sending: &SessionId,
    refusal: &Refusal,
    asked: &AskedRecord,
    new: Option<&[u8]>,
) -> bool {
    let sending = sending.as_bytes();
    let is_held = refusal.sessions.contains(sending) || new == Some(sending.as_slice());
    is_held && asked.sealed_on != sending
}
