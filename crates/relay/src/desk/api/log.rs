//! The log and the transparency report.

use serde::{Deserialize, Serialize};

use crate::desk::hex::Hex;

json! {
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
}
