//! Connections that only read. Each has its own, so no reader waits for an act.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use waxseal_desk::desk::Desk;

use crate::errors::Refusal;
use crate::files::{AnyStore, Folder, Result};

/// Number of requests that read at one time.
const READERS: usize = 4;
/// Number of connections: the two threads that do not answer requests read too.
const CONNECTIONS: usize = READERS + 2;

/// The connections that are free.
pub struct Readers {
    free: Mutex<Vec<Desk<AnyStore>>>,
    places: Arc<Semaphore>,
    folder: Folder,
}

impl Readers {
    pub fn open(folder: &Folder) -> Result<Self> {
        let open = || Ok(Desk::open(folder.store()?, folder.setup()?)?);
        let free: Result<Vec<_>> = (0..CONNECTIONS).map(|_| open()).collect();
        Ok(Self {
            free: Mutex::new(free?),
            places: Arc::new(Semaphore::new(READERS)),
            folder: folder.clone(),
        })
    }

    /// Reads with a connection that is free. What it sees is the newest state, also of the policy.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Desk<AnyStore>) -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> std::result::Result<T, Refusal> {
        let readers = self.clone();
        in_place(&self.places, move || readers.read_now(read)).await
    }

    /// Like [`read`](Self::read), for a thread.
    pub fn read_now<T>(
        &self,
        read: impl FnOnce(&Desk<AnyStore>) -> std::result::Result<T, Refusal>,
    ) -> std::result::Result<T, Refusal> {
        let mut desk = match self.lock().pop() {
            Some(desk) => desk,
            None => self.another().map_err(|error| Refusal::failed(&error))?,
        };
        // CHK-624: what a reader sees is by the policy in force, also if another process has just
        // published it.
        let done = match desk.read_policy() {
            Ok(()) => read(&desk),
            Err(error) => Err(error.into()),
        };
        let mut free = self.lock();
        if free.len() < CONNECTIONS {
            free.push(desk);
        }
        done
    }

    fn another(&self) -> Result<Desk<AnyStore>> {
        Ok(Desk::open(self.folder.store()?, self.folder.setup()?)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Desk<AnyStore>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works in a thread, once there is a place. The work has the place until it ends, also if nobody
/// waits for it any more.
async fn in_place<T: Send + 'static>(
    places: &Arc<Semaphore>,
    work: impl FnOnce() -> std::result::Result<T, Refusal> + Send + 'static,
) -> std::result::Result<T, Refusal> {
    let place = places.clone().acquire_owned().await;
    let place = place.map_err(|_| Refusal::busy())?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    done.await.map_err(|error| Refusal::failed(&error))?
}

#[cfg(test)]
mod tests;
