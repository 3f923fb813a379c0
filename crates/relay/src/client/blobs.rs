//! The calls about blobs.

use waxseal_interface::{BlobState, Request};
use waxseal_reporting::BlobId;

use super::RelayClient;
use crate::error::ClientError;
use crate::session::{Caller, DeviceSession};

impl RelayClient {
    /// Puts a part of a blob of `of` bytes: 1 to
    /// [`MAX_BLOB_PART_LEN`](waxseal_interface::MAX_BLOB_PART_LEN) bytes that begin at `at`.
    /// Returns how much the relay has: go on there. Putting a part again does no harm.
    ///
    /// # Errors
    /// [`ClientError`]; [`BlobTaken`](waxseal_interface::ErrorCode::BlobTaken) if the id belongs to
    /// another blob.
    pub fn put_blob(
        &self,
        session: &DeviceSession,
        blob: &BlobId,
        at: u64,
        of: u64,
        bytes: &[u8],
    ) -> Result<BlobState, ClientError> {
        let request = Request::PutBlob {
            blob: *blob,
            at,
            of,
            bytes: bytes.to_vec(),
        };
        self.ask(Caller::Device(session), &request)
    }

    /// Asks how much of a blob the relay has.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchBlob`](waxseal_interface::ErrorCode::NoSuchBlob) also for an
    /// unfinished blob of another account.
    pub fn blob_state(
        &self,
        session: &DeviceSession,
        blob: &BlobId,
    ) -> Result<BlobState, ClientError> {
        self.ask(Caller::Device(session), &Request::BlobState(*blob))
    }

    /// Fetches `len` bytes of a complete blob, from `at` on. They are unverified: only the file's
    /// key and root tell whether they are right.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchBlob`](waxseal_interface::ErrorCode::NoSuchBlob).
    pub fn blob(
        &self,
        session: &DeviceSession,
        blob: &BlobId,
        at: u64,
        len: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let request = Request::Blob {
            blob: *blob,
            at,
            len,
        };
        let answer = self.request(Caller::Device(session), &request)?;
        let bytes = answer.into_body()?;
        match bytes.len() == len {
            true => Ok(bytes),
            false => Err(ClientError::Malformed),
        }
    }
}
