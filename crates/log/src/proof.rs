//! Proofs that an entry is in a tree, and that a tree continues an earlier one.
//!
//! RFC 6962, “Merkle Audit Paths” and “Merkle Consistency Proofs”. The verification is that of RFC
//! 9162.

use thiserror::Error;

use crate::limits::{MAX_PROOF_HASHES, MAX_TREE_SIZE};
use crate::merkle::TreeHash;
use crate::tiles::{ReadTiles, Subtrees, TileError};

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

/// Proves that the entry at an index is in the tree of a size.
///
/// # Errors
/// [`TileError`] if there is no such entry, or a tile cannot be read.
pub fn prove_inclusion<T: ReadTiles>(
    index: u64,
    size: u64,
    tiles: &T,
) -> Result<Vec<TreeHash>, TileError<T::Error>> {
    if index >= size || size > MAX_TREE_SIZE {
        return Err(TileError::NotInTree);
    }
    let mut subtrees = Subtrees::new(tiles, size);
    let (mut start, mut end, mut proof) = (0, size, Vec::new());
    // From the root to the leaf: at each node, the proof has the child that the leaf is not under.
    while let Some(middle) = split(start, end) {
        if index < middle {
            proof.push(subtrees.range(middle, end)?);
            end = middle;
        } else {
            proof.push(subtrees.range(start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Proves that the tree of size `new` begins with the tree of size `old`. Empty if `old` is 0 or
/// equal to `new`.
///
/// # Errors
/// [`TileError`] if `old` is larger than `new`, or a tile cannot be read.
pub fn prove_consistency<T: ReadTiles>(
    old: u64,
    new: u64,
    tiles: &T,
) -> Result<Vec<TreeHash>, TileError<T::Error>> {
    if old > new || new > MAX_TREE_SIZE {
        return Err(TileError::NotInTree);
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let mut subtrees = Subtrees::new(tiles, new);
    let (mut start, mut end) = (0, new);
    // From the root to the node where the old tree ends.
    while end != old {
        let Some(middle) = split(start, end) else {
            break;
        };
        if old <= middle {
            proof.push(subtrees.range(middle, end)?);
            end = middle;
        } else {
            proof.push(subtrees.range(start, middle)?);
            start = middle;
        }
    }
    // If this node is the old tree itself, the verifier knows its root.
    if start > 0 {
        proof.push(subtrees.range(start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Where the entries from `start` to before `end` split into two subtrees; `None` for a leaf.
fn split(start: u64, end: u64) -> Option<u64> {
    let last = end.checked_sub(start)?.checked_sub(1)?;
    start.checked_add(1u64.checked_shl(last.checked_ilog2()?)?)
}

/// Checks that an entry is in a tree.
///
/// # Errors
/// [`ProofError`] if the proof does not lead from the leaf to the root.
pub fn verify_inclusion(
    leaf: &TreeHash,
    index: u64,
    size: u64,
    root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), ProofError> {
    // CHK-134: the proof leads from the leaf to the root of the tree of this size.
    if index >= size || size > MAX_TREE_SIZE || proof.len() > MAX_PROOF_HASHES {
        return Err(ProofError);
    }
    let mut at = Positions::new(index, size).ok_or(ProofError)?;
    let mut node = *leaf;
    for hash in proof {
        node = match at.side().ok_or(ProofError)? {
            Sibling::Left => TreeHash::of_children(hash, &node),
            Sibling::Right => TreeHash::of_children(&node, hash),
        };
        at.up();
    }
    (at.is_root() && node == *root)
        .then_some(())
        .ok_or(ProofError)
}

/// Checks that a tree begins with an earlier one.
///
/// # Errors
/// [`ProofError`] if the proof does not lead from the old root to the new one.
pub fn verify_consistency(
    old: u64,
    old_root: &TreeHash,
    new: u64,
    new_root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), ProofError> {
    // CHK-135: the proof leads from the old root to the new root.
    if old > new || new > MAX_TREE_SIZE || proof.len() > MAX_PROOF_HASHES {
        return Err(ProofError);
    }
    let valid = if old == new {
        proof.is_empty() && old_root == new_root && (old > 0 || *old_root == TreeHash::of_nothing())
    } else if old == 0 {
        proof.is_empty() && *old_root == TreeHash::of_nothing()
    } else {
        let (old_computed, new_computed) = roots(old, old_root, new, proof).ok_or(ProofError)?;
        old_computed == *old_root && new_computed == *new_root
    };
    valid.then_some(()).ok_or(ProofError)
}

/// The old and the new root to which a proof leads. `None` if it has too few or too many hashes.
/// `old` is above 0 and below `new`.
fn roots(
    old: u64,
    old_root: &TreeHash,
    new: u64,
    proof: &[TreeHash],
) -> Option<(TreeHash, TreeHash)> {
    let mut at = Positions::new(old.checked_sub(1)?, new)?;
    at.up_while_right();
    // An old tree that is complete is a node of the new one, so its root begins the proof.
    let (seed, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first()?
    };
    let (mut old_node, mut new_node) = (*seed, *seed);
    for hash in rest {
        match at.side()? {
            Sibling::Left => {
                old_node = TreeHash::of_children(hash, &old_node);
                new_node = TreeHash::of_children(hash, &new_node);
            }
            Sibling::Right => new_node = TreeHash::of_children(&new_node, hash),
        }
        at.up();
    }
    at.is_root().then_some((old_node, new_node))
}

/// On which side of a node its sibling is.
enum Sibling {
    Left,
    Right,
}

/// The position of a node and of the last node of its level. (RFC 9162: `fn` and `sn`)
struct Positions {
    node: u64,
    last: u64,
}

impl Positions {
    fn new(node: u64, size: u64) -> Option<Self> {
        let last = size.checked_sub(1)?;
        Some(Self { node, last })
    }

    /// Where the sibling is; `None` at the root. A node without a sibling goes up until it has one,
    /// which is then on its left.
    fn side(&mut self) -> Option<Sibling> {
        if self.is_root() {
            return None;
        }
        if self.node == self.last {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        Some(if self.node & 1 == 1 {
            Sibling::Left
        } else {
            Sibling::Right
        })
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn up_while_right(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    fn is_root(&self) -> bool {
        self.last == 0
    }
}

/// The proof does not lead to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the proof does not lead to the root")]
pub struct ProofError;
