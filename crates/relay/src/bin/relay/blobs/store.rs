//! What the relay keeps of blobs besides their rows.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::blobs::files::Files;
use crate::blobs::loads::{Loads, MAX_LOADS, MAX_OF_ONE};
use crate::blobs::locks::Locks;
use crate::blobs::options::BlobRoom;

/// Maximum number of looks at files at once.
const MAX_LOOKS: usize = 64;

/// Maximum number of threads that wait for the store at once. There are 512 for all that waits.
const MAX_CALLS: usize = 384;

/// The blobs of a relay.
pub struct Blobs {
    pub files: Arc<dyn Files>,
    /// Whether the files are in the relay's own folder, and no other relay knows of them.
    pub are_own: bool,
    pub room: BlobRoom,
    pub locks: Locks,
    /// The answers to devices.
    pub answers: Loads,
    /// The answers to the reviewer, for whom devices leave room.
    pub shown: Loads,
    /// The answers that say how much of a blob is there.
    pub looks: Loads,
    /// The parts that devices upload.
    pub parts: Loads,
    calls: Arc<Semaphore>,
}

impl Blobs {
    pub fn new(files: Arc<dyn Files>, are_own: bool, room: BlobRoom) -> Self {
        Self {
            files,
            are_own,
            room,
            locks: Locks::new(),
            answers: Loads::new(MAX_LOADS),
            shown: Loads::new(MAX_OF_ONE),
            looks: Loads::new(MAX_LOOKS),
            parts: Loads::new(MAX_LOADS),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
        }
    }

    /// Does something with the files on a thread that may wait.
    pub async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Files) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let files = self.files.clone();
        let call = self.calls.clone().acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _call = call;
            work(&*files)
        })
        .await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}
