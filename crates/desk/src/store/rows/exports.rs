//! Rows of what leaves the provider, of what comes back, and of files that officers fetched.

/// How far an export got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// It waits to be sent.
    Waiting,
    /// The target took it.
    Taken,
    /// The target refused it, or it was tried too often, or the case was erased.
    GivenUp,
}

/// An export of data about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// The export. It is the number of its entry `exported`.
    pub id: [u8; 16],
    /// The case.
    pub case_id: [u8; 16],
    /// Number of the form, 1 to 6, from which the target follows.
    pub form: u8,
    /// Key of the officer who asked for it.
    pub officer: [u8; 32],
    /// Index of the entry.
    pub log_index: u64,
    /// When it was made.
    pub made_at_ms: u64,
    /// How far it got.
    pub state: ExportState,
    /// How often it was tried.
    pub tries: u32,
    /// From when on it is tried again. `None` once it is taken or given up.
    pub next_try_at_ms: Option<u64>,
    /// When it was taken or given up.
    pub ended_at_ms: Option<u64>,
    /// What the target said last. Empty once erased.
    pub answer: String,
}

/// What an export sends. The row is removed once it is taken or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The export.
    pub export_id: [u8; 16],
    /// What leaves, byte for byte.
    pub body: Vec<u8>,
}

/// A file that an officer fetched after an opening of its report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRow {
    /// Digest of the grant of the opening.
    pub grant_digest: [u8; 32],
    /// Ordinal of the opening under its grant.
    pub ordinal: u16,
    /// The blob.
    pub blob: [u8; 32],
    /// The report.
    pub report_id: [u8; 16],
    /// Index of the entry `file_fetched`.
    pub log_index: u64,
    /// When the bytes were about to be handed out for the first time.
    pub fetched_at_ms: u64,
    /// How many bytes of the blob were handed out, from its start without a gap.
    pub handed_out: u64,
}

/// What a target said later about something that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRow {
    /// Digest of what it said. It names the row, so that a repetition is none.
    pub digest: [u8; 32],
    /// The case, if what it said names one.
    pub case_id: Option<[u8; 16]>,
    /// What it said, byte for byte. Empty once erased.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at_ms: u64,
}
