//! Appends entries to a tree and says which tiles to write.

use crate::limits::{MAX_TILE_LEN, MAX_TREE_SIZE};
use crate::merkle::{Frontier, TreeHash};
use crate::tiles::{ReadTiles, Subtrees, Tile, TileError, hashes_at, read_tile};

/// The right edge of a tree: what is needed to append.
///
/// Append entries, store them with the tiles of [`take_changed`](Self::take_changed) in one
/// transaction, and only then sign a checkpoint over [`size`](Self::size) and [`root`](Self::root).
/// If storing fails, drop the appender, and resume another from what is stored.
///
/// # Size
/// At most 8 KiB for each level of tiles; three levels hold 16 million entries.
#[derive(Clone, Debug, Default)]
pub struct Appender {
    frontier: Frontier,
    /// The last, unfilled tile of each level.
    edge: Vec<Edge>,
    /// Tiles that were filled since they were last taken.
    full: Vec<Tile>,
}

/// The last, unfilled tile of a level: 0 to 255 hashes.
#[derive(Clone, Debug, Default)]
struct Edge {
    hashes: Vec<u8>,
    changed: bool,
}

impl Appender {
    /// Begins a log without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues a log of `size` entries. Reads the last tile of each level.
    ///
    /// Compare [`root`](Self::root) with the root of the last checkpoint before appending.
    ///
    /// # Errors
    /// [`TileError`] if a tile is missing or does not have the right number of hashes.
    pub fn resume<T: ReadTiles>(size: u64, tiles: &T) -> Result<Self, TileError<T::Error>> {
        if size > MAX_TREE_SIZE {
            return Err(TileError::NotInTree);
        }
        let mut edge = Vec::new();
        for level in 0..=u8::MAX {
            let count = hashes_at(size, level);
            if count == 0 {
                break;
            }
            let [width, ..] = count.to_le_bytes();
            let hashes = match width {
                0 => Vec::new(),
                width => read_tile(tiles, level, count.wrapping_shr(8), width.into())?,
            };
            edge.push(Edge {
                hashes: hashes.iter().flat_map(|hash| *hash.as_bytes()).collect(),
                changed: false,
            });
        }
        Ok(Self {
            frontier: Subtrees::new(tiles, size).frontier()?,
            edge,
            full: Vec::new(),
        })
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    pub fn root(&self) -> TreeHash {
        self.frontier.root()
    }

    /// Appends an entry by its leaf hash; returns its index, starting at 0.
    pub fn append(&mut self, leaf: TreeHash) -> u64 {
        let Self {
            frontier,
            edge,
            full,
        } = self;
        let index = frontier.size();
        frontier.push_with(leaf, |height, node| {
            // Level n holds the nodes of height 8 * n.
            if height.checked_rem(8) != Some(0) {
                return;
            }
            let level = height.checked_div(8).unwrap_or_default();
            let at = usize::try_from(level).unwrap_or(usize::MAX);
            if edge.len() == at {
                edge.push(Edge::default());
            }
            // A level begins when the level below fills its first tile, so none is skipped.
            let (Some(tile), Ok(level)) = (edge.get_mut(at), u8::try_from(level)) else {
                return;
            };
            tile.hashes.extend_from_slice(node.as_bytes());
            tile.changed = true;
            if tile.hashes.len() == MAX_TILE_LEN {
                full.push(Tile {
                    level,
                    index: hashes_at(index, level).wrapping_shr(8),
                    bytes: core::mem::take(&mut tile.hashes),
                });
                tile.changed = false;
            }
        });
        index
    }

    /// Takes the tiles that changed since they were last taken, with the partial ones of the
    /// present size. Call it for each checkpoint.
    pub fn take_changed(&mut self) -> Vec<Tile> {
        let mut tiles = core::mem::take(&mut self.full);
        let size = self.frontier.size();
        for (level, edge) in (0..=u8::MAX).zip(&mut self.edge) {
            if core::mem::take(&mut edge.changed) {
                tiles.push(Tile {
                    level,
                    index: hashes_at(size, level).wrapping_shr(8),
                    bytes: edge.hashes.clone(),
                });
            }
        }
        tiles
    }
}
