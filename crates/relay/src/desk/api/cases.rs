//! The desk itself, cases, grants, openings, decisions and appeals.

use serde::{Deserialize, Serialize};
use waxseal_interface::b64;

use crate::desk::hex::Hex;

json! {
    /// `GET /v1/desk`: what an officer's program has to know.
    DeskCard {
        /// Origin of the log.
        origin: String,
        /// The vault's public key, as grants name it.
        vault: Hex<32>,
        /// The policy in force, as a document. Everyone can check it against the log.
        #[serde(with = "b64")]
        policy: Vec<u8>,
        /// The signature of the policy key on it.
        policy_signature: Hex<64>,
        /// The pinned keys of the log, as text.
        keys: String,
        /// Number of entries in the log.
        log_size: u64,
        /// Size of the newest checkpoint that vault and witnesses cosigned.
        cosigned_size: u64,
        /// The server's time, in milliseconds since the Unix epoch.
        now_ms: u64,
        /// The targets for which exports are set up, by name.
        exports: Vec<String>,
    }

    /// One page of the queue.
    QueuePage {
        /// The cases.
        cases: Vec<CaseItem>,
        /// Where the next page starts: the cursor's 28 bytes. `None` if this is the last one.
        next: Option<Hex<28>>,
    }

    /// A case, without what belongs to it.
    CaseItem {
        /// The case. It is also its number in the log.
        id: Hex<16>,
        /// The reported account. `None` once it was erased.
        account: Option<String>,
        /// Number of the gravest reason.
        reason: u8,
        /// How grave it is, 1 to 4.
        severity: u8,
        /// When its first report came in.
        first_report_at_ms: u64,
        /// When its last report came in.
        last_report_at_ms: u64,
        /// Number of reports.
        reports: u32,
        /// Number of distinct reporters.
        reporters: u32,
        /// `open`, `waiting`, `decided` or `closed`.
        status: String,
        /// The officer who has it, while the assignment lasts.
        officer: Option<Hex<32>>,
        /// When the assignment ends.
        assigned_until_ms: Option<u64>,
        /// Whether a hold is on it.
        is_held: bool,
    }

    /// A case with all that belongs to it.
    CaseDetail {
        /// The case.
        case: CaseItem,
        /// A page of its reports, the oldest first: at most 50.
        reports: Vec<ReportItem>,
        /// Where the next page of reports starts: the time of the last one, big-endian, and its id.
        /// `None` if this is the last page.
        reports_next: Option<Hex<24>>,
        /// Reports of other pages that a grant names which is asked for or in force: at most 64.
        granted: Vec<ReportItem>,
        /// Its grants, the oldest first.
        grants: Vec<GrantItem>,
        /// Its openings, in the order of the log.
        openings: Vec<OpeningItem>,
        /// Its decisions, in the order of the log.
        decisions: Vec<DecisionItem>,
        /// Its appeals, in the order of the log.
        appeals: Vec<AppealItem>,
        /// Its holds, lifted ones too.
        holds: Vec<HoldItem>,
        /// The earlier cases about the same account, the newest first.
        earlier: Vec<CaseItem>,
    }

    /// A report of a case.
    ReportItem {
        /// The relay's id.
        id: Hex<16>,
        /// The digest by which a grant names it. `None` once its content was erased.
        accepted_digest: Option<Hex<32>>,
        /// Its number in the log.
        number: Hex<16>,
        /// Number of the reporter's reason, once the vault told it.
        reason: Option<u8>,
        /// When it came in.
        received_at_ms: u64,
        /// Number of its messages. 0 for a report about an account.
        messages: u32,
        /// Whether its content was erased.
        is_erased: bool,
        /// The blobs that it names.
        blobs: Vec<String>,
    }

    /// Grants.
    Grants {
        /// At most 1,000, the oldest first.
        grants: Vec<GrantItem>,
    }

    /// A grant.
    GrantItem {
        /// The grant. It is also its number in the log.
        id: Hex<16>,
        /// Its digest, which a denial or a review names.
        digest: Hex<32>,
        /// The grant, as the requester signed it.
        #[serde(with = "b64")]
        grant: Vec<u8>,
        /// The case.
        case: Hex<16>,
        /// Number of the purpose.
        purpose: u8,
        /// `requested`, `approved`, `denied` or `expired`.
        state: String,
        /// Who asked.
        requester: Hex<32>,
        /// Who is named to approve, or approved or denied it.
        approver: Option<Hex<32>>,
        /// When it was asked for.
        requested_at_ms: u64,
        /// When it expires.
        expires_at_ms: u64,
        /// Maximum number of openings.
        max_openings: u16,
        /// Number of openings.
        openings: u16,
        /// Until when its use must be reviewed.
        review_until_ms: Option<u64>,
        /// The outcome of the review.
        review: Option<u8>,
    }

    /// `POST /v1/openings`: opens a report under a grant, once.
    Open {
        /// The grant.
        grant: Hex<16>,
        /// The report, by the relay's id.
        report: Hex<16>,
    }

    /// An opening.
    OpeningItem {
        /// Digest of the grant.
        grant_digest: Hex<32>,
        /// The report, by the relay's id.
        report: Hex<16>,
        /// Who opened.
        officer: Hex<32>,
        /// Index of the entry in the log.
        log_index: u64,
        /// When it was logged.
        logged_at_ms: u64,
        /// When it was shown. `None` if it was logged and not shown.
        shown_at_ms: Option<u64>,
    }

    /// A decision.
    DecisionItem {
        /// Leaf hash of the entry, which names the decision.
        leaf: Hex<32>,
        /// Index of the entry in the log.
        log_index: u64,
        /// Who decided.
        officer: Hex<32>,
        /// Number of the reason that was found.
        reason: u8,
        /// Number of the measure.
        measure: u8,
        /// The rule that was broken, or by which nothing is done.
        rule: String,
        /// The statement of reasons.
        statement: String,
        /// Number of openings before it.
        openings: u32,
        /// When it was decided.
        decided_at_ms: u64,
        /// Until when a side may appeal.
        appeal_until_ms: u64,
        /// The numbers of the sides that were told.
        told: Vec<u8>,
    }

    /// Appeals that wait for a decision.
    Appeals {
        /// At most 1,000.
        appeals: Vec<AppealItem>,
    }

    /// An appeal.
    AppealItem {
        /// Leaf hash of the entry, which names the appeal.
        leaf: Hex<32>,
        /// Index of the entry in the log.
        log_index: u64,
        /// Leaf hash of the decision.
        decision: Hex<32>,
        /// The case.
        case: Hex<16>,
        /// Number of the side.
        side: u8,
        /// What the side wrote. `None` once it was erased.
        text: Option<String>,
        /// When it was filed.
        filed_at_ms: u64,
        /// Number of the outcome, once it is decided.
        outcome: Option<u8>,
        /// The statement of reasons, once it is decided.
        statement: Option<String>,
        /// Who decided it.
        officer: Option<Hex<32>>,
        /// When it was decided.
        decided_at_ms: Option<u64>,
    }

    /// A hold.
    HoldItem {
        /// The hold.
        id: Hex<16>,
        /// When it was placed.
        placed_at_ms: u64,
        /// When it was lifted.
        lifted_at_ms: Option<u64>,
    }

    /// An act was carried out.
    Done {
        /// Number of entries in the log now.
        log_size: u64,
        /// Leaf hash of the act's entry, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leaf: Option<Hex<32>>,
    }
}
