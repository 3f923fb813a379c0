//! Receiving: authenticate the delivery, recognise repeats, open, persist; only then acknowledge.

mod batch;
mod received;

use std::collections::btree_map::Entry;

use waxseal_core::errors::DecryptError;
use waxseal_core::{Message as SessionMessage, MessageKind, ReplayMemory};
use waxseal_reporting::recipient::{OpenError, Opened, OpenedMessage, open_any};
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::{AccountId, FrankingTag};

pub(super) use self::batch::{Batch, InBatch};
pub use self::received::Received;
use super::contact::is_other;
use super::history::Message;
use super::peers::damaged;
use super::{Client, take_secret_bytes};
use crate::channel::SessionOpener;
use crate::error::{Damage, ReceiveError, StateError, can_be_asked};
use crate::records::{IndexRecord, MessageRecord, MessageState};
use crate::store::Store;

/// Maximum number of deliveries that one transaction receives.
pub const MAX_RECEIVED_AT_ONCE: usize = 64;

/// Length of the sessions, in their stored form, after which a transaction takes no further
/// deliveries. Bounds the memory that deliveries of many hostile peers take.
const MAX_BATCH_LEN: usize = 4 << 20;

/// How long after the deletion of a conversation a message may come again under a new stamp: 30
/// days. Its sender missed the receipt and posted it again.
const POSTED_AGAIN_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

impl<S: Store> Client<S> {
    /// Opens one delivery from the provider's relay, stores the message with its evidence, and
    /// returns it.
    ///
    /// Acknowledge the delivery to the provider only after this call returned `Ok`, or an error
    /// whose [advice](ReceiveError::advice) says so.
    ///
    /// The identity of a new sender is pinned at first contact. Users verify it by comparing the
    /// [safety number](Client::safety_number).
    ///
    /// # Errors
    /// [`ReceiveError`]. Nothing changed, with three exceptions. With [`ReceiveError::Withheld`]
    /// the message key is spent. With the advice [`AskAgain`](crate::Advice::AskAgain) the store
    /// may keep that the delivery did not open. If the commit failed, only the store knows.
    pub fn receive(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        let received = self.receive_many([delivery])?.pop();
        // There is one result for the first delivery, always.
        received.unwrap_or(Err(ReceiveError::Session(DecryptError::Unauthenticated)))
    }

    /// Opens several deliveries, in their order, and stores all their messages in one transaction.
    ///
    /// Use it for what waited while the device was offline: most of the time of a
    /// [`receive`](Self::receive) is the disk's. Returns one result for each delivery that it took:
    /// the first [`MAX_RECEIVED_AT_ONCE`], or fewer from peers with very large sessions, and none
    /// after a refusal or a receipt. Pass the others to the next call. A delivery that does not
    /// open costs only itself, and each result means what it means for `receive`. Acknowledge none
    /// before this call returned.
    ///
    /// # Errors
    /// [`StateError::Store`] if nothing was received because the store failed. After a failed
    /// commit only the store knows whether all was received or nothing.
    #[expect(
        clippy::type_complexity,
        reason = "a result for each delivery, and one for the store"
    )]
    pub fn receive_many<'d>(
        &mut self,
        deliveries: impl IntoIterator<Item = &'d [u8]>,
    ) -> Result<Vec<Result<Received, ReceiveError<S::Error>>>, StateError<S::Error>> {
        let deliveries = deliveries.into_iter().take(MAX_RECEIVED_AT_ONCE);
        self.receive_all(&deliveries.collect::<Vec<_>>(), false)
    }

    /// Opens one delivery like [`receive`](Self::receive), and drops the message: it is not stored,
    /// not shown and cannot be reported. The result is then [`Received::Skipped`].
    ///
    /// For the messages of accounts that the user blocked. The session goes on, so that later
    /// messages open after the user unblocks the account. The sender is told nothing, and nothing
    /// is sealed again for it. What its device tells of the messages that it received counts. From
    /// an account without a session, and if the message does not open, nothing changes, except that
    /// it may have been a receipt: see [`NotDelivered::Lost`](super::NotDelivered::Lost).
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub fn skip(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        let received = self.receive_all(&[delivery], true)?.pop();
        received.unwrap_or(Err(ReceiveError::Session(DecryptError::Unauthenticated)))
    }

    #[expect(
        clippy::type_complexity,
        reason = "a result for each delivery, and one for the store"
    )]
    fn receive_all(
        &mut self,
        deliveries: &[&[u8]],
        skips: bool,
    ) -> Result<Vec<Result<Received, ReceiveError<S::Error>>>, StateError<S::Error>> {
        self.run(|client| {
            let mut batch = Batch {
                skips,
                ..Batch::default()
            };
            let mut results = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let result = match client.receive_into(&mut batch, delivery) {
                    Err(ReceiveError::State(StateError::Store(error))) => {
                        return Err(StateError::Store(error));
                    }
                    result => result,
                };
                let is_end = result.as_ref().is_ok_and(Received::ends_batch);
                results.push(result);
                if is_end || batch.len() > MAX_BATCH_LEN {
                    break;
                }
            }
            client.commit_batch(batch)?;
            Ok(results)
        })
    }

    fn receive_into(
        &mut self,
        batch: &mut Batch,
        delivery: &[u8],
    ) -> Result<Received, ReceiveError<S::Error>> {
        // Check the length, parse, authenticate: the provider must vouch for stamp, sender and time
        // before anything is opened.
        let delivery = Delivery::decode(delivery)?.authenticate(self.delivery_key(), &self.me)?;
        let from = delivery.claim().context().sender.account.clone();
        // No other device has this account. The relay must not put words into the user's mouth.
        if from == self.me.account {
            return Err(ReceiveError::OwnAccount);
        }
        let id = *delivery.claim().tag();
        let accepted_at_ms = delivery.claim().context().accepted_at.as_millis();
        let name = (from.clone(), *id.as_bytes());
        if batch.received.contains(&name) || self.index(&from, &id)?.is_some() {
            return Ok(Received::Duplicate { from, id });
        }

        let kind = SessionMessage::peek(delivery.ciphertext())
            .map_err(|error| ReceiveError::Session(error.into()))?;
        if let MessageKind::Initial { identity } | MessageKind::Refusal { identity } = &kind {
            // This is checked first, because the user must not be asked to accept this device's own
            // identity.
            if identity == self.identity.public() {
                return Err(ReceiveError::Session(DecryptError::OwnIdentity));
            }
        }
        if !batch.peers.contains_key(&from) {
            let peer = match self.take_peer(&from)? {
                Some(peer) => peer,
                None => self.new_peer(&from)?,
            };
            let is_changed = false;
            batch
                .peers
                .insert(from.clone(), InBatch { peer, is_changed });
        }
        let conversation = batch.conversation(&from);
        let is_blocked = conversation.is_some_and(|conversation| conversation.is_blocked);
        let skips = batch.skips || is_blocked;
        if let MessageKind::Refusal { identity } = &kind {
            if skips {
                return Ok(Received::Skipped { from, id });
            }
            return self.take_refusal(batch, &delivery, identity);
        }
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(&from) else {
            return Err(damaged(&from).into()); // it was inserted above
        };
        if skips && peer.sessions.is_none() {
            return self.skip_unopened(batch, from, id, accepted_at_ms);
        }
        if let MessageKind::Initial { identity } = kind
            // The contact holds the identity that was pinned at first contact, or accepted by the
            // user since.
            && is_other(&peer.identity, &identity.to_bytes())
        {
            if is_blocked {
                return self.skip_unopened(batch, from, id, accepted_at_ms);
            }
            return Err(ReceiveError::IdentityChanged { new: identity });
        }

        if batch.prekeys.is_none() {
            batch.prekeys = match self.take_prekeys() {
                // A conversation goes on even if the prekeys are damaged.
                Err(StateError::Damaged(_)) if peer.sessions.is_some() => None,
                prekeys => Some(prekeys?),
            };
        }
        // Only an initial message can start a session, and so needs what is remembered of its
        // sender.
        let mut nothing = ReplayMemory::new();
        let memory = match &kind {
            MessageKind::Ordinary | MessageKind::Refusal { .. } => Some(&mut nothing),
            MessageKind::Initial { identity } => match batch.memories.entry(identity.to_bytes()) {
                Entry::Occupied(known) => Some(known.into_mut()),
                Entry::Vacant(unread) => match self.replay_memory(identity) {
                    Err(StateError::Damaged(_)) if peer.sessions.is_some() => None,
                    memory => Some(unread.insert(memory?)),
                },
            },
        };
        let accepting = batch.prekeys.as_mut().zip(memory);
        let can_accept = accepting.is_some();
        let (identity, sessions) = (&self.identity, &mut peer.sessions);
        let mut channel = match accepting {
            Some((prekeys, memory)) => SessionOpener::new(identity, prekeys, memory, sessions),
            None => SessionOpener::without_prekeys(identity, sessions),
        };
        let opened = match open_any(&mut channel, &delivery) {
            Ok(opened) => Some(opened),
            // The sender's commitment to the content does not hold. The message key is spent
            // nevertheless.
            Err(OpenError::Withheld(_)) => None,
            // Prekeys, memory and sessions are unchanged.
            Err(OpenError::Channel(DecryptError::UnknownPreKey)) if !can_accept => {
                return Err(StateError::Damaged(Damage::PreKeys).into());
            }
            Err(OpenError::Channel(error)) => {
                // Its conversation was deleted since, and with it the record of this message.
                let was_deleted = match peer.conversation.deleted_before_ms {
                    0 => false,
                    before if is_repeat(&error) => {
                        accepted_at_ms < before.saturating_add(POSTED_AGAIN_MS)
                    }
                    before => accepted_at_ms < before || self.is_recent(&from, &id)?,
                };
                return match can_be_asked(&error) {
                    true if skips => self.skip_unopened(batch, from, id, accepted_at_ms),
                    true if was_deleted => Ok(Received::Duplicate { from, id }),
                    true => {
                        let claimed = match &kind {
                            MessageKind::Initial { identity } => Some(identity),
                            _ => None,
                        };
                        self.note_unopened(batch, &from, &id, accepted_at_ms, claimed)?;
                        Err(ReceiveError::Session(error))
                    }
                    false => Err(ReceiveError::Session(error)),
                };
            }
            Err(_) => return Err(ReceiveError::Session(DecryptError::Unauthenticated)),
        };

        *is_changed = true;
        batch.received.insert(name);
        if let Some(sessions) = &peer.sessions {
            peer.identity = sessions.peer().to_bytes().to_vec();
        }
        let last_accepted_ms = &mut peer.conversation.last_accepted_ms;
        *last_accepted_ms = (*last_accepted_ms).max(accepted_at_ms);
        peer.conversation.unanswered_since_ms = 0;
        self.forget_unopened(batch, &from, &id)?;
        match opened {
            Some(Opened::Message(opened)) if !skips => {
                self.store_message(batch, &from, &id, *opened)
            }
            opened => {
                let nowhere = IndexRecord::default();
                self.put_index(&mut batch.transaction, &from, id, &nowhere);
                match opened {
                    None => Err(ReceiveError::Withheld),
                    Some(Opened::Control(control)) => {
                        let at = delivery.claim().context().accepted_at;
                        let receipts = self.take_receipts(batch, &from, at, &control)?;
                        // They come once: without them, what arrived would count as lost.
                        Ok(match skips {
                            true => Received::Skipped { from, id },
                            false => receipts,
                        })
                    }
                    Some(_) => Ok(Received::Skipped { from, id }),
                }
            }
        }
    }

    /// Drops a delivery that does not open.
    fn skip_unopened(
        &self,
        batch: &mut Batch,
        from: AccountId,
        id: FrankingTag,
        accepted_ms: u64,
    ) -> Result<Received, ReceiveError<S::Error>> {
        self.note_skipped(batch, &from, accepted_ms)?;
        Ok(Received::Skipped { from, id })
    }

    /// Stores a message that opened, with the evidence for a report.
    fn store_message(
        &mut self,
        batch: &mut Batch,
        from: &AccountId,
        id: &FrankingTag,
        opened: OpenedMessage,
    ) -> Result<Received, ReceiveError<S::Error>> {
        let due = self.put_due(
            &mut batch.transaction,
            &mut batch.due,
            from,
            opened.evidence(),
        )?;
        let Some(InBatch { peer, .. }) = batch.peers.get_mut(from) else {
            return Err(damaged(from).into()); // its message opened
        };
        let ordinal = peer.conversation.next_ordinal;
        peer.conversation.next_ordinal = ordinal.saturating_add(1);
        peer.conversation.last_seen = id.as_bytes().to_vec();
        let index = IndexRecord {
            ordinal: Some(ordinal),
            due,
            ..IndexRecord::default()
        };
        self.put_index(&mut batch.transaction, from, *id, &index);
        self.note_delivered(batch, from, id)?;
        let sent_time_agrees = opened.sent_time_agrees();
        let (content, attachments, evidence) = opened.into_parts();
        let state = MessageState::Stamped(take_secret_bytes(evidence.encode()));
        let record = MessageRecord {
            ordinal,
            state: Some(state),
            ..MessageRecord::default()
        };
        batch.transaction.put_message(from, &record);
        let message = Message::received(ordinal, content, attachments, evidence);
        Ok(Received::Message {
            from: from.clone(),
            message: Box::new(message),
            sent_time_agrees,
        })
    }
}

/// Whether the error itself says that the message was received before.
fn is_repeat(error: &DecryptError) -> bool {
    matches!(
        error,
        DecryptError::AlreadyReceived | DecryptError::ReplayedInitialMessage
    )
}
