//! Builds the tree over the tags of a file's chunks, and proves that a chunk belongs to a root.
//!
//! ```text
//! node = SHA-256("waxseal/2/file-node" || level u8 || left 32 || right 32)
//! root = SHA-256("waxseal/2/file-root" || size be64 || number of chunks be32 || top 32)
//! ```
//!
//! `level` is that of the node that is made, starting at 1. The last node of a level with an odd
//! number of nodes moves up unchanged.

use core::fmt;
use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::chunk::ChunkTag;
use super::shape::{FileShape, NODE_LEN};
use crate::labels;

/// What names a file: a hash over its size and the tags of its chunks. 32 bytes.
///
/// A message commits to it. It says nothing of the file to anyone without the file's key.
#[derive(Clone, Copy)]
pub struct FileRoot([u8; 32]);

impl FileRoot {
    /// The root with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for FileRoot {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for FileRoot {}

impl fmt::Debug for FileRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileRoot(..)")
    }
}

/// The tree over the tags of all chunks of a file. At most 4 MiB.
///
/// [`FileSealer::finish`](super::FileSealer::finish) and [`FileTree::of`] make it.
pub struct FileTree {
    shape: FileShape,
    /// All levels that are in the blob, one after the other. The first is that of the tags.
    nodes: Vec<ChunkTag>,
    root: FileRoot,
}

impl FileTree {
    /// The tree over these tags; `None` if there is not one for each chunk.
    pub(crate) fn over(shape: FileShape, tags: Vec<ChunkTag>) -> Option<Self> {
        if u32::try_from(tags.len()).ok() != Some(shape.chunk_count()) {
            return None;
        }
        let mut nodes = Vec::with_capacity(shape.stored_nodes());
        nodes.extend_from_slice(&tags);
        let mut level = tags;
        for number in 1..=shape.top_level() {
            level = above(number, &level);
            if number < shape.top_level() {
                nodes.extend_from_slice(&level);
            }
        }
        let root = root(shape, level.first()?);
        Some(Self { shape, nodes, root })
    }

    /// The shape of the file.
    pub fn shape(&self) -> FileShape {
        self.shape
    }

    /// The root, which names the file.
    pub fn root(&self) -> FileRoot {
        self.root
    }

    /// The tags of all chunks: [`tags_len`](FileShape::tags_len) bytes.
    pub fn tags(&self) -> &[u8] {
        let tags = self.as_bytes().get(..self.shape.tags_len());
        tags.unwrap_or_default()
    }

    /// The end of the blob, from [`tags_offset`](FileShape::tags_offset) on.
    pub fn as_bytes(&self) -> &[u8] {
        self.nodes.as_flattened()
    }

    pub(super) fn tag(&self, index: u32) -> Option<&ChunkTag> {
        let index = usize::try_from(index).ok()?;
        self.nodes.get(index).filter(|_| index < self.chunks())
    }

    fn chunks(&self) -> usize {
        usize::try_from(self.shape.chunk_count()).unwrap_or_default()
    }
}

impl fmt::Debug for FileTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTree")
            .field("size_bytes", &self.shape.size_bytes())
            .finish_non_exhaustive()
    }
}

/// The root of a file with these tags; `None` if there is not one for each chunk.
pub(super) fn root_over(shape: FileShape, tags: &[ChunkTag]) -> Option<FileRoot> {
    if u32::try_from(tags.len()).ok() != Some(shape.chunk_count()) {
        return None;
    }
    let levels = 1..=shape.top_level();
    let top = levels.fold(Cow::Borrowed(tags), |level, number| {
        Cow::Owned(above(number, &level))
    });
    Some(root(shape, top.first()?))
}

/// The nodes of the level with this number, over those of the level below.
fn above(number: u32, below: &[ChunkTag]) -> Vec<ChunkTag> {
    let pairs = below.chunks(2).map(|pair| match pair {
        [left, right] => node(number, left, right),
        alone => alone.first().copied().unwrap_or_default(),
    });
    pairs.collect()
}

fn node(level: u32, left: &[u8; NODE_LEN], right: &[u8; NODE_LEN]) -> ChunkTag {
    let hash = Sha256::new()
        .chain_update(labels::FILE_NODE)
        .chain_update([u8::try_from(level).unwrap_or(u8::MAX)])
        .chain_update(left)
        .chain_update(right);
    hash.finalize().into()
}

fn root(shape: FileShape, top: &[u8; NODE_LEN]) -> FileRoot {
    let hash = Sha256::new()
        .chain_update(labels::FILE_ROOT)
        .chain_update(shape.size_bytes().to_be_bytes())
        .chain_update(shape.chunk_count().to_be_bytes())
        .chain_update(top);
    FileRoot(hash.finalize().into())
}

/// What proves that a chunk belongs to a file: its tag, and at most 16 nodes of the blob.
///
/// It may come from anyone: [`open_shown`](super::open_shown) compares it with the root. Who opened
/// the whole file checked its tags only. So if the other nodes of a blob prove nothing, compute the
/// path from the tags ([`from_tags`](Self::from_tags)).
#[derive(Clone)]
pub struct ChunkPath {
    tag: ChunkTag,
    siblings: Vec<[u8; NODE_LEN]>,
}

impl ChunkPath {
    /// A path from the nodes at [`path_offsets`](FileShape::path_offsets), in that order. `None` if
    /// they are more or fewer.
    pub fn from_nodes(shape: FileShape, index: u32, nodes: &[[u8; NODE_LEN]]) -> Option<Self> {
        // CHK-483: the path has the nodes that size and index demand.
        let (tag, siblings) = nodes.split_first()?;
        (shape.path_offsets(index)?.len() == nodes.len()).then(|| Self {
            tag: *tag,
            siblings: siblings.to_vec(),
        })
    }

    /// Reads the path of a chunk from a blob, which starts at the beginning of `blob`.
    ///
    /// # Errors
    /// What `blob` fails with, and [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no
    /// such chunk.
    pub fn read(shape: FileShape, index: u32, blob: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut nodes = Vec::with_capacity(17);
        for offset in shape.path_offsets(index).unwrap_or_default() {
            let mut node = [0; NODE_LEN];
            blob.seek(SeekFrom::Start(offset))?;
            blob.read_exact(&mut node)?;
            nodes.push(node);
        }
        let path = Self::from_nodes(shape, index, &nodes);
        path.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
    }

    /// The path of a chunk, computed from the tags of all chunks: the
    /// [`tags_len`](FileShape::tags_len) bytes of the blob from
    /// [`tags_offset`](FileShape::tags_offset) on. `None` if they are more or fewer, or if there is
    /// no such chunk.
    ///
    /// Slower than [`from_nodes`](Self::from_nodes). For a blob whose other nodes are not those of
    /// the file, which its sender may have made so: they prove nothing that the tags do not.
    pub fn from_tags(shape: FileShape, index: u32, tags: &[u8]) -> Option<Self> {
        if index >= shape.chunk_count() || tags.len() != shape.tags_len() {
            return None;
        }
        let (tags, _) = tags.as_chunks();
        let mut level = Cow::Borrowed(tags);
        let mut siblings = Vec::with_capacity(16);
        for number in 0..shape.top_level() {
            if let Some(place) = shape.sibling(number, index) {
                siblings.push(*level.get(usize::try_from(place).ok()?)?);
            }
            level = Cow::Owned(above(number.saturating_add(1), &level));
        }
        let tag = *tags.get(usize::try_from(index).ok()?)?;
        Some(Self { tag, siblings })
    }

    /// The tag of the chunk, if this path leads from it to the root.
    pub(super) fn proven(&self, shape: FileShape, index: u32, to: &FileRoot) -> Option<&ChunkTag> {
        // CHK-483: the path has one node for each level that has a sibling, and leads to the root.
        let mut siblings = self.siblings.iter();
        let mut node_of_chunk = self.tag;
        for level in 0..shape.top_level() {
            if shape.sibling(level, index).is_none() {
                continue; // the node moves up alone
            }
            let sibling = siblings.next()?;
            let is_right = index.checked_shr(level)? & 1 == 1;
            let (left, right) = if is_right {
                (sibling, &node_of_chunk)
            } else {
                (&node_of_chunk, sibling)
            };
            node_of_chunk = node(level.saturating_add(1), left, right);
        }
        let leads = siblings.next().is_none()
            && index < shape.chunk_count()
            && root(shape, &node_of_chunk) == *to;
        leads.then_some(&self.tag)
    }
}

impl fmt::Debug for ChunkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkPath").finish_non_exhaustive()
    }
}
