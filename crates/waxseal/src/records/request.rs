//! Records of a request: an account that writes to this one and that the user has not accepted.

/// What an account that is not accepted takes of the store. Written with each of its messages,
/// deleted in the transaction that accepts, declines, blocks or forgets it.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct RequestRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// How many messages were stored. Deleting one does not lower it.
    #[prost(uint32, tag = "2")]
    pub(crate) messages: u32,
    /// Length of their records.
    #[prost(uint64, tag = "3")]
    pub(crate) message_bytes: u64,
    /// Length of the sessions with the account's devices, when they were last written.
    #[prost(uint64, tag = "4")]
    pub(crate) session_bytes: u64,
    /// When the provider accepted the first of its messages, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(crate) first_ms: u64,
    /// When the provider accepted the newest one, in milliseconds.
    #[prost(uint64, tag = "6")]
    pub(crate) last_ms: u64,
    /// How many messages were dropped, because there was no room or because their content was
    /// withheld.
    #[prost(uint64, tag = "7")]
    pub(crate) dropped: u64,
    /// Whether the conversation had messages before there was a request, from an earlier version.
    /// Then it stays until the user decides.
    #[prost(bool, tag = "8")]
    pub(crate) is_kept: bool,
}

impl RequestRecord {
    /// What the request takes of the room that all requests share.
    pub(crate) fn bytes(&self) -> u64 {
        self.message_bytes.saturating_add(self.session_bytes)
    }
}

/// The evidence of a message that a report needs after the message was deleted. Deleted with the
/// report.
#[derive(Clone, PartialEq, prost::Message, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct ReportedRecord {
    /// Encoded `Evidence`.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) evidence: Vec<u8>,
}

quiet_debug!(RequestRecord, ReportedRecord);
