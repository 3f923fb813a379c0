//! Works on several chunks at once, on as many cores as help. Chunks are read and written in order.
//!
//! Each thread is a lane: it reads the next chunk, works on it, waits for its turn, and writes it.
//! So a chunk stays in the cache of one core, and a lane holds one chunk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use zeroize::optimization_barrier;

use super::shape::FileShape;

/// Maximum number of lanes. More would not be faster than a disk or a network.
const MAX_LANES: usize = 4;

/// Reads each chunk of a file with `read`, passes it to `work`, and then to `write` with what the
/// work returned. `read` and `write` are called in the order of the chunks.
///
/// Returns how many chunks were written.
///
/// # Errors
/// The first error in the order of the chunks. The chunks before it were written, and no other.
pub(super) fn each_chunk<T, E: Send>(
    shape: FileShape,
    read: impl FnMut(u32, &mut [u8]) -> Result<(), E> + Send,
    work: impl Fn(u32, &mut [u8]) -> Result<T, E> + Sync,
    write: impl FnMut(u32, &[u8], T) -> Result<(), E> + Send,
) -> Result<u32, E> {
    let lanes = Lanes {
        shape,
        source: Mutex::new(Source { next: 0, read }),
        work,
        sink: Mutex::new(Sink {
            next: 0,
            write,
            is_over: false,
            failed: None,
        }),
        turn: Condvar::new(),
    };
    let cores = match shape.chunk_count() {
        1 => 1, // the system is not asked
        _ => thread::available_parallelism().map_or(1, usize::from),
    };
    let chunks = usize::try_from(shape.chunk_count()).unwrap_or(usize::MAX);
    thread::scope(|scope| {
        for _ in 1..cores.min(MAX_LANES).min(chunks) {
            // A thread that cannot be had leaves its chunks to the others.
            if thread::Builder::new()
                .spawn_scoped(scope, || lanes.run())
                .is_err()
            {
                break;
            }
        }
        lanes.run();
    });
    let sink = lanes.sink.into_inner();
    let sink = sink.unwrap_or_else(PoisonError::into_inner);
    sink.failed.map_or(Ok(sink.next), Err)
}

/// What all lanes share.
struct Lanes<R, W, F, E> {
    shape: FileShape,
    source: Mutex<Source<R>>,
    work: F,
    sink: Mutex<Sink<W, E>>,
    /// Wakes the lanes that wait for their turn.
    turn: Condvar,
}

struct Source<R> {
    /// Index of the chunk that is read next.
    next: u32,
    read: R,
}

struct Sink<W, E> {
    /// Index of the chunk that is written next.
    next: u32,
    write: W,
    /// Whether no chunk is written any more.
    is_over: bool,
    failed: Option<E>,
}

impl<R, W, F, T, E> Lanes<R, W, F, E>
where
    R: FnMut(u32, &mut [u8]) -> Result<(), E>,
    F: Fn(u32, &mut [u8]) -> Result<T, E>,
    W: FnMut(u32, &[u8], T) -> Result<(), E>,
{
    /// Takes chunks until none is left.
    fn run(&self) {
        let mut lane = Lane {
            lanes: self,
            buffer: vec![0; self.shape.chunk_len(0)],
            has_ended: false,
        };
        while let Some((index, read)) = self.read(&mut lane.buffer) {
            let chunk = lane.buffer.get_mut(..self.shape.chunk_len(index));
            let chunk = chunk.unwrap_or_default();
            let worked = read.and_then(|()| (self.work)(index, chunk));
            if !self.write(index, chunk, worked) {
                break;
            }
        }
        lane.has_ended = true;
    }

    /// Reads the next chunk into the buffer. Returns its index, or `None` if no chunk is left.
    fn read(&self, buffer: &mut [u8]) -> Option<(u32, Result<(), E>)> {
        let mut source = lock(&self.source);
        let index = source.next;
        if index >= self.shape.chunk_count() {
            return None;
        }
        source.next = index.saturating_add(1);
        let chunk = buffer.get_mut(..self.shape.chunk_len(index));
        Some((index, (source.read)(index, chunk.unwrap_or_default())))
    }

    /// Writes a chunk when it is its turn. Returns whether to go on.
    fn write(&self, index: u32, chunk: &[u8], worked: Result<T, E>) -> bool {
        let mut sink = lock(&self.sink);
        while sink.next != index && !sink.is_over {
            sink = self.turn.wait(sink).unwrap_or_else(PoisonError::into_inner);
        }
        if sink.is_over {
            return false;
        }
        let written = worked.and_then(|value| (sink.write)(index, chunk, value));
        sink.next = index.saturating_add(1);
        sink.failed = written.err();
        sink.is_over = sink.failed.is_some();
        self.turn.notify_all();
        !sink.is_over
    }
}

/// What one lane holds.
///
/// Its end wipes the buffer. If the lane panics, which only the caller's source or sink can cause,
/// it wakes the others. They would wait for its chunk for ever.
struct Lane<'a, R, W, F, E> {
    lanes: &'a Lanes<R, W, F, E>,
    buffer: Vec<u8>,
    /// Whether it came to its end without a panic. The thread may be unwinding from an earlier one.
    has_ended: bool,
}

impl<R, W, F, E> Drop for Lane<'_, R, W, F, E> {
    fn drop(&mut self) {
        self.buffer.fill(0);
        optimization_barrier(&self.buffer); // or the compiler leaves the line above out
        if !self.has_ended {
            lock(&self.lanes.sink).is_over = true;
            self.lanes.turn.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
