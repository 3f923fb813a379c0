//! Records of what the provider answers for: its promises about reports, and the last receipts.

/// A promise of the provider about a report. Written when the promise is kept, and again with each
/// receipt about the report. Deleted when the application forgets it.
///
/// It names no account. It is verified again whenever it is read.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct PromiseRecord {
    /// The report's random identifier on this device, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) report: Vec<u8>,
    /// Digest of the sealed report without its MAC, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) digest: Vec<u8>,
    /// The encoded promise.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) promise: Vec<u8>,
    /// The key of the log that signed the promise, as a `vkey`.
    #[prost(string, tag = "4")]
    pub(crate) log: String,
    /// The last receipt about the report. Absent before the first.
    #[prost(message, optional, tag = "5")]
    pub(crate) last: Option<LastReceiptRecord>,
}

/// The last receipt that took back nothing of the receipts before it. About this account, each case
/// has a record of its own, written with each receipt about the case.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct LastReceiptRecord {
    /// The encoded receipt.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) receipt: Vec<u8>,
    /// The keys of the log under which it was verified, in their text form.
    #[prost(string, tag = "2")]
    pub(crate) keys: String,
    /// Whether another receipt contradicted this one.
    #[prost(bool, tag = "3")]
    pub(crate) is_contradicted: bool,
}

quiet_debug!(PromiseRecord, LastReceiptRecord);
