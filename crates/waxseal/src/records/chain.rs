//! Records of the chains on which this device sends to groups.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The chain on which this device sends to a group. Written with each message. The devices that
/// have the chain are in a row of their own.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct OwnChainRecord {
    /// The exported state of the chain. Empty before the first chain, and after the chain was
    /// deleted.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) state: Vec<u8>,
    /// Number of the chain.
    #[prost(uint32, tag = "2")]
    pub(crate) number: u32,
    /// When the chain began, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) started_ms: u64,
    /// How often the store had been set back when the chain began.
    #[prost(uint64, tag = "4")]
    pub(crate) restarts: u64,
    /// Whether nothing more is sealed or posted on the chain.
    #[prost(bool, tag = "5")]
    pub(crate) is_left: bool,
    /// Whether the next message begins another chain, once all messages on this one were accepted.
    #[prost(bool, tag = "11")]
    pub(crate) renews: bool,
    /// When a device last said that it does not have the chain, so that another one began, in
    /// milliseconds. 0 if none did.
    #[prost(uint64, tag = "6")]
    pub(crate) renewed_ms: u64,
    /// What makes further key slots for the newest message, until it is accepted. Else empty.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) pending: Vec<u8>,
    /// The tag of that message.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) pending_id: Vec<u8>,
    /// The associated data of its key slots, before the preamble.
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) pending_ad: Vec<u8>,
    /// Accounts that left the group at the provider, in the order in which they left, as it said
    /// last.
    #[prost(string, repeated, tag = "9")]
    pub(crate) left: Vec<String>,
    /// When chains of devices that are no members any more were last deleted, in milliseconds.
    #[prost(uint64, tag = "10")]
    pub(crate) tidied_ms: u64,
    /// Accounts that said that they leave, and had not left at the provider, as it said last.
    #[prost(string, repeated, tag = "13")]
    pub(crate) not_left: Vec<String>,
}

/// The chains of another device in a group. Written with each message of that device.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct PeerChainsRecord {
    /// The account of the device.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    #[prost(uint32, tag = "2")]
    pub(crate) device: u32,
    /// The exported chains.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) chains: Vec<u8>,
}

/// The devices that a message to a group was for. Written when they are others than before.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct TargetsRecord {
    /// The first 8 bytes of the SHA-256 of each identity, in the order of the slots.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) devices: Vec<u8>,
    /// When a message was last sealed for them, in milliseconds, or a day at most before that.
    #[prost(uint64, tag = "2")]
    pub(crate) used_ms: u64,
}

/// A device that a message was not sealed for.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct WithoutRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    #[prost(uint32, tag = "2")]
    pub(crate) device: u32,
}

quiet_debug!(
    OwnChainRecord,
    PeerChainsRecord,
    TargetsRecord,
    WithoutRecord
);
