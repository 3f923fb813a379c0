//! What an application calls to send and to save files.

use std::io::{Seek, SeekFrom};

use rand_core::CryptoRng;
use waxseal_reporting::file::FileShape;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::asked::DownloadId;
use super::download::{Downloading, Wanted};
use super::upload::Uploading;
use crate::client::courier::uploads::{MAX_LABEL_LEN, NewFile, Upload, UploadId, WantedFile};
use crate::client::{Draft, Page};
use crate::conversation::Conversation;
use crate::courier::Courier;
use crate::error::{ResumeUploadError, SaveFileError, SendFileError, StateError};
use crate::files::{FileSource, FileTarget};
use crate::store::{Cursor, Store};

impl<S: Store> Courier<S> {
    /// Sends a file with a message, and returns the upload. The message is sent when the provider
    /// has the whole file: [`Event::FileSent`] names it.
    ///
    /// This reads nothing but the length of the source. [`next`](Self::next) reads the source once,
    /// some chunks in each call, and then posts it in parts, whenever there is nothing else to ask.
    /// [`Event::FileProgress`] tells how far it is.
    ///
    /// The upload is stored when this returns. After a restart, or after [`Event::FileFailed`],
    /// [`uploads`](Self::uploads) lists it, and [`resume_upload`](Self::resume_upload) goes on.
    /// Whenever the process ends, the message is sent once.
    ///
    /// [`Event::FileSent`]: crate::courier::Event::FileSent
    /// [`Event::FileProgress`]: crate::courier::Event::FileProgress
    /// [`Event::FileFailed`]: crate::courier::Event::FileFailed
    ///
    /// # Errors
    /// [`SendFileError`]. Then nothing was stored.
    pub fn send_file(
        &mut self,
        to: impl Into<Conversation>,
        message: impl Into<Draft>,
        file: NewFile,
        mut source: Box<dyn FileSource + Send>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<UploadId, SendFileError<S::Error>> {
        let (to, message) = (to.into(), message.into());
        if file.label.len() > MAX_LABEL_LEN {
            return Err(SendFileError::LabelTooLong);
        }
        let size_bytes = source.seek(SeekFrom::End(0));
        let shape = FileShape::new(size_bytes.map_err(SendFileError::Source)?)?;
        let kept = self
            .client
            .begin_upload((&to, &message), &file, shape, now, rng)?;
        self.files.uploads.extend(Uploading::new(&kept, source));
        Ok(kept.id)
    }

    /// Lists uploads that have not ended, after the cursor `after`: those on their way, and those
    /// that wait to be [resumed](Self::resume_upload).
    ///
    /// # Errors
    /// [`StateError`].
    pub fn uploads(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Upload>, StateError<S::Error>> {
        self.client.list_uploads(after, limit)
    }

    /// Goes on with an upload, from a new source of the same file. The source is read once more. If
    /// it is another file, [`Event::FileFailed`] tells [`SourceChanged`], and nothing of it leaves
    /// the device. Then asks how much the provider has, and posts the rest.
    ///
    /// [`Event::FileFailed`]: crate::courier::Event::FileFailed
    /// [`SourceChanged`]: crate::courier::FileFailure::SourceChanged
    ///
    /// # Errors
    /// [`ResumeUploadError`].
    pub fn resume_upload(
        &mut self,
        id: UploadId,
        mut source: Box<dyn FileSource + Send>,
    ) -> Result<(), ResumeUploadError<S::Error>> {
        let kept = self.client.kept_upload(id)?;
        let kept = kept.ok_or(ResumeUploadError::NoSuchUpload)?;
        let size_bytes = source.seek(SeekFrom::End(0));
        if size_bytes.map_err(ResumeUploadError::Source)? != kept.shape.size_bytes() {
            return Err(ResumeUploadError::Changed);
        }
        self.files.uploads.retain(|upload| upload.id() != id);
        self.files.uploads.extend(Uploading::new(&kept, source));
        Ok(())
    }

    /// Gives an upload up. Its message is not sent. Returns whether there was one: if not, the
    /// message is stored already.
    ///
    /// What the provider has of the file, nobody can read. It deletes that after a day.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn cancel_upload(&mut self, id: UploadId) -> Result<bool, StateError<S::Error>> {
        let is_cancelled = self.client.delete_upload(id)?;
        self.files.uploads.retain(|upload| upload.id() != id);
        Ok(is_cancelled)
    }

    /// The files of submitted reports that the provider lacks, as [`Event::FileWanted`] told them.
    ///
    /// [`Event::FileWanted`]: crate::courier::Event::FileWanted
    ///
    /// # Errors
    /// [`StateError`].
    pub fn files_wanted(&self) -> Result<Vec<WantedFile>, StateError<S::Error>> {
        self.client.wanted_files()
    }

    /// Uploads a file again that the provider lacks for a report, from a copy that the user saved.
    /// The provider keeps it until the review ends. [`Event::FileUploadedAgain`] tells that it has
    /// it.
    ///
    /// The copy is sealed under the key that the message names. If it is another file,
    /// [`Event::FileFailed`] tells [`SourceChanged`], and nothing of it leaves the device. `label`
    /// is for the application itself, as in [`NewFile`]: [`uploads`](Self::uploads) lists the
    /// upload until it ends.
    ///
    /// [`Event::FileUploadedAgain`]: crate::courier::Event::FileUploadedAgain
    /// [`Event::FileFailed`]: crate::courier::Event::FileFailed
    /// [`SourceChanged`]: crate::courier::FileFailure::SourceChanged
    ///
    /// # Errors
    /// [`ResumeUploadError`].
    pub fn upload_again(
        &mut self,
        file: &WantedFile,
        label: &str,
        mut source: Box<dyn FileSource + Send>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<UploadId, ResumeUploadError<S::Error>> {
        if label.len() > MAX_LABEL_LEN {
            return Err(ResumeUploadError::LabelTooLong);
        }
        let size_bytes = source.seek(SeekFrom::End(0));
        let size_bytes = size_bytes.map_err(ResumeUploadError::Source)?;
        let about = (size_bytes, label);
        let kept = self.client.begin_upload_again(file, about, now, rng)?;
        self.files.uploads.retain(|upload| upload.id() != kept.id);
        self.files.uploads.extend(Uploading::new(&kept, source));
        Ok(kept.id)
    }

    /// Fetches a file that is attached to a message, and writes it to a target. `attachment` is its
    /// index in [`Message::attachments`](crate::Message::attachments). Everything happens in
    /// [`next`](Self::next) and [`answer`](Self::answer); [`Event::FileSaved`] tells that the file
    /// is whole and durable.
    ///
    /// Only verified bytes are written. What the target has of this file is not fetched again:
    /// after a restart, call this with the same target to go on. [`SavedFile`] is a target in a
    /// directory.
    ///
    /// [`Event::FileSaved`]: crate::courier::Event::FileSaved
    /// [`SavedFile`]: crate::files::SavedFile
    ///
    /// # Errors
    /// [`SaveFileError`].
    pub fn save_file(
        &mut self,
        conversation: impl Into<Conversation>,
        message: &FrankingTag,
        attachment: usize,
        target: Box<dyn FileTarget + Send>,
    ) -> Result<DownloadId, SaveFileError<S::Error>> {
        let conversation = conversation.into();
        let stored = self.client.message(&conversation, message)?;
        let stored = stored.ok_or(SaveFileError::NoSuchMessage)?;
        // CHK-589: no file is fetched that an account sent which is not accepted.
        if stored.is_request() {
            return Err(SaveFileError::Request);
        }
        // CHK-577: a message that is not shown any more shows no files.
        if !self.client.is_shown(&conversation, message)? {
            return Err(SaveFileError::NotShown);
        }
        let file = stored.attachments().get(attachment);
        let file = file.and_then(|attachment| attachment.file());
        let file = file.ok_or(SaveFileError::NoFile)?;
        // CHK-540: a file is fetched by the id of its blob alone. Other locations are not followed.
        let blob = file.descriptor().blob().ok_or(SaveFileError::NoFile)?;
        let wanted = Wanted {
            conversation,
            message: *message,
            attachment,
            descriptor: file.descriptor().clone(),
            key: file.key().clone(),
            blob,
        };
        let id = DownloadId(self.files.next_download);
        self.files.next_download = self.files.next_download.wrapping_add(1);
        let download = Downloading::new(id, wanted, target);
        self.files.downloads.push_back(download);
        Ok(id)
    }

    /// Goes on with a download whose target failed, for example when the disk has room again.
    /// Returns whether there is one.
    pub fn resume_download(&mut self, id: DownloadId) -> bool {
        let download = self.files.download(id);
        download.map(Downloading::resume).is_some()
    }

    /// Ends a download and drops its target, in which everything stays that was written. Returns
    /// whether there was one.
    pub fn cancel_download(&mut self, id: DownloadId) -> bool {
        let before = self.files.downloads.len();
        self.files.downloads.retain(|one| one.id() != id);
        self.files.downloads.len() != before
    }
}
