//! Opens files of a verified message: what the report shows of them, and nothing else.

use core::fmt;
use core::ops::Range;
use std::io::{Read, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

use crate::attachment::{FilePreview, ShownFile};
use crate::blob::BlobId;
use crate::blobs::ReportedBlob;
use crate::file::{self, ChunkError, ChunkKey, ChunkPath, FileDescriptor, FileKey, OpenFileError};
use crate::openings::OpenedChunk;
use crate::rejection::Rejection;

/// A file of a verified message. Its sender committed to the descriptor, and so to every byte of
/// the file.
///
/// The blob may come from anywhere: the relay that kept it, or the reporter's own copy. Only bytes
/// of the file that the message names come out of [`open`](Self::open).
///
/// # Security
/// Name, media type and preview are as claimed by the sender. Never use the name as a path, and
/// never fetch the location. Open the file where it can do no harm.
pub struct VerifiedFile {
    part: usize,
    descriptor: FileDescriptor,
    access: FileAccess,
    preview: Option<FilePreview>,
    blob: Option<BlobId>,
}

/// How much of a file a report shows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileAccess {
    /// The descriptor alone: nothing of the content.
    Descriptor,
    /// The chunks with these indices, in ascending order, each with its key.
    Chunks(Vec<(u32, ChunkKey)>),
    /// The whole file.
    Whole(FileKey),
}

/// Joins the files of a message with the keys of their chunks.
pub(super) fn verify(
    message: usize,
    files: Vec<ShownFile>,
    chunks: &[OpenedChunk],
) -> Result<Vec<VerifiedFile>, Rejection> {
    // CHK-118: each chunk is one of a file whose descriptor is shown and whose key is withheld.
    let belongs = |chunk: &OpenedChunk| {
        files.iter().any(|file| {
            file.part == chunk.part
                && file.key.is_none()
                && chunk.index < file.descriptor.shape().chunk_count()
        })
    };
    if !chunks.iter().all(belongs) {
        return Err(Rejection::ChunkOfNoFile { message });
    }
    let files = files.into_iter().map(|file| {
        let chunks = chunks.iter().filter(|chunk| chunk.part == file.part);
        let access = match file.key {
            Some(key) => FileAccess::Whole(key),
            None => match chunks
                .map(|chunk| (chunk.index, chunk.key.clone()))
                .collect::<Vec<_>>()
            {
                none if none.is_empty() => FileAccess::Descriptor,
                chunks => FileAccess::Chunks(chunks),
            },
        };
        VerifiedFile {
            part: file.part,
            descriptor: file.descriptor,
            access,
            preview: file.preview,
            blob: None,
        }
    });
    Ok(files.collect())
}

/// Joins the files of a message with the blobs that the report names for it.
pub(super) fn name_blobs<'a>(
    message: usize,
    files: &mut [VerifiedFile],
    blobs: impl Iterator<Item = &'a ReportedBlob>,
) -> Result<(), Rejection> {
    for named in blobs {
        // CHK-119: a named blob is the location of the file in its place, of which content is
        // shown.
        let mut in_place = files.iter_mut().filter(|file| file.part == named.part);
        let file = in_place
            .next()
            .filter(|file| file.descriptor.blob() == Some(named.blob))
            .filter(|file| !matches!(file.access, FileAccess::Descriptor))
            .ok_or(Rejection::OtherBlob { message })?;
        file.blob = Some(named.blob);
    }
    Ok(())
}

impl VerifiedFile {
    /// Number of the part with the descriptor. The key is the part after it.
    pub fn part(&self) -> usize {
        self.part
    }

    /// What names and describes the file.
    pub fn descriptor(&self) -> &FileDescriptor {
        &self.descriptor
    }

    /// How much of the file the report shows.
    pub fn access(&self) -> &FileAccess {
        &self.access
    }

    /// The small picture of the file, if there is one and the report shows it.
    pub fn preview(&self) -> Option<&FilePreview> {
        self.preview.as_ref()
    }

    /// The blob, if the report named it, so that the provider kept it.
    pub fn blob(&self) -> Option<BlobId> {
        self.blob
    }

    /// Opens what the report shows of the file, and writes it at its place in `sink`. Returns the
    /// ranges of the file that were written, in ascending order.
    ///
    /// The blob starts at the beginning of `blob` and fills it. The file starts at the beginning of
    /// `sink`. Places between the ranges are skipped, so a new file on disk has zeros there.
    ///
    /// What opened for a recipient opens here too. Holds a chunk, and at most 4 MiB of the tree if
    /// the blob's nodes above the tags are not those of the file.
    ///
    /// # Errors
    /// [`OpenFileError`] if the blob is not that of the file, or if blob or sink fail. What was
    /// written by then is verified.
    pub fn open(
        &self,
        blob: &mut (impl Read + Seek + Send),
        sink: &mut (impl Write + Seek + Send),
    ) -> Result<Vec<Range<u64>>, OpenFileError> {
        let chunks = match &self.access {
            FileAccess::Descriptor => return Ok(Vec::new()),
            FileAccess::Whole(key) => {
                sink.rewind().map_err(OpenFileError::Sink)?;
                let size = file::open(&self.descriptor, key, blob, sink)?;
                let whole = 0..size;
                return Ok(vec![whole]);
            }
            FileAccess::Chunks(chunks) => chunks,
        };
        let shape = self.descriptor.shape();
        let len = blob.seek(SeekFrom::End(0)).map_err(OpenFileError::Blob)?;
        if len != shape.blob_len() {
            return Err(OpenFileError::OtherLength);
        }
        let mut shown = file::ShownChunks::new(&self.descriptor);
        let mut buffer = Zeroizing::new(vec![0; file::CHUNK_LEN]);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (index, key) in chunks {
            let chunk = buffer
                .get_mut(..shape.chunk_len(*index))
                .unwrap_or_default();
            let start = shape.chunk_offset(*index);
            blob.seek(SeekFrom::Start(start))
                .and_then(|_| blob.read_exact(chunk))
                .map_err(OpenFileError::Blob)?;
            let content = shown.open(*index, key, blob, chunk)?;
            if content.is_empty() {
                continue; // padding alone
            }
            sink.seek(SeekFrom::Start(start))
                .and_then(|_| sink.write_all(content))
                .map_err(OpenFileError::Sink)?;
            let end = start.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        Ok(ranges)
    }

    /// Opens one chunk in place, if the report shows it. For a blob that is fetched in pieces.
    ///
    /// The nodes of a blob above the tags of its chunks are checked by no recipient. If the path
    /// from a blob is refused, fetch all tags and try [`ChunkPath::from_tags`].
    ///
    /// # Errors
    /// [`ChunkError::Withheld`] if the report does not show this chunk, and as for
    /// [`open_shown`](file::open_shown). `chunk` is wiped unless it is withheld.
    pub fn open_chunk<'a>(
        &self,
        index: u32,
        path: &ChunkPath,
        chunk: &'a mut [u8],
    ) -> Result<&'a [u8], ChunkError> {
        let key = match &self.access {
            FileAccess::Descriptor => return Err(ChunkError::Withheld),
            FileAccess::Whole(key) => key.chunk_key(index),
            FileAccess::Chunks(chunks) => {
                let mut shown = chunks.iter().filter(|(shown, _)| *shown == index);
                shown.next().ok_or(ChunkError::Withheld)?.1.clone()
            }
        };
        file::open_shown(&self.descriptor, index, &key, path, chunk)
    }
}

impl fmt::Debug for VerifiedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedFile")
            .field("part", &self.part)
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}
