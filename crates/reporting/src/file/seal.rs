//! Seals a file chunk by chunk, or as a whole from a source into a sink.

use core::fmt;
use std::io::{self, Read, Write};

use subtle::ConstantTimeEq;

use super::chunk::{self, ChunkTag};
use super::keys::FileKey;
use super::lanes;
use super::shape::{FileShape, FileTooLong};
use super::tree::{FileRoot, FileTree};

/// Seals the chunks of a file in order. [`seal`] does all of it from a source.
///
/// ```text
/// new --seal_next, once for each chunk--> finish --> FileTree
/// ```
pub struct FileSealer {
    shape: FileShape,
    key: FileKey,
    tags: Vec<ChunkTag>,
}

impl FileSealer {
    /// Begins a file of this size. `key` is for this file alone.
    ///
    /// # Errors
    /// [`FileTooLong`] if the size is above [`MAX_FILE_LEN`](super::MAX_FILE_LEN).
    pub fn new(size_bytes: u64, key: FileKey) -> Result<Self, FileTooLong> {
        let shape = FileShape::new(size_bytes)?;
        Ok(Self {
            shape,
            key,
            tags: Vec::new(),
        })
    }

    /// The shape of the file.
    pub fn shape(&self) -> FileShape {
        self.shape
    }

    /// Index of the chunk that comes next. It is the number of chunks, if all are sealed.
    pub fn next_index(&self) -> u32 {
        u32::try_from(self.tags.len()).unwrap_or(u32::MAX)
    }

    /// Seals the next chunk and appends it to `out`.
    ///
    /// `content` has the [`content_len`](FileShape::content_len) bytes of the file that are in the
    /// chunk: none in a chunk of padding alone.
    ///
    /// # Errors
    /// [`SealChunkError`] if `content` has another length, or no chunk is left. Nothing has
    /// changed then.
    pub fn seal_next(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), SealChunkError> {
        let index = self.next_index();
        let tag = seal_chunk(self.shape, &self.key, index, content, out)?;
        self.tags.push(tag);
        Ok(())
    }

    /// Ends the file. The blob ends with the tree's [`as_bytes`](FileTree::as_bytes).
    ///
    /// # Errors
    /// [`SealChunkError::ChunksMissing`] if not all chunks are sealed.
    pub fn finish(self) -> Result<FileTree, SealChunkError> {
        FileTree::over(self.shape, self.tags).ok_or(SealChunkError::ChunksMissing)
    }
}

impl fmt::Debug for FileSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSealer")
            .field("size_bytes", &self.shape.size_bytes())
            .field("next_index", &self.next_index())
            .finish_non_exhaustive()
    }
}

/// Appends a sealed chunk to `out`, and returns its tag.
fn seal_chunk(
    shape: FileShape,
    key: &FileKey,
    index: u32,
    content: &[u8],
    out: &mut Vec<u8>,
) -> Result<ChunkTag, SealChunkError> {
    if index >= shape.chunk_count() {
        return Err(SealChunkError::NoSuchChunk);
    }
    if content.len() != shape.content_len(index) {
        return Err(SealChunkError::OtherLength);
    }
    let (start, len) = (out.len(), shape.chunk_len(index));
    // The space is reserved in one piece: a vector that grows leaves plaintext in the memory it
    // frees.
    out.reserve(len);
    out.extend_from_slice(content);
    out.resize(start.saturating_add(len), 0);
    let padded = out.get_mut(start..).unwrap_or_default();
    Ok(chunk::seal(index, &key.chunk_key(index), padded))
}

impl FileTree {
    /// Reads a file, and makes its tree without sealing anything. For an upload that seals chunk by
    /// chunk later ([`seal_chunk`](Self::seal_chunk)), and to learn the root of a file.
    ///
    /// # Errors
    /// [`SealFileError`] as for [`seal`].
    pub fn of(
        source: &mut (impl Read + Send),
        size_bytes: u64,
        key: &FileKey,
    ) -> Result<Self, SealFileError> {
        let shape = FileShape::new(size_bytes)?;
        let tag = |index, chunk: &mut [u8]| {
            let content = chunk.get(..shape.content_len(index)).unwrap_or_default();
            chunk::tag(shape, index, &key.chunk_key(index), content)
        };
        each_chunk(shape, source, tag, |_| Ok(()))
    }

    /// Seals one chunk again, for an upload that goes on, and appends it to `out`.
    ///
    /// # Errors
    /// [`SealChunkError::Changed`] if `content` is not what the tree was made of. `out` is then
    /// unchanged, as after every error.
    pub fn seal_chunk(
        &self,
        key: &FileKey,
        index: u32,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealChunkError> {
        let start = out.len();
        let tag = seal_chunk(self.shape(), key, index, content, out)?;
        // CHK-487: a chunk that is sealed again has the tag that it had before.
        let known = self
            .tag(index)
            .is_some_and(|known| known.ct_eq(&tag).into());
        if !known {
            out.truncate(start);
            return Err(SealChunkError::Changed);
        }
        Ok(())
    }
}

/// Seals a file of `size_bytes` bytes from a source into a sink, which gets the whole blob.
///
/// Uses up to four threads, and holds a chunk for each of them, and at most 7 MiB of the tree. Does
/// not flush the sink.
///
/// # Errors
/// [`SealFileError`] if the source does not have exactly this size, or if source or sink fail. What
/// is in the sink by then is of no use.
pub fn seal(
    source: &mut (impl Read + Send),
    size_bytes: u64,
    key: &FileKey,
    sink: &mut (impl Write + Send),
) -> Result<FileRoot, SealFileError> {
    let shape = FileShape::new(size_bytes)?;
    let seal = |index, chunk: &mut [u8]| chunk::seal(index, &key.chunk_key(index), chunk);
    let write = |chunk: &[u8]| sink.write_all(chunk).map_err(SealFileError::Sink);
    let tree = each_chunk(shape, source, seal, write)?;
    sink.write_all(tree.as_bytes())
        .map_err(SealFileError::Sink)?;
    Ok(tree.root())
}

/// Reads a file, lets `tag` work on each padded chunk and return its tag, passes the chunk to
/// `write`, and makes the tree.
fn each_chunk(
    shape: FileShape,
    source: &mut (impl Read + Send),
    tag: impl Fn(u32, &mut [u8]) -> ChunkTag + Sync,
    mut write: impl FnMut(&[u8]) -> Result<(), SealFileError> + Send,
) -> Result<FileTree, SealFileError> {
    let mut tags = Vec::with_capacity(shape.tags_len().div_euclid(32));
    lanes::each_chunk(
        shape,
        |index, chunk| {
            let content_len = shape.content_len(index).min(chunk.len());
            let (content, padding) = chunk.split_at_mut(content_len);
            padding.fill(0);
            read(source, content)
        },
        |index, chunk| Ok(tag(index, chunk)),
        |_, chunk, tag| {
            tags.push(tag);
            write(chunk)
        },
    )?;
    // CHK-486: the source ends exactly at the size.
    let mut beyond = [0];
    loop {
        match source.read(&mut beyond) {
            Ok(0) => break,
            Ok(_) => return Err(SealFileError::SourceLonger),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SealFileError::Source(error)),
        }
    }
    FileTree::over(shape, tags).ok_or(SealFileError::SourceShorter)
}

/// Fills `content` from the source.
fn read(source: &mut impl Read, content: &mut [u8]) -> Result<(), SealFileError> {
    // CHK-486: the source does not end before the size.
    source
        .read_exact(content)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SealFileError::SourceShorter,
            _ => SealFileError::Source(error),
        })
}

/// Why a chunk was not sealed, or a file not ended. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealChunkError {
    /// The file has no such chunk. Correct the caller.
    #[error("the file has no such chunk")]
    NoSuchChunk,
    /// The content does not have the length that the chunk has in a file of this size. The file may
    /// have changed.
    #[error("the content has another length than the chunk")]
    OtherLength,
    /// The content is not what was sealed before. The file changed: seal it as a new one.
    #[error("the content is not what was sealed before")]
    Changed,
    /// Not all chunks are sealed. Seal the others first.
    #[error("not all chunks are sealed")]
    ChunksMissing,
}

/// Why a file was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealFileError {
    /// The file is longer than [`MAX_FILE_LEN`](super::MAX_FILE_LEN). Nothing was read.
    #[error(transparent)]
    TooLong(#[from] FileTooLong),
    /// The source ended before the size. The file changed: ask for its size again.
    #[error("the file is shorter than it was")]
    SourceShorter,
    /// The source goes on after the size. The file changed: ask for its size again.
    #[error("the file is longer than it was")]
    SourceLonger,
    /// The source cannot be read.
    #[error("the file cannot be read")]
    Source(#[source] io::Error),
    /// The sink cannot be written to.
    #[error("the sealed file cannot be written")]
    Sink(#[source] io::Error),
}
