//! The records in a chunk: messages with their evidence, by conversation.

use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::{AccountId, Audience};
use waxseal_roster::group::GroupId;
use zeroize::Zeroizing;

use super::MAX_BODY_LEN;
use super::error::ChunkError;
use crate::conversation::Conversation;
use crate::sync::codec::Reader;

/// The types of the records.
const PEER: u8 = 1;
const MESSAGE: u8 = 2;
const GROUP: u8 = 3;
const KEYED: u8 = 4;

const SENT: u8 = 1;
const RECEIVED: u8 = 2;

/// Length of a message's record without its evidence.
const MESSAGE_HEADER_LEN: usize = 4 + 1 + 1 + 8 + 8 + 1;

/// Length of what the record of a message has besides, whose account key is known.
const KEYED_LEN: usize = 1 + 32;

/// One message of the history.
///
/// ```text
/// 02 || direction u8 || delivered be64 || opened be64 || not delivered u8 || evidence
/// 04 || direction u8 || delivered be64 || opened be64 || not delivered u8 || removed u8
///    || account key 32 || evidence
/// ```
///
/// Direction is 1 for sent and 2 for received. Times are in milliseconds, 0 if it did not happen.
pub(crate) struct HistoryMessage {
    /// Whether the own account sent it. Else it was received.
    pub(crate) is_sent: bool,
    pub(crate) delivered_ms: u64,
    pub(crate) opened_ms: u64,
    pub(crate) not_delivered: u8,
    /// Whether the sending device had been removed from its account. Told with the account key.
    pub(crate) from_removed_device: bool,
    /// The account key under which the message came. `None` in what an earlier version gives.
    pub(crate) account_key: Option<[u8; 32]>,
    pub(crate) evidence: Evidence,
}

impl HistoryMessage {
    /// Whether the message is one of this account in this conversation, in this direction.
    ///
    /// The evidence itself was checked when it was decoded: its content is what its tag commits to,
    /// for the sender and the conversation of its claim. Only the provider can check the stamp.
    pub(crate) fn belongs(&self, me: &AccountId, conversation: &Conversation) -> bool {
        let sender = &self.evidence.sender().account;
        let is_of_it = match (conversation, self.evidence.audience()) {
            (Conversation::Direct(peer), Audience::Direct(recipient)) => {
                let (from, to) = match self.is_sent {
                    true => (me, peer),
                    false => (peer, me),
                };
                peer != me && sender == from && recipient == to
            }
            (Conversation::Group(group), Audience::Group(named)) => {
                *named.as_bytes() == group.to_bytes() && self.is_sent == (sender == me)
            }
            _ => false,
        };
        // CHK-346: the evidence is of a message between this account and the peer, or to the group,
        // in the direction that the record says, with a content that can be shown.
        is_of_it && self.evidence.content().is_some()
    }
}

/// A record of a chunk.
pub(crate) enum HistoryRecord {
    /// The messages that follow are of this conversation.
    Conversation(Conversation),
    Message(Box<HistoryMessage>),
    /// A message whose evidence cannot be read.
    Refused,
}

/// Writes the records of one chunk.
///
/// ```text
/// records = record, ..       record = len be32 || 01 || account
///                                   | len be32 || 02 || message
///                                   | len be32 || 03 || group 32
///                                   | len be32 || 04 || message with its account key
/// ```
///
/// Messages belong to the conversation of the account or group before them, in the same chunk.
pub(crate) struct BodyWriter {
    body: Zeroizing<Vec<u8>>,
}

impl BodyWriter {
    pub(crate) fn new() -> Self {
        let body = Zeroizing::new(Vec::with_capacity(MAX_BODY_LEN));
        Self { body }
    }

    /// Begins a conversation. Returns whether there was room.
    pub(crate) fn conversation(&mut self, conversation: &Conversation) -> bool {
        let (kind, name) = match conversation {
            Conversation::Direct(peer) => (PEER, peer.as_str().as_bytes().to_vec()),
            Conversation::Group(group) => (GROUP, group.to_bytes().to_vec()),
        };
        self.put(name.len().saturating_add(1), |body| {
            body.push(kind);
            body.extend_from_slice(&name);
        })
    }

    /// Adds a message. Returns whether there was room.
    pub(crate) fn message(&mut self, message: &HistoryMessage) -> bool {
        let evidence = message.evidence.encode();
        let (kind, key_len) = match message.account_key {
            Some(_) => (KEYED, KEYED_LEN),
            None => (MESSAGE, 0),
        };
        let len = evidence.len().saturating_add(MESSAGE_HEADER_LEN - 4);
        self.put(len.saturating_add(key_len), |body| {
            body.push(kind);
            body.push(if message.is_sent { SENT } else { RECEIVED });
            body.extend_from_slice(&message.delivered_ms.to_be_bytes());
            body.extend_from_slice(&message.opened_ms.to_be_bytes());
            body.push(message.not_delivered);
            if let Some(account_key) = &message.account_key {
                body.push(message.from_removed_device.into());
                body.extend_from_slice(account_key);
            }
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
        kind @ (MESSAGE | KEYED) => message(&mut reader, kind == KEYED),
        PEER => {
            let account = str::from_utf8(reader.rest()).ok()?;
            let peer = AccountId::new(account).ok()?;
            Some(HistoryRecord::Conversation(peer.into()))
        }
        GROUP => {
            let group = GroupId::from_bytes(reader.rest().try_into().ok()?);
            Some(HistoryRecord::Conversation(group.into()))
        }
        _ => None,
    }
}

fn message(reader: &mut Reader<'_>, is_keyed: bool) -> Option<HistoryRecord> {
    let is_sent = match reader.u8()? {
        SENT => true,
        RECEIVED => false,
        _ => return None,
    };
    let (delivered_ms, opened_ms) = (reader.u64()?, reader.u64()?);
    let not_delivered = reader.u8()?;
    let (from_removed_device, account_key) = match is_keyed {
        true => (reader.flag()?, Some(reader.array()?)),
        false => (false, None),
    };
    // CHK-346: the evidence is of the message that its tag commits to.
    let Ok(evidence) = Evidence::decode(reader.rest()) else {
        return Some(HistoryRecord::Refused);
    };
    Some(HistoryRecord::Message(Box::new(HistoryMessage {
        is_sent,
        delivered_ms,
        opened_ms,
        not_delivered,
        from_removed_device,
        account_key,
        evidence,
    })))
}
