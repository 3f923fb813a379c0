//! Tiles: the published form of the tree and its entries. (C2SP tlog-tiles)

use thiserror::Error;

use crate::codec::{Reader, put_medium};
use crate::limits::{MAX_BUNDLE_LEN, MAX_ENTRY_LEN, MAX_TILE_LEN, TILE_WIDTH};
use crate::merkle::{Frontier, TreeHash, fold};

#[cfg(test)]
pub(crate) mod tests;

/// Bits of a position within a tile.
const TILE_BITS: u32 = 8;

/// Reads hash tiles, from a folder, a database or the network.
pub trait ReadTiles {
    /// Why a tile cannot be read.
    type Error;

    /// The first `width` hashes of a tile, 32 bytes each.
    ///
    /// `width` is 1 to 256. A tile that has meanwhile become wider may be returned whole.
    ///
    /// # Errors
    /// Any, when the tile is missing or unreadable.
    fn hashes(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, Self::Error>;
}

/// A hash tile to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Level: 0 holds leaf hashes, and each further one the roots of full tiles of the level below.
    pub level: u8,
    /// Index within the level, starting at 0.
    pub index: u64,
    /// 1 to 256 hashes of 32 bytes.
    pub bytes: Vec<u8>,
}

impl Tile {
    /// Number of hashes.
    pub fn width(&self) -> u16 {
        let hashes = self.bytes.len().checked_div(32).unwrap_or_default();
        u16::try_from(hashes).unwrap_or(u16::MAX)
    }

    /// Path of the tile below the log's folder.
    pub fn path(&self) -> String {
        hash_tile_path(self.level, self.index, self.width())
    }
}

/// Path of a hash tile below the log's folder, such as `tile/0/x001/067.p/9`.
pub fn hash_tile_path(level: u8, index: u64, width: u16) -> String {
    path(&level.to_string(), index, width)
}

/// Path of an entry bundle below the log's folder, such as `tile/entries/x001/067.p/9`.
pub fn bundle_path(index: u64, width: u16) -> String {
    path("entries", index, width)
}

/// Path of a tile. The index is written in groups of three digits, all but the last with an `x`.
fn path(level: &str, index: u64, width: u16) -> String {
    let digits = index.to_string();
    let groups = digits.len().div_ceil(3);
    let digits = format!("{index:0>width$}", width = groups.saturating_mul(3));
    let mut path = format!("tile/{level}");
    for (position, digit) in digits.chars().enumerate() {
        if position.checked_rem(3) == Some(0) {
            let last = position.saturating_add(3) == digits.len();
            path.push_str(if last { "/" } else { "/x" });
        }
        path.push(digit);
    }
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// Joins up to 256 entries to a bundle: each preceded by its length in two bytes.
pub fn encode_bundle<T: AsRef<[u8]>>(entries: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        put_medium(&mut out, entry.as_ref());
    }
    out
}

/// Splits a bundle into its entries, which are not decoded.
///
/// # Errors
/// [`BundleError`] if there are not exactly `width` entries, or one is longer than
/// [`MAX_ENTRY_LEN`].
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    // CHK-133: a bundle has as many entries as its width says, and each is within its limit.
    if bytes.len() > MAX_BUNDLE_LEN || width > TILE_WIDTH {
        return Err(BundleError);
    }
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    for _ in 0..width {
        let entry = reader.medium().ok_or(BundleError)?;
        if entry.len() > MAX_ENTRY_LEN {
            return Err(BundleError);
        }
        entries.push(entry);
    }
    reader.finish().ok_or(BundleError)?;
    Ok(entries)
}

/// The bundle does not have the entries that its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the bundle does not hold exactly the entries that its name says")]
pub struct BundleError;

/// Number of hashes in a tile of a tree; 0 if the tree does not reach the tile.
pub fn tile_width(size: u64, level: u8, index: u64) -> u16 {
    let before = index.saturating_mul(u64::from(TILE_WIDTH));
    let width = hashes_at(size, level).saturating_sub(before);
    u16::try_from(width).map_or(TILE_WIDTH, |width| width.min(TILE_WIDTH))
}

/// Number of hashes at a level of a tree.
pub(crate) fn hashes_at(size: u64, level: u8) -> u64 {
    let bits = u32::from(level).saturating_mul(TILE_BITS);
    size.checked_shr(bits).unwrap_or(0)
}

/// Why a tree cannot be rebuilt or a proof made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TileError<E> {
    /// A tile cannot be read.
    #[error("a tile cannot be read: {0}")]
    Read(E),
    /// A tile does not have the hashes that the tree's size demands.
    #[error("tile {level}/{index} does not have {width} hashes; restore it")]
    Malformed {
        /// Level of the tile.
        level: u8,
        /// Index of the tile.
        index: u64,
        /// Number of hashes that it must have.
        width: u16,
    },
    /// The index or the old size is not within the tree, or the size is above the limit.
    #[error("the tree has no such entry or earlier size")]
    NotInTree,
}

/// Computes hashes of subtrees from tiles. Reads each tile once.
pub(crate) struct Subtrees<'a, T> {
    tiles: &'a T,
    size: u64,
    /// The tiles that were read, with level and index.
    read: Vec<(u8, u64, Vec<TreeHash>)>,
}

impl<'a, T: ReadTiles> Subtrees<'a, T> {
    pub(crate) fn new(tiles: &'a T, size: u64) -> Self {
        Self {
            tiles,
            size,
            read: Vec::new(),
        }
    }

    /// The frontier of the whole tree.
    pub(crate) fn frontier(&mut self) -> Result<Frontier, TileError<T::Error>> {
        let peaks = self.peaks(0, self.size)?;
        Frontier::from_peaks(self.size, peaks).ok_or(TileError::NotInTree)
    }

    /// The hash over the entries from `start` to before `end`, as a tree of its own. The start must
    /// be a multiple of the largest power of two in the length.
    pub(crate) fn range(&mut self, start: u64, end: u64) -> Result<TreeHash, TileError<T::Error>> {
        fold(&self.peaks(start, end)?).ok_or(TileError::NotInTree)
    }

    /// The roots of the largest complete subtrees of a range, from left to right.
    fn peaks(&mut self, start: u64, end: u64) -> Result<Vec<TreeHash>, TileError<T::Error>> {
        let (mut start, mut peaks) = (start, Vec::new());
        while let Some(height) = end.saturating_sub(start).checked_ilog2() {
            peaks.push(self.subtree(height, start)?);
            start = start.saturating_add(1u64.checked_shl(height).unwrap_or(0));
        }
        Ok(peaks)
    }

    /// The root of the complete subtree of a height that begins with the entry `start`.
    fn subtree(&mut self, height: u32, start: u64) -> Result<TreeHash, TileError<T::Error>> {
        let level = height.checked_div(TILE_BITS).unwrap_or_default();
        let within = height.checked_rem(TILE_BITS).unwrap_or_default();
        let level = u8::try_from(level).map_err(|_| TileError::NotInTree)?;
        let first = hashes_at(start, level);
        let index = first.checked_shr(TILE_BITS).unwrap_or(0);
        let offset = usize::from(first.to_le_bytes().first().copied().unwrap_or(0));
        let count = 1usize.checked_shl(within).unwrap_or(0);
        let hashes = self.tile(level, index)?;
        let hashes = offset
            .checked_add(count)
            .and_then(|end| hashes.get(offset..end))
            .ok_or(TileError::NotInTree)?;
        let mut subtree = Frontier::new();
        for hash in hashes {
            subtree.push(*hash);
        }
        Ok(subtree.root())
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<&[TreeHash], TileError<T::Error>> {
        let found = self
            .read
            .iter()
            .position(|(l, i, _)| *l == level && *i == index);
        let at = match found {
            Some(at) => at,
            None => {
                let width = tile_width(self.size, level, index);
                let hashes = read_tile(self.tiles, level, index, width)?;
                self.read.push((level, index, hashes));
                self.read.len().saturating_sub(1)
            }
        };
        let (_, _, hashes) = self.read.get(at).ok_or(TileError::NotInTree)?;
        Ok(hashes)
    }
}

/// Reads the first `width` hashes of a tile.
pub(crate) fn read_tile<T: ReadTiles>(
    tiles: &T,
    level: u8,
    index: u64,
    width: u16,
) -> Result<Vec<TreeHash>, TileError<T::Error>> {
    if width == 0 {
        return Err(TileError::NotInTree);
    }
    let bytes = tiles.hashes(level, index, width).map_err(TileError::Read)?;
    // CHK-133: a tile has whole hashes, as many as asked for or as a wider tile has.
    let (hashes, rest) = bytes.as_chunks::<32>();
    let hashes = hashes.get(..usize::from(width));
    match hashes {
        Some(hashes) if rest.is_empty() && bytes.len() <= MAX_TILE_LEN => {
            Ok(hashes.iter().copied().map(TreeHash::from_bytes).collect())
        }
        _ => Err(TileError::Malformed {
            level,
            index,
            width,
        }),
    }
}
