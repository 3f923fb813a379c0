//! Makes `file.json`: files that are sealed in chunks, and what must not open.

use std::io::Cursor;

use sha2::{Digest, Sha256};

use super::*;
use crate::file::{self, ChunkKey, ChunkPath, FileDescriptor, FileKey, FileOpener, FileRoot, FileShape, FileTree};

const KEY: [u8; 32] = [0x4b; 32];
const CHUNK: usize = 65_536;

fn key_of(input: Input<'_>) -> FileKey {
    FileKey::from_bytes(input.get("file_key").array())
}

fn descriptor_of(input: Input<'_>) -> Result<FileDescriptor, String> {
    let shape = FileShape::new(input.get("size").number()).map_err(refused)?;
    let root = FileRoot::from_bytes(input.get("root").array());
    FileDescriptor::new(shape, root, "", "", "").map_err(refused)
}

pub(super) fn file_shape(input: Input<'_>) -> Outcome {
    let shape = FileShape::new(input.get("size").number()).map_err(refused)?;
    let path = shape.path_offsets(input.get("index").number());
    Ok(json!({
        "sealed_len": shape.sealed_len(), "chunks": shape.chunk_count(),
        "tags_offset": shape.tags_offset(), "blob_len": shape.blob_len(), "path_offsets": path,
    }))
}

pub(super) fn seal_file(input: Input<'_>) -> Outcome {
    let content = input.get("content").bytes();
    let mut blob = Vec::new();
    let size = content.len() as u64;
    let root = file::seal(&mut &content[..], size, &key_of(input), &mut blob).map_err(refused)?;
    let shape = FileShape::new(size).unwrap();
    let tags = &blob[shape.tags_offset() as usize..][..shape.tags_len()];
    let mut sealed = json!({
        "root": hex(root.as_bytes()), "tags": hex(tags), "blob_digest": hex(Sha256::digest(&blob)),
        "chunk_key": hex(key_of(input).chunk_key(0).as_bytes()),
    });
    if blob.len() < 4_096 {
        sealed["blob"] = hex(&blob).into();
    }
    Ok(sealed)
}

pub(super) fn file_tree(input: Input<'_>) -> Outcome {
    let shape = FileShape::new(input.get("size").number()).map_err(refused)?;
    let tags: Vec<[u8; 32]> = input.list("tags").iter().map(|tag| tag.array()).collect();
    let tree = FileTree::over(shape, tags).ok_or_else(|| refused(file::ChunkError::OtherLength))?;
    Ok(json!({ "root": hex(tree.root().as_bytes()), "tree": hex(tree.as_bytes()) }))
}

pub(super) fn open_file(input: Input<'_>) -> Outcome {
    let (file, blob) = (descriptor_of(input)?, input.get("blob").bytes());
    let mut saved = Vec::new();
    let opened = file::open(&file, &key_of(input), &mut Cursor::new(blob), &mut saved);
    opened.map_err(|error| match error {
        file::OpenFileError::OtherLength => "OtherLength".to_owned(),
        _ => "Altered".to_owned(),
    })?;
    Ok(json!({ "content": hex(saved) }))
}

pub(super) fn check_tags(input: Input<'_>) -> Outcome {
    let tags = input.get("tags").bytes();
    FileOpener::new(&descriptor_of(input)?, &FileKey::from_bytes(KEY), &tags).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn open_chunk(input: Input<'_>) -> Outcome {
    let (file, index) = (descriptor_of(input)?, input.get("index").number());
    let nodes: Vec<[u8; 32]> = input.list("nodes").iter().map(|node| node.array()).collect();
    let mut chunk = input.get("chunk").bytes();
    let path = ChunkPath::from_nodes(file.shape(), index, &nodes);
    let no_path = match index < file.shape().chunk_count() {
        true => file::ChunkError::Altered,
        false => file::ChunkError::OtherLength,
    };
    let path = path.ok_or_else(|| refused(no_path))?;
    let key = ChunkKey::from_bytes(input.get("chunk_key").array());
    let opened = file::open_shown(&file, index, &key, &path, &mut chunk).map_err(refused);
    Ok(json!({ "content": hex(opened?) }))
}

#[test]
fn files() {
    let mut file = Vectors::new(
        CRATE,
        "file.json",
        "Files that are sealed in chunks: layout, blobs, trees and single chunks. SPEC.md, “Files”.",
        "file key 32 x 4b; contents are runs of one byte, or short texts; tags of trees are single bytes repeated",
    );
    shapes(&mut file);
    sealing(&mut file);
    trees(&mut file);
    small_blob(&mut file);
    single_chunk(&mut file);
    file.finish();
}

fn shapes(file: &mut Vectors) {
    let sizes = [
        (0u64, 0u32, "a file of no bytes: one chunk of 64 zeros"),
        (1, 0, "one byte"),
        (64, 0, "64 bytes: no padding"),
        (65, 0, "65 bytes: the next multiple of 64"),
        (1_025, 0, "past 1,024 bytes: the next Padmé length"),
        (65_536, 0, "one whole chunk"),
        (65_537, 1, "one byte more: a second, shorter chunk"),
        (3 * 65_536, 2, "three chunks: the third has no neighbour"),
        (5 * 65_536, 4, "five chunks: the fifth moves up twice"),
        (1 << 31 | 1, 33_000, "past 2 GiB: a chunk of padding alone"),
        (1 << 32, 65_535, "4 GiB, the most"),
    ];
    for (size, index, comment) in sizes {
        file.passes(&format!("shape-{size}"), comment, "file_shape", json!({ "size": size, "index": index }));
    }
    let longer = json!({ "size": (1u64 << 32) + 1, "index": 0 });
    file.fails("shape-4-gib-1", "a byte more than 4 GiB", "file_shape", longer, 480);
}

fn sealing(file: &mut Vectors) {
    let texts: [(&str, &str, Vec<u8>); 6] = [
        ("empty", "a file of no bytes", vec![]),
        ("text", "a short text", b"Hello, world".to_vec()),
        ("padme", "1,025 bytes: padded to 1,088", vec![0x61; 1_025]),
        ("chunk", "one whole chunk", vec![0x61; CHUNK]),
        ("two-chunks", "a whole chunk and one byte", vec![0x61; CHUNK + 1]),
        ("five-chunks", "five chunks, the last one not whole", vec![0x61; 5 * CHUNK - 100]),
    ];
    for (id, comment, content) in texts {
        let input = json!({ "file_key": hex(KEY), "content": hex(content) });
        file.passes(&format!("seal-{id}"), comment, "seal_file", input);
    }
}

/// A tree over as many tags, each of one byte repeated.
fn tags(count: u8) -> Vec<String> {
    (1..=count).map(|byte| hex([byte; 32])).collect()
}

fn trees(file: &mut Vectors) {
    for count in [1u8, 2, 3, 4, 5, 9] {
        let input = json!({ "size": usize::from(count) * CHUNK, "tags": tags(count) });
        let made = file.passes(&format!("tree-{count}"), "the nodes of a blob and the root over them", "file_tree", input.clone());
        let count_of = |more: bool| with(&input, "tags", if more { [tags(count), tags(1)].concat() } else { tags(count - 1) });
        file.fails(&format!("tree-{count}-less"), "a tag too few for the size", "file_tree", count_of(false), 481);
        file.fails(&format!("tree-{count}-more"), "a tag too many for the size", "file_tree", count_of(true), 481);
        let joined = tags(count).concat();
        let good = json!({ "size": usize::from(count) * CHUNK, "root": made["root"], "tags": joined });
        file.passes(&format!("tags-{count}"), "the tags of a blob lead to the root", "check_tags", good.clone());
        let mut fails = |id: &str, comment: &str, input: Value, check| {
            file.fails(&format!("tags-{count}-{id}"), comment, "check_tags", input, check);
        };
        fails("bit", "the last bit of the last tag", flipped(&good, "tags", -1, 1), 482);
        fails("root-bit", "a bit of the root", flipped(&good, "root", 0, 1), 482);
        fails("cut", "the last byte is missing", changed(&good, "tags", |tags| { tags.pop(); }), 481);
        fails("size", "a size of one byte less, with the same number of chunks", with(&good, "size", usize::from(count) * CHUNK - 1), 482);
        if count > 1 {
            fails("moved", "the last tag moved to the front", changed(&good, "tags", |tags| tags.rotate_right(32)), 482);
        }
        if count == 3 {
            let four = [tags(3), vec![hex([3; 32])]].concat().concat();
            let doubled = json!({ "size": 4 * CHUNK, "root": made["root"], "tags": four });
            fails("odd-doubled", "the odd last tag doubled, as if there were four chunks", doubled, 482);
        }
    }
}

fn small_blob(file: &mut Vectors) {
    let content = b"Hello, world".as_slice();
    let sealed = file.passes("seal-hello", "the text that is opened next", "seal_file", json!({ "file_key": hex(KEY), "content": hex(content) }));
    let good = json!({ "size": content.len(), "root": sealed["root"], "file_key": hex(KEY), "blob": sealed["blob"] });
    file.passes("open", "a blob of one chunk", "open_file", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| file.fails(&format!("open-{id}"), comment, "open_file", input, check);
    fails("empty", "no blob at all", with(&good, "blob", ""), 481);
    fails("cut", "the last byte of the blob is missing", changed(&good, "blob", |blob| { blob.pop(); }), 481);
    fails("extended", "a byte behind the blob", changed(&good, "blob", |blob| blob.push(0)), 481);
    fails("other-size", "a size whose blob is longer", with(&good, "size", 65), 481);
    fails("first-bit", "the first bit of the chunk", flipped(&good, "blob", 0, 0x80), 484);
    fails("padding-bit", "a bit where the padding is sealed", flipped(&good, "blob", 63, 1), 484);
    fails("tag-bit", "a bit of the tag", flipped(&good, "blob", 64, 1), 482);
    fails("root-bit", "a bit of the root", flipped(&good, "root", 31, 1), 482);
    fails("size-less", "a size of one byte less: the same blob length", with(&good, "size", content.len() - 1), 482);
    fails("size-more", "a size of one byte more: the same blob length", with(&good, "size", content.len() + 1), 482);
    fails("another-key", "the key of another file", flipped(&good, "file_key", 0, 1), 484);
    let other = seal_file(Input::of(&json!({ "file_key": hex(KEY), "content": hex(b"Hello, World") }))).unwrap();
    fails("another-file", "the blob of another file under the same key", with(&good, "blob", other["blob"].clone()), 482);
    let (forged, root) = padded_with(content, |padding| padding[51] = 1);
    let forged = with(&with(&good, "blob", forged), "root", root);
    fails("padding", "the last byte of the padding is 01, under its own tag and root", forged, 485);
    let (forged, root) = padded_with(content, |padding| padding[0] = 0x80);
    let forged = with(&with(&good, "blob", forged), "root", root);
    fails("padding-80", "the padding of a message, which begins with 80", forged, 485);
    let (same, root) = padded_with(content, |_| {});
    assert_eq!((&good["blob"], &good["root"]), (&same.into(), &root.into()));
}

/// The blob and root of a file of one chunk whose padding is not what it should be.
fn padded_with(content: &[u8], padding: impl FnOnce(&mut [u8])) -> (String, String) {
    let shape = FileShape::new(content.len() as u64).unwrap();
    let mut chunk = content.to_vec();
    chunk.resize(shape.chunk_len(0), 0);
    padding(&mut chunk[content.len()..]);
    let tag = file::seal_padded(0, &FileKey::from_bytes(KEY).chunk_key(0), &mut chunk);
    let tree = FileTree::over(shape, vec![tag]).unwrap();
    chunk.extend_from_slice(tree.as_bytes());
    (hex(chunk), hex(tree.root().as_bytes()))
}

/// The second chunk of a file of two, which has 2,048 bytes.
fn single_chunk(file: &mut Vectors) {
    let content = [vec![0x61; CHUNK], b"the end".to_vec()].concat();
    let (key, mut blob) = (FileKey::from_bytes(KEY), Vec::new());
    let root = file::seal(&mut &content[..], content.len() as u64, &key, &mut blob).unwrap();
    let shape = FileShape::new(content.len() as u64).unwrap();
    let node = |at: u64| hex(&blob[at as usize..][..32]);
    let path = |index| shape.path_offsets(index).unwrap().into_iter().map(node).collect::<Vec<_>>();
    let good = json!({
        "size": content.len(), "root": hex(root.as_bytes()), "index": 1,
        "chunk_key": hex(key.chunk_key(1).as_bytes()), "nodes": path(1), "chunk": hex(&blob[CHUNK..][..2_048]),
    });
    file.passes("chunk", "the second chunk of two, by its own key", "open_chunk", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| file.fails(&format!("chunk-{id}"), comment, "open_chunk", input, check);
    fails("bit", "a bit of the chunk", flipped(&good, "chunk", 3, 1), 484);
    fails("cut", "the last byte of the chunk is missing", changed(&good, "chunk", |chunk| { chunk.pop(); }), 481);
    fails("extended", "a byte behind the chunk", changed(&good, "chunk", |chunk| chunk.push(0)), 481);
    fails("key-bit", "a bit of the key", flipped(&good, "chunk_key", 31, 1), 484);
    fails("key-of-first", "the key of the first chunk", with(&good, "chunk_key", hex(key.chunk_key(0).as_bytes())), 484);
    fails("file-key", "the key of the file in place of that of the chunk", with(&good, "chunk_key", hex(KEY)), 484);
    fails("path-of-first", "the path of the first chunk", with(&good, "nodes", path(0)), 483);
    fails("path-swapped", "tag and neighbour in each other's place", with(&good, "nodes", { let mut path = path(1); path.swap(0, 1); path }), 483);
    fails("path-shorter", "the neighbour is missing", with(&good, "nodes", &path(1)[..1]), 483);
    fails("path-longer", "a node too many", with(&good, "nodes", [path(1), path(0)].concat()), 483);
    fails("root-bit", "a bit of the root", flipped(&good, "root", 0, 1), 483);
    fails("size", "a size of one byte more, with the same chunks", with(&good, "size", content.len() + 1), 483);
    fails("index-past", "a chunk that the file does not have", with(&good, "index", 2), 481);
    // The first chunk has another length, so only its tag can be in the place of the second.
    fails("tag-of-first", "the tag of the first chunk twice", with(&good, "nodes", vec![path(0)[0].clone(); 2]), 483);
}
