//! Makes `tree.json`: the tree, its tiles and its proofs.

use super::*;
use crate::proof;
use crate::tiles::{bundle_path, encode_bundle, hash_tile_path, decode_bundle as decode};
use crate::merkle::Frontier;
use crate::tests::rfc6962::{path, root_of, subproof};

pub(super) fn tree(input: Input<'_>) -> Outcome {
    let entries: Vec<_> = input.list("entries").into_iter().map(Input::bytes).collect();
    let mut frontier = Frontier::new();
    let leaves: Vec<_> = entries.iter().map(|entry| TreeHash::of_leaf(entry)).collect();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    assert_eq!(frontier.root(), root_of(&leaves));
    Ok(json!({ "root": hash_hex(&frontier.root()), "frontier": hex(frontier.encode()) }))
}

pub(super) fn decode_frontier(input: Input<'_>) -> Outcome {
    let bytes = input.get("frontier").bytes();
    let frontier = Frontier::decode(&bytes).map_err(refused)?;
    assert_eq!(frontier.encode(), bytes);
    Ok(json!({ "size": frontier.size(), "root": hash_hex(&frontier.root()) }))
}

pub(super) fn tile_path(input: Input<'_>) -> Outcome {
    let (index, width) = (input.get("index").number(), input.get("width").number());
    let path = hash_tile_path(input.get("level").number(), index, width);
    Ok(json!({ "path": path, "bundle_path": bundle_path(index, width) }))
}

pub(super) fn decode_bundle(input: Input<'_>) -> Outcome {
    let bytes = input.get("bundle").bytes();
    let entries = decode(&bytes, input.get("width").number()).map_err(refused)?;
    assert_eq!(encode_bundle(&entries), bytes);
    Ok(json!({ "entries": entries.iter().map(hex).collect::<Vec<_>>() }))
}

pub(super) fn verify_inclusion(input: Input<'_>) -> Outcome {
    let (index, size) = (input.get("index").number(), input.get("size").number());
    let (leaf, root) = (hash_of(input.get("leaf_hash")), hash_of(input.get("root")));
    let path = hashes_of(input.list("proof"));
    proof::verify_inclusion(&leaf, index, size, &root, &path).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn verify_consistency(input: Input<'_>) -> Outcome {
    let (old, new) = (input.get("old_size").number(), input.get("new_size").number());
    let (old_root, new_root) = (hash_of(input.get("old_root")), hash_of(input.get("new_root")));
    let path = hashes_of(input.list("proof"));
    proof::verify_consistency(old, &old_root, new, &new_root, &path).map_err(refused)?;
    Ok(json!({}))
}

fn leaves(count: u8) -> Vec<TreeHash> {
    (0..count).map(|n| TreeHash::of_leaf(&[n])).collect()
}

fn texts(hashes: &[TreeHash]) -> Vec<String> {
    hashes.iter().map(hash_hex).collect()
}

#[test]
fn trees() {
    let mut file = Vectors::new(
        CRATE,
        "tree.json",
        "The tree, its tiles and its proofs. SPEC.md, “Tree”, “Tiles”.",
        "entries of one byte, 00, 01, 02 and so on",
    );
    for size in [0u8, 1, 2, 3, 7, 8, 11] {
        let entries: Vec<_> = (0..size).map(|n| hex([n])).collect();
        let good = file.passes(&format!("tree-{size}"), "root and frontier", "tree", json!({ "entries": entries }));
        let stored = json!({ "frontier": good["frontier"] });
        file.passes(&format!("frontier-{size}"), "a stored frontier", "decode_frontier", stored);
    }
    frontiers(&mut file);
    paths(&mut file);
    bundles(&mut file);
    inclusion(&mut file);
    growth(&mut file);
    file.finish();
}

fn frontiers(file: &mut Vectors) {
    let mut frontier = Frontier::new();
    leaves(3).into_iter().for_each(|leaf| frontier.push(leaf));
    let good = json!({ "frontier": hex(frontier.encode()) });
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "decode_frontier", bad, 132);
    fails("frontier-empty", "no bytes", json!({ "frontier": "" }));
    fails("frontier-version", "version 02", flipped(&good, "frontier", 0, 3));
    fails("frontier-short", "the last byte is missing", changed(&good, "frontier", |bytes| { bytes.pop(); }));
    fails("frontier-long", "one byte more", changed(&good, "frontier", |bytes| bytes.push(0)));
    fails("frontier-hashes", "size 1 with two hashes", flipped(&good, "frontier", 8, 2));
    fails("frontier-missing", "size 7 with two hashes", flipped(&good, "frontier", 8, 4));
    let past = changed(&good, "frontier", |bytes| { bytes[1] = 0x80; bytes.extend([0; 32]); });
    fails("frontier-size", "a size above 2^63 - 1", past);
}

fn paths(file: &mut Vectors) {
    for (level, index, width) in [
        (0u8, 0u64, 256u16), (0, 0, 1), (0, 5, 255), (0, 999, 256), (0, 1_000, 256), (1, 1_234_067, 256),
        (2, 1_234_067, 9), (3, 1_000_000, 256), (7, 999_999_999, 12),
    ] {
        let input = json!({ "level": level, "index": index, "width": width });
        file.passes(&format!("path-{level}-{index}-{width}"), "paths of a tile and a bundle", "tile_path", input);
    }
}

fn bundles(file: &mut Vectors) {
    let bytes = encode_bundle(&[&b"one"[..], b"", b"three"]);
    let good = json!({ "bundle": hex(bytes), "width": 3 });
    file.passes("bundle", "three entries, one of them empty", "decode_bundle", good.clone());
    let longest = json!({ "bundle": hex(encode_bundle(&[[7; 256]])), "width": 1 });
    file.passes("bundle-256", "an entry of 256 bytes", "decode_bundle", longest);
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "decode_bundle", bad, 133);
    fails("bundle-width-2", "an entry more than the width", with(&good, "width", 2));
    fails("bundle-width-4", "an entry less than the width", with(&good, "width", 4));
    fails("bundle-short", "the last byte is missing", changed(&good, "bundle", |bytes| { bytes.pop(); }));
    fails("bundle-long", "one byte more", changed(&good, "bundle", |bytes| bytes.push(0)));
    fails("bundle-257", "an entry of 257 bytes", json!({ "bundle": hex(encode_bundle(&[[7; 257]])), "width": 1 }));
    let many = vec![b""; 257];
    fails("bundle-width-257", "257 entries", json!({ "bundle": hex(encode_bundle(&many)), "width": 257 }));
}

fn inclusion(file: &mut Vectors) {
    let input = |index: usize, size: u8| {
        let leaves = leaves(size);
        json!({
            "leaf_hash": hash_hex(&leaves[index]), "index": index, "size": size, "root": hash_hex(&root_of(&leaves)),
            "proof": texts(&path(index, &leaves)),
        })
    };
    for (index, size) in [(0, 1), (0, 2), (1, 2), (2, 3), (0, 7), (6, 7), (5, 8), (9, 11), (10, 11)] {
        let id = format!("inclusion-{index}-{size}");
        file.passes(&id, "an entry in a tree", "verify_inclusion", input(index, size));
    }
    let good = input(9, 11);
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "verify_inclusion", bad, 134);
    fails("inclusion-leaf", "another leaf", flipped(&good, "leaf_hash", 0, 1));
    fails("inclusion-root", "another root", flipped(&good, "root", 31, 1));
    fails("inclusion-index", "another index", with(&good, "index", 8));
    fails("inclusion-index-size", "an index that is the size", with(&good, "index", 11));
    fails("inclusion-size", "another size, of another form", with(&good, "size", 10));
    fails("inclusion-size-0", "an empty tree", with(&with(&good, "size", 0), "index", 0));
    let proof: Vec<_> = good["proof"].as_array().unwrap().clone();
    fails("inclusion-short", "the last hash is missing", with(&good, "proof", proof[..proof.len() - 1].to_vec()));
    fails("inclusion-empty", "no hashes", with(&good, "proof", Vec::<Value>::new()));
    let longer = [&proof[..], &proof[..1]].concat();
    fails("inclusion-long", "a hash more", with(&good, "proof", longer));
    let swapped: Vec<_> = proof.iter().rev().cloned().collect();
    fails("inclusion-reversed", "the hashes in reverse", with(&good, "proof", swapped));
    // A leaf hash in place of an inner node: the index would be that of no entry.
    let inner = TreeHash::of_children(&leaves(2)[0], &leaves(2)[1]);
    let inner = with(&with(&input(0, 2), "leaf_hash", hash_hex(&inner)), "proof", Vec::<Value>::new());
    fails("inclusion-inner", "an inner node as a leaf", inner);
    let one = json!({
        "leaf_hash": hash_hex(&leaves(1)[0]), "index": 0, "size": 1, "root": hash_hex(&leaves(1)[0]),
        "proof": vec![hash_hex(&leaves(1)[0]); 65],
    });
    fails("inclusion-65", "more hashes than any proof has", one);
}

fn growth(file: &mut Vectors) {
    let input = |old: usize, new: u8| {
        let leaves = leaves(new);
        let proof = if old == 0 { Vec::new() } else { subproof(old, &leaves, true) };
        json!({
            "old_size": old, "old_root": hash_hex(&root_of(&leaves[..old])), "new_size": new,
            "new_root": hash_hex(&root_of(&leaves)), "proof": texts(&proof),
        })
    };
    for (old, new) in [(0, 0), (0, 5), (1, 1), (1, 2), (2, 3), (4, 8), (3, 7), (6, 7), (6, 11), (8, 11), (11, 11)] {
        let id = format!("consistency-{old}-{new}");
        file.passes(&id, "a tree that grew", "verify_consistency", input(old, new));
    }
    let good = input(6, 11);
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "verify_consistency", bad, 135);
    fails("consistency-old-root", "another old root", flipped(&good, "old_root", 0, 1));
    fails("consistency-new-root", "another new root", flipped(&good, "new_root", 0, 1));
    fails("consistency-old-size", "another old size", with(&good, "old_size", 5));
    fails("consistency-new-size", "a new size of another form", with(&good, "new_size", 17));
    fails("consistency-back", "a tree that shrank", with(&with(&good, "new_size", 5), "old_size", 6));
    let proof: Vec<_> = good["proof"].as_array().unwrap().clone();
    fails("consistency-short", "the last hash is missing", with(&good, "proof", proof[..proof.len() - 1].to_vec()));
    fails("consistency-long", "a hash more", with(&good, "proof", [&proof[..], &proof[..1]].concat()));
    fails("consistency-empty", "no hashes", with(&good, "proof", Vec::<Value>::new()));
    fails("consistency-same-root", "one size, two roots", flipped(&input(11, 11), "old_root", 0, 1));
    fails("consistency-same-proof", "one size, and a hash", with(&input(11, 11), "proof", proof[..1].to_vec()));
    fails("consistency-0-root", "a root of nothing that is not SHA-256()", flipped(&input(0, 5), "old_root", 0, 1));
    fails("consistency-0-proof", "a hash after nothing", with(&input(0, 5), "proof", proof[..1].to_vec()));
    let power = with(&input(8, 11), "proof", input(6, 11)["proof"].clone());
    fails("consistency-8", "the proof from 6 for 8", power);
}
