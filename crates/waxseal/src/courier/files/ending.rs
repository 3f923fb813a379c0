//! The end of an upload: its message is sent, or the report does not want it any more.

use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;

use super::asked::Transfer;
use super::failure::FileFailure;
use crate::client::courier::uploads::{UploadId, UploadPurpose};
use crate::courier::{Courier, Event};
use crate::error::{SendError, StateError};
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// An upload has no record that can be read. It was cancelled or has ended, or the record is
    /// damaged, which is told.
    pub(super) fn drop_upload(&mut self, id: UploadId) -> Result<(), StateError<S::Error>> {
        match self.client.has_upload(id)? {
            true => self.fail(Transfer::Upload(id), FileFailure::Damaged),
            false => self.files.uploads.retain(|upload| upload.id() != id),
        }
        Ok(())
    }

    /// The relay has the blob. If it is for a message, sends the message: it enters the outbox, or
    /// waits for a session, in the transaction that deletes the record of the upload.
    pub(super) fn end_upload(
        &mut self,
        id: UploadId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let kept = self.client.kept_upload(id)?;
        if let Some(UploadPurpose::Report(file)) = kept.as_ref().map(|kept| &kept.purpose) {
            let is_wanted = self.client.end_upload_again(id, file)?;
            self.files.uploads.retain(|upload| upload.id() != id);
            if is_wanted {
                let (upload, file) = (id, *file);
                self.tell(Event::FileUploadedAgain { upload, file });
            }
            return Ok(());
        }
        let Some((to, draft)) = kept.and_then(|kept| kept.message()) else {
            return self.drop_upload(id);
        };
        match self.send(&to, draft, now, rng) {
            Ok(message) => {
                self.files.uploads.retain(|upload| upload.id() != id);
                self.tell(Event::FileSent {
                    upload: id,
                    to,
                    message,
                });
            }
            Err(SendError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            // It was cancelled, or the message is stored although the store failed.
            Err(SendError::UploadEnded) => self.files.uploads.retain(|upload| upload.id() != id),
            Err(error) => {
                let why = FileFailure::NotSent(error.to_string());
                self.fail(Transfer::Upload(id), why);
            }
        }
        Ok(())
    }
}
