//! What a receipt tells its reader.

use core::fmt;

use crate::decision::AppealDetail;
use crate::entry::{AppealOutcome, Day, Measure, Number, Purpose, ReasonCode, Side};
use crate::keys::VerifiedCheckpoint;
use crate::merkle::TreeHash;
use crate::promise::PromisedReport;

/// What the reader of a receipt knows already.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// The reader reported, and has the verified promise for the report.
    Report {
        /// The promise.
        promise: &'a PromisedReport,
    },
    /// The reader is the account that was decided against.
    Account {
        /// The account, as the provider names it.
        account: &'a [u8],
    },
}

/// What a verified receipt tells its reader.
///
/// Every entry that it shows is in the log. Look at [`contradictions`](Self::contradictions)
/// first: if there are any, the provider broke a rule, or left something out of the receipt.
///
/// A receipt shows what the provider chose to put into it, up to the time of its checkpoint.
/// [`missing_from`](Self::missing_from) compares it with the whole log.
#[derive(Clone)]
pub struct Told {
    /// The checkpoint: size and root of the log, and when the vault and the witnesses saw it.
    pub checkpoint: VerifiedCheckpoint,
    /// The day on which the report arrived, if its entry is in the log.
    pub received: Option<Day>,
    /// The day on which the report was rejected, and the number of the check that rejected it.
    pub rejected: Option<(Day, u8)>,
    /// The reason by which the vault sorted the report. The reporter knows which one it gave.
    pub sorted: Option<(Day, ReasonCode)>,
    /// Each time that the report was opened, with the purpose.
    pub openings: Vec<(Day, Purpose)>,
    /// The decisions about the reader's report or account.
    pub decisions: Vec<ToldDecision>,
    /// The notices that were sent, and to which side.
    pub notices: Vec<(Day, Side)>,
    /// Appeals against the decisions, and what was decided about them.
    pub appeals: Vec<ToldAppeal>,
    /// The day on which the content was erased.
    pub erased: Option<Day>,
    /// What is missing or contradicts. Empty if all is as it should be.
    pub contradictions: Vec<Contradiction>,
    /// Index and leaf hash of each entry in the receipt.
    pub(super) entries: Vec<(u64, TreeHash)>,
    /// The numbers whose entries belong in the receipt.
    pub(super) numbers: Vec<Number>,
    /// The promise of a reporter.
    pub(super) promise: Option<PromisedReport>,
}

/// A decision about the reader's report or account.
#[derive(Clone, PartialEq, Eq)]
pub struct ToldDecision {
    /// Leaf hash of the entry, which names the decision.
    pub leaf_hash: TreeHash,
    /// The day of the decision.
    pub day: Day,
    /// The reason that was found.
    pub reason: ReasonCode,
    /// What was done.
    pub measure: Measure,
    /// Statement of reasons. `None` after the content was erased: the receipt then no longer proves
    /// that the decision is about the reader. Compare it with an earlier receipt.
    pub statement: Option<String>,
    /// The rule that was applied. `None` after the content was erased.
    pub rule: Option<String>,
    /// The time until which an appeal is accepted, in milliseconds since the Unix epoch. `None`
    /// after the content was erased.
    pub appeal_until_ms: Option<u64>,
    /// How often reports of the case were opened before the decision.
    pub openings: u32,
    /// Days from the first report of the case to the decision.
    pub days: u32,
}

/// What happened with an appeal.
#[derive(Clone, PartialEq, Eq)]
pub enum ToldAppeal {
    /// It was filed.
    Filed {
        /// The day.
        day: Day,
        /// By whom.
        side: Side,
        /// The decision, and the digest of what was written. `None` after the content was erased.
        detail: Option<AppealDetail>,
    },
    /// It was decided.
    Decided {
        /// The day.
        day: Day,
        /// Whether the decision was upheld.
        outcome: AppealOutcome,
        /// Days from the appeal to its decision.
        days: u32,
        /// Statement of reasons, if the receipt shows it.
        statement: Option<String>,
    },
}

/// Something that is missing from a receipt, or contradicts.
///
/// An `index` is the position of an entry in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// The promised entry should be in the log by now, and the receipt does not show it.
    #[error("the promise is broken: the report should be in the log by now, and is not shown")]
    PromiseBroken,
    /// Another entry than the promised one says that the report arrived or was rejected.
    #[error("entry {index} about the report's arrival is not the promised one")]
    NotAsPromised {
        /// Index of the entry.
        index: u64,
    },
    /// The promised entry occurs a second time, or the report was sorted a second time.
    #[error("entry {index} repeats what happens once")]
    Repeated {
        /// Index of the entry.
        index: u64,
    },
    /// The report was rejected, and yet sorted or opened.
    #[error("entry {index} is about a report that was rejected")]
    RejectedYetUsed {
        /// Index of the entry.
        index: u64,
    },
    /// Two openings have the same mark: one entry released the content twice.
    #[error("entry {index} has the mark of an earlier opening")]
    MarkTwice {
        /// Index of the second entry.
        index: u64,
    },
    /// The day is earlier than that of an entry before it, by more days than its kind may be late.
    #[error("entry {index} is back-dated: an entry before it has a later day")]
    BackDated {
        /// Index of the entry.
        index: u64,
    },
    /// The decision counts fewer openings than the receipt shows.
    #[error("decision {index} counts {told} openings, and {shown} are shown")]
    FewerOpenings {
        /// Index of the decision.
        index: u64,
        /// Openings of the whole case, by the decision.
        told: u32,
        /// Openings of this report before the decision.
        shown: u32,
    },
    /// The decision counts fewer days than have passed since the report.
    #[error("decision {index} counts {told} days, and {shown} have passed since the report")]
    FewerDays {
        /// Index of the decision.
        index: u64,
        /// Days from the first report of the case, by the decision.
        told: u32,
        /// Days from this report to the decision.
        shown: u32,
    },
    /// The decision is about another report or account.
    #[error("decision {index} is not about this reader")]
    NotAboutReader {
        /// Index of the decision.
        index: u64,
    },
    /// The detail of a decision is missing, and the content was not erased.
    #[error("decision {index} is shown without its statement of reasons")]
    NoDetail {
        /// Index of the decision.
        index: u64,
    },
    /// A notice, appeal or erasure follows no decision in the receipt.
    #[error("entry {index} follows no decision that is shown")]
    WithoutDecision {
        /// Index of the entry.
        index: u64,
    },
    /// An appeal was decided that was not filed, or was decided already.
    #[error("entry {index} decides no open appeal")]
    WithoutAppeal {
        /// Index of the entry.
        index: u64,
    },
    /// The receipt is older than an earlier receipt.
    #[error("the log is smaller than in an earlier receipt")]
    OlderCheckpoint,
    /// Two receipts show different logs: the provider keeps two.
    #[error("the log is not the one of an earlier receipt")]
    Forked,
    /// An earlier receipt showed an entry that this one does not.
    #[error("entry {index} was in an earlier receipt and is not shown")]
    Dropped {
        /// Index of the entry.
        index: u64,
    },
    /// The published log holds an entry about the reader that the receipt leaves out.
    #[error("entry {index} of the log is left out of the receipt")]
    LeftOut {
        /// Index of the entry.
        index: u64,
    },
    /// The published log has another entry at this index than the receipt.
    #[error("the published log has another entry {index}")]
    NotInLog {
        /// Index of the entry.
        index: u64,
    },
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Told");
        out.field("received", &self.received)
            .field("rejected", &self.rejected);
        out.field("sorted", &self.sorted)
            .field("openings", &self.openings);
        out.field("decisions", &self.decisions)
            .field("notices", &self.notices);
        out.field("appeals", &self.appeals)
            .field("erased", &self.erased);
        out.field("contradictions", &self.contradictions)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ToldDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ToldDecision");
        out.field("day", &self.day).field("reason", &self.reason);
        out.field("measure", &self.measure)
            .field("appeal_until_ms", &self.appeal_until_ms);
        out.field("openings", &self.openings)
            .field("days", &self.days)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ToldAppeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filed { day, side, .. } => {
                let mut out = f.debug_struct("Filed");
                out.field("day", day)
                    .field("side", side)
                    .finish_non_exhaustive()
            }
            Self::Decided {
                day, outcome, days, ..
            } => {
                let mut out = f.debug_struct("Decided");
                out.field("day", day)
                    .field("outcome", outcome)
                    .field("days", days);
                out.finish_non_exhaustive()
            }
        }
    }
}
