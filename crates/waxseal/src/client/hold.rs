//! Holding: a message to a peer without a session is stored, and sealed once there is one.

use rand_core::CryptoRng;
use waxseal_reporting::message::Payload;
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{AccountId, Audience, FrankingTag, Timestamp};

use super::fanout::Sealing;
use super::page::{DamagedRow, number_of};
use super::peers::Peer;
use super::upkeep::Upkeep;
use super::{Client, Draft, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::{SendError, StateError};
use crate::records::{self, HeldRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord};
use crate::store::{Cursor, Store, Transaction};

/// Held messages that are read at once.
const ROWS_AT_ONCE: usize = 64;

/// Held messages that one call lists.
const MAX_LISTED: usize = 2_000;

/// A held message: its ordinal, and its tag with whether the store may have been set back when it
/// was written, if its record can be read.
pub(super) type Held = (u64, Option<(FrankingTag, bool)>);

impl<S: Store> Client<S> {
    /// Stores a message to a peer with which there is no session yet, and returns its identifier.
    /// Or a message to a group, if there is no session with any member's device, or if of some
    /// members no roster is known.
    ///
    /// The message is in the history at once, with the status
    /// [`Waiting`](super::Status::Waiting). The next [`upkeep`](Self::upkeep) lists the peer in
    /// [`bundles`](field@Upkeep::bundles), or what the group lacks. Once a session has started, by
    /// either side, the upkeep or the next [`send`](Self::send) to the peer or the group seals the
    /// message under the same identifier. [`delete_message`](Self::delete_message) gives it up.
    ///
    /// # Errors
    /// [`SendError::OwnAccount`], [`SendError::NoGroup`], [`SendError::Content`],
    /// [`SendError::NumbersUsedUp`], [`SendError::State`]. For a group also
    /// [`SendError::NotMember`], [`SendError::MayNotWrite`], [`SendError::GroupForked`],
    /// [`SendError::LastAdmin`].
    pub fn hold(
        &mut self,
        to: impl Into<Conversation>,
        message: impl Into<Draft>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        self.hold_as(&to.into(), message.into(), false, now, rng)
    }

    /// Stores a message to any peer like [`hold`](Self::hold), before the store is compared with
    /// the provider's mark. If it then turns out that the store was set back, the message is sealed
    /// under another number and identifier.
    #[cfg(feature = "courier")]
    pub(crate) fn hold_unsure(
        &mut self,
        to: &Conversation,
        draft: Draft,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        self.hold_as(to, draft, true, now, rng)
    }

    fn hold_as(
        &mut self,
        to: &Conversation,
        draft: Draft,
        is_unsure: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        match to {
            Conversation::Direct(recipient) => {
                self.hold_direct(recipient, &draft, is_unsure, now, rng, |_, _| Ok(()))
            }
            Conversation::Group(group) => self.hold_in_group(group, &draft, is_unsure, now, rng),
        }
    }

    /// Stores a message to one account. `write` adds to the transaction what is stored with it.
    pub(super) fn hold_direct(
        &mut self,
        recipient: &AccountId,
        draft: &Draft,
        is_unsure: bool,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        write: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<FrankingTag, SendError<S::Error>> {
        let to = &Conversation::from(recipient);
        self.run(|client| {
            if *recipient == client.me.account {
                return Err(SendError::OwnAccount);
            }
            let mut peer = match client.take_peer(recipient)? {
                Some(peer) => peer,
                None => client.new_peer(recipient)?,
            };
            peer.skip_used_numbers();
            let sent_at = client.time_of_draft(to, &peer.conversation, draft.content(), now)?;
            let payload = draft.clone().payload(&peer.conversation, sent_at)?;
            let conversation = Audience::Direct(recipient.clone()).conversation(&client.me.account);
            let sent = SentMessage::commit(&client.me, &conversation, &payload, rng);
            let id = *sent.tag();
            let ordinal = peer.conversation.count_sent(now);
            let ordinal = ordinal.ok_or(SendError::NumbersUsedUp)?;
            peer.conversation
                .note_own_timer(&client.me, &sent, draft.content());
            let index = IndexRecord {
                ordinal: Some(ordinal),
                ..IndexRecord::default()
            };
            let held = HeldRecord {
                id: id.as_bytes().to_vec(),
                ordinal,
                is_unsure,
            };
            peer.conversation.has_held = true;
            let upkeep = client.upkeep_or_new(recipient)?;
            let mut transaction = Transaction::default();
            peer.put(recipient, &mut transaction);
            client.put_sent(&mut transaction, to, (ordinal, &sent), index)?;
            transaction.put_record(keys::held(to, ordinal), &held);
            transaction.put_record(keys::upkeep(recipient), &upkeep);
            draft.end_upload(client, &mut transaction)?;
            client.accept_after_all(recipient, &mut transaction)?;
            write(client, &mut transaction)?;
            client.commit(transaction)?;
            client.keep_peer(recipient, peer);
            Ok(id)
        })
    }

    /// The identifiers of up to 2,000 messages of a conversation that wait for a session, oldest
    /// first.
    pub fn held(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<Vec<FrankingTag>, StateError<S::Error>> {
        let table = keys::all_held(&conversation.into());
        self.look(|client| {
            let page = client.page(&table, None, MAX_LISTED, held_of)?;
            Ok(page.items.into_iter().map(|(_, id)| id).collect())
        })
    }

    /// Seals what waits for a session with a peer, in the order in which it was written. Returns
    /// whether nothing is left.
    pub(super) fn seal_held(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let table = keys::all_held(&account.into());
        let has = self.look_at_peer(account, |peer| {
            (peer.conversation.has_held, peer.can_send())
        })?;
        match has {
            None | Some((false, _)) => return Ok(true),
            Some((true, false)) => {
                // What waited may have been deleted.
                if self.first_rows(&table, 1)?.is_empty() {
                    return self.end_held(account);
                }
                upkeep.want_bundles(account, None);
                return Ok(false);
            }
            Some((true, true)) => {}
        }
        loop {
            let held = self.held_rows(&account.into())?;
            if held.is_empty() {
                return self.end_held(account);
            }
            for (ordinal, record) in held {
                if upkeep.is_full() {
                    upkeep.again_at(now.as_millis());
                    return Ok(false);
                }
                if !self.seal_one_held(account, record, ordinal, now, rng, upkeep)? {
                    upkeep.want_bundles(account, None); // for a session that can send
                    return Ok(false);
                }
            }
        }
    }

    /// A page of the messages that wait in a conversation, oldest first.
    pub(super) fn held_rows(&self, to: &Conversation) -> Result<Vec<Held>, StateError<S::Error>> {
        let page = self.page(&keys::all_held(to), None, ROWS_AT_ONCE, held_of)?;
        let read = page.items.into_iter();
        let read = read.map(|(record, id)| (record.ordinal, Some((id, record.is_unsure))));
        // The row tells the ordinal, so a damaged record costs no message.
        let damaged = page.damaged.iter().filter_map(DamagedRow::number);
        let mut held: Vec<_> = read.chain(damaged.map(|ordinal| (ordinal, None))).collect();
        held.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        Ok(held)
    }

    /// Seals one held message into the outbox. Returns whether to go on with the next one.
    fn seal_one_held(
        &mut self,
        account: &AccountId,
        record: Option<(FrankingTag, bool)>,
        ordinal: u64,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<bool, StateError<S::Error>> {
        let to = &Conversation::from(account);
        let mut transaction = Transaction::default();
        transaction.delete(keys::held(to, ordinal));
        let message: Option<MessageRecord> = self.readable(&keys::message(to, ordinal))?;
        let sent = message.and_then(|message| match &message.state {
            Some(MessageState::Sent(sent)) => SentMessage::decode(sent).ok(),
            _ => None,
        });
        let sent = sent.filter(|sent| record.is_none_or(|(id, _)| id == *sent.tag()));
        let index = match &sent {
            Some(sent) => self.index(to, sent.tag())?.unwrap_or_default(),
            None => IndexRecord::default(),
        };
        let Some(sent) = sent.filter(|_| index.outbox.is_none()) else {
            self.commit(transaction)?; // it was deleted, or is in the outbox under another tag
            return Ok(true);
        };
        let Some(mut pair) = self.take_pair(account)? else {
            return Ok(false);
        };
        let peer = pair.peer();
        let is_unsure = record.is_some_and(|(_, is_unsure)| is_unsure);
        let renewed = match is_unsure && peer.has_used(sent.header().sequence) {
            true => self.renumbered(account, peer, &sent, rng),
            false => None,
        };
        let sent = match renewed {
            None => sent,
            Some(renewed) => {
                let earlier = IndexRecord {
                    renewed: renewed.tag().as_bytes().to_vec(),
                    ..IndexRecord::default()
                };
                self.put_index(&mut transaction, to, *sent.tag(), &earlier);
                let index = IndexRecord {
                    ordinal: Some(ordinal),
                    ..IndexRecord::default()
                };
                self.put_sent(&mut transaction, to, (ordinal, &renewed), index)?;
                renewed
            }
        };
        let id = *sent.tag();
        let sealing = Sealing::Message(&sent);
        let Ok(fanout) = self.seal_for_all(&mut pair, id, &sealing, now, rng)? else {
            return Ok(false); // no session can send
        };
        let mut counters = self.counters()?;
        let number = counters.next_outbox;
        let Some(next) = number.checked_add(1) else {
            return Ok(false);
        };
        counters.next_outbox = next;
        let index = IndexRecord {
            ordinal: Some(ordinal),
            outbox: Some(number),
            ..IndexRecord::default()
        };
        let waiting = OutboxRecord::new(number, account, &fanout);
        transaction.put_record(keys::counters(), &counters);
        pair.put(&self.me, &mut transaction);
        self.put_index(&mut transaction, to, id, &index);
        self.note_own_sent(&mut transaction, &fanout, account);
        transaction.put_record(keys::envelope(number), &waiting);
        self.commit(transaction)?;
        self.keep_pair(pair);
        upkeep.outgoing.push(self.posted(account, &fanout, now));
        Ok(true)
    }

    /// The same message under another number and tag, because the earlier line of the store may
    /// have used its number.
    fn renumbered(
        &self,
        account: &AccountId,
        peer: &mut Peer,
        sent: &SentMessage,
        rng: &mut impl CryptoRng,
    ) -> Option<SentMessage> {
        peer.skip_used_numbers();
        let payload = sent.payload()?;
        let mut header = payload.header().clone();
        header.sequence = peer.conversation.next_sequence;
        let content = payload.content().clone();
        let payload =
            Payload::with_attachments(header, content, payload.attachments().to_vec()).ok()?;
        peer.conversation.next_sequence = peer.conversation.next_sequence.checked_add(1)?;
        let conversation = Audience::Direct(account.clone()).conversation(&self.me.account);
        Some(SentMessage::commit(&self.me, &conversation, &payload, rng))
    }

    /// Notes that nothing waits for a session with this peer any more.
    fn end_held(&mut self, account: &AccountId) -> Result<bool, StateError<S::Error>> {
        if let Some(mut peer) = self.take_peer(account)? {
            peer.conversation.has_held = false;
            let mut transaction = Transaction::default();
            peer.put(account, &mut transaction);
            self.commit(transaction)?;
            self.keep_peer(account, peer);
        }
        Ok(true)
    }

    /// Seals what waits for a session with a peer, before a further message to it is sealed.
    pub(super) fn seal_held_first(
        &mut self,
        recipient: &AccountId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        // What the user deleted is not sent.
        self.finish_deletion(&recipient.into())?;
        loop {
            // What it would tell an application is in the outbox, and with the next upkeep.
            let mut upkeep = Upkeep::default();
            let is_done = self.seal_held(recipient, now, rng, &mut upkeep)?;
            if is_done || !upkeep.is_full() {
                return Ok(());
            }
        }
    }
}

/// A held message with its tag. The record says its row, so that a value which was moved is
/// noticed.
fn held_of(at: &Cursor, bytes: &[u8]) -> Option<(HeldRecord, FrankingTag)> {
    let record: HeldRecord = records::decode(bytes)?;
    (number_of(at) == Some(record.ordinal)).then_some(())?;
    let id = tag_of(&record.id)?;
    Some((record, id))
}
