//! Receiving: authenticate the delivery, recognise repeats, open, persist; only then may it be acknowledged.

use waxseal_core::{DecryptError, Message as Sealed, MessageKind};
use waxseal_reporting::{AccountId, Delivery, FrankingTag, OpenError, open};

use super::history::Message;
use super::peers::Peer;
use super::{Client, field};
use crate::channel::SessionOpener;
use crate::error::{PeerError, ReceiveError};
use crate::records::{self, IndexRecord, MessageRecord, MessageState};
use crate::store::{Key, Store, Transaction};

/// What a delivery was. Either way it may now be acknowledged to the provider.
#[derive(Clone, Debug)]
pub enum Received {
    /// A message, seen for the first time. It is stored, with the evidence for a report.
    Message {
        /// Who sent it.
        from: AccountId,
        /// The message.
        message: Box<Message>,
        /// Whether the sender's clock agrees with the time at which the provider accepted the message. Show the
        /// provider's time where it does not.
        sent_time_agrees: bool,
    },
    /// A message that was received before, or sent by this account, or deleted since.
    ///
    /// An application that was stopped after it was stored and before it was shown sees it here: if
    /// [`Client::message`] has it and the display does not, show it.
    Duplicate {
        /// Who sent it.
        from: AccountId,
        /// Its identifier.
        id: FrankingTag,
    },
}

impl<S: Store> Client<S> {
    /// Takes one delivery of the provider's relay: opens the message, stores it with its evidence, and returns it.
    ///
    /// Acknowledge the delivery to the provider only after this call returned `Ok`, or an error whose
    /// [advice](ReceiveError::advice) says so.
    ///
    /// The identity of a new sender is pinned at first contact; users make sure of it with the
    /// [safety number](Client::safety_number).
    ///
    /// # Errors
    /// [`ReceiveError`]. Nothing changed, except with [`ReceiveError::Withheld`], where the message key is spent.
    pub fn receive(&mut self, delivery: &[u8]) -> Result<Received, ReceiveError<S::Error>> {
        // Bound, parse, authenticate: the provider vouches for stamp, sender and time before anything is opened.
        let delivery =
            Delivery::decode(delivery)?.authenticate(&self.delivery_key, &self.me.account)?;
        let from = delivery.claim().context().sender.account.clone();
        let id = *delivery.claim().tag();
        if self.index(&from, &id)?.is_some() {
            return Ok(Received::Duplicate { from, id });
        }

        let kind = Sealed::peek(delivery.ciphertext())
            .map_err(|error| ReceiveError::Session(error.into()))?;
        if let MessageKind::Initial { identity } = kind {
            // Not a changed identity that a user could accept.
            if &identity == self.identity.public() {
                return Err(ReceiveError::Session(DecryptError::OwnIdentity));
            }
            // The identity pinned at first contact, or accepted by the user since.
            let differs = |peer: &Peer| peer.record.identity != identity.to_bytes();
            if self.look_at_peer(&from, differs)? == Some(true) {
                return Err(ReceiveError::IdentityChanged { new: identity });
            }
        }

        let mut peer = self.take_peer(&from)?.unwrap_or_else(|| Peer::new(&from));
        let mut prekeys = self.take_prekeys()?;
        let mut channel = SessionOpener::new(&self.identity, &mut prekeys, &mut peer.sessions);
        let opened = match open(&mut channel, &delivery) {
            Ok(opened) => Some(opened),
            // The sender's doing; the message key is spent all the same.
            Err(OpenError::Withheld(_)) => None,
            Err(OpenError::Channel(error)) => {
                // Both are as they were, and a stranger stays one.
                self.prekeys = Some(prekeys);
                if !peer.record.identity.is_empty() {
                    self.keep_peer(&from, peer);
                }
                return Err(ReceiveError::Session(error));
            }
            Err(_) => return Err(ReceiveError::Session(DecryptError::Unauthenticated)),
        };

        let mut transaction = Transaction::default();
        if matches!(kind, MessageKind::Initial { .. }) {
            transaction.put(Key::PreKeys, prekeys.export());
        }
        if let Some(sessions) = &peer.sessions {
            peer.record.identity = sessions.peer().to_bytes().to_vec();
        }
        let ordinal = opened.is_some().then_some(peer.record.next_ordinal);
        let index = IndexRecord {
            ordinal,
            outbox: None,
        };
        transaction.put(
            Key::MessageIndex {
                peer: from.clone(),
                tag: id,
            },
            records::encode(&index),
        );
        let mut received = None;
        if let (Some(opened), Some(ordinal)) = (opened, ordinal) {
            peer.record.next_ordinal = ordinal.checked_add(1).ok_or(PeerError::Damaged)?;
            peer.record.last_seen = id.as_bytes().to_vec();
            let sent_time_agrees = opened.sent_time_agrees();
            let (_, _, evidence) = opened.into_parts();
            let state = MessageState::Stamped(field(evidence.encode()));
            let record = MessageRecord {
                ordinal,
                state: Some(state),
            };
            transaction.put(
                Key::Message {
                    peer: from.clone(),
                    ordinal,
                },
                records::encode(&record),
            );
            let message = Box::new(Message::received(ordinal, evidence));
            received = Some(Received::Message {
                from: from.clone(),
                message,
                sent_time_agrees,
            });
        }
        peer.put(&from, &mut transaction);
        self.store.commit(transaction).map_err(PeerError::Store)?;
        self.prekeys = Some(prekeys);
        self.keep_peer(&from, peer);
        received.ok_or(ReceiveError::Withheld)
    }
}
