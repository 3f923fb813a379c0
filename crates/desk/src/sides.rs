//! The two sides of a decision: the reporters of its case, and the account that it is about.
//!
//! The relay knows which account asks. It asks the desk whether the account is on a side before it
//! passes on an appeal or a receipt, and whom to tell of a decision.

use waxseal_log::entry::Side;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::AccountId;
use waxseal_reporting::intake::ReportId;

use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::intake::reporter_hash;
use crate::store::{ReportList, Store};

/// An account that says that a decision is about it.
#[derive(Clone, Copy, Debug)]
pub enum Party<'a> {
    /// It made this report.
    Reporter(&'a ReportId, &'a AccountId),
    /// It was decided against.
    Account(&'a AccountId),
}

impl Party<'_> {
    /// The side that it says it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Reporter(..) => Side::Reporter,
            Self::Account(_) => Side::Account,
        }
    }
}

/// Someone who is told of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The account.
    pub account: String,
    /// Its report, if it is a reporter.
    pub report: Option<ReportId>,
}

impl<S: Store> Desk<S> {
    /// Whether an account is on the side of a decision that it says. Once the case was erased, no
    /// one is.
    ///
    /// # Errors
    /// [`Refused::NoDecision`], or the store's.
    pub fn is_party(&self, decision: &TreeHash, party: &Party<'_>) -> Result<bool, DeskError> {
        let row = self
            .store
            .decision(decision.as_bytes())?
            .ok_or(Refused::NoDecision)?;
        // CHK-627: the decision is about this account; or about a case with this report, which the
        // account made.
        Ok(match party {
            Party::Account(account) => {
                let case = self.store.case(&row.case_id)?.ok_or(Refused::NoCase)?;
                case.account.as_deref() == Some(account.as_str())
            }
            Party::Reporter(report, account) => {
                let report = self.store.report(report.as_bytes())?;
                let made = reporter_hash(&self.setup.secret, account.as_str());
                report.is_some_and(|report| {
                    report.case_id == Some(row.case_id) && report.reporter == Some(made)
                })
            }
        })
    }

    /// Who is told of a decision on a side: the account, or the reporters with their reports, the
    /// oldest first. No one, once the case was erased.
    ///
    /// Of the reporters, one call goes through `limit` reports, those after the report `after`. It
    /// returns the last of these reports, unless it was the last one of the case.
    ///
    /// # Errors
    /// [`Refused::NoDecision`], [`Refused::NoReport`] if there is no report `after`, or the
    /// store's.
    pub fn told_of(
        &self,
        decision: &TreeHash,
        side: Side,
        after: Option<&ReportId>,
        limit: usize,
    ) -> Result<(Vec<Told>, Option<ReportId>), DeskError> {
        let row = self
            .store
            .decision(decision.as_bytes())?
            .ok_or(Refused::NoDecision)?;
        if side == Side::Account {
            let case = self.store.case(&row.case_id)?.ok_or(Refused::NoCase)?;
            let told = case.account.map(|account| Told {
                account,
                report: None,
            });
            return Ok((told.into_iter().collect(), None));
        }
        let after = match after {
            Some(id) => {
                let row = self.store.report(id.as_bytes())?.ok_or(Refused::NoReport)?;
                Some((row.received_at_ms, row.id))
            }
            None => None,
        };
        let list = ReportList::OfCase(row.case_id);
        let reports = self.store.reports(&list, after, limit)?;
        let last = reports.last().filter(|_| reports.len() >= limit);
        let last = last.map(|report| ReportId::from_bytes(report.id));
        let told = reports.into_iter().filter_map(|report| {
            Some(Told {
                account: report.reporter_account?,
                report: Some(ReportId::from_bytes(report.id)),
            })
        });
        Ok((told.collect(), last))
    }
}

#[cfg(test)]
mod tests;
