//! Opens one chunk of a file that a report shows, by the key of this chunk alone.

use std::io::{Read, Seek};

use zeroize::Zeroize;

use super::chunk::{self, ChunkTag};
use super::descriptor::FileDescriptor;
use super::keys::ChunkKey;
use super::open::{ChunkError, OpenFileError, check_len, check_tags, read_tags};
use super::tree::ChunkPath;

/// Opens a sealed chunk in place, by its own key. Returns the bytes of the file that are in it,
/// without the padding.
///
/// `chunk` holds the bytes of the blob at [`chunk_offset`], and `path` proves that they belong to
/// the file ([`ChunkPath::read`]).
///
/// # Errors
/// [`ChunkError::OtherLength`] if the file has no such chunk, or `chunk` has another length;
/// [`ChunkError::Altered`] if it is not this chunk of the file. In both cases `chunk` is wiped.
///
/// [`chunk_offset`]: super::FileShape::chunk_offset
pub fn open_shown<'a>(
    file: &FileDescriptor,
    index: u32,
    key: &ChunkKey,
    path: &ChunkPath,
    chunk: &'a mut [u8],
) -> Result<&'a [u8], ChunkError> {
    let shape = file.shape();
    let tag = check_len(shape, index, chunk)
        .and_then(|()| {
            path.proven(shape, index, file.root())
                .ok_or(ChunkError::Altered)
        })
        .inspect_err(|_| chunk.zeroize())?;
    open_tagged(file, index, key, tag, chunk)
}

/// Opens a sealed chunk of the right length in place, by its key and its proven tag.
fn open_tagged<'a>(
    file: &FileDescriptor,
    index: u32,
    key: &ChunkKey,
    tag: &ChunkTag,
    chunk: &'a mut [u8],
) -> Result<&'a [u8], ChunkError> {
    let shape = file.shape();
    if !chunk::open(shape, index, key, tag, chunk) {
        return Err(ChunkError::Altered);
    }
    Ok(chunk.get(..shape.content_len(index)).unwrap_or_default())
}

/// Opens chunks that a report shows, from a blob that its sender may have made to mislead.
///
/// A recipient checks the tags of all chunks, and none of the nodes above them. So where a path is
/// not that of the file, the tags decide.
pub(crate) struct ShownChunks<'a> {
    file: &'a FileDescriptor,
    /// The tags of all chunks, once a path was not that of the file.
    tags: Option<Vec<ChunkTag>>,
}

impl<'a> ShownChunks<'a> {
    pub(crate) fn new(file: &'a FileDescriptor) -> Self {
        Self { file, tags: None }
    }

    /// Opens a sealed chunk in place, with what the blob says of it.
    pub(crate) fn open<'c>(
        &mut self,
        index: u32,
        key: &ChunkKey,
        blob: &mut (impl Read + Seek),
        chunk: &'c mut [u8],
    ) -> Result<&'c [u8], OpenFileError> {
        let tag = check_len(self.file.shape(), index, chunk)
            .map_err(OpenFileError::from)
            .and_then(|()| self.tag(index, blob));
        let tag = tag.inspect_err(|_| chunk.zeroize())?;
        Ok(open_tagged(self.file, index, key, &tag, chunk)?)
    }

    fn tag(
        &mut self,
        index: u32,
        blob: &mut (impl Read + Seek),
    ) -> Result<ChunkTag, OpenFileError> {
        let shape = self.file.shape();
        let tags = match &self.tags {
            Some(tags) => tags,
            None => {
                let path = ChunkPath::read(shape, index, blob).map_err(OpenFileError::Blob)?;
                if let Some(tag) = path.proven(shape, index, self.file.root()) {
                    return Ok(*tag);
                }
                let tags = read_tags(shape, blob).map_err(OpenFileError::Blob)?;
                self.tags.insert(check_tags(self.file, &tags)?)
            }
        };
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        tags.get(place).copied().ok_or(OpenFileError::OtherLength)
    }
}
