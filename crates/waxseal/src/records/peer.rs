//! Records of a peer: the contact, its devices, their conversation, and what stays of one that is
//! deleted.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::TimerRecord;

/// A contact: an account, and the account key pinned for it, with its newest roster.
///
/// Written at first contact, with each newer roster, and when a changed account key is accepted.
/// This device's own account has such a record too, which holds the own roster.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ContactRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The identity that an earlier version pinned, 64 bytes. The first roster that lists a device
    /// with it pins its account key. Empty after that.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) identity_before: Vec<u8>,
    /// The account key with the newest roster, as `waxseal-roster` encodes them. Empty before the
    /// first roster.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) pinned: Vec<u8>,
    /// The account key that the user accepted, or that was recovered after damage, 32 bytes. The
    /// next roster must have it. Empty if there is a roster.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) account_key: Vec<u8>,
    /// Whether the users compared the safety number.
    #[prost(bool, tag = "5")]
    pub(crate) is_verified: bool,
    /// Whether two rosters of one version were seen, so that nothing is sent before a newer one.
    #[prost(bool, tag = "6")]
    pub(crate) has_conflict: bool,
}

/// A device of a contact: the sessions with it. Written with each message to or from it.
///
/// The account key and the numbers of the conversation are in records of their own. The copies here
/// replace them when those records are damaged.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct DeviceRecord {
    /// All sessions with the device, exported without their skipped keys. Empty if there are none.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) sessions: Vec<u8>,
    /// Total length of the pages that store the sessions' skipped keys. 0 if there are none.
    #[prost(uint64, tag = "2")]
    pub(crate) skipped_len: u64,
    /// The device's identity, 64 bytes. Empty if there was no session yet.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) identity: Vec<u8>,
    /// A copy of the conversation's number.
    #[prost(uint64, tag = "4")]
    pub(crate) next_sequence: u64,
    /// A copy of the conversation's number.
    #[prost(uint64, tag = "5")]
    pub(crate) next_ordinal: u64,
    /// How often the store had been set back when this record was written. If it was set back
    /// since, nothing is sealed any more on any session in this record.
    #[prost(uint64, tag = "6")]
    pub(crate) restarts: u64,
    /// The sessions on which nothing is sealed any more because of that, 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub(crate) left: Vec<Vec<u8>>,
    /// A copy of the contact's account key.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) account_key: Vec<u8>,
    /// When this device learnt that the device was removed from its account, in milliseconds. 0 if
    /// it was not.
    #[prost(uint64, tag = "9")]
    pub(crate) removed_ms: u64,
    /// When a session was last started over because the device refused a message, in milliseconds.
    /// 0 if none was.
    #[prost(uint64, tag = "10")]
    pub(crate) restarted_ms: u64,
    /// The session that was started then, 16 bytes.
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) restarted_on: Vec<u8>,
    /// Whether the last session that this device started had no one-time prekey.
    #[prost(bool, tag = "12")]
    pub(crate) had_no_one_time: bool,
    /// When a bundle of the device was last unusable, in milliseconds. 0 if none was.
    #[prost(uint64, tag = "13")]
    pub(crate) unusable_ms: u64,
    /// When the provider accepted the first message of the device that opened since this device
    /// last sealed a new message for it, in milliseconds. 0 if there is no such message.
    #[prost(uint64, tag = "14")]
    pub(crate) unanswered_ms: u64,
    /// How many keys of chains the device gave this one since then.
    #[prost(uint32, tag = "15")]
    pub(crate) unanswered_keys: u32,
}

/// A conversation: its numbering. Written with each message.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ConversationRecord {
    /// The peer's account, in a conversation with one peer. Empty for a group.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The sequence number of the next message that this device sends.
    #[prost(uint64, tag = "2")]
    pub(crate) next_sequence: u64,
    /// The tag of the last message seen from the peer. Empty before the first.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) last_seen: Vec<u8>,
    /// The ordinal of the next message record.
    #[prost(uint64, tag = "4")]
    pub(crate) next_ordinal: u64,
    /// When the provider accepted the newest message from the peer, in milliseconds. 0 before the
    /// first.
    #[prost(uint64, tag = "5")]
    pub(crate) last_accepted_ms: u64,
    /// When the provider accepted the newest message to the peer of which another device of this
    /// account sent a copy, in milliseconds. 0 before the first.
    #[prost(uint64, tag = "18")]
    pub(crate) last_copied_ms: u64,
    /// Messages accepted before this time may have been received and deleted with the conversation,
    /// in milliseconds. So if such a message does not open, it counts as received. 0 if none was
    /// deleted.
    #[prost(uint64, tag = "6")]
    pub(crate) deleted_before_ms: u64,
    /// Whether the user accepted the peer, by a call or by writing to it. Only accepted peers are
    /// told what arrived.
    #[prost(bool, tag = "7")]
    pub(crate) is_accepted: bool,
    /// When the first message was sent that the peer has not answered, in milliseconds. 0 if no
    /// message waits for an answer.
    #[prost(uint64, tag = "9")]
    pub(crate) unanswered_since_ms: u64,
    /// When the provider accepted the newest message of this device that arrived, in milliseconds.
    #[prost(uint64, tag = "11")]
    pub(crate) last_delivered_ms: u64,
    /// When the provider accepted the first receipt of the peer's device, in milliseconds. What it
    /// accepted later, the peer tells of. 0 before the first receipt.
    #[prost(uint64, tag = "14")]
    pub(crate) first_told_ms: u64,
    /// Whether `next_sequence` does not tell that this device wrote to the peer, because it was
    /// taken from a history without sent messages after damage.
    #[prost(bool, tag = "13")]
    pub(crate) is_sequence_guessed: bool,
    /// Whether the user blocked the peer. Its messages are dropped.
    #[prost(bool, tag = "17")]
    pub(crate) is_blocked: bool,
    /// Whether messages wait for a session with the peer.
    #[prost(bool, tag = "15")]
    pub(crate) has_held: bool,
    /// The ordinal of the first message record of this device. Those below are for a history that
    /// another device gives. 0 if there are none below.
    #[prost(uint64, tag = "24")]
    pub(crate) first_ordinal: u64,
    /// The ordinal of the next message record of such a history, below `first_ordinal`.
    #[prost(uint64, tag = "25")]
    pub(crate) next_imported: u64,
    /// The id of the group, 32 bytes. Empty for a conversation with one peer.
    #[prost(bytes = "vec", tag = "26")]
    pub(crate) group: Vec<u8>,
    /// A copy of the number of the chain on which this device sends to the group.
    #[prost(uint32, tag = "27")]
    pub(crate) last_chain: u32,
    /// The timer of the conversation. Absent if nobody set one.
    #[prost(message, optional, tag = "32")]
    pub(crate) timer: Option<TimerRecord>,
    /// How many rows the account caused besides messages before the user accepted it: sessions that
    /// it began, and tags of what says nothing.
    #[prost(uint32, tag = "40")]
    pub(crate) stranger_rows: u32,
    /// The token with which this account writes to the peer without being a stranger, 36 bytes.
    /// Empty if there is none.
    #[prost(bytes = "vec", tag = "41")]
    pub(crate) contact_token: Vec<u8>,
}

impl ConversationRecord {
    /// Whether the user accepted the peer. A store of an earlier version says so only by the
    /// messages that were sent.
    pub(crate) fn has_accepted(&self) -> bool {
        self.is_accepted || self.next_sequence > 0 && !self.is_sequence_guessed
    }

    /// Whether a device of this account wrote to the peer.
    pub(crate) fn has_written(&self) -> bool {
        self.next_sequence > 0 && !self.is_sequence_guessed || self.last_copied_ms != 0
    }
}

/// A history that is being deleted. Written by the first transaction of the deletion, deleted by
/// the last one.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DeletionRecord {
    /// The peer's account. Empty for a group.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The id of the group, 32 bytes. Empty for a conversation with one peer.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) group: Vec<u8>,
}

/// What is known of a deleted conversation: the last messages from the peer. Written by the first
/// transaction of the deletion.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct RecentRecord {
    /// The tags of the messages, the newest last.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) ids: Vec<Vec<u8>>,
}

quiet_debug!(
    ContactRecord,
    DeviceRecord,
    ConversationRecord,
    DeletionRecord,
    RecentRecord,
);
