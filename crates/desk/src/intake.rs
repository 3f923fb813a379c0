//! Takes in reports that the intake accepted or rejected, and answers each with a promise.
//!
//! The leaf of a report waits in the store until its day is over. Then the leaves of the day are
//! appended in the order of their hashes. This order is random, so the log does not show in which
//! order reports arrived. Only an opening appends the leaf of its report earlier.

use rand_core::CryptoRng;
use waxseal_log::entry::{Day, Detail, Entry, Event, Number, ReasonCode};
use waxseal_log::promise::Promise;
use waxseal_log::report::ReportDigest;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::reporter::Report;

use crate::desk::{Batch, Desk};
use crate::error::{DeskError, Refused};
use crate::hash;
use crate::ids::AcceptedDigest;
use crate::labels;
use crate::store::{Change, ContentRow, Key, PendingRow, ReportRow, Store};
use crate::vault::digest_of;

/// Maximum number of waiting leaves that one step appends.
pub const BATCH: usize = 1_000;
/// The first byte of an encoded accepted report that names its id.
const NAMES_ITS_ID: u8 = 2;

impl<S: Store> Desk<S> {
    /// Takes in a report that the intake accepted.
    ///
    /// `encoded` is `accepted` as the vault takes it. A report that was taken in before gets its
    /// first promise again.
    ///
    /// # Errors
    /// [`Refused::OtherReport`], [`Refused::AlreadyRejected`], or the store's.
    pub fn take_in(
        &mut self,
        accepted: &AcceptedReport,
        encoded: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Promise, DeskError> {
        self.take_in_as(accepted.id(), accepted.report(), encoded, now, rng)
    }

    /// Takes in a report as the intake encoded it, on a machine that does not hold the acceptance
    /// key. For the rest, like [`take_in`](Self::take_in).
    ///
    /// # Errors
    /// [`Refused::OtherReport`] if this is no accepted report that names its id, or as for
    /// [`take_in`](Self::take_in).
    ///
    /// # Security
    /// Does not check that the intake accepted the report: take it from no one but the intake. The
    /// vault checks it when the report is sorted, and again when it is opened.
    pub fn take_in_encoded(
        &mut self,
        encoded: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Promise, DeskError> {
        let report = AcceptedReport::report_of(encoded).map_err(|_| Refused::OtherReport)?;
        // CHK-626: the encoded report names its id: it is not one of the first version.
        let id = encoded.split_first_chunk::<17>().map(|(head, _)| head);
        let Some([NAMES_ITS_ID, id @ ..]) = id else {
            return Err(Refused::OtherReport.into());
        };
        self.take_in_as(&ReportId::from_bytes(*id), &report, encoded, now, rng)
    }

    fn take_in_as(
        &mut self,
        id: &ReportId,
        report: &Report,
        encoded: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Promise, DeskError> {
        let digest = digest_of(report);
        // CHK-200: a report has one answer, and its encoded form is the one of its id.
        if let Some(before) = self.store.report_with_digest(digest.as_bytes())? {
            if before.rejected.is_some() {
                return Err(Refused::AlreadyRejected.into());
            }
            return read_promise(&before);
        }
        if encoded.get(1..17) != Some(id.as_bytes().as_slice()) {
            return Err(Refused::OtherReport.into());
        }
        let promise = self.promise(&digest, None, now, rng)?;
        let reporter = report.reporter().account.as_str();
        let mut row = report_row(*id.as_bytes(), &digest, &promise, now);
        row.accepted_digest = Some(*AcceptedDigest::of(encoded).as_bytes());
        row.reporter = Some(reporter_hash(&self.setup.secret, reporter));
        row.reporter_account = Some(reporter.to_owned());
        let mut batch = self.begin(now);
        batch.add(ContentRow {
            report_id: row.id,
            accepted: encoded.to_vec(),
        });
        batch.add(row);
        batch.add(pending(&promise)?);
        self.commit(batch)?;
        Ok(promise)
    }

    /// Answers a report that the intake rejected, with the number of the failed check.
    ///
    /// [`digest_of`] makes the digest. A report that was answered before gets its first promise
    /// again.
    ///
    /// # Errors
    /// The store's.
    pub fn refuse(
        &mut self,
        report: &ReportDigest,
        check: u8,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Promise, DeskError> {
        if let Some(before) = self.store.report_with_digest(report.as_bytes())? {
            return read_promise(&before);
        }
        let promise = self.promise(report, Some(check), now, rng)?;
        let id = *Number::generate(rng).as_bytes();
        let mut row = report_row(id, report, &promise, now);
        row.rejected = Some(check);
        let mut batch = self.begin(now);
        batch.add(row);
        batch.add(pending(&promise)?);
        self.commit(batch)?;
        Ok(promise)
    }

    /// Appends waiting leaves of past days, at most [`BATCH`], and returns how many it appended.
    ///
    /// Call it until it returns 0, with a checkpoint at least every 65,536 entries.
    ///
    /// # Errors
    /// The store's, or [`Refused::TooFarAhead`] if the vault has to follow first.
    pub fn append_waiting(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, DeskError> {
        let today = Day::of_ms(now.as_millis());
        let rows = self.store.pending(today.0, BATCH)?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut batch = self.begin(now);
        for row in &rows {
            self.append_leaf(&mut batch, row, rng)?;
        }
        self.commit(batch)?;
        Ok(rows.len())
    }

    /// Appends a report's leaf, if it still waits. An opening is never before its report.
    pub(crate) fn append_leaf_of(
        &self,
        batch: &mut Batch,
        report: &ReportRow,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        match self.waiting_leaf(report)? {
            Some(row) => self.append_leaf(batch, &row, rng),
            None => Ok(()),
        }
    }

    /// The report's leaf, if it still waits.
    pub(crate) fn waiting_leaf(&self, report: &ReportRow) -> Result<Option<PendingRow>, DeskError> {
        let leaf = read_promise(report)?.entry().leaf_hash();
        Ok(self.store.pending_leaf(leaf.as_bytes())?)
    }

    /// Appends a waiting leaf, and after it the leaf that tells the reason, if it is known.
    fn append_leaf(
        &self,
        batch: &mut Batch,
        row: &PendingRow,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let entry = Entry::decode(&row.entry).map_err(|_| Refused::Damaged("pending"))?;
        let detail = Detail::from_parts(row.salt, row.detail.clone());
        batch.append(entry, detail.map_err(|_| Refused::Damaged("pending"))?);
        batch.change(Change::Remove(Key::Pending(row.leaf_hash)));
        let report = self.store.report_with_number(entry.number.as_bytes())?;
        let report = report.ok_or(Refused::Damaged("report"))?;
        if let Some(reason) = report.reason.and_then(ReasonCode::from_number) {
            log_sorted(batch, &report, reason, rng)?;
        }
        // If another desk sorts the report meanwhile, the reason would get no leaf.
        batch.change(Change::unchanged(report));
        Ok(())
    }

    fn promise(
        &self,
        digest: &ReportDigest,
        rejected: Option<u8>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Promise, DeskError> {
        let log = &self.setup.log;
        let promise = Promise::make(log, digest, rejected, now.as_millis(), rng);
        Ok(promise.map_err(|_| Refused::OtherKey)?)
    }
}

/// The keyed hash by which a case counts its distinct reporters.
pub(crate) fn reporter_hash(secret: &[u8; 32], account: &str) -> [u8; 32] {
    hash::mac(secret, &[labels::REPORTER, account.as_bytes()])
}

/// Adds the entry that tells a report's reason.
pub(crate) fn log_sorted(
    batch: &mut Batch,
    report: &ReportRow,
    reason: ReasonCode,
    rng: &mut impl CryptoRng,
) -> Result<(), DeskError> {
    let detail = crate::desk::detail(report.digest.to_vec(), rng)?;
    let number = Number::from_bytes(report.number);
    batch.log(number, Event::ReportSorted { reason }, detail);
    Ok(())
}

fn report_row(id: [u8; 16], digest: &ReportDigest, promise: &Promise, now: Timestamp) -> ReportRow {
    ReportRow {
        id,
        digest: *digest.as_bytes(),
        accepted_digest: None,
        number: *promise.entry().number.as_bytes(),
        promise: promise.encode(),
        reason: None,
        rejected: None,
        received_day: promise.entry().day.0,
        received_at_ms: now.as_millis(),
        case_id: None,
        reporter: None,
        reporter_account: None,
        is_erased: false,
    }
}

fn pending(promise: &Promise) -> Result<PendingRow, DeskError> {
    let (entry, detail) = (promise.entry(), promise.detail());
    let row = PendingRow::new(
        *entry.leaf_hash().as_bytes(),
        entry.encode(),
        *detail.salt(),
        detail.bytes().to_vec(),
    );
    Ok(row.ok_or(Refused::Damaged("pending"))?)
}

fn read_promise(row: &ReportRow) -> Result<Promise, DeskError> {
    Ok(Promise::decode(&row.promise).map_err(|_| Refused::Damaged("report"))?)
}

#[cfg(test)]
mod tests;
