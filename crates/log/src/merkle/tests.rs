//! Tests of the tree against published roots, and against a plain reading of RFC 6962.

use super::*;
use crate::appender::Appender;
use crate::tests::rfc6962::root_of;
use crate::tiles::tests::Memory;

/// Entries of the published test trees of Certificate Transparency.
const ENTRIES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Roots of the trees of the first 1 to 8 of these entries.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

pub(crate) fn hash(hex: &str) -> TreeHash {
    TreeHash(bytes(hex).try_into().unwrap())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Leaf hashes of the published entries.
pub(crate) fn published() -> Vec<TreeHash> {
    let leaf = |entry: &&str| TreeHash::of_leaf(&bytes(entry));
    ENTRIES.iter().map(leaf).collect()
}

/// Leaf hashes of `count` different entries.
pub(crate) fn leaves(count: u64) -> Vec<TreeHash> {
    let leaf = |n: u64| TreeHash::of_leaf(&n.to_be_bytes());
    (0..count).map(leaf).collect()
}

#[test]
fn roots_are_those_of_the_published_trees() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), hash(empty));
    for (leaf, root) in published().into_iter().zip(ROOTS) {
        frontier.push(leaf);
        assert_eq!(frontier.root(), hash(root));
        let size = usize::try_from(frontier.size()).unwrap();
        assert_eq!(root_of(&published()[..size]), hash(root));
    }
}

#[test]
fn frontier_round_trips_at_every_size() {
    let leaves = leaves(300);
    let mut frontier = Frontier::new();
    for size in 0..=leaves.len() {
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root(), root_of(&leaves[..size]), "{size}");
        let bytes = frontier.encode();
        assert_eq!(bytes.len(), 9 + 32 * size.count_ones() as usize);
        frontier = Frontier::decode(&bytes).unwrap();
        if let Some(leaf) = leaves.get(size) {
            frontier.push(*leaf);
        }
    }
}

#[test]
fn chk132_frontier_with_a_wrong_number_of_hashes_is_refused() {
    let mut frontier = Frontier::new();
    leaves(5).into_iter().for_each(|leaf| frontier.push(leaf));
    let bytes = frontier.encode();
    for end in 0..bytes.len() {
        let cut = Frontier::decode(&bytes[..end]);
        assert_eq!(cut, Err(FrontierError::Malformed));
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Frontier::decode(&longer), Err(FrontierError::Malformed));
    let mut other = bytes.clone();
    other[8] = 7; // three hashes, where two follow
    assert_eq!(Frontier::decode(&other), Err(FrontierError::Malformed));
    let mut other = bytes.clone();
    other[0] = 2;
    let error = FrontierError::UnknownVersion { version: 2 };
    assert_eq!(Frontier::decode(&other), Err(error));
    let mut above = vec![1, 0x80];
    above.extend_from_slice(&[0; 7 + 32]);
    assert_eq!(Frontier::decode(&above), Err(FrontierError::Malformed));
}

/// Appends leaves one by one and in one go, and resumes at every size given.
fn resume_at(count: u64, sizes: impl Iterator<Item = u64>) {
    let leaves = leaves(count);
    let mut at_once = Appender::new();
    let mut all = Memory::default();
    for leaf in &leaves {
        at_once.append(*leaf);
    }
    all.write(at_once.take_changed());
    assert_eq!(at_once.root(), root_of(&leaves));
    for size in sizes {
        let (first, rest) = leaves.split_at(usize::try_from(size).unwrap());
        let (mut appender, mut tiles) = (Appender::new(), Memory::default());
        for leaf in first {
            appender.append(*leaf);
        }
        tiles.write(appender.take_changed());
        let mut resumed = Appender::resume(size, &tiles).unwrap();
        assert_eq!((resumed.size(), resumed.root()), (size, root_of(first)));
        assert!(resumed.take_changed().is_empty());
        for leaf in rest {
            resumed.append(*leaf);
        }
        tiles.write(resumed.take_changed());
        assert_eq!(resumed.root(), at_once.root(), "{size}");
        assert!(tiles.same_as(&all), "{size}");
    }
}

#[test]
fn appender_resumed_at_any_size_gives_the_same_tree() {
    resume_at(
        600,
        (0..=600).step_by(13).chain([255, 256, 257, 511, 512, 513]),
    );
}

#[test]
fn appender_resumes_where_a_tile_of_the_second_level_is_full() {
    resume_at(65_800, [65_279, 65_535, 65_536, 65_537].into_iter());
}

#[test]
fn appender_does_not_resume_without_a_tile() {
    let mut tiles = Memory::default();
    assert!(Appender::resume(1, &tiles).is_err());
    assert!(Appender::resume(u64::MAX, &tiles).is_err());
    let mut appender = Appender::new();
    leaves(300).into_iter().for_each(|leaf| {
        appender.append(leaf);
    });
    tiles.write(appender.take_changed());
    assert!(Appender::resume(300, &tiles).is_ok());
    assert!(Appender::resume(301, &tiles).is_err());
    tiles.remove(1, 0);
    assert!(Appender::resume(300, &tiles).is_err());
}

/// Prints how long 100,000 entries take, with a root after each hundred. Run it by hand:
/// `cargo test --release -p waxseal-log -- --ignored --nocapture hundred_thousand`.
#[test]
#[ignore = "measures; run it by hand"]
fn hundred_thousand_entries_are_appended() {
    let entries: Vec<_> = (0..100_000u64)
        .map(|n| n.to_be_bytes().repeat(10))
        .collect();
    let start = std::time::Instant::now();
    let mut appender = Appender::new();
    let mut tiles = 0;
    for batch in entries.chunks(100) {
        for entry in batch {
            appender.append(TreeHash::of_leaf(entry));
        }
        appender.root();
        tiles += appender.take_changed().len();
    }
    println!("{:?}, {tiles} tiles", start.elapsed());
    assert_eq!(appender.size(), 100_000);
}
