//! An upload: its source is read once to learn what is sent, then sealed in parts.
//!
//! ```text
//! Reading --all chunks read, the root is committed--> Sending --the relay has all--> Ending
//! ```

use std::io::{ErrorKind, SeekFrom};
use std::sync::{Mutex, PoisonError};

use rand_core::CryptoRng;
use waxseal_interface::{BlobState, Request as Call};
use waxseal_reporting::file::{
    CHUNK_LEN, FileKey, FileRoot, FileSealer, FileShape, FileTree, SealChunkError,
};
use waxseal_reporting::{BlobId, Timestamp};
use zeroize::Zeroizing;

use super::asked::{Asked, CHUNKS_AT_ONCE, Transfer};
use super::failure::FileFailure;
use crate::client::courier::uploads::{KeptUpload, UploadId, UploadPurpose};
use crate::courier::{Courier, Event};
use crate::error::StateError;
use crate::files::FileSource;
use crate::store::Store;

/// [`CHUNK_LEN`], to compute places with.
const CHUNK: u64 = CHUNK_LEN as u64;

/// How many other blobs are tried if the relay takes none: each is of 32 random bytes.
const MAX_BLOBS: u32 = 3;

/// How often the relay may have less of a blob than before. Each time, all of it may be posted once
/// more.
const MAX_SETBACKS: u32 = 4;

/// An upload with its source.
pub(super) struct Uploading {
    id: UploadId,
    blob: BlobId,
    key: FileKey,
    shape: FileShape,
    /// What the file must be. `None` if it is read for the first time.
    root: Option<FileRoot>,
    is_for_report: bool,
    /// Behind a lock that is never waited for, so that couriers can be shared.
    source: Mutex<Box<dyn FileSource + Send>>,
    step: Step,
    blobs: u32,
    /// The most bytes of the blob that the relay ever had.
    confirmed: u64,
    setbacks: u32,
}

enum Step {
    /// The source is read.
    Reading(FileSealer),
    /// Parts are posted.
    Sending {
        tree: FileTree,
        /// Where the relay's bytes end, as far as that is known.
        at: Option<u64>,
    },
    /// The relay has the blob.
    Ending,
}

impl Uploading {
    /// An upload that begins, or goes on after a restart. `None` if the record has no shape.
    pub(super) fn new(kept: &KeptUpload, source: Box<dyn FileSource + Send>) -> Option<Self> {
        let sealer = FileSealer::new(kept.shape.size_bytes(), kept.key.clone()).ok()?;
        Some(Self {
            id: kept.id,
            blob: kept.blob,
            key: kept.key.clone(),
            shape: kept.shape,
            root: kept.root,
            is_for_report: matches!(kept.purpose, UploadPurpose::Report(_)),
            source: Mutex::new(source),
            step: Step::Reading(sealer),
            blobs: 0,
            confirmed: 0,
            setbacks: 0,
        })
    }

    pub(super) fn id(&self) -> UploadId {
        self.id
    }

    /// The relay has nothing of the blob.
    pub(super) fn begin_blob(&mut self) {
        if let Step::Sending { at, .. } = &mut self.step {
            *at = Some(0);
            self.confirmed = 0;
        }
    }

    /// Reads some chunks. Returns the tree after the last one.
    fn read_some(&mut self) -> Result<Option<FileTree>, FileFailure> {
        let Step::Reading(sealer) = &mut self.step else {
            return Ok(None);
        };
        let source = self.source.get_mut();
        let source = source.unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Vec::new();
        for _ in 0..CHUNKS_AT_ONCE {
            let index = sealer.next_index();
            if index >= self.shape.chunk_count() {
                break;
            }
            let content = read_chunk(source, self.shape, index)?;
            sealed.clear();
            sealer.seal_next(&content, &mut sealed).map_err(changed)?;
        }
        if sealer.next_index() < self.shape.chunk_count() {
            return Ok(None);
        }
        // CHK-531: the source ends where its size said.
        let end = source.seek(SeekFrom::End(0));
        if end.map_err(|error| FileFailure::Source(error.kind()))? != self.shape.size_bytes() {
            return Err(FileFailure::SourceChanged);
        }
        let Step::Reading(sealer) = std::mem::replace(&mut self.step, Step::Ending) else {
            return Ok(None);
        };
        let tree = sealer.finish().map_err(changed)?;
        // CHK-532: an upload that goes on is of the file with which it began.
        if self.root.is_some_and(|root| root != tree.root()) {
            return Err(FileFailure::SourceChanged);
        }
        Ok(Some(tree))
    }

    /// The next part of the blob, and where it ends.
    fn part(&mut self, at: u64, most: usize) -> Result<(Vec<u8>, u64), FileFailure> {
        let Step::Sending { tree, .. } = &self.step else {
            return Err(FileFailure::SourceChanged);
        };
        let source = self.source.get_mut();
        let source = source.unwrap_or_else(PoisonError::into_inner);
        let end = end_of_part(self.shape, at, most);
        let (mut bytes, mut chunk) = (Vec::with_capacity(most), Vec::new());
        let sealed_end = end.min(self.shape.sealed_len());
        let mut place = at;
        while place < sealed_end {
            let index = u32::try_from(place / CHUNK).unwrap_or(u32::MAX);
            let content = read_chunk(source, self.shape, index)?;
            chunk.clear();
            // CHK-533: what is sealed again is what was read before. Nothing else is posted.
            let sealed = tree.seal_chunk(&self.key, index, &content, &mut chunk);
            sealed.map_err(changed)?;
            let start = self.shape.chunk_offset(index);
            let range = within(place, start)..within(sealed_end, start).min(chunk.len());
            let wanted = chunk.get(range).filter(|wanted| !wanted.is_empty());
            bytes.extend_from_slice(wanted.ok_or(FileFailure::SourceChanged)?);
            place = start.saturating_add(CHUNK);
        }
        let nodes = |place: u64| within(place.max(sealed_end), self.shape.tags_offset());
        let nodes = tree.as_bytes().get(nodes(at)..nodes(end));
        if end > self.shape.tags_offset() {
            bytes.extend_from_slice(nodes.unwrap_or_default());
        }
        Ok((bytes, end))
    }
}

/// How far a place is after a start, both within a part.
fn within(place: u64, start: u64) -> usize {
    usize::try_from(place.saturating_sub(start)).unwrap_or(usize::MAX)
}

/// Where a part ends that begins at a place of the blob: with a chunk, if it has whole ones.
pub(super) fn end_of_part(shape: FileShape, at: u64, most: usize) -> u64 {
    let end = at.saturating_add(u64::try_from(most).unwrap_or(CHUNK));
    if end >= shape.blob_len() {
        return shape.blob_len();
    }
    let whole = (end / CHUNK).saturating_mul(CHUNK);
    match whole > at && whole <= shape.sealed_len() {
        true => whole,
        false => end,
    }
}

/// Reads the bytes of the file that are in a chunk.
fn read_chunk(
    source: &mut dyn FileSource,
    shape: FileShape,
    index: u32,
) -> Result<Zeroizing<Vec<u8>>, FileFailure> {
    let mut content = Zeroizing::new(vec![0; shape.content_len(index)]);
    if content.is_empty() {
        return Ok(content); // of padding alone
    }
    let read = source.seek(SeekFrom::Start(shape.chunk_offset(index)));
    let read = read.and_then(|_| source.read_exact(&mut content));
    match read {
        Ok(()) => Ok(content),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(FileFailure::SourceChanged),
        Err(error) => Err(FileFailure::Source(error.kind())),
    }
}

/// The content of a chunk has its length, so another tag is all that can be wrong.
fn changed(_: SealChunkError) -> FileFailure {
    FileFailure::SourceChanged
}

impl<S: Store> Courier<S> {
    /// Chooses the next request about an upload. They go one after the other, so that the first
    /// message is sent as soon as it can be.
    pub(super) fn choose_upload(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Asked, Call)>, StateError<S::Error>> {
        let most = self.files.part.get();
        let Some(upload) = self.files.uploads.front_mut() else {
            return Ok(None);
        };
        let (id, blob) = (upload.id, upload.blob);
        match &upload.step {
            Step::Reading(_) => {
                match upload.read_some() {
                    Ok(None) => {}
                    Ok(Some(tree)) => self.note_read(id, tree)?,
                    Err(why) => self.fail(Transfer::Upload(id), why),
                }
                Ok(None)
            }
            Step::Sending { at: None, .. } => {
                Ok(Some((Asked::UploadState(id), Call::BlobState(blob))))
            }
            Step::Sending { at: Some(at), .. } => {
                let (at, of) = (*at, upload.shape.blob_len());
                match upload.part(at, most) {
                    Ok((bytes, end)) => {
                        let asked = Asked::Put { upload: id, end };
                        let call = Call::PutBlob {
                            blob,
                            at,
                            of,
                            bytes,
                        };
                        Ok(Some((asked, call)))
                    }
                    Err(why) => {
                        self.fail(Transfer::Upload(id), why);
                        Ok(None)
                    }
                }
            }
            Step::Ending => {
                self.end_upload(id, now, rng)?;
                Ok(None)
            }
        }
    }

    /// The source of an upload was read: notes what it is. The root is committed before the first
    /// byte leaves the device, so that what is posted after a restart is the same file.
    fn note_read(&mut self, id: UploadId, tree: FileTree) -> Result<(), StateError<S::Error>> {
        let Some(upload) = self.files.upload(id) else {
            return Ok(());
        };
        let root = tree.root();
        let (is_new, shape, key) = (upload.root.is_none(), upload.shape, upload.key.clone());
        // One that goes on asks first how much the relay has.
        let at = is_new.then_some(0);
        upload.step = Step::Sending { tree, at };
        if !is_new {
            return Ok(());
        }
        let noted = match self.client.note_root(id, &root) {
            Ok(true) => Ok(()),
            Ok(false) => self.drop_upload(id),
            Err(error) => Err(error),
        };
        match noted {
            Ok(()) => {
                if let Some(upload) = self.files.upload(id) {
                    upload.root = Some(root);
                }
                Ok(())
            }
            Err(error) => {
                // It is read again, because nothing may leave before the root is committed.
                if let (Some(upload), Ok(sealer)) = (
                    self.files.upload(id),
                    FileSealer::new(shape.size_bytes(), key),
                ) {
                    upload.step = Step::Reading(sealer);
                }
                Err(error)
            }
        }
    }

    /// Takes how much the relay has of a blob: after a part up to `end`, if one was posted. Returns
    /// whether that can be.
    pub(super) fn take_sent(&mut self, id: UploadId, state: &BlobState, end: Option<u64>) -> bool {
        let Some(upload) = self.files.upload(id) else {
            return true;
        };
        let shape = upload.shape;
        let Step::Sending { at, .. } = &mut upload.step else {
            return true;
        };
        // CHK-534: the relay has a blob of this length, and after a part at least up to its end.
        // Else the next attempt waits longer each time.
        if state.len != shape.blob_len() || state.received > state.len {
            return false;
        }
        *at = Some(state.received);
        if state.received < upload.confirmed {
            upload.setbacks = upload.setbacks.saturating_add(1);
            if upload.setbacks > MAX_SETBACKS {
                self.fail(Transfer::Upload(id), FileFailure::Lost);
            }
            return false;
        }
        if end.is_some_and(|end| state.received < end) {
            return false;
        }
        if state.is_complete() {
            upload.step = Step::Ending;
        }
        // What was posted once more is no progress.
        if state.received > upload.confirmed {
            upload.confirmed = state.received;
            self.files.pause.end();
        }
        self.tell(Event::FileProgress {
            transfer: Transfer::Upload(id),
            done: state.received.min(shape.size_bytes()),
            of: shape.size_bytes(),
        });
        true
    }

    /// The relay takes no blob under this id, for example because it deleted the unfinished one.
    /// Returns whether another one is tried.
    pub(super) fn take_other_blob(
        &mut self,
        id: UploadId,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, StateError<S::Error>> {
        let Some(upload) = self.files.upload(id) else {
            return Ok(false);
        };
        // A report names the blob.
        if upload.is_for_report || upload.blobs >= MAX_BLOBS {
            return Ok(false);
        }
        upload.blobs = upload.blobs.saturating_add(1);
        let blob = BlobId::generate(rng);
        let is_wanted = self.client.note_blob(id, &blob)?;
        if let Some(upload) = self.files.upload(id) {
            upload.blob = blob;
            upload.begin_blob();
        }
        if !is_wanted {
            self.drop_upload(id)?;
        }
        Ok(true)
    }
}
