//! Records of what the devices of the own account tell each other.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The numbers of the sync, and what the other own devices lack. Written with each item.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SyncRecord {
    /// The highest number of an item that this device has seen.
    #[prost(uint64, tag = "1")]
    pub(crate) clock: u64,
    /// Whether every contact has its items. Contacts get them when the account gets a second
    /// device.
    #[prost(bool, tag = "2")]
    pub(crate) has_listed: bool,
    /// The last contact that was given its items. Empty before the first.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) listed_to: Vec<u8>,
    /// The other devices of the own account.
    #[prost(message, repeated, tag = "4")]
    pub(crate) devices: Vec<OwnDeviceRecord>,
    /// Whether all items are being told, to devices that lack some.
    #[prost(bool, tag = "5")]
    pub(crate) is_passing: bool,
    /// The last item that was told. Empty before the first.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) passed_to: Vec<u8>,
    /// When own devices were last told what was read, in milliseconds. 0 if they were not.
    #[prost(uint64, tag = "7")]
    pub(crate) read_told_ms: u64,
    /// Whether this device may have missed items, and asks for all.
    #[prost(bool, tag = "8")]
    pub(crate) wants_state: bool,
    /// When this device last asked for all items, in milliseconds. 0 if it did not.
    #[prost(uint64, tag = "9")]
    pub(crate) asked_ms: u64,
    /// Whether this device leaves the account.
    #[prost(bool, tag = "10")]
    pub(crate) leaves: bool,
    /// The number in the outbox of the note that tells so. Absent until it is sealed.
    #[prost(uint64, optional, tag = "11")]
    pub(crate) leave_note: Option<u64>,
    /// Other devices that left, and that the own roster listed when they said so.
    #[prost(message, repeated, tag = "12")]
    pub(crate) leavers: Vec<LeaverRecord>,
    /// Other devices that refused a note. They are told of the groups again.
    #[prost(message, repeated, tag = "13")]
    pub(crate) untold: Vec<UntoldRecord>,
    /// When such devices were last told of the groups, in milliseconds. 0 if they were not.
    #[prost(uint64, tag = "14")]
    pub(crate) told_again_ms: u64,
    /// Whether every contact has its items, that it is accepted among them. Looked at again for
    /// each device that is new.
    #[prost(bool, tag = "40")]
    pub(crate) has_decisions: bool,
}

/// A device of the own account that refused a note, in a [`SyncRecord`].
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UntoldRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    /// The session that it does not have, on which nothing is told. Empty if it has that on which
    /// this device sends.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) not_on: Vec<u8>,
}

/// A device that left the own account, in a [`SyncRecord`].
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct LeaverRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    /// The device's identity, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) identity: Vec<u8>,
}

/// Another device of the own account, in a [`SyncRecord`].
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct OwnDeviceRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    /// The device's identity, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) identity: Vec<u8>,
    /// Whether the device may lack items, so that it is told all of them.
    #[prost(bool, tag = "3")]
    pub(crate) lacks: bool,
    /// Whether it is being told all of them, and has missed none so far.
    #[prost(bool, tag = "4")]
    pub(crate) is_in_pass: bool,
    /// When it was last told all of them, in milliseconds. 0 if it was not.
    #[prost(uint64, tag = "5")]
    pub(crate) passed_ms: u64,
    /// When a session with it was last asked for, in milliseconds. 0 if none was.
    #[prost(uint64, tag = "6")]
    pub(crate) wanted_ms: u64,
}

/// An item that the own devices share, in the form in which it is told.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct ItemRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) item: Vec<u8>,
    /// When it was made here, or when the provider accepted what told it, in milliseconds. Only of
    /// how far a conversation was read.
    #[prost(uint64, tag = "2")]
    pub(crate) at_ms: u64,
}

/// What an item is about that is still to be told or carried out.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SubjectRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) subject: Vec<u8>,
}

/// A history that this device gives to another device of the account. Deleted, and the key with it,
/// when the other device has it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct ExportRecord {
    /// The request, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) request: Vec<u8>,
    /// The device that asked.
    #[prost(uint32, tag = "2")]
    pub(crate) device: u32,
    /// The one-time key, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) key: Vec<u8>,
    /// How often the rest was asked for.
    #[prost(uint32, tag = "4")]
    pub(crate) round: u32,
    /// The first chunk of this round.
    #[prost(uint32, tag = "5")]
    pub(crate) first: u32,
    /// The first chunk that was never made.
    #[prost(uint32, tag = "6")]
    pub(crate) next: u32,
    /// How many chunks there are. 0 until the last one was made.
    #[prost(uint32, tag = "7")]
    pub(crate) count: u32,
    /// Whether the offer is still to be told.
    #[prost(bool, tag = "8")]
    pub(crate) tells: bool,
    /// When the user agreed, in milliseconds.
    #[prost(uint64, tag = "9")]
    pub(crate) offered_ms: u64,
    /// The chunk of this round that was made last: those before it were posted.
    #[prost(uint32, tag = "10")]
    pub(crate) at: u32,
    /// The identity of the device that asked.
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) identity: Vec<u8>,
}

/// Where a chunk of a history begins.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct PositionRecord {
    /// The place of the last conversation that was begun. Empty before the first.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) conversation: Vec<u8>,
    /// The peer of that conversation. Empty if it is finished, and for a group.
    #[prost(string, tag = "2")]
    pub(crate) account: String,
    /// The ordinal of the last message that came before. Absent if there is none.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) ordinal: Option<u64>,
    /// The id of the group of that conversation, 32 bytes. Empty if it is finished, and for a peer.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) group: Vec<u8>,
}

/// A history that this device takes from another device of the account. Deleted, and the key with
/// it, when the other device was told that this one has all of it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct ImportRecord {
    /// The request, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) request: Vec<u8>,
    /// Whether the request is still to be told.
    #[prost(bool, tag = "2")]
    pub(crate) tells: bool,
    /// Whether the history is here, so that its end is still to be told.
    #[prost(bool, tag = "3")]
    pub(crate) is_done: bool,
    /// The one-time key, 32 bytes. Empty before the offer.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) key: Vec<u8>,
    /// The device that gives the history.
    #[prost(uint32, tag = "5")]
    pub(crate) device: u32,
    /// The round of the last offer.
    #[prost(uint32, tag = "6")]
    pub(crate) round: u32,
    /// The next chunk.
    #[prost(uint32, tag = "7")]
    pub(crate) next: u32,
    /// How many messages were taken, were here before, and were refused.
    #[prost(uint64, tag = "8")]
    pub(crate) taken: u64,
    #[prost(uint64, tag = "9")]
    pub(crate) known: u64,
    #[prost(uint64, tag = "10")]
    pub(crate) refused: u64,
    /// When this device last asked, in milliseconds.
    #[prost(uint64, tag = "11")]
    pub(crate) asked_ms: u64,
    /// The identity of the device that gives the history.
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) identity: Vec<u8>,
    /// When the provider accepted the last offer, in milliseconds.
    #[prost(uint64, tag = "13")]
    pub(crate) offered_ms: u64,
}

quiet_debug!(
    SyncRecord,
    OwnDeviceRecord,
    UntoldRecord,
    LeaverRecord,
    ItemRecord,
    SubjectRecord,
    ExportRecord,
    PositionRecord,
    ImportRecord,
);
