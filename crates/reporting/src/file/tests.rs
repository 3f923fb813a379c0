//! Tests of `file.rs`: sealing, opening and single chunks, and what must not open.

#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::io::{self, Cursor, Read};

use super::*;
use shape::tests::sizes;

mod altered;
mod exchanged;
mod properties;
mod seal;

/// Bytes that look random, and are not the same in any two chunks.
fn content(size: u64) -> Vec<u8> {
    let mut state = size ^ 0x9e37_79b9;
    (0..size)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

fn key() -> FileKey {
    FileKey::from_bytes([0x4b; 32])
}

/// A sealed file.
struct Sealed {
    content: Vec<u8>,
    file: FileDescriptor,
    blob: Vec<u8>,
}

impl Sealed {
    fn new(size: u64) -> Self {
        Self::of(content(size), &key())
    }

    fn of(content: Vec<u8>, key: &FileKey) -> Self {
        let size = content.len() as u64;
        let mut blob = Vec::new();
        let root = seal(&mut &content[..], size, key, &mut blob).unwrap();
        let file = describe(FileShape::new(size).unwrap(), root);
        Self {
            content,
            file,
            blob,
        }
    }

    fn shape(&self) -> FileShape {
        self.file.shape()
    }

    fn tags(&self) -> &[u8] {
        let tags = &self.blob[self.shape().tags_offset() as usize..];
        &tags[..self.shape().tags_len()]
    }

    fn opener(&self) -> FileOpener {
        FileOpener::new(&self.file, &key(), self.tags()).unwrap()
    }

    /// A sealed chunk.
    fn chunk(&self, index: u32) -> Vec<u8> {
        let at = self.shape().chunk_offset(index) as usize;
        self.blob[at..at + self.shape().chunk_len(index)].to_vec()
    }

    /// What the file has in a chunk.
    fn content_of(&self, index: u32) -> &[u8] {
        let at = (self.shape().chunk_offset(index) as usize).min(self.content.len());
        &self.content[at..at + self.shape().content_len(index)]
    }

    fn path(&self, index: u32) -> ChunkPath {
        ChunkPath::read(self.shape(), index, &mut Cursor::new(&self.blob)).unwrap()
    }
}

fn describe(shape: FileShape, root: FileRoot) -> FileDescriptor {
    FileDescriptor::new(shape, root, "image/jpeg", "photo.jpg", "").unwrap()
}

/// Opens a whole blob.
fn opened(file: &FileDescriptor, blob: &[u8]) -> Result<Vec<u8>, OpenFileError> {
    let mut saved = Vec::new();
    let size = open(file, &key(), &mut Cursor::new(blob), &mut saved)?;
    assert_eq!(size, saved.len() as u64);
    Ok(saved)
}

#[test]
fn files_of_all_sizes_are_sealed_and_opened() {
    for size in sizes() {
        let sealed = Sealed::new(size);
        assert_eq!(
            sealed.blob.len() as u64,
            sealed.shape().blob_len(),
            "{size}"
        );
        assert_eq!(
            opened(&sealed.file, &sealed.blob).unwrap(),
            sealed.content,
            "{size}"
        );
        let tree = FileTree::of(&mut &sealed.content[..], size, &key()).unwrap();
        assert_eq!(&tree.root(), sealed.file.root());
        assert_eq!(tree.tags(), sealed.tags());
        assert_eq!(tree.shape(), sealed.shape());
        assert!(sealed.blob.ends_with(tree.as_bytes()));
        assert_eq!(
            tree.as_bytes().len() as u64,
            sealed.shape().blob_len() - sealed.shape().tags_offset()
        );
    }
}

#[test]
fn chunks_are_opened_in_any_order() {
    for size in sizes() {
        let sealed = Sealed::new(size);
        let opener = sealed.opener();
        for index in (0..sealed.shape().chunk_count()).rev() {
            let mut chunk = sealed.chunk(index);
            let content = opener.open(index, &mut chunk).unwrap();
            assert_eq!(content, sealed.content_of(index), "{size}, chunk {index}");
            assert!(opener.holds(index, sealed.content_of(index)));
        }
    }
}

#[test]
fn a_chunk_opens_by_its_own_key_and_a_path() {
    for size in sizes() {
        let sealed = Sealed::new(size);
        for index in 0..sealed.shape().chunk_count() {
            let mut chunk = sealed.chunk(index);
            let (key, path) = (key().chunk_key(index), sealed.path(index));
            let content = open_shown(&sealed.file, index, &key, &path, &mut chunk).unwrap();
            assert_eq!(content, sealed.content_of(index), "{size}, chunk {index}");
            let path = ChunkPath::from_tags(sealed.shape(), index, sealed.tags()).unwrap();
            let mut chunk = sealed.chunk(index);
            let content = open_shown(&sealed.file, index, &key, &path, &mut chunk).unwrap();
            assert_eq!(content, sealed.content_of(index), "{size}, chunk {index}");
        }
    }
}

#[test]
fn a_path_has_as_many_nodes_as_the_tree_demands() {
    let sealed = Sealed::new(5 * 65_536);
    let shape = sealed.shape();
    let offsets = shape.path_offsets(3).unwrap();
    let nodes: Vec<[u8; 32]> = offsets
        .iter()
        .map(|at| {
            sealed.blob[*at as usize..*at as usize + 32]
                .try_into()
                .unwrap()
        })
        .collect();
    let path = ChunkPath::from_nodes(shape, 3, &nodes).unwrap();
    let mut chunk = sealed.chunk(3);
    let opened = open_shown(&sealed.file, 3, &key().chunk_key(3), &path, &mut chunk);
    assert_eq!(opened, Ok(sealed.content_of(3)));
    assert!(ChunkPath::from_nodes(shape, 3, &nodes[1..]).is_none());
    assert!(ChunkPath::from_nodes(shape, 3, &[&nodes[..], &nodes[..1]].concat()).is_none());
    assert!(ChunkPath::from_nodes(shape, 5, &nodes).is_none());
    let (tags, next) = (sealed.tags(), [sealed.tags(), &[0]].concat());
    for tags in [&tags[1..], &tags[..128], &next[..], &[]] {
        assert!(ChunkPath::from_tags(shape, 3, tags).is_none());
    }
    assert!(ChunkPath::from_tags(shape, 5, tags).is_none());
    assert!(ChunkPath::from_nodes(shape, 3, &[]).is_none());
    let beyond = ChunkPath::read(shape, 5, &mut Cursor::new(&sealed.blob)).unwrap_err();
    assert_eq!(beyond.kind(), io::ErrorKind::InvalidInput);
    let cut = ChunkPath::read(shape, 3, &mut Cursor::new(&sealed.blob[..100])).unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
}

/// The right nodes and one more, in a path that was made for a larger file.
#[test]
fn chk483_path_with_a_node_too_many_is_refused() {
    let sealed = Sealed::new(3 * 65_536);
    let own = sealed.path(2);
    let node = |at: u64| -> [u8; 32] { sealed.blob[at as usize..][..32].try_into().unwrap() };
    let mut nodes: Vec<_> = sealed.shape().path_offsets(2).unwrap();
    nodes.push(nodes[1]);
    let nodes: Vec<_> = nodes.into_iter().map(node).collect();
    let larger = FileShape::new(4 * 65_536).unwrap();
    let longer = ChunkPath::from_nodes(larger, 2, &nodes).unwrap();
    let open = |path| {
        let mut chunk = sealed.chunk(2);
        open_shown(&sealed.file, 2, &key().chunk_key(2), path, &mut chunk).map(<[u8]>::len)
    };
    assert_eq!(open(&own), Ok(65_536));
    assert_eq!(open(&longer), Err(ChunkError::Altered));
}

#[test]
fn debug_shows_sizes_only() {
    let sealed = Sealed::new(65);
    assert_eq!(format!("{:?}", key()), "FileKey { .. }");
    assert_eq!(format!("{:?}", key().chunk_key(0)), "ChunkKey { .. }");
    assert_eq!(
        format!("{:?}", sealed.file),
        "FileDescriptor { size_bytes: 65, .. }"
    );
    assert_eq!(format!("{:?}", sealed.file.root()), "FileRoot(..)");
    assert_eq!(
        format!("{:?}", sealed.opener()),
        "FileOpener { size_bytes: 65, .. }"
    );
    assert_eq!(format!("{:?}", sealed.path(0)), "ChunkPath { .. }");
    let sealer = FileSealer::new(65, key()).unwrap();
    assert_eq!(
        format!("{sealer:?}"),
        "FileSealer { size_bytes: 65, next_index: 0, .. }"
    );
    let tree = FileTree::of(&mut &sealed.content[..], 65, &key()).unwrap();
    assert_eq!(format!("{tree:?}"), "FileTree { size_bytes: 65, .. }");
}

/// Whether a blob opens in any way: as a whole, chunk by chunk, or one chunk by its key.
fn opens(file: &FileDescriptor, blob: &[u8]) -> bool {
    let shape = file.shape();
    let whole = opened(file, blob).is_ok();
    let tags_at = shape.tags_offset() as usize;
    let tags = blob
        .get(tags_at..tags_at + shape.tags_len())
        .unwrap_or_default();
    if let Ok(opener) = FileOpener::new(file, &key(), tags) {
        let all = (0..shape.chunk_count()).all(|index| {
            let at = shape.chunk_offset(index) as usize;
            let mut chunk = blob[at..at + shape.chunk_len(index)].to_vec();
            let opens = opener.open(index, &mut chunk).is_ok();
            assert!(opens || chunk.iter().all(|byte| *byte == 0), "wiped");
            opens
        });
        assert_eq!(all, whole);
    } else {
        assert!(!whole);
    }
    whole
}

/// Whether a chunk opens by its own key.
fn chunk_opens(file: &FileDescriptor, blob: &[u8], index: u32) -> bool {
    let shape = file.shape();
    let Ok(path) = ChunkPath::read(shape, index, &mut Cursor::new(blob)) else {
        return false;
    };
    let at = shape.chunk_offset(index) as usize;
    let mut chunk = blob[at..at + shape.chunk_len(index)].to_vec();
    let opens = open_shown(file, index, &key().chunk_key(index), &path, &mut chunk).is_ok();
    assert!(opens || chunk.iter().all(|byte| *byte == 0), "wiped");
    opens
}
