//! Upkeep: what is to be done from time to time, and after a crash.

use rand_core::CryptoRng;
use waxseal_log::note::Note;
use waxseal_reporting::Timestamp;

use crate::case::MAX_OF_CASE;
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::store::{OpeningList, OpeningRow, Store};

/// What upkeep did, and what is left to the caller.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// Number of waiting leaves that were appended.
    pub appended: usize,
    /// Whether leaves of past days still wait. Complete a checkpoint, and call upkeep again.
    pub leaves_wait: bool,
    /// Number of grants that expired.
    pub expired: usize,
    /// Number of emergency grants whose review is overdue and was not before.
    pub overdue: usize,
    /// Openings that were logged and not shown, in the order of the log, at most 1,000. A crash
    /// leaves them, and so does a vault that refused.
    pub not_shown: Vec<OpeningRow>,
    /// The newest checkpoint, if it lacks cosignatures: ask the witnesses, then the vault.
    pub to_cosign: Option<Note>,
}

impl<S: Store> Desk<S> {
    /// Does what is due: appends the leaves of past days, lets grants expire, flags overdue
    /// reviews, and signs a checkpoint over what is new. Call it at the start, and every few
    /// minutes.
    ///
    /// It can stop at any point and be called again.
    ///
    /// An audit accuses a provider of a log without a new entry for 36 hours. So enter the stamp
    /// epoch of each day with [`key_created`](Self::key_created), also on days without reports.
    ///
    /// # Errors
    /// The store's, or [`Refused::OtherTree`].
    pub fn upkeep(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Upkeep, DeskError> {
        let (mut appended, mut leaves_wait) = (0usize, false);
        loop {
            match unless_too_far(self.append_waiting(now, rng))? {
                Some(0) => break,
                Some(count) => appended = appended.saturating_add(count),
                None => {
                    leaves_wait = true;
                    break;
                }
            }
        }
        let (mut expired, mut overdue) = (0, 0);
        if !leaves_wait {
            expired = unless_too_far(self.expire_grants(now, rng))?.unwrap_or(0);
            overdue = unless_too_far(self.flag_overdue(now, rng))?.unwrap_or(0);
        }
        let not_shown = self
            .store
            .openings(&OpeningList::NotShown, None, MAX_OF_CASE)?;
        let to_cosign = if self.tree.size() > self.followed {
            Some(self.checkpoint(now)?)
        } else {
            None
        };
        Ok(Upkeep {
            appended,
            leaves_wait,
            expired,
            overdue,
            not_shown,
            to_cosign,
        })
    }
}

/// What a step did, or `None` if the vault has to follow first: the checkpoint is signed all the
/// same, and a later call does the step.
fn unless_too_far(done: Result<usize, DeskError>) -> Result<Option<usize>, DeskError> {
    match done {
        Err(DeskError::Refused(Refused::TooFarAhead)) => Ok(None),
        done => done.map(Some),
    }
}

#[cfg(test)]
mod tests;
