//! The published checkpoints: the newest one and the archived ones.

use waxseal_log::audit::{Audit, AuditError};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::keys::{LogKeys, VerifiedCheckpoint};
use waxseal_log::limits::MAX_NOTE_LEN;
use waxseal_log::note::Note;
use waxseal_log::tree::TreeHash;

use super::{FORK, MAX_TILE_DELAY_DAYS, Task};
use crate::folder::Folder;
use crate::meaning;
use crate::problem::{Problems, Unusable};
use crate::text::{counted, grouped};

const UNLISTED: &str =
    "Each complete checkpoint must be published. Others may have been shown another log.";
const HELD_BACK: &str =
    "The entries must be public after seven days. Until then, outsiders cannot check them.";

/// The published checkpoints. Only the newest is in memory.
pub struct Archive {
    /// Sizes of the archived ones, ascending.
    sizes: Vec<u64>,
    /// The newest one, if it is verified.
    pub newest: Option<VerifiedCheckpoint>,
}

/// The path of an archived checkpoint.
pub fn path(size: u64) -> String {
    format!("checkpoints/{size}")
}

/// Reads an archived checkpoint; `None` with a problem if it is not one over this size.
pub fn note(folder: &Folder, size: u64, problems: &mut Problems) -> Result<Option<Note>, Unusable> {
    let path = path(size);
    let name = folder.name(&path);
    let Some(bytes) = folder.read(&path, MAX_NOTE_LEN)? else {
        return Ok(None);
    };
    let note = match Note::decode(&bytes) {
        Ok(note) => note,
        Err(error) => {
            problems.push(meaning::of_note(&name, error));
            return Ok(None);
        }
    };
    match Checkpoint::decode(note.text()) {
        Err(error) => problems.push(meaning::of_checkpoint(&name, &error)),
        // CHK-231: an archived checkpoint is over as many entries as its name says.
        Ok(checkpoint) if checkpoint.size() != size => {
            let count = counted(checkpoint.size(), "entry", "entries");
            let what = format!("{name}: the checkpoint is over {count}");
            problems.add(
                231,
                what,
                "Someone exchanged the files. Fetch the folder again.",
            );
        }
        Ok(_) => return Ok(Some(note)),
    }
    Ok(None)
}

impl Archive {
    /// Lists the archived checkpoints, and compares the newest one with them.
    pub fn read(
        folder: &Folder,
        keys: &LogKeys,
        problems: &mut Problems,
    ) -> Result<Self, Unusable> {
        let name = folder.name("checkpoint");
        let bytes = folder.read("checkpoint", MAX_NOTE_LEN)?.ok_or_else(|| {
            Unusable(format!(
                "{name} is missing. Is this the public folder of a log?"
            ))
        })?;
        let mut archive = Self {
            sizes: folder.checkpoint_sizes()?,
            newest: None,
        };
        let checkpoint = match Note::decode(&bytes) {
            Err(error) => {
                problems.push(meaning::of_note(&name, error));
                return Ok(archive);
            }
            Ok(note) => keys.verify(&note),
        };
        match checkpoint {
            Err(error) => problems.push(meaning::of_checkpoint(&name, &error)),
            Ok(checkpoint) => {
                archive.compare(folder, &checkpoint, problems)?;
                archive.newest = Some(checkpoint);
            }
        }
        Ok(archive)
    }

    /// Compares the newest checkpoint with the archived ones.
    fn compare(
        &self,
        folder: &Folder,
        newest: &VerifiedCheckpoint,
        problems: &mut Problems,
    ) -> Result<(), Unusable> {
        // CHK-232: the newest checkpoint is archived with the same root, and none is larger.
        let (name, size) = (folder.name("checkpoint"), newest.size());
        let count = counted(size, "entry", "entries");
        if !self.has(size) {
            let what = format!("{name}: the checkpoint over {count} is not in checkpoints/");
            problems.add(232, what, UNLISTED);
        } else if let Some(archived) = note(folder, size, problems)? {
            let archived = Checkpoint::decode(archived.text()).ok();
            if archived.is_some_and(|archived| archived.root() != newest.root()) {
                let other = folder.name(&path(size));
                let what = format!("{name} and {other} have different roots over {count}");
                problems.add(232, what, FORK);
            }
        }
        if let Some(largest) = self.sizes.last().filter(|largest| **largest > size) {
            let largest = grouped(*largest);
            let what = format!("{name} is over {count}, and checkpoints/ has one over {largest}");
            problems.add(
                232,
                what,
                "The log was rolled back, or the folder is a mixture of two.",
            );
        }
        Ok(())
    }

    pub fn has(&self, size: u64) -> bool {
        self.sizes.binary_search(&size).is_ok()
    }

    /// Size of the largest archived checkpoint over at most this many entries.
    pub fn largest_within(&self, entries: u64) -> Option<u64> {
        let within = self.sizes.partition_point(|size| *size <= entries);
        self.sizes.get(within.checked_sub(1)?).copied()
    }

    /// Root of an archived checkpoint, if it is verified.
    pub fn root(&self, task: &Task<'_>, size: u64) -> Result<Option<TreeHash>, Unusable> {
        let note = note(task.folder, size, &mut Problems::default())?;
        let verified = note.and_then(|note| task.keys.verify(&note).ok());
        Ok(verified.map(|checkpoint| *checkpoint.root()))
    }

    /// Checks the archived checkpoints that the tiles do not cover yet.
    pub fn check_ahead(
        &self,
        task: &Task<'_>,
        entries: u64,
        audit: &mut Audit,
        problems: &mut Problems,
    ) -> Result<(), Unusable> {
        // After a check that ended early, the vault's times have a gap that is not the provider's.
        let is_read = audit.size() == self.largest_within(entries).unwrap_or_default();
        let within = self.sizes.partition_point(|size| *size <= entries);
        let days = |secs: u64| secs.div_euclid(86_400);
        let newest = self.newest.as_ref().map(|newest| days(newest.vault_time()));
        let mut is_late = false;
        for size in self.sizes.iter().skip(within) {
            let name = task.folder.name(&path(*size));
            let Some(note) = note(task.folder, *size, problems)? else {
                continue;
            };
            let checkpoint = match is_read {
                true => audit.checkpoint_ahead(&note),
                false => task.keys.verify(&note).map_err(AuditError::from),
            };
            let checkpoint = match checkpoint {
                Ok(checkpoint) => checkpoint,
                Err(error) => {
                    problems.push(meaning::of_audit(&name, &error));
                    continue;
                }
            };
            // CHK-233: the tiles follow the checkpoints within nine days.
            let due = days(checkpoint.vault_time()).saturating_add(MAX_TILE_DELAY_DAYS);
            if !is_late && newest.is_some_and(|newest| newest > due) {
                is_late = true;
                let first = grouped(entries);
                let what =
                    format!("{name} is more than nine days old, and entry {first} is missing");
                problems.add(233, what, HELD_BACK);
            }
        }
        Ok(())
    }
}
