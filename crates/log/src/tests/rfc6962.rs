//! A plain reading of RFC 6962, for tests to compare with.

use crate::merkle::TreeHash;

/// MTH, word by word, over leaf hashes.
pub(crate) fn root_of(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::of_nothing(),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = split(leaves);
            TreeHash::of_children(&root_of(left), &root_of(right))
        }
    }
}

/// PATH, word by word: the inclusion proof of the leaf at an index.
pub(crate) fn path(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = split(leaves);
    let (mut proof, other) = if index < left.len() {
        (path(index, left), right)
    } else {
        (path(index - left.len(), right), left)
    };
    proof.push(root_of(other));
    proof
}

/// SUBPROOF, word by word. With `is_complete`, it is the consistency proof from an old size.
pub(crate) fn subproof(old: usize, leaves: &[TreeHash], is_complete: bool) -> Vec<TreeHash> {
    if old == leaves.len() {
        return if is_complete {
            Vec::new()
        } else {
            vec![root_of(leaves)]
        };
    }
    let (left, right) = split(leaves);
    let (mut proof, other) = if old <= left.len() {
        (subproof(old, left, is_complete), right)
    } else {
        (subproof(old - left.len(), right, false), left)
    };
    proof.push(root_of(other));
    proof
}

/// Splits two or more leaves at the largest power of two that is less than their number.
fn split(leaves: &[TreeHash]) -> (&[TreeHash], &[TreeHash]) {
    leaves.split_at(leaves.len().div_ceil(2).next_power_of_two())
}
