//! Sending: draft, seal, persist, hand out the envelope; later the relay's receipt makes it reportable.

use rand_core::CryptoRng;
use waxseal_reporting::{
    AccountId, Attachment, Audience, Content, Evidence, FrankingTag, Payload, PayloadHeader,
    Receipt, SentMessage, Timestamp, seal,
};

use super::{Client, field, tag_of};
use crate::channel::SessionSealer;
use crate::error::{ConfirmError, PeerError, SendError};
use crate::records::{
    self, CountersRecord, IndexRecord, MessageRecord, MessageState, OutboxRecord,
};
use crate::store::{Key, Store, Table, Transaction};

/// A message about to be sent: its content and what goes with it.
#[derive(Clone, Debug)]
pub struct Draft {
    content: Content,
    attachments: Vec<Attachment>,
    reply_to: Option<FrankingTag>,
    forward_count: u8,
    expires_after_secs: u32,
}

impl Draft {
    /// A message with this content.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            attachments: Vec::new(),
            reply_to: None,
            forward_count: 0,
            expires_after_secs: 0,
        }
    }

    /// Adds a descriptor of an encrypted file that is stored elsewhere.
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Marks the message as an answer to another one.
    pub fn reply_to(mut self, message: FrankingTag) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// Says how often the content was forwarded before.
    pub fn forwarded(mut self, times: u8) -> Self {
        self.forward_count = times;
        self
    }

    /// Asks the recipient's application to delete the message so many seconds after it was read.
    pub fn expires_after_secs(mut self, seconds: u32) -> Self {
        self.expires_after_secs = seconds;
        self
    }
}

impl From<&str> for Draft {
    /// A text message.
    fn from(text: &str) -> Self {
        Self::new(Content::Text(text.to_owned()))
    }
}

impl From<Content> for Draft {
    fn from(content: Content) -> Self {
        Self::new(content)
    }
}

/// What has to go to the provider: an envelope to a recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The message's identifier, the same on every device and in every report.
    pub id: FrankingTag,
    /// For whom it is.
    pub recipient: AccountId,
    /// The bytes for the provider's relay.
    pub envelope: Vec<u8>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("envelope_len", &self.envelope.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Seals a message to `recipient` and returns the envelope for the provider's relay.
    ///
    /// The envelope stays in the [outbox](Client::outbox) until the relay's receipt was [confirmed](Client::confirm):
    /// after a crash or a broken connection, send it again as it is. One that the relay refuses for good leaves the
    /// outbox with [`Client::delete_message`].
    ///
    /// # Errors
    /// [`SendError::NoSession`]: fetch the recipient's prekey bundle and call [`Client::start`] first.
    pub fn send(
        &mut self,
        recipient: &AccountId,
        message: impl Into<Draft>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, SendError<S::Error>> {
        let mut peer = self.take_peer(recipient)?.ok_or(SendError::NoSession)?;
        let conversation = Audience::Direct(recipient.clone()).conversation(&self.me.account);
        let draft = message.into();
        let mut header = PayloadHeader::new(conversation, peer.record.next_sequence, now);
        header.last_seen = tag_of(&peer.record.last_seen);
        header.reply_to = draft.reply_to;
        header.forward_count = draft.forward_count;
        header.expires_after_secs = draft.expires_after_secs;
        let payload = Payload::with_attachments(header, draft.content, draft.attachments)?;

        let sessions = peer.sessions.as_mut().ok_or(SendError::NoSession)?;
        let mut channel = SessionSealer::new(sessions);
        let sealed = seal(&mut channel, &self.me, &payload, rng)?;
        let id = *sealed.sent.tag();
        let envelope = sealed.envelope.encode();

        let ordinal = peer.record.next_ordinal;
        let sequence = peer.record.next_sequence;
        let outbox = self.next_outbox()?;
        peer.record.next_ordinal = ordinal.checked_add(1).ok_or(SendError::Exhausted)?;
        peer.record.next_sequence = sequence.checked_add(1).ok_or(SendError::Exhausted)?;
        let state = MessageState::Sent(field(sealed.sent.encode()));
        let message = MessageRecord {
            ordinal,
            state: Some(state),
        };
        let waiting = OutboxRecord {
            ordinal: outbox,
            recipient: recipient.as_str().to_owned(),
            id: id.as_bytes().to_vec(),
            envelope: envelope.clone(),
        };

        // Persist before the ciphertext leaves.
        let counters = CountersRecord {
            next_outbox: outbox.checked_add(1).ok_or(SendError::Exhausted)?,
        };
        let mut transaction = Transaction::default();
        transaction.put(Key::Counters, records::encode(&counters));
        peer.put(recipient, &mut transaction);
        transaction.put(
            Key::Message {
                peer: recipient.clone(),
                ordinal,
            },
            records::encode(&message),
        );
        transaction.put(
            Key::MessageIndex {
                peer: recipient.clone(),
                tag: id,
            },
            records::encode(&IndexRecord {
                ordinal: Some(ordinal),
                outbox: Some(outbox),
            }),
        );
        transaction.put(Key::Outbox { ordinal: outbox }, records::encode(&waiting));
        self.store.commit(transaction).map_err(PeerError::Store)?;
        self.keep_peer(recipient, peer);
        Ok(Outgoing {
            id,
            recipient: recipient.clone(),
            envelope,
        })
    }

    /// Takes the relay's receipt for a sent message: the message leaves the outbox and becomes reportable, so
    /// that a report can show both sides of a conversation.
    ///
    /// A receipt that comes again changes nothing. Returns the message's identifier.
    pub fn confirm(
        &mut self,
        recipient: &AccountId,
        receipt: &[u8],
    ) -> Result<FrankingTag, ConfirmError<S::Error>> {
        let receipt = Receipt::decode(receipt)?;
        let id = *receipt.tag();
        let index = self.index(recipient, &id)?.ok_or(ConfirmError::NotSent)?;
        let ordinal = index.ordinal.ok_or(ConfirmError::NotSent)?;
        let mut message = self.message_record(recipient, ordinal)?;
        let sent = match &message.state {
            Some(MessageState::Sent(sent)) => sent,
            Some(MessageState::Stamped(evidence)) => {
                let evidence = Evidence::decode(evidence).map_err(|_| PeerError::Damaged)?;
                // Confirmed before; or received, and nobody's to confirm.
                let is_ours = evidence.sender() == &self.me;
                return is_ours.then_some(id).ok_or(ConfirmError::NotSent);
            }
            None => return Err(PeerError::Damaged.into()),
        };
        let sent = SentMessage::decode(sent).map_err(|_| PeerError::Damaged)?;
        let evidence = receipt.authenticate(&self.delivery_key, &sent)?;

        message.state = Some(MessageState::Stamped(field(evidence.encode())));
        let mut transaction = Transaction::default();
        transaction.put(
            Key::Message {
                peer: recipient.clone(),
                ordinal,
            },
            records::encode(&message),
        );
        transaction.put(
            Key::MessageIndex {
                peer: recipient.clone(),
                tag: id,
            },
            records::encode(&IndexRecord {
                ordinal: Some(ordinal),
                outbox: None,
            }),
        );
        if let Some(ordinal) = index.outbox {
            transaction.delete(Key::Outbox { ordinal });
        }
        self.store.commit(transaction).map_err(PeerError::Store)?;
        Ok(id)
    }

    /// Envelopes that were sealed and not yet confirmed, oldest first, at most `limit`, each of up to
    /// [`MAX_ENVELOPE_LEN`](waxseal_reporting::MAX_ENVELOPE_LEN) bytes: to be sent again after a crash or a broken
    /// connection. The later ones follow once these are confirmed or [deleted](Client::delete_message).
    pub fn outbox(&self, limit: usize) -> Result<Vec<Outgoing>, PeerError<S::Error>> {
        let rows = self
            .store
            .list(&Table::Outbox, None, limit)
            .map_err(PeerError::Store)?;
        rows.iter()
            .map(|bytes| outgoing_of(bytes).ok_or(PeerError::Damaged))
            .collect()
    }

    /// From the store each time: after a failed commit only the store knows whether the number is taken.
    fn next_outbox(&self) -> Result<u64, PeerError<S::Error>> {
        let Some(bytes) = self.store.get(&Key::Counters).map_err(PeerError::Store)? else {
            return Ok(0);
        };
        let counters: CountersRecord = records::decode(&bytes).ok_or(PeerError::Damaged)?;
        Ok(counters.next_outbox)
    }
}

fn outgoing_of(bytes: &[u8]) -> Option<Outgoing> {
    let mut record: OutboxRecord = records::decode(bytes)?;
    Some(Outgoing {
        id: tag_of(&record.id)?,
        recipient: AccountId::new(&record.recipient).ok()?,
        envelope: std::mem::take(&mut record.envelope),
    })
}
