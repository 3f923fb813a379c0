//! What the relay keeps of blobs besides their rows.

use std::sync::Arc;

use crate::blobs::files::Files;
use crate::blobs::loads::{Loads, MAX_LOADS, MAX_OF_ONE};
use crate::blobs::locks::Locks;
use crate::blobs::options::BlobRoom;

/// The blobs of a relay.
pub struct Blobs {
    pub files: Arc<Files>,
    pub room: BlobRoom,
    pub locks: Locks,
    /// The answers to devices.
    pub answers: Loads,
    /// The answers to the reviewer, for whom devices leave room.
    pub shown: Loads,
    /// The parts that devices upload.
    pub parts: Loads,
}

impl Blobs {
    pub fn new(files: Files, room: BlobRoom) -> Self {
        Self {
            files: Arc::new(files),
            room,
            locks: Locks::new(),
            answers: Loads::new(MAX_LOADS),
            shown: Loads::new(MAX_OF_ONE),
            parts: Loads::new(MAX_LOADS),
        }
    }

    /// Removes files whose rows are deleted. A file that cannot be removed now is removed at the
    /// next start.
    pub async fn remove(&self, ids: Vec<i64>) {
        if ids.is_empty() {
            return;
        }
        let files = self.files.clone();
        let remove = move || {
            for id in ids {
                if let Err(error) = files.remove(id) {
                    tracing::error!(%error, id, "the file of a deleted blob stays until the next start");
                }
            }
            Ok(())
        };
        if let Err(error) = blocking(remove).await {
            tracing::error!(%error, "the files of deleted blobs stay until the next start");
        }
    }
}

/// Runs work with files on a thread that may wait.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
