//! Rows of decisions, the notices about them and the appeals against them.

/// A decision of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// Hash of the leaf of the entry `decision`. It names the decision.
    pub leaf_hash: [u8; 32],
    /// Index of that entry.
    pub log_index: u64,
    /// The case.
    pub case_id: [u8; 16],
    /// Key of the officer who decided.
    pub officer: [u8; 32],
    /// Number of the reason, 1 to 16.
    pub reason: u8,
    /// Number of the measure.
    pub measure: u8,
    /// Number of openings in the case before the decision.
    pub openings: u32,
    /// When it was decided.
    pub decided_at_ms: u64,
    /// Until when an appeal can be filed.
    pub appeal_until_ms: u64,
    /// The decision as the officer signed it, with its statement of reasons.
    pub signed: Vec<u8>,
}

/// A notice of a decision to one side: to all reporters of the case, or to the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// Leaf hash of the decision.
    pub decision: [u8; 32],
    /// Who reads it: 1 the reporters, 2 the account.
    pub side: u8,
    /// The case.
    pub recipient: [u8; 16],
    /// What the side is told. Empty once erased.
    pub body: Vec<u8>,
    /// When it was written.
    pub made_at_ms: u64,
    /// When it was sent. `None` if it still has to be.
    pub sent_at_ms: Option<u64>,
    /// Index of the entry `notice_sent`.
    pub log_index: Option<u64>,
}

/// An appeal against a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppealRow {
    /// Hash of the leaf of the entry `appeal_filed`. It names the appeal.
    pub leaf_hash: [u8; 32],
    /// Index of that entry.
    pub log_index: u64,
    /// Leaf hash of the decision.
    pub decision: [u8; 32],
    /// The case.
    pub case_id: [u8; 16],
    /// Who appeals: 1 a reporter, 2 the account.
    pub side: u8,
    /// What the appeal says. `None` once erased.
    pub text: Option<String>,
    /// When it was filed.
    pub filed_at_ms: u64,
    /// Outcome: 1 upheld, 2 reversed. `None` if it still has to be decided.
    pub outcome: Option<u8>,
    /// Key of the officer who decided it.
    pub officer: Option<[u8; 32]>,
    /// When it was decided.
    pub decided_at_ms: Option<u64>,
    /// The decision of the appeal as that officer signed it.
    pub signed: Option<Vec<u8>>,
}
