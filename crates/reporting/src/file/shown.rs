//! Opens one chunk of a file that a report shows, by the key of this chunk alone.

use zeroize::Zeroize;

use super::chunk;
use super::descriptor::FileDescriptor;
use super::keys::ChunkKey;
use super::open::{ChunkError, check_len};
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
    if !chunk::open(shape, index, key, tag, chunk) {
        return Err(ChunkError::Altered);
    }
    Ok(chunk.get(..shape.content_len(index)).unwrap_or_default())
}
