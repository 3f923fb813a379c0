//! Promises: what the provider said about each report, kept until its log shows the entry.

use waxseal_log::entry::Number;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Note, Verifier};
use waxseal_log::promise::{Promise, PromiseError, PromisedReport};
use waxseal_log::receipt::Expected;
use waxseal_log::report::ReportDigest;
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Report;

use super::kept_receipt::KeptReceipt;
use super::page::Page;
use super::report::{OutgoingReport, ReportId};
use super::{Client, keys};
use crate::error::{KeepPromiseError, StateError};
use crate::records::{self, PromiseRecord};
use crate::store::{Cursor, Store, Transaction};

/// How far a kept promise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromiseState {
    /// No receipt has shown the entry yet, and the provider still has time.
    Waiting {
        /// When the entry must be in the log: two days after the day of the promise.
        until: Timestamp,
    },
    /// A receipt has shown that the entry is in the log. [`KeptPromise::receipt`] is the last one.
    Included,
    /// No receipt has shown the entry, and it must be in the log by now. Ask the provider for a
    /// receipt. If none shows the entry, the promise is broken, and [`KeptPromise::evidence`] is
    /// the evidence.
    Overdue {
        /// Since when.
        since: Timestamp,
    },
}

/// A promise that this device keeps: the log will contain the entry about a report.
#[derive(Clone)]
pub struct KeptPromise {
    report: ReportId,
    promised: PromisedReport,
    log: Verifier,
    evidence: Vec<u8>,
    receipt: Option<KeptReceipt>,
    state: PromiseState,
}

impl KeptPromise {
    /// The report's identifier on this device, as the report outbox had it.
    pub fn report(&self) -> ReportId {
        self.report
    }

    /// The number that all entries about the report have in the log.
    pub fn number(&self) -> Number {
        self.promised.number()
    }

    /// What the provider promised: when it took the report, and whether it rejected it.
    pub fn promised(&self) -> &PromisedReport {
        &self.promised
    }

    /// How far the promise is, at the time that the call was given.
    pub fn state(&self) -> PromiseState {
        self.state
    }

    /// The last receipt about the report that took nothing back. `None` before the first.
    pub fn receipt(&self) -> Option<&KeptReceipt> {
        self.receipt.as_ref()
    }

    /// The evidence that the provider broke an overdue promise: a signed note, for anyone who has
    /// the log and its key. `None` unless the promise is overdue.
    ///
    /// The note says that the log must contain an entry with a given hash, and from which day on.
    /// It names neither reporter nor reported account, and has no signature but the log's.
    pub fn evidence(&self) -> Option<&[u8]> {
        matches!(self.state, PromiseState::Overdue { .. }).then_some(&self.evidence)
    }

    /// The origin of the log that signed the promise.
    pub(crate) fn origin(&self) -> &str {
        self.log.name()
    }

    /// Reads and verifies a kept promise. `None` if the record is damaged.
    pub(super) fn of(record: &PromiseRecord, now: Timestamp) -> Option<Self> {
        let digest = ReportDigest::from_bytes(record.digest.as_slice().try_into().ok()?);
        let log: Verifier = record.log.parse().ok()?;
        let promise = Promise::decode(&record.promise).ok()?;
        // The day was compared with the clock when the promise was kept.
        let promised = promise.verify(&log, &digest, u64::MAX).ok()?;
        let expected = Expected::Report { promise: &promised };
        let receipt = match &record.last {
            Some(last) => Some(KeptReceipt::of(last, expected)?),
            None => None,
        };
        let due = Timestamp::from_millis(promised.leaf().due_at_ms());
        let state = match &receipt {
            Some(receipt) if receipt.shows_arrival() => PromiseState::Included,
            _ if promised.is_overdue(now.as_millis()) => PromiseState::Overdue { since: due },
            _ => PromiseState::Waiting { until: due },
        };
        Some(Self {
            report: ReportId::from_bytes(record.report.as_slice().try_into().ok()?),
            promised,
            evidence: evidence_of(promise.note(), &log)?,
            log,
            receipt,
            state,
        })
    }
}

impl std::fmt::Debug for KeptPromise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptPromise")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The record of a promise about this report.
pub(super) fn promise_record<E: std::error::Error>(
    report: &OutgoingReport,
    promise: &[u8],
    keys: &LogKeys,
    now: Timestamp,
) -> Result<PromiseRecord, KeepPromiseError<E>> {
    let sealed = Report::decode(&report.report).map_err(|_| KeepPromiseError::NotSealed)?;
    let digest = ReportDigest::of(&sealed.without_mac());
    let decoded = Promise::decode(promise)?;
    decoded.verify(keys.log(), &digest, now.as_millis())?;
    Ok(PromiseRecord {
        report: report.id.as_bytes().to_vec(),
        digest: digest.as_bytes().to_vec(),
        promise: promise.to_vec(),
        log: keys.log().to_string(),
        ..PromiseRecord::default()
    })
}

/// The note with one signature, the log's. Others could name the user.
fn evidence_of(note: &Note, log: &Verifier) -> Option<Vec<u8>> {
    let mut signatures = note.signatures().iter();
    let signature = signatures.find(|one| one.name() == log.name() && one.id() == log.id())?;
    Some(format!("{}\n{signature}\n", note.text()).into_bytes())
}

impl<S: Store> Client<S> {
    /// Keeps the promise with which the provider answered a report, accepted or rejected.
    ///
    /// `report` is what was uploaded. Its MAC does not count, so a renewed delivery key does not
    /// make it another report. A report that was sealed again is another one. The report may be
    /// confirmed already. `keys` are the pinned keys of the provider's log. Keeping a promise again
    /// changes nothing. After a crash before this call, upload the report again: the provider
    /// answers with the same promise.
    ///
    /// # Errors
    /// * [`KeepPromiseError::Promise`] if the log did not sign it, or it is about another report.
    /// * [`KeepPromiseError::AnotherPromise`] if an earlier promise about the report says something
    ///   else. The earlier one stays.
    /// * [`KeepPromiseError::NotSealed`] if the report was never sealed.
    pub fn keep_promise(
        &mut self,
        report: &OutgoingReport,
        promise: &[u8],
        keys: &LogKeys,
        now: Timestamp,
    ) -> Result<KeptPromise, KeepPromiseError<S::Error>> {
        let record = promise_record(report, promise, keys, now)?;
        self.run(|client| {
            let mut transaction = Transaction::default();
            let kept = client.put_promise(&mut transaction, record.clone(), now)?;
            if !transaction.changes().is_empty() {
                client.commit(transaction)?;
            }
            Ok(kept)
        })
    }

    /// Puts a promise into a transaction, unless it is kept already. An id that the provider gave
    /// the report is added to a promise that is kept without it.
    pub(super) fn put_promise(
        &self,
        transaction: &mut Transaction,
        mut record: PromiseRecord,
        now: Timestamp,
    ) -> Result<KeptPromise, KeepPromiseError<S::Error>> {
        let kept = KeptPromise::of(&record, now).ok_or(PromiseError::Malformed)?;
        let key = keys::promise(&kept.number());
        let before: Option<PromiseRecord> = self.readable(&key)?;
        let before = before.and_then(|old| Some((KeptPromise::of(&old, now)?, old)));
        let Some((known, mut old)) = before else {
            transaction.put_record(key, &record);
            return Ok(kept);
        };
        if known.promised != kept.promised {
            return Err(KeepPromiseError::AnotherPromise);
        }
        if old.submitted_as.is_empty() && !record.submitted_as.is_empty() {
            old.submitted_as = std::mem::take(&mut record.submitted_as);
            transaction.put_record(key, &old);
        }
        Ok(known)
    }

    /// Lists up to `limit` kept promises, after `after`, with their state at the time `now`.
    ///
    /// Each is verified again, with its last receipt. A receipt has up to
    /// [`MAX_RECEIPT_LEN`](waxseal_log::limits::MAX_RECEIPT_LEN) bytes.
    pub fn promises(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<KeptPromise>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::promises(), after, limit, |_, bytes| {
                KeptPromise::of(&records::decode(bytes)?, now)
            })
        })
    }

    /// Forgets a promise and what receipts told of its report. Later receipts about the report are
    /// refused, unless the promise is kept again.
    pub fn forget_promise(&mut self, number: &Number) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::promise(number));
            client.commit(transaction)
        })
    }
}
