//! Signs checkpoints, and collects the cosignatures of the witnesses and of the vault.

use core::cmp::Ordering;

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::keys::VerifiedCheckpoint;
use waxseal_log::note::{Note, NoteSignature, Verifier};
use waxseal_log::proof::prove_consistency;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::desk::{Desk, Tiles};
use crate::error::{DeskError, Refused};
use crate::store::{Change, CheckpointRow, Condition, Store};

impl<S: Store> Desk<S> {
    /// Signs a checkpoint over all entries, or returns the one that was signed for this size.
    ///
    /// # Errors
    /// [`Refused::OtherTree`] if the tree does not contain the tree of the newest checkpoint: it is
    /// smaller, or an entry is another one. Nothing is signed then. Or the store's.
    pub fn checkpoint(&mut self, now: Timestamp) -> Result<Note, DeskError> {
        // Read before the log: another desk may append and sign meanwhile.
        let newest = self.store.newest_checkpoint(false)?;
        match self.store.log_size()?.cmp(&self.tree.size()) {
            // The store was set back while the desk runs.
            Ordering::Less => return Err(Refused::OtherTree.into()),
            Ordering::Equal => self.check_against(&self.tree, newest.as_ref())?,
            // Another desk appended. What it stored is checked in the same way.
            Ordering::Greater => self.reload()?,
        }
        if let Some(row) = self.store.checkpoint(self.tree.size())? {
            return decode(&row);
        }
        let (size, root) = (self.tree.size(), self.tree.root());
        let checkpoint = Checkpoint::new(self.setup.keys.origin(), size, root);
        let note = checkpoint.and_then(|checkpoint| checkpoint.sign(&self.setup.log));
        let note = note.map_err(|_| Refused::OtherKey)?;
        let new = CheckpointRow {
            size,
            note: note.encode(),
            made_at_ms: now.as_millis(),
            is_complete: false,
        };
        self.store_checkpoint(None, new)?;
        Ok(note)
    }

    /// The proof that a witness asks for: that the tree of `size` contains the one of `old`.
    ///
    /// # Errors
    /// [`Refused::Damaged`] if there are no such sizes, or the store's.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<TreeHash>, DeskError> {
        prove_consistency(old, size, &Tiles(&self.store)).map_err(crate::desk::tile_error)
    }

    /// Adds cosignatures to the checkpoint of a size, and returns whether it is complete now:
    /// cosigned by the vault and by enough witnesses.
    ///
    /// # Errors
    /// [`Refused::NoCheckpoint`] if there is no such checkpoint, [`Refused::NotACosignature`] if a
    /// line is not a cosignature of this checkpoint by a known key, or the store's. No cosignature
    /// is added then.
    pub fn cosigned(&mut self, size: u64, lines: &[NoteSignature]) -> Result<bool, DeskError> {
        let row = self.store.checkpoint(size)?.ok_or(Refused::NoCheckpoint)?;
        let mut note = decode(&row)?;
        let keys = &self.setup.keys;
        for line in lines {
            // CHK-203: the line is the cosignature of the vault or of a known witness over this
            // checkpoint.
            let mut known = keys.witnesses().iter().chain([keys.vault()]);
            let made = |key: &&Verifier| key.name() == line.name() && key.id() == line.id();
            let key = known.find(made).ok_or(Refused::NotACosignature)?;
            let added = note.add(line.clone()).is_ok() && note.cosigned_by(key).is_ok();
            if !added {
                return Err(Refused::NotACosignature.into());
            }
        }
        let is_complete = keys.verify(&note).is_ok();
        let new = CheckpointRow {
            note: note.encode(),
            is_complete,
            ..row.clone()
        };
        self.store_checkpoint(Some(row), new)?;
        if is_complete {
            self.followed = self.followed.max(size);
        }
        Ok(is_complete)
    }

    /// The newest checkpoint that the vault and enough witnesses cosigned, with its note.
    pub(crate) fn newest_complete(&self) -> Result<(VerifiedCheckpoint, Note), DeskError> {
        let row = self.store.newest_checkpoint(true)?;
        let row = row.ok_or(Refused::NoCheckpoint)?;
        let note = decode(&row)?;
        let verified = self.setup.keys.verify(&note);
        let verified = verified.map_err(|_| Refused::Damaged("checkpoint"))?;
        Ok((verified, note))
    }

    /// Stores a checkpoint in place of the one that was read. If another desk changed it meanwhile,
    /// that is a conflict, so no cosignature is lost.
    fn store_checkpoint(
        &mut self,
        old: Option<CheckpointRow>,
        new: CheckpointRow,
    ) -> Result<(), DeskError> {
        let (size, row) = (new.size, old);
        let unchanged = Change::Expect(Condition::Checkpoint { size, row });
        Ok(self.store.apply(&[unchanged, Change::Checkpoint(new)])?)
    }
}

pub(crate) fn decode(row: &CheckpointRow) -> Result<Note, DeskError> {
    Ok(Note::decode(&row.note).map_err(|_| Refused::Damaged("checkpoint"))?)
}

#[cfg(test)]
mod tests;
