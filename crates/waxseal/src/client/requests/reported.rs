//! Reported messages: what a report that waits keeps of its messages.

use waxseal_reporting::FrankingTag;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::reporter::ReportDraft;

use crate::client::report::ReportId;
use crate::client::{Client, OutgoingReport, keys};
use crate::error::StateError;
use crate::records::{ReportRecord, ReportedRecord, take_secret_bytes};
use crate::store::{Store, Transaction};

impl Transaction {
    /// Writes a report with the evidence of its messages, so that it can be sealed again without
    /// them.
    pub(in crate::client) fn put_report_whole(
        &mut self,
        outgoing: &OutgoingReport,
        record: &ReportRecord,
        draft: &ReportDraft,
    ) {
        let id = outgoing.id.as_bytes();
        self.put_record(keys::report(id), record);
        // CHK-576: a report that waits has what it needs, whatever becomes of its messages.
        for evidence in draft.evidence() {
            let record = ReportedRecord {
                evidence: take_secret_bytes(evidence.encode()),
            };
            self.put_record(keys::reported(id, evidence.tag()), &record);
        }
    }
}

impl<S: Store> Client<S> {
    /// The evidence of a message that a report keeps.
    pub(in crate::client) fn reported_evidence(
        &self,
        report: Option<ReportId>,
        tag: &FrankingTag,
    ) -> Result<Option<Evidence>, StateError<S::Error>> {
        let Some(report) = report else {
            return Ok(None);
        };
        let record: Option<ReportedRecord> =
            self.readable(&keys::reported(report.as_bytes(), tag))?;
        Ok(record.and_then(|record| Evidence::decode(&record.evidence).ok()))
    }
}
