//! Reads the public folder of a log, and trusts none of it: an attacker may have written any file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use waxseal_log::limits::{MAX_TREE_SIZE, TILE_WIDTH};

use crate::files::{bounded, shown, unreadable};
use crate::problem::Unusable;

/// Most archived checkpoints, so that their sizes fit into 8 MiB of memory. One for each opening of
/// three years at 1,000 a day.
const MAX_CHECKPOINTS: usize = 1_048_576;
/// Most names in the folder of a partial tile. It has 255 widths.
const MAX_WIDTHS: usize = 1_024;
/// Most names among the tiles of a level: a log of four billion entries.
const MAX_NAMES: u64 = 16_777_216;
/// Most groups of three digits in the index of a tile.
const MAX_GROUPS: u32 = 6;

/// The public folder of a log.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn new(root: &Path) -> Result<Self, Unusable> {
        let root = root.to_owned();
        match fs::metadata(&root) {
            Ok(found) if found.is_dir() => Ok(Self { root }),
            Ok(_) => Err(Unusable(format!("{} is not a folder", shown(&root)))),
            Err(error) => Err(unreadable(&root, &error)),
        }
    }

    /// The path of a file, safe to print.
    pub fn name(&self, path: &str) -> String {
        shown(&self.root.join(path))
    }

    /// Reads a file; `None` if it does not exist. Of a longer file than `limit` bytes, one byte
    /// more is read, so that its decoder refuses it.
    pub fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Unusable> {
        if !self.has(path)? {
            return Ok(None);
        }
        let path = self.root.join(path);
        let bytes = File::open(&path).and_then(|file| bounded(file, limit));
        bytes.map(Some).map_err(|error| unreadable(&path, &error))
    }

    /// Whether there is a file.
    pub fn has(&self, path: &str) -> Result<bool, Unusable> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.refuse_links(folder)?;
        }
        let path = self.root.join(path);
        // A link could lead anywhere, and a pipe or device would never end.
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => {
                let name = shown(&path);
                Err(Unusable(format!(
                    "{name} is not a regular file; replace it"
                )))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// Refuses links in the path of a folder. With links to itself, a folder of 1,000 tiles would
    /// have more tiles than anyone can read.
    fn refuse_links(&self, folder: &str) -> Result<(), Unusable> {
        let mut path = self.root.clone();
        for name in folder.split('/') {
            path.push(name);
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
                let name = shown(&path);
                return Err(Unusable(format!(
                    "{name} is a link; replace it with the folder"
                )));
            }
        }
        Ok(())
    }

    /// The sizes of the archived checkpoints, ascending.
    pub fn checkpoint_sizes(&self) -> Result<Vec<u64>, Unusable> {
        let mut sizes = Vec::new();
        self.each_name("checkpoints", MAX_CHECKPOINTS, |name| {
            sizes.extend(canonical(name).filter(|size| *size <= MAX_TREE_SIZE));
        })?;
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// The widths of the partial tiles next to the full one with this path, ascending.
    pub fn partial_widths(&self, full: &str) -> Result<Vec<u16>, Unusable> {
        let mut widths = Vec::new();
        self.each_name(&format!("{full}.p"), MAX_WIDTHS, |name| {
            let width = canonical(name).and_then(|width| u16::try_from(width).ok());
            widths.extend(width.filter(|width| (1..TILE_WIDTH).contains(width)));
        })?;
        widths.sort_unstable();
        Ok(widths)
    }

    /// The end of the furthest tile of a level, by the names of the files: how many entries or
    /// hashes there would be if none were missing.
    pub fn furthest(&self, level: &str) -> Result<u64, Unusable> {
        let mut walk = Walk {
            folder: self,
            names: 0,
            end: 0,
        };
        walk.tiles(&format!("tile/{level}"), 0, 1)?;
        Ok(walk.end)
    }

    /// Calls `each` with the names in a folder, in any order. A missing folder is an empty one.
    fn each_name(
        &self,
        path: &str,
        limit: usize,
        mut each: impl FnMut(&str),
    ) -> Result<(), Unusable> {
        self.refuse_links(path)?;
        let path = self.root.join(path);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| unreadable(&path, &error))?,
        };
        for (count, entry) in entries.enumerate() {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            if count >= limit {
                let name = shown(&path);
                return Err(Unusable(format!("{name} has more than {limit} files")));
            }
            if let Some(name) = entry.file_name().to_str() {
                each(name);
            }
        }
        Ok(())
    }
}

/// Walks through the tiles of one level.
struct Walk<'a> {
    folder: &'a Folder,
    names: u64,
    end: u64,
}

impl Walk<'_> {
    /// `prefix` is the index so far, and `groups` counts its groups of digits with the next one.
    fn tiles(&mut self, path: &str, prefix: u64, groups: u32) -> Result<(), Unusable> {
        let mut found = Vec::new();
        self.folder
            .each_name(path, MAX_WIDTHS.saturating_mul(4), |name| {
                found.push(name.to_owned());
            })?;
        let width = u64::from(TILE_WIDTH);
        for name in found {
            self.names = self.names.saturating_add(1);
            if self.names > MAX_NAMES {
                let name = self.folder.name(path);
                return Err(Unusable(format!("{name} has more than {MAX_NAMES} tiles")));
            }
            let index = |digits: &str| {
                let is_group = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
                let digits: u64 = digits.parse().ok().filter(|_| is_group)?;
                // Only the first group can be 000, and then it is the only one.
                (groups == 1 || prefix > 0).then_some(())?;
                prefix.checked_mul(1_000)?.checked_add(digits)
            };
            if let Some(index) = name.strip_prefix('x').and_then(index) {
                if groups < MAX_GROUPS && self.is_folder(path, &name) {
                    self.tiles(&format!("{path}/{name}"), index, groups.saturating_add(1))?;
                }
            } else if let Some(index) = name.strip_suffix(".p").and_then(index) {
                let full = name.trim_end_matches(".p");
                let widths = self.folder.partial_widths(&format!("{path}/{full}"))?;
                let widest = widths.last().copied().unwrap_or_default();
                self.reach(index.saturating_mul(width), widest.into());
            } else if let Some(index) = index(&name) {
                self.reach(index.saturating_mul(width), width);
            }
        }
        Ok(())
    }

    fn reach(&mut self, start: u64, width: u64) {
        if width > 0 {
            self.end = self.end.max(start.saturating_add(width));
        }
    }

    /// Links are not followed: they could form a circle.
    fn is_folder(&self, path: &str, name: &str) -> bool {
        let path = self.folder.root.join(path).join(name);
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
    }
}

/// A decimal number without leading zeros.
fn canonical(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then_some(number)
}
