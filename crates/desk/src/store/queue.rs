//! The queue of cases: how officers list, filter and page them.

use super::rows::{CaseRow, CaseStatus};

/// Which cases of a queue to list, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The order.
    pub order: Order,
    /// Lists only cases with this reason.
    pub reason: Option<u8>,
    /// Lists only cases with this status.
    pub status: CaseStatus,
    /// Lists only cases that are assigned like this.
    pub assigned: Option<Assigned>,
    /// The present time, which ends assignments.
    pub now_ms: u64,
    /// Lists the cases after this position.
    pub after: Option<Cursor>,
    /// Maximum number of cases, at most [`MAX_PAGE`](super::limits::MAX_PAGE).
    pub limit: usize,
}

impl Query {
    /// The first page of all open cases in this order.
    pub fn open(order: Order, now_ms: u64, limit: usize) -> Self {
        Self {
            order,
            reason: None,
            status: CaseStatus::Open,
            assigned: None,
            now_ms,
            after: None,
            limit,
        }
    }
}

/// The order of a queue. Among equals the case with the oldest report comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// The oldest first.
    Age,
    /// The most severe first.
    Severity,
    /// Those with the most distinct reporters first.
    Reporters,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 3] = [Self::Age, Self::Severity, Self::Reporters];

    /// Where a case stands in this order. The smallest comes first.
    pub(super) fn rank(self, case: &CaseRow) -> u32 {
        match self {
            Self::Age => 0,
            Self::Severity => u32::from(u8::MAX.abs_diff(case.severity)),
            Self::Reporters => u32::MAX.abs_diff(case.reporters),
        }
    }
}

/// To whom a case is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// To no officer, or the assignment has ended.
    Free,
    /// To the officer with this key.
    To([u8; 32]),
}

impl Assigned {
    /// Whether a case with this officer and end of the assignment is assigned like this.
    pub(super) fn fits(
        self,
        officer: Option<[u8; 32]>,
        until_ms: Option<u64>,
        now_ms: u64,
    ) -> bool {
        let in_force = until_ms.is_some_and(|until| until > now_ms);
        match self {
            Self::Free => !in_force,
            Self::To(wanted) => in_force && officer == Some(wanted),
        }
    }
}

/// Position of a case in a queue, from which the next page starts.
///
/// A case whose rank changes between two pages may come twice or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) rank: u32,
    pub(super) first_report_at_ms: u64,
    pub(super) id: [u8; 16],
}

impl Cursor {
    /// Position of a case in this order.
    pub fn of(order: Order, case: &CaseRow) -> Self {
        Self {
            rank: order.rank(case),
            first_report_at_ms: case.first_report_at_ms,
            id: case.id,
        }
    }

    /// The position as 28 bytes: rank be32, time be64, identifier 16.
    pub fn to_bytes(&self) -> [u8; 28] {
        let mut bytes = [0; 28];
        let (rank, rest) = bytes.split_at_mut(4);
        let (time, id) = rest.split_at_mut(8);
        rank.copy_from_slice(&self.rank.to_be_bytes());
        time.copy_from_slice(&self.first_report_at_ms.to_be_bytes());
        id.copy_from_slice(&self.id);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. `None` for bytes of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rank, rest) = bytes.split_first_chunk()?;
        let (time, id) = rest.split_first_chunk()?;
        Some(Self {
            rank: u32::from_be_bytes(*rank),
            first_report_at_ms: u64::from_be_bytes(*time),
            id: id.try_into().ok()?,
        })
    }
}

/// One page of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The cases, in the order of the query.
    pub cases: Vec<CaseRow>,
    /// Where the next page starts. `None` if this is the last one.
    pub next: Option<Cursor>,
}

impl Page {
    /// Makes a page of up to `limit` cases from one case more, if there is one.
    pub(super) fn new(order: Order, mut cases: Vec<CaseRow>, limit: usize) -> Self {
        let has_more = cases.len() > limit;
        cases.truncate(limit);
        let next = cases.last().filter(|_| has_more);
        let next = next.map(|case| Cursor::of(order, case));
        Self { cases, next }
    }
}
