//! The facts of a case, from which every form is made.

mod content;
mod gather;

use std::collections::{BTreeMap, BTreeSet};

use waxseal_log::entry::Measure;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, BlobId, Timestamp};

use super::Pseudonyms;
use crate::ids::CaseId;
use crate::vault::{View, ViewedMessage};

pub use content::{MAX_CONTENT_LEN, ShownReport, decode_content, encode_content};

/// What the desk knows about a case when it is exported.
///
/// # Security
/// It holds personal data: names of accounts, and what messages say. Each form takes only what its
/// documentation says.
pub struct CaseFacts {
    /// The case.
    pub case: CaseId,
    /// The reported account.
    pub account: Option<AccountId>,
    /// The gravest reason of its reports.
    pub reason: Reason,
    /// When the first report came in.
    pub first_report_at: Timestamp,
    /// Its reports, the oldest first.
    pub reports: Vec<ReportFacts>,
    /// Number of openings in the log.
    pub openings: u32,
    /// The last decision, unless an appeal reversed it.
    pub decision: Option<DecisionFacts>,
    /// Its appeals, in the order of the log.
    pub appeals: Vec<AppealFacts>,
    /// Names of all accounts in its reports: those that must not occur where no personal data may
    /// go.
    pub accounts: BTreeSet<String>,
    /// Makes the pseudonyms.
    pub pseudonyms: Pseudonyms,
}

/// A report of the case.
pub struct ReportFacts {
    /// The report.
    pub id: [u8; 16],
    /// When it came in.
    pub received_at: Timestamp,
    /// The reason that the reporter gave.
    pub reason: Reason,
    /// The files that it names.
    pub blobs: Vec<NamedBlob>,
    /// Those of its files that officers fetched, as the log says, under this or another report, and
    /// how many bytes of each were handed out, from its start without a gap.
    pub fetched: BTreeMap<BlobId, u64>,
    /// Keyed hash of the reporter's account.
    pub reporter: Option<[u8; 32]>,
    /// What the officer who asks for the export was shown, if it goes along.
    pub view: Option<View>,
}

/// A file that a report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedBlob {
    /// Index of the message's claim.
    pub claim: u8,
    /// Number of the part with the file's descriptor.
    pub part: u8,
    /// The blob.
    pub blob: BlobId,
}

/// A decision.
pub struct DecisionFacts {
    /// Leaf hash of its entry.
    pub leaf_hash: [u8; 32],
    /// The reason that was found.
    pub reason: Reason,
    /// The measure.
    pub measure: Measure,
    /// The rule that was broken.
    pub rule: String,
    /// The statement of reasons.
    pub statement: String,
    /// Number of openings before it.
    pub openings: u32,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// An appeal.
pub struct AppealFacts {
    /// Leaf hash of its entry.
    pub leaf_hash: [u8; 32],
    /// Leaf hash of the decision.
    pub decision: [u8; 32],
    /// Whether the reported account appeals, rather than a reporter.
    pub by_account: bool,
    /// What it says. `None` once it was erased.
    pub text: Option<String>,
    /// When it was filed.
    pub filed_at: Timestamp,
}

impl CaseFacts {
    /// The reason that was found, or the gravest that was given.
    pub(super) fn found(&self) -> Reason {
        self.decision
            .as_ref()
            .map_or(self.reason, |decision| decision.reason)
    }

    /// All messages that go along, each with its report.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&ReportFacts, &ViewedMessage)> {
        self.reports.iter().flat_map(|report| {
            let messages = report.view.iter().flat_map(|view| &view.messages);
            messages.map(move |message| (report, message))
        })
    }

    /// When the first message that goes along was accepted.
    pub(super) fn first_message_at(&self) -> Option<Timestamp> {
        let times = self.messages().map(|(_, message)| message.accepted_at);
        times.min_by_key(|time| time.as_millis())
    }
}

impl ReportFacts {
    /// The blob of a file, by its message and part.
    pub(super) fn blob(&self, claim: u8, part: u8) -> Option<BlobId> {
        let mut blobs = self.blobs.iter();
        let named = blobs.find(|named| (named.claim, named.part) == (claim, part));
        named.map(|named| named.blob)
    }
}
