//! Opens a blob chunk by chunk, or as a whole into a sink. Nothing unverified comes out.

use core::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::chunk::{self, ChunkTag};
use super::descriptor::FileDescriptor;
use super::keys::FileKey;
use super::lanes;
use super::shape::FileShape;
use super::tree::root_over;

/// Opens the chunks of a file in any order. [`open`] does all of it from a blob.
///
/// It holds the tags of all chunks, which are at most 2 MiB.
pub struct FileOpener {
    shape: FileShape,
    key: FileKey,
    tags: Vec<ChunkTag>,
}

impl FileOpener {
    /// Checks the tags of a file: the [`tags_len`](FileShape::tags_len) bytes of its blob from
    /// [`tags_offset`](FileShape::tags_offset) on.
    ///
    /// # Errors
    /// [`ChunkError::OtherLength`] if there are more or fewer; [`ChunkError::Altered`] if they are
    /// not those of the file that the descriptor names.
    pub fn new(file: &FileDescriptor, key: &FileKey, tags: &[u8]) -> Result<Self, ChunkError> {
        Ok(Self {
            shape: file.shape(),
            tags: check_tags(file, tags)?,
            key: key.clone(),
        })
    }

    /// The shape of the file.
    pub fn shape(&self) -> FileShape {
        self.shape
    }

    /// Opens a sealed chunk in place. Returns the bytes of the file that are in it, without the
    /// padding.
    ///
    /// # Errors
    /// [`ChunkError::OtherLength`] if `chunk` does not have the
    /// [`chunk_len`](FileShape::chunk_len) bytes of this chunk; [`ChunkError::Altered`] if it is
    /// not this chunk of the file. In both cases `chunk` is wiped.
    pub fn open<'a>(&self, index: u32, chunk: &'a mut [u8]) -> Result<&'a [u8], ChunkError> {
        let tag = self.tag(index);
        let tag = tag.ok_or(ChunkError::OtherLength);
        let opened = tag.and_then(|tag| check_len(self.shape, index, chunk).map(|()| tag));
        let tag = opened.inspect_err(|_| chunk.zeroize())?;
        if !chunk::open(self.shape, index, &self.key.chunk_key(index), tag, chunk) {
            return Err(ChunkError::Altered);
        }
        Ok(chunk
            .get(..self.shape.content_len(index))
            .unwrap_or_default())
    }

    /// Whether `content` is what the file has in this chunk, without the padding. For a file that
    /// was saved in part: what holds need not be fetched again.
    pub fn holds(&self, index: u32, content: &[u8]) -> bool {
        self.tag(index).is_some_and(|tag| {
            content.len() == self.shape.content_len(index)
                && chunk::tag(self.shape, index, &self.key.chunk_key(index), content)
                    .ct_eq(tag)
                    .into()
        })
    }

    fn tag(&self, index: u32) -> Option<&ChunkTag> {
        self.tags.get(usize::try_from(index).ok()?)
    }
}

impl fmt::Debug for FileOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOpener")
            .field("size_bytes", &self.shape.size_bytes())
            .finish_non_exhaustive()
    }
}

/// The tags of a file, if these are the bytes of them.
pub(super) fn check_tags(file: &FileDescriptor, tags: &[u8]) -> Result<Vec<ChunkTag>, ChunkError> {
    let shape = file.shape();
    if tags.len() != shape.tags_len() {
        return Err(ChunkError::OtherLength);
    }
    // CHK-482: the tags lead to the root of the file.
    let (tags, _) = tags.as_chunks();
    if root_over(shape, tags).as_ref() != Some(file.root()) {
        return Err(ChunkError::Altered);
    }
    Ok(tags.to_vec())
}

/// Reads the tags of a file from a blob.
pub(super) fn read_tags(shape: FileShape, blob: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let mut tags = vec![0; shape.tags_len()];
    blob.seek(SeekFrom::Start(shape.tags_offset()))?;
    blob.read_exact(&mut tags)?;
    Ok(tags)
}

/// Whether a sealed chunk has the length that its place demands.
pub(super) fn check_len(shape: FileShape, index: u32, chunk: &[u8]) -> Result<(), ChunkError> {
    // CHK-481: a sealed chunk has the length that size and index demand.
    if index >= shape.chunk_count() || chunk.len() != shape.chunk_len(index) {
        return Err(ChunkError::OtherLength);
    }
    Ok(())
}

/// Opens a whole blob into a sink, which gets the file without its padding. Returns its size.
///
/// The blob starts at the beginning of `blob` and fills it. What is in the sink, also after an
/// error, is the beginning of the file, verified. Show a file only once it was saved whole: its
/// sender may have made a last chunk that does not open, and nobody can then report the file whole.
/// Uses up to four threads, and holds a chunk for
/// each of them, and at most 4 MiB of the tree. Does not flush the sink.
///
/// # Errors
/// [`OpenFileError`] if the blob is not that of the file, or if blob or sink fail.
pub fn open(
    file: &FileDescriptor,
    key: &FileKey,
    blob: &mut (impl Read + Seek + Send),
    sink: &mut (impl Write + Send),
) -> Result<u64, OpenFileError> {
    let shape = file.shape();
    // CHK-481: the blob has the length that the size demands.
    let len = blob.seek(SeekFrom::End(0)).map_err(OpenFileError::Blob)?;
    if len != shape.blob_len() {
        return Err(OpenFileError::OtherLength);
    }
    let tags = read_tags(shape, blob).map_err(OpenFileError::Blob)?;
    let opener = FileOpener::new(file, key, &tags)?;
    drop(tags);

    let begin = SeekFrom::Start(0);
    blob.seek(begin).map_err(OpenFileError::Blob)?;
    let written = lanes::each_chunk(
        shape,
        |_, chunk| blob.read_exact(chunk).map_err(OpenFileError::Blob),
        |index, chunk| {
            let opened = opener.open(index, chunk);
            opened.map(<[u8]>::len).map_err(OpenFileError::from)
        },
        |_, chunk, len| {
            let content = chunk.get(..len).unwrap_or_default();
            sink.write_all(content).map_err(OpenFileError::Sink)
        },
    )?;
    if written != shape.chunk_count() {
        return Err(OpenFileError::Sink(io::ErrorKind::WriteZero.into()));
    }
    Ok(shape.size_bytes())
}

/// Why a chunk was not opened. It may come from anyone: fetch it again, from elsewhere if there is
/// another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The bytes do not have the length that the file's size demands, or the file has no such
    /// chunk.
    #[error("the bytes have another length than the file's size demands")]
    OtherLength,
    /// The bytes are not those of the file that the message names.
    #[error("the bytes are not those of the file")]
    Altered,
    /// The report does not show this chunk. Nothing was opened.
    #[error("the report does not show this chunk")]
    Withheld,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFileError {
    /// The blob does not have the length that the file's size demands. Nothing was read.
    #[error("the blob has another length than the file's size demands")]
    OtherLength,
    /// The blob is not that of the file that the message names. Fetch it again.
    #[error("the blob is not that of the file")]
    Altered,
    /// The report does not show a chunk. No chunk of it was opened.
    #[error("the report does not show this chunk")]
    Withheld,
    /// The blob cannot be read.
    #[error("the blob cannot be read")]
    Blob(#[source] io::Error),
    /// The sink cannot be written to.
    #[error("the file cannot be written")]
    Sink(#[source] io::Error),
}

impl From<ChunkError> for OpenFileError {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::OtherLength => Self::OtherLength,
            ChunkError::Altered => Self::Altered,
            ChunkError::Withheld => Self::Withheld,
        }
    }
}
