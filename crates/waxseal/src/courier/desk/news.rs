//! What the application is told of a receipt.

use waxseal_log::entry::Number;
use waxseal_log::receipt::Told;
use waxseal_log::tree::TreeHash;

use crate::client::{KeptPromise, ReportId};

/// What a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptAbout {
    /// A report of this device.
    Report {
        /// The report's identifier on this device.
        id: ReportId,
        /// The number of the report in the log.
        number: Number,
    },
    /// A decision against this account. Only a receipt shows what it is: the provider's word alone
    /// names the leaf hash.
    Decision(TreeHash),
}

impl ReceiptAbout {
    pub(super) fn of(kept: &KeptPromise) -> Self {
        Self::Report {
            id: kept.report(),
            number: kept.number(),
        }
    }
}

/// What a verified receipt shows that the receipt before did not.
#[derive(Clone)]
pub struct ReceiptNews {
    /// What the receipt is about.
    pub about: ReceiptAbout,
    /// All that the receipt tells. Look at [`contradictions`](Told::contradictions) first.
    pub told: Told,
}

impl std::fmt::Debug for ReceiptNews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptNews")
            .field("contradictions", &self.told.contradictions.len())
            .finish_non_exhaustive()
    }
}

/// Whether a receipt shows anything that the one before did not.
pub(super) fn is_news(before: Option<&Told>, told: &Told) -> bool {
    let shown = |told: &Told| {
        (
            (told.received, told.rejected, told.sorted, told.erased),
            (told.openings.len(), told.decisions.len()),
            (told.notices.len(), told.appeals.len()),
        )
    };
    let has_any = || {
        let (arrival, opened, noticed) = shown(told);
        arrival != (None, None, None, None) || opened != (0, 0) || noticed != (0, 0)
    };
    !told.contradictions.is_empty()
        || before.map_or_else(has_any, |before| shown(before) != shown(told))
}
