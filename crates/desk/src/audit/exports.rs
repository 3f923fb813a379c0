//! Compares exports and fetches with their entries.

use waxseal_log::entry::{Entry, Kind, Target};

use super::Auditor;
use super::rows::half;
use crate::acts::name;
use crate::error::DeskError;
use crate::export::Form;
use crate::fetches::fetch_detail;
use crate::records::export_digest;
use crate::store::limits::MAX_LISTED;
use crate::store::{EntryRow, ExportList, ExportState, FetchList, Store};

impl<S: Store> Auditor<'_, S> {
    /// Whether the rows of an export say what its entry says.
    pub(super) fn has_export(
        &self,
        row: &EntryRow,
        entry: &Entry,
        target: Target,
        bytes: &[u8],
    ) -> Result<bool, DeskError> {
        let store = &self.desk.store;
        let number = entry.number.as_bytes();
        let Some(kept) = store.meta(&name("export", number))? else {
            return Ok(false);
        };
        // case 16 || target u8 || time be64 || digest 32
        let is_kept =
            kept.value.get(16) == Some(&target.number()) && kept.value.get(25..) == Some(bytes);
        // CHK-684: an export in the outbox is the one of its entry, and sends what the entry says.
        // An export by other means has no row there.
        let Some(export) = store.export(number)? else {
            return Ok(is_kept && store.outbox(number)?.is_none());
        };
        let body = store.outbox(number)?;
        let is_waiting = export.state == ExportState::Waiting;
        let is_body = body.is_some() == is_waiting
            && body.is_none_or(|body| export_digest(&body.body) == bytes);
        let is_same = export.log_index == row.log_index
            && kept.value.get(..16) == Some(&export.case_id[..])
            && Form::from_number(export.form).map(Form::target) == Some(target);
        Ok(is_kept && is_body && is_same)
    }

    /// Whether a file was fetched as an entry says, after the opening that it names.
    pub(super) fn has_fetch(&self, row: &EntryRow, bytes: &[u8]) -> Result<bool, DeskError> {
        let mut reader = crate::codec::Reader::new(bytes);
        let (grant, ordinal) = (reader.array::<32>(), reader.u16());
        let Some(((grant, ordinal), blob)) = grant.zip(ordinal).zip(reader.array::<32>()) else {
            return Ok(false);
        };
        let store = &self.desk.store;
        let fetch = store.fetch(&grant, ordinal, &blob)?;
        let opening = store.opening(&grant, ordinal)?;
        // CHK-684: the fetch is of this entry, and after an opening in which the report was shown.
        Ok(fetch.zip(opening).is_some_and(|(fetch, opening)| {
            fetch.log_index == row.log_index
                && fetch.report_id == opening.report_id
                && opening.log_index < fetch.log_index
                && opening.shown_at_ms.is_some()
                && reader.finish().is_some()
        }))
    }

    /// Checks that exports of a case have their entries.
    pub(super) fn exports(&mut self, case: &[u8; 16]) -> Result<(), DeskError> {
        let list = ExportList::OfCase(*case);
        for export in self.desk.store.exports(&list, MAX_LISTED)? {
            let row = self.desk.store.entry(export.log_index)?;
            let is_there = row
                .is_some_and(|row| row.kind == Kind::Exported.number() && row.number == export.id);
            self.expect_entry(is_there, "export", &export.id);
        }
        Ok(())
    }

    /// Checks that fetches of files of a report have their entries.
    pub(super) fn fetches(&mut self, report: &[u8; 16]) -> Result<(), DeskError> {
        let list = FetchList::OfReport(*report);
        for fetch in self.desk.store.fetches(&list, MAX_LISTED)? {
            let row = self.desk.store.entry(fetch.log_index)?;
            let is_there = row.is_some_and(|row| {
                row.kind == Kind::FileFetched.number() && row.detail == Some(fetch_detail(&fetch))
            });
            self.expect_entry(is_there, "fetch", &half(&fetch.grant_digest));
        }
        Ok(())
    }
}
