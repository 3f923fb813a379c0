//! The records in a chunk: messages with their evidence, by conversation.

use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::{AccountId, Audience};
use zeroize::Zeroizing;

use super::MAX_BODY_LEN;
use super::error::ChunkError;
use crate::sync::codec::Reader;

/// The types of the records.
const PEER: u8 = 1;
const MESSAGE: u8 = 2;

const SENT: u8 = 1;
const RECEIVED: u8 = 2;

/// Length of a message's record without its evidence.
const MESSAGE_HEADER_LEN: usize = 4 + 1 + 1 + 8 + 8 + 1;

/// One message of the history.
///
/// Encoded `02 || direction u8 || delivered be64 || opened be64 || not delivered u8 || evidence`.
/// Direction is 1 for sent and 2 for received. Times are in milliseconds, 0 if it did not happen.
pub(crate) struct HistoryMessage {
    /// Whether the own account sent it. Else it was received.
    pub(crate) is_sent: bool,
    pub(crate) delivered_ms: u64,
    pub(crate) opened_ms: u64,
    pub(crate) not_delivered: u8,
    pub(crate) evidence: Evidence,
}

impl HistoryMessage {
    /// Whether the message was exchanged between the account and this peer, in this direction.
    ///
    /// The evidence itself was checked when it was decoded: its content is what its tag commits to,
    /// for the sender and the conversation of its claim. Only the provider can check the stamp.
    pub(crate) fn belongs(&self, me: &AccountId, peer: &AccountId) -> bool {
        let Audience::Direct(recipient) = self.evidence.audience() else {
            return false;
        };
        let sender = &self.evidence.sender().account;
        let (from, to) = match self.is_sent {
            true => (me, peer),
            false => (peer, me),
        };
        // CHK-346: the evidence is of a message between this account and the peer, in the direction
        // that the record says, with a content that can be shown.
        peer != me && sender == from && recipient == to && self.evidence.content().is_some()
    }
}

/// A record of a chunk.
pub(crate) enum HistoryRecord {
    /// The messages that follow are of the conversation with this peer.
    Peer(AccountId),
    Message(Box<HistoryMessage>),
    /// A message whose evidence cannot be read.
    Refused,
}

/// Writes the records of one chunk.
///
/// ```text
/// records = record, ..       record = len be32 || 01 || account
///                                   | len be32 || 02 || message
/// ```
///
/// Messages belong to the conversation of the account before them, in the same chunk.
pub(crate) struct BodyWriter {
    body: Zeroizing<Vec<u8>>,
}

impl BodyWriter {
    pub(crate) fn new() -> Self {
        let body = Zeroizing::new(Vec::with_capacity(MAX_BODY_LEN));
        Self { body }
    }

    /// Begins the conversation with a peer. Returns whether there was room.
    pub(crate) fn peer(&mut self, peer: &AccountId) -> bool {
        let account = peer.as_str().as_bytes();
        self.put(account.len().saturating_add(1), |body| {
            body.push(PEER);
            body.extend_from_slice(account);
        })
    }

    /// Adds a message. Returns whether there was room.
    pub(crate) fn message(&mut self, message: &HistoryMessage) -> bool {
        let evidence = message.evidence.encode();
        let len = evidence.len().saturating_add(MESSAGE_HEADER_LEN - 4);
        self.put(len, |body| {
            body.push(MESSAGE);
            body.push(if message.is_sent { SENT } else { RECEIVED });
            body.extend_from_slice(&message.delivered_ms.to_be_bytes());
            body.extend_from_slice(&message.opened_ms.to_be_bytes());
            body.push(message.not_delivered);
            body.extend_from_slice(&evidence);
        })
    }

    fn put(&mut self, len: usize, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        let end = self.body.len().saturating_add(4).saturating_add(len);
        let Some(len) = u32::try_from(len).ok().filter(|_| end <= MAX_BODY_LEN) else {
            return false;
        };
        self.body.extend_from_slice(&len.to_be_bytes());
        put(&mut self.body);
        true
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.body
    }
}

/// Reads the records of a chunk, one after the other. Ends after the first error.
pub(crate) fn records(body: &[u8]) -> impl Iterator<Item = Result<HistoryRecord, ChunkError>> {
    let mut reader = Reader::new(body);
    let mut has_failed = false;
    core::iter::from_fn(move || {
        if has_failed || reader.is_empty() {
            return None;
        }
        let record = reader.long().and_then(record);
        has_failed = record.is_none();
        Some(record.ok_or(ChunkError::Malformed))
    })
}

fn record(bytes: &[u8]) -> Option<HistoryRecord> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        PEER => {
            let account = str::from_utf8(reader.rest()).ok()?;
            Some(HistoryRecord::Peer(AccountId::new(account).ok()?))
        }
        MESSAGE => {
            let is_sent = match reader.u8()? {
                SENT => true,
                RECEIVED => false,
                _ => return None,
            };
            let (delivered_ms, opened_ms) = (reader.u64()?, reader.u64()?);
            let not_delivered = reader.u8()?;
            // CHK-346: the evidence is of the message that its tag commits to.
            let Ok(evidence) = Evidence::decode(reader.rest()) else {
                return Some(HistoryRecord::Refused);
            };
            Some(HistoryRecord::Message(Box::new(HistoryMessage {
                is_sent,
                delivered_ms,
                opened_ms,
                not_delivered,
                evidence,
            })))
        }
        _ => None,
    }
}
