//! Fetches: an officer gets the sealed bytes of a file, after the report that names it was shown.
//!
//! The entry `file_fetched` is in the log before any byte is handed out. An export says that a file
//! was viewed only if there is such an entry, and all bytes were handed out after it.

use core::ops::Range;

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, Number};
use waxseal_reporting::{BlobId, Timestamp};

use waxseal_reporting::intake::{AcceptedReport, ReportId};

use crate::desk::{Desk, detail};
use crate::error::{DeskError, Refused};
use crate::ids::OfficerId;
use crate::opening::is_in_force;
use crate::policy::Roles;
use crate::store::limits::MAX_LISTED;
use crate::store::{Change, Condition, FetchRow, OpeningList, OpeningRow, Store};

impl<S: Store> Desk<S> {
    /// Enters that an officer fetches a file. Call it before the bytes are handed out, each time;
    /// it enters each file once for each opening.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] if the officer may not ask for grants, [`Refused::NotShown`] if the
    /// report was not shown to this officer under a grant that is in force, does not name the file,
    /// or was erased, [`Refused::NoPolicy`], or the store's. Hand out nothing then.
    pub fn file_fetched(
        &mut self,
        report: &ReportId,
        blob: &BlobId,
        officer: &OfficerId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        // CHK-683: the report names the file, and was shown to this officer, who may still ask for
        // openings, under a grant that is still in force.
        let content = self.store.content(report.as_bytes())?;
        let content = content.ok_or(Refused::NotShown)?;
        let accepted = AcceptedReport::report_of(&content.accepted);
        let accepted = accepted.map_err(|_| Refused::Damaged("content"))?;
        let is_named = accepted.blobs().iter().any(|named| named.blob == *blob);
        let opening = self.last_shown(report, officer, |row| {
            let grant = self.store.grant_with_digest(&row.grant_digest)?;
            Ok(is_named && grant.is_some_and(|grant| is_in_force(&grant, now)))
        });
        let opening = opening?.ok_or(Refused::NotShown)?;
        if !self.in_force()?.has_roles(officer, Roles::ASK) {
            return Err(Refused::NotAllowed.into());
        }
        let (grant, ordinal) = (&opening.grant_digest, opening.ordinal);
        if let Some(_known) = self.store.fetch(grant, ordinal, blob.as_bytes())? {
            return Ok(());
        }
        let mut batch = self.begin(now);
        let mut row = FetchRow {
            grant_digest: *grant,
            ordinal,
            blob: *blob.as_bytes(),
            report_id: *report.as_bytes(),
            log_index: 0,
            fetched_at_ms: now.as_millis(),
            handed_out: 0,
        };
        let detail = detail(fetch_detail(&row), rng)?;
        let logged = batch.log(Number::generate(rng), Event::FileFetched, detail);
        row.log_index = logged.index;
        batch.change(Change::Expect(Condition::Unchanged(content.into())));
        batch.add(row);
        self.commit(batch)
    }

    /// Notes that these bytes of a file were handed out to an officer. Call it after
    /// [`file_fetched`](Self::file_fetched), once the bytes are there. What follows on what was
    /// handed out before counts; bytes after a gap do not.
    ///
    /// # Errors
    /// The store's.
    pub fn file_handed_out(
        &mut self,
        report: &ReportId,
        blob: &BlobId,
        officer: &OfficerId,
        bytes: &Range<u64>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let fetch = |row: &OpeningRow| {
            let (grant, ordinal) = (&row.grant_digest, row.ordinal);
            self.store.fetch(grant, ordinal, blob.as_bytes())
        };
        let opening = self.last_shown(report, officer, |row| Ok(fetch(row)?.is_some()))?;
        let old = match &opening {
            Some(opening) => fetch(opening)?,
            None => None,
        };
        // CHK-688: all bytes up to here were handed out.
        let is_next = |row: &FetchRow| bytes.start <= row.handed_out && row.handed_out < bytes.end;
        let Some(old) = old.filter(is_next) else {
            return Ok(());
        };
        let new = FetchRow {
            handed_out: bytes.end,
            ..old.clone()
        };
        let mut batch = self.begin(now);
        batch.swap(old, new);
        self.commit(batch)
    }

    /// The last opening in which this officer was shown the report, of those that fit.
    pub(crate) fn last_shown(
        &self,
        report: &ReportId,
        officer: &OfficerId,
        fits: impl Fn(&OpeningRow) -> Result<bool, DeskError>,
    ) -> Result<Option<OpeningRow>, DeskError> {
        let list = OpeningList::OfReport(*report.as_bytes());
        let (mut last, mut after) = (None, None);
        loop {
            let page = self.store.openings(&list, after, MAX_LISTED)?;
            let Some(end) = page.last() else {
                return Ok(last);
            };
            after = Some(end.log_index);
            for row in page {
                let is_shown = row.officer == *officer.as_bytes() && row.shown_at_ms.is_some();
                if is_shown && fits(&row)? {
                    last = Some(row);
                }
            }
        }
    }
}

/// What the entry `file_fetched` is about: `grant digest 32 || ordinal be16 || blob 32`.
pub(crate) fn fetch_detail(row: &FetchRow) -> Vec<u8> {
    [&row.grant_digest[..], &row.ordinal.to_be_bytes(), &row.blob].concat()
}

#[cfg(test)]
mod tests;
