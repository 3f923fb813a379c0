//! Rows of grants and of the openings under them.

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantState {
    /// Its first officer signed it; a second one has to approve it.
    Requested,
    /// It is in force until it expires.
    Approved,
    /// An officer denied it.
    Denied,
    /// Its time is over.
    Expired,
}

/// A grant and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Identifier of the grant.
    pub id: [u8; 16],
    /// Digest of the grant. No two rows have the same.
    pub digest: [u8; 32],
    /// Number of the grant in the log.
    pub number: [u8; 16],
    /// The case that it is for.
    pub case_id: [u8; 16],
    /// Number of the purpose, 1 to 7.
    pub purpose: u8,
    /// The grant with the signatures that it has.
    pub signed: Vec<u8>,
    /// Where the grant stands.
    pub state: GrantState,
    /// Key of the officer who asked.
    pub requester: [u8; 32],
    /// Key of the officer who approved or denied it.
    pub approver: Option<[u8; 32]>,
    /// When it was asked for.
    pub requested_at_ms: u64,
    /// When it expires.
    pub expires_at_ms: u64,
    /// Maximum number of openings.
    pub max_openings: u16,
    /// Number of openings in the log.
    pub openings: u16,
    /// By when another officer has to review it, if it was an emergency.
    pub review_until_ms: Option<u64>,
    /// Outcome of that review: 1 justified, 2 not justified.
    pub review: Option<u8>,
    /// Whether the log says that the review is overdue.
    pub is_overdue: bool,
}

/// One opening: a report that was shown to an officer once, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningRow {
    /// Digest of the grant.
    pub grant_digest: [u8; 32],
    /// Ordinal of the opening under its grant, starting at 1.
    pub ordinal: u16,
    /// Digest of the encoded accepted report.
    pub report_digest: [u8; 32],
    /// The report.
    pub report_id: [u8; 16],
    /// The case.
    pub case_id: [u8; 16],
    /// Key of the officer who looked.
    pub officer: [u8; 32],
    /// Index of the entry `content_opened`.
    pub log_index: u64,
    /// When the entry was logged.
    pub logged_at_ms: u64,
    /// When the vault released the content. `None` means that it was logged and not shown.
    pub shown_at_ms: Option<u64>,
    /// Digest of what was shown, by which an export knows it again. `None` if it was not shown, or
    /// by a version that entered none.
    pub view_digest: Option<[u8; 32]>,
}
