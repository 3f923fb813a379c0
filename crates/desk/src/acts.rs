//! Checks the acts of officers before they change anything, and keeps them for the audit.

use waxseal_reporting::Timestamp;

use crate::desk::{Batch, Desk};
use crate::error::{DeskError, Refused};
use crate::officer::{Act, Signed};
use crate::store::{Change, MetaRow, Store};

/// Maximum age of an act when the desk gets it: one day. Bounds how long a stolen act is of use.
pub const MAX_ACT_AGE_MS: u64 = 86_400_000;
/// How far an officer's clock may be ahead of the desk's: five minutes.
pub const MAX_ACT_AHEAD_MS: u64 = 300_000;

impl<S: Store> Desk<S> {
    /// Checks that an officer of the policy in force, with the role for it, signed this act now.
    pub(crate) fn authorise<T: Act>(
        &self,
        signed: &Signed<T>,
        now: Timestamp,
    ) -> Result<T, DeskError> {
        // CHK-206: an officer of the policy in force signed the act, with the role that it needs
        // (checks 166 and 167).
        let act = signed.verify(self.in_force()?).map_err(Refused::Act)?;
        let (at, now) = (signed.at().as_millis(), now.as_millis());
        // CHK-207: the act is at most a day old, and at most five minutes ahead.
        if at > now.saturating_add(MAX_ACT_AHEAD_MS) || at < now.saturating_sub(MAX_ACT_AGE_MS) {
            return Err(Refused::ActTime.into());
        }
        Ok(act)
    }

    /// Whether a number that an officer drew is in the log, or that of a report or a case. If a
    /// grant had the number of a report, the receipts of the report would show the entries of the
    /// grant.
    pub(crate) fn is_number_taken(&self, number: &[u8; 16]) -> Result<bool, DeskError> {
        Ok(!self.store.entries_with(number, 1)?.is_empty()
            || self.store.report_with_number(number)?.is_some()
            || self.store.case_with_number(number)?.is_some())
    }

    /// Keeps a signed act about a thing that has no column for it. A later one replaces it.
    pub(crate) fn keep_act<T: Act>(
        &self,
        batch: &mut Batch,
        kind: &str,
        id: &[u8; 16],
        signed: &Signed<T>,
    ) -> Result<(), DeskError> {
        let row = MetaRow {
            name: name(kind, id),
            value: signed.encode(),
        };
        batch.change(match self.store.meta(&row.name)? {
            Some(old) => Change::swap(old, row),
            None => Change::add(row),
        });
        Ok(())
    }
}

/// Name of the value that keeps the act of a kind about a thing.
pub(crate) fn name(kind: &str, id: &[u8; 16]) -> String {
    let mut name = format!("{kind}/");
    for byte in id {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

/// Reads text of an act: UTF-8 of at most `max` bytes.
pub(crate) fn read_text(bytes: &[u8], max: usize) -> Option<String> {
    let bytes = Some(bytes).filter(|bytes| bytes.len() <= max)?;
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
