//! Records that earlier versions wrote.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// One peer in layout 1: what are now the records of a contact, its device and its conversation.
/// Only read, to convert it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct EarlierPeerRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) sessions: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(crate) next_sequence: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) last_seen: Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub(crate) next_ordinal: u64,
    #[prost(string, tag = "6")]
    pub(crate) account: String,
    #[prost(uint64, tag = "7")]
    pub(crate) skipped_len: u64,
}

quiet_debug!(EarlierPeerRecord);
