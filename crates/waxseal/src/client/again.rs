//! Sealing again: this device takes a refusal, and seals the same message again, under the same
//! tag, from its own store.

use rand_core::CryptoRng;
use waxseal_core::{IdentityKey, SessionId};
use waxseal_reporting::recipient::{AuthenticDelivery, Evidence, Refusal, refusal_associated_data};
use waxseal_reporting::relay::Claim;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};

use super::contact::{is_other, next_restart};
use super::peers::Peer;
use super::receive::{Batch, Received};
use super::status::NotDelivered;
use super::upkeep::{Upkeep, since};
use super::{Client, Outgoing, keys, tag_of};
use crate::channel::SessionSealer;
use crate::error::{ReceiveError, StateError};
use crate::records::{self, AskedRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord};
use crate::store::{Store, Transaction};

/// How often one message is sealed again. After that it counts as not delivered.
const MAX_TRIES: u32 = 3;

/// Maximum number of messages to one peer that wait to be sealed again.
const MAX_ASKED: usize = 2_000;

/// How long a message that was asked for is kept in mind: two weeks.
const MAX_AGE_MS: u64 = 14 * 24 * 3_600_000;

/// Maximum number of messages that are sealed again in an hour, for all peers together.
const MAX_AGAIN_AN_HOUR: u32 = 200;
const HOUR_MS: u64 = 3_600_000;

impl<S: Store> Client<S> {
    /// Takes a refusal: notes which messages are to be sealed again.
    pub(super) fn take_refusal(
        &mut self,
        batch: &mut Batch,
        delivery: &AuthenticDelivery,
        identity: &IdentityKey,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let context = delivery.claim().context();
        let (from, id) = (context.sender.account.clone(), *delivery.claim().tag());
        let at = context.accepted_at;
        let ignored = Received::Refused {
            from: from.clone(),
            again: Vec::new(),
            not_delivered: Vec::new(),
        };
        // An account that this device never wrote to has nothing to refuse.
        if batch.conversation(&from).is_none() {
            return Ok(ignored);
        }
        let associated_data = refusal_associated_data(&id, &context.sender, &self.me.account);
        let refusal = self
            .identity
            .open_refusal(delivery.ciphertext(), &associated_data)
            .map_err(|_| ReceiveError::Refusal)?;
        let refusal = Refusal::decode(&refusal.content).ok_or(ReceiveError::Refusal)?;
        let pinned = batch.peer(&from).map(|peer| peer.identity.clone());
        let pinned = pinned.unwrap_or_default();
        // The pinned identity was lost to damage, so anyone could have sealed this. The peer
        // refuses again later.
        if pinned.is_empty() {
            return Ok(ignored);
        }
        if is_other(&pinned, &identity.to_bytes()) {
            return Err(ReceiveError::IdentityChanged { new: *identity });
        }
        let (mut again, mut not_delivered) = (Vec::new(), Vec::new());
        let mut room = MAX_ASKED.saturating_sub(self.count(&keys::all_asked(&from), MAX_ASKED)?);
        let sessions = batch.peer(&from).and_then(|peer| peer.sessions.as_ref());
        let sending = batch.peer(&from).and_then(Peer::sending_id);
        // A session that the peer's refusals made necessary and that it has not answered is too new
        // to be in every refusal.
        let new = batch
            .conversation(&from)
            .map(|one| one.restarted_on.clone());
        let new = new.filter(|_| sessions.is_some_and(|sessions| !sessions.is_established()));
        for (tag, refused_at) in &refusal.messages {
            if again.contains(tag) || not_delivered.contains(tag) {
                continue; // named twice
            }
            let Some(mut message) = self.sent_message(&from, tag)? else {
                continue;
            };
            // The peer said that the message arrived, or it was given up. One that counts as lost
            // is not: this peer has a delivery of it.
            let is_given_up = ![0, NotDelivered::Lost.number()].contains(&message.not_delivered);
            if message.delivered_ms != 0 || is_given_up {
                continue;
            }
            // The message was sealed again since, and the peer had not received that.
            let index = self.index(&from, tag)?.unwrap_or_default();
            if self.is_sealed_since(&message, &index, *refused_at)? {
                continue;
            }
            let asked: Option<AskedRecord> = self.readable(&keys::asked(&from, tag))?;
            if asked.is_none() && room == 0 {
                continue;
            }
            let mut asked = asked.unwrap_or_else(|| {
                room = room.saturating_sub(1);
                AskedRecord::default()
            });
            if !asked.waits && asked.tries >= MAX_TRIES {
                message.not_delivered = NotDelivered::Refused.number();
                batch.transaction.put_message(&from, &message);
                batch.transaction.delete(keys::asked(&from, tag));
                not_delivered.push(*tag);
                continue;
            }
            asked.not_on = match &sending {
                Some(sending) if !may_seal_on(sending, &refusal, &asked, new.as_deref()) => {
                    sending.as_bytes().to_vec()
                }
                _ => Vec::new(),
            };
            asked.id = tag.as_bytes().to_vec();
            asked.device = context.sender.device.0;
            asked.asked_ms = at.as_millis();
            asked.waits = true;
            if message.not_delivered != 0 {
                message.not_delivered = 0;
                batch.transaction.put_message(&from, &message);
            }
            batch
                .transaction
                .put_record(keys::asked(&from, tag), &asked);
            again.push(*tag);
        }
        if !again.is_empty() {
            let upkeep = self.upkeep_or_new(&from)?;
            batch.transaction.put_record(keys::upkeep(&from), &upkeep);
        }
        // So that the relay cannot deliver the refusal a second time.
        self.put_index(&mut batch.transaction, &from, id, &IndexRecord::default());
        Ok(Received::Refused {
            from,
            again,
            not_delivered,
        })
    }

    /// Whether a message was sealed again after the delivery that was accepted at this time, which
    /// the peer could not open.
    fn is_sealed_since(
        &self,
        message: &MessageRecord,
        index: &IndexRecord,
        refused_at: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(MessageState::Stamped(evidence)) = &message.state else {
            return Ok(false);
        };
        let accepted_at = Evidence::decode(evidence).map(|evidence| evidence.accepted_at());
        let is_later = accepted_at.is_ok_and(|accepted_at| accepted_at > refused_at);
        Ok(is_later || self.is_in_outbox(index)?)
    }

    /// Whether a message is in the outbox, in an entry that can be read. From one that cannot, it
    /// is never posted.
    pub(super) fn is_in_outbox(&self, index: &IndexRecord) -> Result<bool, StateError<S::Error>> {
        let Some(number) = index.outbox else {
            return Ok(false);
        };
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        Ok(entry.is_some())
    }

    /// Seals again what a peer could not open. Returns whether nothing is left.
    pub(super) fn seal_asked(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let table = keys::all_asked(account);
        let page = self.page(&table, None, MAX_ASKED, |_, bytes| {
            let record: AskedRecord = records::decode(bytes)?;
            Some((tag_of(&record.id)?, record))
        })?;
        let mut expired = Transaction::default();
        for row in &page.damaged {
            row.delete_in(&mut expired);
        }
        let mut waiting = Vec::new();
        let mut is_done = true;
        for (id, asked) in page.items {
            if since(asked.asked_ms, now).is_some_and(|age| age > MAX_AGE_MS) {
                expired.delete(keys::asked(account, &id));
                continue;
            }
            is_done = false;
            if asked.waits {
                waiting.push((id, asked));
            }
        }
        if !expired.changes().is_empty() {
            self.commit(expired)?;
        }
        // In the order in which they were sent, as far as the tags allow to tell. Each is read when
        // its turn comes: all of them together can be large.
        let mut ordered = Vec::with_capacity(waiting.len());
        for (id, asked) in waiting {
            let index = self.index(account, &id)?.unwrap_or_default();
            ordered.push((index.ordinal.unwrap_or_default(), id, asked));
        }
        ordered.sort_by_key(|(ordinal, ..)| *ordinal);
        for (_, id, asked) in ordered {
            if upkeep.is_full() {
                // The next call begins with another account.
                upkeep.again_at(now.as_millis());
                break;
            }
            let Some(message) = self.sent_message(account, &id)? else {
                let mut transaction = Transaction::default();
                transaction.delete(keys::asked(account, &id));
                self.commit(transaction)?;
                continue;
            };
            if !self.seal_one(account, id, asked, message, now, rng, upkeep)? {
                break;
            }
        }
        Ok(is_done)
    }

    /// Seals one message again. Returns whether to go on with the next one.
    #[expect(clippy::too_many_arguments, reason = "one step of `seal_asked`")]
    fn seal_one(
        &mut self,
        account: &AccountId,
        id: FrankingTag,
        mut asked: AskedRecord,
        message: MessageRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        // Without the receipt, the message is still in the outbox. It waits for the receipt.
        let Some(MessageState::Stamped(evidence)) = &message.state else {
            return Ok(true);
        };
        let index = self.index(account, &id)?.unwrap_or_default();
        if self.is_in_outbox(&index)? {
            return Ok(true); // it is sealed again, and waits for its receipt
        }
        let evidence = Evidence::decode(evidence).ok();
        let sent = evidence.as_ref().and_then(|evidence| {
            let sent = evidence.sent()?;
            Some((sent, evidence.claim().clone()))
        });
        let Some((sent, claim)) = sent else {
            return Ok(true);
        };
        let mut counters = self.counters()?;
        match since(counters.again_since_ms, now) {
            Some(age) if age < HOUR_MS => {}
            _ => (counters.again_since_ms, counters.again) = (now.as_millis(), 0),
        }
        if counters.again >= MAX_AGAIN_AN_HOUR {
            upkeep.again_at(counters.again_since_ms.saturating_add(HOUR_MS));
            return Ok(false);
        }
        let Some(mut peer) = self.take_peer(account)? else {
            return Ok(false);
        };
        let sending = peer.sending_id();
        let sending = sending.filter(|id| id.as_bytes().as_slice() != asked.not_on);
        let Some((sessions, sending)) = peer.sessions.as_mut().zip(sending) else {
            match next_restart(&peer.conversation, now) {
                // Without a pinned identity, this is left to the user: the next one that the
                // provider names would be pinned.
                _ if peer.identity.is_empty() => {}
                Some(at) => upkeep.again_at(at),
                None => upkeep.bundles.push(account.clone()),
            }
            self.keep_peer(account, peer);
            return Ok(false);
        };
        let Ok(envelope) = sent.seal_for(&mut SessionSealer::new(sessions), rng) else {
            return Ok(true); // the session cannot send: it starts over with the next message
        };
        let number = counters.next_outbox;
        let Some(next) = number.checked_add(1) else {
            return Ok(false);
        };
        counters.next_outbox = next;
        counters.again = counters.again.saturating_add(1);
        asked.waits = false;
        asked.tries = asked.tries.saturating_add(1);
        asked.sealed_on = sending.as_bytes().to_vec();
        let entry = OutboxRecord {
            again_for: Some(asked.device),
            accepted: claim.encode(),
            ..OutboxRecord::new(number, account, &envelope)
        };
        let index = IndexRecord {
            outbox: Some(number),
            ..index
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::counters(), &counters);
        peer.put(account, &mut transaction);
        self.put_index(&mut transaction, account, id, &index);
        transaction.put_record(keys::envelope(number), &entry);
        transaction.put_record(keys::asked(account, &id), &asked);
        self.commit(transaction)?;
        self.keep_peer(account, peer);
        let target = DeviceAddress::new(account.clone(), DeviceId(asked.device));
        upkeep.outgoing.push(Outgoing {
            id,
            recipient: account.clone(),
            envelope: envelope.post_again(&claim, self.delivery_key(), &self.me, &target, now),
            is_again: true,
        });
        Ok(true)
    }

    /// Gives up a sent message: it is [not delivered](super::Status::NotDelivered), with this
    /// reason. Call it when the relay refuses for good to take the message again.
    ///
    /// The message stays in the history. A refusal of it that arrives later is ignored.
    pub fn give_up(
        &mut self,
        peer: &AccountId,
        id: &FrankingTag,
        reason: NotDelivered,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let Some(mut message) = client.sent_message(peer, id)? else {
                return Ok(());
            };
            if message.delivered_ms != 0 {
                return Ok(());
            }
            message.not_delivered = reason.number();
            let mut index = client.index(peer, id)?.unwrap_or_default();
            let mut transaction = Transaction::default();
            // What was never accepted stays in the outbox, so that it can still be sent.
            if matches!(message.state, Some(MessageState::Stamped(_)))
                && let Some(number) = index.outbox.take()
            {
                transaction.delete(keys::envelope(number));
                client.put_index(&mut transaction, peer, *id, &index);
            }
            transaction.put_message(peer, &message);
            transaction.delete(keys::asked(peer, id));
            client.commit(transaction)
        })
    }
}

/// Whether a message may be sealed again on the session on which this device sends: the peer holds
/// it, or it is too `new` for the peer to name it, and the peer did not refuse the message on it
/// before.
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

/// The claim of an entry of a message that was sealed again, with the device that it is for.
pub(super) fn again_of(record: &OutboxRecord) -> Option<(Claim, DeviceAddress)> {
    let device = DeviceId(record.again_for?);
    let account = AccountId::new(&record.recipient).ok()?;
    let claim = Claim::decode(&record.accepted).ok()?;
    Some((claim, DeviceAddress::new(account, device)))
}
