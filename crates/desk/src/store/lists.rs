//! Which rows a list holds.

/// Which reports to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportList {
    /// Those of a case.
    OfCase([u8; 16]),
    /// Accepted ones whose reason the vault has not told yet and whose content is not erased.
    Unsorted,
    /// Accepted ones that were received before this time and whose content is not erased.
    KeptBefore(u64),
}

/// Which grants to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantList {
    /// Those of a case, the oldest first.
    OfCase([u8; 16]),
    /// Requested ones, the oldest first: they wait for an approver.
    Requested,
    /// Requested or approved ones whose time ends at or before this, the earliest first.
    ExpiringBy(u64),
    /// Emergencies without a review whose time for it ends at or before this and of which the log
    /// does not say so yet, the earliest first.
    OverdueBy(u64),
    /// Emergencies that wait for a review, the earliest deadline first.
    ToReview,
}

/// Which openings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningList {
    /// Those under the grant with this digest.
    UnderGrant([u8; 32]),
    /// Those of a report.
    OfReport([u8; 16]),
    /// Those of a case.
    OfCase([u8; 16]),
    /// Those that were logged and not shown.
    NotShown,
}

/// Which notices to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeList {
    /// Those of the decision with this leaf hash.
    OfDecision([u8; 32]),
    /// Those that have not been sent yet.
    Unsent,
}

/// Which exports to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportList {
    /// Those of a case, the newest first.
    OfCase([u8; 16]),
    /// All of them, the newest first.
    Newest,
    /// Those that wait and are to be tried at or before this time, the earliest first.
    DueBy(u64),
}

/// Which fetches of files to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchList {
    /// Those of a report.
    OfReport([u8; 16]),
    /// Those of a blob, whichever report names it.
    OfBlob([u8; 32]),
}

/// Which callbacks to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackList {
    /// Those about a case, the oldest first.
    OfCase([u8; 16]),
    /// All of them, the newest first.
    Newest,
}

/// Which appeals to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppealList {
    /// Those of a case.
    OfCase([u8; 16]),
    /// Those that have not been decided yet.
    Undecided,
}
