//! Records of what refers to a message, of messages that disappear, and of the timer.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// What refers to one message: its edits, its deletions and the reactions to it.
///
/// Written in the transaction that stores the referring message, also before the message that it
/// refers to is here. Deleted with that message, and with the conversation.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct FoldRecord {
    /// The newest edits of each author.
    #[prost(message, repeated, tag = "1")]
    pub(crate) edits: Vec<RefersRecord>,
    /// The first deletion of each author.
    #[prost(message, repeated, tag = "2")]
    pub(crate) deletions: Vec<RefersRecord>,
    /// The newest reaction of each account.
    #[prost(message, repeated, tag = "3")]
    pub(crate) reactions: Vec<RefersRecord>,
    /// How many edits there are of each author.
    #[prost(message, repeated, tag = "4")]
    pub(crate) counts: Vec<EditsRecord>,
    /// The tag of the message that they refer to.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) id: Vec<u8>,
}

/// One message that refers to another one.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct RefersRecord {
    /// The ordinal of the referring message.
    #[prost(uint64, tag = "1")]
    pub(crate) ordinal: u64,
    /// The account of its author.
    #[prost(string, tag = "2")]
    pub(crate) account: String,
    /// The account key under which it came, 32 bytes. Empty if it is unknown.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) account_key: Vec<u8>,
    /// When it was sent by its author's clock, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(crate) sent_ms: u64,
    /// The device of its author.
    #[prost(uint32, tag = "5")]
    pub(crate) device: u32,
    /// Its number among the messages of that device.
    #[prost(uint64, tag = "6")]
    pub(crate) sequence: u64,
    /// Its tag.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) id: Vec<u8>,
    /// When the provider accepted it, in milliseconds. 0 before its receipt.
    #[prost(uint64, tag = "8")]
    pub(crate) accepted_ms: u64,
    /// The reaction, up to 64 bytes. Empty of an edit, a deletion, and a reaction that is taken
    /// back.
    #[prost(string, tag = "9")]
    pub(crate) reaction: String,
    /// Whether the device had been removed from its account when the message opened.
    #[prost(bool, tag = "10")]
    pub(crate) from_removed_device: bool,
}

/// How many edits of one message an author sent.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct EditsRecord {
    /// The author's account.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The account key under which they came, 32 bytes. Empty if it is unknown.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) account_key: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub(crate) count: u32,
}

/// Names a message that refers to another one, at its ordinal, to wipe it with that one.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ReferenceRecord {
    /// The tag of the referring message.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
}

/// A received message that disappears some time after it was read, and was not read yet.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UnreadRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// When the provider accepted it, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(crate) accepted_ms: u64,
    /// How long after it was read it disappears.
    #[prost(uint32, tag = "3")]
    pub(crate) after_secs: u32,
}

/// The timer of a conversation: what its newest message about it says.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct TimerRecord {
    /// How long after they were read messages disappear. 0 if they stay.
    #[prost(uint32, tag = "1")]
    pub(crate) after_secs: u32,
    /// When the message was sent by its author's clock, in milliseconds. 0 if this device set it
    /// with a clock so far ahead that any other timer is newer.
    #[prost(uint64, tag = "2")]
    pub(crate) sent_ms: u64,
    /// The device of its author.
    #[prost(uint32, tag = "3")]
    pub(crate) device: u32,
    /// Its number among the messages of that device.
    #[prost(uint64, tag = "4")]
    pub(crate) sequence: u64,
    /// Its tag.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) id: Vec<u8>,
    /// The account of its author.
    #[prost(string, tag = "6")]
    pub(crate) account: String,
}

quiet_debug!(
    FoldRecord,
    RefersRecord,
    EditsRecord,
    ReferenceRecord,
    UnreadRecord,
    TimerRecord,
);
