//! What the client keeps in its store: one struct per kind of record. Only the prekeys and the
//! pages of skipped keys have no struct here, because `waxseal-core` encodes them.
//!
//! A record is read by the call that needs it, changed, and written back in that call's
//! transaction. The record never leaves the device, and a store on disk should seal it. The first
//! byte is the version of the record, the rest is protobuf.

use prost::bytes::{Buf, Bytes};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::sender::SentMessage;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

macro_rules! quiet_debug {
    ($($record:ident),* $(,)?) => {$(
        impl std::fmt::Debug for $record {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($record)).finish_non_exhaustive()
            }
        }
    )*};
}

mod chain;
#[cfg(feature = "courier")]
mod courier;
mod earlier;
mod group;
mod link;
mod outbox;
mod peer;
mod promise;
mod report;
mod request;
mod roster;
mod sync;
mod upkeep;
mod upload;
mod view;

pub(crate) use self::chain::{OwnChainRecord, PeerChainsRecord, TargetsRecord, WithoutRecord};
#[cfg(feature = "courier")]
pub(crate) use self::courier::{CourierRecord, KeptRecord};
pub(crate) use self::earlier::EarlierPeerRecord;
pub(crate) use self::group::{
    AuthorityRecord, EditRecord, EntryTimeRecord, FormerRecord, GroupLeaverRecord, GroupRecord,
    GroupTellRecord, InvitedRecord, InviterRecord, NextSeedRecord, OpRecord, SuspendedRecord,
};
pub(crate) use self::link::{
    DigitsRecord, LinkRecord, LinkStep, NewDeviceRecord, OfferRecord, SignedRecord, SigningRecord,
    WelcomeRecord,
};
pub(crate) use self::outbox::{NoteGroupRecord, NoteRecord, OutboxRecord};
pub(crate) use self::peer::{
    ContactRecord, ConversationRecord, DeletionRecord, DeviceRecord, RecentRecord,
};
#[cfg(feature = "courier")]
pub(crate) use self::promise::DecisionRecord;
pub(crate) use self::promise::{LastReceiptRecord, PromiseRecord};
pub(crate) use self::report::{DraftRecord, ReportRecord, ShownRecord};
pub(crate) use self::request::{ReportedRecord, RequestRecord};
pub(crate) use self::roster::{NoticeRecord, OwnSentRecord, SecretRecord};
pub(crate) use self::sync::{
    ExportRecord, ImportRecord, ItemRecord, LeaverRecord, OwnDeviceRecord, PositionRecord,
    SubjectRecord, SyncRecord, UntoldRecord,
};
pub(crate) use self::upkeep::{
    AskedRecord, AwaitedRecord, GroupOfRecord, HeldRecord, ReceiptRecord, UnopenedRecord,
    UpkeepRecord,
};
pub(crate) use self::upload::{FileMessageRecord, FileUploadRecord};
#[cfg(feature = "courier")]
pub(crate) use self::upload::{PreviewRecord, WantedRecord};
pub(crate) use self::view::{
    EditsRecord, FoldRecord, ReferenceRecord, RefersRecord, TimerRecord, UnreadRecord,
};

/// The version byte of every record.
const RECORD_VERSION: u8 = 1;

/// This device's account. Written when the account is created and when its delivery key is renewed.
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
    /// The delivery key that the provider may have registered already. Empty if there is none.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) next_delivery_key: Vec<u8>,
    /// When the provider registered the delivery key, in milliseconds. 0 if that is not known.
    #[prost(uint64, tag = "6")]
    pub(crate) delivery_key_since_ms: u64,
    /// How often the device noticed that its store was set back. The counters say so too, and take
    /// it from here if they are damaged.
    #[prost(uint64, tag = "7")]
    pub(crate) restarts: u64,
    /// The own account key, 32 bytes. It replaces the pinned one if that record is damaged. Empty
    /// in a store of an earlier version.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) account_key: Vec<u8>,
}

/// How the records of a store are laid out. Written when the account is created, and after a store
/// of an earlier version was converted.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LayoutRecord {
    /// The number of the layout, [`LAYOUT`] for this version.
    #[prost(uint32, tag = "1")]
    pub(crate) layout: u32,
    /// Whether the store had an earlier layout, so that some records may still be at their earlier
    /// keys.
    #[prost(bool, tag = "2")]
    pub(crate) has_earlier: bool,
}

/// The layout that this version writes: what refers to a message is folded into a record of it.
/// Layout 3 had no such records. Layout 2 had contacts with one identity and one device. Layout 1
/// had one record for each peer, and no [`LayoutRecord`].
pub(crate) const LAYOUT: u32 = 4;

/// A message that expires, or that is to be wiped. Written once its time is known, and deleted with
/// the message.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DueRecord {
    /// The number of this row: its time in milliseconds, then 20 bits of the tag.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// The peer's account. Empty for a group.
    #[prost(string, tag = "2")]
    pub(crate) account: String,
    /// The message's tag.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) id: Vec<u8>,
    /// The id of the group, 32 bytes. Empty for a conversation with one account.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) group: Vec<u8>,
    /// Whether the message is wiped then. Else it expires.
    #[prost(bool, tag = "5")]
    pub(crate) wipes: bool,
    /// When the message expires, in milliseconds, in a row of one that is wiped. 0 if it never
    /// does.
    #[prost(uint64, tag = "6")]
    pub(crate) expires_ms: u64,
}

/// One message, sent or received.
///
/// A received message is stored with its evidence. A sent message is first stored without evidence.
/// It changes once, when the relay's receipt is confirmed and completes the evidence.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct MessageRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) ordinal: u64,
    #[prost(oneof = "MessageState", tags = "2, 3")]
    pub(crate) state: Option<MessageState>,
    /// When the peer's device said that it opened the message, in milliseconds. 0 before that.
    #[prost(uint64, tag = "4")]
    pub(crate) delivered_ms: u64,
    /// When the peer's device said that it showed the message, in milliseconds. 0 before that.
    #[prost(uint64, tag = "5")]
    pub(crate) opened_ms: u64,
    /// Why the message counts as not delivered: a number of `NotDelivered`. 0 if it does not.
    #[prost(uint32, tag = "6")]
    pub(crate) not_delivered: u32,
    /// Whether the sending device had been removed from its account when the message opened.
    #[prost(bool, tag = "7")]
    pub(crate) from_removed_device: bool,
    /// When the provider last accepted the message as sealed again, in milliseconds. Only of
    /// messages to groups, whose evidence stays the first.
    #[prost(uint64, tag = "8")]
    pub(crate) again_ms: u64,
    /// The account key of the author under which the message came, 32 bytes. Empty if it is
    /// unknown.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) account_key: Vec<u8>,
}

impl MessageRecord {
    /// A message of this account that has no receipt yet.
    pub(crate) fn sent(ordinal: u64, sent: &SentMessage, account_key: Vec<u8>) -> Self {
        let state = MessageState::Sent(take_secret_bytes(sent.encode()));
        Self::new(ordinal, state, account_key)
    }

    /// A message with its evidence.
    pub(crate) fn stamped(ordinal: u64, evidence: &Evidence, account_key: Vec<u8>) -> Self {
        let state = MessageState::Stamped(take_secret_bytes(evidence.encode()));
        Self::new(ordinal, state, account_key)
    }

    fn new(ordinal: u64, state: MessageState, account_key: Vec<u8>) -> Self {
        Self {
            ordinal,
            state: Some(state),
            delivered_ms: 0,
            opened_ms: 0,
            not_delivered: 0,
            from_removed_device: false,
            again_ms: 0,
            account_key,
        }
    }
}

/// The message itself, before or after it has its evidence.
#[derive(Clone, PartialEq, prost::Oneof, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) enum MessageState {
    /// An encoded `SentMessage`, which waits for the relay's receipt.
    #[prost(bytes = "vec", tag = "2")]
    Sent(Vec<u8>),
    /// Encoded `Evidence`, with which the message can be reported.
    #[prost(bytes = "vec", tag = "3")]
    Stamped(Vec<u8>),
}

/// Where the message with a given tag is stored. The client uses it to recognise repeated
/// deliveries, and to find the message that a receipt belongs to.
///
/// The record is written with the message, kept when the message is deleted, and deleted with the
/// conversation.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IndexRecord {
    /// The message's ordinal. `None` if its content was withheld, or if it was deleted.
    #[prost(uint64, optional, tag = "1")]
    pub(crate) ordinal: Option<u64>,
    /// The ordinal of the message's outbox entry, while the message waits for its receipt.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) outbox: Option<u64>,
    /// The message's present tag, if it was sealed again and has another one now. Else empty.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) renewed: Vec<u8>,
    /// The number of the message's row in the list of due messages, if it has one.
    #[prost(uint64, optional, tag = "4")]
    pub(crate) due: Option<u64>,
    /// Whether the message is wiped when that row is due. Else it expires.
    #[prost(bool, tag = "5")]
    pub(crate) wipes: bool,
    /// When a message that is wiped expires, in milliseconds. 0 if it never does.
    #[prost(uint64, tag = "6")]
    pub(crate) expires_ms: u64,
}

/// What all conversations share.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CountersRecord {
    /// The ordinal of the next outbox entry. Goes up by one with each envelope that is sealed, and
    /// to the next multiple of 2^32 each time that the device notices that its store was set back.
    #[prost(uint64, tag = "1")]
    pub(crate) next_outbox: u64,
    /// The version byte of the sessions below which no peer has any. 0 until the first look.
    #[prost(uint32, tag = "2")]
    pub(crate) oldest_sessions: u32,
    /// Messages accepted before this time may be from a contact that was forgotten, in
    /// milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) forgotten_before_ms: u64,
    /// When the hour began in which `again` counts, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(crate) again_since_ms: u64,
    /// How many messages were sealed again in that hour.
    #[prost(uint32, tag = "5")]
    pub(crate) again: u32,
    /// When the device noticed that its store was set back, in milliseconds. 0 if it was not, or
    /// once the provider has the new prekeys.
    #[prost(uint64, tag = "6")]
    pub(crate) set_back_ms: u64,
    /// The newest time at which the provider accepted a message that opened here, or one of this
    /// device, in milliseconds.
    #[prost(uint64, tag = "7")]
    pub(crate) newest_accepted_ms: u64,
    /// The newest time at which a message that opened here was sent, in milliseconds, as far as the
    /// provider's time allows.
    #[prost(uint64, tag = "8")]
    pub(crate) newest_sent_ms: u64,
    /// When the user was last told that the own roster is to be signed again, in milliseconds. 0 if
    /// never.
    #[prost(uint64, tag = "10")]
    pub(crate) told_old_ms: u64,
    /// Whether this device's clock is more than a day off the provider's.
    #[prost(bool, tag = "9")]
    pub(crate) is_clock_off: bool,
    /// How many messages of strangers were dropped of which nothing is stored.
    #[prost(uint64, tag = "40")]
    pub(crate) dropped_strangers: u64,
    /// When the day began in which `refused_strangers` counts, in milliseconds.
    #[prost(uint64, tag = "41")]
    pub(crate) refused_since_ms: u64,
    /// How many strangers got a refusal in that day.
    #[prost(uint32, tag = "42")]
    pub(crate) refused_strangers: u32,
}

/// How many numbers of the outbox, and of the messages of a conversation, each restart has: more
/// than a device seals in its life.
pub(crate) const NUMBERS: u64 = 1 << 32;

impl CountersRecord {
    /// How often the device noticed that its store was set back.
    pub(crate) fn restarts(&self) -> u64 {
        self.next_outbox / NUMBERS
    }
}

/// One-time prekeys that the provider has not confirmed yet, in the form in which they are
/// uploaded.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct UploadRecord {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) one_time: Vec<Vec<u8>>,
}

quiet_debug!(
    AccountRecord,
    DueRecord,
    MessageRecord,
    MessageState,
    UploadRecord,
);

/// Takes the bytes of an exported secret without copying them, for a record that wipes itself.
pub(crate) fn take_secret_bytes(mut secret: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *secret)
}

/// Encodes a record: the version byte, then protobuf.
pub(crate) fn encode(record: &impl prost::Message) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(record.encoded_len().saturating_add(1)));
    bytes.push(RECORD_VERSION);
    record.encode_raw(&mut *bytes);
    bytes
}

/// Reads a record that this crate wrote. `None` if it is damaged or has another version.
pub(crate) fn decode<R: prost::Message + Default>(bytes: &[u8]) -> Option<R> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, record)) => R::decode(Wiped(record)).ok(),
        _ => None,
    }
}

/// The bytes of a record while prost reads it.
///
/// prost takes each field in a separate buffer, then copies it into the record. This type wipes
/// those buffers.
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
mod tests;
