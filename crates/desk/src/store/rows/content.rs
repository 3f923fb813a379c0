//! Rows of reports and of the cases that they belong to.

/// A report as the intake took it, accepted or rejected. Its content is a [`ContentRow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// Identifier of the report.
    pub id: [u8; 16],
    /// Digest of the sealed report as the client sent it. No two rows have the same.
    pub digest: [u8; 32],
    /// Digest of the encoded accepted report, which grants name. `None` if rejected.
    pub accepted_digest: Option<[u8; 32]>,
    /// Number of the report in the log. No two rows have the same.
    pub number: [u8; 16],
    /// The promise that the reporter got.
    pub promise: Vec<u8>,
    /// Number of the reason, once the vault has told it.
    pub reason: Option<u8>,
    /// Number of the check that rejected the report.
    pub rejected: Option<u8>,
    /// Day on which it was received.
    pub received_day: u32,
    /// When it was received.
    pub received_at_ms: u64,
    /// The case that it belongs to, once sorted.
    pub case_id: Option<[u8; 16]>,
    /// Keyed hash of the reporter's account, to count the distinct reporters of a case.
    pub reporter: Option<[u8; 32]>,
    /// The reporter's account, who is told of a decision. `None` if rejected or erased.
    pub reporter_account: Option<String>,
    /// Whether its content was erased.
    pub is_erased: bool,
}

impl ReportRow {
    /// The row without its content, and without who made the report.
    pub(crate) fn erased(&self) -> Self {
        Self {
            is_erased: true,
            reporter: None,
            reporter_account: None,
            ..self.clone()
        }
    }
}

/// The encoded accepted report. Large, so it is apart from the report's other fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRow {
    /// Identifier of the report.
    pub report_id: [u8; 16],
    /// The encoded accepted report, which only the vault can open.
    pub accepted: Vec<u8>,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseStatus {
    /// An officer can decide it now.
    Open,
    /// It waits for something: an approval, an answer, an export.
    Waiting,
    /// It was decided; an appeal may still come.
    Decided,
    /// Nothing more is to come.
    Closed,
}

impl CaseStatus {
    /// Whether no decision was made yet.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::Open | Self::Waiting)
    }
}

/// A case: what was reported about one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRow {
    /// Identifier of the case.
    pub id: [u8; 16],
    /// Number of the case in the log. No two rows have the same.
    pub number: [u8; 16],
    /// The reported account. `None` once erased.
    pub account: Option<String>,
    /// Number of the reason, 1 to 16.
    pub reason: u8,
    /// How grave it is. A queue by severity lists the highest first.
    pub severity: u8,
    /// When the first report was received.
    pub first_report_at_ms: u64,
    /// When the last report was received.
    pub last_report_at_ms: u64,
    /// Number of reports.
    pub reports: u32,
    /// Number of distinct reporters.
    pub reporters: u32,
    /// Where the case stands.
    pub status: CaseStatus,
    /// Key of the officer that it is assigned to.
    pub officer: Option<[u8; 32]>,
    /// When the assignment ends. From then on a queue lists the case as unassigned.
    pub assigned_until_ms: Option<u64>,
    /// Whether a hold forbids to erase its content.
    pub is_held: bool,
}
