//! The JSON types of the desk's server.

use serde::{Deserialize, Serialize};
use waxseal_interface::b64;

use super::hex::Hex;

macro_rules! json {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

json! {
    /// `POST /v1/intake/refused`: a report that the intake rejected.
    RefusedReport {
        /// The digest of the report, as `waxseal_desk::vault::digest_of` makes it.
        digest: Hex<32>,
        /// The number of the failed check.
        check: u8,
    }

    /// `POST /v1/decisions/{leaf}/appeals`: a side appeals.
    FileAppeal {
        /// Number of the side: 1 for a reporter, 2 for the account.
        side: u8,
        /// The account that appeals. The relay has authenticated it.
        account: String,
        /// With side 1: the report, by the relay's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<Hex<16>>,
        /// The text: 1 to 16,384 bytes.
        text: String,
    }

    /// An appeal was filed.
    AppealFiled {
        /// Leaf hash of the entry `appeal_filed`, which names the appeal.
        leaf: Hex<32>,
    }

    /// Notices that no relay has taken yet.
    Notices {
        /// At most 100.
        notices: Vec<NoticeItem>,
    }

    /// A notice of a decision to one side.
    NoticeItem {
        /// Leaf hash of the decision.
        decision: Hex<32>,
        /// Number of the side: 1 for the reporters, 2 for the account.
        side: u8,
        /// Who is told: the account, or each reporter. With side 1, `reports` has the id of the
        /// report at the same place.
        accounts: Vec<String>,
        /// With side 1: the reports, by the relay's ids.
        reports: Vec<Hex<16>>,
    }

    /// `POST /v1/notices/sent`: the relay keeps the notice for everyone who is told.
    NoticeSent {
        /// Leaf hash of the decision.
        decision: Hex<32>,
        /// Number of the side.
        side: u8,
    }

    /// `GET /v1/desk`: what an officer's program has to know.
    DeskCard {
        /// Origin of the log.
        origin: String,
        /// The vault's public key, as grants name it.
        vault: Hex<32>,
        /// The policy in force, as a document. Everyone can check it against the log.
        #[serde(with = "b64")]
        policy: Vec<u8>,
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
        /// Its reports, the oldest first.
        reports: Vec<ReportItem>,
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

    /// Entries of the log.
    Entries {
        /// In the order of the log.
        entries: Vec<EntryItem>,
        /// Number of entries in the log.
        log_size: u64,
        /// Size of the newest checkpoint that vault and witnesses cosigned.
        cosigned_size: u64,
    }

    /// An entry of the log.
    EntryItem {
        /// Its index.
        index: u64,
        /// Days since 1970-01-01, UTC.
        day: u32,
        /// The kind, such as `content_opened`.
        kind: String,
        /// The number that joins entries.
        number: Hex<16>,
        /// Its public fields in words, such as `user_report`. Empty if it has none.
        what: String,
        /// Its leaf hash.
        leaf: Hex<32>,
    }

    /// The transparency report of a range of days, and each month's decisions.
    Transparency {
        /// The first day.
        from: u32,
        /// The last day, which counts too.
        to: u32,
        /// The report as CSV, as anyone can count it from the public log.
        csv: String,
        /// Numbers to plot: one for each day of the range on which something happened.
        series: Vec<SeriesPoint>,
        /// Number of entries that were counted.
        log_size: u64,
    }

    /// What happened on one day.
    SeriesPoint {
        /// Days since 1970-01-01, UTC.
        day: u32,
        /// Reports that came in.
        reports: u32,
        /// Openings.
        openings: u32,
        /// Decisions.
        decisions: u32,
        /// Appeals that were filed.
        appeals: u32,
    }

    /// `POST /v1/cases/{id}/exports`: an officer has a case exported.
    AskExport {
        /// Number of the target.
        target: u8,
        /// What only the officer knows, by the names that the export's documentation lists.
        fields: std::collections::BTreeMap<String, String>,
        /// The reports whose content goes along, with the view of each. Empty if none does.
        #[serde(with = "b64")]
        content: Vec<u8>,
    }

    /// An export was logged, and waits to be sent.
    Exported {
        /// The export.
        id: Hex<16>,
        /// What leaves, byte for byte.
        #[serde(with = "b64")]
        sent: Vec<u8>,
        /// Number of entries in the log now.
        log_size: u64,
    }

    /// The exports of all cases, the newest first; or those of one case.
    Exports {
        /// At most 1,000.
        exports: Vec<ExportItem>,
        /// What targets said later, at most 1,000. It decides nothing.
        callbacks: Vec<CallbackItem>,
    }

    /// What a target said later, such as what was decided in ROOST Coop.
    CallbackItem {
        /// The case that it is about, if it names one.
        case: Option<Hex<16>>,
        /// What it said. Show it as text.
        text: String,
        /// When it came.
        received_at_ms: u64,
    }

    /// An export.
    ExportItem {
        /// The export.
        id: Hex<16>,
        /// The case.
        case: Hex<16>,
        /// Number of the target.
        target: u8,
        /// When it was made.
        made_at_ms: u64,
        /// Who asked for it.
        officer: Hex<32>,
        /// Index of the entry in the log.
        log_index: u64,
        /// When the target took it. `None` while it waits.
        taken_at_ms: Option<u64>,
        /// When it was given up. `None` while it waits.
        given_up_at_ms: Option<u64>,
        /// How often it was tried.
        tries: u32,
        /// What the target said last. Bounded, and shown as text.
        answer: String,
    }

    /// A refusal.
    DeskErrorBody {
        /// The reason, for programs.
        error: DeskCode,
        /// The reason, for people. It never repeats anything that was sent.
        message: String,
    }
}

/// The query of `GET /v1/queue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueQuery {
    /// `severity`, `age` or `reporters`. The default is `severity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Number of a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// `open`, `waiting`, `decided` or `closed`. The default is `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `free` or `me`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<String>,
    /// The cursor of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Hex<28>>,
    /// Maximum number of cases, 1 to 100. The default is 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u8>,
}

/// Why the desk's server refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeskCode {
    /// The request is not one of this version.
    Malformed,
    /// The signature is not that of a key that may ask this, or its time or nonce is refused.
    NotSigned,
    /// There is no such thing.
    NotFound,
    /// Someone else was faster. Read again.
    Conflict,
    /// The desk's rules do not allow it. The message says why.
    Refused,
    /// The vault does not answer, or refuses.
    Vault,
    /// Witnesses or vault have not cosigned yet. Try again later.
    NotCosigned,
    /// A required part of an export is missing. The message names it.
    Incomplete,
    /// The server is busy or fails. Try again later.
    Busy,
    /// A code that this version does not know, from a newer server.
    #[serde(other)]
    Other,
}
