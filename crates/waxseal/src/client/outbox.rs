//! Outbox: what was sealed and waits for the relay's receipt, and what an earlier version left
//! there.

mod entries;
mod payload;

use rand_core::CryptoRng;
use waxseal_reporting::relay::{DeliveryKey, Envelope};
use waxseal_reporting::sender::{Fanout, SentMessage};
use waxseal_reporting::{AccountId, Audience, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use self::payload::payload_of;
pub(super) use self::payload::waiting_sent;
use super::again::again_of;
use super::fanout::{Sealing, empty_slots};
use super::page::Page;
use super::peers::Peer;
use super::send::Outgoing;
use super::{Client, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::{SendError, StateError};
use crate::records::{IndexRecord, OutboxRecord};
use crate::store::{Store, Transaction};

/// The version byte of what this version posts the first time, for all devices. Earlier versions
/// sealed for one device alone, which no recipient takes any more.
const PRESENT_VERSION: u8 = 0x03;

/// Maximum number of earlier tags that are followed to the present one of a message. A message is
/// sealed again once after an upgrade, and then each time that its entry in the outbox is damaged.
const MAX_RENEWALS: usize = 16;

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
    /// The list starts after the number `after`, which is the `next` of the page before. Send the
    /// envelopes after a crash or a broken connection. The relay takes the returned bytes within
    /// ten minutes of `now`: call this again at each attempt, with the present time. If the relay
    /// answers that the clock differs, pass the relay's time. Each envelope has up to
    /// [`MAX_POSTED_FANOUT_LEN`](waxseal_reporting::limits::MAX_POSTED_FANOUT_LEN) bytes.
    ///
    /// Messages that an earlier version of this crate left in the outbox are not among them, but in
    /// [`Client::waiting`].
    pub fn outbox(
        &self,
        after: Option<u64>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<Outgoing, u64>, StateError<S::Error>> {
        self.look(|client| {
            let key = client.stored_delivery_key()?;
            let (mut all, mut after) = (Page::default(), after);
            // The entries of an earlier version come first, since a message that is sealed again
            // gets a new number. Each turn reads entries with higher numbers, so the loop ends.
            loop {
                let left = limit.saturating_sub(all.items.len());
                let page = client.entries(after, left, |entry| match is_earlier(entry) {
                    true => Some(None),
                    false => client.outgoing_of(entry, &key, now).map(Some),
                })?;
                for outgoing in page.items.into_iter().flatten() {
                    match outgoing {
                        Found::Outgoing(outgoing) => all.items.push(*outgoing),
                        Found::InGroup(group, entry) => {
                            all.items
                                .extend(client.outgoing_in_group(&group, &entry, now)?);
                        }
                    }
                }
                all.damaged.extend(page.damaged);
                all.next = page.next;
                if all.next.is_none() || all.items.len() >= limit {
                    return Ok(all);
                }
                after = all.next;
            }
        })
    }

    /// Lists up to `limit` messages that an earlier version of this crate left in the outbox,
    /// oldest first, after the number `after`. They wait for a session with their recipient: see
    /// [`Client::seal_waiting`].
    pub fn waiting(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Page<Waiting, u64>, StateError<S::Error>> {
        self.look(|client| {
            let page = client.entries(after, limit, |entry| match is_earlier(entry) {
                true => Some(waiting_of(entry).filter(|_| !entry.is_note)),
                false => Some(None),
            })?;
            // They come first, so an entry of this version ends the list.
            let is_end = page.items.iter().any(Option::is_none);
            Ok(Page {
                items: page.items.into_iter().flatten().collect(),
                damaged: page.damaged,
                next: page.next.filter(|_| !is_end),
            })
        })
    }

    /// Seals again what an earlier version of this crate left in the outbox for `recipient`, if
    /// there is a session. Returns how many messages were sealed.
    ///
    /// Recipients do not take the envelopes of that version. Each message keeps its place in the
    /// history, its number and its sending time. One of the first version gets a new identifier:
    /// read [`Client::messages`] again. [`Client::delete_message`] takes the earlier one too. Each
    /// is sealed in a transaction of its own, and is then in the [outbox](Client::outbox). Messages
    /// of this version are left as they are. Receipts and refusals of an earlier version are
    /// dropped.
    ///
    /// [`Client::start`] and [`Client::send`] do this by themselves. Call it when a session began
    /// with a received message.
    pub fn seal_waiting(
        &mut self,
        recipient: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, SendError<S::Error>> {
        // Counts those of an attempt that started over, too: each is committed by itself.
        let mut sealed: usize = 0;
        self.run(|client| {
            if client.is_outbox_current {
                return Ok(sealed);
            }
            let waiting = client.waiting_for(recipient)?;
            for (number, id) in waiting {
                let has_session = client.look_at_peer(recipient, Peer::can_send)?;
                if has_session != Some(true) {
                    break;
                }
                if client
                    .seal_again(recipient, Some(number), &id, now, rng)?
                    .is_some()
                {
                    sealed = sealed.saturating_add(1);
                }
            }
            Ok(sealed)
        })
    }

    /// Seals a sent message again whose entry in the outbox was damaged, or that was taken out
    /// because the relay named [other devices](super::NotDelivered::Targets) again and again.
    /// Returns its identifier, under which it is then in the [outbox](Client::outbox): another one
    /// only if the first version of this crate wrote the message.
    ///
    /// A message that has no [evidence](super::Message::evidence) and is not in the outbox was not
    /// sent, as far as this device knows. If the relay had taken it, the recipient recognises it.
    /// `None` if the message is not stored, is damaged, or was confirmed: then nothing changes.
    pub fn send_again(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<FrankingTag>, SendError<S::Error>> {
        let conversation = conversation.into();
        let Conversation::Direct(recipient) = &conversation else {
            return self.send_again_in_group(&conversation, id, now, rng);
        };
        self.run(|client| {
            let id = client.present_tag(&conversation, id)?;
            client.seal_again(recipient, None, &id, now, rng)
        })
    }

    /// Seals one message again. `None` if it cannot be read: it then stays as it is.
    fn seal_again(
        &mut self,
        recipient: &AccountId,
        number: Option<u64>,
        id: &FrankingTag,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<FrankingTag>, SendError<S::Error>> {
        let to = &Conversation::from(recipient);
        let Some(index) = self.search(to, id)? else {
            return Ok(None);
        };
        let (Some(ordinal), number) = (index.ordinal, number.or(index.outbox)) else {
            return Ok(None);
        };
        let record = match self.get_record(&keys::message(to, ordinal)) {
            // A damaged message stops no other.
            Err(StateError::Damaged(_)) => None,
            record => record?,
        };
        let Some(record) = record else {
            return Ok(None);
        };
        let present = |tag: &FrankingTag| self.present_tag(to, tag);
        let conversation = Audience::Direct(recipient.clone()).conversation(&self.me.account);
        let sent = match waiting_sent(&record) {
            // It keeps its identifier, so that a device that has it already recognises it.
            Some(sent) if sent.tag_names_sender() => sent,
            _ => match payload_of(&record, present)? {
                Some(payload) => SentMessage::commit(&self.me, &conversation, &payload, rng),
                None => return Ok(None),
            },
        };
        let mut pair = self.take_pair(recipient)?.ok_or(SendError::NoSession)?;
        let new = *sent.tag();
        let sealing = Sealing::Message(&sent);
        let fanout = self.seal_for_all(&mut pair, new, &sealing, now, rng)??;

        let mut counters = self.counters()?;
        let next = counters.next_outbox;
        counters.next_outbox = next.checked_add(1).ok_or(SendError::NumbersUsedUp)?;
        let index = IndexRecord {
            ordinal: Some(ordinal),
            outbox: Some(next),
            ..IndexRecord::default()
        };
        let earlier = IndexRecord {
            renewed: new.as_bytes().to_vec(),
            ..IndexRecord::default()
        };
        let entry = OutboxRecord::new(next, recipient, &fanout);
        let mut transaction = Transaction::default();
        transaction.put_record(keys::counters(), &counters);
        pair.put(&self.me, &mut transaction);
        if new != *id {
            self.put_index(&mut transaction, to, *id, &earlier);
        }
        self.note_own_sent(&mut transaction, &fanout, recipient);
        self.put_sent(&mut transaction, to, (ordinal, &sent), index)?;
        if let Some(number) = number {
            transaction.delete(keys::envelope(number));
        }
        transaction.put_record(keys::envelope(next), &entry);
        self.commit(transaction)?;
        self.keep_pair(pair);
        Ok(Some(new))
    }

    /// The tag that a message has now: another one if it was sealed again.
    pub(super) fn present_tag(
        &self,
        conversation: &Conversation,
        tag: &FrankingTag,
    ) -> Result<FrankingTag, StateError<S::Error>> {
        let mut present = *tag;
        for _ in 0..MAX_RENEWALS {
            let index = self.index(conversation, &present)?;
            match index.and_then(|index| tag_of(&index.renewed)) {
                Some(renewed) => present = renewed,
                None => break,
            }
        }
        Ok(present)
    }

    /// Number and tag of each entry for `recipient` that an earlier version left.
    fn waiting_for(
        &mut self,
        recipient: &AccountId,
    ) -> Result<Vec<(u64, FrankingTag)>, StateError<S::Error>> {
        let (mut found, mut after, mut is_current) = (Vec::new(), None, true);
        let mut dropped = Transaction::default();
        // The entries of an earlier version come first. They exist only after an upgrade, so one
        // entry is read at a time.
        loop {
            let page = self.entries(after, 1, |entry| {
                let waiting = waiting_of(entry).filter(|_| !entry.is_note);
                Some((entry.ordinal, is_earlier(entry), waiting, entry.is_note))
            })?;
            match page.items.as_slice() {
                [(number, true, _, true)] => dropped.delete(keys::envelope(*number)),
                [(number, true, waiting, false)] => {
                    is_current = false;
                    let waiting = waiting.as_ref().filter(|one| one.recipient == *recipient);
                    found.extend(waiting.map(|waiting| (*number, waiting.id)));
                }
                [_] => break,
                _ => {}
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if !dropped.changes().is_empty() {
            self.commit(dropped)?;
        }
        // This version never writes such an entry, so there is nothing to look for again.
        self.is_outbox_current = is_current;
        Ok(found)
    }

    fn outgoing_of(
        &self,
        record: &OutboxRecord,
        key: &DeliveryKey,
        now: Timestamp,
    ) -> Option<Found> {
        let (id, to) = (tag_of(&record.id)?, record.conversation()?);
        if record.again_for.is_some() {
            let envelope = Envelope::decode(&record.envelope).ok()?;
            let (accepted, target) = again_of(record, &self.me.account)?;
            return Some(Found::Outgoing(Box::new(Outgoing {
                id,
                to,
                envelope: envelope.post_again(&accepted, key, &self.me, &target, now),
                again_for: Some(target),
                without: Vec::new(),
            })));
        }
        if let Some(group) = to.group() {
            return Some(Found::InGroup(*group, Box::new(record.clone())));
        }
        let recipient = to.account()?;
        let audience = Audience::Direct(recipient.clone());
        let fanout = Fanout::decode(&record.envelope).ok()?;
        Some(Found::Outgoing(Box::new(Outgoing {
            id,
            envelope: fanout.post(key, &self.me, &audience, now),
            again_for: None,
            without: empty_slots(&fanout, &self.me.account, recipient),
            to,
        })))
    }
}

/// What an entry of the outbox holds.
enum Found {
    Outgoing(Box<Outgoing>),
    /// A message to a group, which is posted only while this device is on its chain.
    InGroup(GroupId, Box<OutboxRecord>),
}

fn is_earlier(record: &OutboxRecord) -> bool {
    record.again_for.is_none()
        && record.group.is_empty()
        && record.envelope.first() != Some(&PRESENT_VERSION)
}

fn waiting_of(record: &OutboxRecord) -> Option<Waiting> {
    Some(Waiting {
        id: tag_of(&record.id)?,
        recipient: AccountId::new(&record.recipient).ok()?,
    })
}
