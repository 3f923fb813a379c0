//! Files: sent, saved, and uploaded again for a report. They are what the courier asks for last, so
//! that no message waits for them.
//!
//! An [`Upload`](upload::Uploading) reads its source once, to learn what is sent, and once more in
//! parts. A [`Download`](download::Downloading) fetches the tags of all chunks, compares what its
//! target has, and fetches the rest. Nothing of a download is in the store: the target says how far
//! it is.

mod api;
pub(super) mod asked;
mod download;
mod ending;
mod failure;
mod part_len;
mod upload;

use std::collections::VecDeque;

use rand_core::CryptoRng;
use waxseal_interface::{BlobState, ErrorBody, ErrorCode, HttpAnswer, Request as Call};
use waxseal_reporting::Timestamp;

use self::asked::Asked;
pub use self::asked::{DownloadId, Transfer};
use self::download::Downloading;
pub use self::failure::FileFailure;
use self::part_len::PartLen;
use self::upload::Uploading;
use super::next::Aim;
use super::pause::Pause;
use super::{Courier, Event};
use crate::client::courier::uploads::UploadId;
use crate::error::StateError;
use crate::store::Store;

/// The files that are on their way.
#[derive(Default)]
pub(super) struct Files {
    uploads: VecDeque<Uploading>,
    downloads: VecDeque<Downloading>,
    next_download: u64,
    part: PartLen,
    /// How long to wait after a failure. Everything else goes on meanwhile.
    pause: Pause,
    /// Whether a download is next, if there is one.
    is_download_next: bool,
    /// When the part on its way was asked for.
    asked_at: Option<Timestamp>,
    /// Whether the application may have ended uploads by calls that the courier does not see.
    is_in_doubt: bool,
}

impl Files {
    /// When a file can next go on.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let is_any = !self.uploads.is_empty() || self.downloads.iter().any(Downloading::is_going);
        let at = self.pause.until(now).unwrap_or(Timestamp::from_millis(0));
        is_any.then_some(at)
    }

    pub(super) fn look_again(&mut self) {
        self.is_in_doubt = !self.uploads.is_empty();
    }

    /// Goes on at once, if something waits after a failure.
    pub(super) fn end_pause(&mut self) {
        self.pause.end();
    }

    /// A request about a file failed. The next part is a shorter one, and of another file if there
    /// is one: a file that always fails holds up no other.
    pub(super) fn failed(
        &mut self,
        transfer: Transfer,
        now: Timestamp,
        secs: u64,
        rng: &mut impl CryptoRng,
    ) {
        self.part.failed();
        match transfer {
            Transfer::Upload(id) => {
                let place = self.uploads.iter().position(|one| one.id() == id);
                let upload = place.and_then(|place| self.uploads.remove(place));
                self.uploads.extend(upload);
            }
            Transfer::Download(id) => {
                let place = self.downloads.iter().position(|one| one.id() == id);
                let download = place.and_then(|place| self.downloads.remove(place));
                self.downloads.extend(download);
            }
        }
        self.pause.lengthen(now, secs, rng);
    }

    fn upload(&mut self, id: UploadId) -> Option<&mut Uploading> {
        self.uploads.iter_mut().find(|upload| upload.id() == id)
    }

    fn download(&mut self, id: DownloadId) -> Option<&mut Downloading> {
        self.downloads.iter_mut().find(|one| one.id() == id)
    }
}

impl<S: Store> Courier<S> {
    /// Chooses a part of a file. `None` also while there is work that needs no relay:
    /// [`Files::next`] then says that it goes on now.
    pub(super) fn choose_file(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if self.files.pause.until(now).is_some() {
            return Ok(None);
        }
        self.drop_ended()?;
        let is_download_first = self.files.is_download_next;
        for is_download in [is_download_first, !is_download_first] {
            let chosen = match is_download {
                true => self.choose_download()?,
                false => self.choose_upload(now, rng)?,
            };
            if let Some((asked, call)) = chosen {
                self.files.is_download_next = !is_download;
                self.files.asked_at = Some(now);
                return Ok(Some((Aim::File(asked), call)));
            }
        }
        Ok(None)
    }

    /// Forgets uploads that the application ended, such as with their conversation.
    fn drop_ended(&mut self) -> Result<(), StateError<S::Error>> {
        if !std::mem::take(&mut self.files.is_in_doubt) {
            return Ok(());
        }
        let ids: Vec<_> = self.files.uploads.iter().map(Uploading::id).collect();
        for id in ids {
            match self.client.kept_upload(id) {
                Ok(Some(_)) => {}
                ended => {
                    if let Err(error) = ended.and_then(|_| self.drop_upload(id)) {
                        self.files.is_in_doubt = true;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the answer about a file. Returns whether it follows the interface. What nobody waits
    /// for any more is ignored.
    pub(super) fn take_file(
        &mut self,
        asked: &Asked,
        answer: &HttpAnswer,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let state = || answer.json::<BlobState>().ok();
        let is_taken = match asked {
            Asked::UploadState(id) => {
                state().is_some_and(|state| self.take_sent(*id, &state, None))
            }
            Asked::Put { upload, end } => {
                state().is_some_and(|state| self.take_sent(*upload, &state, Some(*end)))
            }
            Asked::DownloadState(id) => state().is_some_and(|state| self.take_found(*id, &state)),
            Asked::Bytes { download, len } if answer.body.len() == *len => {
                self.take_bytes(*download, &answer.body);
                true
            }
            Asked::Bytes { .. } => false,
        };
        if is_taken {
            // An upload ends the pause when the relay has more of it than ever.
            if matches!(asked, Asked::DownloadState(_) | Asked::Bytes { .. }) {
                self.files.pause.end();
            }
            if matches!(asked, Asked::Put { .. } | Asked::Bytes { .. }) {
                let asked_at = self.files.asked_at.take().unwrap_or(now);
                let took_ms = now.as_millis().saturating_sub(asked_at.as_millis());
                self.files.part.succeeded(took_ms);
            }
        }
        Ok(is_taken)
    }

    /// The relay refused something about a file.
    pub(super) fn file_refused(
        &mut self,
        asked: &Asked,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let secs = body.retry_after_secs.unwrap_or_default();
        let why = match (body.error, asked) {
            (ErrorCode::NoSuchBlob, Asked::UploadState(id)) => {
                if let Some(upload) = self.files.upload(*id) {
                    upload.begin_blob();
                }
                return Ok(());
            }
            (ErrorCode::BlobTaken, Asked::UploadState(id) | Asked::Put { upload: id, .. })
                if self.take_other_blob(*id, rng)? =>
            {
                return Ok(());
            }
            (ErrorCode::NoSuchBlob, Asked::DownloadState(_) | Asked::Bytes { .. }) => {
                FileFailure::Gone
            }
            (
                ErrorCode::BlobQuota | ErrorCode::RelayFull,
                Asked::UploadState(_) | Asked::Put { .. },
            ) => FileFailure::Quota,
            // A proxy can cause it.
            (ErrorCode::TooLarge, Asked::Put { .. }) if self.files.part.too_large() => {
                return Ok(());
            }
            (
                ErrorCode::Busy
                | ErrorCode::RelayFull
                | ErrorCode::BodyAltered
                | ErrorCode::TooManyRequests
                | ErrorCode::TooSlow
                | ErrorCode::Internal,
                _,
            ) => {
                self.files.failed(asked.transfer(), now, secs, rng);
                return Ok(());
            }
            (code, _) => FileFailure::Refused(code),
        };
        self.fail(asked.transfer(), why);
        Ok(())
    }

    /// Tells that a file does not go on. An upload stays in the store, to be resumed. A download
    /// whose target failed keeps it.
    fn fail(&mut self, transfer: Transfer, why: FileFailure) {
        match transfer {
            Transfer::Upload(id) => {
                let before = self.files.uploads.len();
                self.files.uploads.retain(|upload| upload.id() != id);
                if self.files.uploads.len() == before {
                    return; // nobody waits for it any more
                }
            }
            Transfer::Download(id) => {
                let Some(download) = self.files.download(id) else {
                    return;
                };
                match why {
                    FileFailure::Target(_) => download.stop(),
                    _ => self.files.downloads.retain(|one| one.id() != id),
                }
            }
        }
        self.tell(Event::FileFailed { transfer, why });
    }
}

#[cfg(test)]
mod tests;
