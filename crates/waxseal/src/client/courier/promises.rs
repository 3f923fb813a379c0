//! The promises of the provider's desk: which of them are kept, and which receipts are due.

use std::collections::BTreeSet;

use waxseal_log::entry::Number;
use waxseal_log::keys::LogKeys;
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Expected, Receipt, Told};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId as SubmittedId;

use crate::client::promise::promise_record;
use crate::client::report::outgoing_of;
use crate::client::{Client, KeptPromise, OutgoingReport, Page, ReportId, keys};
use crate::error::{KeepPromiseError, StateError, VerifyReceiptError};
use crate::records::{self, PromiseRecord, ReportRecord};
use crate::store::{Cursor, Store, Transaction};

/// Number of promises that are read at once.
const AT_ONCE: usize = 64;

/// How often the application is told that a promise is overdue: once a day.
const OVERDUE_EVERY_MS: u64 = 24 * 3_600_000;

/// A kept promise, and when its receipt was last asked for.
pub(crate) struct FollowedPromise {
    pub(crate) kept: KeptPromise,
    /// The id that the provider gave the report. `None` if it refused the report.
    pub(crate) submitted_as: Option<SubmittedId>,
    pub(crate) asked_ms: u64,
}

impl<S: Store> Client<S> {
    /// A report of the outbox as it is submitted. `None` if it is not there, or not sealed.
    pub(crate) fn sealed_report(
        &self,
        id: ReportId,
    ) -> Result<Option<OutgoingReport>, StateError<S::Error>> {
        self.look(|client| {
            let key = client.stored_delivery_key()?;
            let bytes = client.get(&keys::report(id.as_bytes()))?;
            let outgoing = bytes.and_then(|bytes| outgoing_of(&bytes, &key));
            Ok(outgoing.filter(|outgoing| !outgoing.report.is_empty()))
        })
    }

    /// Keeps a promise like [`keep_promise`](Self::keep_promise), with the id that the provider
    /// gave the report, and notes with the report that there is no promise to wait for.
    pub(crate) fn keep_promise_of(
        &mut self,
        report: &OutgoingReport,
        submitted_as: Option<&SubmittedId>,
        promise: &[u8],
        log_keys: &LogKeys,
        now: Timestamp,
    ) -> Result<KeptPromise, KeepPromiseError<S::Error>> {
        let mut record = promise_record(report, promise, log_keys, now)?;
        record.submitted_as = submitted_as.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        self.run(|client| {
            let mut transaction = Transaction::default();
            let kept = client.put_promise(&mut transaction, record.clone(), now)?;
            client.put_has_promise(&mut transaction, report.id)?;
            if !transaction.changes().is_empty() {
                client.commit(transaction)?;
            }
            Ok(kept)
        })
    }

    fn put_has_promise(
        &self,
        transaction: &mut Transaction,
        id: ReportId,
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::report(id.as_bytes());
        let report: Option<ReportRecord> = self.readable(&key)?;
        if let Some(mut report) = report.filter(|report| !report.has_promise) {
            report.has_promise = true;
            transaction.put_record(key, &report);
        }
        Ok(())
    }

    /// Whether the promise about a report is still to come.
    pub(crate) fn awaits_promise(&self, id: ReportId) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<ReportRecord> = client.readable(&keys::report(id.as_bytes()))?;
            Ok(record.is_some_and(|record| !record.has_promise))
        })
    }

    /// Whether the provider said that everything in a report was reported before.
    pub(crate) fn was_duplicate(&self, id: ReportId) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<ReportRecord> = client.readable(&keys::report(id.as_bytes()))?;
            Ok(record.is_some_and(|record| record.is_duplicate))
        })
    }

    /// Notes that there is no promise about a report to wait for.
    pub(crate) fn note_no_promise(&mut self, id: ReportId) -> Result<(), StateError<S::Error>> {
        self.change_report(id, |record| record.has_promise = true)
    }

    /// Notes that the provider was asked for the promise about a report.
    pub(crate) fn note_promise_asked(
        &mut self,
        id: ReportId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.change_report(id, |record| record.promise_asked_ms = now.as_millis())
    }

    /// Lists kept promises like [`promises`](Self::promises), each with what the courier knows.
    pub(crate) fn followed_promises(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<FollowedPromise>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::promises(), after, limit, |_, bytes| {
                let record: PromiseRecord = records::decode(bytes)?;
                let submitted_as = record.submitted_as.as_slice().try_into().ok();
                Some(FollowedPromise {
                    kept: KeptPromise::of(&record, now)?,
                    submitted_as: submitted_as.map(SubmittedId::from_bytes),
                    asked_ms: record.asked_ms,
                })
            })
        })
    }

    /// The kept promise about the report with this number.
    pub(crate) fn promise_with(
        &self,
        number: &Number,
        now: Timestamp,
    ) -> Result<Option<KeptPromise>, StateError<S::Error>> {
        self.look(|client| {
            let record: Option<PromiseRecord> = client.readable(&keys::promise(number))?;
            Ok(record.and_then(|record| KeptPromise::of(&record, now)))
        })
    }

    /// The promise about the report with this number, if it is overdue at the time `at`, and the
    /// application was not told within a day of it. Notes that it is told now.
    pub(crate) fn tell_overdue(
        &mut self,
        number: &Number,
        at: Timestamp,
    ) -> Result<Option<KeptPromise>, StateError<S::Error>> {
        self.run(|client| {
            let key = keys::promise(number);
            let record: Option<PromiseRecord> = client.readable(&key)?;
            let Some(mut record) = record else {
                return Ok(None);
            };
            let kept = KeptPromise::of(&record, at);
            let is_overdue = |kept: &KeptPromise| kept.evidence().is_some();
            let apart_ms = at.as_millis().abs_diff(record.overdue_ms);
            if apart_ms < OVERDUE_EVERY_MS || !kept.as_ref().is_some_and(is_overdue) {
                return Ok(None);
            }
            record.overdue_ms = at.as_millis();
            let mut transaction = Transaction::default();
            transaction.put_record(key, &record);
            client.commit(transaction)?;
            Ok(kept)
        })
    }

    /// Verifies a receipt that has no entry about the report of a kept promise. Only its checkpoint
    /// counts, and nothing of it is kept.
    pub(crate) fn verify_empty_receipt(
        &self,
        kept: &KeptPromise,
        receipt: &[u8],
        log_keys: &LogKeys,
    ) -> Result<Told, VerifyReceiptError<S::Error>> {
        if kept.origin() != log_keys.origin() {
            return Err(VerifyReceiptError::OtherLog);
        }
        let promise = kept.promised();
        let receipt = Receipt::decode(receipt)?;
        Ok(receipt.verify(log_keys, Expected::Report { promise })?)
    }

    /// Notes when a receipt about a report was last asked for.
    pub(crate) fn note_receipt_asked(
        &mut self,
        number: &Number,
        asked_ms: u64,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let key = keys::promise(number);
            let record: Option<PromiseRecord> = client.readable(&key)?;
            let Some(mut record) = record.filter(|record| record.asked_ms != asked_ms) else {
                return Ok(());
            };
            record.asked_ms = asked_ms;
            let mut transaction = Transaction::default();
            transaction.put_record(key, &record);
            client.commit(transaction)
        })
    }

    /// Puts into a transaction that receipts about these reports are to be asked for.
    pub(super) fn put_due_receipts(
        &self,
        transaction: &mut Transaction,
        reports: &BTreeSet<[u8; 16]>,
    ) -> Result<(), StateError<S::Error>> {
        let mut after = None;
        loop {
            let table = keys::promises();
            let page = self.page(&table, after.as_ref(), AT_ONCE, |_, bytes| {
                let record: PromiseRecord = records::decode(bytes)?;
                let number = Promise::decode(&record.promise).ok()?.entry().number;
                Some((number, record))
            })?;
            for (number, mut record) in page.items {
                let id: Option<[u8; 16]> = record.submitted_as.as_slice().try_into().ok();
                if id.is_some_and(|id| reports.contains(&id)) && record.asked_ms != 0 {
                    record.asked_ms = 0;
                    transaction.put_record(keys::promise(&number), &record);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
