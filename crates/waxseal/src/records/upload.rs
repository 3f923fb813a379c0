//! Records of files whose upload has not ended.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::conversation::Conversation;

/// A file that is being uploaded: for a message that is sent once all of it is there, or for a
/// report whose blob the provider lacks.
///
/// Written before the first byte leaves the device, and once more when the root is known. Deleted
/// in the transaction that puts the message into the outbox, or that notes the end for the report.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct FileUploadRecord {
    /// The upload's random identifier on this device, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// When the upload began, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(crate) began_ms: u64,
    /// The id of the blob, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) blob: Vec<u8>,
    /// The key of the file, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) key: Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub(crate) size_bytes: u64,
    /// The root of the file, 32 bytes. Empty while the file was not read.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) root: Vec<u8>,
    /// The application's note.
    #[prost(string, tag = "7")]
    pub(crate) label: String,
    /// The message that is sent. Absent if it is for a report.
    #[prost(message, optional, tag = "8")]
    pub(crate) message: Option<FileMessageRecord>,
    /// The report that it is for. Absent if it is for a message.
    #[prost(message, optional, tag = "9")]
    pub(crate) again: Option<WantedRecord>,
}

/// The message that an upload is for.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct FileMessageRecord {
    /// The account that the message is for. Empty for a group.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The id of the group, 32 bytes. Empty for an account.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) group: Vec<u8>,
    /// The message without the file, as an encoded `SentMessage` that is never sent.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) draft: Vec<u8>,
    #[prost(string, tag = "4")]
    pub(crate) name: String,
    #[prost(string, tag = "5")]
    pub(crate) media_type: String,
    /// The preview. Absent if there is none.
    #[prost(message, optional, tag = "6")]
    pub(crate) preview: Option<PreviewRecord>,
}

impl FileMessageRecord {
    /// The conversation that the message is for.
    pub(crate) fn to(&self) -> Option<Conversation> {
        Conversation::of_record(&self.account, &self.group)
    }
}

/// The preview of a file.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct PreviewRecord {
    #[prost(string, tag = "1")]
    pub(crate) media_type: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) bytes: Vec<u8>,
}

/// A file of a reported message whose blob the provider lacks.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct WantedRecord {
    /// The report's random identifier on this device, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) report: Vec<u8>,
    /// The message's tag.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) message: Vec<u8>,
    /// The part of the message that describes the file.
    #[prost(uint32, tag = "3")]
    pub(crate) part: u32,
}

quiet_debug!(
    FileUploadRecord,
    FileMessageRecord,
    PreviewRecord,
    WantedRecord
);
