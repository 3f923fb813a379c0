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
    /// The id that the provider gave the report, 16 bytes. Empty if the provider refused the
    /// report, and if the application keeps the promise without a courier.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) submitted_as: Vec<u8>,
    /// When the provider was last asked for a receipt, in milliseconds. 0 if it is to be asked.
    #[prost(uint64, tag = "7")]
    pub(crate) asked_ms: u64,
    /// When the application was last told that the promise is overdue, in milliseconds, by the
    /// provider's clock. 0 before.
    #[prost(uint64, tag = "8")]
    pub(crate) overdue_ms: u64,
}

/// A decision of which the provider told this account, or against which it appeals. Written when
/// the provider tells of it, when a receipt was asked for, and with each step of an appeal.
///
/// What the provider tells is unverified: only a receipt shows what was decided.
#[cfg(feature = "courier")]
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DecisionRecord {
    /// Leaf hash of the decision's entry, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) decision: Vec<u8>,
    /// 1 if this account reported, 2 if the decision is against it.
    #[prost(uint32, tag = "2")]
    pub(crate) side: u32,
    /// With side 1: the id that the provider gave the report, 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) submitted_as: Vec<u8>,
    /// When the provider told of it, in milliseconds. 0 if it was shown by a receipt alone.
    #[prost(uint64, tag = "4")]
    pub(crate) told_ms: u64,
    /// When the provider was last asked for a receipt, in milliseconds. 0 if it is to be asked.
    #[prost(uint64, tag = "5")]
    pub(crate) asked_ms: u64,
    /// The text of the appeal. Empty if this device has made none.
    #[prost(string, tag = "6")]
    pub(crate) text: String,
    /// How far the appeal is: 0 if it waits, 1 if the provider took it, 2 if a receipt shows it, 3
    /// if the provider does not take it, 4 if a receipt shows another text.
    #[prost(uint32, tag = "7")]
    pub(crate) state: u32,
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
#[cfg(feature = "courier")]
quiet_debug!(DecisionRecord);
