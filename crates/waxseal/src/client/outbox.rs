//! Outbox: what was sealed and waits for the relay's receipt, and what an earlier version left
//! there.

use rand_core::CryptoRng;
use waxseal_reporting::message::{Content, Payload};
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::sender::{SentMessage, seal};
use waxseal_reporting::{AccountId, Audience, FrankingTag, Timestamp};

use super::send::Outgoing;
use super::state::message_key;
use super::{Client, tag_of, take_secret_bytes};
use crate::channel::SessionSealer;
use crate::error::{SendError, StateError};
use crate::records::{self, IndexRecord, MessageRecord, MessageState, OutboxRecord};
use crate::store::{Key, Store, Table, Transaction};

/// The version byte of an envelope that an earlier version of this crate stored. Its tag does not
/// name its sender, and no recipient takes it any more.
const EARLIER_VERSION: u8 = 0x01;

/// A message that an earlier version of this crate left in the outbox. It waits for a session, on
/// which it is sealed again.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The message's present identifier. It gets another one when it is sealed again.
    pub id: FrankingTag,
    /// The account that the message is for.
    pub recipient: AccountId,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` envelopes that were sealed and not yet confirmed, oldest first.
    ///
    /// Send them after a crash or a broken connection. The relay takes the returned bytes within
    /// ten minutes of `now`: call this again at each attempt, with the present time. If the relay
    /// answers that the clock differs, pass the relay's time. Envelopes beyond the `limit` are
    /// listed once the first ones are confirmed or [deleted](Client::delete_message). Each envelope
    /// has up to [`MAX_POSTED_LEN`](waxseal_reporting::limits::MAX_POSTED_LEN) bytes.
    ///
    /// Messages that an earlier version of this crate left in the outbox are not among them, but in
    /// [`Client::waiting`].
    pub fn outbox(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Outgoing>, StateError<S::Error>> {
        let (mut found, mut after) = (Vec::new(), None);
        // The entries of an earlier version come first, since a message that is sealed again gets a
        // new number. Each turn reads entries with higher numbers, so the loop ends.
        loop {
            let records = self.entries(after, limit.saturating_sub(found.len()))?;
            let Some(last) = records.last() else {
                return Ok(found);
            };
            after = Some(last.ordinal);
            for record in records.iter().filter(|record| !is_earlier(record)) {
                let outgoing = self.outgoing_of(record, now);
                found.push(outgoing.ok_or(StateError::Damaged)?);
            }
        }
    }

    /// Lists up to `limit` messages that an earlier version of this crate left in the outbox,
    /// oldest first. They wait for a session with their recipient: see [`Client::seal_waiting`].
    pub fn waiting(&self, limit: usize) -> Result<Vec<Waiting>, StateError<S::Error>> {
        let records = self.entries(None, limit)?;
        let waiting = records.iter().take_while(|record| is_earlier(record));
        waiting
            .map(|record| waiting_of(record).ok_or(StateError::Damaged))
            .collect()
    }

    /// Seals again what an earlier version of this crate left in the outbox for `recipient`, if
    /// there is a session. Returns how many messages were sealed.
    ///
    /// Recipients do not take the envelopes of that version. Each message keeps its place in the
    /// history, its number and its sending time, and gets a new identifier: read
    /// [`Client::messages`] again. [`Client::delete_message`] takes the earlier one too. Each is
    /// sealed in a transaction of its own, and is then in the [outbox](Client::outbox). Messages of
    /// this version are left as they are.
    ///
    /// [`Client::start`] and [`Client::send`] do this by themselves. Call it when a session began
    /// with a received message.
    pub fn seal_waiting(
        &mut self,
        recipient: &AccountId,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, SendError<S::Error>> {
        if self.is_outbox_current {
            return Ok(0);
        }
        let waiting = self.waiting_for(recipient)?;
        let mut sealed: usize = 0;
        for (number, id) in waiting {
            if !self.has_session(recipient)? {
                break;
            }
            if self.seal_again(recipient, number, &id, rng)? {
                sealed = sealed.saturating_add(1);
            }
        }
        Ok(sealed)
    }

    /// Seals one message again. Returns `false` if it cannot be read: it then stays as it is.
    fn seal_again(
        &mut self,
        recipient: &AccountId,
        number: u64,
        id: &FrankingTag,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, SendError<S::Error>> {
        let index = unless_damaged(self.index(recipient, id))?;
        let Some(ordinal) = index.and_then(|index| index.ordinal) else {
            return Ok(false);
        };
        let record = self.get_record(&message_key(recipient, ordinal));
        let Some(record) = unless_damaged(record)? else {
            return Ok(false);
        };
        let present = |tag: &FrankingTag| self.present_tag(recipient, tag);
        let Some(payload) = payload_of(&record, present)? else {
            return Ok(false);
        };
        let mut peer = self.take_peer(recipient)?.ok_or(SendError::NoSession)?;
        let conversation = Audience::Direct(recipient.clone()).conversation(&self.me.account);
        let sessions = peer.sessions.as_mut().ok_or(SendError::NoSession)?;
        let mut channel = SessionSealer::new(sessions);
        let sealed = seal(&mut channel, &self.me, &conversation, &payload, rng)?;
        let new = *sealed.sent.tag();

        let mut counters = self.counters()?;
        let next = counters.next_outbox;
        counters.next_outbox = next.checked_add(1).ok_or(SendError::NumbersUsedUp)?;
        let message = MessageRecord {
            ordinal,
            state: Some(MessageState::Sent(take_secret_bytes(sealed.sent.encode()))),
        };
        let index = IndexRecord {
            ordinal: Some(ordinal),
            outbox: Some(next),
            ..IndexRecord::default()
        };
        let earlier = IndexRecord {
            renewed: new.as_bytes().to_vec(),
            ..IndexRecord::default()
        };
        let entry = OutboxRecord {
            ordinal: next,
            recipient: recipient.as_str().to_owned(),
            id: new.as_bytes().to_vec(),
            envelope: sealed.envelope.encode(),
        };
        let mut transaction = Transaction::default();
        transaction.put_record(Key::Counters, &counters);
        peer.put(recipient, &mut transaction);
        transaction.put_message(recipient, &message);
        transaction.put_index(recipient, *id, &earlier);
        transaction.put_index(recipient, new, &index);
        transaction.delete(Key::Outbox { ordinal: number });
        transaction.put_record(Key::Outbox { ordinal: next }, &entry);
        self.commit(transaction)?;
        self.keep_peer(recipient, peer);
        Ok(true)
    }

    /// The tag that a message exchanged with `peer` has now: another one if it was sealed again.
    pub(super) fn present_tag(
        &self,
        peer: &AccountId,
        tag: &FrankingTag,
    ) -> Result<FrankingTag, StateError<S::Error>> {
        let index = unless_damaged(self.index(peer, tag))?;
        let renewed = index.and_then(|index| tag_of(&index.renewed));
        Ok(renewed.unwrap_or(*tag))
    }

    /// Number and tag of each entry for `recipient` that an earlier version left.
    fn waiting_for(
        &mut self,
        recipient: &AccountId,
    ) -> Result<Vec<(u64, FrankingTag)>, StateError<S::Error>> {
        let (mut found, mut after) = (Vec::new(), None);
        // One entry at a time: there are none, except after an upgrade.
        while let Some(record) = self
            .entries(after, 1)?
            .first()
            .filter(|one| is_earlier(one))
        {
            if let Some(id) = tag_of(&record.id)
                && record.recipient == recipient.as_str()
            {
                found.push((record.ordinal, id));
            }
            after = Some(record.ordinal);
        }
        // This version never writes such an entry, so there is nothing to look for again.
        self.is_outbox_current = after.is_none();
        Ok(found)
    }

    /// Reads outbox entries after the number `after`, in ascending order of their numbers.
    fn entries(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OutboxRecord>, StateError<S::Error>> {
        let key = after.map(|ordinal| Key::Outbox { ordinal });
        let records: Vec<OutboxRecord> =
            self.list(&Table::Outbox, key.as_ref(), limit, records::decode)?;
        let numbers = after
            .into_iter()
            .chain(records.iter().map(|record| record.ordinal));
        if !numbers.is_sorted_by(|earlier, later| earlier < later) {
            return Err(StateError::Damaged);
        }
        Ok(records)
    }

    fn outgoing_of(&self, record: &OutboxRecord, now: Timestamp) -> Option<Outgoing> {
        let Waiting { id, recipient } = waiting_of(record)?;
        let audience = Audience::Direct(recipient.clone());
        let envelope = Envelope::decode(&record.envelope).ok()?;
        Some(Outgoing {
            id,
            recipient,
            envelope: envelope.post(self.delivery_key(), &self.me, &audience, now),
        })
    }
}

/// A damaged record counts as missing, so that it stops no other message.
fn unless_damaged<T, E: std::error::Error>(
    read: Result<Option<T>, StateError<E>>,
) -> Result<Option<T>, StateError<E>> {
    match read {
        Err(StateError::Damaged) => Ok(None),
        read => read,
    }
}

fn is_earlier(record: &OutboxRecord) -> bool {
    record.envelope.first() == Some(&EARLIER_VERSION)
}

fn waiting_of(record: &OutboxRecord) -> Option<Waiting> {
    Some(Waiting {
        id: tag_of(&record.id)?,
        recipient: AccountId::new(&record.recipient).ok()?,
    })
}

/// The payload of a message that was not confirmed. Its references to messages that were sealed
/// again name the tags that these have at present.
fn payload_of<E>(
    record: &MessageRecord,
    present: impl Fn(&FrankingTag) -> Result<FrankingTag, E>,
) -> Result<Option<Payload>, E> {
    let Some(MessageState::Sent(sent)) = &record.state else {
        return Ok(None);
    };
    let Some(payload) = SentMessage::decode(sent)
        .ok()
        .and_then(|sent| sent.payload())
    else {
        return Ok(None);
    };
    let mut header = payload.header().clone();
    let mut content = payload.content().clone();
    if let Some(tag) = &mut header.reply_to {
        *tag = present(tag)?;
    }
    match &mut content {
        Content::Edit { of: tag, .. }
        | Content::Deletion { of: tag }
        | Content::Reaction { to: tag, .. } => *tag = present(tag)?,
        _ => {}
    }
    Ok(Payload::with_attachments(header, content, payload.attachments().to_vec()).ok())
}
