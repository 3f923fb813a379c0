//! A download: the tags of all chunks first, then what the target does not have yet.
//!
//! ```text
//! Finding --it is there--> Tags --they lead to the root--> Comparing --> Fetching --> Ending
//! ```

use std::io::{ErrorKind, SeekFrom};
use std::sync::{Mutex, PoisonError};

use waxseal_interface::{BlobState, Request as Call};
use waxseal_reporting::file::{CHUNK_LEN, FileDescriptor, FileKey, FileOpener, FileShape};
use waxseal_reporting::{BlobId, FrankingTag};
use zeroize::Zeroizing;

use super::asked::{Asked, CHUNKS_AT_ONCE, DownloadId, Transfer};
use super::failure::FileFailure;
use crate::conversation::Conversation;
use crate::courier::{Courier, Event};
use crate::error::StateError;
use crate::files::FileTarget;
use crate::store::Store;

/// The file that a download is of.
pub(super) struct Wanted {
    pub(super) conversation: Conversation,
    pub(super) message: FrankingTag,
    pub(super) attachment: usize,
    pub(super) descriptor: FileDescriptor,
    pub(super) key: FileKey,
    pub(super) blob: BlobId,
}

/// A download with its target.
pub(super) struct Downloading {
    id: DownloadId,
    wanted: Wanted,
    /// Behind a lock that is never waited for, so that couriers can be shared.
    target: Mutex<Box<dyn FileTarget + Send>>,
    step: Step,
    /// Whether it waits for the application, because the target failed.
    is_stopped: bool,
}

enum Step {
    /// The relay is asked whether it has the blob.
    Finding,
    /// The tags are fetched.
    Tags(Vec<u8>),
    /// What the target has is compared, from this chunk on.
    Comparing(FileOpener, u32),
    /// The rest is fetched, from this chunk on.
    Fetching(FileOpener, u32),
    /// Everything is written.
    Ending,
}

impl Downloading {
    pub(super) fn new(id: DownloadId, wanted: Wanted, target: Box<dyn FileTarget + Send>) -> Self {
        Self {
            id,
            wanted,
            target: Mutex::new(target),
            step: Step::Finding,
            is_stopped: false,
        }
    }

    pub(super) fn id(&self) -> DownloadId {
        self.id
    }

    pub(super) fn is_going(&self) -> bool {
        !self.is_stopped
    }

    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    pub(super) fn resume(&mut self) {
        self.is_stopped = false;
    }

    fn shape(&self) -> FileShape {
        self.wanted.descriptor.shape()
    }

    /// How many bytes of the file are there.
    fn done(&self) -> u64 {
        let shape = self.shape();
        match &self.step {
            Step::Finding | Step::Tags(_) => 0,
            Step::Comparing(_, next) | Step::Fetching(_, next) => {
                shape.chunk_offset(*next).min(shape.size_bytes())
            }
            Step::Ending => shape.size_bytes(),
        }
    }

    /// What is fetched next: from where on, and how many bytes.
    fn range(&self, most: usize) -> Option<(u64, usize)> {
        let shape = self.shape();
        match &self.step {
            Step::Tags(tags) => {
                let at = shape
                    .tags_offset()
                    .checked_add(u64::try_from(tags.len()).ok()?)?;
                let len = shape.tags_len().checked_sub(tags.len())?;
                Some((at, len.min(most)))
            }
            Step::Fetching(_, next) => {
                let at = shape.chunk_offset(*next);
                let left = usize::try_from(shape.sealed_len().checked_sub(at)?);
                let whole = (most / CHUNK_LEN).saturating_mul(CHUNK_LEN);
                Some((at, left.unwrap_or(usize::MAX).min(whole)))
            }
            _ => None,
        }
    }

    /// Takes further tags. After the last one, goes on if they are those of the file.
    fn take_tags(&mut self, more: &[u8]) -> Result<(), FileFailure> {
        let Step::Tags(tags) = &mut self.step else {
            return Ok(());
        };
        tags.extend_from_slice(more);
        if tags.len() < self.wanted.descriptor.shape().tags_len() {
            return Ok(());
        }
        // CHK-537: the tags lead to the root that the message names.
        let opener = FileOpener::new(&self.wanted.descriptor, &self.wanted.key, tags);
        self.step = Step::Comparing(opener.map_err(|_| FileFailure::Altered)?, 0);
        Ok(())
    }

    /// Compares some chunks that the target has. From the first one on that is not the file's, the
    /// rest is fetched.
    fn compare_some(&mut self) -> Result<(), FileFailure> {
        let shape = self.shape();
        let Step::Comparing(opener, next) = &mut self.step else {
            return Ok(());
        };
        let target = opened(&mut self.target);
        let mut is_all = false;
        for _ in 0..CHUNKS_AT_ONCE {
            let len = shape.content_len(*next);
            // A chunk of padding alone is always fetched: what the relay has may not be it.
            let is_there = len > 0 && {
                let mut content = Zeroizing::new(vec![0; len]);
                let is_read = read_at(target, shape.chunk_offset(*next), &mut content)?;
                // CHK-538: what the target has counts if it is what the file has there.
                is_read && opener.holds(*next, &content)
            };
            if !is_there {
                is_all = true;
                break;
            }
            *next = next.saturating_add(1);
        }
        if is_all {
            self.step = match std::mem::replace(&mut self.step, Step::Ending) {
                Step::Comparing(opener, next) if next < shape.chunk_count() => {
                    Step::Fetching(opener, next)
                }
                _ => Step::Ending,
            };
        }
        Ok(())
    }

    /// Verifies and writes chunks. If the target fails, goes on with the chunk that is not written.
    fn write(&mut self, sealed: &[u8]) -> Result<(), FileFailure> {
        let shape = self.shape();
        let Step::Fetching(opener, next) = &mut self.step else {
            return Ok(());
        };
        let target = opened(&mut self.target);
        let mut buffer = Zeroizing::new(Vec::with_capacity(CHUNK_LEN));
        for chunk in sealed.chunks(CHUNK_LEN) {
            buffer.clear();
            buffer.extend_from_slice(chunk);
            // CHK-539: a chunk is written after it was verified at its place, and not otherwise.
            let content = opener.open(*next, &mut buffer);
            let content = content.map_err(|_| FileFailure::Altered)?;
            let written = target.seek(SeekFrom::Start(shape.chunk_offset(*next)));
            let written = written.and_then(|_| target.write_all(content));
            written.map_err(|error| FileFailure::Target(error.kind()))?;
            *next = next.saturating_add(1);
        }
        if *next >= shape.chunk_count() {
            self.step = Step::Ending;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), FileFailure> {
        let len = self.shape().size_bytes();
        let finished = opened(&mut self.target).finish(len);
        finished.map_err(|error| FileFailure::Target(error.kind()))
    }
}

/// The target behind its lock.
fn opened(target: &mut Mutex<Box<dyn FileTarget + Send>>) -> &mut dyn FileTarget {
    let target = target.get_mut();
    &mut **target.unwrap_or_else(PoisonError::into_inner)
}

/// Reads from a place of a target. `false` if it has fewer bytes.
fn read_at(target: &mut dyn FileTarget, at: u64, content: &mut [u8]) -> Result<bool, FileFailure> {
    let read = target.seek(SeekFrom::Start(at));
    match read.and_then(|_| target.read_exact(content)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(FileFailure::Target(error.kind())),
    }
}

impl<S: Store> Courier<S> {
    /// Chooses the next request about a download. They go one after the other.
    pub(super) fn choose_download(
        &mut self,
    ) -> Result<Option<(Asked, Call)>, StateError<S::Error>> {
        self.end_unshown()?;
        let most = self.files.part.get();
        let mut going = self.files.downloads.iter_mut();
        let Some(download) = going.find(|download| download.is_going()) else {
            return Ok(None);
        };
        let (id, blob) = (download.id, download.wanted.blob);
        let done = match &download.step {
            Step::Finding => {
                return Ok(Some((Asked::DownloadState(id), Call::BlobState(blob))));
            }
            Step::Tags(_) | Step::Fetching(..) => {
                let range = download.range(most);
                return Ok(range.map(|(at, len)| {
                    let asked = Asked::Bytes { download: id, len };
                    (asked, Call::Blob { blob, at, len })
                }));
            }
            Step::Comparing(..) => download.compare_some().map(|()| false),
            Step::Ending => download.finish().map(|()| true),
        };
        match done {
            Ok(false) => {}
            Ok(true) => self.saved(id),
            Err(why) => self.fail(Transfer::Download(id), why),
        }
        Ok(None)
    }

    /// Ends the downloads of messages that are not shown any more, also those that wait for the
    /// application.
    pub(in crate::courier) fn end_unshown(&mut self) -> Result<(), StateError<S::Error>> {
        let mut ended = Vec::new();
        for download in &self.files.downloads {
            let Wanted {
                conversation,
                message,
                ..
            } = &download.wanted;
            // CHK-577: the key of a file does not outlive its message. A damaged message is no
            // reason.
            match self.client.is_shown(conversation, message) {
                Ok(true) | Err(StateError::Damaged(_)) => {}
                Ok(false) => ended.push(download.id),
                Err(error) => return Err(error),
            }
        }
        for id in ended {
            self.fail(Transfer::Download(id), FileFailure::NotShown);
        }
        Ok(())
    }

    /// A file is whole.
    fn saved(&mut self, id: DownloadId) {
        let place = self.files.downloads.iter().position(|one| one.id == id);
        let Some(download) = place.and_then(|place| self.files.downloads.remove(place)) else {
            return;
        };
        let wanted = download.wanted;
        self.tell(Event::FileSaved {
            download: id,
            conversation: wanted.conversation,
            message: wanted.message,
            attachment: wanted.attachment,
        });
    }

    /// Takes whether the relay has a blob. Returns whether the answer can be.
    pub(super) fn take_found(&mut self, id: DownloadId, state: &BlobState) -> bool {
        if state.received > state.len {
            return false;
        }
        let Some(download) = self.files.download(id) else {
            return true;
        };
        // CHK-535: the blob has the length that the file's size demands. CHK-536: all of it is
        // there.
        let why = match state {
            state if state.len != download.shape().blob_len() => FileFailure::Altered,
            state if !state.is_complete() => FileFailure::Gone,
            _ => {
                if matches!(download.step, Step::Finding) {
                    let tags = Vec::with_capacity(download.shape().tags_len());
                    download.step = Step::Tags(tags);
                }
                return true;
            }
        };
        self.fail(Transfer::Download(id), why);
        true
    }

    /// Takes bytes of a blob.
    pub(super) fn take_bytes(&mut self, id: DownloadId, bytes: &[u8]) {
        let Some(download) = self.files.download(id) else {
            return;
        };
        let taken = match &download.step {
            Step::Tags(_) => download.take_tags(bytes),
            _ => download.write(bytes),
        };
        let transfer = Transfer::Download(id);
        let (done, of) = (download.done(), download.shape().size_bytes());
        if done > 0 {
            self.tell(Event::FileProgress { transfer, done, of });
        }
        if let Err(why) = taken {
            self.fail(transfer, why);
        }
    }
}

#[cfg(test)]
mod tests;
