//! Rows that indexes find.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::{Id, LAST, MemoryStore};
use crate::store::rows::{CaseRow, ReportRow};

impl MemoryStore {
    pub(in crate::store::memory) fn find_undecided(&self, account: &str) -> Option<&CaseRow> {
        let mut cases = self.cases_of_account(account);
        cases.find(|case| case.status.is_undecided())
    }

    /// The cases of an account, the newest first.
    pub(super) fn cases_of_account(&self, account: &str) -> impl Iterator<Item = &CaseRow> {
        let from = (account.to_owned(), 0, [0; 16]);
        let to = (account.to_owned(), u64::MAX, LAST);
        let places = self.case_accounts.range(from..=to).rev();
        places.filter_map(|((_, _, id), ())| self.cases.get(id))
    }

    pub(super) fn reports_of(
        &self,
        case_id: Id,
        after: Option<(u64, Id)>,
    ) -> impl Iterator<Item = &ReportRow> {
        let from = match after {
            Some((time, id)) => Excluded((case_id, time, id)),
            None => Included((case_id, 0, [0; 16])),
        };
        let to = Included((case_id, u64::MAX, LAST));
        let places = self.case_reports.range((from, to));
        places.filter_map(|((_, _, id), ())| self.reports.get(id))
    }

    pub(super) fn reports_by_time(
        &self,
        after: Option<(u64, Id)>,
    ) -> impl Iterator<Item = &ReportRow> {
        let places = self
            .report_times
            .range((after.map_or(Unbounded, Excluded), Unbounded));
        places.filter_map(|((_, id), ())| self.reports.get(id))
    }
}
