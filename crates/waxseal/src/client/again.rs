//! Sealing again: after a refusal, this device seals the same message again, under the same tag,
//! from its own store.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::Claim;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};

use super::contact::next_restart;
use super::peers::Device;
use super::status::NotDelivered;
use super::times::since;
use super::upkeep::Upkeep;
use super::{Client, Outgoing, keys, tag_of};
use crate::channel::{Preamble, RosterClaim, SessionSealer};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, AskedRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord};
use crate::store::{Store, Transaction};

/// How often one message is sealed again. After that it counts as not delivered.
pub(super) const MAX_TRIES: u32 = 3;

/// Maximum number of messages that wait to be sealed again for the devices of one account.
pub(super) const MAX_ASKED: usize = 2_000;

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
            let with = Conversation::of_record(&asked.peer, &asked.group);
            let with = with.unwrap_or_else(|| account.into());
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
        with: &Conversation,
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
        let time = self.roster_time(now)?;
        let Some(mut pair) = self.take_pair(account)? else {
            return Ok(Next::Nothing);
        };
        let may_send = pair.check(&self.me).is_ok();
        let sender = pair.own.roster().map(RosterClaim::of);
        let identity = self.identity.public().to_bytes();
        let own = pair.own.roster();
        let carried = own.and_then(|own| Preamble::carried(own, &identity));
        let peer = pair.peer();
        // Without a pinned account key, this is left to the user: the next one that the provider
        // names would be pinned.
        if !may_send || peer.is_unpinned() {
            self.keep_pair(pair);
            return Ok(Next::Nothing);
        }
        // CHK-327: only a current device of the account gets a message again.
        let entry = peer.entry(device).map(|entry| entry.identity);
        let may_have = match (with.group(), entry) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(group), Some(identity)) => self.may_have_again(group, account, &identity, &id)?,
        };
        if !may_have {
            self.keep_pair(pair);
            let mut transaction = Transaction::default();
            transaction.delete(keys::asked(account, device, &id));
            self.commit(transaction)?;
            return Ok(Next::Message);
        }
        let counts = |roster| time.counting(roster).any(|entry| entry.id == device.0);
        if !peer.roster().is_some_and(counts) {
            self.keep_pair(pair);
            return Ok(Next::Device); // it waits for a roster that is not too old
        }
        let preamble = Preamble {
            sender,
            recipient: peer.roster().map(RosterClaim::of),
            roster: carried,
        };
        let known = peer.devices.get(&device);
        let sending = known.and_then(Device::sending_id);
        let sending = sending.filter(|id| id.as_bytes().as_slice() != asked.not_on);
        let Some(sending) = sending else {
            match known.and_then(|device| next_restart(&device.record, now)) {
                Some(at) => upkeep.again_at(at),
                None => upkeep.want_bundles(account, Some(device)),
            }
            self.keep_pair(pair);
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
            ..OutboxRecord::again(number, (with, account), &envelope)
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
        self.keep_pair(pair);
        let target = DeviceAddress::new(account.clone(), device);
        upkeep.outgoing.push(Outgoing {
            id,
            to: with.clone(),
            envelope: envelope.post_again(&claim, self.delivery_key(), &self.me, &target, now),
            again_for: Some(target),
            without: Vec::new(),
        });
        Ok(Next::Message)
    }

    /// Gives up a sent message: it is [not delivered](super::Status::NotDelivered), with this
    /// reason. Call it when the relay refuses for good to take the message again.
    ///
    /// The message stays in the history. A refusal of it that arrives later is ignored. A message to
    /// a group is given up only for the device for which it was sealed again: the others have it, or
    /// ask for it.
    pub fn give_up(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        reason: NotDelivered,
    ) -> Result<(), StateError<S::Error>> {
        let conversation = &conversation.into();
        self.run(|client| {
            let Some(mut message) = client.own_message(conversation, id)? else {
                return Ok(());
            };
            let is_accepted = matches!(message.state, Some(MessageState::Stamped(_)));
            let is_of_one = is_accepted && conversation.group().is_some();
            if message.delivered_ms == 0 && !is_of_one {
                message.not_delivered = reason.number();
            }
            let mut index = client.index(conversation, id)?.unwrap_or_default();
            let mut transaction = Transaction::default();
            // What was never accepted stays in the outbox, so that it can still be sent.
            if is_accepted && let Some(number) = index.outbox.take() {
                transaction.delete(keys::envelope(number));
                client.put_index(&mut transaction, conversation, *id, &index);
            }
            transaction.put_message(conversation, &message);
            let (to, me) = (conversation.account(), &client.me.account);
            let asking = to.into_iter().chain([me]).filter(|_| !is_of_one);
            for account in asking {
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
}

/// The claim of an entry of a message that was sealed again, with the device that it is for.
pub(super) fn again_of(record: &OutboxRecord, me: &AccountId) -> Option<(Claim, DeviceAddress)> {
    let claim = Claim::decode(&record.accepted).ok()?;
    Some((claim, again_device(record, me)?))
}

/// The device for which an entry was sealed again.
pub(super) fn again_device(record: &OutboxRecord, me: &AccountId) -> Option<DeviceAddress> {
    let device = DeviceId(record.again_for?);
    let account = match record.is_again_own {
        true => me.clone(),
        false => AccountId::new(&record.recipient).ok()?,
    };
    Some(DeviceAddress::new(account, device))
}
