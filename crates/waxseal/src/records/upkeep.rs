//! Records of what is still to be said to a peer: which of its messages did not open, which of ours
//! it could not open, and which of its messages arrived.

/// An account to which something is still to be said. Written with the first such record of the
/// account, deleted after the last. That of a stranger that was refused stays for six days. It is
/// also deleted if only receipts are left that no session can send: they wait without it.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UpkeepRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The signed roster that the provider named for a stranger. Nothing is pinned by it. Empty if
    /// there is none.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) offered: Vec<u8>,
    /// Whether a newer roster of the account is needed.
    #[prost(bool, tag = "7")]
    pub(crate) wants_roster: bool,
    /// When `offered` was taken from the provider, in milliseconds.
    #[prost(uint64, tag = "8")]
    pub(crate) offered_ms: u64,
    /// When the provider last handed out a roster that was not newer than the known one, in
    /// milliseconds. 0 if it did not since a newer one came.
    #[prost(uint64, tag = "11")]
    pub(crate) fetched_ms: u64,
    /// Whether the account is to be told the own roster.
    #[prost(bool, tag = "9")]
    pub(crate) tells_roster: bool,
    /// When the account was last told the own roster, in milliseconds. 0 if it was not.
    #[prost(uint64, tag = "10")]
    pub(crate) told_ms: u64,
    /// The newest claim of the own roster that the provider did not hand out: epoch, version and
    /// half of the hash, 24 bytes. Empty if there is none, and for other accounts.
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) claimed: Vec<u8>,
    /// Whether a fetch did not bring the roster that was claimed.
    #[prost(bool, tag = "13")]
    pub(crate) is_claim_missed: bool,
    /// When the one refusal to a stranger goes out, in milliseconds. 0 if no time was chosen.
    #[prost(uint64, tag = "3")]
    pub(crate) refuse_at_ms: u64,
    /// Whether the one refusal to a stranger went out.
    #[prost(bool, tag = "4")]
    pub(crate) has_refused: bool,
    /// When the provider accepted the newest delivery that did not open and is not asked for any
    /// more, in milliseconds. It may have been of receipts. 0 if there was none.
    #[prost(uint64, tag = "5")]
    pub(crate) unopened_ms: u64,
    /// Whether the record was written for an account without a contact.
    #[prost(bool, tag = "40")]
    pub(crate) is_stranger: bool,
}

impl UpkeepRecord {
    /// Notes that a delivery did not open, which is not asked for any more.
    pub(crate) fn give_up_unopened(&mut self, accepted_ms: u64) {
        self.unopened_ms = self.unopened_ms.max(accepted_ms);
    }
}

/// A delivery that did not open. Deleted when the message arrives again and opens, and after a
/// week if it was asked for or cannot be.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UnopenedRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// When the provider accepted the message, in milliseconds. If it came again, that which came
    /// last.
    #[prost(uint64, tag = "2")]
    pub(crate) accepted_ms: u64,
    /// How many refusals named the message since its newest delivery.
    #[prost(uint32, tag = "3")]
    pub(crate) refusals: u32,
    /// When the last of them was sealed, in milliseconds. 0 before the first.
    #[prost(uint64, tag = "4")]
    pub(crate) refused_ms: u64,
    /// How often the message came again and did not open.
    #[prost(uint32, tag = "5")]
    pub(crate) again: u32,
    /// The device that sent the message.
    #[prost(uint32, tag = "6")]
    pub(crate) device: u32,
    /// When the provider accepted the message that came first, if it came again. 0 otherwise.
    #[prost(uint64, tag = "7")]
    pub(crate) first_ms: u64,
    /// The id of the group of the message, 32 bytes. Empty for a direct message.
    #[prost(bytes = "vec", tag = "15")]
    pub(crate) group: Vec<u8>,
}

/// A message of this device that another device could not open. Deleted when that device says that
/// the message arrived, when it counts as not delivered, and after two weeks.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct AskedRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// The device that could not open it.
    #[prost(uint32, tag = "2")]
    pub(crate) device: u32,
    /// When the provider accepted the last refusal that names the message, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) asked_ms: u64,
    /// How often the message was sealed again.
    #[prost(uint32, tag = "4")]
    pub(crate) tries: u32,
    /// Whether the message waits to be sealed again.
    #[prost(bool, tag = "5")]
    pub(crate) waits: bool,
    /// The session on which the message must not be sealed again, because the peer does not hold it
    /// or did not open the message on it, 16 bytes. Empty if any session will do.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) not_on: Vec<u8>,
    /// The session on which the message was last sealed again, 16 bytes. Empty before that.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) sealed_on: Vec<u8>,
    /// The peer of the message's conversation, if the device is one of the own account. Else empty.
    #[prost(string, tag = "8")]
    pub(crate) peer: String,
    /// When the provider accepted what was last sealed again for the device, in milliseconds. Zero
    /// before its receipt, and in records of an earlier version.
    #[prost(uint64, tag = "9")]
    pub(crate) again_ms: u64,
    /// The id of the group of the message, 32 bytes. Empty for a direct message.
    #[prost(bytes = "vec", tag = "15")]
    pub(crate) group: Vec<u8>,
}

/// A message that the relay accepted, until the peer says that it arrived.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct AwaitedRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// When the provider accepted it, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(crate) accepted_ms: u64,
    /// The id of the group of the message, 32 bytes. Empty for a direct message.
    #[prost(bytes = "vec", tag = "15")]
    pub(crate) group: Vec<u8>,
}

/// A sent message that waits for a session with its recipient. Deleted when it is sealed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct HeldRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// The ordinal of the message's record.
    #[prost(uint64, tag = "2")]
    pub(crate) ordinal: u64,
    /// Whether the store was not yet compared with the provider's mark when the message was
    /// written, so that its number may have been used.
    #[prost(bool, tag = "3")]
    pub(crate) is_unsure: bool,
}

/// A received message of which the peer is still to be told that it arrived or was shown. Without a
/// session that can send, it stays, possibly without an [`UpkeepRecord`], until the next message of
/// the peer arrives: that writes the other record again.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ReceiptRecord {
    /// The message's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// Whether it was shown; otherwise it arrived.
    #[prost(bool, tag = "2")]
    pub(crate) is_opened: bool,
    /// The id of the group of the message, 32 bytes. Empty for a direct message.
    #[prost(bytes = "vec", tag = "15")]
    pub(crate) group: Vec<u8>,
}

/// The group of a record about one message between two accounts: all of the four kinds have it in
/// the same field.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct GroupOfRecord {
    /// The id of the group, 32 bytes. Empty for a direct message.
    #[prost(bytes = "vec", tag = "15")]
    pub(crate) group: Vec<u8>,
}

quiet_debug!(
    GroupOfRecord,
    UpkeepRecord,
    UnopenedRecord,
    AskedRecord,
    AwaitedRecord,
    HeldRecord,
    ReceiptRecord
);
