//! Receipts: shows reporters, and accounts that were decided against, what the log holds about
//! them.

use waxseal_log::decision::DecisionDetail;
use waxseal_log::entry::{Detail, Entry, Event, Kind};
use waxseal_log::link::Link;
use waxseal_log::proof::prove_inclusion;
use waxseal_log::receipt::{Item, Receipt, Role};
use waxseal_reporting::intake::ReportId;

use crate::case::MAX_OF_CASE;
use crate::decision::Salt;
use crate::desk::{Desk, Tiles, tile_error};
use crate::error::{DeskError, Refused};
use crate::ids::CaseId;
use crate::store::{EntryRow, Store};

impl<S: Store> Desk<S> {
    /// The receipt for the reporter of a report: its own entries, and those of its case from the
    /// decision on.
    ///
    /// # Errors
    /// [`Refused::NoReport`], [`Refused::NoCheckpoint`] if the vault has cosigned nothing yet,
    /// [`Refused::TooLong`] if there are more entries than a receipt holds, or the store's.
    pub fn reporter_receipt(&self, report: &ReportId) -> Result<Receipt, DeskError> {
        let row = self
            .store
            .report(report.as_bytes())?
            .ok_or(Refused::NoReport)?;
        let mut rows = self.all_with(&row.number)?;
        if let Some(case) = row.case_id {
            rows.extend(self.all_with(&case)?);
        }
        let index = match row.case_id {
            Some(case) => self.index_in_case(&case, &row.id)?,
            None => 0,
        };
        self.receipt(Role::Reporter, rows, |desk, detail| {
            let case = detail.case;
            let commitments = desk.report_commitments(&case, detail.reports_count)?;
            let salt = desk.salt(&case, Salt::Report(index));
            Ok(Link::to_report(salt, index, &commitments))
        })
    }

    /// The receipt for the account that a case is about: decisions, notices and appeals.
    ///
    /// # Errors
    /// As for [`reporter_receipt`](Self::reporter_receipt), and [`Refused::NoCase`].
    pub fn account_receipt(&self, case: &CaseId) -> Result<Receipt, DeskError> {
        self.store.case(case.as_bytes())?.ok_or(Refused::NoCase)?;
        let rows = self.all_with(case.as_bytes())?;
        self.receipt(Role::Account, rows, |desk, detail| {
            let salt = desk.salt(&detail.case, Salt::Account);
            Ok(Some(Link::Account { salt }))
        })
    }

    fn receipt(
        &self,
        role: Role,
        mut rows: Vec<EntryRow>,
        link: impl Fn(&Self, &DecisionDetail) -> Result<Option<Link>, DeskError>,
    ) -> Result<Receipt, DeskError> {
        let (checkpoint, note) = self.newest_complete()?;
        rows.retain(|row| row.log_index < checkpoint.size());
        rows.sort_unstable_by_key(|row| row.log_index);
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let entry = Entry::decode(&row.entry).map_err(|_| Refused::Damaged("entry"))?;
            let proof = prove_inclusion(row.log_index, checkpoint.size(), &Tiles(&self.store));
            let detail = detail_of(row).filter(|_| is_told(&entry.event));
            let decision = match (&entry.event, &detail) {
                (Event::Decision { .. }, Some(detail)) => DecisionDetail::decode(detail),
                _ => None,
            };
            items.push(Item {
                index: row.log_index,
                entry,
                proof: proof.map_err(tile_error)?,
                detail,
                link: match &decision {
                    Some(decision) => link(self, decision)?,
                    None => None,
                },
            });
        }
        let receipt = Receipt {
            role,
            checkpoint: note,
            items,
        };
        // Encoding checks the limits and that every decision has its link.
        receipt.encode().ok_or(Refused::TooLong)?;
        Ok(receipt)
    }

    /// All entries with the number of a report or a case. Those of a case start with its decision.
    fn all_with(&self, number: &[u8; 16]) -> Result<Vec<EntryRow>, DeskError> {
        let rows = self.store.entries_with(number, MAX_OF_CASE)?;
        // There may be more, and a receipt must not leave out an opening.
        if rows.len() >= MAX_OF_CASE {
            return Err(Refused::TooLong.into());
        }
        Ok(rows)
    }

    /// Position of a report among those of its case.
    fn index_in_case(&self, case: &[u8; 16], report: &[u8; 16]) -> Result<u32, DeskError> {
        let reports = self.reports_of(case)?;
        let index = reports.iter().position(|row| row.id == *report);
        let index = index.and_then(|index| u32::try_from(index).ok());
        Ok(index.ok_or(Refused::NoReport)?)
    }
}

/// The stored detail of an entry, unless it was erased.
pub(crate) fn detail_of(row: &EntryRow) -> Option<Detail> {
    Detail::from_parts(row.salt?, row.detail.clone()?).ok()
}

/// Whether a receipt shows the details of such an entry.
fn is_told(event: &Event) -> bool {
    matches!(
        event.kind(),
        Kind::Decision | Kind::NoticeSent | Kind::AppealFiled | Kind::AppealDecided
    )
}

#[cfg(test)]
mod tests;
