//! Computes from a file's size how its blob is laid out.

use crate::padding::rounded_len;

/// Maximum size of a file, in bytes: 4 GiB. A tree of 16 levels covers it, and the tags of all
/// chunks fill 2 MiB, which a recipient holds while it fetches the file.
pub const MAX_FILE_LEN: u64 = 1 << 32;

/// Length of a chunk, in bytes. The last chunk of a file may be shorter.
///
/// What a device holds to verify a part of a file, and the least that a report can show of it.
pub const CHUNK_LEN: usize = 65_536;

/// Maximum number of chunks in a file, that of a file of [`MAX_FILE_LEN`] bytes.
pub const MAX_CHUNKS: u32 = 65_536;

/// Length of a node of the tree over the tags of chunks, in bytes. A tag is a node too.
pub const NODE_LEN: usize = 32;

/// [`NODE_LEN`] and [`CHUNK_LEN`], to compute offsets with.
const NODE: u64 = 32;
const CHUNK: u64 = 65_536;

/// How the blob of a file of some size is laid out. The size decides everything.
///
/// ```text
/// sealed chunks || level 0: the tags of the chunks || level 1 || .. || level below the top
/// ```
///
/// All chunks but the last have [`CHUNK_LEN`] bytes. The sealed length is the size, padded like a
/// message: up to a multiple of 64 while that is at most 1,024, and above to the next Padmé length.
/// The end of the file is followed by zeros up to the sealed length, which may fill whole chunks.
/// Each level of the tree has half the nodes of the one below, rounded up. The top, which has one
/// node, is not in the blob, unless there is only one chunk.
///
/// A blob has at most 64 bytes a chunk and 32 bytes a level more than its sealed chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileShape {
    size_bytes: u64,
    sealed_len: u64,
    chunk_count: u32,
}

impl FileShape {
    /// The shape of a file of this size.
    ///
    /// # Errors
    /// [`FileTooLong`] if the size is above [`MAX_FILE_LEN`].
    pub fn new(size_bytes: u64) -> Result<Self, FileTooLong> {
        // CHK-480: a file has at most 4 GiB.
        if size_bytes > MAX_FILE_LEN {
            return Err(FileTooLong);
        }
        let sealed_len = rounded_len(size_bytes);
        let chunk_count = u32::try_from(sealed_len.div_ceil(CHUNK)).map_err(|_| FileTooLong)?;
        Ok(Self {
            size_bytes,
            sealed_len,
            chunk_count,
        })
    }

    /// Size of the file in bytes, at most [`MAX_FILE_LEN`].
    pub fn size_bytes(self) -> u64 {
        self.size_bytes
    }

    /// Length of all sealed chunks in bytes: the padded size.
    pub fn sealed_len(self) -> u64 {
        self.sealed_len
    }

    /// Number of chunks, 1 to [`MAX_CHUNKS`].
    pub fn chunk_count(self) -> u32 {
        self.chunk_count
    }

    /// Length of a sealed chunk in bytes, the padding included. 0 if there is no such chunk.
    pub fn chunk_len(self, index: u32) -> usize {
        part_of_chunk(self.sealed_len, index)
    }

    /// Number of bytes of the file in a chunk. 0 in a chunk of padding alone, and if there is no
    /// such chunk.
    pub fn content_len(self, index: u32) -> usize {
        part_of_chunk(self.size_bytes, index)
    }

    /// Where a chunk begins, in the blob and in the file. Of use for chunks below
    /// [`chunk_count`](Self::chunk_count).
    pub fn chunk_offset(self, index: u32) -> u64 {
        u64::from(index).saturating_mul(CHUNK)
    }

    /// Where the tags of the chunks begin in the blob. They are level 0 of the tree.
    pub fn tags_offset(self) -> u64 {
        self.sealed_len
    }

    /// Length of the tags of all chunks, in bytes. At most 2 MiB.
    pub fn tags_len(self) -> usize {
        usize::try_from(self.chunk_count)
            .unwrap_or(usize::MAX)
            .saturating_mul(NODE_LEN)
    }

    /// Length of the blob, in bytes. A blob of another length is not that of the file.
    pub fn blob_len(self) -> u64 {
        self.level_offset(self.stored_levels())
    }

    /// Where the nodes are in the blob that prove a chunk to belong to the file, each of
    /// [`NODE_LEN`] bytes: its tag first, and then at most 16 others. `None` if there is no such
    /// chunk.
    pub fn path_offsets(self, index: u32) -> Option<Vec<u64>> {
        if index >= self.chunk_count {
            return None;
        }
        let mut offsets = vec![self.node_offset(0, index)];
        for level in 0..self.top_level() {
            if let Some(sibling) = self.sibling(level, index) {
                offsets.push(self.node_offset(level, sibling));
            }
        }
        Some(offsets)
    }

    /// Ordinal of the level that has one node. 0 if there is one chunk, and at most 16.
    pub(crate) fn top_level(self) -> u32 {
        let last = self.chunk_count.saturating_sub(1);
        u32::BITS.saturating_sub(last.leading_zeros())
    }

    /// Place of the node with which the one above a chunk is made at this level. `None` if that
    /// node is an odd last one, which moves up alone.
    pub(crate) fn sibling(self, level: u32, index: u32) -> Option<u32> {
        let sibling = index.checked_shr(level)? ^ 1;
        (sibling < self.nodes(level)).then_some(sibling)
    }

    /// Number of levels that are in the blob.
    fn stored_levels(self) -> u32 {
        self.top_level().max(1)
    }

    /// Number of nodes of a level.
    fn nodes(self, level: u32) -> u32 {
        match 1u32.checked_shl(level) {
            Some(below) => self.chunk_count.div_ceil(below),
            None => 1,
        }
    }

    /// Number of nodes that are in the blob.
    pub(crate) fn stored_nodes(self) -> usize {
        let nodes = (0..self.stored_levels()).map(|level| self.nodes(level));
        let sum = nodes.fold(0u32, u32::saturating_add);
        usize::try_from(sum).unwrap_or(usize::MAX)
    }

    fn level_offset(self, level: u32) -> u64 {
        let below = (0..level).map(|level| u64::from(self.nodes(level)).saturating_mul(NODE));
        below.fold(self.sealed_len, u64::saturating_add)
    }

    fn node_offset(self, level: u32, place: u32) -> u64 {
        let before = u64::from(place).saturating_mul(NODE);
        self.level_offset(level).saturating_add(before)
    }
}

/// How many of the first `len` bytes are in a chunk.
fn part_of_chunk(len: u64, index: u32) -> usize {
    let before = u64::from(index).saturating_mul(CHUNK);
    let part = len.saturating_sub(before).min(CHUNK);
    usize::try_from(part).unwrap_or(CHUNK_LEN)
}

/// The file is longer than [`MAX_FILE_LEN`]. Send it in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file has at most 4 GiB")]
pub struct FileTooLong;

#[cfg(test)]
pub(super) mod tests;
