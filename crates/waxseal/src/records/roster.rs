//! Records of accounts and their devices, besides those of the contacts.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::conversation::Conversation;

/// The secret half of the own account key. Written when the account is created, deleted when the
/// application has it forgotten. A device that was linked has none.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct SecretRecord {
    /// The recovery secret, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) secret: Vec<u8>,
}

/// Where a message was sent that others name by its tag alone. Written for a message of this device
/// of which another device of the account has a copy, and for every message to a group that a
/// device of this account sent. Deleted with the message.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct OwnSentRecord {
    /// The account that the message was sent to. Empty for a group.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The own devices that have a copy, or were told that there is one.
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) devices: Vec<u32>,
    /// The id of the group, 32 bytes. Empty for a message to one account.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) group: Vec<u8>,
    /// The digest of the devices that a message of this device to a group was for, 32 bytes. Else
    /// empty.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) targets: Vec<u8>,
}

impl OwnSentRecord {
    /// The record of a message of a conversation, of which these own devices have a copy.
    pub(crate) fn new(conversation: &Conversation, devices: Vec<u32>) -> Self {
        let (account, group) = conversation.to_record();
        Self {
            account,
            devices,
            group,
            targets: Vec::new(),
        }
    }

    /// The conversation that the message is in.
    pub(crate) fn conversation(&self) -> Option<Conversation> {
        Conversation::of_record(&self.account, &self.group)
    }
}

/// Something that the user is to be told about an account. Deleted when the application says that
/// it was shown.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct NoticeRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The kind of notice.
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
    /// Devices that were added, since the last notice that was shown.
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) added: Vec<u32>,
    /// Devices that were removed, since the last notice that was shown.
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) removed: Vec<u32>,
    /// The known roster, or account key.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) known: Vec<u8>,
    /// The other roster, account key, claim or entry.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) other: Vec<u8>,
    /// The id of the group that it is about, 32 bytes. Else empty.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) group: Vec<u8>,
}

quiet_debug!(SecretRecord, OwnSentRecord, NoticeRecord);
