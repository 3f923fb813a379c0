//! What the relay keeps of blobs besides their rows.

use std::sync::Arc;

use crate::blobs::files::Files;
use crate::blobs::loads::Loads;
use crate::blobs::locks::Locks;
use crate::blobs::options::BlobRoom;

/// The blobs of a relay.
pub struct Blobs {
    pub files: Arc<Files>,
    pub room: BlobRoom,
    pub locks: Locks,
    pub loads: Loads,
}

impl Blobs {
    pub fn new(files: Files, room: BlobRoom) -> Self {
        Self {
            files: Arc::new(files),
            room,
            locks: Locks::new(),
            loads: Loads::new(),
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
                files.remove(id)?;
            }
            Ok(())
        };
        if let Err(error) = blocking(remove).await {
            tracing::error!(%error, "the file of a deleted blob could not be removed");
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
