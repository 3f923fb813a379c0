//! Tests of tiles, and tiles in memory for other tests.

use std::collections::BTreeMap;

use super::*;
use crate::appender::Appender;
use crate::merkle::tests::leaves;

/// Keeps the widest form of each tile.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory(BTreeMap<(u8, u64), Vec<u8>>);

impl Memory {
    /// The tiles of a tree of `size` entries.
    pub(crate) fn of_tree(size: u64) -> Self {
        let mut appender = Appender::new();
        for leaf in leaves(size) {
            appender.append(leaf);
        }
        let mut tiles = Self::default();
        tiles.write(appender.take_changed());
        tiles
    }

    pub(crate) fn write(&mut self, tiles: Vec<Tile>) {
        for tile in tiles {
            let known = self.0.insert((tile.level, tile.index), tile.bytes.clone());
            // What was written before does not change.
            assert!(known.is_none_or(|known| tile.bytes.starts_with(&known)));
        }
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self == other
    }

    pub(crate) fn remove(&mut self, level: u8, index: u64) {
        self.0.remove(&(level, index)).unwrap();
    }

    /// Appends to or cuts a tile.
    fn resize(&mut self, level: u8, index: u64, len: usize) {
        self.0.get_mut(&(level, index)).unwrap().resize(len, 0);
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing;

impl ReadTiles for Memory {
    type Error = Missing;

    fn hashes(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, Missing> {
        assert!((1..=TILE_WIDTH).contains(&width));
        self.0.get(&(level, index)).cloned().ok_or(Missing)
    }
}

#[test]
fn paths_are_those_of_the_specification() {
    assert_eq!(hash_tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(hash_tile_path(0, 273, 112), "tile/0/273.p/112");
    assert_eq!(hash_tile_path(2, 0, 1), "tile/2/000.p/1");
    assert_eq!(hash_tile_path(63, 1_000, 256), "tile/63/x001/000");
    assert_eq!(bundle_path(999, 256), "tile/entries/999");
    assert_eq!(bundle_path(1_000, 255), "tile/entries/x001/000.p/255");
}

#[test]
fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
    let mut appender = Appender::new();
    for leaf in leaves(70_000) {
        appender.append(leaf);
    }
    let tiles = appender.take_changed();
    let widths = |level| {
        let tiles = tiles.iter().filter(move |tile| tile.level == level);
        tiles.map(Tile::width).collect::<Vec<_>>()
    };
    assert_eq!(widths(0).len(), 274);
    assert!(widths(0)[..273].iter().all(|width| *width == 256));
    assert_eq!(widths(0)[273], 112);
    assert_eq!(widths(1), [256, 17]);
    assert_eq!(widths(2), [1]);
    assert!(widths(3).is_empty());
    for tile in &tiles {
        assert_eq!(tile.width(), tile_width(70_000, tile.level, tile.index));
    }
    assert_eq!(tile_width(70_000, 0, 274), 0);
    assert_eq!(tile_width(70_000, 9, 0), 0);
    assert_eq!(tile_width(256, 1, 0), 1);
}

#[test]
fn only_tiles_that_changed_are_taken() {
    let mut appender = Appender::new();
    let paths = |appender: &mut Appender| {
        let tiles = appender.take_changed();
        tiles.iter().map(Tile::path).collect::<Vec<_>>()
    };
    let leaves = leaves(258);
    appender.append(leaves[0]);
    assert_eq!(paths(&mut appender), ["tile/0/000.p/1"]);
    assert!(paths(&mut appender).is_empty());
    for leaf in &leaves[1..256] {
        appender.append(*leaf);
    }
    assert_eq!(paths(&mut appender), ["tile/0/000", "tile/1/000.p/1"]);
    appender.append(leaves[256]);
    assert_eq!(paths(&mut appender), ["tile/0/001.p/1"]);
}

#[test]
fn a_bundle_gives_back_its_entries() {
    let entries = [vec![1; 3], vec![], vec![2; 256]];
    let bundle = encode_bundle(&entries);
    assert_eq!(&bundle[..5], [0, 3, 1, 1, 1]);
    assert_eq!(decode_bundle(&bundle, 3).unwrap(), entries);
    let full = encode_bundle(&vec![vec![0; MAX_ENTRY_LEN]; 256]);
    assert_eq!(full.len(), MAX_BUNDLE_LEN);
    assert_eq!(decode_bundle(&full, 256).unwrap().len(), 256);
}

#[test]
fn chk133_bundle_or_tile_of_another_width_is_refused() {
    let bundle = encode_bundle(&[[1; 3], [2; 3]]);
    assert_eq!(decode_bundle(&bundle, 1), Err(BundleError));
    assert_eq!(decode_bundle(&bundle, 3), Err(BundleError));
    assert_eq!(decode_bundle(&bundle[..9], 2), Err(BundleError));
    let long = encode_bundle(&[[0; MAX_ENTRY_LEN + 1]]);
    assert_eq!(decode_bundle(&long, 1), Err(BundleError));
    let many = encode_bundle(&[[0; 0]; 257]);
    assert_eq!(decode_bundle(&many, 257), Err(BundleError));

    let error = |level, index, width| TileError::<Missing>::Malformed {
        level,
        index,
        width,
    };
    let read = |len| {
        let mut tiles = Memory::of_tree(5);
        tiles.resize(0, 0, len);
        Subtrees::new(&tiles, 5).frontier().map(|_| ())
    };
    assert_eq!(read(5 * 32), Ok(()));
    assert_eq!(read(6 * 32), Ok(())); // a tile that has become wider
    assert_eq!(read(256 * 32), Ok(()));
    for len in [0, 4 * 32, 5 * 32 - 1, 5 * 32 + 1, 257 * 32] {
        assert_eq!(read(len), Err(error(0, 0, 5)), "{len}");
    }
}
