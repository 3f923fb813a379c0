//! Receiving: authenticate the delivery, recognise repeats, open, persist; only then acknowledge.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use waxseal_core::errors::DecryptError;
use waxseal_core::limits::IDENTITY_KEY_LEN;
use waxseal_core::{Message as SessionMessage, MessageKind, PreKeys, ReplayMemory};
use waxseal_reporting::recipient::{OpenError, open};
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::{AccountId, FrankingTag};

use super::contact::is_other;
use super::history::Message;
use super::peers::{Peer, damaged};
use super::prekeys::put_prekeys;
use super::{Client, keys, take_secret_bytes};
use crate::channel::SessionOpener;
use crate::error::{Advice, Damage, ReceiveError, StateError};
use crate::records::{IndexRecord, MessageRecord, MessageState};
use crate::store::{Store, Transaction};

/// What a delivery contained. In both cases the delivery may now be acknowledged to the provider.
#[derive(Clone, Debug)]
pub enum Received {
    /// A message that arrived for the first time. It is stored, with the evidence for a report.
    Message {
        /// The account that sent the message.
        from: AccountId,
        /// The message, as it is now stored.
        message: Box<Message>,
        /// Whether the sender's clock agrees with the time at which the provider accepted the
        /// message. If it does not, show the provider's time.
        sent_time_agrees: bool,
    },
    /// A message that was received before, or deleted since.
    ///
    /// After [`Client::delete_conversation`], also a message accepted before that time which no
    /// session opens, and for 30 days a message whose key was used.
    ///
    /// This also happens if the application was stopped after the message was stored and before it
    /// was shown. So if [`Client::message`] has the message and the display does not, show it.
    Duplicate {
        /// The account that sent the message.
        from: AccountId,
        /// The message's identifier.
        id: FrankingTag,
    },
}

/// Maximum number of deliveries that one transaction receives.
pub const MAX_RECEIVED_AT_ONCE: usize = 64;

/// Length of the sessions, in their stored form, after which a transaction takes no further
/// deliveries. Bounds the memory that deliveries of many hostile peers take.
const MAX_BATCH_LEN: usize = 4 << 20;

/// How long after the deletion of a conversation a message may come again under a new stamp: 30
/// days. Its sender missed the receipt and posted it again.
const POSTED_AGAIN_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// What one transaction receives: the peers, the prekeys and the replay memories that it changes,
/// and what it writes.
///
/// Nothing of it is in the cache or the store before the commit. So a batch that fails is dropped.
#[derive(Default)]
struct Batch {
    transaction: Transaction,
    peers: BTreeMap<AccountId, InBatch>,
    received: BTreeSet<(AccountId, [u8; 32])>,
    prekeys: Option<PreKeys>,
    /// The replay memories of the senders' identities.
    memories: BTreeMap<[u8; IDENTITY_KEY_LEN], ReplayMemory>,
    /// The rows of due messages that are written.
    due: BTreeSet<u64>,
}

struct InBatch {
    peer: Peer,
    is_changed: bool,
}

impl Batch {
    fn len(&self) -> usize {
        let lens = self.peers.values().map(|one| one.peer.len());
        lens.fold(0, usize::saturating_add)
    }
}

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
    /// [`ReceiveError`]. Nothing changed, except with [`ReceiveError::Withheld`], where the message
    /// key is spent, and if the commit failed, after which only the store knows.
    pub fn receive(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        let received = self.receive_many([delivery])?.pop();
        // There is one result for the first delivery, always.
        received.unwrap_or(Err(ReceiveError::Session(DecryptError::Unauthenticated)))
    }

    /// Opens several deliveries, in their order, and stores all their messages in one transaction.
    ///
    /// Use it for what waited while the device was offline: most of the time of a
    /// [`receive`](Self::receive) is the disk's. Returns one result for each delivery that it took:
    /// the first [`MAX_RECEIVED_AT_ONCE`], or fewer from peers with very large sessions. Pass the
    /// others to the next call. A delivery that does not open costs only itself, and each result
    /// means what it means for `receive`. Acknowledge none before this call returned.
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
        let deliveries: Vec<_> = deliveries.collect();
        self.run(|client| {
            let mut batch = Batch::default();
            let mut results = Vec::with_capacity(deliveries.len());
            for delivery in &deliveries {
                match client.receive_into(&mut batch, delivery) {
                    Err(ReceiveError::State(StateError::Store(error))) => {
                        return Err(StateError::Store(error));
                    }
                    result => results.push(result),
                }
                if batch.len() > MAX_BATCH_LEN {
                    break;
                }
            }
            client.commit_batch(batch)?;
            Ok(results)
        })
    }

    /// Persists before a message is shown and its delivery acknowledged.
    fn commit_batch(&mut self, mut batch: Batch) -> Result<(), StateError<S::Error>> {
        for (account, one) in &mut batch.peers {
            if one.is_changed {
                one.peer.put(account, &mut batch.transaction);
            }
        }
        if let Some(prekeys) = &mut batch.prekeys {
            put_prekeys(prekeys, &mut batch.transaction);
        }
        for memory in batch.memories.values().filter(|memory| memory.is_changed()) {
            if let Some(sender) = memory.sender() {
                let key = keys::replay_memory(sender);
                batch.transaction.put(key, memory.export());
            }
        }
        if !batch.transaction.changes().is_empty() {
            self.commit(batch.transaction)?;
        }
        // Deliveries that came again did not need the prekeys, which then stay cached.
        if batch.prekeys.is_some() {
            self.prekeys = batch.prekeys;
        }
        for (account, one) in batch.peers {
            // An unknown sender whose message did not open is not added to the peers.
            if one.peer.is_stored() {
                self.keep_peer(&account, one.peer);
            }
        }
        Ok(())
    }

    fn receive_into(
        &mut self,
        batch: &mut Batch,
        delivery: &[u8],
    ) -> Result<Received, ReceiveError<S::Error>> {
        // Check the length, parse, authenticate: the provider must vouch for stamp, sender and time
        // before anything is opened.
        let delivery =
            Delivery::decode(delivery)?.authenticate(self.delivery_key(), &self.me.account)?;
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
        if let MessageKind::Refusal { .. } = &kind {
            return Err(ReceiveError::Session(DecryptError::Unauthenticated));
        }
        if let MessageKind::Initial { identity } = &kind {
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
        let Some(InBatch { peer, is_changed }) = batch.peers.get_mut(&from) else {
            return Err(damaged(&from).into()); // it was inserted above
        };
        if let MessageKind::Initial { identity } = kind
            // The contact holds the identity that was pinned at first contact, or accepted by the
            // user since.
            && is_other(&peer.identity, &identity.to_bytes())
        {
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
        let opened = match open(&mut channel, &delivery) {
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
                    before => accepted_at_ms < before,
                };
                let error = ReceiveError::Session(error);
                return match error.advice() {
                    Advice::FetchBundle if was_deleted => Ok(Received::Duplicate { from, id }),
                    _ => Err(error),
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
        let mut index = IndexRecord::default();
        if let Some(opened) = &opened {
            let (transaction, evidence) = (&mut batch.transaction, opened.evidence());
            index.ordinal = Some(peer.conversation.next_ordinal);
            index.due = self.put_due(transaction, &mut batch.due, &from, evidence)?;
        }
        self.put_index(&mut batch.transaction, &from, id, &index);
        let (Some(opened), Some(ordinal)) = (opened, index.ordinal) else {
            return Err(ReceiveError::Withheld);
        };
        peer.conversation.next_ordinal = ordinal.saturating_add(1);
        peer.conversation.last_seen = id.as_bytes().to_vec();
        let sent_time_agrees = opened.sent_time_agrees();
        let (content, attachments, evidence) = opened.into_parts();
        let state = MessageState::Stamped(take_secret_bytes(evidence.encode()));
        let state = Some(state);
        let record = MessageRecord { ordinal, state };
        batch.transaction.put_message(&from, &record);
        let message = Message::received(ordinal, content, attachments, evidence);
        Ok(Received::Message {
            from,
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
