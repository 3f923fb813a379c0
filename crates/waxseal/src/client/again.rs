//! Sealing again: this device takes a refusal, and seals the same message again, under the same
//! tag, from its own store.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_core::SessionId;
use waxseal_reporting::recipient::{AuthenticDelivery, Evidence, Refusal, refusal_associated_data};
use waxseal_reporting::relay::Claim;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};

use super::contact::next_restart;
use super::peers::Device;
use super::receive::{Arrival, Batch, Received};
use super::status::NotDelivered;
use super::times::since;
use super::upkeep::Upkeep;
use super::{Client, Outgoing, keys, tag_of};
use crate::channel::{Preamble, RosterClaim, SessionSealer, with_preamble};
use crate::error::{ReceiveError, StateError};
use crate::records::{
    self, AskedRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord, OwnSentRecord,
};
use crate::store::{Store, Transaction};

/// How often one message is sealed again. After that it counts as not delivered.
const MAX_TRIES: u32 = 3;

/// Maximum number of messages that wait to be sealed again for the devices of one account.
const MAX_ASKED: usize = 2_000;

/// How long a message that was asked for is kept in mind: two weeks.
const MAX_AGE_MS: u64 = 14 * 24 * 3_600_000;

/// Maximum number of messages that are sealed again in an hour, for all peers together.
const MAX_AGAIN_AN_HOUR: u32 = 200;
const HOUR_MS: u64 = 3_600_000;

/// With what to go on after a message that was asked for.
enum Next {
    /// The next message.
    Message,
    /// The next message for another device: there is no session with this one.
    Device,
    /// Nothing now.
    Nothing,
}

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
            if again.contains(tag) || not_delivered.contains(tag) {
                continue; // named twice
            }
            let Some(with) = self.refused_of(arrival, tag)? else {
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
            if self.is_sealed_since(&message, &index, asked.as_ref(), (device, *refused_at))? {
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
                if !arrival.is_own && message.delivered_ms == 0 {
                    message.not_delivered = NotDelivered::Refused.number();
                    batch.transaction.put_message(&with, &message);
                    not_delivered.push(*tag);
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
            asked.peer = match arrival.is_own {
                true => with.as_str().to_owned(),
                false => String::new(),
            };
            asked.asked_ms = at.as_millis();
            asked.waits = true;
            if message.not_delivered != 0 {
                message.not_delivered = 0;
                batch.transaction.put_message(&with, &message);
            }
            batch.transaction.put_record(key, &asked);
            again.push(*tag);
        }
        if is_note {
            let mut sync = self.sync_record()?;
            sync.note_lacking(device);
            batch.transaction.put_record(keys::sync(), &sync);
        }
        if !again.is_empty() {
            self.upkeep_in(batch, from)?;
        }
        // So that the relay cannot deliver the refusal a second time.
        self.put_index(&mut batch.transaction, from, id, &IndexRecord::default());
        Ok(Received::Refused {
            from: from.clone(),
            again,
            not_delivered,
        })
    }

    /// The peer of the conversation of a message that a device refuses.
    fn refused_of(
        &self,
        arrival: &Arrival,
        tag: &FrankingTag,
    ) -> Result<Option<AccountId>, StateError<S::Error>> {
        if !arrival.is_own {
            return Ok(Some(arrival.with.clone()));
        }
        // CHK-328: an own device gets only what this device sent it a copy of.
        let record: Option<OwnSentRecord> = self.readable(&keys::own_sent(tag))?;
        Ok(record.and_then(|record| AccountId::new(&record.account).ok()))
    }

    /// Whether a message was sealed again for a device after the delivery that was accepted at this
    /// time, which the device could not open. What was sealed again for another device does not
    /// count: several may not have been able to open the same message.
    fn is_sealed_since(
        &self,
        message: &MessageRecord,
        index: &IndexRecord,
        asked: Option<&AskedRecord>,
        (device, refused_at): (DeviceId, Timestamp),
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
        Ok(entry.is_some_and(|entry| entry.again_for.is_none_or(|again| again == device.0)))
    }

    /// Notes when the provider accepted a message that this entry of the outbox sealed again for a
    /// device.
    pub(super) fn note_accepted_again(
        &self,
        transaction: &mut Transaction,
        recipient: &AccountId,
        id: &FrankingTag,
        (number, accepted_at): (u64, Timestamp),
    ) -> Result<(), StateError<S::Error>> {
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        let Some((entry, device)) = entry.and_then(|entry| Some((entry.clone(), entry.again_for?)))
        else {
            return Ok(());
        };
        let account = match entry.is_again_own {
            true => &self.me.account,
            false => recipient,
        };
        let key = keys::asked(account, DeviceId(device), id);
        let asked: Option<AskedRecord> = self.readable(&key)?;
        if let Some(mut asked) = asked {
            asked.again_ms = accepted_at.as_millis();
            transaction.put_record(key, &asked);
        }
        Ok(())
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
                expired.delete(keys::asked(account, DeviceId(asked.device), &id));
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
            let with = AccountId::new(&asked.peer).unwrap_or_else(|_| account.clone());
            let index = self.index(&with, &id)?.unwrap_or_default();
            ordered.push((index.ordinal.unwrap_or_default(), with, id, asked));
        }
        ordered.sort_by_key(|(ordinal, ..)| *ordinal);
        let mut without_session = BTreeSet::new();
        for (_, with, id, asked) in ordered {
            if without_session.contains(&asked.device) {
                continue;
            }
            if upkeep.is_full() {
                // The next call begins with another account.
                upkeep.again_at(now.as_millis());
                break;
            }
            let Some(message) = self.own_message(&with, &id)? else {
                let mut transaction = Transaction::default();
                transaction.delete(keys::asked(account, DeviceId(asked.device), &id));
                self.commit(transaction)?;
                continue;
            };
            let device = asked.device;
            match self.seal_one(account, &with, asked, message, now, rng, upkeep)? {
                Next::Message => {}
                Next::Device => {
                    without_session.insert(device);
                }
                Next::Nothing => break,
            }
        }
        Ok(is_done)
    }

    /// Seals a message to `with` again for a device of an account, the same or the own one. Returns
    /// with what to go on.
    #[expect(clippy::too_many_arguments, reason = "one step of `seal_asked`")]
    fn seal_one(
        &mut self,
        account: &AccountId,
        with: &AccountId,
        mut asked: AskedRecord,
        message: MessageRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<Next, StateError<S::Error>> {
        let device = DeviceId(asked.device);
        // Without the receipt, the message is still in the outbox. It waits for the receipt.
        let Some(MessageState::Stamped(evidence)) = &message.state else {
            return Ok(Next::Message);
        };
        let evidence = Evidence::decode(evidence).ok();
        let sent = evidence.as_ref().and_then(|evidence| {
            let sent = evidence.sent()?;
            Some((sent, evidence.claim().clone()))
        });
        let Some((sent, claim)) = sent else {
            return Ok(Next::Message);
        };
        let id = *sent.tag();
        let index = self.index(with, &id)?.unwrap_or_default();
        if self.is_in_outbox(&index)? {
            return Ok(Next::Message); // it is sealed again, and waits for its receipt
        }
        let mut counters = self.counters()?;
        match since(counters.again_since_ms, now) {
            Some(age) if age < HOUR_MS => {}
            _ => (counters.again_since_ms, counters.again) = (now.as_millis(), 0),
        }
        if counters.again >= MAX_AGAIN_AN_HOUR {
            upkeep.again_at(counters.again_since_ms.saturating_add(HOUR_MS));
            return Ok(Next::Nothing);
        }
        let own_roster = self.own_claim()?;
        let Some(mut peer) = self.take_peer(account)? else {
            return Ok(Next::Nothing);
        };
        // Without a pinned account key, this is left to the user: the next one that the provider
        // names would be pinned.
        if peer.is_unpinned() || peer.roster().is_none() {
            self.keep_peer(account, peer);
            return Ok(Next::Nothing);
        }
        // CHK-327: only a current device of the account gets a message again.
        if peer.entry(device).is_none() {
            self.keep_peer(account, peer);
            let mut transaction = Transaction::default();
            transaction.delete(keys::asked(account, device, &id));
            self.commit(transaction)?;
            return Ok(Next::Message);
        }
        let preamble = Preamble {
            sender: own_roster,
            recipient: peer.roster().map(RosterClaim::of),
        };
        let known = peer.devices.get(&device);
        let sending = known.and_then(Device::sending_id);
        let sending = sending.filter(|id| id.as_bytes().as_slice() != asked.not_on);
        let Some(sending) = sending else {
            match known.and_then(|device| next_restart(&device.record, now)) {
                Some(at) => upkeep.again_at(at),
                None => upkeep.want_bundles(account, Some(device)),
            }
            self.keep_peer(account, peer);
            return Ok(Next::Device); // another one may have a session
        };
        let sessions = peer.device_mut(device).sessions.as_mut();
        let sealed = sessions.map(|sessions| {
            let mut channel = SessionSealer::with_preamble(sessions, &preamble);
            sent.seal_for(&mut channel, rng)
        });
        let Some(Ok(envelope)) = sealed else {
            return Ok(Next::Message); // the session cannot send: the next message begins another
        };
        let number = counters.next_outbox;
        let Some(next) = number.checked_add(1) else {
            return Ok(Next::Nothing);
        };
        counters.next_outbox = next;
        counters.again = counters.again.saturating_add(1);
        asked.waits = false;
        asked.tries = asked.tries.saturating_add(1);
        asked.sealed_on = sending.as_bytes().to_vec();
        let entry = OutboxRecord {
            again_for: Some(asked.device),
            is_again_own: *account == self.me.account,
            accepted: claim.encode(),
            ..OutboxRecord::again(number, with, &envelope)
        };
        let index = IndexRecord {
            outbox: Some(number),
            ..index
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::counters(), &counters);
        peer.put(account, &mut transaction);
        self.put_index(&mut transaction, with, id, &index);
        transaction.put_record(keys::envelope(number), &entry);
        transaction.put_record(keys::asked(account, device, &id), &asked);
        self.commit(transaction)?;
        self.keep_peer(account, peer);
        let target = DeviceAddress::new(account.clone(), device);
        upkeep.outgoing.push(Outgoing {
            id,
            recipient: with.clone(),
            envelope: envelope.post_again(&claim, self.delivery_key(), &self.me, &target, now),
            again_for: Some(target),
            without: Vec::new(),
        });
        Ok(Next::Message)
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
            let Some(mut message) = client.own_message(peer, id)? else {
                return Ok(());
            };
            if message.delivered_ms == 0 {
                message.not_delivered = reason.number();
            }
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
            for account in [peer, &client.me.account] {
                client.delete_asked(&mut transaction, account, id)?;
            }
            client.commit(transaction)
        })
    }
}

impl<S: Store> Client<S> {
    /// Forgets that devices of an account asked for a message.
    pub(super) fn delete_asked(
        &self,
        transaction: &mut Transaction,
        account: &AccountId,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        let devices = self.look_at_peer(account, |peer| {
            let listed = peer
                .roster()
                .into_iter()
                .flat_map(|roster| roster.devices());
            listed.map(|entry| DeviceId(entry.id)).collect::<Vec<_>>()
        })?;
        for device in devices.into_iter().flatten() {
            transaction.delete(keys::asked(account, device, id));
        }
        Ok(())
    }

    /// Which own roster this device goes by.
    pub(super) fn own_claim(&self) -> Result<Option<RosterClaim>, StateError<S::Error>> {
        let claim = self.look_at_peer(&self.me.account, |own| own.roster().map(RosterClaim::of))?;
        Ok(claim.flatten())
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

/// The claim of an entry of a message that was sealed again, with the device that it is for.
pub(super) fn again_of(record: &OutboxRecord, me: &AccountId) -> Option<(Claim, DeviceAddress)> {
    let device = DeviceId(record.again_for?);
    let account = match record.is_again_own {
        true => me.clone(),
        false => AccountId::new(&record.recipient).ok()?,
    };
    let claim = Claim::decode(&record.accepted).ok()?;
    Some((claim, DeviceAddress::new(account, device)))
}
