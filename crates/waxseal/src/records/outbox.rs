//! Records of the outbox.

use waxseal_reporting::AccountId;
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::sender::Fanout;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::WithoutRecord;
use crate::conversation::Conversation;

/// A message that the relay has not confirmed yet. Deleted when its receipt is confirmed, or with
/// the message.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct OutboxRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) ordinal: u64,
    /// The account of the recipient. Empty for a message to a group.
    #[prost(string, tag = "2")]
    pub(crate) recipient: String,
    /// The message's tag, which identifies it.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) id: Vec<u8>,
    /// An encoded `Fanout`, from which each posting is made; or an encoded `Envelope` if the
    /// message was sealed again for one device. If an earlier version sealed it for the only
    /// device, it waits to be sealed again.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) envelope: Vec<u8>,
    /// Whether it is no message: a refusal, or a control message.
    #[prost(bool, tag = "5")]
    pub(crate) is_note: bool,
    /// The device that the message was sealed again for. Absent if it was not sealed again.
    #[prost(uint32, optional, tag = "6")]
    pub(crate) again_for: Option<u32>,
    /// The encoded claim under which the message was accepted before. Empty if it was not sealed
    /// again.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) accepted: Vec<u8>,
    /// Whether `again_for` is a device of the own account.
    #[prost(bool, tag = "8")]
    pub(crate) is_again_own: bool,
    /// What a note says, to seal it for other devices. Absent in notes of an earlier version.
    #[prost(message, optional, tag = "9")]
    pub(crate) note: Option<NoteRecord>,
    /// How often the relay answered that the devices are others.
    #[prost(uint32, tag = "10")]
    pub(crate) rounds: u32,
    /// The id of the group of the message, 32 bytes. Empty for a message to one account. With
    /// `again_for`, the recipient is then the member whose device it is.
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) group: Vec<u8>,
    /// Number of the chain that a message to a group was sealed on. The message is posted only
    /// while this device is on that chain.
    #[prost(uint32, tag = "12")]
    pub(crate) chain: u32,
    /// The claim of the own roster in the header of a message to a group, 24 bytes.
    #[prost(bytes = "vec", tag = "13")]
    pub(crate) claim: Vec<u8>,
    /// Devices that a message to a group was not sealed for.
    #[prost(message, repeated, tag = "14")]
    pub(crate) without: Vec<WithoutRecord>,
    /// When a message to a group was sealed last while it waited, in milliseconds. 0 if it was not
    /// sealed again.
    #[prost(uint64, tag = "15")]
    pub(crate) sealed_ms: u64,
}

impl OutboxRecord {
    /// The entry of a message that the relay has not accepted before.
    pub(crate) fn new(ordinal: u64, recipient: &AccountId, fanout: &Fanout) -> Self {
        Self {
            ordinal,
            recipient: recipient.as_str().to_owned(),
            id: fanout.tag().as_bytes().to_vec(),
            envelope: fanout.encode(),
            ..Self::default()
        }
    }

    /// The conversation that the message is in.
    pub(crate) fn conversation(&self) -> Option<Conversation> {
        Conversation::of_record(&self.recipient, &self.group)
    }

    /// The entry of a message that was sealed again for one device of an account.
    pub(crate) fn again(
        ordinal: u64,
        (conversation, account): (&Conversation, &AccountId),
        envelope: &Envelope,
    ) -> Self {
        let recipient = conversation.account().unwrap_or(account);
        Self {
            ordinal,
            recipient: recipient.as_str().to_owned(),
            group: conversation.to_record().1,
            id: envelope.tag().as_bytes().to_vec(),
            envelope: envelope.encode(),
            ..Self::default()
        }
    }
}

/// What a note says: a refusal, or a control message.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct NoteRecord {
    /// The content of a refusal. Empty if it is none.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) refusal: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) delivered: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) opened: Vec<Vec<u8>>,
    /// Whether it tells the own roster.
    #[prost(bool, tag = "4")]
    pub(crate) has_roster: bool,
    /// What it tells the own devices. Empty if it does not.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) sync: Vec<u8>,
    /// Whether a refusal tells each device the sessions that this device has with it.
    #[prost(bool, tag = "6")]
    pub(crate) tells_sessions: bool,
    /// What it tells of a group. Absent if it does not.
    #[prost(message, optional, tag = "7")]
    pub(crate) group: Option<NoteGroupRecord>,
}

/// What a note tells of a group.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct NoteGroupRecord {
    /// The id of the group, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// The version of the state or of the seed, or the one that this device knows.
    #[prost(uint64, tag = "2")]
    pub(crate) version: u64,
    /// The hash of the state. Empty if it tells no state.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) state_hash: Vec<u8>,
    /// The seed of the authority. Empty if it tells none.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) seed: Vec<u8>,
    /// Whether it asks for the state, and for the seed.
    #[prost(bool, tag = "5")]
    pub(crate) wants: bool,
}

impl NoteRecord {
    /// A refusal with this content.
    pub(crate) fn of_refusal(content: Vec<u8>) -> Self {
        let mut note = Self::default();
        note.refusal = content;
        note
    }

    /// A note about a group.
    pub(crate) fn of_group(group: NoteGroupRecord) -> Self {
        let mut note = Self::default();
        note.group = Some(group);
        note
    }

    /// A note with a sync record, to the own devices.
    pub(crate) fn of_sync(mut record: Zeroizing<Vec<u8>>) -> Self {
        let mut note = Self::default();
        note.sync = std::mem::take(&mut *record);
        note
    }
}

quiet_debug!(OutboxRecord, NoteRecord, NoteGroupRecord);
