//! Sending: draft, seal, persist, return the envelope. Later the relay's receipt makes the message
//! reportable.

mod draft;

use rand_core::CryptoRng;
use waxseal_reporting::message::Content;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::Receipt;
use waxseal_reporting::sender::{Fanout, SentMessage};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, FrankingTag, Timestamp};
use zeroize::Zeroizing;

pub use self::draft::Draft;
use super::fanout::{Sealing, empty_slots};
use super::history::damaged_message;
use super::view::Stored;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{ConfirmError, SendError, StateError};
use crate::records::{
    ConversationRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord, take_secret_bytes,
};
use crate::store::{Store, Transaction};

impl ConversationRecord {
    /// Counts one more message that this device sends. Returns its ordinal, or `None` if the
    /// numbers are used up.
    pub(super) fn count_sent(&mut self, now: Timestamp) -> Option<u64> {
        let ordinal = self.next_ordinal;
        let (next, sequence) = (ordinal.checked_add(1)?, self.next_sequence.checked_add(1)?);
        (self.next_ordinal, self.next_sequence) = (next, sequence);
        self.is_accepted = true;
        if self.unanswered_since_ms == 0 {
            self.unanswered_since_ms = now.as_millis();
        }
        Some(ordinal)
    }
}

/// A sealed message on its way to the provider's relay.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The message's identifier, the same on every device and in every report.
    pub id: FrankingTag,
    /// The conversation that the message is for.
    pub to: Conversation,
    /// The bytes for the provider's relay, which takes them within ten minutes: a
    /// [`PostedFanout`](waxseal_reporting::relay::PostedFanout) for all devices.
    pub envelope: Vec<u8>,
    /// The device that the message is sealed again for, after it was accepted before. The bytes
    /// are then a [`PostedReseal`](waxseal_reporting::relay::PostedReseal), which the relay takes
    /// on another route. `None` for a message that is posted the first time.
    pub again_for: Option<DeviceAddress>,
    /// Devices that get no key, because there is no session with them. They learn that there is a
    /// message, and ask for it. [`Client::missing`] names them before a message is sent.
    pub without: Vec<DeviceAddress>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("envelope_len", &self.envelope.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Seals a message for each device of the recipient, and for each other device of the own
    /// account; or once for all devices of the members of a group. Returns the bytes for the
    /// provider's relay.
    ///
    /// The relay takes the returned bytes within ten minutes of `now`, so pass the present time.
    /// The message stays in the [outbox](Client::outbox) until the relay's receipt is
    /// [confirmed](Client::confirm). After a crash or a broken connection, send what the outbox
    /// returns. If the relay answers that the devices are others, call [`Client::retarget`]. If it
    /// refuses the message for good, remove it with [`Client::delete_message`].
    ///
    /// Messages to this recipient that an earlier version of this crate left in the outbox are
    /// sealed again first, each in a transaction of its own: see [`Client::seal_waiting`].
    ///
    /// # Errors
    /// [`SendError::NoSession`]: fetch prekey bundles of the recipient's devices and call
    /// [`Client::start`] first. [`SendError::NoGroup`] if this device is in no such group.
    /// [`SendError::UnknownMembers`]: fetch rosters of members first.
    pub fn send(
        &mut self,
        to: impl Into<Conversation>,
        message: impl Into<Draft>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        let (to, draft) = (to.into(), message.into());
        match &to {
            Conversation::Direct(recipient) => {
                self.send_direct(recipient, &draft, now, rng, |_, _| Ok(()))
            }
            Conversation::Group(group) => self.send_to_group(group, &draft, now, rng),
        }
    }

    /// Sends a message to one account. `write` adds to the transaction what is stored with it.
    pub(super) fn send_direct(
        &mut self,
        recipient: &AccountId,
        draft: &Draft,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        write: impl Fn(&Self, &mut Transaction) -> Result<(), StateError<S::Error>>,
    ) -> Result<Outgoing, SendError<S::Error>> {
        let to = Conversation::from(recipient);
        self.run(|client| {
            if *recipient == client.me.account {
                return Err(SendError::OwnAccount);
            }
            client.seal_waiting(recipient, now, rng)?;
            client.seal_held_first(recipient, now, rng)?;
            let mut pair = client.take_pair(recipient)?.ok_or(SendError::NoSession)?;
            let audience = Audience::Direct(recipient.clone());
            let conversation = audience.conversation(&client.me.account);
            let peer = pair.peer();
            peer.skip_used_numbers();
            let sent_at = client.time_of_draft(&to, &peer.conversation, draft.content(), now)?;
            let payload = draft.clone().payload(&peer.conversation, sent_at)?;
            let sent = SentMessage::commit(&client.me, &conversation, &payload, rng);
            let id = *sent.tag();
            let sealing = Sealing::Message(&sent);
            let fanout = client.seal_for_all(&mut pair, id, &sealing, now, rng)??;

            let mut counters = client.counters()?;
            let number = counters.next_outbox;
            counters.next_outbox = number.checked_add(1).ok_or(SendError::NumbersUsedUp)?;
            let ordinal = pair.peer().conversation.count_sent(now);
            let ordinal = ordinal.ok_or(SendError::NumbersUsedUp)?;
            let content = draft.content();
            pair.peer()
                .conversation
                .note_own_timer(&client.me, &sent, content);
            let index = IndexRecord {
                ordinal: Some(ordinal),
                outbox: Some(number),
                ..IndexRecord::default()
            };
            let waiting = OutboxRecord::new(number, recipient, &fanout);

            // The message is persisted before its ciphertexts leave the device.
            let mut transaction = Transaction::default();
            transaction.put_record(keys::counters(), &counters);
            pair.put(&client.me, &mut transaction);
            client.put_sent(&mut transaction, &to, (ordinal, &sent), index)?;
            client.note_own_sent(&mut transaction, &fanout, recipient);
            transaction.put_record(keys::envelope(number), &waiting);
            draft.end_upload(client, &mut transaction)?;
            client.accept_after_all(recipient, &mut transaction)?;
            write(client, &mut transaction)?;
            client.commit(transaction)?;
            client.keep_pair(pair);
            Ok(client.posted(recipient, &fanout, now))
        })
    }

    /// A fanout on its way to the relay.
    pub(super) fn posted(
        &self,
        recipient: &AccountId,
        fanout: &Fanout,
        now: Timestamp,
    ) -> Outgoing {
        let audience = Audience::Direct(recipient.clone());
        Outgoing {
            id: *fanout.tag(),
            to: recipient.into(),
            envelope: fanout.post(self.delivery_key(), &self.me, &audience, now),
            again_for: None,
            without: empty_slots(fanout, &self.me.account, recipient),
        }
    }

    /// Takes the relay's receipt for a sent message, and returns the message's identifier.
    ///
    /// The message leaves the outbox and becomes reportable, so that a report can show both sides
    /// of a conversation. If the same receipt comes again, nothing changes.
    ///
    /// A receipt names no device. So take one for a message that was
    /// [sealed again](Outgoing::again_for) only as the first answer to its newest posting: one that
    /// comes twice, or late, after the message was posted once more, counts as lost. It would
    /// confirm what was sealed for the next device meanwhile.
    pub fn confirm(
        &mut self,
        conversation: impl Into<Conversation>,
        receipt: &[u8],
    ) -> Result<FrankingTag, ConfirmError<S::Error>> {
        let conversation = &conversation.into();
        self.run(|client| {
            let receipt = Receipt::decode(receipt)?;
            let id = *receipt.tag();
            let mut index = client.index(conversation, &id)?;
            // A refusal and receipts have no record of where they are. The peer, who knows their
            // tags, can make this device write one: it says nothing.
            if index.as_ref().is_none_or(|index| index.ordinal.is_none())
                && let Some(number) = client.number_in_outbox(&id)?
            {
                if client.confirm_note(conversation, number)? {
                    return Ok(id);
                }
                if index.is_none() {
                    index = client.search(conversation, &id)?; // its record was lost
                }
            }
            let index = index.ok_or(ConfirmError::NotSent)?;
            let ordinal = index.ordinal.ok_or(ConfirmError::NotSent)?;
            let message = client.get_record(&keys::message(conversation, ordinal))?;
            let mut message: MessageRecord =
                message.ok_or_else(|| damaged_message(conversation))?;
            let mut before = None;
            let sent = match &message.state {
                Some(MessageState::Sent(sent)) => SentMessage::decode(sent).ok(),
                Some(MessageState::Stamped(evidence)) => {
                    let evidence =
                        Evidence::decode(evidence).map_err(|_| damaged_message(conversation))?;
                    // This device received the message. Received messages have no receipt.
                    if evidence.sender() != &client.me {
                        return Err(ConfirmError::NotSent);
                    }
                    // The message was confirmed before, and was not sealed again since.
                    if index.outbox.is_none() {
                        return Ok(id);
                    }
                    let again = Timestamp::from_millis(message.again_ms);
                    let sent = evidence.sent();
                    before = Some((evidence.accepted_at().max(again), evidence));
                    sent
                }
                None => None,
            };
            let sent = sent.ok_or_else(|| damaged_message(conversation))?;
            let mut evidence = receipt.authenticate(client.delivery_key(), &sent)?;
            let accepted_at = evidence.accepted_at();
            // The receipt of an earlier posting. What was sealed again still waits for its own.
            if before
                .as_ref()
                .is_some_and(|(before, _)| accepted_at <= *before)
            {
                return Ok(id);
            }
            let is_first = before.is_none();
            // To whom a group's message may be given, the provider decides by when it accepted it
            // first.
            if let Some((_, first)) = before.filter(|_| conversation.group().is_some()) {
                message.again_ms = accepted_at.as_millis();
                evidence = first;
            }

            message.state = Some(MessageState::Stamped(take_secret_bytes(evidence.encode())));
            let content = evidence.content();
            let content = Zeroizing::new(content.ok_or_else(|| damaged_message(conversation))?);
            let mut transaction = Transaction::default();
            let confirmed = IndexRecord {
                outbox: None,
                ..index.clone()
            };
            let stored = Stored {
                id,
                ordinal,
                sender: evidence.sender(),
                account_key: &message.account_key,
                header: evidence.header(),
                content: &content,
                accepted_at: Some(accepted_at),
                from_removed_device: false,
            };
            client.put_stored(&mut transaction, conversation, &stored, confirmed)?;
            if let (0, Some(peer)) = (message.delivered_ms, conversation.account()) {
                client.note_accepted(&mut transaction, peer, &id, accepted_at)?;
            }
            transaction.put_message(conversation, &message);
            if is_first && matches!(&*content, Content::Timer { .. }) {
                let accepted = (&id, accepted_at);
                client.put_confirmed_timer(&mut transaction, conversation, accepted)?;
            }
            let accepted = (index.outbox, is_first);
            client.note_group_accepted(conversation, &evidence, accepted, &mut transaction)?;
            if let Some(number) = index.outbox {
                client.note_accepted_again(&mut transaction, &id, (number, accepted_at))?;
                transaction.delete(keys::envelope(number));
            }
            client.commit(transaction)?;
            Ok(id)
        })
    }

    /// Takes a note out of the outbox, because the relay has it. Returns whether the entry with
    /// this number was one.
    fn confirm_note(
        &mut self,
        conversation: &Conversation,
        number: u64,
    ) -> Result<bool, StateError<S::Error>> {
        let entry: Option<OutboxRecord> = self.readable(&keys::envelope(number))?;
        let is_note = entry.is_some_and(|entry| {
            entry.is_note && entry.conversation().as_ref() == Some(conversation)
        });
        if is_note {
            let mut transaction = Transaction::default();
            transaction.delete(keys::envelope(number));
            self.commit(transaction)?;
        }
        Ok(is_note)
    }
}
