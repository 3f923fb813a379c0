//! Receiving: authenticate the delivery, recognise repeats, open, persist; only then acknowledge.

use waxseal_core::errors::DecryptError;
use waxseal_core::{Message as SessionMessage, MessageKind};
use waxseal_reporting::recipient::{OpenError, open};
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::{AccountId, FrankingTag};

use super::contact::is_other;
use super::history::Message;
use super::peers::{Peer, damaged};
use super::{Client, keys, take_secret_bytes};
use crate::channel::SessionOpener;
use crate::error::{Damage, ReceiveError, StateError};
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
    /// This also happens if the application was stopped after the message was stored and before it
    /// was shown. So if [`Client::message`] has the message and the display does not, show it.
    Duplicate {
        /// The account that sent the message.
        from: AccountId,
        /// The message's identifier.
        id: FrankingTag,
    },
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
        self.run(|client| {
            // Check the length, parse, authenticate: the provider must vouch for stamp, sender and time
            // before anything is opened.
            let delivery = Delivery::decode(delivery)?
                .authenticate(&client.delivery_key, &client.me.account)?;
            let from = delivery.claim().context().sender.account.clone();
            // No other device has this account. The relay must not put words into the user's mouth.
            if from == client.me.account {
                return Err(ReceiveError::OwnAccount);
            }
            let id = *delivery.claim().tag();
            if client.index(&from, &id)?.is_some() {
                return Ok(Received::Duplicate { from, id });
            }

            let kind = SessionMessage::peek(delivery.ciphertext())
                .map_err(|error| ReceiveError::Session(error.into()))?;
            if let MessageKind::Initial { identity } = kind {
                // This is checked first, because the user must not be asked to accept this device's own
                // identity.
                if &identity == client.identity.public() {
                    return Err(ReceiveError::Session(DecryptError::OwnIdentity));
                }
                // The contact holds the identity that was pinned at first contact, or accepted by the
                // user since.
                let pinned = client.pinned_identity(&from)?.unwrap_or_default();
                if is_other(&pinned, &identity.to_bytes()) {
                    return Err(ReceiveError::IdentityChanged { new: identity });
                }
            }

            let mut peer = client.take_peer(&from)?.unwrap_or_else(|| Peer::new(&from));
            // A conversation goes on even if the prekeys are damaged.
            let mut prekeys = match client.take_prekeys() {
                Err(StateError::Damaged(_)) if peer.sessions.is_some() => None,
                prekeys => Some(prekeys?),
            };
            let mut channel = match &mut prekeys {
                Some(prekeys) => SessionOpener::new(&client.identity, prekeys, &mut peer.sessions),
                None => SessionOpener::without_prekeys(&client.identity, &mut peer.sessions),
            };
            let opened = match open(&mut channel, &delivery) {
                Ok(opened) => Some(opened),
                // The sender's commitment to the content does not hold. The message key is spent
                // nevertheless.
                Err(OpenError::Withheld(_)) => None,
                Err(OpenError::Channel(error)) => {
                    // Prekeys and sessions are unchanged. An unknown sender is not added to the peers.
                    let needs_prekeys = prekeys.is_none() && error == DecryptError::UnknownPreKey;
                    client.prekeys = prekeys;
                    if peer.is_stored() {
                        client.keep_peer(&from, peer);
                    }
                    return Err(match needs_prekeys {
                        true => StateError::Damaged(Damage::PreKeys).into(),
                        false => ReceiveError::Session(error),
                    });
                }
                Err(_) => return Err(ReceiveError::Session(DecryptError::Unauthenticated)),
            };

            // Persist before the message is shown and the delivery acknowledged.
            let mut transaction = Transaction::default();
            if let (MessageKind::Initial { .. }, Some(prekeys)) = (&kind, &prekeys) {
                transaction.put(keys::prekeys(), prekeys.export());
            }
            if let Some(sessions) = &peer.sessions {
                peer.identity = sessions.peer().to_bytes().to_vec();
            }
            let ordinal = opened.is_some().then_some(peer.conversation.next_ordinal);
            let outbox = None;
            client.put_index(
                &mut transaction,
                &from,
                id,
                &IndexRecord { ordinal, outbox },
            );
            let mut received = None;
            if let (Some(opened), Some(ordinal)) = (opened, ordinal) {
                peer.conversation.next_ordinal =
                    ordinal.checked_add(1).ok_or_else(|| damaged(&from))?;
                peer.conversation.last_seen = id.as_bytes().to_vec();
                let sent_time_agrees = opened.sent_time_agrees();
                let (content, attachments, evidence) = opened.into_parts();
                let state = MessageState::Stamped(take_secret_bytes(evidence.encode()));
                let state = Some(state);
                transaction.put_message(&from, &MessageRecord { ordinal, state });
                let message = Message::received(ordinal, content, attachments, evidence);
                received = Some(Received::Message {
                    from: from.clone(),
                    message: Box::new(message),
                    sent_time_agrees,
                });
            }
            peer.put(&from, &mut transaction);
            client.commit(transaction)?;
            client.prekeys = prekeys;
            client.keep_peer(&from, peer);
            received.ok_or(ReceiveError::Withheld)
        })
    }
}
