//! The transparency report: the numbers of the public log as rows, and cross-tables of the
//! provider's own data without their small cells.
//!
//! [`Counts`] counts the entries of the log; anyone who has the log counts the same. [`rows`] and
//! [`csv`] write what it counted. [`CrossTable`] is for data that only the provider has, such as
//! decisions by country: a small cell there could point to a person, so it is hidden.
//!
//! ```
//! use waxseal_desk::transparency::{csv, day};
//! use waxseal_log::counts::Counts;
//!
//! let (from, to) = (day("2026-01-01").unwrap(), day("2026-03-31").unwrap());
//! let counts = Counts::new(from, to); // then `Counts::add` for each entry of the log
//! assert!(csv(&counts, 0).contains("2026-01-01,2026-03-31,0,reports_received,"));
//! ```

mod cross_table;
mod dates;

use std::collections::BTreeMap;

use waxseal_log::counts::{Counts, Days};
use waxseal_log::entry::{AppealOutcome, KeyKind, Purpose, ReasonCode, ReviewOutcome, Side};
use waxseal_reporting::reporter::Reason;

pub use cross_table::{CrossTable, CrossTableError, MAX_LINES, MIN_CELL, PublicTable};
pub use dates::{date, date_and_time, day};

/// The dimensions by which numbers are divided, in the order of the columns of [`csv`].
///
/// | dimension | values |
/// |---|---|
/// | `check` | number of the check that rejected a report |
/// | `reason` | reason of a report or decision |
/// | `measure` | what was done about an account |
/// | `purpose` | purpose of a grant or opening |
/// | `side` | `reporter` or `account` |
/// | `outcome` | outcome of an appeal, of an emergency's review, or of a legal request |
/// | `target` | to what data was exported |
/// | `basis` | basis of a legal request |
/// | `key` | kind of a key |
/// | `openings` | how often a report was opened |
/// | `statistic` | `median`, `maximum` or `sum` of days |
pub const DIMENSIONS: [&str; 11] = [
    "check",
    "reason",
    "measure",
    "purpose",
    "side",
    "outcome",
    "target",
    "basis",
    "key",
    "openings",
    "statistic",
];

/// One number of the transparency report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is counted, such as `decisions`.
    pub number: &'static str,
    /// The dimensions by which this number is divided, each with its value. A row without one of
    /// the dimensions of its number is a total over that dimension.
    pub by: Vec<(&'static str, String)>,
    /// How many.
    pub value: u64,
}

/// All numbers, in a fixed order. Each total comes before its parts, and parts that are 0 are left
/// out.
pub fn rows(counts: &Counts) -> Vec<Row> {
    let mut rows = Rows(Vec::new());
    rows.one("entries", counts.entries);
    rows.one("reports_received", counts.reports_received);
    rows.by(
        "reports_rejected",
        "check",
        &counts.reports_rejected,
        u8::to_string,
    );
    rows.by("reports_sorted", "reason", &counts.reports_sorted, reason);
    let by_purpose = [
        ("openings", &counts.openings),
        ("grants_requested", &counts.grants_requested),
        ("grants_approved", &counts.grants_approved),
        ("grants_denied", &counts.grants_denied),
        ("grants_expired", &counts.grants_expired),
    ];
    for (number, counted) in by_purpose {
        rows.by(number, "purpose", counted, Purpose::to_string);
    }
    let per_report = counts.openings_per_report();
    rows.by(
        "openings_per_report",
        "openings",
        &per_report,
        u64::to_string,
    );
    let reviewed = &counts.emergencies_reviewed;
    rows.by(
        "emergencies_reviewed",
        "outcome",
        reviewed,
        ReviewOutcome::to_string,
    );
    rows.one("emergencies_overdue", counts.emergencies_overdue);
    rows.decisions(counts);
    rows.days("days_to_decision", &counts.days_to_decision);
    rows.by("notices", "side", &counts.notices, Side::to_string);
    rows.by(
        "appeals_filed",
        "side",
        &counts.appeals_filed,
        Side::to_string,
    );
    let decided = &counts.appeals_decided;
    rows.by(
        "appeals_decided",
        "outcome",
        decided,
        AppealOutcome::to_string,
    );
    rows.days("days_to_appeal_decision", &counts.days_to_appeal_decision);
    rows.by("exports", "target", &counts.exports, ToString::to_string);
    rows.by(
        "legal_requests",
        "basis",
        &counts.legal_requests,
        ToString::to_string,
    );
    rows.by(
        "legal_answers",
        "outcome",
        &counts.legal_answers,
        ToString::to_string,
    );
    rows.one("legal_items", counts.legal_items);
    rows.one("holds_placed", counts.holds_placed);
    rows.one("holds_lifted", counts.holds_lifted);
    rows.by(
        "keys_created",
        "key",
        &counts.keys_created,
        KeyKind::to_string,
    );
    rows.by(
        "keys_destroyed",
        "key",
        &counts.keys_destroyed,
        KeyKind::to_string,
    );
    rows.one("policies_published", counts.policies_published);
    rows.one("contents_erased", counts.contents_erased);
    rows.one("files_fetched", counts.files_fetched);
    rows.0
}

/// The numbers as CSV, with a line of names first. (RFC 4180)
///
/// The columns are `from`, `to`, `log_size`, `number`, each of [`DIMENSIONS`], and `value`. A
/// dimension that does not divide the number is empty. `log_size` is the size of the checkpoint up
/// to which the entries were counted.
pub fn csv(counts: &Counts, log_size: u64) -> String {
    let mut names = vec!["from", "to", "log_size", "number"];
    names.extend(DIMENSIONS);
    names.push("value");
    let mut out = record(&names);
    let (from, to) = (date(counts.from), date(counts.to));
    let log_size = log_size.to_string();
    for row in rows(counts) {
        let of = |dimension: &str| {
            let found = row.by.iter().find(|(name, _)| *name == dimension);
            found.map_or("", |(_, value)| value.as_str())
        };
        let value = row.value.to_string();
        let mut fields = vec![from.as_str(), to.as_str(), log_size.as_str(), row.number];
        fields.extend(DIMENSIONS.map(of));
        fields.push(&value);
        out.push_str(&record(&fields));
    }
    out
}

/// One record of CSV. A field with a comma, a quote or the end of a line is quoted.
fn record<T: AsRef<str>>(fields: &[T]) -> String {
    let quoted = |field: &T| {
        let field = field.as_ref();
        match field.contains(['"', ',', '\r', '\n']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.to_owned(),
        }
    };
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    fields.join(",") + "\r\n"
}

/// The name of a reason in the rows, as `waxseal-reporting` names it.
pub fn reason(reason: &ReasonCode) -> String {
    let number = reason.number();
    Reason::from_number(number).map_or_else(|| number.to_string(), |found| found.to_string())
}

/// Builds the rows.
struct Rows(Vec<Row>);

impl Rows {
    fn push(&mut self, number: &'static str, by: Vec<(&'static str, String)>, value: u64) {
        self.0.push(Row { number, by, value });
    }

    fn one(&mut self, number: &'static str, value: u64) {
        self.push(number, Vec::new(), value);
    }

    /// The total, then the parts.
    fn by<K>(
        &mut self,
        number: &'static str,
        dimension: &'static str,
        counted: &BTreeMap<K, u64>,
        name: impl Fn(&K) -> String,
    ) {
        self.one(number, sum(counted.values()));
        for (key, value) in counted {
            self.push(number, vec![(dimension, name(key))], *value);
        }
    }

    /// The total, the totals by reason and by measure, then the parts.
    fn decisions(&mut self, counts: &Counts) {
        let number = "decisions";
        let (mut reasons, mut measures) = (BTreeMap::new(), BTreeMap::new());
        for ((reason, measure), value) in &counts.decisions {
            add(&mut reasons, *reason, *value);
            add(&mut measures, *measure, *value);
        }
        self.by(number, "reason", &reasons, reason);
        for (measure, value) in measures {
            self.push(number, vec![("measure", measure.to_string())], value);
        }
        for ((found, measure), value) in &counts.decisions {
            let by = vec![("reason", reason(found)), ("measure", measure.to_string())];
            self.push(number, by, *value);
        }
    }

    fn days(&mut self, number: &'static str, days: &Days) {
        if let (Some(median), Some(maximum)) = (days.median(), days.maximum()) {
            let statistics = [
                ("median", median.into()),
                ("maximum", maximum.into()),
                ("sum", days.total()),
            ];
            for (name, value) in statistics {
                self.push(number, vec![("statistic", name.to_owned())], value);
            }
        }
    }
}

fn sum<'a>(values: impl Iterator<Item = &'a u64>) -> u64 {
    values.fold(0, |sum, value| sum.saturating_add(*value))
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u64>, key: K, value: u64) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(value);
}

#[cfg(test)]
mod tests;
