//! A case with a file, which officers can fetch and export.

use waxseal_log::entry::Purpose;
use waxseal_reporting::BlobId;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Reason;

use super::world::World;
use crate::export::ShownReport;
use crate::ids::{CaseId, GrantId};
use crate::sorting::Sorting;

/// The blob that the report names.
pub(crate) fn blob() -> BlobId {
    BlobId::from_bytes([0xb1; 32])
}

impl World {
    /// A case with one report of a photo from `mallory`.
    pub(crate) fn file_case(&mut self) -> (CaseId, ReportId) {
        let (now, rng) = (self.now, &mut self.rng);
        let reported = self
            .intake
            .report_file("mallory", "bob", &blob(), Reason::Csam, now, rng);
        let id = self.take_in(&reported).unwrap();
        let Sorting::Case(case) = self.sort(&id).unwrap() else {
            panic!("not sorted");
        };
        (case, id)
    }

    /// A grant for the photo.
    pub(crate) fn file_grant(&mut self, case: CaseId, report: &ReportId) -> GrantId {
        let mut terms = self.terms(case, report, Purpose::ChildSafety);
        terms.reports[0].messages = 1;
        self.request(&terms).unwrap()
    }

    /// Shows the photo to the officer who asks.
    pub(crate) fn show_file(&mut self, case: CaseId, report: &ReportId) -> ShownReport {
        let grant = self.file_grant(case, report);
        let view = self.open(&grant, report).unwrap();
        ShownReport {
            report: *report,
            view,
        }
    }
}
