//! Lets the vault follow the log, and puts its cosignatures on the checkpoints.

use waxseal_reporting::Timestamp;

use crate::desk::{Desk, MAX_AHEAD};
use crate::error::{DeskError, Refused};
use crate::store::limits::MAX_LISTED;
use crate::store::{CheckpointRow, Store};
use crate::vault::VaultCalls;

impl<S: Store> Desk<S> {
    /// Lets the vault read the log up to the newest checkpoint, adds its cosignatures, and gives it
    /// the policy in force. Returns whether the newest checkpoint is complete now.
    ///
    /// Call it at least once a day. Auditors notice a vault that is silent for longer.
    ///
    /// # Errors
    /// [`Refused::NoCheckpoint`] if nothing was signed yet, the vault's, or the store's.
    pub fn follow(
        &mut self,
        vault: &mut impl VaultCalls,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        let newest = self
            .store
            .newest_checkpoint(false)?
            .ok_or(Refused::NoCheckpoint)?;
        loop {
            let from = vault.status()?.size;
            let row = self.next_step(from, &newest)?;
            let entries = self.entries_between(from, row.size)?;
            let cosignature = vault.follow(&entries, &row.note, now)?;
            let is_complete = self.cosigned(row.size, &[cosignature])?;
            if row.size >= newest.size {
                self.give_policy(vault)?;
                return Ok(is_complete);
            }
        }
    }

    /// The largest checkpoint that the vault can read from here in one step. Between a vault that
    /// starts again from nothing and the newest checkpoint, it needs some that were completed.
    fn next_step(&self, from: u64, newest: &CheckpointRow) -> Result<CheckpointRow, DeskError> {
        let last = from.saturating_add(MAX_AHEAD);
        if newest.size <= last {
            return Ok(newest.clone());
        }
        let (mut best, mut after) = (None, from);
        loop {
            let page = self.store.checkpoints(after, MAX_LISTED)?;
            let within = |row: &&CheckpointRow| row.is_complete && row.size <= last;
            best = page.iter().rfind(within).cloned().or(best);
            match page.last() {
                Some(row) if row.size < last => after = row.size,
                _ => return Ok(best.ok_or(Refused::NoCheckpoint)?),
            }
        }
    }

    fn entries_between(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, DeskError> {
        let (mut entries, mut at) = (Vec::new(), from);
        while at < to {
            let page = self.store.entries(at, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Err(Refused::Damaged("entry").into());
            };
            at = last.log_index.saturating_add(1);
            let within = page.into_iter().filter(|row| row.log_index < to);
            entries.extend(within.map(|row| row.entry));
        }
        Ok(entries)
    }

    fn give_policy(&self, vault: &mut impl VaultCalls) -> Result<(), DeskError> {
        let status = vault.status()?;
        let Some((version, _)) = status.policy.filter(|_| !status.adopted) else {
            return Ok(());
        };
        let row = self.store.policy(version)?.ok_or(Refused::NoPolicy)?;
        Ok(vault.adopt(&row.document)?)
    }
}
