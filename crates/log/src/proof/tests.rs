//! Tests of proofs: against published ones, and against a plain reading of RFC 6962.

use proptest::prelude::*;

use super::*;
use crate::merkle::tests::{hash, leaves, published};
use crate::tests::rfc6962::{path, root_of, subproof};
use crate::tiles::tests::{Memory, Missing};

#[test]
fn proofs_of_the_published_tree_verify() {
    let leaves = published();
    let root = root_of(&leaves);
    let inclusion = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    let inclusion = inclusion.map(hash);
    assert_eq!(path(5, &leaves), inclusion);
    assert_eq!(
        verify_inclusion(&leaves[5], 5, 8, &root, &inclusion),
        Ok(())
    );
    let consistency = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    let consistency = consistency.map(hash);
    let old_root = root_of(&leaves[..6]);
    assert_eq!(subproof(6, &leaves, true), consistency);
    assert_eq!(
        verify_consistency(6, &old_root, 8, &root, &consistency),
        Ok(())
    );
}

#[test]
fn proofs_are_those_of_the_rfc_at_every_size() {
    let leaves = leaves(70);
    for size in 1..=leaves.len() {
        let leaves = &leaves[..size];
        let tiles = Memory::of_tree(size as u64);
        let root = root_of(leaves);
        for index in 0..size {
            let proof = prove_inclusion(index as u64, size as u64, &tiles).unwrap();
            assert_eq!(proof, path(index, leaves), "{index} {size}");
            let (leaf, index) = (&leaves[index], index as u64);
            let verified = verify_inclusion(leaf, index, size as u64, &root, &proof);
            assert_eq!(verified, Ok(()), "{index} {size}");
        }
        for old in 1..=size {
            let proof = prove_consistency(old as u64, size as u64, &tiles).unwrap();
            assert_eq!(proof, subproof(old, leaves, true), "{old} {size}");
            let (old_root, old) = (root_of(&leaves[..old]), old as u64);
            let verified = verify_consistency(old, &old_root, size as u64, &root, &proof);
            assert_eq!(verified, Ok(()), "{old} {size}");
        }
    }
}

#[test]
fn no_proof_is_made_of_what_is_not_in_the_tree() {
    let tiles = Memory::of_tree(300);
    let no = Err(TileError::<Missing>::NotInTree);
    assert_eq!(prove_inclusion(300, 300, &tiles), no);
    assert_eq!(prove_inclusion(0, 0, &tiles), no);
    assert_eq!(prove_inclusion(0, u64::MAX, &tiles), no);
    assert_eq!(prove_consistency(301, 300, &tiles), no);
    assert_eq!(prove_consistency(0, u64::MAX, &tiles), no);
    let short = TileError::Malformed {
        level: 0,
        index: 1,
        width: 45,
    };
    assert_eq!(prove_inclusion(0, 301, &tiles), Err(short));
    let missing = Err(TileError::Read(Missing));
    assert_eq!(prove_inclusion(0, 600, &tiles), missing);
}

#[test]
fn chk134_inclusion_proof_of_another_entry_place_or_tree_is_refused() {
    let (leaves, tiles) = (leaves(300), Memory::of_tree(300));
    let root = root_of(&leaves);
    let proof = prove_inclusion(7, 300, &tiles).unwrap();
    let verify = |leaf: usize, index, size, root: &TreeHash, proof: &[TreeHash]| {
        verify_inclusion(&leaves[leaf], index, size, root, proof)
    };
    assert_eq!(verify(7, 7, 300, &root, &proof), Ok(()));
    assert_eq!(verify(8, 7, 300, &root, &proof), Err(ProofError));
    assert_eq!(verify(7, 8, 300, &root, &proof), Err(ProofError));
    assert_eq!(verify(7, 300, 300, &root, &proof), Err(ProofError));
    assert_eq!(verify(7, 7, 600, &root, &proof), Err(ProofError));
    assert_eq!(verify(7, 7, u64::MAX, &root, &proof), Err(ProofError));
    assert_eq!(verify(7, 7, 300, &leaves[7], &proof), Err(ProofError));
    assert_eq!(verify(7, 7, 300, &root, &proof[1..]), Err(ProofError));
    let long = vec![root; MAX_PROOF_HASHES + 1];
    assert_eq!(verify(7, 7, 300, &root, &long), Err(ProofError));
    assert_eq!(verify(0, 0, 1, &leaves[0], &[]), Ok(()));
    assert_eq!(verify(0, 0, 1, &leaves[0], &proof), Err(ProofError));
    assert_eq!(
        verify(0, 0, 0, &TreeHash::of_nothing(), &[]),
        Err(ProofError)
    );
}

#[test]
fn chk135_consistency_proof_from_another_tree_is_refused() {
    let (leaves, tiles) = (leaves(300), Memory::of_tree(300));
    let (old_root, root) = (root_of(&leaves[..77]), root_of(&leaves));
    let proof = prove_consistency(77, 300, &tiles).unwrap();
    let refused = Err(ProofError);
    assert_eq!(
        verify_consistency(77, &old_root, 300, &root, &proof),
        Ok(())
    );
    assert_eq!(
        verify_consistency(76, &old_root, 300, &root, &proof),
        refused
    );
    assert_eq!(
        verify_consistency(77, &old_root, 600, &root, &proof),
        refused
    );
    assert_eq!(verify_consistency(77, &root, 300, &root, &proof), refused);
    assert_eq!(
        verify_consistency(77, &old_root, 300, &old_root, &proof),
        refused
    );
    assert_eq!(
        verify_consistency(77, &old_root, 300, &root, &proof[1..]),
        refused
    );
    assert_eq!(verify_consistency(77, &old_root, 300, &root, &[]), refused);
    assert_eq!(
        verify_consistency(300, &root, 77, &old_root, &proof),
        refused
    );
    let long = vec![root; MAX_PROOF_HASHES + 1];
    assert_eq!(
        verify_consistency(77, &old_root, 300, &root, &long),
        refused
    );
    // Equal sizes have equal roots, and no proof.
    assert_eq!(verify_consistency(300, &root, 300, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(300, &old_root, 300, &root, &[]), refused);
    assert_eq!(verify_consistency(300, &root, 300, &root, &proof), refused);
    // Every tree begins with the tree without entries, which has one root.
    let empty = TreeHash::of_nothing();
    assert_eq!(verify_consistency(0, &empty, 300, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &root, 300, &root, &[]), refused);
    assert_eq!(verify_consistency(0, &empty, 300, &root, &proof), refused);
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &root, 0, &root, &[]), refused);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_inclusion_proof_verifies_and_any_altered_one_does_not(
        (size, index) in (1u64..3_000).prop_flat_map(|size| (Just(size), 0..size)),
        byte in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (leaves, tiles) = (leaves(size), Memory::of_tree(size));
        let (leaf, root) = (leaves[usize::try_from(index).unwrap()], root_of(&leaves));
        let proof = prove_inclusion(index, size, &tiles).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));
        for other in altered(&proof, byte, bit) {
            let verified = verify_inclusion(&leaf, index, size, &root, &other);
            prop_assert_eq!(verified, Err(ProofError));
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_any_altered_one_does_not(
        (new, old) in (1u64..3_000).prop_flat_map(|new| (Just(new), 1..=new)),
        byte in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (leaves, tiles) = (leaves(new), Memory::of_tree(new));
        let old_root = root_of(&leaves[..usize::try_from(old).unwrap()]);
        let root = root_of(&leaves);
        let proof = prove_consistency(old, new, &tiles).unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, new, &root, &proof), Ok(()));
        for other in altered(&proof, byte, bit) {
            let verified = verify_consistency(old, &old_root, new, &root, &other);
            prop_assert_eq!(verified, Err(ProofError));
        }
    }
}

/// The proof with one bit changed, without its first or last hash, with one more, and with two
/// neighbours exchanged.
fn altered(proof: &[TreeHash], byte: prop::sample::Index, bit: u8) -> Vec<Vec<TreeHash>> {
    let mut longer = proof.to_vec();
    longer.push(TreeHash::of_nothing());
    let mut all = vec![longer];
    if !proof.is_empty() {
        let at = byte.index(proof.len() * 32);
        let mut hash = *proof[at / 32].as_bytes();
        hash[at % 32] ^= 1 << bit;
        let mut changed = proof.to_vec();
        changed[at / 32] = TreeHash::from_bytes(hash);
        all.extend([
            changed,
            proof[1..].to_vec(),
            proof[..proof.len() - 1].to_vec(),
        ]);
    }
    if proof.len() > 1 {
        let at = byte.index(proof.len() - 1);
        let mut exchanged = proof.to_vec();
        exchanged.swap(at, at + 1);
        all.push(exchanged);
    }
    all
}
