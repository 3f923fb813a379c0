//! Files of reported messages that the provider lacks: uploaded again from a copy that the reporter
//! saved, under the same key and the same id. The root decides whether it is the same file.

use rand_core::CryptoRng;
use waxseal_reporting::intake::ReportId as SubmittedId;
use waxseal_reporting::message::FileAttachment;
use waxseal_reporting::reporter::Report;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::{KeptUpload, UploadId, UploadPurpose};
use crate::client::{Client, ReportId, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::{ResumeUploadError, StateError};
use crate::records::{self, FileUploadRecord, ReportRecord, WantedRecord};
use crate::store::{Store, Transaction};

/// Rows that are read at once. A report can be very long.
const REPORTS_AT_ONCE: usize = 1;
const UPLOADS_AT_ONCE: usize = 64;

/// A file of a reported message that the provider lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WantedFile {
    /// The report.
    pub report: ReportId,
    /// The message.
    pub message: FrankingTag,
    /// Number of the part of the message that describes the file.
    pub part: usize,
}

impl WantedFile {
    pub(super) fn of(record: &WantedRecord) -> Option<Self> {
        Some(Self {
            report: ReportId::from_bytes(record.report.as_slice().try_into().ok()?),
            message: tag_of(&record.message)?,
            part: record.part.try_into().ok()?,
        })
    }

    fn record(&self) -> WantedRecord {
        let mut record = WantedRecord::default();
        record.report = self.report.as_bytes().to_vec();
        record.message = self.message.as_bytes().to_vec();
        record.part = u32::try_from(self.part).unwrap_or(u32::MAX);
        record
    }

    /// How the record of the report names it: the tag, and one byte with the number of the part.
    fn in_report(&self) -> Vec<u8> {
        let part = u8::try_from(self.part).unwrap_or(u8::MAX);
        [self.message.as_bytes().as_slice(), &[part]].concat()
    }

    fn of_report(report: ReportId, bytes: &[u8]) -> Option<Self> {
        let (part, message) = bytes.split_last()?;
        Some(Self {
            report,
            message: tag_of(message)?,
            part: usize::from(*part),
        })
    }
}

/// The files of a report's blobs with these indices.
fn named(id: ReportId, report: &Report, missing: &[usize]) -> Vec<WantedFile> {
    let mut wanted: Vec<_> = missing
        .iter()
        .filter_map(|index| {
            // CHK-541: a blob that the provider lacks is one that the report names.
            let named = report.blobs().get(*index)?;
            Some(WantedFile {
                report: id,
                message: *report.claims().get(named.claim)?.tag(),
                part: named.part,
            })
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

impl<S: Store> Client<S> {
    /// Notes that the provider accepted a report, whether it counts as a duplicate, and which of
    /// the blobs that it names the provider lacks. Returns the files of these.
    pub(crate) fn note_submitted(
        &mut self,
        id: ReportId,
        submitted_as: &SubmittedId,
        (is_duplicate, missing): (bool, &[usize]),
        now: Timestamp,
    ) -> Result<Vec<WantedFile>, StateError<S::Error>> {
        self.run(|client| {
            let record: Option<ReportRecord> = client.readable(&keys::report(id.as_bytes()))?;
            let Some(mut record) = record else {
                return Ok(Vec::new());
            };
            let report = Report::decode(&record.report).ok();
            let wanted = report.map_or_else(Vec::new, |report| named(id, &report, missing));
            record.submitted_as = submitted_as.as_bytes().to_vec();
            record.is_duplicate = is_duplicate;
            record.submitted_ms = now.as_millis();
            record.asked_ms = now.as_millis();
            record.wanted = wanted.iter().map(WantedFile::in_report).collect();
            let mut transaction = Transaction::default();
            transaction.put_record(keys::report(id.as_bytes()), &record);
            client.commit(transaction)?;
            Ok(wanted)
        })
    }

    /// The files of submitted reports that the provider lacks.
    pub(crate) fn wanted_files(&self) -> Result<Vec<WantedFile>, StateError<S::Error>> {
        self.look(|client| {
            let (mut wanted, mut after) = (Vec::new(), None);
            loop {
                let table = keys::reports();
                let page = client.page(&table, after.as_ref(), REPORTS_AT_ONCE, |_, bytes| {
                    let record: ReportRecord = records::decode(bytes)?;
                    let id = ReportId::from_bytes(record.id.as_slice().try_into().ok()?);
                    Some((id, record.wanted))
                })?;
                for (id, named) in page.items {
                    let named = named.iter();
                    wanted.extend(named.filter_map(|bytes| WantedFile::of_report(id, bytes)));
                }
                after = page.next;
                if after.is_none() {
                    return Ok(wanted);
                }
            }
        })
    }

    /// The attachment that is wanted, if the report still waits for it and the message is stored.
    fn wanted_attachment(
        &self,
        wanted: &WantedFile,
    ) -> Result<Option<FileAttachment>, StateError<S::Error>> {
        let key = keys::report(wanted.report.as_bytes());
        let record: Option<ReportRecord> = self.readable(&key)?;
        let record = record.filter(|record| record.wanted.contains(&wanted.in_report()));
        let draft = record.and_then(|record| record.draft);
        let about = draft.and_then(|draft| Conversation::of_record(&draft.account, &draft.group));
        let Some(conversation) = about else {
            return Ok(None);
        };
        let place = self.search(&conversation, &wanted.message)?;
        let message = self.message_at(&conversation, place)?;
        let attachments = message
            .as_ref()
            .and_then(|message| message.evidence())
            .map(|evidence| evidence.numbered_attachments());
        let mut attachments = attachments.unwrap_or_default().into_iter();
        let found = attachments.find(|(part, _)| *part == wanted.part);
        Ok(found.and_then(|(_, attachment)| attachment.file().cloned()))
    }

    /// Stores that a file is uploaded once more for a report, under the key and the blob that the
    /// message names. One that was begun before goes on.
    pub(crate) fn begin_upload_again(
        &mut self,
        wanted: &WantedFile,
        (size_bytes, label): (u64, &str),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<KeptUpload, ResumeUploadError<S::Error>> {
        let file = self.look(|client| client.wanted_attachment(wanted))?;
        let file = file.ok_or(ResumeUploadError::NotWanted)?;
        let descriptor = file.descriptor();
        let blob = descriptor.blob().ok_or(ResumeUploadError::NotWanted)?;
        if descriptor.size_bytes() != size_bytes {
            return Err(ResumeUploadError::Changed);
        }
        let begun = self.upload_for(wanted)?;
        let mut record = FileUploadRecord::default();
        let id = begun.unwrap_or_else(|| UploadId::draw(rng));
        record.id = id.0.to_vec();
        record.began_ms = now.as_millis();
        record.blob = blob.as_bytes().to_vec();
        record.key = file.key().as_bytes().to_vec();
        record.size_bytes = size_bytes;
        // CHK-542: what is uploaded again is the file that the message names: its root decides.
        record.root = descriptor.root().as_bytes().to_vec();
        label.clone_into(&mut record.label);
        record.again = Some(wanted.record());
        self.put_upload(&record)?;
        KeptUpload::of(record).ok_or(ResumeUploadError::NotWanted)
    }

    /// The upload that was begun for a wanted file.
    fn upload_for(&self, wanted: &WantedFile) -> Result<Option<UploadId>, StateError<S::Error>> {
        let mut after = None;
        loop {
            let page = self.list_uploads(after.as_ref(), UPLOADS_AT_ONCE)?;
            let mut uploads = page.items.iter();
            let purpose = UploadPurpose::Report(*wanted);
            if let Some(upload) = uploads.find(|upload| upload.purpose == purpose) {
                return Ok(Some(upload.id));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// The provider has a wanted file: the upload ends, and the report does not want it any more.
    /// Returns whether there was such an upload.
    pub(crate) fn end_upload_again(
        &mut self,
        id: UploadId,
        wanted: &WantedFile,
    ) -> Result<bool, StateError<S::Error>> {
        self.run(|client| {
            if client.get(&keys::upload(&id.0))?.is_none() {
                return Ok(false);
            }
            let mut transaction = Transaction::default();
            transaction.delete(keys::upload(&id.0));
            let key = keys::report(wanted.report.as_bytes());
            let record: Option<ReportRecord> = client.readable(&key)?;
            if let Some(mut record) = record {
                let named = wanted.in_report();
                record.wanted.retain(|wanted| *wanted != named);
                transaction.put_record(key, &record);
            }
            client.commit(transaction)?;
            Ok(true)
        })
    }
}
