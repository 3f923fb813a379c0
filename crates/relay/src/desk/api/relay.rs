//! What the relay and the desk's server tell each other.

use serde::{Deserialize, Serialize};

use crate::desk::hex::Hex;

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
        /// With side 1, if there are more reporters: the report after which they come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Hex<16>>,
    }

    /// `POST /v1/notices/sent`: the relay keeps the notice for everyone who is told.
    NoticeSent {
        /// Leaf hash of the decision.
        decision: Hex<32>,
        /// Number of the side.
        side: u8,
    }
}
