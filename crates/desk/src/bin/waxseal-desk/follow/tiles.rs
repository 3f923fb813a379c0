//! The tiles of a published log: entry bundles and hash tiles.

use waxseal_log::limits::{MAX_BUNDLE_LEN, MAX_TILE_LEN, TILE_WIDTH};
use waxseal_log::tiles::{Tile, bundle_path, decode_bundle, encode_bundle, hash_tile_path};
use waxseal_log::tree::TreeHash;

use crate::folder::Folder;
use crate::problem::{Problems, Unusable};
use crate::text::grouped;

const MISSING: &str =
    "Fetch the folder again. If it stays missing, someone hides the entries in it.";
const DIFFERS: &str =
    "Entries and hashes contradict each other: someone altered one of the two. Fetch them again.";

/// The tiles of a folder.
pub struct Tiles<'a> {
    folder: &'a Folder,
    /// Number of full bundles at the start.
    full: u64,
    /// Width of the widest bundle after them.
    last: u16,
}

impl<'a> Tiles<'a> {
    /// Counts the bundles until the first missing one.
    pub fn find(folder: &'a Folder, problems: &mut Problems) -> Result<Self, Unusable> {
        let mut full: u64 = 0;
        while folder.has(&bundle_path(full, TILE_WIDTH))? {
            full = full.saturating_add(1);
        }
        let last = folder.partial_widths(&bundle_path(full, TILE_WIDTH))?;
        let last = last.last().copied().unwrap_or_default();
        let tiles = Self { folder, full, last };
        // CHK-233: no tile is missing before another one.
        let furthest = folder.furthest("entries")?.max(folder.furthest("0")?);
        if furthest > tiles.entries() {
            let name = folder.name(&bundle_path(full, TILE_WIDTH));
            let first = grouped(tiles.entries());
            let what = format!("{name} is missing: entry {first} is not there, and later ones are");
            problems.add(233, what, MISSING);
        }
        Ok(tiles)
    }

    /// Number of entries before the first missing one.
    pub fn entries(&self) -> u64 {
        let full = self.full.saturating_mul(TILE_WIDTH.into());
        full.saturating_add(self.last.into())
    }

    /// Name of a bundle as it was read.
    pub fn bundle_name(&self, index: u64) -> String {
        self.folder.name(&bundle_path(index, self.width(index)))
    }

    fn width(&self, index: u64) -> u16 {
        match index < self.full {
            true => TILE_WIDTH,
            false => self.last,
        }
    }

    /// The entries of a bundle that are before `end`. Compares them with the leaf hashes, and with
    /// narrower bundles of the same entries. `None` with a problem if there is no such bundle.
    pub fn bundle(
        &self,
        index: u64,
        end: u64,
        problems: &mut Problems,
    ) -> Result<Option<Vec<Vec<u8>>>, Unusable> {
        let width = self.width(index);
        let (path, name) = (bundle_path(index, width), self.bundle_name(index));
        let Some(bytes) = self.folder.read(&path, MAX_BUNDLE_LEN)? else {
            problems.add(233, format!("{name} is missing"), MISSING);
            return Ok(None);
        };
        let Ok(mut entries) = decode_bundle(&bytes, width) else {
            let what = format!("{name} does not hold exactly {width} entries");
            problems.add(133, what, MISSING);
            return Ok(None);
        };
        let start = index.saturating_mul(TILE_WIDTH.into());
        let within = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        entries.truncate(within);
        let full = bundle_path(index, TILE_WIDTH);
        for narrow in self.folder.partial_widths(&full)? {
            let Some(part) = entries.get(..narrow.into()).filter(|_| narrow < width) else {
                continue;
            };
            let path = bundle_path(index, narrow);
            // CHK-234: a partial tile has the same entries as a wider one.
            let bytes = self.folder.read(&path, MAX_BUNDLE_LEN)?;
            if bytes.is_some_and(|bytes| bytes != encode_bundle(part)) {
                let what = format!("{} has other entries than {name}", self.folder.name(&path));
                problems.add(234, what, DIFFERS);
            }
        }
        let mut leaves = Vec::new();
        for entry in &entries {
            leaves.extend_from_slice(TreeHash::of_leaf(entry).as_bytes());
        }
        let tile = Tile {
            level: 0,
            index,
            bytes: leaves,
        };
        self.check(&tile, problems)?;
        Ok(Some(entries.into_iter().map(<[u8]>::to_vec).collect()))
    }

    /// Compares a hash tile, whole and partial, with the hashes that follow from the entries.
    pub fn check(&self, tile: &Tile, problems: &mut Problems) -> Result<(), Unusable> {
        let (level, index, width) = (tile.level, tile.index, tile.width());
        let full = hash_tile_path(level, index, TILE_WIDTH);
        let mut widths = self.folder.partial_widths(&full)?;
        if self.folder.has(&full)? {
            widths.push(TILE_WIDTH);
        }
        // CHK-233: no hash tile is missing.
        if widths.last().is_none_or(|widest| *widest < width) {
            let name = self.folder.name(&hash_tile_path(level, index, width));
            problems.add(233, format!("{name} is missing"), MISSING);
        }
        for found in widths {
            let path = hash_tile_path(level, index, found);
            let Some(bytes) = self.folder.read(&path, MAX_TILE_LEN)? else {
                continue;
            };
            // CHK-234: a tile has as many hashes as its name says, and those of the entries.
            if let Some(what) = difference(tile, found, &bytes) {
                problems.add(234, format!("{} {what}", self.folder.name(&path)), DIFFERS);
            }
        }
        Ok(())
    }
}

/// How the bytes of a hash tile of a width differ from the expected tile, which may be narrower or
/// wider.
fn difference(expected: &Tile, width: u16, bytes: &[u8]) -> Option<String> {
    let len = usize::from(width).saturating_mul(32);
    if bytes.len() != len {
        let how = if bytes.len() < len { "short" } else { "long" };
        return Some(format!("is too {how}: {width} hashes have {len} bytes"));
    }
    let pairs = bytes.chunks(32).zip(expected.bytes.chunks(32));
    let at = pairs
        .into_iter()
        .position(|(found, right)| found != right)?;
    let at = u64::try_from(at).unwrap_or(u64::MAX);
    let at = grouped(
        expected
            .index
            .saturating_mul(TILE_WIDTH.into())
            .saturating_add(at),
    );
    Some(match expected.level {
        0 => format!("has another hash than that of entry {at}"),
        _ => format!("has another hash {at} than the entries below it"),
    })
}
