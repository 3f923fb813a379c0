//! Reported messages: what a report needs of messages that a block deletes.

use waxseal_reporting::FrankingTag;
use waxseal_reporting::recipient::Evidence;

use crate::client::report::ReportId;
use crate::client::{Client, OutgoingReport, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{ReportRecord, ReportedRecord};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Writes a report with the evidence of its messages, so that it can be sealed again without
    /// them.
    pub(in crate::client) fn put_report_whole(
        &self,
        transaction: &mut Transaction,
        outgoing: &OutgoingReport,
        record: &ReportRecord,
    ) -> Result<(), StateError<S::Error>> {
        let id = outgoing.id.as_bytes();
        transaction.put_record(keys::report(id), record);
        let Some((conversation, tags)) = record.draft.as_ref().and_then(|draft| {
            let ids = draft.messages.iter().filter_map(|shown| tag_of(&shown.id));
            let conversation = Conversation::of_record(&draft.account, &draft.group)?;
            Some((conversation, ids.collect::<Vec<_>>()))
        }) else {
            return Ok(());
        };
        for tag in tags {
            let message = self.message_at(&conversation, self.search(&conversation, &tag)?)?;
            if let Some(evidence) = message.as_ref().and_then(|message| message.evidence()) {
                let mut encoded = evidence.encode();
                let record = ReportedRecord {
                    evidence: std::mem::take(&mut *encoded),
                };
                transaction.put_record(keys::reported(id, &tag), &record);
            }
        }
        Ok(())
    }

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
