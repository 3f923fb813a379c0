//! What is left of a conversation: its messages with their evidence, in the order this device saw them.

use waxseal_reporting::{
    AccountId, Content, Evidence, FrankingTag, PayloadHeader, SentMessage, Timestamp,
};

use super::Client;
use crate::error::PeerError;
use crate::records::{self, IndexRecord, MessageRecord, MessageState};
use crate::store::{Key, Store, Table, Transaction};

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// This device.
    Sent,
    /// The peer.
    Received,
}

/// One stored message of a conversation.
#[derive(Clone)]
pub struct Message {
    ordinal: u64,
    direction: Direction,
    state: State,
}

#[derive(Clone)]
enum State {
    Sent(SentMessage),
    Stamped(Evidence),
}

impl Message {
    pub(super) fn received(ordinal: u64, evidence: Evidence) -> Self {
        Self {
            ordinal,
            direction: Direction::Received,
            state: State::Stamped(evidence),
        }
    }

    /// The message's identifier, the same on every device and in every report.
    pub fn id(&self) -> &FrankingTag {
        match &self.state {
            State::Sent(sent) => sent.tag(),
            State::Stamped(evidence) => evidence.tag(),
        }
    }

    /// Its place in this device's record of the conversation: for paging.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// Who wrote it.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// What surrounds the content: sequence number, the sender's time, reply, expiry.
    pub fn header(&self) -> &PayloadHeader {
        match &self.state {
            State::Sent(sent) => sent.header(),
            State::Stamped(evidence) => evidence.header(),
        }
    }

    /// What it says.
    pub fn content(&self) -> Option<Content> {
        match &self.state {
            State::Sent(sent) => sent.content(),
            State::Stamped(evidence) => evidence.content(),
        }
    }

    /// The text, if the message is a text.
    pub fn text(&self) -> Option<String> {
        match self.content()? {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// When the provider accepted it; `None` until its receipt was confirmed.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.evidence().map(Evidence::accepted_at)
    }

    /// What a report of the message is made of; `None` for a sent message whose receipt was not confirmed yet.
    pub fn evidence(&self) -> Option<&Evidence> {
        match &self.state {
            State::Sent(_) => None,
            State::Stamped(evidence) => Some(evidence),
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("ordinal", &self.ordinal)
            .field("direction", &self.direction)
            .field("reportable", &self.evidence().is_some())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// At most `limit` messages exchanged with `peer`, in the order this device saw them: the first ones, or those
    /// after the ordinal `after`.
    pub fn messages(
        &self,
        peer: &AccountId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Message>, PeerError<S::Error>> {
        let after = after.map(|ordinal| Key::Message {
            peer: peer.clone(),
            ordinal,
        });
        let rows = self
            .store
            .list(&Table::Messages(peer.clone()), after.as_ref(), limit)
            .map_err(PeerError::Store)?;
        rows.iter()
            .map(|bytes| self.message_of(bytes).ok_or(PeerError::Damaged))
            .collect()
    }

    /// The ordinal that the next message exchanged with `peer` gets: to page from the newest back, ask for those
    /// after it less the page's length and one.
    pub fn next_ordinal(&self, peer: &AccountId) -> Result<u64, PeerError<S::Error>> {
        let next = self.look_at_peer(peer, |peer| peer.record.next_ordinal)?;
        Ok(next.unwrap_or_default())
    }

    /// Deletes a message with its evidence: nobody reads or reports it from this device any more. A copy that is
    /// delivered later is still recognised and not shown.
    ///
    /// One that waits in the [outbox](Client::outbox) leaves it, and is not sent again; it may have arrived
    /// nevertheless. That is also how to give up one that the relay refuses for good.
    pub fn delete_message(
        &mut self,
        peer: &AccountId,
        id: &FrankingTag,
    ) -> Result<(), PeerError<S::Error>> {
        let Some(index) = self.index(peer, id)? else {
            return Ok(());
        };
        let mut transaction = Transaction::default();
        if let Some(ordinal) = index.ordinal {
            transaction.delete(Key::Message {
                peer: peer.clone(),
                ordinal,
            });
        }
        if let Some(ordinal) = index.outbox {
            transaction.delete(Key::Outbox { ordinal });
        }
        transaction.put(
            Key::MessageIndex {
                peer: peer.clone(),
                tag: *id,
            },
            records::encode(&IndexRecord::default()),
        );
        self.store.commit(transaction).map_err(PeerError::Store)
    }

    /// The message with this identifier, if it was exchanged with `peer`, not withheld and not deleted.
    pub fn message(
        &self,
        peer: &AccountId,
        id: &FrankingTag,
    ) -> Result<Option<Message>, PeerError<S::Error>> {
        let Some(ordinal) = self.index(peer, id)?.and_then(|index| index.ordinal) else {
            return Ok(None);
        };
        let bytes = self
            .store
            .get(&Key::Message {
                peer: peer.clone(),
                ordinal,
            })
            .map_err(PeerError::Store)?
            .ok_or(PeerError::Damaged)?;
        self.message_of(&bytes).map(Some).ok_or(PeerError::Damaged)
    }

    fn message_of(&self, bytes: &[u8]) -> Option<Message> {
        let record: MessageRecord = records::decode(bytes)?;
        let state = match record.state.as_ref()? {
            MessageState::Sent(sent) => State::Sent(SentMessage::decode(sent).ok()?),
            MessageState::Stamped(evidence) => State::Stamped(Evidence::decode(evidence).ok()?),
        };
        let direction = match &state {
            State::Stamped(evidence) if evidence.sender() != &self.me => Direction::Received,
            _ => Direction::Sent,
        };
        Some(Message {
            ordinal: record.ordinal,
            direction,
            state,
        })
    }

    pub(super) fn message_record(
        &self,
        peer: &AccountId,
        ordinal: u64,
    ) -> Result<MessageRecord, PeerError<S::Error>> {
        let bytes = self
            .store
            .get(&Key::Message {
                peer: peer.clone(),
                ordinal,
            })
            .map_err(PeerError::Store)?
            .ok_or(PeerError::Damaged)?;
        records::decode(&bytes).ok_or(PeerError::Damaged)
    }

    pub(super) fn index(
        &self,
        peer: &AccountId,
        tag: &FrankingTag,
    ) -> Result<Option<IndexRecord>, PeerError<S::Error>> {
        let Some(bytes) = self
            .store
            .get(&Key::MessageIndex {
                peer: peer.clone(),
                tag: *tag,
            })
            .map_err(PeerError::Store)?
        else {
            return Ok(None);
        };
        records::decode(&bytes).map(Some).ok_or(PeerError::Damaged)
    }
}
