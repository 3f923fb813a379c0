//! Records of reports that wait for the provider's intake.

/// A report that the provider's intake has not confirmed yet. Deleted when it is confirmed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ReportRecord {
    /// The report's random identifier on this device, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// Empty while the report waits for a moderation key.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) report: Vec<u8>,
    /// What the user chose, to seal it again. Absent if an earlier version stored the report.
    #[prost(message, optional, tag = "3")]
    pub(crate) draft: Option<DraftRecord>,
    /// The id that the provider gave the report, 16 bytes. Empty before it accepted the report.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) submitted_as: Vec<u8>,
    /// When the provider accepted the report, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(crate) submitted_ms: u64,
    /// When the provider was last asked what became of the report, in milliseconds.
    #[prost(uint64, tag = "6")]
    pub(crate) asked_ms: u64,
    /// Files of the report's messages that the provider lacks: for each the tag of its message, and
    /// a byte with the number of the part that describes it. 33 bytes.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub(crate) wanted: Vec<Vec<u8>>,
    /// Whether the provider's promise about the report is kept, or there is none to wait for.
    #[prost(bool, tag = "8")]
    pub(crate) has_promise: bool,
    /// When the provider was last asked for the promise, in milliseconds.
    #[prost(uint64, tag = "9")]
    pub(crate) promise_asked_ms: u64,
    /// Whether the provider said that everything in the report was reported before.
    #[prost(bool, tag = "10")]
    pub(crate) is_duplicate: bool,
}

/// The draft of a report. Its messages stay in the history. A draft without messages is about the
/// account.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DraftRecord {
    /// The peer of the messages, or the account that the report is about.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The reason's number.
    #[prost(uint32, tag = "2")]
    pub(crate) reason: u32,
    #[prost(string, tag = "3")]
    pub(crate) note: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) messages: Vec<ShownRecord>,
    /// The id of the group of the messages, 32 bytes. The account is then empty.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) group: Vec<u8>,
    /// Whether the report names no blobs.
    #[prost(bool, tag = "6")]
    pub(crate) without_blobs: bool,
}

/// A message of a draft, with the parts that the report shows.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ShownRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) parts: Vec<u32>,
    /// Shown chunks of files: 2^16 times the number of the part that describes the file, plus the
    /// index of the chunk.
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) chunks: Vec<u32>,
}

quiet_debug!(ReportRecord, DraftRecord, ShownRecord);
