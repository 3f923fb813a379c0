//! Does the work of several chunks at once, on as many cores as help.

use std::slice::IterMut;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::shape::CHUNK_LEN;

/// Number of chunks that are read, worked on and written together: 1 MiB.
pub(super) const BATCH_CHUNKS: usize = 16;

/// Length of a batch, in bytes.
pub(super) const BATCH_LEN: usize = BATCH_CHUNKS * CHUNK_LEN;

/// Maximum number of threads that share a batch. A batch has four chunks for each of them.
const MAX_THREADS: usize = 4;

/// Calls `work` with each job, on the calling thread and on as many others as there are cores and
/// jobs for, at most four together. The order is not defined.
pub(super) fn each<J: Send>(jobs: &mut [J], work: impl Fn(&mut J) + Sync) {
    let cores = if jobs.len() > 1 {
        thread::available_parallelism().map_or(1, usize::from)
    } else {
        1
    };
    let threads = cores.min(MAX_THREADS).min(jobs.len());
    let queue = Mutex::new(jobs.iter_mut());
    thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that cannot be had leaves its jobs to the others.
            let helper = thread::Builder::new().spawn_scoped(scope, || take(&queue, &work));
            if helper.is_err() {
                break;
            }
        }
        take(&queue, &work);
    });
}

/// Does jobs until none is left.
fn take<J>(queue: &Mutex<IterMut<'_, J>>, work: &impl Fn(&mut J)) {
    while let Some(job) = next(queue) {
        work(job);
    }
}

fn next<'a, J>(queue: &Mutex<IterMut<'a, J>>) -> Option<&'a mut J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests;
