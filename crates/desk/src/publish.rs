//! The public folder: what everyone may fetch, as the paths and bytes of its files.
//!
//! | path | content | when |
//! |---|---|---|
//! | `keys` | the pinned keys | at once |
//! | `checkpoint` | the newest complete checkpoint | at once |
//! | `checkpoints/<size>` | every complete checkpoint | at once |
//! | `tile/<level>/<n>`, `tile/entries/<n>` | tiles and entries | after the [`Delay`] |
//!
//! A checkpoint is complete once the vault and enough witnesses cosigned it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use waxseal_log::tiles::{bundle_path, encode_bundle, hash_tile_path, tile_width};
use waxseal_reporting::Timestamp;

use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::store::Store;
use crate::store::limits::MAX_LISTED;

/// Hashes or entries in a full tile.
const TILE: u64 = 256;

/// How long entries stay private, so that no one can tell from a new entry which report of these
/// days it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Milliseconds.
    pub ms: u64,
}

impl Default for Delay {
    /// Seven days.
    fn default() -> Self {
        Self { ms: 7 * 86_400_000 }
    }
}

/// What the public folder has already. The default is an empty folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Number of entries that the tiles cover.
    pub entries: u64,
    /// Size of the largest checkpoint below `checkpoints`.
    pub checkpoint: u64,
}

/// A file of the public folder that is not read yet.
enum Job {
    Keys,
    Newest(u64),
    Checkpoint(u64),
    Hashes { level: u8, index: u64, width: u16 },
    Entries { index: u64, width: u16 },
}

/// The files of the public folder, in the order in which they are to be written: relative path and
/// bytes.
pub struct PublicFiles<'a, S> {
    desk: &'a Desk<S>,
    jobs: std::vec::IntoIter<Job>,
    published: Published,
}

impl<S> PublicFiles<'_, S> {
    /// What the folder has once all files are written. Pass it the next time.
    pub fn published(&self) -> Published {
        self.published
    }
}

impl<S: Store> Desk<S> {
    /// The files of the public folder. Those that it has, by `published`, are left out.
    ///
    /// # Errors
    /// The store's.
    pub fn publish(
        &self,
        now: Timestamp,
        delay: Delay,
        published: Published,
    ) -> Result<PublicFiles<'_, S>, DeskError> {
        let until = now.as_millis().saturating_sub(delay.ms);
        let sizes = self.complete_after(published.entries, until)?;
        let checkpoints = self.complete_after(published.checkpoint, u64::MAX)?;
        let mut jobs = vec![Job::Keys];
        let size = sizes.last().copied().unwrap_or(published.entries);
        add_tiles(&mut jobs, published.entries, size);
        add_partial_tiles(&mut jobs, &sizes, size);
        jobs.extend(checkpoints.iter().copied().map(Job::Checkpoint));
        jobs.extend(
            self.store
                .newest_checkpoint(true)?
                .map(|row| Job::Newest(row.size)),
        );
        Ok(PublicFiles {
            desk: self,
            jobs: jobs.into_iter(),
            published: Published {
                entries: size,
                checkpoint: checkpoints.last().copied().unwrap_or(published.checkpoint),
            },
        })
    }

    /// The sizes of the complete checkpoints that are larger than a size, up to the first one that
    /// was made after `until_ms`.
    fn complete_after(&self, mut after: u64, until_ms: u64) -> Result<Vec<u64>, DeskError> {
        let mut sizes = Vec::new();
        loop {
            let page = self.store.checkpoints(after, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Ok(sizes);
            };
            after = last.size;
            for row in page.iter().filter(|row| row.is_complete) {
                if row.made_at_ms > until_ms {
                    return Ok(sizes);
                }
                sizes.push(row.size);
            }
        }
    }

    fn file(&self, job: &Job) -> Result<(String, Vec<u8>), DeskError> {
        Ok(match *job {
            Job::Keys => ("keys".into(), self.setup.keys.to_string().into_bytes()),
            Job::Newest(size) => ("checkpoint".into(), self.note(size)?),
            Job::Checkpoint(size) => (format!("checkpoints/{size}"), self.note(size)?),
            Job::Hashes {
                level,
                index,
                width,
            } => {
                let tile = self
                    .store
                    .tile(level, index)?
                    .ok_or(Refused::Damaged("tile"))?;
                let len = usize::from(width).saturating_mul(32);
                let bytes = tile.bytes.get(..len).ok_or(Refused::Damaged("tile"))?;
                (hash_tile_path(level, index, width), bytes.to_vec())
            }
            Job::Entries { index, width } => {
                let from = index.saturating_mul(TILE);
                let rows = self.store.entries(from, width.into())?;
                let entries: Vec<_> = rows.into_iter().map(|row| row.entry).collect();
                if entries.len() != usize::from(width) {
                    return Err(Refused::Damaged("entry").into());
                }
                (bundle_path(index, width), encode_bundle(&entries))
            }
        })
    }

    fn note(&self, size: u64) -> Result<Vec<u8>, DeskError> {
        let row = self.store.checkpoint(size)?;
        Ok(row.ok_or(Refused::Damaged("checkpoint"))?.note)
    }
}

/// Adds the tiles of a tree of `size` that a tree of `published` does not have.
fn add_tiles(jobs: &mut Vec<Job>, published: u64, size: u64) {
    for level in 0..8u8 {
        let height = u32::from(level).saturating_mul(8);
        let full = published.checked_shr(height).unwrap_or(0);
        let first = full.checked_div(TILE).unwrap_or(0);
        for index in first..=u64::MAX {
            let width = tile_width(size, level, index);
            if width == 0 || width == tile_width(published, level, index) {
                break;
            }
            jobs.push(Job::Hashes {
                level,
                index,
                width,
            });
            if level == 0 {
                jobs.push(Job::Entries { index, width });
            }
        }
    }
}

/// Adds the partial tiles of trees of smaller sizes, while the full ones are not public. For each
/// checkpoint there must be a tile of its width. (C2SP tlog-tiles, “Partial Tiles”)
fn add_partial_tiles(jobs: &mut Vec<Job>, sizes: &[u64], size: u64) {
    for level in 0..8u8 {
        let height = u32::from(level).saturating_mul(8);
        let mut last = None;
        for smaller in sizes {
            let hashes = smaller.checked_shr(height).unwrap_or(0);
            let index = hashes.checked_div(TILE).unwrap_or(0);
            let width = tile_width(*smaller, level, index);
            let widest = tile_width(size, level, index);
            let is_needed = width > 0 && width < widest && u64::from(widest) < TILE;
            if !is_needed || last.replace((index, width)) == Some((index, width)) {
                continue;
            }
            jobs.push(Job::Hashes {
                level,
                index,
                width,
            });
            if level == 0 {
                jobs.push(Job::Entries { index, width });
            }
        }
    }
}

impl<S: Store> Iterator for PublicFiles<'_, S> {
    type Item = Result<(String, Vec<u8>), DeskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let job = self.jobs.next()?;
        Some(self.desk.file(&job))
    }
}

/// Writes files below a folder, except those that it has with the same bytes. Each is written next
/// to its place, synced, and renamed, so a reader sees the old or the new file. Returns how many
/// were written.
///
/// # Errors
/// [`WriteError`]. Files before the failing one are written.
pub fn write_folder(
    folder: &Path,
    files: impl IntoIterator<Item = Result<(String, Vec<u8>), DeskError>>,
) -> Result<usize, WriteError> {
    let mut written = 0usize;
    for file in files {
        let (path, bytes) = file?;
        let path = folder.join(path);
        if has(&path, &bytes) {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let mut file = File::create(&part)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        written = written.saturating_add(1);
    }
    Ok(written)
}

/// Whether there is a file with these bytes.
fn has(path: &Path, bytes: &[u8]) -> bool {
    let len = u64::try_from(bytes.len());
    let is_as_long = fs::metadata(path).is_ok_and(|found| Ok(found.len()) == len);
    is_as_long && fs::read(path).is_ok_and(|found| found == bytes)
}

/// Why the public folder was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file could not be read from the desk.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// A file could not be written. Make space or repair the disk, and write the folder again.
    #[error("the public folder could not be written; make space or repair the disk")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests;
