//! Follows a published log from its first entry on, with all its checkpoints and tiles.
//!
//! What the folder claims is never believed: the entries are read until a bundle is missing, and
//! all else is computed from them. So a checkpoint over 2^63 entries costs nothing.

mod archive;
mod tiles;

use core::mem::discriminant;
use std::collections::{BTreeMap, HashMap};

use waxseal_log::audit::{Audit, AuditError};
use waxseal_log::counts::Counts;
use waxseal_log::entry::{Day, Entry};
use waxseal_log::keys::{LogKeys, VerifiedCheckpoint};
use waxseal_log::limits::TILE_WIDTH;
use waxseal_log::promise::PromisedLeaf;
use waxseal_log::tree::{Appender, TreeHash};

use crate::folder::Folder;
use crate::meaning;
use crate::problem::{Problems, Unusable};
use crate::reference::{Reference, Standing};
use crate::text::{counted, grouped};

use archive::Archive;
use tiles::Tiles;

/// Days after a checkpoint by which the tiles must contain it: seven, and two in which the
/// provider may repeat what failed.
const MAX_TILE_DELAY_DAYS: u64 = 9;

/// Findings of each kind that are shown before other problems.
const FIRST_OF_KIND: u64 = 3;

const FORK: &str =
    "The provider signed two different logs. Keep both checkpoints: together they prove it.";
const CUT: &str =
    "The check ends before it. Fetch the folder again; if it stays like this, ask why.";

/// What to look for, next to what is always checked.
pub struct Task<'a> {
    pub folder: &'a Folder,
    pub keys: &'a LogKeys,
    /// The days that count.
    pub days: (Day, Day),
    pub references: &'a [Reference],
    /// A leaf that must be in the log once it is due.
    pub promised: Option<PromisedLeaf>,
}

/// A followed log.
pub struct Followed {
    pub problems: Problems,
    /// Counts and the last checked checkpoint. It fed only entries under an archived checkpoint.
    pub audit: Audit,
    /// Number of archived checkpoints that were compared with the entries.
    pub checked: u64,
    /// The newest checkpoint, if it is verified.
    pub newest: Option<VerifiedCheckpoint>,
    /// For each reference, in the same order.
    pub standings: Vec<Standing>,
}

/// Follows the log. `each` gets every entry with its index.
pub fn follow(task: &Task<'_>, mut each: impl FnMut(u64, &Entry)) -> Result<Followed, Unusable> {
    let mut problems = Problems::default();
    let archive = Archive::read(task.folder, task.keys, &mut problems)?;
    let tiles = Tiles::find(task.folder, &mut problems)?;
    let covered = archive.largest_within(tiles.entries());
    if tiles.entries() > covered.unwrap_or_default() {
        let first = grouped(covered.unwrap_or_default());
        problems.add(
            233,
            format!("the tiles have entries from {first} on that no published checkpoint covers"),
            "Nobody signed for them. Fetch the folder again; if it stays like this, ask why.",
        );
    }
    let counts = Counts::new(task.days.0, task.days.1);
    let mut audit = Audit::new(task.keys.clone(), counts);
    if let Some(promised) = task.promised {
        audit.expect_promise(promised);
    }
    let mut reader = Reader {
        task,
        archive: &archive,
        audit,
        appender: Appender::new(),
        problems,
        checked: 0,
        standings: vec![None; task.references.len()],
    };
    if let Some(end) = covered {
        reader.read(&tiles, end, &mut each)?;
    }
    let entries = tiles.entries();
    archive.check_ahead(task, entries, &mut reader.audit, &mut reader.problems)?;
    reader.compare_ahead(covered)?;
    // Not all problems are shown. The first of each kind of finding come before all others.
    let mut of_kind = HashMap::new();
    let findings = reader.audit.findings().into_iter();
    let (first, more): (Vec<_>, Vec<_>) = findings.partition(|finding| {
        let count = of_kind.entry(discriminant(finding)).or_insert(0u64);
        *count = count.saturating_add(1);
        *count <= FIRST_OF_KIND
    });
    let mut problems = Problems::default();
    problems.extend(first.iter().map(meaning::of_finding));
    problems.append(reader.problems);
    problems.extend(more.iter().map(meaning::of_finding));
    let standings = reader.standings.into_iter();
    Ok(Followed {
        problems,
        audit: reader.audit,
        checked: reader.checked,
        newest: archive.newest,
        standings: standings
            .map(|standing| standing.unwrap_or(Standing::Contradicted))
            .collect(),
    })
}

/// Reads the entries in order.
struct Reader<'a> {
    task: &'a Task<'a>,
    archive: &'a Archive,
    audit: Audit,
    /// Computes the hash tiles.
    appender: Appender,
    problems: Problems,
    checked: u64,
    standings: Vec<Option<Standing>>,
}

impl Reader<'_> {
    /// Reads up to `end`, the size of an archived checkpoint that the tiles cover. Returns early if
    /// what follows would prove nothing.
    fn read(
        &mut self,
        tiles: &Tiles<'_>,
        end: u64,
        each: &mut impl FnMut(u64, &Entry),
    ) -> Result<(), Unusable> {
        if !self.at_size()? {
            return Ok(());
        }
        // The last tile of each level above the entries, while it is partial.
        let mut edge = BTreeMap::new();
        for bundle in 0.. {
            if self.audit.size() >= end {
                break;
            }
            let Some(entries) = tiles.bundle(bundle, end, &mut self.problems)? else {
                return Ok(());
            };
            for bytes in &entries {
                let index = self.audit.size();
                match self.audit.entry(bytes) {
                    Ok(entry) => each(index, &entry),
                    Err(error) => {
                        let file = tiles.bundle_name(bundle);
                        self.problems.push(meaning::of_audit(&file, &error));
                        return Ok(());
                    }
                }
                self.appender.append(TreeHash::of_leaf(bytes));
                if !self.at_size()? {
                    return Ok(());
                }
            }
            for tile in self.appender.take_changed() {
                if tile.level == 0 {
                    continue; // compared when the bundle was read
                }
                if tile.width() == TILE_WIDTH {
                    edge.remove(&tile.level);
                    tiles.check(&tile, &mut self.problems)?;
                } else {
                    edge.insert(tile.level, tile);
                }
            }
        }
        for tile in edge.values() {
            tiles.check(tile, &mut self.problems)?;
        }
        Ok(())
    }

    /// Compares what was read with the archived checkpoint and the references over this many
    /// entries. `false` if what follows would prove nothing.
    fn at_size(&mut self) -> Result<bool, Unusable> {
        let size = self.audit.size();
        let references = self.task.references.iter().zip(&mut self.standings);
        for (reference, standing) in references.filter(|(reference, _)| reference.size == size) {
            // CHK-235: a checkpoint from elsewhere has the root of the log at its size.
            *standing = Some(match reference.root == self.appender.root() {
                true => Standing::Contained,
                false => {
                    let count = counted(size, "entry", "entries");
                    let what = format!("{}: the log has another root over {count}", reference.name);
                    self.problems.add(235, what, FORK);
                    Standing::Contradicted
                }
            });
        }
        if !self.archive.has(size) {
            return Ok(true);
        }
        let name = self.task.folder.name(&archive::path(size));
        let Some(note) = archive::note(self.task.folder, size, &mut self.problems)? else {
            return Ok(true);
        };
        match self.audit.checkpoint(&note) {
            Ok(_) => {
                self.checked = self.checked.saturating_add(1);
                Ok(true)
            }
            Err(error) => {
                self.problems.push(meaning::of_audit(&name, &error));
                // Without a signature the next checkpoint may still prove the entries.
                Ok(matches!(error, AuditError::Checkpoint(_)))
            }
        }
    }

    /// Compares the references that the entries do not reach with the archived checkpoints.
    fn compare_ahead(&mut self, covered: Option<u64>) -> Result<(), Unusable> {
        let newest = self.archive.newest.as_ref().map(VerifiedCheckpoint::size);
        let references = self.task.references.iter().zip(&mut self.standings);
        for (reference, standing) in references.filter(|(_, standing)| standing.is_none()) {
            let count = counted(reference.size, "entry", "entries");
            let name = &reference.name;
            if self.archive.has(reference.size) {
                let root = self.archive.root(self.task, reference.size)?;
                if root == Some(reference.root) {
                    *standing = Some(Standing::Archived);
                } else if root.is_some() {
                    let what =
                        format!("{name}: the published checkpoint over {count} has another root");
                    self.problems.add(235, what, FORK);
                }
            } else if newest.is_some_and(|newest| newest < reference.size) {
                *standing = Some(Standing::Ahead);
            } else {
                let is_covered = covered.is_some_and(|covered| reference.size <= covered);
                let what = match is_covered {
                    true => format!("{name}: the check ended before it reached {count}"),
                    false => format!("{name}: no published checkpoint is over {count}"),
                };
                self.problems.add(235, what, CUT);
            }
        }
        Ok(())
    }
}
