//! What the client keeps in its store: one struct per kind of record, as versioned bytes.
//!
//! These bytes never travel: they are this crate's own, sealed by the store. The first byte is the version
//! of the record, the rest is protobuf.

use prost::bytes::{Buf, Bytes};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The version byte of every record.
const RECORD_VERSION: u8 = 1;

/// This device's account.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct AccountRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    #[prost(uint32, tag = "2")]
    pub(crate) device: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) delivery_key: Vec<u8>,
}

/// One peer: who it is, how to talk to it, and where the conversation stands.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct PeerRecord {
    /// The pinned identity, 64 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) identity: Vec<u8>,
    /// All sessions with the peer but their skipped keys, exported; empty after an identity change was accepted.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) sessions: Vec<u8>,
    /// The sequence number of the next message to it.
    #[prost(uint64, tag = "3")]
    pub(crate) next_sequence: u64,
    /// The tag of the last message seen from it; empty before the first.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) last_seen: Vec<u8>,
    /// The ordinal of the next message record of this conversation.
    #[prost(uint64, tag = "5")]
    pub(crate) next_ordinal: u64,
    /// Its account, to list the peers by.
    #[prost(string, tag = "6")]
    pub(crate) account: String,
    /// Bytes of the sessions' skipped keys together, which are in pages of their own; 0 if there are none.
    #[prost(uint64, tag = "7")]
    pub(crate) skipped_len: u64,
}

/// One message, sent or received: its evidence, or while it waits for the relay's receipt what becomes it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct MessageRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) ordinal: u64,
    #[prost(oneof = "MessageState", tags = "2, 3")]
    pub(crate) state: Option<MessageState>,
}

/// How far a message has come.
#[derive(Clone, PartialEq, prost::Oneof, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) enum MessageState {
    /// An encoded `SentMessage`.
    #[prost(bytes = "vec", tag = "2")]
    Sent(Vec<u8>),
    /// Encoded `Evidence`.
    #[prost(bytes = "vec", tag = "3")]
    Stamped(Vec<u8>),
}

/// Where the message with a tag is: recognises deliveries and receipts.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IndexRecord {
    /// The message's ordinal; `None` if there is no record of it: its content was withheld, or it was deleted.
    #[prost(uint64, optional, tag = "1")]
    pub(crate) ordinal: Option<u64>,
    /// The outbox entry of a message that waits for its receipt.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) outbox: Option<u64>,
}

/// An envelope the relay has not confirmed yet.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct OutboxRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) ordinal: u64,
    #[prost(string, tag = "2")]
    pub(crate) recipient: String,
    /// The message's tag.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) envelope: Vec<u8>,
}

/// Numbers that go up by one over all conversations.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CountersRecord {
    /// The ordinal of the next outbox entry.
    #[prost(uint64, tag = "1")]
    pub(crate) next_outbox: u64,
}

/// One-time prekeys the provider has not confirmed yet, as they are uploaded.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UploadRecord {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) one_time: Vec<Vec<u8>>,
}

/// A report the provider has not confirmed yet.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ReportRecord {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) report: Vec<u8>,
}

macro_rules! quiet_debug {
    ($($record:ident),*) => {$(
        impl std::fmt::Debug for $record {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($record)).finish_non_exhaustive()
            }
        }
    )*};
}
quiet_debug!(
    AccountRecord,
    PeerRecord,
    MessageRecord,
    MessageState,
    OutboxRecord,
    UploadRecord,
    ReportRecord
);

/// Writes a record as versioned bytes.
pub(crate) fn encode(record: &impl prost::Message) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(record.encoded_len().saturating_add(1)));
    bytes.push(RECORD_VERSION);
    record.encode_raw(&mut *bytes);
    bytes
}

/// Reads a record this crate wrote; `None` if the bytes are of another version or damaged.
pub(crate) fn decode<R: prost::Message + Default>(bytes: &[u8]) -> Option<R> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, record)) => R::decode(Wiped(record)).ok(),
        _ => None,
    }
}

/// A record to be read. prost takes each field in a buffer of its own before it copies it to where it belongs; this one wipes it.
struct Wiped<'a>(&'a [u8]);

impl Buf for Wiped<'_> {
    fn remaining(&self) -> usize {
        self.0.len()
    }

    fn chunk(&self) -> &[u8] {
        self.0
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        let field = Zeroizing::new(self.0.get(..len).unwrap_or_default().to_vec());
        self.0.advance(len);
        Bytes::from_owner(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_print_nothing_they_hold() {
        let mut record = AccountRecord::default();
        record.identity.resize(64, 7);
        assert_eq!(format!("{record:?}"), "AccountRecord { .. }");
    }

    #[test]
    fn a_record_of_another_version_is_not_read() {
        let mut record = PeerRecord::default();
        record.next_sequence = 3;
        let mut bytes = encode(&record);
        assert_eq!(decode::<PeerRecord>(&bytes).unwrap().next_sequence, 3);
        bytes[0] = 2;
        assert!(decode::<PeerRecord>(&bytes).is_none());
        assert!(decode::<PeerRecord>(&[]).is_none());
    }
}
