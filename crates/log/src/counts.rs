//! Counts what happened within a range of days: the numbers of a transparency report.

use std::collections::BTreeMap;

use crate::entry::{
    AppealOutcome, Day, Entry, Event, KeyKind, LegalBasis, LegalOutcome, Measure, Number, Purpose,
    ReasonCode, ReviewOutcome, Side, Target,
};

/// Numbers of a transparency report, from public entries alone.
///
/// Every number concerns the entries whose day is within the range, first and last day included.
/// Anyone who has the log counts the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// First day of the range.
    pub from: Day,
    /// Last day of the range.
    pub to: Day,
    /// Entries within the range.
    pub entries: u64,
    /// Reports that the intake accepted.
    pub reports_received: u64,
    /// Reports that were rejected, by the number of the failed check.
    pub reports_rejected: BTreeMap<u8, u64>,
    /// Reports by their reason.
    pub reports_sorted: BTreeMap<ReasonCode, u64>,
    /// Openings by purpose.
    pub openings: BTreeMap<Purpose, u64>,
    /// Grants that were requested, by purpose.
    pub grants_requested: BTreeMap<Purpose, u64>,
    /// Grants that were approved, by purpose.
    pub grants_approved: BTreeMap<Purpose, u64>,
    /// Grants that were denied, by purpose.
    pub grants_denied: BTreeMap<Purpose, u64>,
    /// Grants that expired, by purpose.
    pub grants_expired: BTreeMap<Purpose, u64>,
    /// Emergency grants that were reviewed, by outcome.
    pub emergencies_reviewed: BTreeMap<ReviewOutcome, u64>,
    /// Emergency grants that were not reviewed in time.
    pub emergencies_overdue: u64,
    /// Decisions by reason and measure.
    pub decisions: BTreeMap<(ReasonCode, Measure), u64>,
    /// Days from the first report of a case to its decision.
    pub days_to_decision: Days,
    /// Notices by side.
    pub notices: BTreeMap<Side, u64>,
    /// Appeals that were filed, by side.
    pub appeals_filed: BTreeMap<Side, u64>,
    /// Appeals that were decided, by outcome. The reversals are those with the outcome `Reversed`.
    pub appeals_decided: BTreeMap<AppealOutcome, u64>,
    /// Days from an appeal to its decision.
    pub days_to_appeal_decision: Days,
    /// Exports by target.
    pub exports: BTreeMap<Target, u64>,
    /// Legal requests by basis.
    pub legal_requests: BTreeMap<LegalBasis, u64>,
    /// Answers to legal requests, by outcome.
    pub legal_answers: BTreeMap<LegalOutcome, u64>,
    /// Items that were produced for legal requests.
    pub legal_items: u64,
    /// Holds that were placed.
    pub holds_placed: u64,
    /// Holds that were lifted.
    pub holds_lifted: u64,
    /// Key epochs that were created, by kind of key.
    pub keys_created: BTreeMap<KeyKind, u64>,
    /// Key epochs that were destroyed, by kind of key.
    pub keys_destroyed: BTreeMap<KeyKind, u64>,
    /// Policies that were published.
    pub policies_published: u64,
    /// Cases whose content was erased.
    pub contents_erased: u64,
    /// Files that officers fetched after an opening.
    pub files_fetched: u64,
    /// Openings of each report that was received or opened within the range.
    by_report: BTreeMap<Number, u64>,
}

impl Counts {
    /// Counts nothing yet. `from` and `to` are the first and the last day that count.
    pub fn new(from: Day, to: Day) -> Self {
        Self {
            from,
            to,
            entries: 0,
            reports_received: 0,
            reports_rejected: BTreeMap::new(),
            reports_sorted: BTreeMap::new(),
            openings: BTreeMap::new(),
            grants_requested: BTreeMap::new(),
            grants_approved: BTreeMap::new(),
            grants_denied: BTreeMap::new(),
            grants_expired: BTreeMap::new(),
            emergencies_reviewed: BTreeMap::new(),
            emergencies_overdue: 0,
            decisions: BTreeMap::new(),
            days_to_decision: Days::default(),
            notices: BTreeMap::new(),
            appeals_filed: BTreeMap::new(),
            appeals_decided: BTreeMap::new(),
            days_to_appeal_decision: Days::default(),
            exports: BTreeMap::new(),
            legal_requests: BTreeMap::new(),
            legal_answers: BTreeMap::new(),
            legal_items: 0,
            holds_placed: 0,
            holds_lifted: 0,
            keys_created: BTreeMap::new(),
            keys_destroyed: BTreeMap::new(),
            policies_published: 0,
            contents_erased: 0,
            files_fetched: 0,
            by_report: BTreeMap::new(),
        }
    }

    /// Counts an entry, if its day is within the range.
    pub fn add(&mut self, entry: &Entry) {
        if entry.day < self.from || entry.day > self.to {
            return;
        }
        one_more(&mut self.entries);
        match entry.event {
            Event::ReportReceived => {
                one_more(&mut self.reports_received);
                self.by_report.entry(entry.number).or_default();
            }
            Event::ReportRejected { check } => count(&mut self.reports_rejected, check),
            Event::ReportSorted { reason } => count(&mut self.reports_sorted, reason),
            Event::ContentOpened { purpose, .. } => {
                count(&mut self.openings, purpose);
                count(&mut self.by_report, entry.number);
            }
            Event::GrantRequested { purpose } => count(&mut self.grants_requested, purpose),
            Event::GrantApproved { purpose } => count(&mut self.grants_approved, purpose),
            Event::GrantDenied { purpose } => count(&mut self.grants_denied, purpose),
            Event::GrantExpired { purpose } => count(&mut self.grants_expired, purpose),
            Event::EmergencyReviewed { outcome } => {
                count(&mut self.emergencies_reviewed, outcome);
            }
            Event::EmergencyOverdue => one_more(&mut self.emergencies_overdue),
            Event::Decision {
                reason,
                measure,
                days,
                ..
            } => {
                count(&mut self.decisions, (reason, measure));
                self.days_to_decision.add(days);
            }
            Event::NoticeSent { side } => count(&mut self.notices, side),
            Event::AppealFiled { side } => count(&mut self.appeals_filed, side),
            Event::AppealDecided { outcome, days } => {
                count(&mut self.appeals_decided, outcome);
                self.days_to_appeal_decision.add(days);
            }
            Event::Exported { target } => count(&mut self.exports, target),
            Event::LegalRequestReceived { basis } => count(&mut self.legal_requests, basis),
            Event::LegalRequestAnswered { outcome, items } => {
                count(&mut self.legal_answers, outcome);
                self.legal_items = self.legal_items.saturating_add(items.into());
            }
            Event::HoldPlaced => one_more(&mut self.holds_placed),
            Event::HoldLifted => one_more(&mut self.holds_lifted),
            Event::KeyEpochCreated { key } => count(&mut self.keys_created, key),
            Event::KeyEpochDestroyed { key } => count(&mut self.keys_destroyed, key),
            Event::PolicyPublished(_) => one_more(&mut self.policies_published),
            Event::ContentErased => one_more(&mut self.contents_erased),
            Event::FileFetched => one_more(&mut self.files_fetched),
        }
    }

    /// Number of reports by their number of openings within the range.
    ///
    /// Only reports that were received or opened within the range count. So the key 0 counts those
    /// that were received and not opened.
    pub fn openings_per_report(&self) -> BTreeMap<u64, u64> {
        let mut reports = BTreeMap::new();
        for openings in self.by_report.values() {
            count(&mut reports, *openings);
        }
        reports
    }

    /// All numbers, each with its name, in a fixed order. Numbers that are 0 are left out where the
    /// table has a row for each reason, purpose or other key.
    ///
    /// A name is that of the number, and after a dot the key: `openings.user_report`. Reasons and
    /// checks are keys by their number: `decisions.7.suspended`.
    pub fn rows(&self) -> Vec<(String, u64)> {
        let mut rows = Rows(Vec::new());
        rows.one("entries", self.entries);
        rows.one("reports_received", self.reports_received);
        rows.by("reports_rejected", &self.reports_rejected, u8::to_string);
        rows.by("reports_sorted", &self.reports_sorted, reason);
        rows.by("openings", &self.openings, Purpose::to_string);
        rows.by(
            "openings_per_report",
            &self.openings_per_report(),
            u64::to_string,
        );
        rows.by(
            "grants_requested",
            &self.grants_requested,
            Purpose::to_string,
        );
        rows.by("grants_approved", &self.grants_approved, Purpose::to_string);
        rows.by("grants_denied", &self.grants_denied, Purpose::to_string);
        rows.by("grants_expired", &self.grants_expired, Purpose::to_string);
        rows.by(
            "emergencies_reviewed",
            &self.emergencies_reviewed,
            ReviewOutcome::to_string,
        );
        rows.one("emergencies_overdue", self.emergencies_overdue);
        rows.by("decisions", &self.decisions, |(found, measure)| {
            format!("{}.{measure}", found.number())
        });
        rows.days("days_to_decision", &self.days_to_decision);
        rows.by("notices", &self.notices, Side::to_string);
        rows.by("appeals_filed", &self.appeals_filed, Side::to_string);
        rows.by(
            "appeals_decided",
            &self.appeals_decided,
            AppealOutcome::to_string,
        );
        rows.days("days_to_appeal_decision", &self.days_to_appeal_decision);
        rows.by("exports", &self.exports, Target::to_string);
        rows.by(
            "legal_requests",
            &self.legal_requests,
            LegalBasis::to_string,
        );
        rows.by(
            "legal_answers",
            &self.legal_answers,
            LegalOutcome::to_string,
        );
        rows.one("legal_items", self.legal_items);
        rows.one("holds_placed", self.holds_placed);
        rows.one("holds_lifted", self.holds_lifted);
        rows.by("keys_created", &self.keys_created, KeyKind::to_string);
        rows.by("keys_destroyed", &self.keys_destroyed, KeyKind::to_string);
        rows.one("policies_published", self.policies_published);
        rows.one("contents_erased", self.contents_erased);
        rows.one("files_fetched", self.files_fetched);
        rows.0
    }
}

/// How many days something took, for each time that it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// Days, and how often it took that many.
    by_days: BTreeMap<u32, u64>,
}

impl Days {
    fn add(&mut self, days: u32) {
        count(&mut self.by_days, days);
    }

    /// How often it happened.
    pub fn count(&self) -> u64 {
        self.by_days.values().sum()
    }

    /// The sum of all days.
    pub fn total(&self) -> u64 {
        self.by_days.iter().fold(0, |sum, (days, times)| {
            sum.saturating_add(u64::from(*days).saturating_mul(*times))
        })
    }

    /// The median: the smallest number of days within which at least half were done. `None` if it
    /// never happened.
    pub fn median(&self) -> Option<u32> {
        let half = self.count().div_ceil(2);
        let mut done: u64 = 0;
        let median = self.by_days.iter().find(|(_, times)| {
            done = done.saturating_add(**times);
            done >= half
        });
        median.map(|(days, _)| *days)
    }

    /// The longest.
    pub fn maximum(&self) -> Option<u32> {
        self.by_days.last_key_value().map(|(days, _)| *days)
    }
}

/// Builds the rows of [`Counts::rows`].
struct Rows(Vec<(String, u64)>);

impl Rows {
    fn one(&mut self, name: &str, number: u64) {
        self.0.push((name.to_owned(), number));
    }

    fn by<K>(&mut self, name: &str, numbers: &BTreeMap<K, u64>, key: impl Fn(&K) -> String) {
        let rows = numbers
            .iter()
            .map(|(of, number)| (format!("{name}.{}", key(of)), *number));
        self.0.extend(rows);
    }

    fn days(&mut self, name: &str, days: &Days) {
        if let (Some(median), Some(maximum)) = (days.median(), days.maximum()) {
            self.one(&format!("{name}.median"), median.into());
            self.one(&format!("{name}.maximum"), maximum.into());
            self.one(&format!("{name}.total"), days.total());
        }
    }
}

fn reason(reason: &ReasonCode) -> String {
    reason.number().to_string()
}

fn one_more(number: &mut u64) {
    *number = number.saturating_add(1);
}

fn count<K: Ord>(numbers: &mut BTreeMap<K, u64>, key: K) {
    one_more(numbers.entry(key).or_default());
}

#[cfg(test)]
mod tests;
